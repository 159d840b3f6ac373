"""CSV files to checked tables, and back: the only room that reads or writes CSV."""

from __future__ import annotations

from bmac_meta.tables.schema import Field, ForeignKey, Package, TableSchema, read_package
from bmac_meta.tables.stamp import changed_files, stamp_package
from bmac_meta.tables.tables import Tables, read_tables
from bmac_meta.tables.write import csv_text, write_csv

__all__ = [
    "Field",
    "ForeignKey",
    "Package",
    "TableSchema",
    "Tables",
    "changed_files",
    "csv_text",
    "read_package",
    "read_tables",
    "stamp_package",
    "write_csv",
]

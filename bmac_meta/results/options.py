"""The options of pictures: words and looks in place of those that a result gives, checked before anything is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from numbers import Integral
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from bmac_meta.arguments import as_real
from bmac_meta.errors import InputError, told, unknown_word

Record = TypeVar("Record")
KINDS = {str: "a text", bool: "True or False", int: "a whole number", float: "a finite number", NoneType: "None"}


def record_with(
    kind: type[Record], data: Mapping[str, Any], words: Mapping[str, Any], options: Mapping[str, Any]
) -> Record:
    """Make the record of a picture from its data and words, of which `options` replace the words.

    Raises `UnknownWordError` for an option that the picture has not, and `InputError` for one of the wrong kind.
    """
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind) if field.name not in data]
    for name, value in options.items():
        if name not in known:
            raise unknown_word("option of this picture", name, known)
        if not _fits(value, hints[name]):
            raise InputError(f"{name} is {told(value)}; it must be {_wanted(hints[name])}.")
    return kind(**data, **words | {name: _frozen(value) for name, value in options.items()})


def _fits(value: Any, hint: Any) -> bool:
    parts = get_args(hint)
    if get_origin(hint) is UnionType:
        return any(_fits(value, part) for part in parts)
    if get_origin(hint) is tuple:
        return isinstance(value, tuple | list) and _each_fits(value, parts)
    yes = isinstance(value, bool | np.bool_)
    if hint is float:
        return math.isfinite(as_real(value))
    if hint is int:
        return isinstance(value, Integral) and not yes
    return yes if hint is bool else isinstance(value, hint)


def _each_fits(values: tuple | list, parts: tuple[Any, ...]) -> bool:
    if parts[-1] is Ellipsis:
        return all(_fits(value, parts[0]) for value in values)
    return len(values) == len(parts) and all(map(_fits, values, parts))


def _wanted(hint: Any) -> str:
    parts = get_args(hint)
    if get_origin(hint) is UnionType:
        return " or ".join(map(_wanted, parts))
    if get_origin(hint) is tuple:
        several = parts[-1] is Ellipsis
        return f"a list, each of it {_wanted(parts[0])}" if several else f"({', '.join(map(_wanted, parts))})"
    return KINDS.get(hint, f"a {hint.__name__}")


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value

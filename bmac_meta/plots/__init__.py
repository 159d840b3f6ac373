"""Pictures: each module makes one kind of figure from a plain record, first as a table of marks, then as ink.

Every picture is made in two steps that can be used apart: `layout(record)` measures all text with the real
font and returns a `bmac_meta.plots.marks.Layout` (a table of marks in points),
`bmac_meta.plots.ink.draw(layout)` turns the table into a matplotlib figure. Nothing here calls pyplot or
changes a global setting.
"""

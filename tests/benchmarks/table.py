"""Tables that are printed row by row while a benchmark runs, in Markdown."""

from __future__ import annotations


class Table:
    """Prints its head when made, then rows; columns are as wide as their names.

    Parameters
    ----------
    *columns : str
        Names; spaces at the end make a column wider.
    """

    def __init__(self, *columns: str) -> None:
        self.widths = [len(name) for name in columns]
        self.row(*(name.rstrip() for name in columns))
        self.row(*("-" * width for width in self.widths))

    def row(self, *cells: str) -> None:
        """Print one row."""
        padded = (cell.ljust(width) for cell, width in zip(cells, self.widths, strict=True))
        print("|", " | ".join(padded), "|", flush=True)

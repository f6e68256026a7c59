"""Tables for people: on a terminal boxed, with no name cut; elsewhere plain columns of text, as wide as they are."""

import io

from rich.console import Console
from rich.table import Table

WIDEST = 100_000
"""Of a line in a pipe."""
APART = 2


def table_console() -> Console:
    """For lines and tables on the output; in a pipe no line is broken."""
    found = Console(soft_wrap=True, highlight=False)
    return found if found.is_terminal else Console(soft_wrap=True, highlight=False, width=WIDEST)


def print_table(console: Console, table: Table) -> None:
    """A table where there is a terminal; columns of text where there is none."""
    if console.is_terminal:
        console.print(whole(table))
        return
    console.file.write(plain_columns(table))


def whole(table: Table) -> Table:
    """The same, with what is longer than its column on lines below each other."""
    for column in table.columns:
        column.overflow = "fold"
    return table


def plain_columns(table: Table) -> str:
    """Its cells below each other, two blanks apart, without a frame."""
    table.box, table.padding, table.pad_edge = None, (0, APART, 0, 0), False
    text = io.StringIO()
    Console(file=text, width=WIDEST, color_system=None, highlight=False).print(whole(table))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"

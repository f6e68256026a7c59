"""Tables: on a terminal no name is cut, in a pipe they are plain columns."""

import io

from rich.console import Console
from rich.table import Table

from agents.tools.tables import plain_columns, print_table

LONG = "a-party-whose-name-is-as-long-as-a-name-may-be-" + "x" * 17


def parties() -> Table:
    table = Table("party", "stage", "deal", title="peak", title_justify="left")
    table.add_row(LONG, "delivering", "100 75 kW")
    table.add_row("ra-1", "idle", "-")
    return table


def test_table_in_a_pipe_is_columns_two_blanks_apart() -> None:
    assert plain_columns(parties()).splitlines() == [
        "peak",
        f"{'party':<64}  stage       deal",
        f"{LONG}  delivering  100 75 kW",
        f"{'ra-1':<64}  idle        -",
    ]


def test_table_in_a_pipe_has_no_escapes_and_no_frame() -> None:
    out = io.StringIO()
    print_table(Console(file=out, width=40), parties())
    assert out.getvalue() == plain_columns(parties())
    assert out.getvalue().isascii()


def test_name_in_a_narrow_terminal_is_folded_and_not_cut() -> None:
    out = io.StringIO()
    print_table(Console(file=out, width=40, force_terminal=True, color_system=None), parties())
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    assert LONG in "".join(line.split("│")[1].strip() for line in lines if line.startswith("│"))
    assert "…" not in out.getvalue()

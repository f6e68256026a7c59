"""`gridpact contract` at the book of a daemon that does not run."""

import asyncio
from pathlib import Path

import pytest

from agents.cli.app import call
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import Journal
from agents.settings.daemon import PartiesConfig
from agents.settings.members import Member
from agents.settings.parties import AggregatorSettings

SETTINGS = PartiesConfig(
    aggregator=AggregatorSettings(
        name="ra-1", parent="ac", members=(Member(name="h1", resources=("ev-1",), decrease_load_w=6_000),)
    )
)


@pytest.fixture
def stopped(tmp_path: Path) -> list[str]:
    """The option that names a daemon which has run before."""

    async def begun() -> None:
        journal = Journal(tmp_path / "ra-1.journal", configuration=SETTINGS.as_bytes())
        journal.start()
        await journal.close()

    asyncio.run(begun())
    file = tmp_path / "ra-1.toml"
    text = '[aggregator]\nname = "ra-1"\nparent = "ac"\n[[aggregator.members]]\nname = "h1"\nresources = ["ev-1"]\n'
    file.write_text(f'{text}decrease_load_w = 6000\n[journal]\npath = "{tmp_path / "ra-1.journal"}"\n')
    return ["--config", str(file)]


def test_contract_that_is_added_stands_in_the_book(stopped: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["contract", "add", "h2", *stopped, "--resources", "ev-2", "--decrease-load-w", "3000"]) == 0
    assert call(["contract", "list", "h2", *stopped, "--json"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "ra-1: has taken under contract: h2",
        '{"name":"h2","resources":["ev-2"],"decrease_load_w":3000}',
    ]


def test_figure_of_a_contract_is_corrected_with_a_cause(stopped: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["contract", "correct", "h1", "agreed", *stopped, "--reliability-pct", "80"]) == 0
    assert call(["contract", "list", *stopped, "--json"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "ra-1: 80 % of what h1 is asked for is expected of it now"
    assert '"reliability_pct":80' in said[1]


def test_exported_book_reads_as_an_import_that_changes_nothing(
    stopped: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = str(tmp_path / "book.csv")
    assert call(["contract", "change", "h1", *stopped, "--relaxations", "reserve_soc", "--answers-dispatch"]) == 0
    assert call(["contract", "export", *stopped, "--out", table]) == 0
    assert call(["contract", "import", table, *stopped, "--leave-others"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "ra-1: it is so already"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "h1"], "h1 is under contract: change it"),
        (["change", "h9", "--merit", "2"], "h9 is not under contract"),
        (["change", "h1", "--least-w", "-1"], "h1: least_w: input should be greater than or equal to 0"),
        (["add", "h2", "--resources", "ev-1"], "resource ev-1 is claimed by h1 and by h2"),
        (["leave", "h1", "--party", "ra-2"], "ra-2 has no book here"),
        (["forget", "h9"], "nothing is known of h9 here: look at the name"),
        (["export", "h9"], "nothing is known of h9 here: look at the name"),
        (["correct", "h1", "meter"], "ra-1 learns nothing of its members (reliability_half_life_days)"),
    ],
)
def test_change_that_cannot_be_is_refused_in_one_sentence(
    stopped: list[str], arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["contract", *arguments, *stopped]) == 4
    assert said in capsys.readouterr().err
    assert not list(JournalFile(Path(stopped[1]).with_suffix(".journal")).entries())


def test_book_of_a_daemon_that_never_ran_is_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ra-1.toml"
    file.write_text(f'[aggregator]\nname = "ra-1"\nparent = "ac"\n[journal]\npath = "{tmp_path / "none.journal"}"\n')
    assert call(["contract", "list", "--config", str(file)]) == 2
    assert "until the first start the book is the file's" in capsys.readouterr().err

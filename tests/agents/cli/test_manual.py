"""The man page and the completions: of every command, and such that man and the shells take them."""

import re
import shutil
import subprocess

import pytest
from cyclopts import App

from agents.cli.app import call
from agents.cli.manual import man_page, roff
from agents.cli.tree import app
from agents.runtime.exits import Exit


def commands(of: App, path: tuple[str, ...] = ()) -> list[str]:
    """Everything that can be run, with the words before it."""
    found = []
    for name, command in of.resolved_commands().items():
        if not name.startswith("-"):
            words = (*path, name)
            found += commands(command, words) if command.default_command is None else [" ".join(words)]
    return found


def test_man_page_has_every_command_and_exit_code() -> None:
    page = man_page()
    told = re.findall(r"^\.SS gridpact ([a-z -]+?)(?: \\f.*)?$", page, re.MULTILINE)
    assert sorted(told) == sorted(commands(app))
    codes = re.findall(r"^\.TP\n(\d+)$", page.partition(".SH EXIT STATUS")[2], re.MULTILINE)
    assert [int(code) for code in codes] == [int(code) for code in Exit]


def test_man_page_tells_what_an_option_is_by_default() -> None:
    block = man_page().partition(".SS gridpact broker init")[2].partition(".SS ")[0]
    assert ".TP\n\\fB\\-\\-port\\fR\nFor parties with a certificate. Default: 8883." in block
    assert ".TP\n\\fB\\-\\-ca\\fR\nThe folder of the authority (gridpact ca init). Required." in block


def test_text_for_roff_begins_no_request_and_keeps_its_dashes() -> None:
    assert roff("a-b `c`\\d\n.TH x\n'x") == "a\\-b c\\ed\n\\&.TH x\n\\&'x"


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff here")
def test_groff_takes_the_man_page_without_a_warning() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"], input=man_page(), text=True, capture_output=True, check=True
    )
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_has_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert [command for command in commands(app) if command.split()[-1] not in text] == []
    if shutil.which(shell) is not None:
        subprocess.run([shell, "-n"], input=text, text=True, check=True)


def test_bash_completes_a_command_and_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    for words, found in (
        ("gridpact doc", "doctor"),
        ("gridpact broker che", "check"),
        ("gridpact init --zo", "--zone"),
    ):
        ask = f'COMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}; _gridpact; echo "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", f"{script}\n{ask}"], text=True, capture_output=True, check=True)
        assert done.stdout.split() == [found]

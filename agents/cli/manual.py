"""`gridpact manual` and `gridpact completion`: the man page and what shells complete, from the texts of `--help`."""

import inspect
import re
import sys
from collections.abc import Iterator
from typing import Literal

from cyclopts import App
from cyclopts.argument import Argument

from agents.runtime.exits import Exit


def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print what a shell needs to complete commands and options.

    Parameters
    ----------
    shell
        For bash: into ~/.local/share/bash-completion/completions/gridpact. For zsh: into a file _gridpact in a folder of
        $fpath. For fish: into ~/.config/fish/completions/gridpact.fish. Anew after an update of gridpact.
    """
    from agents.cli.tree import app

    sys.stdout.write(app.generate_completion(prog_name="gridpact", shell=shell).rstrip() + "\n")
    return Exit.OK


def manual() -> int:
    """Print the man page: gridpact manual | man -l -"""
    sys.stdout.write(man_page())
    return Exit.OK


def man_page() -> str:
    """All commands with their options, in roff."""
    from agents.cli.tree import app

    return "\n".join([*_head(app), *_commands(app, ()), *_codes(app)]) + "\n"


def _head(app: App) -> Iterator[str]:
    version = app.version() if callable(app.version) else app.version
    yield f'.TH GRIDPACT 1 "" "gridpact {version}" "gridpact"'
    what = inspect.cleandoc(str(app.help)).partition("\n\n")[0].replace("\n", " ")
    yield from (".SH NAME", roff(f"gridpact - {what[0].lower()}{what[1:].rstrip('.')}"))
    yield from (".SH SYNOPSIS", ".B gridpact", r"\fICOMMAND\fR [\fIARGUMENT\fR ...]")
    yield ".SH COMMANDS"


def _commands(app: App, path: tuple[str, ...]) -> Iterator[str]:
    for name, command in sorted(app.resolved_commands().items()):
        if name.startswith("-"):
            continue
        words = (*path, name)
        if command.default_command is None:
            yield from _commands(command, words)
            continue
        yield from _command(words, command)


def _command(words: tuple[str, ...], command: App) -> Iterator[str]:
    arguments = [one for one in command.assemble_argument_collection(parse_docstring=True) if one.show]
    given = " ".join(f"\\fI{roff(one.names[0])}\\fR" for one in arguments if not _option(one))
    yield f".SS gridpact {' '.join(words)} {given}".rstrip()
    text = inspect.getdoc(command.default_command) or ""
    yield roff(" ".join(text.partition("\n\nParameters\n")[0].split()))
    for one in arguments:
        yield ".TP"
        yield "\\fB" + roff(", ".join(one.names)) + "\\fR"
        yield roff(_told(one))


def _option(argument: Argument) -> bool:
    return argument.names[0].startswith("-")


def _told(argument: Argument) -> str:
    text = " ".join((argument.parameter.help or "").split())
    choices = argument.get_choices()
    parts = [text, f"One of {', '.join(choices)}." if choices else "", "Required." if argument.required else ""]
    default = argument.field_info.default
    if isinstance(default, int | float | str) and not isinstance(default, bool) and default != "":
        parts.append(f"Default: {default}.")
    return " ".join(filter(None, parts)) or "(flag)"


def _codes(app: App) -> Iterator[str]:
    yield ".SH EXIT STATUS"
    told = " ".join(str(app.help).partition("Exit codes:")[2].split()).rstrip(".")
    for code, text in re.findall(r"(\d+) ([^;]+)", told):
        yield from (".TP", code, roff(text))


def roff(text: str) -> str:
    """A text whose characters mean nothing to roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)

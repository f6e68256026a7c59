"""What `gridpact` answers before any command is imported: help, its version, a command that there is not."""

from collections.abc import Sequence
from difflib import get_close_matches
from shutil import get_terminal_size
from textwrap import fill, wrap

from agents.cli.commands import COMMANDS, TELLS
from agents.cli.mistake import mistake
from agents.runtime.exits import Exit

FLAGS = (("--help, -h", "Display this message and exit."), ("--version", "Display application version."))


def answered(arguments: Sequence[str]) -> Exit | None:
    """The exit code of a command line that needs no command; None for one that does."""
    match list(arguments):
        case [] | ["--help"] | ["-h"]:
            print(help_page(min(get_terminal_size().columns, 120)))
            return Exit.OK
        case ["--version"]:
            print(version())
            return Exit.OK
        case [word, *_] if word not in known():
            return mistake(_unknown(word), Exit.USAGE)
    return None


def version() -> str:
    """The version that is installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("gridpact")
    except PackageNotFoundError:
        return "not installed"


def known() -> list[str]:
    """Every word that a command line may begin with."""
    return [*(command.name for command in COMMANDS), *", ".join(flag for flag, _ in FLAGS).split(", ")]


def help_page(columns: int) -> str:
    """All commands, no line longer than so many columns."""
    rows = sorted((command.name, command.tells.partition("\n\n")[0]) for command in COMMANDS)
    margin = 2 + max(len(name) for name, _ in rows) + 2
    usage = "Usage: gridpact COMMAND; gridpact COMMAND --help tells all of one"
    parts = [fill(part, columns) for part in (usage, *TELLS.split("\n\n"))]
    parts += ["\n".join(["Commands:", *(_row(row, margin, columns) for row in rows)])]
    parts += ["\n".join(["Options:", *(_row(row, margin, columns) for row in FLAGS)])]
    return "\n\n".join(parts)


def _row(row: tuple[str, str], margin: int, columns: int) -> str:
    first, *more = wrap(row[1], max(columns - margin, 20))
    return "\n".join([f"  {row[0]:{margin - 2}}{first}", *(" " * margin + line for line in more)])


def _unknown(word: str) -> str:
    what = "option" if word.startswith("-") else "command"
    near = get_close_matches(word, known(), n=1)
    meant = f' Did you mean "{near[0]}"?' if near else ""
    return f'Unknown {what} "{word}".{meant} gridpact --help lists them.'

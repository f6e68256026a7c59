"""Reads TOML. Every mistake of a user is one sentence with the file."""

import tomllib
from pathlib import Path
from typing import Any

from agents.settings.mistakes import ConfigError


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file, with or without a byte order mark. Raises ConfigError when it cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8") from None
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits, tables in tables without end
        text = "a number has too many digits" if "integer string conversion" in str(error) else error
        raise ConfigError(f"{path}: is not TOML: {text}") from None

"""Reads YAML. Every mistake of a user is one sentence with the file."""

from pathlib import Path
from typing import Any

import yaml

from agents.settings.checked import ConfigError


def read_yaml(path: Path) -> Any:
    """What stands in a file. Raises ConfigError when it cannot be read or is not YAML."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None

"""What this software is called, in presence and in the headers of recordings."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def software() -> str:
    """Name and version of the installed distribution; the name alone where it is not installed."""
    try:
        return f"gridpact {version('gridpact')}"
    except PackageNotFoundError:
        return "gridpact"

"""Whether the packages that Python finds as `protocol`, `broker` and `agents` are ours: other distributions own the
same import names, and the last one that was installed wins. Imports nothing of ours."""

from importlib.util import find_spec
from pathlib import Path

ROOM = {"protocol": "edges.py", "broker": "simulation.py", "agents": "pytest_plugin.py"}
"""A file of each package that only ours has."""


def foreign_packages() -> str | None:
    """One sentence when a package is not ours, else None."""
    home = Path(__file__).resolve().parents[2]
    for name, file in ROOM.items():
        spec = find_spec(name)
        place = Path(spec.origin).resolve().parent if spec is not None and spec.origin else None
        if place is None or place.parent != home or not (place / file).is_file():
            return (
                f"the package '{name}' that Python finds ({place}) is not gridpact's: another distribution uses the "
                "same name; install gridpact into a virtual environment of its own"
            )
    return None

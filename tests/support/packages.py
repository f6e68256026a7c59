"""Packages of policies, drivers and kinds of devices that are really there: modules and metadata on the path, as an installer leaves them."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from agents.settings.installed import added


def put(
    site: Path, patch: pytest.MonkeyPatch, points: Mapping[str, str], body: str, package: str = "other",
    group: str = "gridpact.policies",
) -> Path:  # fmt: skip
    """Put a package of one module there; the module."""
    metadata = site / f"{package}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in points.items()]
    (metadata / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
    module = site / f"{next(iter(points.values())).partition(':')[0]}.py"
    module.write_text(body)
    patch.syspath_prepend(site)
    patch.delitem(sys.modules, module.stem, raising=False)
    forget()
    return module


def forget() -> None:
    """Look anew at what is installed."""
    added.cache_clear()

"""Packages of policies, drivers and kinds of devices that are really there: modules and metadata on the path, as an
installer leaves them, or the examples installed by pip."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from paths import EXAMPLES, ROOT

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


def program(*arguments: object, site: Path | None = None, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """A module of Python run to its end, with the packages of a folder."""
    paths = [str(ROOT)] + ([str(site)] if site is not None else [])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def install(example: str, folder: Path) -> Path:
    """Where an example package is installed: its source was copied, as building may leave files beside it."""
    shutil.copytree(EXAMPLES / example, folder / "source", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    done = program("pip", "install", *options, "--target", folder / "site", folder / "source")
    assert done.returncode == 0, done.stderr
    return folder / "site"

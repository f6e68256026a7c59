"""Makes the modules of tests/chaos importable: they are a program of their own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "chaos"))

import catalogue
import run
import system

__all__ = ["catalogue", "run", "system"]

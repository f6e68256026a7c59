"""Makes the modules of tests/attacks importable: they are a program of their own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "attacks"))

import attack_rows
import run_attacks

__all__ = ["attack_rows", "run_attacks"]

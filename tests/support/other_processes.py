"""What a program prints in processes that hash differently."""

import os
import subprocess
import sys

import paths

ROOT = str(paths.ROOT)


def told_in_other_processes(program: str) -> set[str]:
    """What it prints, the last line's end taken off."""
    return {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": ROOT},
            capture_output=True, check=True, text=True,
        ).stdout.removesuffix("\n")
        for seed in ("1", "2")
    }  # fmt: skip

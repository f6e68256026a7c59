"""TOML as editors write it, and mistakes in one sentence."""

from pathlib import Path

import pytest

from agents.runtime.files.toml import read_toml
from agents.settings.checked import ConfigError


def test_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("\ufeff[scenario]\nname = 'x'\n", encoding="utf-8")
    assert read_toml(tmp_path / "x.toml") == {"scenario": {"name": "x"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[[", "is not TOML: "),
        (b"n = " + b"9" * 5_000, "is not TOML: a number has too many digits"),
        (b"x = " + b"[" * 5_000, "is not TOML: "),
        (b"\xff\xfe[\x00", "byte 0 is not UTF-8"),
        (b"at = 2026-02-30T07:00:00Z", "is not TOML: Invalid date or datetime"),
    ],
)
def test_mistake_is_one_sentence(text: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        read_toml(path)
    assert str(caught.value).startswith(f"{path}: {said}")
    assert "\n" not in str(caught.value)


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path, said in ((tmp_path / "nothing.toml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError) as caught:
            read_toml(path)
        assert str(caught.value) == f"{path}: cannot be read: {said}"

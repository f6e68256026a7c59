"""Files and folders of their owner alone, with a umask that forbids nothing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.private import close_to_others, make_file, make_folder


@pytest.fixture(autouse=True)
def _open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    return oct(path.stat().st_mode)[-3:]


def test_folders_that_are_missing_are_made_for_the_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    make_folder(tmp_path / "there" / "a" / "b")
    assert [mode(tmp_path / one) for one in ("there", "there/a", "there/a/b")] == ["777", "700", "700"]
    make_folder(tmp_path / "there")
    assert mode(tmp_path / "there") == "777"


def test_file_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(NotADirectoryError):
        make_folder(tmp_path / "x")


def test_file_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    make_file(tmp_path / "x")
    assert mode(tmp_path / "x") == "600"
    with pytest.raises(FileExistsError):
        make_file(tmp_path / "x")


def test_file_that_is_there_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "x").touch(mode=0o666)
    close_to_others(tmp_path / "x")
    close_to_others(tmp_path / "y")
    assert mode(tmp_path / "x") == "600"
    assert not (tmp_path / "y").exists()

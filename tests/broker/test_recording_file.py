"""The format of recordings: what is written is read, and what a crash left is read up to its last whole line."""

import gzip
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.recording_file import Header, Line, RecordedMessage, RecordingError, RecordingFile, RecordingWriter, Step

AT = datetime(2026, 1, 14, 17, 0, 0, 123_456, tzinfo=UTC)
HEADER = Header("bus", "gridpact 0.1.0", AT, ({"utility": {"name": "utility"}},), about={"broker": "127.0.0.1:1883"})
LINES: list[Line] = [
    RecordedMessage(5, AT, "dr/request/ra-1/h1", b'{"a":1}', properties={"user": [["n", "1"]]}),
    RecordedMessage(6, AT, "dr/offer/ra-1/h1", b"\xff\x00", qos=0, retain=True),
    Step(1, AT, "ra-1", b"null", b'[{"effect":"note","at":"2026-01-14T17:00:00Z","x":{"\xc3\xa4":1}}]'),
]


def written(path: Path, lines: list[Line], **options: int | bool) -> RecordingWriter:
    writer = RecordingWriter(path, HEADER, **options)  # type: ignore[arg-type]
    for line in lines:
        writer.write(line)
    writer.close()
    return writer


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz"])
def test_recording_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    written(tmp_path / name, LINES)
    file = RecordingFile(tmp_path / name)
    assert file.header == HEADER
    assert list(file.lines()) == LINES
    assert file.cut is None


@given(payload=st.binary(max_size=200), topic=st.text(max_size=40), mono_ns=st.integers(0, 2**62))
def test_any_bytes_are_kept(payload: bytes, topic: str, mono_ns: int) -> None:
    with TemporaryDirectory() as folder:
        line = RecordedMessage(mono_ns, AT, topic, payload)
        written(Path(folder) / "r.jsonl", [line])
        assert list(RecordingFile(Path(folder) / "r.jsonl").lines()) == [line]


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz"])
def test_recording_that_is_cut_off_anywhere_is_read_up_to_its_last_whole_line(tmp_path: Path, name: str) -> None:
    written(tmp_path / name, LINES)
    data, short = (tmp_path / name).read_bytes(), tmp_path / f"short-{name}"
    for length in range(len(data)):
        short.write_bytes(data[:length])
        try:
            file = RecordingFile(short)
        except RecordingError:
            continue  # not even the header is there
        found = list(file.lines())
        assert found == LINES[: len(found)]
        assert file.cut is not None or (name == "r.jsonl" and data[length - 1 : length] == b"\n")
        if file.cut is not None:
            assert file.cut.endswith(f"cut off after line {len(found) + 1}")


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz"])
def test_line_without_an_end_is_refused_and_not_taken_into_the_memory(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.recording_file.MOST_LINE_BYTES", 2**20)
    written(tmp_path / "r.jsonl", LINES, compress=name.endswith(".gz"))
    with gzip.open(tmp_path / name, "ab") if name.endswith(".gz") else (tmp_path / name).open("ab") as file:
        file.write(b"x" * (4 * 2**20))
    tracemalloc.start()
    with pytest.raises(RecordingError, match=f"line {len(LINES) + 2} is longer than 1 MB"):
        list(RecordingFile(tmp_path / name).lines())
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 3 * 2**20


def test_long_recording_is_several_parts_that_are_read_as_one(tmp_path: Path) -> None:
    writer = written(tmp_path / "r.jsonl", LINES * 5, rotate_bytes=600, compress=True)
    assert [path.name for path in writer.paths][:2] == ["r.jsonl.gz", "r.2.jsonl.gz"]
    assert len(writer.paths) > 2
    assert writer.lines == len(LINES * 5)
    assert list(RecordingFile(tmp_path / "r.jsonl.gz").lines()) == LINES * 5


def test_another_recording_whose_name_looks_like_a_part_is_not_read_as_one(tmp_path: Path) -> None:
    written(tmp_path / "r.jsonl", LINES)
    written(tmp_path / "r.2.jsonl", LINES)
    with pytest.raises(RecordingError, match="is no part of"):
        list(RecordingFile(tmp_path / "r.jsonl").lines())


def test_recording_is_not_written_over(tmp_path: Path) -> None:
    written(tmp_path / "r.jsonl", LINES)
    with pytest.raises(RecordingError, match="is there already"):
        written(tmp_path / "r.jsonl", LINES)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no whole line"),
        (b"not a recording\n", "first line is no header"),
        (b'{"gridpact_recording":99}\n', "update gridpact"),
        (b'{"gridpact_recording":1}\n', "header is damaged"),
    ],
)
def test_what_is_no_recording_is_said_in_a_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "r.jsonl").write_bytes(content)
    with pytest.raises(RecordingError, match=says):
        RecordingFile(tmp_path / "r.jsonl")


def test_settings_that_were_changed_afterwards_are_noticed(tmp_path: Path) -> None:
    written(tmp_path / "r.jsonl", LINES)
    path = tmp_path / "r.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"name":"utility"', b'"name":"futility"'))
    with pytest.raises(RecordingError, match="the digest differs"):
        RecordingFile(path)


def test_whole_line_that_is_none_of_ours_is_named(tmp_path: Path) -> None:
    written(tmp_path / "r.jsonl", LINES[:1])
    with (tmp_path / "r.jsonl").open("ab") as file:
        file.write(b"{}\n")
    with pytest.raises(RecordingError, match="line 3"):
        list(RecordingFile(tmp_path / "r.jsonl").lines())


def test_file_that_is_not_compressed_as_its_name_says_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl.gz").write_bytes(b"plain\n")
    with pytest.raises(RecordingError, match="not compressed"):
        RecordingFile(tmp_path / "r.jsonl.gz")
    (tmp_path / "s.jsonl.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(RecordingError, match="no whole line"):
        RecordingFile(tmp_path / "s.jsonl.gz")

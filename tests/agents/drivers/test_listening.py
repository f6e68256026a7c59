"""Why nobody is heard at an address of ours, in one sentence."""

import socket
import ssl
from pathlib import Path

import pytest

from agents.drivers.listening import cannot_listen


def refused(host: str, port: int) -> str:
    """What is said of a socket that the system does not give."""
    with socket.socket() as one, pytest.raises(OSError) as told:  # noqa: PT011 - which one is the question
        one.bind((host, port))
    return cannot_listen(host, port, told.value)


def test_port_of_another_program_is_told() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert refused("127.0.0.1", port).startswith(
            f"127.0.0.1:{port}: Address already in use: another program has that"
        )


def test_address_of_another_machine_is_told() -> None:
    assert refused("192.0.2.1", 9_000) == (
        "192.0.2.1:9000: Cannot assign requested address: is that an address of this machine?"
    )


def test_file_that_is_not_there_and_one_that_is_no_certificate_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as none:
        (tmp_path / "password").read_bytes()
    assert cannot_listen("h", 1, none.value) == f"{tmp_path / 'password'} cannot be read: No such file or directory"
    (tmp_path / "key").write_text("no key")
    with pytest.raises(ssl.SSLError) as broken:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "key", tmp_path / "key")
    assert cannot_listen("h", 1, broken.value).startswith("its certificate or key cannot be used: ")

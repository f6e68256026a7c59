"""First contact: from a code to a bundle with a certificate, over the broker's listener for passwords."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from hardened import Hardened, answering, hardened_files, running

from agents.cli.app import call
from agents.tools.access.certificates import utc_now
from agents.tools.access.joining import PREFIX, read_code
from agents.tools.access.plan import save_plan
from broker.address import Address
from broker.credentials import read_credentials
from broker.entrance import Entrance
from broker.probe import Probe

NAME, WITHIN_S = "hems-1-1", 30


@pytest.fixture
def hardened(tmp_path: Path) -> Hardened:
    found = hardened_files(tmp_path)
    save_plan(found.files.folder, found.files.plan)
    found.bundle("authority")
    return found


def invited(hardened: Hardened, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """The code of a home; the running broker knows its password."""
    assert call(["enrol", NAME, "--broker", str(hardened.files.folder), "--code", *more]) == 0
    told = capsys.readouterr()
    assert "only a device on this machine finds 127.0.0.1" in told.err
    assert "systemctl reload mosquitto" in told.err
    if hardened.broker is not None:
        os.kill(hardened.broker.pid, signal.SIGHUP)
    return told.out.strip()


async def joined(code: str, out: Path, within_s: float = 10) -> int:
    words = ["join", code, "--out", str(out), "--within-s", str(within_s)]
    while (found := await asyncio.to_thread(call, words)) == 3:  # the broker reads its passwords when it comes to it
        pass
    return found


def let_in(address: Address) -> bool:
    Probe(Entrance(address).next(), NAME).close()
    return True


async def test_code_becomes_a_certificate_whose_key_was_made_by_the_device(
    hardened: Hardened, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "device"
    async with asyncio.timeout(WITHIN_S), running(hardened) as broker, answering(hardened):
        code = invited(broker, capsys)
        assert await joined(code, out) == 0
        bundle = Address(
            "127.0.0.1",
            hardened.files.plan.port,
            ca=out / "ca.crt",
            certificate=out / "party.crt",
            key=out / "party.key",
        )
        assert await asyncio.to_thread(let_in, bundle)
    assert sorted(path.name for path in out.iterdir()) == ["broker.toml", "ca.crt", "party.crt", "party.key"]
    assert read_credentials(bundle).expires_at is not None
    assert (out / "party.key").stat().st_mode & 0o777 == 0o600
    kept = [path.read_bytes() for path in hardened.folder.rglob("*") if path.is_file() and out not in path.parents]
    assert (out / "party.key").read_bytes() not in kept


async def test_code_that_is_not_good_any_more_spoils_no_bundle_that_is_there(
    hardened: Hardened, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "device"
    async with asyncio.timeout(WITHIN_S), running(hardened) as broker:
        old = invited(broker, capsys)
        assert await joined(old, out, within_s=0.2) == 0
        before = {path.name: path.read_bytes() for path in out.iterdir()}
        capsys.readouterr()
        new = invited(broker, capsys)
        assert await joined(new, tmp_path / "other", within_s=0.2) == 0  # the broker has read the new password
        capsys.readouterr()
        assert await asyncio.to_thread(call, ["join", old, "--out", str(out)]) == 3
        assert "the code does not open the broker" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert await asyncio.to_thread(call, ["join", new, "--out", str(out)]) == 3
    assert "is not reached: Connection refused" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


async def test_device_that_was_cut_off_joins_again_at_once_and_hears_why_it_is_refused(
    hardened: Hardened, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "device"
    async with asyncio.timeout(WITHIN_S), running(hardened) as broker, answering(hardened):
        code = invited(broker, capsys)
        for _ in range(2):
            assert await joined(code, out) == 0
            assert (out / "party.crt").exists()
            assert not (out / "password").exists()
        hardened.authority.revoke(NAME, utc_now())
        capsys.readouterr()
        assert await joined(code, out) == 0
        assert f"the authority says: refused: {NAME}: is revoked: enrol it anew" in capsys.readouterr().err


async def test_device_goes_on_with_its_password_where_the_authority_does_not_answer(
    hardened: Hardened, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "device"
    async with asyncio.timeout(WITHIN_S), running(hardened) as broker:
        code = invited(broker, capsys)
        assert await joined(code, out, within_s=0.2) == 0
        assert "the authority did not answer within 0.2 s" in capsys.readouterr().err
        port = hardened.files.plan.password_port
        assert port is not None
        by_password = Address("127.0.0.1", port, username=NAME, password_file=out / "password", ca=out / "ca.crt")
        assert await asyncio.to_thread(let_in, by_password)


def test_code_stands_alone(hardened: Hardened, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["enrol", NAME, "--broker", str(hardened.files.folder), "--code", "--out", str(tmp_path / "x")]
    assert call(words) == 2
    assert "stand without --out" in capsys.readouterr().err


def test_code_says_where_and_by_what_and_fits_a_qr(
    hardened: Hardened, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "code.svg"
    found = read_code(invited(hardened, capsys, "--qr", str(picture)))
    assert (found.n, found.h, found.p, found.c) == (
        NAME, "127.0.0.1", hardened.files.plan.password_port, hardened.files.plan.port,
    )  # fmt: skip
    assert found.ca_pem == hardened.authority.certificate_pem
    assert b"<svg" in picture.read_bytes()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("hello", "begins with gridpact1:"), (PREFIX + "!!", "is damaged"), (PREFIX + "e30", "is damaged"),
        (PREFIX + "A" * 5_000, "at most 4000 characters"),
    ],
)  # fmt: skip
def test_code_that_is_none_is_told(code: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["join", code, "--out", str(tmp_path / "x")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "x").exists()

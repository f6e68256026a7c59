"""Which address and which credentials are tried next."""

from pathlib import Path

import pytest
from hardened import hardened_files

from agents.tools.access.authority import Authority
from agents.tools.access.bundle import write_pair
from agents.tools.access.certificates import utc_now
from broker import entrance as entrances
from broker.address import Address
from broker.credentials import CredentialsError
from broker.entrance import Entrance
from broker.link import LinkDenied, LinkLost

LOST, DENIED = LinkLost("gone"), LinkDenied("no")
THREE = Address("a", 1, others=(("b", 2), ("c", 3)))


def places(entrance: Entrance, errors: list[LinkLost]) -> list[tuple[str, bool]]:
    """Where it is tried, and whether the next one is tried at once."""
    return [(entrance.next().host, entrance.failed(error)) for error in errors]


def test_one_address_is_never_tried_again_at_once() -> None:
    assert places(Entrance(Address("a")), [LOST] * 3) == [("a", False)] * 3


def test_every_address_is_tried_at_once_and_then_there_is_a_pause() -> None:
    round_ = [("a", True), ("b", True), ("c", False)]
    assert places(Entrance(THREE), [LOST] * 6) == round_ * 2


def test_steady_connection_that_is_lost_begins_a_new_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrances, "STEADY_S", 0)
    entrance = Entrance(THREE)
    for host in "abcabc":
        assert entrance.next().host == host
        entrance.opened()
        assert entrance.failed(LOST)


def test_addresses_that_let_in_and_drop_at_once_are_not_tried_without_a_pause() -> None:
    entrance, at_once = Entrance(THREE), []
    for _ in range(6):
        entrance.next()
        entrance.opened()
        at_once.append(entrance.failed(LOST))
    assert at_once == [True, True, False] * 2


def test_old_credentials_come_back_when_new_ones_are_refused_and_both_are_tried_when_neither_opens(
    tmp_path: Path,
) -> None:
    hardened = hardened_files(tmp_path)
    folder = hardened.bundle("ra-1")
    entrance = Entrance(hardened.address("ra-1"))
    first = entrance.next().credentials.digest
    entrance.opened()
    write_pair(folder, hardened.authority.client("ra-1", utc_now()))
    assert entrance.changed()
    second = entrance.next().credentials.digest
    assert second != first
    assert entrance.failed(DENIED)
    assert entrance.next().credentials.digest == first
    entrance.opened()
    assert "new credentials are refused, the old ones are used" in entrance.trouble
    assert entrance.next().credentials.digest == first
    assert not entrance.failed(DENIED)
    assert entrance.next().credentials.digest == second
    entrance.opened()
    assert entrance.trouble == ""


def test_entrance_of_a_new_process_finds_back_to_what_was_before_the_renewal(tmp_path: Path) -> None:
    hardened = hardened_files(tmp_path)
    folder = hardened.bundle("ra-1")
    old = Entrance(hardened.address("ra-1")).next().credentials.digest
    for name in ("party.crt", "party.key"):
        (folder / f"{name}.before").write_bytes((folder / name).read_bytes())
    write_pair(folder, Authority.create(tmp_path / "other", "another", utc_now()).client("ra-1", utc_now()))
    entrance = Entrance(hardened.address("ra-1"))
    assert entrance.next().credentials.digest != old
    assert entrance.failed(DENIED)
    assert "new credentials are refused, the old ones are used" in entrance.trouble
    back = entrance.next().credentials
    assert back.expires_at is not None
    entrance.opened()
    assert not entrance.failed(LOST)
    assert entrance.next().credentials is back


def test_pair_that_was_half_exchanged_when_the_power_failed_opens_by_the_one_before(tmp_path: Path) -> None:
    hardened = hardened_files(tmp_path)
    folder = hardened.bundle("ra-1")
    for name in ("party.crt", "party.key"):
        (folder / f"{name}.before").write_bytes((folder / name).read_bytes())
    (folder / "party.key").write_bytes(hardened.authority.client("ra-1", utc_now()).key_pem)
    entrance = Entrance(hardened.address("ra-1"))
    assert entrance.next().credentials.has_login
    assert "what was read before is used" in entrance.trouble


def test_refused_credentials_from_before_a_renewal_end_the_first_try(tmp_path: Path) -> None:
    hardened = hardened_files(tmp_path)
    folder = hardened.bundle("ra-1")
    for name in ("party.crt", "party.key"):
        (folder / f"{name}.before").write_bytes((folder / name).read_bytes())
    write_pair(folder, hardened.authority.client("ra-1", utc_now()))
    entrance = Entrance(hardened.address("ra-1"))
    entrance.next()
    assert entrance.failed(DENIED)
    entrance.next()
    assert not entrance.failed(DENIED)


def test_half_written_pair_leaves_what_was_read_before(tmp_path: Path) -> None:
    hardened = hardened_files(tmp_path)
    folder = hardened.bundle("ra-1")
    entrance = Entrance(hardened.address("ra-1"))
    first = entrance.next().credentials
    entrance.opened()
    (folder / "party.key").write_bytes(
        Authority.create(tmp_path / "other", "x", utc_now()).client("x", utc_now()).key_pem
    )
    assert entrance.next().credentials is first
    entrance.opened()
    assert "is not the key of the certificate" in entrance.trouble


def test_first_credentials_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="cannot be read"):
        Entrance(Address(ca=tmp_path / "ca.crt")).next()


def test_name_stands_in_user_and_paths() -> None:
    address = Address(username="u-{name}", ca=Path("ca"), certificate=Path("b/{name}/c"), key=Path("b/{name}/k"))
    named = address.named("hems-1")
    assert (named.username, named.ca, named.certificate, named.key) == (
        "u-hems-1", Path("ca"), Path("b/hems-1/c"), Path("b/hems-1/k"),
    )  # fmt: skip

"""Books become an access list, an authority's folder, a broker's files: without a broker."""

import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import paths
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hardened import hardened_files

from agents.cli.app import call
from agents.cli.broker import _reload
from agents.runtime.daemon.findings import Verdict
from agents.runtime.files.private import put
from agents.settings.checked import ConfigError
from agents.tools.access.authority import Authority
from agents.tools.access.books import Books, read_books
from agents.tools.access.broker_files import BrokerFiles
from agents.tools.access.bundle import write_pair
from agents.tools.access.certificates import common_name, utc_now
from agents.tools.access.check import check_files
from agents.tools.access.passwords import Passwords
from agents.tools.access.plan import AccessPlan, load_plan, save_plan
from agents.tools.access.roots import begin, switch
from agents.tools.access.rules import access_list, mark_of
from broker.address import Address
from broker.credentials import CredentialsError, read_credentials
from broker.entrance import Entrance

AGGREGATOR = """
[aggregator]
name = "ra-1"
parent = "ac"
members = [{ name = "hems-1" }, { name = "ra-7", kind = "aggregator" }]
"""
BOOKS = Books(("utility", "ac", "ra-1", "hems-1"), ("utility", "ac", "ra-1"), ("utility",))


def plan(**given: object) -> AccessPlan:
    return AccessPlan.model_validate({"books": ("x",), "ca": "ca", "hosts": ("broker",)} | given)


def block(text: str, user: str) -> list[str]:
    return text.partition(f"user {user}\n")[2].partition("\n\n")[0].splitlines()


@pytest.mark.parametrize(
    ("name", "text", "parties", "parents"),
    [
        ("book.csv", "name,kind\nhems-1,der\nra-7,aggregator\n", ("hems-1", "ra-7"), ("ra-7",)),
        ("book.toml", '[[members]]\nname = "hems-1"\n', ("hems-1",), ()),
        ("ra.toml", AGGREGATOR, ("ac", "ra-1", "hems-1", "ra-7"), ("ac", "ra-1", "ra-7")),
        (
            "u.toml",
            '[utility]\nchildren = ["ac"]\nmeters = ["hems-1"]\n',
            ("utility", "ac", "hems-1"),
            ("utility", "ac"),
        ),
    ],
)
def test_every_kind_of_file_names_its_parties_and_those_with_children(
    tmp_path: Path, name: str, text: str, parties: tuple[str, ...], parents: tuple[str, ...]
) -> None:
    (tmp_path / name).write_text(text)
    found = read_books([tmp_path / name])
    assert (found.parties, found.parents) == (parties, parents)


def test_scenario_names_everybody() -> None:
    found = read_books([paths.EXAMPLES / "evening_peak.toml"])
    assert found.parents == ("utility", "ac", "ra-1", "ra-2", "ra-3", "ra-4", "ra-5")
    assert len(found.parties) == 36
    assert found.utilities == ("utility",)


def test_file_that_describes_nobody_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("[broker]\nport = 1\n")
    with pytest.raises(ConfigError, match="is neither a scenario, nor a daemon's file, nor a book of members"):
        read_books([tmp_path / "x.toml"])


def test_list_grows_with_parents_and_not_with_devices() -> None:
    crowd = Books((*BOOKS.parties, *(f"hems-{number}" for number in range(10_000))), BOOKS.parents, BOOKS.utilities)
    assert len(access_list(crowd, plan()).splitlines()) == len(access_list(BOOKS, plan()).splitlines())


def test_only_parents_may_ask_award_and_dispatch() -> None:
    text = access_list(BOOKS, plan(gateways={"gw": ("ra-1",)}))
    patterns = [line for line in text.splitlines() if line.startswith("pattern")]
    assert len(patterns) == 15
    assert not [
        line for line in patterns if "write" in line and line.split("/")[1] in ("request", "relax", "award", "dispatch")
    ]
    assert "topic write dr/award/ra-1/+" in block(text, "ra-1")
    for user in ("gw", "watch", "record", "doctor"):
        assert not [line for line in block(text, user) if "write dr/award" in line or "write dr/request" in line]


def test_reader_that_has_the_name_of_a_party_is_told() -> None:
    with pytest.raises(ConfigError, match="hems-1: is a party in the books"):
        access_list(BOOKS, plan(readers=("hems-1",)))


def test_gateway_of_an_aggregator_that_nobody_knows_is_told() -> None:
    with pytest.raises(ConfigError, match="ra-9: a gateway is to speak for its homes"):
        access_list(BOOKS, plan(gateways={"gw": ("ra-9",)}))


def test_mark_changes_with_the_list() -> None:
    marks = {mark_of(access_list(BOOKS, plan(readers=readers))) for readers in (("watch",), ("watch", "record"), ())}
    assert len(marks) == 3
    assert "" not in marks


def test_plan_survives_its_file(tmp_path: Path) -> None:
    given = plan(gateways={"gw-1": ("ra-1", "ra-2")}, bind="127.0.0.1")
    save_plan(tmp_path, given)
    assert load_plan(tmp_path) == given


def test_authority_is_not_made_twice_in_one_folder(tmp_path: Path) -> None:
    Authority.create(tmp_path, "ours", utc_now())
    with pytest.raises(ConfigError, match="holds an authority already"):
        Authority.create(tmp_path, "ours", utc_now())


def test_secrets_are_their_owners_alone(tmp_path: Path) -> None:
    hardened = hardened_files(tmp_path)
    bundle = hardened.bundle("ra-1")
    secret = [tmp_path / "ca/ca.key", hardened.files.folder / "server.key", hardened.files.folder / "passwords"]
    for path in (*secret, hardened.files.folder / "access", bundle / "party.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_revoked_are_all_certificates_of_a_party_and_no_others(tmp_path: Path) -> None:
    authority, now = Authority.create(tmp_path, "ours", utc_now()), utc_now()
    for name in ("hems-1", "hems-1", "hems-2"):
        authority.client(name, now)
    assert authority.revoke("hems-1", now) == 2
    assert authority.revoke("hems-1", now) == 0
    assert list(authority.standing(now)) == ["hems-2"]
    assert len(Authority(tmp_path).revoked()) == 2


def test_certificate_names_its_party_and_is_good_for_thirteen_months(tmp_path: Path) -> None:
    hardened = hardened_files(tmp_path)
    bundle = hardened.bundle("ra-1")
    assert [common_name(one) for one in hardened.authority.clients()] == ["ra-1"]
    address = Address(ca=bundle / "ca.crt", certificate=bundle / "party.crt", key=bundle / "party.key")
    ends_at = read_credentials(address).expires_at
    assert ends_at is not None
    assert timedelta(days=394) < ends_at - utc_now() <= timedelta(days=396)


def requested(name: str, key: Any = None) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return made.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("request_", "mistake"),
    [
        (b"nothing", "sent no certificate request"),
        (requested("hems-2"), "asks in another name"),
        (requested("hems-1", rsa.generate_private_key(65537, 2048)), "asks for a key that is not P-256"),
        (requested("hems-1", ec.generate_private_key(ec.SECP384R1())), "asks for a key that is not P-256"),
    ],
)
def test_request_that_is_not_the_partys_own_is_refused(tmp_path: Path, request_: bytes, mistake: str) -> None:
    authority = Authority.create(tmp_path, "ours", utc_now())
    with pytest.raises(ConfigError, match=f"hems-1: {mistake}"):
        authority.certify("hems-1", request_, utc_now())
    assert list(authority.issued()) == []


def test_certified_key_can_be_revoked_and_asks_in_vain_then(tmp_path: Path) -> None:
    authority = Authority.create(tmp_path, "ours", utc_now())
    authority.certify("hems-1", requested("hems-1"), utc_now())
    assert authority.revoke("hems-1", utc_now()) == 1
    with pytest.raises(ConfigError, match="hems-1: is revoked"):
        authority.certify("hems-1", requested("hems-1"), utc_now())


def test_files_are_written_again_only_where_they_differ(tmp_path: Path) -> None:
    files = hardened_files(tmp_path).files
    assert files.write(utc_now()) == ()
    (files.folder / "access").write_text("topic readwrite #\n")
    assert files.write(utc_now()) == ("access",)
    later = files.authority
    later.client("hems-1-1", utc_now())
    later.revoke("hems-1-1", utc_now())
    assert files.write(utc_now()) == ("crl.pem",)


def test_certificate_of_the_broker_is_renewed_before_its_end_and_for_another_name(tmp_path: Path) -> None:
    files = hardened_files(tmp_path).files
    assert files.write(utc_now() + timedelta(days=380)) == ("server.crt",)
    moved = BrokerFiles(files.folder, files.plan.model_copy(update={"hosts": ("broker.example",)}))
    assert moved.write(utc_now()) == ("server.crt",)


def test_certificate_of_the_broker_stays_where_an_address_is_written_in_another_way(tmp_path: Path) -> None:
    files = hardened_files(tmp_path, hosts=("FE80::0:1", "localhost")).files
    assert files.write(utc_now()) == ()


def test_key_that_is_not_the_brokers_is_made_anew(tmp_path: Path) -> None:
    files = hardened_files(tmp_path).files
    (files.folder / "server.key").write_bytes(files.authority.client("ra-1", utc_now()).key_pem)
    assert [one.text for one in check_files(files, utc_now()) if one.check == "certificate"] == [
        "server.key is not the key of server.crt: run 'gridpact broker update'"
    ]
    assert files.write(utc_now()) == ("server.crt",)
    assert {one.verdict for one in check_files(files, utc_now())} == {Verdict.OK}


@pytest.mark.parametrize("secret", ["mosquitto/server.key", "mosquitto/passwords", "mosquitto/access", "ca/ca.key"])
def test_secret_that_others_may_read_is_a_fault(tmp_path: Path, secret: str) -> None:
    files = hardened_files(tmp_path).files
    (tmp_path / secret).chmod(0o644)
    faults = [one for one in check_files(files, utc_now()) if one.verdict is Verdict.FAULT]
    assert [(one.check, one.text) for one in faults] == [
        ("secrets", f"{tmp_path / secret}: others may read it: chmod 600")
    ]


def test_certificate_of_another_name_or_root_is_told_until_it_is_made_anew(tmp_path: Path) -> None:
    files = hardened_files(tmp_path).files
    moved = BrokerFiles(files.folder, files.plan.model_copy(update={"hosts": ("broker.example",)}))
    assert moved.certificate_trouble(utc_now()) == "the broker's own is not for broker.example"
    begin(files.plan.ca, utc_now())
    switch(files.plan.ca)
    rolled = BrokerFiles(files.folder, files.plan)
    assert rolled.certificate_trouble(utc_now()) == "the broker's own is not of the root that signs"
    rolled.write(utc_now())
    assert rolled.certificate_trouble(utc_now()) == ""


@pytest.mark.parametrize("moves", range(6))
def test_exchange_of_the_root_that_was_cut_off_goes_on(
    tmp_path: Path, moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = hardened_files(tmp_path).files.plan.ca
    begin(ca, utc_now())
    fresh, whole, left = (ca / "next" / "ca.crt").read_bytes(), Path.rename, [moves]

    def cut_off(path: Path, target: Path) -> Path:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return whole(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", cut_off)
        with pytest.raises(KeyboardInterrupt):
            switch(ca)
    with pytest.raises(ConfigError, match="was cut off: go on with 'gridpact ca roll"):
        Authority(ca)
    switch(ca)
    rolled = Authority(ca)
    assert rolled.root.certificate_pem == fresh
    assert len(rolled.others) == 1


def test_no_certificate_is_good_for_longer_than_its_root_whose_end_is_told_a_year_before(tmp_path: Path) -> None:
    files = hardened_files(tmp_path).files
    root_ends_at = files.authority.root.certificate.not_valid_after_utc
    late = root_ends_at - timedelta(days=200)
    assert files.authority.client("ra-1", late).certificate.not_valid_after_utc == root_ends_at
    files.write(late)
    warned = [one.text for one in check_files(files, late) if one.verdict is Verdict.WARNING]
    assert warned == [
        f"that of the authority ends on {root_ends_at:%Y-%m-%d}, and all others with it: 'gridpact ca roll'"
    ]


def test_renewal_that_is_cut_off_leaves_a_way_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hardened = hardened_files(tmp_path)
    folder = hardened.bundle("ra-1", valid=timedelta(days=20))
    old = {name: (folder / name).read_bytes() for name in ("party.crt", "party.key")}

    def cut_off(path: Path, content: bytes, mode: int = 0) -> None:
        if path.name == "party.crt":
            raise KeyboardInterrupt
        put(path, content, mode)

    with monkeypatch.context() as patched:
        patched.setattr("agents.runtime.files.pair.put", cut_off)
        with pytest.raises(KeyboardInterrupt):
            write_pair(folder, hardened.authority.client("ra-1", utc_now()))
    with pytest.raises(CredentialsError, match="is not the key of the certificate"):
        read_credentials(hardened.address("ra-1"))
    door = Entrance(hardened.address("ra-1")).next()
    assert door.credentials.expires_at is not None
    write_pair(folder, hardened.authority.client("ra-1", utc_now()))
    read_credentials(hardened.address("ra-1"))
    assert {name: (folder / f"{name}.before").read_bytes() for name in old} == old


def test_who_leaves_the_books_loses_its_password(tmp_path: Path) -> None:
    files = hardened_files(tmp_path).files
    files.passwords.give("nobody")
    files.passwords.give("ra-1")
    assert files.write(utc_now()) == ("passwords",)
    assert Passwords(files.passwords.path).users == ("ra-1",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes for others")
def test_what_root_writes_belongs_to_the_folders_owner(tmp_path: Path) -> None:
    files = hardened_files(tmp_path).files
    os.chown(files.folder, 4321, 4321)
    (files.folder / "access").write_text("")
    files.write(utc_now())
    found = (files.folder / "access").stat()
    assert (found.st_uid, found.st_gid) == (4321, 4321)


@pytest.mark.parametrize("host", ["bröker", "a b", "", "localhost:8883", "a..b", "."])
def test_host_that_no_certificate_can_name_is_a_sentence(
    tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["broker", "init", str(tmp_path / "m"), "--book", "x", "--ca", "ca", "--host", host]
    assert call(command) == 2
    assert "hosts[0]" in capsys.readouterr().err


def test_party_of_no_book_is_not_enrolled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hardened = hardened_files(tmp_path)
    save_plan(hardened.files.folder, hardened.files.plan)
    command = ["enrol", "stranger", "--broker", str(hardened.files.folder), "--out", str(tmp_path / "b")]
    assert call(command) == 2
    assert "stranger: stands in no book" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


def test_renewal_leaves_who_has_time_and_keeps_the_old_certificate_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hardened = hardened_files(tmp_path)
    soon, later = hardened.bundle("ra-1", valid=timedelta(days=20)), hardened.bundle("ra-2")
    before = {folder: (folder / "party.crt").read_bytes() for folder in (soon, later)}
    assert call(["ca", "renew", str(tmp_path / "ca"), "--bundles", str(tmp_path / "bundles")]) == 0
    assert (soon / "party.crt").read_bytes() != before[soon]
    assert (later / "party.crt").read_bytes() == before[later]
    assert capsys.readouterr().out.startswith("ra-1: renewed until ")
    assert hardened.authority.revoked() == {}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("broker", "init", "new", "--book", "{book}", "--ca", "{ca}", "--password-port", "8883"),
         "password_port: 8883 is that for certificates (port) as well"),
        (("broker", "init", "new", "--book", "{book}", "--ca", "{ca}", "--reader", "a b"), "'a b' is no name: 1 to 64"),
        (("broker", "init", "new", "--book", "{book}", "--ca", "{ca}", "--bind", "::1\nallow_anonymous true"),
         "bind: '::1\\nallow_anonymous true' is no name of a host"),
        (("broker", "init", "new", "--book", "{book}", "--ca", "{ca}", "--gateway", "watch=ra-1"),
         "watch has two parts among readers, doctors, gateways and authority"),
        (("broker", "init", "new", "--book", "{book}", "--ca", "nowhere"), "holds no authority (ca.crt, ca.key)"),
        (("ca", "renew", "{ca}", "--bundles", "nowhere"), "--bundles: nowhere: is no folder"),
        (("ca", "list", "nowhere"), "make one with 'gridpact ca init'"),
        (("broker", "check", "nowhere"), "make it with 'gridpact broker init'"),
    ],
)  # fmt: skip
def test_mistake_on_the_command_line_is_one_sentence(
    words: tuple[str, ...],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Authority.create(tmp_path / "ca", "test", utc_now())
    given = {"book": str(paths.EXAMPLES / "evening_peak.toml"), "ca": str(tmp_path / "ca")}
    assert call([word.format(**given) for word in words]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "says"), [("abc", "'abc' is no number of a process"), ("99999999", "No such process")]
)
def test_broker_that_cannot_be_told_is_a_sentence(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(text)
    with pytest.raises(ConfigError) as raised:
        _reload(tmp_path / "pid")
    assert says in str(raised.value)

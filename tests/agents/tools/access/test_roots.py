"""A root is exchanged in three steps; who believes in a new one, and who does not."""

from pathlib import Path

import pytest
from cryptography import x509

from agents.cli.app import call
from agents.runtime.renewal import trusted_roots
from agents.settings.checked import ConfigError
from agents.tools.access import certificates as made
from agents.tools.access.authority import Authority
from agents.tools.access.certificates import common_name, utc_now
from agents.tools.access.roots import announcement, begin, finish, switch, waiting

NOW = utc_now()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    authority = Authority.create(tmp_path / "ca", "ours", NOW)
    authority.client("home-1", NOW)
    return tmp_path / "ca"


def told(folder: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(announcement(Authority(folder), NOW))


def names(roots: list[x509.Certificate]) -> list[str]:
    return [common_name(one) for one in roots]


def test_steps_go_one_after_the_other(folder: Path) -> None:
    with pytest.raises(ConfigError, match="there is no new root yet"):
        switch(folder)
    with pytest.raises(ConfigError, match="nothing is under way"):
        finish(folder, NOW)
    assert begin(folder, NOW) == "ours root 2"
    with pytest.raises(ConfigError, match=r"go on with 'gridpact ca roll .* switch'"):
        begin(folder, NOW)
    switch(folder)
    with pytest.raises(ConfigError, match="home-1: have no certificate of the new root yet"):
        finish(folder, NOW)
    Authority(folder).client("home-1", NOW)
    assert waiting(folder, NOW) == []
    finish(folder, NOW)
    assert names([Authority(folder).root.certificate]) == ["ours root 2"]
    assert begin(folder, NOW) == "ours root 3"


def test_revoked_stays_revoked_and_is_waited_for_by_nobody(folder: Path) -> None:
    Authority(folder).client("home-2", NOW)
    Authority(folder).revoke("home-1", NOW)
    begin(folder, NOW)
    revoked = Authority(folder).revoked()
    assert len(revoked) == 1
    switch(folder)
    assert Authority(folder).revoked() == revoked
    assert waiting(folder, NOW) == ["home-2"]
    finish(folder, NOW, anyway=True)
    assert Authority(folder).revoked() == revoked
    assert Authority(folder).crl_pem.count(b"BEGIN X509 CRL") == 1


def test_party_believes_in_a_new_root_that_its_own_has_signed(folder: Path) -> None:
    first = [Authority(folder).root.certificate]
    assert names(trusted_roots(first, told(folder))) == ["ours"]
    begin(folder, NOW)
    both = trusted_roots(first, told(folder))
    assert names(both) == ["ours", "ours root 2"]
    switch(folder)
    assert names(trusted_roots(both, told(folder))) == ["ours root 2", "ours"]
    assert names(trusted_roots(first, told(folder))) == ["ours root 2", "ours"]  # it was away meanwhile
    finish(folder, NOW, anyway=True)
    assert names(trusted_roots(both, told(folder))) == ["ours root 2"]
    assert trusted_roots(first, told(folder)) == []


def test_root_that_a_stranger_made_is_not_believed(folder: Path, tmp_path: Path) -> None:
    ours = [Authority(folder).root.certificate]
    stranger = made.authority("ours root 2", NOW)
    assert trusted_roots(ours, [stranger.certificate]) == []
    alone = made.crossed(stranger.certificate, stranger, NOW)
    assert trusted_roots(ours, [stranger.certificate, alone]) == []
    begin(folder, NOW)
    cross = [one for one in told(folder) if one.subject != one.issuer]
    assert trusted_roots(ours, [stranger.certificate, *cross]) == []
    assert names(trusted_roots(ours, [*ours, stranger.certificate, *cross])) == ["ours"]


def test_certificate_of_a_party_vouches_for_no_root(folder: Path) -> None:
    authority = Authority(folder)
    party = authority.client("home-9", NOW)
    false_root = made.authority("ours root 2", NOW)
    cross = made.crossed(false_root.certificate, party, NOW)
    assert trusted_roots([authority.root.certificate], [false_root.certificate, cross]) == []


def test_command_says_what_is_to_be_done(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["ca", "roll", str(folder), "begin"]) == 0
    assert call(["ca", "roll", str(folder), "switch"]) == 0
    assert "1 parties have no certificate of it yet" in capsys.readouterr().out
    assert call(["ca", "roll", str(folder), "finish"]) == 2
    assert call(["ca", "roll", str(folder), "finish", "--anyway"]) == 0

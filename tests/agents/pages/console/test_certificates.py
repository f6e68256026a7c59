"""For how many days certificates are good, by the copies that an authority keeps."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.pages.console.certificates import CertificateEnds
from agents.tools.access.authority import Authority

NOW = datetime(2026, 1, 14, 17, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path, "test", NOW - 100 * DAY)


def test_best_certificate_of_a_party_counts_in_whole_days(authority: Authority) -> None:
    authority.client("hems-1", NOW, 5 * DAY)
    authority.client("hems-1", NOW, 90 * DAY + timedelta(hours=3))
    authority.client("hems-2", NOW - 20 * DAY, 10 * DAY)
    ends = CertificateEnds(authority.folder / "issued")
    assert (ends.days("hems-1", NOW), ends.days("hems-2", NOW), ends.days("hems-3", NOW)) == (90, -10, None)


def test_revoked_certificate_does_not_count(authority: Authority) -> None:
    authority.client("hems-1", NOW, 90 * DAY)
    authority.revoke("hems-1", NOW)
    assert CertificateEnds(authority.folder / "issued").days("hems-1", NOW) is None


def test_renewed_certificate_is_seen_a_minute_later(authority: Authority) -> None:
    authority.client("hems-1", NOW, 5 * DAY)
    ends = CertificateEnds(authority.folder / "issued")
    assert ends.days("hems-1", NOW) == 5
    authority.client("hems-1", NOW, 90 * DAY)
    assert ends.days("hems-1", NOW + timedelta(seconds=59)) == 4
    assert ends.days("hems-1", NOW + timedelta(minutes=1)) == 89


def test_file_that_is_no_certificate_is_left_out(authority: Authority) -> None:
    authority.client("hems-1", NOW, 5 * DAY)
    (authority.folder / "issued" / "broken.crt").write_text("nothing")
    assert CertificateEnds(authority.folder / "issued").days("hems-1", NOW) == 5

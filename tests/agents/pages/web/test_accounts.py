"""Who may log in, and for how long."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agents.pages.web import accounts as module
from agents.pages.web.accounts import Accounts, PageRole, PageSession, Sessions
from agents.settings.checked import ConfigError

PASSWORD = "a-long-password"


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    found = Accounts(tmp_path / "users.json")
    found.put("anna", (PageRole.OPERATOR,), PASSWORD)
    return found


def test_user_comes_in_with_the_right_password_only(accounts: Accounts) -> None:
    user = accounts.login("anna", PASSWORD)
    assert user is not None
    assert user.roles == (PageRole.OPERATOR,)
    assert accounts.login("anna", PASSWORD + "x") is None
    assert accounts.login("berta", PASSWORD) is None


def test_file_of_users_is_private_and_has_no_password(accounts: Accounts) -> None:
    assert stat.S_IMODE(accounts.path.stat().st_mode) == 0o600
    assert PASSWORD not in accounts.path.read_text()


def test_name_is_closed_after_too_many_wrong_passwords(accounts: Accounts) -> None:
    for _ in range(module.TRIES):
        assert accounts.login("anna", "wrong") is None
    assert accounts.login("anna", PASSWORD) is None


def test_user_who_was_taken_out_is_out(accounts: Accounts) -> None:
    accounts.remove("anna")
    assert accounts.login("anna", PASSWORD) is None
    with pytest.raises(ConfigError, match="has no user anna"):
        accounts.remove("anna")


def test_short_password_and_odd_name_are_refused(accounts: Accounts) -> None:
    with pytest.raises(ConfigError, match="at least 10 characters"):
        accounts.put("berta", (PageRole.VIEWER,), "short")
    with pytest.raises(ConfigError, match="a name has letters"):
        accounts.put("<b>", (PageRole.VIEWER,), PASSWORD)


def test_damaged_file_of_users_is_told_in_a_sentence(accounts: Accounts) -> None:
    accounts.path.write_text("{")
    with pytest.raises(ConfigError, match="is no file of users"):
        accounts.users()


def test_session_ends_when_it_is_idle_old_or_logged_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    sessions = Sessions()
    idle, busy, gone = (sessions.begin("anna", frozenset({PageRole.VIEWER})) for _ in range(3))
    sessions.end(gone)
    assert sessions.find(gone) is None
    while now[0] < module.SESSION_S:
        assert sessions.find(busy) is not None
        now[0] += module.IDLE_S / 2
    now[0] += 1
    assert sessions.find(idle) is None
    assert sessions.find(busy) is None


def test_operator_may_what_a_viewer_may_and_not_more_than_its_roles() -> None:
    session = PageSession("anna", frozenset({PageRole.OPERATOR}))
    assert session.may(PageRole.VIEWER)
    assert not session.may(PageRole.SUPPORT)
    assert not PageSession("carl", frozenset({PageRole.VIEWER})).may(PageRole.OPERATOR)


def test_draft_is_taken_once() -> None:
    session = PageSession("anna", frozenset({PageRole.OPERATOR}))
    key = session.draft({"stop": ["e1"]})
    assert session.drafts.pop(key, None) == {"stop": ["e1"]}
    assert session.drafts.pop(key, None) is None


def test_many_tries_at_once_are_no_way_around_the_limit(accounts: Accounts) -> None:
    with ThreadPoolExecutor(8) as threads:
        wrong = list(threads.map(lambda _: accounts.login("anna", "wrong"), range(8)))
    assert wrong == [None] * 8
    assert accounts.login("anna", PASSWORD) is None
    assert len(accounts._tries["anna"]) == module.TRIES


def test_tries_at_other_names_do_not_open_one_that_is_closed(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_hash", lambda password, salt: b"wrong")
    for _ in range(module.TRIES):
        accounts.login("anna", "wrong")
    for number in range(module.MOST_NAMES + 10):
        accounts.login(f"other-{number}", "wrong")
    monkeypatch.undo()
    assert accounts.login("anna", PASSWORD) is None

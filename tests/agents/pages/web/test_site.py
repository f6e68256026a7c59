"""Where a login leads to."""

import pytest

from agents.pages.web.site import next_of


@pytest.mark.parametrize(
    "text", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_login_leads_to_no_other_page(text: str) -> None:
    assert next_of(text) == "/"


def test_login_leads_to_where_somebody_wanted_to_go() -> None:
    assert next_of("/event/e1") == "/event/e1"

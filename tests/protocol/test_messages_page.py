"""docs/messages.md shows each kind as it is: every example decodes, every field is told, every reason listed."""

import re

import paths
import pytest

from protocol.codec import decode, encode
from protocol.edges import ROUTES, Way
from protocol.errors import RejectReason
from protocol.messages import Message

PAGE = (paths.DOCS / "messages.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_every_kind_has_a_section_and_no_other_has() -> None:
    assert list(SECTIONS) == list(ROUTES)


def example(kind: str) -> Message:
    topic = re.search(r"^`(dr/.*)`$", SECTIONS[kind], re.MULTILINE)
    body = re.search(r"```json\n(.*?)```", SECTIONS[kind], re.DOTALL)
    assert topic
    assert body
    assert topic[1].split("/")[1] == kind
    return decode(topic[1], body[1].encode())[1]


@pytest.mark.parametrize("kind", ROUTES)
def test_the_example_decodes_and_shows_every_field(kind: str) -> None:
    message = example(kind)
    assert decode(f"dr/{kind}/a/b", encode(message))[1] == message
    assert message.model_fields_set == set(type(message).model_fields) - {"extensions"}


@pytest.mark.parametrize("kind", ROUTES)
def test_every_field_is_explained(kind: str) -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", SECTIONS[kind] + PAGE.split("## ")[0], re.MULTILINE))
    assert set(ROUTES[kind].model.model_fields) <= told


@pytest.mark.parametrize("kind", ROUTES)
def test_the_way_is_told(kind: str) -> None:
    way = {Way.DOWN: "Down", Way.UP: "Up", Way.EITHER: "Either way"}[ROUTES[kind].way]
    assert SECTIONS[kind].startswith(way + (", retained." if ROUTES[kind].retained else "."))


@pytest.mark.parametrize("reason", RejectReason)
def test_every_reason_to_refuse_is_listed(reason: RejectReason) -> None:
    assert f"`{reason}`" in SECTIONS["reject"]

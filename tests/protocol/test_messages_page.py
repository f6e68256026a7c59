"""docs/messages.md shows each kind as it is: every example decodes, every field is told, every reason listed."""

import re

import paths
import pytest

from protocol.codec import decode, decode_progress, encode
from protocol.edges import BESIDE, ROUTES, Way
from protocol.errors import RejectReason
from protocol.messages import MAX_CAPABILITY, MAX_EXTENSIONS, MAX_OWN, MAX_REVISION, MAX_ROUND, Message
from protocol.units import FIRST_AT, LAST_AT, MAX_ENERGY_WH, MAX_PLAN, MAX_POWER_W, MAX_REF, MAX_SLOTS, MAX_STEM

PAGE = (paths.DOCS / "messages.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_every_kind_has_a_section_and_no_other_has() -> None:
    assert list(SECTIONS) == [*ROUTES, *BESIDE]


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
    assert message.model_fields_set == set(type(message).model_fields) - {"extensions", *type(message).later}


def test_the_example_beside_the_edges_decodes_and_shows_every_field() -> None:
    topic = re.search(r"^`(dr/progress/.*)`$", SECTIONS["progress"], re.MULTILINE)
    body = re.search(r"```json\n(.*?)```", SECTIONS["progress"], re.DOTALL)
    assert topic
    assert body
    message = decode_progress(topic[1], body[1].encode())
    assert message is not None
    assert message.model_fields_set == set(type(message).model_fields) - {"extensions"}
    assert decode_progress(topic[1], encode(message)) == message


@pytest.mark.parametrize("kind", [*ROUTES, *BESIDE])
def test_every_field_is_explained(kind: str) -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", SECTIONS[kind] + PAGE.split("## ")[0], re.MULTILINE))
    assert set((ROUTES | BESIDE)[kind].model.model_fields) <= told


@pytest.mark.parametrize("kind", ROUTES)
def test_the_way_is_told(kind: str) -> None:
    way = {Way.DOWN: "Down", Way.UP: "Up", Way.EITHER: "Either way"}[ROUTES[kind].way]
    assert SECTIONS[kind].startswith(way + (", retained." if ROUTES[kind].retained else "."))


@pytest.mark.parametrize("reason", RejectReason)
def test_every_reason_to_refuse_is_listed(reason: RejectReason) -> None:
    assert f"`{reason}`" in SECTIONS["reject"]


LIMITS = dict(
    re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE[PAGE.index("Limits") : PAGE.index("## request")], re.MULTILINE)
)


def test_sizes_are_those_of_the_table() -> None:
    told = dict.fromkeys(ROUTES, 32) | {kind: int(kib) for names, kib in re.findall(
        r"((?:`\w+`(?: and )?)+) (\d+) KiB", LIMITS["body"]) for kind in re.findall(r"`(\w+)`", names)}  # fmt: skip
    assert told == {kind: route.most_bytes // 1024 for kind, route in ROUTES.items()}


@pytest.mark.parametrize(
    ("what", "bound"),
    [
        ("`message_id`, `accepts`, `refused_id`", f"at most {MAX_REF} characters"),
        ("`request_id`, `award_id`", f"at most {MAX_STEM}:"),
        ("instants", f"from {FIRST_AT:%Y-%m-%d} to before {LAST_AT:%Y-%m-%d}"),
        ("`duration`", f"at most {MAX_PLAN.days} days, over before {LAST_AT:%Y-%m-%d}"),
        ("plans", f"1 to {MAX_SLOTS} slots; power from 0 to 10^{len(str(MAX_POWER_W)) - 1} W"),
        ("energies", f"at most {MAX_ENERGY_WH // MAX_POWER_W} x 10^{len(str(MAX_POWER_W)) - 1} Wh"),
        ("`round`, `revision`", f"1 to {MAX_ROUND:,}; 1 to 10^{len(str(MAX_REVISION)) - 1}"),
        ("`extensions`", f"at most {MAX_EXTENSIONS} entries, {MAX_OWN:,} values"),
        ("`capability`", f"at most {MAX_CAPABILITY} entries"),
    ],
)
def test_bounds_on_the_page_are_those_of_the_messages(what: str, bound: str) -> None:
    assert bound in LIMITS[what]

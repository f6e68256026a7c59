"""Two outcomes side by side, for a terminal."""

from collections.abc import Iterator

from rich.table import Table

from agents.history.party import PartyHistory
from agents.history.rounds import AskedRound
from agents.tools.replay.what_if import Devices, WhatIfResult
from protocol.kilowatts import kilowatt_hours, kilowatts

CHANGED = "bold yellow"


def side_by_side(compared: WhatIfResult, everything: bool = False) -> Iterator[Table]:
    """A table an event: per party what differs; with `everything` what is the same, too."""
    for event_id in dict.fromkeys([*compared.then.events, *compared.now.events]):
        parties = dict.fromkeys([*compared.then.events.get(event_id, {}), *compared.now.events.get(event_id, {})])
        table = Table(title=event_id, title_justify="left")
        for name in ("party", "", "unchanged" if compared.rerun else "recorded", "what if"):
            table.add_column(name, overflow="fold")
        for party in parties:
            then, now = compared.then.seen(event_id, party), compared.now.seen(event_id, party)
            _rows(table, party, then, now, everything)
        yield table


def remarks(compared: WhatIfResult) -> Iterator[str]:
    """What has to be known about the comparison, one sentence a line."""
    if compared.stored_awards is not None:
        stored, of = compared.stored_awards
        yield f"unchanged, the recording taken again makes {stored} of its {of} recorded deals again"
    if compared.devices is Devices.RECORDED:
        yield "devices answer as recorded"
    for what, count in compared.unanswered.items():
        silent = "" if what == "was asked for less then" else "; stays silent"
        yield f"{count} x a device {what}{silent}"
    if not compared.changed:
        yield "nothing differs"


def _rows(table: Table, party: str, then: PartyHistory, now: PartyHistory, everything: bool) -> None:
    label = party
    for what, before, after in _lines(then, now):
        differs = before != after
        if differs or everything or what == "deal":
            table.add_row(label, what, before, after, style=CHANGED if differs else "")
            label = ""
    table.add_section()


def _lines(then: PartyHistory, now: PartyHistory) -> Iterator[tuple[str, str, str]]:
    for number in range(max(len(then.rounds), len(now.rounds))):
        before, after = (one.rounds[number] if number < len(one.rounds) else None for one in (then, now))
        word = "requested" if number == 0 else f"round {number + 1}"
        yield word, _requested(before), _requested(after)
        yield "available", _climbed(before), _climbed(after)
    yield from ((what, before, after) for (what, before), (_, after) in zip(_figures(then), _figures(now), strict=True))


def _figures(one: PartyHistory) -> Iterator[tuple[str, str]]:
    yield "re-requests", str(one.rerequests or "-")
    yield "deal", kilowatts(one.deal_w)
    yield "worst slot", "-" if one.share_pct is None else f"{one.share_pct} %"
    yield "relaxed deals", str(one.disturbed or "-")
    yield "delivered", kilowatt_hours(one.delivered_wh)
    yield "outcome", one.outcome.replace("_", " ") or "-"


def _requested(one: AskedRound | None) -> str:
    return "-" if one is None else kilowatts(one.requested_w)


def _climbed(one: AskedRound | None) -> str:
    """The rungs of a round in their order, each with what was available after it."""
    if one is None:
        return "-"
    return "\n".join(f"{rung.name} {kilowatts(rung.available_w)}" for rung in one.rungs) or "-"

"""Whether what a device says is about something, is as it should be, is the same word again."""

from collections.abc import Iterable
from typing import Any

from agents.tools.conform.book import Uttered
from protocol import messages as m


def is_about(message: m.Message, said: Uttered | None) -> bool:
    """Whether a message answers another one."""
    if said is None:
        return True
    match message, said.message:
        case m.Offer(), m.Request() as request:
            return message.request_id == request.request_id
        case m.Offer(), m.Relax() as relax:
            return message.request_id == relax.request_id and message.basis is m.Basis.RELAXED
        case m.Confirm(), m.Award() as award:
            return (message.award_id, message.revision) == (award.award_id, award.revision)
        case m.Report(), m.Dispatch() as dispatch:
            of_slot = any(reading.slot == dispatch.slot for reading in message.readings)
            return message.event_id == dispatch.event_id and (of_slot or message.slot == dispatch.slot)
        case m.Report(), m.Award() as award:
            cut = any(reading.state is m.EventStatus.CANCELLED for reading in message.readings)
            return message.event_id == award.event_id and cut
        case m.Reject(), other:
            return message.refused_id == other.message_id
    return False


def is_as(message: m.Message, wanted: dict[str, Any]) -> bool:
    """Whether fields have these values; `power_w: some` is a plan with any power."""
    dumped = message.model_dump(mode="json")
    return all(
        any(dumped.get(name) or ()) if value == "some" else dumped.get(name) == value for name, value in wanted.items()
    )


def fields_of(message: m.Message, names: Iterable[str]) -> dict[str, Any]:
    """Some fields of a message, as they travel."""
    dumped = message.model_dump(mode="json")
    return {name: dumped.get(name) for name in names}


def same_word(before: m.Message, after: m.Message) -> tuple[bool, str]:
    """Whether a device says the same again; and how it differs."""
    match before, after:
        case m.Offer(), m.Offer():
            return before.power_w == after.power_w, f"{after.power_w} W offered, before {before.power_w} W"
        case m.Confirm(), m.Confirm():
            return before.accepted == after.accepted, f"accepted {after.accepted}, before {before.accepted}"
        case m.Report(), m.Report():
            first, again = ({one.slot: one.energy_wh for one in each.readings} for each in (before, after))
            told = f"{again} Wh as revision {after.revision}, before {first} Wh as revision {before.revision}"
            return first == again and after.revision > before.revision, told
    return False, f"a {after.kind} instead of a {before.kind}"

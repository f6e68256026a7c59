"""`gridpact explain`: why this deal, from the journals alone."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from agents.runtime.exits import Exit
from agents.settings.mistakes import ConfigError
from protocol.to_json import to_json

if TYPE_CHECKING:
    from agents.tools.explain.story.device import DeviceStory
    from agents.tools.explain.story.story import Story

MOST_KNOWN = 12


def explain(
    event: str | None = None,
    /,
    *,
    journals: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    device: str | None = None,
    party: str | None = None,
    html: Path | None = None,
    json: Annotated[bool, Parameter("--json", negative=(), help="One JSON object, for machines.")] = False,
) -> int:
    """Explain an event from journals alone: who was asked what, who gave how much and why no more, and the deal.

    Parameters
    ----------
    event
        The event's id; may be left out when the journals have only one.
    journals
        Directories, journals, or recordings with steps; by default where daemons keep their journals.
    device
        Only one device: its name, or one of its resources.
    party
        Only one party's part.
    html
        Write a page into this file instead: one file that needs no network.
    """
    from agents.tools.explain.read import NothingKnown, read
    from agents.tools.explain.sources import JournalSources
    from agents.tools.explain.words import names
    from broker.stepper import no_collection

    sources = JournalSources(journals or ())
    chosen = _chosen(list(sources.events()), event)
    try:
        with no_collection():
            story = read(sources.evidence(chosen))
    except NothingKnown:
        raise ConfigError(f"{chosen}: the journals have no request of this event") from None
    if party is not None and party not in story.roles:
        above = [name for name, role in story.roles.items() if role != "device"]
        raise ConfigError(f"--party: {party} is not in {chosen}; there are {names(above, MOST_KNOWN)}")
    if device is None and party is not None and story.roles[party] == "device":
        device = party
    one = _device(story, device) if device is not None else None
    if html is not None:
        return _page(story, html)
    _write(story, one, party, json)
    return Exit.OK


def _chosen(known: list[str], wanted: str | None) -> str:
    """The event to explain. Raises ConfigError."""
    from agents.tools.explain.words import names

    if not known:
        raise ConfigError("the journals have no event yet")
    if wanted is None and len(known) > 1:
        raise ConfigError(f"the journals have several events: name one of {names(known, MOST_KNOWN)}")
    if wanted is not None and wanted not in known:
        raise ConfigError(f"there is no event {wanted}; there are {names(known, MOST_KNOWN)}")
    return wanted or known[0]


def _device(story: "Story", wanted: str) -> "DeviceStory":
    """By its name or one of its resources. Raises ConfigError."""
    from agents.tools.explain.words import names

    for one in story.devices.values():
        if wanted == one.name or wanted in one.resources:
            return one
    known = names(list(story.devices), MOST_KNOWN) or "none"
    raise ConfigError(f"--device: {wanted} is not in {story.event_id}; there are {known}")


def _write(story: "Story", device: "DeviceStory | None", party: str | None, json: bool) -> None:
    from agents.tools.explain.text import console, write_device, write_story

    if json:
        shown = device if device is not None else story
        sys.stdout.write(to_json(shown).decode() + "\n")
    elif device is not None:
        write_device(console(), story, device)
    else:
        write_story(console(), story, party)


def _page(story: "Story", path: Path) -> int:
    from agents.tools.explain.page import write_page

    write_page(story, path)
    print(f"{path}: {story.event_id}, {path.stat().st_size / 1024:.0f} KB")
    return Exit.OK

"""Whole evenings on the hardened broker in which one contracted home lies on its own edges, where no access list helps."""

import asyncio
import json
import resource
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hardened import Hardened
from live_system import LiveSystem, deals

from agents.runtime.behaviour import Intercept
from agents.runtime.files.scenario import load_scenario
from agents.runtime.journal.file import JournalFile
from agents.runtime.journal.journal import Journal
from agents.runtime.senders import Senders, is_child
from agents.runtime.shell import Shell
from agents.settings.scenario import Scenario
from broker.bus import Post

LIAR, PARENT = "hems-1-3", "ra-1"
SPEED = 1_800.0
JOURNAL_KB, MEMORY_MB = 1_000, 64
"""Bounds of what a liar costs its parent in an evening, more than an honest evening does."""
LATE_S = 240.0
"""Of the system's time: a tick of it is nine seconds."""
SAME = "the others as ever"
Lie = Callable[[dict[str, Any]], object]
"""Of a message's fields: what is said in its stead (fields, bytes, another kind with its fields, or a list of these)."""


@dataclass
class Outcome:
    """What came of an evening."""

    others: dict[object, object]
    decided_at: datetime | None
    figures: dict[str, float] = field(default_factory=dict)


@cache
def scenario() -> Scenario:
    return load_scenario(Path(__file__).with_name("evening.toml"))


async def evening(hardened: Hardened, intercept: Intercept | None, prepare: Callable[[Shell], None]) -> Outcome:
    """From its first request to the last meter value."""
    found = scenario()
    parties = (found.utility, found.coordinator, *found.aggregators, *found.homes)
    with tempfile.TemporaryDirectory(prefix="gridpact-evening-") as name:
        path = Path(name) / "journal"
        journal = Journal(path)
        journal.start()
        system = LiveSystem(hardened.address(), found.start_at, SPEED)
        system.journals = {PARENT: journal}

        def shell_of(shell: Shell) -> None:
            if shell.actor.is_parent():
                shell.intake.senders = Senders(shell.actor.name, lambda child: is_child(shell.actor, child))
            if shell.actor.name == PARENT:
                prepare(shell)

        system.prepare = shell_of
        before = _memory_mb()
        await system.run(
            parties,
            lambda who, note: who == "utility" and note.name == "closed",
            {LIAR: intercept} if intercept else {},
        )
        await journal.close()
        size = sum(len(step.input) + len(step.effects) for step in JournalFile(path).entries())
    others = {who: power_w for who, power_w in deals(list(system.notes)).items() if who not in (LIAR,)}
    decided = [at for at, who, note in system.notes if who == "utility" and note.name == "all_confirmed"]
    figures = {"journal_kb": round(size / 1_000, 1), "memory_mb": round(_memory_mb() - before, 1)}
    return Outcome(others, decided[0] if decided else None, figures)


def _memory_mb() -> float:
    """The most that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def lying(kind: str, lie: Lie) -> Intercept:
    """What becomes of a liar's posts of a kind."""

    def said(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        if post.topic.split("/")[1] != kind or not post.payload:
            return [(post, timedelta())]
        told = lie(json.loads(post.payload))
        return [(_post(post, one), timedelta()) for one in (told if isinstance(told, list) else [told])]

    return said


def _post(post: Post, told: object) -> Post:
    """On its topic, or as a kind of its own: `(kind, fields)`."""
    topic = post.topic
    if isinstance(told, tuple):
        topic, told = topic.replace(topic.split("/")[1], told[0], 1), told[1]
    return post._replace(topic=topic, payload=told if isinstance(told, bytes) else json.dumps(told).encode())


REFERENCES: Mapping[str, Intercept | None] = {
    "honest": None,
    "offers nothing": lambda sender, post: [] if _kind(post) == "offer" else [(post, timedelta())],
    "confirms nothing": lambda sender, post: [] if _kind(post) != "offer" else [(post, timedelta())],
    "refuses its award": lying("confirm", lambda fields: fields | {"accepted": False, "reason": "no"}),
}
"""Evenings without an attack: what an attack comes to for everybody else."""


def _kind(post: Post) -> str:
    return post.topic.split("/")[1]


class Evenings:
    """Evenings of one broker; those without an attack are played once."""

    def __init__(self, hardened: Hardened, loop: asyncio.AbstractEventLoop) -> None:
        self._hardened, self._loop = hardened, loop
        self._without: dict[str, Outcome] = {}
        for name in (
            "utility",
            "ac",
            *(ra.name for ra in scenario().aggregators),
            *(one.name for one in scenario().homes),
        ):
            hardened.bundle(name)

    def play(self, intercept: Intercept | None, prepare: Callable[[Shell], None] = lambda shell: None) -> Outcome:
        """One of them; from a thread."""
        playing = evening(self._hardened, intercept, prepare)
        return asyncio.run_coroutine_threadsafe(playing, self._loop).result(120)

    def without(self, reference: str) -> Outcome:
        """One without an attack."""
        if reference not in self._without:
            self._without[reference] = self.play(REFERENCES[reference])
        return self._without[reference]

    def against(
        self, lies: Intercept, like: str, prepare: Callable[[Shell], None] = lambda shell: None, *, whole: bool = False
    ) -> tuple[str, dict[str, float]]:
        """Whether the others' evening is the one without the attack (`whole`: but for who fills up what is missing), and
        what it cost."""
        reference, honest = self.without(like), self.without("honest")
        found = self.play(lies, prepare)
        names = {"ra-1", "ra-2"} if whole else {*found.others, *reference.others}
        changed = sorted(str(who) for who in names if found.others.get(who) != reference.others.get(who))
        wrong = [f"another deal of {', '.join(changed)}"] if changed else []
        late_s = -1.0
        if found.decided_at is not None and reference.decided_at is not None:
            late_s = round((found.decided_at - reference.decided_at).total_seconds(), 1)
        if not -LATE_S <= late_s <= LATE_S:
            wrong.append(f"decided {late_s:.0f} s later")
        figures = found.figures | {
            "more_journal_kb": found.figures["journal_kb"] - honest.figures["journal_kb"],
            "later_s": late_s,
        }
        if figures["more_journal_kb"] > JOURNAL_KB or figures["memory_mb"] > MEMORY_MB:
            wrong.append(
                f"costs {figures['more_journal_kb']:.0f} kB of journal, {figures['memory_mb']:.0f} MB of memory"
            )
        return "; ".join(wrong) or SAME, figures

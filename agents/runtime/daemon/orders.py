"""What operators, owners and residents order of the parties of one process."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from agents.parties.der.actor import Der
from agents.parties.der.control import Controlled
from agents.parties.utility.actor import Utility
from agents.runtime.daemon.commands import (
    CommandRefusal,
    DecideCommand,
    LimitsCommand,
    OutageCommand,
    PlanCommand,
    PreviewCommand,
    QuarantineCommand,
)
from agents.runtime.daemon.owners_limits import owners_limits
from agents.runtime.daemon.owners_plan import PlanRefusal, owners_plan
from agents.runtime.daemon.preview import preview
from agents.runtime.shell import Shell
from agents.settings.checked import mistakes
from agents.settings.limits import UnfitLimits
from agents.settings.parties import EventSettings
from protocol.actor import Cancel, Decided, Input, Issue, Outage
from protocol.messages import IntervalPeriod


class PartyOrders:
    """Each command finds the party that it is for. Raises CommandRefusal where there is none, or more than one."""

    def __init__(self, shells: Mapping[str, Shell]) -> None:
        self.shells = shells

    async def cancel(self, event_id: str, reason: str) -> None:
        """End an event of the utility's."""
        await self.utility().give(Cancel(event_id, reason))

    async def issue(self, event: EventSettings) -> None:
        """Whatever the client says, the event is issued now."""
        utility = self.utility()
        issue_at = min(event.issue_at, utility.clock.now())
        for mistake in mistakes(event.model_copy(update={"issue_at": issue_at}), path=("event",)):
            raise CommandRefusal(str(mistake))
        given = event.event_id, event.program_id, event.direction, event.start, event.power_w, event.slot_s
        known = isinstance(utility.actor, Utility) and event.event_id in utility.actor.events
        await utility.give(Issue(*given, asks_again=known))

    def _of(self, party: str) -> Shell:
        shell = self.shells.get(party)
        if shell is None:
            raise CommandRefusal(f"{party} does not run in this daemon")
        return shell

    def utility(self) -> Shell:
        for shell in self.shells.values():
            if isinstance(shell.actor, Utility):
                return shell
        raise CommandRefusal("this daemon is no utility: only a utility issues and cancels events")

    def previews(self, command: PreviewCommand) -> list[dict[str, object]]:
        period = IntervalPeriod(start=command.start, duration=timedelta(seconds=command.slot_s))
        found = []
        for shell in self.shells.values():
            one = preview(shell, command.direction, period, command.slots)
            if one is not None:
                found.append(one.as_json(shell.actor.name, str(shell.actor.status()["role"])))
        return found

    async def decide(self, command: DecideCommand) -> dict[str, object]:
        """What the event is at the home before and after the answer: only then is known what came of it. `late`: whether
        it is an offer that comes after the time to answer."""
        event_id = command.event_id
        asked = [shell for shell in self.shells.values() if event_id in shell.questions]
        if not asked:  # who was asked may change its mind
            known = [one for one in self.shells.values() if _event(one, event_id) and isinstance(one.actor, Der)]
            asked = [one for one in known if has_to_decide(_event(one, event_id), one.clock.now())] or known
        if command.party is not None:
            asked = [self._of(command.party)]
        if len(asked) != 1:
            names = ", ".join(shell.actor.name for shell in asked) or "nobody"
            raise CommandRefusal(f"{names} was asked about {event_id}: name the one party that decides")
        shell = asked[0]
        before = _event(shell, event_id)
        if before is None or not isinstance(shell.actor, Der):
            raise CommandRefusal(f"{shell.actor.name} knows no event {event_id}")
        shell.questions.pop(event_id, None)
        decided: Input = Decided(event_id, command.take_part)
        await shell.give(decided)
        after = _event(shell, event_id)
        assert after is not None
        late = before["stage"] != "offered" == after["stage"] and shell.clock.now() > before["reply_by"]
        return {"before": _stage(before), "after": _stage(after), "late": late}

    async def plan(self, command: PlanCommand) -> dict[str, object]:
        shell = self._of(command.party)
        try:
            return await owners_plan(
                shell,
                command.resource_id,
                not_today=command.not_today,
                not_on=command.not_on,
                leaves_at=command.leaves_at,
            )
        except PlanRefusal as refusal:
            raise CommandRefusal(str(refusal)) from None

    async def limits(self, command: LimitsCommand) -> dict[str, object]:
        """Of a home's device, after what its owner changes of them."""
        shell = self._of(command.party)
        try:
            return await owners_limits(shell, command.resource_id, command.limits)
        except UnfitLimits as unfit:
            raise CommandRefusal(str(unfit)) from None

    async def outage(self, command: OutageCommand) -> list[str]:
        homes = [shell for shell in self.shells.values() if isinstance(shell.actor, Controlled)]
        outage: Input = Outage(command.is_out)
        if command.under is not None:
            below = [shell for shell in homes if command.under == _parent(shell)]
            if not below:
                raise CommandRefusal(f"no home of this daemon is below {command.under}")
            for shell in below:
                await shell.give(outage)
            return [shell.actor.name for shell in below]
        if command.party is not None:
            homes = [shell for shell in homes if shell.actor.name == command.party]
            if not homes:
                raise CommandRefusal(f"{command.party} is no home of this daemon")
        if len(homes) != 1:
            names = ", ".join(shell.actor.name for shell in homes) or "no home"
            raise CommandRefusal(f"{names} runs here: name the one home whose connection point it is")
        await homes[0].give(outage)
        return [homes[0].actor.name]

    def quarantine(self, command: QuarantineCommand) -> list[dict[str, object]]:
        named = [shell for shell in self.shells.values() if command.party in (None, shell.actor.name)]
        if not named:
            raise CommandRefusal(f"{command.party} does not run here")
        senders = [shell.intake.senders for shell in named if shell.intake.senders is not None]
        if command.release is not None and not sum(one.release(command.release) for one in senders):
            raise CommandRefusal(f"{command.release} is in quarantine at nobody of this daemon")
        return [told for one in senders for told in one.told()]


def _parent(shell: Shell) -> str:
    return next(iter(shell.actor.parents()), "")


def _event(shell: Shell, event_id: str) -> Mapping[str, Any] | None:
    """An event in the status of a party; None when it knows none of that id."""
    events = shell.actor.status().get("events", ())
    found = [event for event in events if event["event_id"] == event_id] if isinstance(events, list) else []
    return found[0] if found else None


def has_to_decide(event: Mapping[str, Any] | None, now: datetime) -> bool:
    """Whether an answer changes anything in an event of a home's status."""
    until = None if event is None else event.get("decides_until")
    if isinstance(until, str):
        until = datetime.fromisoformat(until)
    return isinstance(until, datetime) and now <= until


def _stage(event: Mapping[str, Any]) -> str:
    """Where an event stands at a home."""
    return str(event["outcome"] or event["stage"])

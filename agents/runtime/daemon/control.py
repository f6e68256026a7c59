"""The control socket of a daemon: a Unix-domain socket that only its owner can open.

One JSON object a line each way. Commands: `status`, `issue`, `cancel`, `decide`, `plan`, `contracts`, `contract`, `correct`, `forget`, `quarantine`, `watch` (answers with a line for
each note until the client leaves) and `start` (sets the clock going). Every answer has `ok`; a refusal has `error`.
"""

import asyncio
import os
import socket
import stat
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agents.parties.der.actor import Der
from agents.parties.der.control import Controlled
from agents.parties.utility import Utility
from agents.runtime.daemon.contracts import BookKeeper, ContractChange, ContractRefusal, CorrectionCause
from agents.runtime.daemon.owners_plan import PlanRefusal, owners_plan
from agents.runtime.daemon.preview import preview
from agents.runtime.persons import RegisterError
from agents.runtime.shell import Shell
from agents.settings.checked import ConfigError, mistakes, sentence
from agents.settings.parties import EventSettings
from broker.private import make_folder
from protocol.actor import Cancel, Decided, Input, Issue, Note, Outage
from protocol.codec import to_json
from protocol.messages import IntervalPeriod
from protocol.units import MAX_SLOTS, Direction, Instant, Name, Percent, Text

LONGEST_PATH = 104
"""Of a Unix-domain socket's address, on every system that we run on."""
LINE_LIMIT = 16 * 1024 * 1024
"""Of a line each way: a book that is imported is one."""
WATCHER_QUEUE = 10_000
"""Notes that wait for a slow watcher; then it is cut off."""


class Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StatusCommand(Command):
    do: Literal["status"]


class IssueCommand(Command):
    """An operator asks for a change of load, or changes the event of that id. For a utility."""

    do: Literal["issue"]
    event: EventSettings


class CancelCommand(Command):
    do: Literal["cancel"]
    event_id: Name
    reason: Text = "cancelled by the operator"


class DecideCommand(Command):
    """A resident's answer; `party` is needed where several homes share a daemon."""

    do: Literal["decide"]
    event_id: Name
    take_part: bool
    party: Name | None = None


class PlanCommand(Command):
    """An owner looks at a vehicle's plan, or does not drive on a day."""

    do: Literal["plan"]
    party: Name
    resource_id: Name | None = None
    not_today: bool = False
    not_on: date | None = None


class PreviewCommand(Command):
    """What the parties here could probably get in some slots; nothing is asked of anybody."""

    do: Literal["preview"]
    direction: Direction
    start: Instant
    slot_s: Annotated[int, Field(ge=60, le=86_400)]
    slots: Annotated[int, Field(ge=1, le=MAX_SLOTS)]


class OutageCommand(Command):
    """The grid at a home's connection point is gone, or back; `party` is needed where several homes share a daemon, or
    `under`: all of them below an aggregator."""

    do: Literal["outage"]
    is_out: bool
    party: Name | None = None
    under: Name | None = None


class ContractsCommand(Command):
    """The book of a party, page by page; `party` is needed where several with a book share a daemon."""

    do: Literal["contracts"]
    party: Name | None = None
    after: Name | None = None
    """The last member of the page before."""


class ContractCommand(Command):
    """An operator changes the book: contracts by member, as a book has them."""

    do: Literal["contract"]
    party: Name | None = None
    change: ContractChange
    contracts: dict[Name, dict[str, Any]]


class CorrectCommand(Command):
    """An operator contests what was learned of a member."""

    do: Literal["correct"]
    party: Name | None = None
    member: Name
    cause: CorrectionCause
    reliability_pct: Percent | None = None


class QuarantineCommand(Command):
    """Who was refused something, and who is not heard any more; with `release` one of them is heard again."""

    do: Literal["quarantine"]
    release: Annotated[str, Field(max_length=64)] | None = None
    party: Name | None = None


class ForgetCommand(Command):
    """An operator has a member forgotten that has left."""

    do: Literal["forget"]
    party: Name | None = None
    member: Name


class WatchCommand(Command):
    do: Literal["watch"]


class StartCommand(Command):
    do: Literal["start"]
    anchor_at: Instant


AnyCommand: TypeAlias = Annotated[
    StatusCommand
    | IssueCommand
    | CancelCommand
    | DecideCommand
    | OutageCommand
    | PlanCommand
    | PreviewCommand
    | ContractsCommand
    | ContractCommand
    | CorrectCommand
    | QuarantineCommand
    | ForgetCommand
    | WatchCommand
    | StartCommand,
    Field(discriminator="do"),
]
_COMMANDS: TypeAdapter[AnyCommand] = TypeAdapter(AnyCommand)


class CommandRefusal(ValueError):
    """A command that cannot be followed; one sentence."""


class ControlServer:
    """Answers on the socket for the shells of one process."""

    def __init__(
        self,
        path: Path,
        shells: dict[str, Shell],
        start: Callable[[datetime], None],
        alerts: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.path, self.shells, self._start, self._alerts = path, shells, start, alerts
        self.books = BookKeeper(shells)
        self._watchers: dict[asyncio.Queue[bytes | None], None] = {}
        self._conversations: dict[asyncio.Task[object], None] = {}

    def tell(self, line: bytes) -> None:
        """Give a note's line to all who watch."""
        for queue in list(self._watchers):
            if queue.qsize() < WATCHER_QUEUE:
                queue.put_nowait(line)
            elif queue in self._watchers:
                del self._watchers[queue]
                queue.put_nowait(None)

    async def run(self) -> None:
        """Serve until cancelled. Raises ConfigError when the socket cannot be had."""
        prepare(self.path)
        try:
            server = await self._listen()
            try:
                await server.start_serving()
                await asyncio.Event().wait()
            finally:
                server.close()  # from Python 3.12 on its wait_closed() would wait for the conversations
        except OSError as error:
            raise ConfigError(f"{self.path}: the control socket cannot be had: {error.strerror}") from None
        finally:
            self.path.unlink(missing_ok=True)
            for conversation in self._conversations:
                conversation.cancel()

    async def _listen(self) -> asyncio.Server:
        before = os.umask(0o177)  # the socket is its owner's alone from its first moment on
        try:
            # serving starts in `run`: a cancellation in between would leave an open socket behind
            return await asyncio.start_unix_server(self._serve, self.path, limit=LINE_LIMIT, start_serving=False)
        finally:
            os.umask(before)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations[task] = None
        # a cancelled conversation ends in silence: asyncio of Python 3.11 would log it as a fault
        with suppress(ConnectionError, asyncio.CancelledError):
            try:
                while line := await reader.readline():
                    await self._answer(line, writer)
            except ValueError:
                writer.write(orjson.dumps({"ok": False, "error": f"a line has at most {LINE_LIMIT} bytes"}) + b"\n")
        writer.close()
        del self._conversations[task]

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        try:
            command = _COMMANDS.validate_json(line)
            if isinstance(command, WatchCommand):
                await self._watch(writer)
                return
            answer: dict[str, object] = {"ok": True, **await self._follow(command)}
        except OverflowError:
            answer = {"ok": False, "error": "an instant lies outside of the calendar"}
        except ValidationError as error:
            answer = {"ok": False, "error": sentence(error)}
        except (CommandRefusal, ContractRefusal, RegisterError) as error:
            answer = {"ok": False, "error": str(error)}
        writer.write(to_json(answer) + b"\n")
        await writer.drain()

    async def _follow(self, command: AnyCommand) -> dict[str, object]:
        match command:
            case StatusCommand():
                return {"parties": [shell.status() for shell in self.shells.values()], "alerts": dict(self._alerts())}
            case IssueCommand(event=event):
                await self._issue(event)
            case CancelCommand(event_id=event_id, reason=reason):
                await self._utility().give(Cancel(event_id, reason))
            case DecideCommand():
                return await self._decide(command)
            case PlanCommand():
                return await self._plan(command)
            case PreviewCommand():
                return {"previews": self._previews(command)}
            case QuarantineCommand():
                return {"senders": self._quarantine(command)}
            case OutageCommand():
                return {"homes": await self._outage(command)}
            case ContractsCommand(party=party, after=after):
                return self.books.page(party, after)
            case ContractCommand(party=party, change=change, contracts=contracts):
                return await self.books.change(party, change, contracts)
            case CorrectCommand(party=party, member=member, cause=cause, reliability_pct=reliability_pct):
                return await self.books.correct(party, member, cause, reliability_pct)
            case ForgetCommand(party=party, member=member):
                return await self.books.forget(party, member)
            case StartCommand(anchor_at=anchor_at):
                self._start(anchor_at)
        return {}

    async def _issue(self, event: EventSettings) -> None:
        """Whatever the client says, the event is issued now."""
        utility = self._utility()
        issue_at = min(event.issue_at, utility.clock.now())
        for mistake in mistakes(event.model_copy(update={"issue_at": issue_at}), path=("event",)):
            raise CommandRefusal(str(mistake))
        given = event.event_id, event.program_id, event.direction, event.start, event.power_w, event.slot_s
        await utility.give(Issue(*given))

    def _utility(self) -> Shell:
        for shell in self.shells.values():
            if isinstance(shell.actor, Utility):
                return shell
        raise CommandRefusal("this daemon is no utility: only a utility issues and cancels events")

    def _previews(self, command: PreviewCommand) -> list[dict[str, object]]:
        period = IntervalPeriod(start=command.start, duration=timedelta(seconds=command.slot_s))
        found = []
        for shell in self.shells.values():
            one = preview(shell, command.direction, period, command.slots)
            if one is not None:
                found.append(one.as_json(shell.actor.name, str(shell.actor.status()["role"])))
        return found

    async def _decide(self, command: DecideCommand) -> dict[str, object]:
        """What the event is at the home before and after the answer: only then is known what came of it. `late`: whether
        it is an offer that comes after the time to answer."""
        event_id = command.event_id
        asked = [shell for shell in self.shells.values() if event_id in shell.questions]
        if not asked:  # who was asked may change its mind
            known = [one for one in self.shells.values() if _event(one, event_id) and isinstance(one.actor, Der)]
            asked = [one for one in known if has_to_decide(_event(one, event_id), one.clock.now())] or known
        if command.party is not None:
            named = self.shells.get(command.party)
            if named is None:
                raise CommandRefusal(f"{command.party} does not run in this daemon")
            asked = [named]
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

    async def _plan(self, command: PlanCommand) -> dict[str, object]:
        shell = self.shells.get(command.party)
        if shell is None:
            raise CommandRefusal(f"{command.party} does not run in this daemon")
        try:
            return await owners_plan(shell, command.resource_id, not_today=command.not_today, not_on=command.not_on)
        except PlanRefusal as refusal:
            raise CommandRefusal(str(refusal)) from None

    async def _outage(self, command: OutageCommand) -> list[str]:
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

    def _quarantine(self, command: QuarantineCommand) -> list[dict[str, object]]:
        named = [shell.senders for shell in self.shells.values() if command.party in (None, shell.actor.name)]
        senders = [one for one in named if one is not None]
        if command.release is not None and not sum(one.release(command.release) for one in senders):
            raise CommandRefusal(f"{command.release} is in quarantine at nobody of this daemon")
        return [told for one in senders for told in one.told()]

    async def _watch(self, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._watchers[queue] = None
        try:
            writer.write(to_json({"ok": True}) + b"\n")
            while (line := await queue.get()) is not None:
                writer.write(line)
                await writer.drain()
        finally:
            self._watchers.pop(queue, None)


def _parent(shell: Shell) -> str:
    return next(iter(shell.actor.parents()), "")


# -- the client's side


async def ask(path: Path, command: dict[str, object]) -> dict[str, Any]:
    """One command and its answer. Raises Refusal, also when nobody answers."""
    async for answer in converse(path, command):
        if not answer.get("ok"):
            raise CommandRefusal(str(answer.get("error", "no answer")))
        return answer
    raise CommandRefusal(f"{path}: the daemon ended the conversation")


async def converse(path: Path, command: dict[str, object]) -> AsyncGenerator[dict[str, Any], None]:
    """A command and all lines that answer it. Raises Refusal when nobody listens."""
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=LINE_LIMIT)
    except OSError as error:
        raise CommandRefusal(f"{path}: no daemon listens here: {error.strerror}") from None
    try:
        writer.write(to_json(command) + b"\n")
        while line := await reader.readline():
            yield orjson.loads(line)
    finally:
        writer.close()


def runtime_dir() -> Path:
    """Where sockets lie unless the configuration says otherwise: /run for a service, else the user's own place."""
    for variable in ("GRIDPACT_RUNTIME_DIR", "RUNTIME_DIRECTORY"):
        if given := os.environ.get(variable):
            return Path(given)
    if own := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(own) / "gridpact"
    return Path("/run/gridpact") if os.geteuid() == 0 else Path(f"/tmp/gridpact-{os.geteuid()}")


def sockets(directory: Path) -> list[Path]:
    """The control sockets in a directory and below it."""
    return sorted(path for path in directory.rglob("*.sock") if path.is_socket()) if directory.is_dir() else []


def prepare(path: Path) -> None:
    """Make the socket's directory (owner only) and clear what a dead daemon left. Raises ConfigError."""
    if len(os.fsencode(path)) >= LONGEST_PATH:
        raise ConfigError(f"{path}: control.dir: a socket's path has at most {LONGEST_PATH} bytes")
    try:
        make_folder(path.parent)
        found = path.parent.stat()
    except OSError as error:
        raise ConfigError(f"{path.parent}: control.dir: {error.strerror}") from None
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
        raise ConfigError(f"{path.parent}: control.dir: has to belong to this user, and nobody else may write there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise ConfigError(f"{path}: another daemon listens on this control socket")
    path.unlink(missing_ok=True)


def note_line(at: datetime, who: str, note: Note) -> dict[str, object]:
    """A note as it is logged and watched."""
    return {
        "event": note.name,
        "at": at,
        "party": who,
        "event_id": note.event_id,
        "step": note.step,
        "data": dict(note.data),
    }


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

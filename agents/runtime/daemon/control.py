"""The control socket of a daemon: a Unix-domain socket that only its owner can open.

One JSON object a line each way. Commands: `status`, `issue`, `cancel`, `decide`, `plan`, `limits`, `contracts`, `contract`, `correct`, `forget`, `quarantine`, `watch` (answers with a line for
each note until the client leaves) and `start` (sets the clock going). Every answer has `ok`; a refusal has `error`.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import orjson
from pydantic import ValidationError

from agents.runtime.daemon.commands import (
    COMMANDS,
    AnyCommand,
    CancelCommand,
    CommandRefusal,
    ContractCommand,
    ContractsCommand,
    CorrectCommand,
    DecideCommand,
    ForgetCommand,
    IssueCommand,
    LimitsCommand,
    OutageCommand,
    PlanCommand,
    PreviewCommand,
    QuarantineCommand,
    StartCommand,
    StatusCommand,
    WatchCommand,
)
from agents.runtime.daemon.contracts import BookKeeper, ContractRefusal
from agents.runtime.daemon.orders import PartyOrders
from agents.runtime.daemon.sockets import LINE_LIMIT, prepare
from agents.runtime.persons import RegisterError
from agents.runtime.shell import Shell
from agents.settings.checked import ConfigError, sentence
from protocol.codec import to_json

WATCHER_QUEUE = 10_000
"""Notes that wait for a slow watcher; then it is cut off."""


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
        self.books, self.orders = BookKeeper(shells), PartyOrders(shells)
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
            command = COMMANDS.validate_json(line)
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
                await self.orders.issue(event)
            case CancelCommand(event_id=event_id, reason=reason):
                await self.orders.cancel(event_id, reason)
            case DecideCommand():
                return await self.orders.decide(command)
            case PlanCommand():
                return await self.orders.plan(command)
            case LimitsCommand():
                return await self.orders.limits(command)
            case PreviewCommand():
                return {"previews": self.orders.previews(command)}
            case QuarantineCommand():
                return {"senders": self.orders.quarantine(command)}
            case OutageCommand():
                return {"homes": await self.orders.outage(command)}
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

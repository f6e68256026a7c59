"""The device under trial, where its maker has said which command starts it."""

import asyncio
import os
import signal
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from agents.settings.checked import ConfigError
from agents.tools.conform.broker import TrialDoor
from agents.tools.conform.profile import DeviceProfile

MOST_LINES = 20


def filled_in(command: Sequence[str], profile: DeviceProfile, door: TrialDoor) -> tuple[str, ...]:
    """The command with what it has to know in the place of its `{words}`."""
    bundle = door.bundle or Path("-")
    words = {
        "host": door.parent.host,
        "port": str(door.port),
        "name": profile.name,
        "parent": profile.parent,
        "broker": str(bundle / "broker.toml"),
        "ca": str(bundle / "ca.crt"),
        "certificate": str(bundle / "party.crt"),
        "key": str(bundle / "party.key"),
        "password_file": str(bundle / "with-password" / "password"),
        "password_port": str(door.password_port),
    }
    filled = []
    for part in command:
        for word, value in words.items():
            part = part.replace(f"{{{word}}}", value)
        filled.append(part)
    return tuple(filled)


class DeviceProgram:
    """A process of the maker's, in a group of its own."""

    def __init__(self, command: Sequence[str], log: Path | None = None) -> None:
        """`log`: where its output goes. Raises ConfigError."""
        self.command, self.log = tuple(command), log
        if log is not None:
            self._write(b"", "wb")
        self.last_words: deque[str] = deque(maxlen=MOST_LINES)
        self.troubles: list[str] = []
        """How it ended by itself, each time."""
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises ConfigError when there is no such program."""
        pipe = asyncio.subprocess.PIPE
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise ConfigError(f"{self.command[0]}: cannot be started: {error.strerror}") from None
        self.last_words.clear()
        assert self._process.stdout is not None
        self._reading = asyncio.create_task(self._read(self._process.stdout))

    async def kill(self) -> None:
        """As a power cut."""
        process = self._process
        if process is None:
            return
        ended = process.returncode
        with suppress(ProcessLookupError):  # what it has started itself may go on
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        if self._reading is not None:
            await self._reading
        if ended is not None:
            self.troubles += [
                f"the device ended by itself with code {ended}:",
                *(f"  {one}" for one in self.last_words),
            ]
        self._process = None

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process is not None and self._process.returncode is not None

    @property
    def how_it_ended(self) -> str:
        """The last time by itself, with what it said last, in one line."""
        return " ".join(one.strip() for one in self.troubles[-1 - len(self.last_words) :]).rstrip(":")

    async def _read(self, output: asyncio.StreamReader) -> None:
        """Read on, so that a full pipe never stops it."""
        while chunk := await output.read(64 * 1024):
            if self.log is not None:
                self._write(chunk)
            self.last_words += chunk.decode(errors="replace").splitlines()

    def _write(self, output: bytes, mode: str = "ab") -> None:
        assert self.log is not None
        try:
            with self.log.open(mode) as file:
                file.write(output)
        except OSError as error:
            raise ConfigError(f"{self.log}: cannot be written: {error.strerror}") from None

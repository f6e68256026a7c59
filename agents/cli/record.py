"""`gridpact record`: what a broker carries, into a file."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from agents.cli.arguments import Seconds, flag, option
from agents.cli.connection import DEFAULT, Connection, warn_of_secrets
from agents.cli.silence import silent
from agents.runtime.exits import Exit
from agents.runtime.software import software
from agents.settings.mistakes import ConfigError
from protocol.to_json import to_json

if TYPE_CHECKING:
    from agents.tools.record import Counter, Recorder
    from broker.address import Address
    from broker.recording_file import RecordedMessage, RecordingWriter

Flag = Parameter(negative=())
MEGABYTE = 1_000_000
TERMINAL_S, PLAIN_S = 0.25, 5.0


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RecordingOptions:
    """What is written into a recording, and how."""

    scenario: Annotated[
        Path | None, option("A scenario whose settings are kept in the header: what-if needs them.")
    ] = None
    config: Annotated[tuple[Path, ...], option("Daemons' TOML files whose settings are kept in the header.")] = ()
    rotate_mb: Annotated[int | None, option("Begin a new part after so many megabytes of lines.")] = None
    compress: Annotated[bool, flag("Write `.gz` parts.")] = False
    anonymise: Annotated[bool, flag("Pseudonyms for all names, dates shifted by whole weeks, no free texts.")] = False
    salt: Annotated[
        str | None,
        option("The same salt gives the same pseudonyms; a new one every time when it is not given."),
    ] = None

    def recorder(self, out: Path, address: "Address") -> "tuple[Recorder, RecordingWriter]":
        """Of a broker, into a file. Raises ConfigError."""
        import secrets

        from agents.tools.anonymise import Anonymiser
        from agents.tools.record import Recorder
        from broker.recording_file import Header, RecordingWriter

        about = {"broker": address.where, "mqtt": address.protocol}
        header = Header("bus", software(), datetime.now(UTC), self._settings(), about=about)
        changed: Callable[[RecordedMessage], RecordedMessage | None] = lambda line: line
        if self.anonymise:
            hidden = Anonymiser(self.salt or secrets.token_hex(16))
            header, changed = hidden.header(header), hidden.received
        rotate_bytes = None if self.rotate_mb is None else self.rotate_mb * MEGABYTE
        writer = RecordingWriter(out, header, rotate_bytes=rotate_bytes, compress=self.compress or None)
        return Recorder(address, writer, changed), writer

    def _settings(self) -> tuple[dict[str, Any], ...]:
        if self.scenario is None and not self.config:
            return ()
        import orjson  # with what reads files: as long as all the rest, for nothing where none is named

        from agents.runtime.files.config import any_config
        from agents.runtime.files.scenario import load_scenario
        from agents.tools.run.simulate import processes

        parties = list(processes(load_scenario(self.scenario)).values()) if self.scenario is not None else []
        parties += [any_config(path).parties() for path in self.config]
        return tuple(orjson.loads(one.as_bytes()) for one in parties)


PLAIN = RecordingOptions()


@silent()
def record(
    *,
    out: Path,
    connection: Connection = DEFAULT,
    options: RecordingOptions = PLAIN,
    seconds: Seconds | None = None,
    json: Annotated[bool, Flag] = False,
) -> int:
    """Record everything on `dr/#` until Ctrl-C (or SIGTERM). Nothing is published.

    Parameters
    ----------
    out
        The recording's file, `NAME.jsonl` or `NAME.jsonl.gz`; it must not be there yet.
    seconds
        End after so many seconds.
    json
        The counter as JSON lines.
    """
    for name, value in (("--rotate-mb", options.rotate_mb), ("--seconds", seconds)):
        if value is not None and value <= 0:
            raise ConfigError(f"{name}: has to be above 0")
    address = connection.address()
    warn_of_secrets(address)
    recorder, writer = options.recorder(out, address)
    try:
        counter = asyncio.run(_shown(recorder, seconds, json))
    except RuntimeError:  # BrokerFailed, LinkDenied and the like: the same command works once that is mended
        writer.take_back()
        raise
    if json:
        sys.stdout.buffer.write(to_json({**counter.as_json(), "files": [str(path) for path in writer.paths]}) + b"\n")
    else:
        print(f"{', '.join(map(str, writer.paths))}: {in_words(counter)}")
    return Exit.OK


async def _shown(recorder: "Recorder", seconds: float | None, json: bool) -> "Counter":
    from rich.live import Live
    from rich.text import Text

    if json:
        return await recorder.run(lambda counter: _line(to_json(counter.as_json())), PLAIN_S, seconds)
    if not sys.stdout.isatty():
        return await recorder.run(lambda counter: _line(in_words(counter).encode()), PLAIN_S, seconds)
    with Live(transient=True) as live:
        return await recorder.run(lambda counter: live.update(Text(f"● {in_words(counter)}")), TERMINAL_S, seconds)


def _line(text: bytes) -> None:
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.buffer.flush()


def in_words(counter: "Counter") -> str:
    """The counter for people."""
    words = f"{counter.messages} messages, {counter.payload_bytes / MEGABYTE:.1f} MB"
    words += f", {counter.parts} parts" if counter.parts > 1 else ""
    words += f", connected again {counter.reconnects} times" if counter.reconnects else ""
    return words + (f", {counter.lost} messages were lost on their way" if counter.lost else "")

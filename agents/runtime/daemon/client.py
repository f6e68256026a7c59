"""The client's side of a control socket."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import orjson

from agents.runtime.daemon.refusal import CommandRefusal
from agents.runtime.daemon.sockets import LINE_LIMIT
from protocol.to_json import to_json


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

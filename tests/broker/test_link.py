"""A connection that is given up before it was made leaves nothing behind."""

import asyncio
import gc
from typing import Any

import pytest

from broker.aiomqtt_link import AiomqttLink
from broker.credentials import Credentials
from broker.link import Door, Greeting, LinkDenied, answered

WITHIN_S = 10


async def test_connection_that_is_given_up_is_closed() -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        asked.set()
        while await reader.read(1024):
            pass
        closed.set()
        writer.close()

    server = await asyncio.start_server(never_answers, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = AiomqttLink(Door("127.0.0.1", port, "5", 20, Credentials()), Greeting("hems-1-1", None, 0))
    async with server, asyncio.timeout(WITHIN_S):
        opening = asyncio.create_task(link.open())
        await asked.wait()
        opening.cancel()
        await asyncio.wait((opening,))
        await link.close()
        await closed.wait()


async def test_refusal_in_the_moment_of_giving_up_is_not_told_as_a_fault_of_ours() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    asked = asyncio.Event()

    async def refused() -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise LinkDenied("not authorized") from None

    connecting = asyncio.create_task(answered(refused(), asyncio.Event()))
    await asked.wait()
    connecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await connecting
    del connecting
    gc.collect()
    await asyncio.sleep(0)
    assert told == []

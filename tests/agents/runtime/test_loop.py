"""What the loop of a process tells of callbacks that fail."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine

import pytest

from agents.runtime.loop import run_loop


async def _failing(text: str) -> None:
    def fail() -> None:
        raise RuntimeError(text)

    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0)


@pytest.mark.parametrize(("text", "told"), [("<UVPoll closed=True 0x7f>; the handler is closed", 0), ("of ours", 1)])
def test_writing_on_a_closed_connection_is_no_fault(text: str, told: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="asyncio"):
        run_loop(_failing(text))
    assert len(caplog.records) == told


async def _writing_on_a_gone_socket() -> None:
    loop, (here, there) = asyncio.get_running_loop(), socket.socketpair()
    number = here.fileno()
    here.close()
    there.close()
    loop.call_soon(loop.add_writer, number, print)
    await asyncio.sleep(0)


async def _bad_descriptor_of_ours() -> None:
    asyncio.get_running_loop().call_soon(os.close, 1 << 20)
    await asyncio.sleep(0)


@pytest.mark.parametrize(("work", "told"), [(_writing_on_a_gone_socket, 0), (_bad_descriptor_of_ours, 1)])
def test_writing_on_a_connection_that_is_gone_is_no_fault(
    work: Callable[[], Coroutine[None, None, None]], told: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="asyncio"):
        run_loop(work())
    assert len(caplog.records) == told

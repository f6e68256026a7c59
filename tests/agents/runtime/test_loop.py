"""What the loop of a process tells of callbacks that fail."""

import asyncio
import logging

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

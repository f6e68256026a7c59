"""What waited is heard before what is due is served: until nothing comes any more, and not for ever."""

import asyncio

import pytest

from agents.runtime.hearing import Hearing


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.runtime.hearing.HEARD_S", 0.01)


async def test_hearing_is_over_once_nothing_comes() -> None:
    hearing, inbox = Hearing(), asyncio.Queue[str]()
    assert not hearing.on
    assert await hearing.next(inbox) is None
    hearing.begin()
    inbox.put_nowait("waited")
    assert await hearing.next(inbox) == "waited"
    assert hearing.on
    assert await hearing.next(inbox) is None
    assert not hearing.on


async def test_flood_does_not_keep_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.runtime.hearing.HEARS_AT_MOST_S", 0.02)
    hearing, inbox = Hearing(), asyncio.Queue[str]()
    hearing.begin(times=2)
    async with asyncio.timeout(5):
        while hearing.on:
            inbox.put_nowait("flood")
            assert await hearing.next(inbox) == "flood"


async def test_input_is_not_lost_when_it_is_the_last_that_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.runtime.hearing.HEARS_AT_MOST_S", 0.0)
    hearing, inbox = Hearing(), asyncio.Queue[str]()
    hearing.begin()
    inbox.put_nowait("last")
    assert await hearing.next(inbox) == "last"
    assert not hearing.on

"""Ask N devices, collect N answers with openleadr (OpenADR 2.0b over HTTP): `python peer_openleadr.py PORT N` prints
the seconds. The port is the VTN's.

The VENs are registered beforehand and poll at once when the events are there: the best case, as nobody waits for the
end of a polling period (in the field ten seconds and more).
"""

import asyncio
import contextlib
import io
import logging
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from openleadr import OpenADRClient, OpenADRServer

AT_ONCE = 50
logging.disable(logging.CRITICAL)


async def in_turn(jobs: list[Any]) -> None:
    """Some at a time, as one process cannot serve thousands of connections at the same instant."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(job: Any) -> None:
        async with places:
            await job

    await asyncio.gather(*(one(job) for job in jobs))


async def main(port: int, count: int) -> None:
    vtn = OpenADRServer(vtn_id="VTN", http_port=port, requested_poll_freq=timedelta(hours=1))
    vtn.add_handler("on_create_party_registration", lambda info: (f"VEN-{info['ven_name']}", f"R-{info['ven_name']}"))
    with contextlib.redirect_stdout(io.StringIO()):
        await vtn.run()
    vens = [OpenADRClient(str(number), f"http://127.0.0.1:{port}/OpenADR2/Simple/2.0b") for number in range(count)]
    for ven in vens:
        ven.add_handler("on_event", opt_in)
    await in_turn([ven.create_party_registration() for ven in vens])
    answers: dict[str, str] = {}
    complete = asyncio.Event()

    def answered(ven_id: str, event_id: str, opt_type: str) -> None:
        answers[ven_id] = opt_type
        if len(answers) == count:
            complete.set()

    start = datetime.now(UTC) + timedelta(hours=1)
    intervals = [
        {"dtstart": start + slot * timedelta(minutes=30), "duration": timedelta(minutes=30), "signal_payload": 3.0}
        for slot in range(4)
    ]
    began = time.perf_counter()
    for number in range(count):
        vtn.add_event(f"VEN-{number}", "LOAD_DISPATCH", "setpoint", intervals, callback=answered)
    await in_turn([ven._poll() for ven in vens])
    await complete.wait()
    print(time.perf_counter() - began)
    for ven in vens:
        await ven.client_session.close()
    await vtn.stop()


async def opt_in(event: dict[str, Any]) -> str:
    return "optIn"


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))

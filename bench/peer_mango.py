"""Ask N agents, collect N answers with mango-agents over MQTT: `python peer_mango.py PORT N` prints the seconds.

One container asks with `gather`, another one holds all agents; QoS 1 as ours.
"""

import asyncio
import sys
import time
from typing import Any

from mango import Agent, AgentAddress, activate, create_mqtt_container

ASKED_W = [3000, 3000, 3000, 3000]
WITHIN_S = 300


class Home(Agent):  # type: ignore[misc]
    def handle_message(self, content: Any, meta: dict[str, Any]) -> None:
        self.schedule_instant_task(self.reply_to({"opt": "opt_in", "power_w": content["power_w"]}, meta, qos=1))


class Asker(Agent):  # type: ignore[misc]
    async def send_message(self, *given: Any, **named: Any) -> Any:
        return await super().send_message(*given, **{"qos": 1, **named})


async def main(port: int, count: int) -> None:
    broker = ("127.0.0.1", port)
    above = create_mqtt_container(broker_addr=broker, client_id="above", inbox_topic="above")
    below = create_mqtt_container(broker_addr=broker, client_id="below", inbox_topic="below")
    asker = above.register(Asker())
    homes = [below.register(Home(), suggested_aid=f"home-{number}") for number in range(count)]
    async with activate(above, below):
        receivers = [AgentAddress("below", home.aid) for home in homes]
        began = time.perf_counter()
        answers = await asker.gather({"power_w": ASKED_W}, receivers, timeout=WITHIN_S)
        seconds = time.perf_counter() - began
        if len(answers) != count:
            sys.exit(f"{len(answers)} answers of {count}")
        print(seconds)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))

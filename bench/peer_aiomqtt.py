"""Ask N devices, collect N answers with plain aiomqtt: `python peer_aiomqtt.py PORT N` prints the seconds.

One client asks, another one answers for all devices; QoS 1, JSON, nothing validated and nothing kept. Some posts are
under way at once, and TCP_NODELAY is set, as both make it faster.
"""

import asyncio
import json
import socket
import sys
import time

import aiomqtt

ASKED = json.dumps({"power_w": [3000, 3000, 3000, 3000]})
AT_ONCE = 10
"""aiomqtt warns above this."""
NO_DELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


async def answer_all(client: aiomqtt.Client) -> None:
    places = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as tasks:
        async for message in client.messages:
            home = str(message.topic).rpartition("/")[2]
            asked = json.loads(bytes(message.payload))  # type: ignore[arg-type]
            answer = json.dumps({"opt": "opt_in", "power_w": asked["power_w"]})
            await places.acquire()
            tasks.create_task(publish(client, f"answer/{home}", answer, places))


async def publish(client: aiomqtt.Client, topic: str, payload: str, places: asyncio.Semaphore) -> None:
    await client.publish(topic, payload, qos=1)
    places.release()


async def collect(client: aiomqtt.Client, count: int) -> None:
    answers: dict[str, object] = {}
    async for message in client.messages:
        answers[str(message.topic)] = json.loads(bytes(message.payload))  # type: ignore[arg-type]
        if len(answers) == count:
            return


async def main(port: int, count: int) -> None:
    clients = [aiomqtt.Client("127.0.0.1", port, socket_options=NO_DELAY) for _ in range(2)]
    async with clients[0] as above, clients[1] as below:
        await below.subscribe("ask/+", qos=1)
        await above.subscribe("answer/+", qos=1)
        answering = asyncio.create_task(answer_all(below))
        began = time.perf_counter()
        collecting = asyncio.create_task(collect(above, count))
        places = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                await places.acquire()
                tasks.create_task(publish(above, f"ask/{number}", ASKED, places))
        await collecting
        print(time.perf_counter() - began)
        answering.cancel()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))

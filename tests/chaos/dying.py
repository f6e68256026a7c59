"""A daemon that kills itself (SIGKILL) at a named point: `python dying.py POINT COUNT -- arguments of gridpact`.

The points are those of broker/node.py, at their places in the live pipeline; only passes after the first message about
an event count.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from agents.runtime.journal.journal import Journal
from agents.runtime.journal.writer import Writer
from broker.aiomqtt_link import AiomqttLink
from broker.bus import Post
from broker.gmqtt_link import GmqttLink
from broker.mqtt import MqttBus
from broker.stepper import Stepper
from protocol.actor import Received
from protocol.messages import EventMessage


class Fuse:
    """Burns down with every pass of the point."""

    def __init__(self, point: str, count: int) -> None:
        self.point, self.left, self.lit = point, count, False

    def passes(self, point: str) -> None:
        if self.lit and point == self.point:
            self.left -= 1
            if self.left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def arm(fuse: Fuse) -> None:
    """Put the points into the pipeline."""
    take, append, committed = Stepper.take, Journal.append, Writer._committed
    publish, sent = MqttBus.publish, Journal.sent

    def dying_take(self: Stepper, item: Any, now: Any, *, due: bool = True) -> list[Any]:
        is_due = due and self.actor.deadline is not None and self.actor.deadline <= now
        counts = is_due or (isinstance(item, Received) and isinstance(item.message, EventMessage))
        fuse.lit |= counts
        if counts:
            fuse.passes("received")
        entries = take(self, item, now, due=due)
        if counts:
            fuse.passes("stepped")
        return entries

    def dying_append(self: Journal, entry: Any) -> int:
        number = append(self, entry)
        fuse.passes("appended")
        return number

    def dying_committed(self: Writer, seconds: float, entries: list[Any]) -> None:
        if entries:
            fuse.passes("committed")
        committed(self, seconds, entries)

    async def dying_publish(self: MqttBus, post: Post) -> None:
        await publish(self, post)
        if post.payload:
            fuse.passes("publishing")

    def dying_sent(self: Journal, actor: str, mark: Any) -> None:
        fuse.passes("published")
        sent(self, actor, mark)

    def dying(acknowledge: Callable[[Any, int], None]) -> Callable[[Any, int], None]:
        def dying_acknowledge(self: Any, packet_id: int) -> None:
            acknowledge(self, packet_id)
            fuse.passes("acknowledged")

        return dying_acknowledge

    for owner, name, changed in (
        (Stepper, "take", dying_take),
        (Journal, "append", dying_append),
        (Writer, "_committed", dying_committed),
        (MqttBus, "publish", dying_publish),
        (Journal, "sent", dying_sent),
        (AiomqttLink, "acknowledge", dying(AiomqttLink.acknowledge)),
        (GmqttLink, "acknowledge", dying(GmqttLink.acknowledge)),
    ):
        setattr(owner, name, changed)


if __name__ == "__main__":
    point, count = sys.argv[1], int(sys.argv[2])
    arm(Fuse(point, count))
    from agents.cli import main

    sys.argv = ["gridpact", *sys.argv[4:]]
    main()

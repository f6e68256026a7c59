"""Homes that misbehave on purpose: what leaves a party is swallowed, held up, spoilt or said again.

For demonstrations and tests: none of them may disturb a deal. The same functions serve the live and the simulated
carrier.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeAlias

from agents.settings.behaviour import Behaviour
from broker.bus import Post

Intercept: TypeAlias = Callable[[str, Post], Iterable[tuple[Post, timedelta]]]
LATE = timedelta(minutes=15)
"""How long a late home's messages are on their way, by the system's clock."""


def intercept(behaviour: Behaviour) -> Intercept | None:
    """What becomes of a post of such a party; None: nothing."""
    match behaviour:
        case Behaviour.NORMAL:
            return None
        case Behaviour.SILENT:
            return lambda sender, post: []
        case Behaviour.LATE:
            return lambda sender, post: [(post, LATE)]
        case Behaviour.GARBAGE:
            return _spoilt
        case Behaviour.REPEATS:
            return lambda sender, post: [(post, timedelta(seconds=number)) for number in range(3)]


def _spoilt(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
    half = Post(post.topic, post.payload[: len(post.payload) // 2])
    noise = Post(post.topic, b"\xff\x00 no message \xfe" * 8)
    huge = Post(post.topic, b'{"power_w":[1e999,NaN,' + b"9" * 2000 + b"]}")
    astray = Post(f"{post.topic}/further", b"{}")
    return [(spoilt, timedelta()) for spoilt in (half, noise, huge, astray)]

"""The broker of a simulated run: it hands on what is published, late, twice or not at all, and keeps what is retained."""

from collections.abc import Callable, Container, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from broker.agenda import Agenda
from broker.bus import Post
from broker.chance import Chance
from protocol.actor import Clear, Send
from protocol.codec import encode
from protocol.edges import ROUTES, hearers, parse_topic, topic
from protocol.errors import RefusedMessage

Intercept: TypeAlias = Callable[[str, Post], Iterable[tuple[Post, timedelta]]]
"""What a misbehaving party makes of its own post: none, others, later."""


class SimulatedBroker:
    """One for all parties."""

    def __init__(
        self,
        agenda: Agenda,
        chance: Chance,
        connected: Container[str],
        deliver: Callable[[str, Post], None],
        keeps_posts: bool,
    ) -> None:
        """`deliver` takes what arrives at one of those who are `connected`."""
        self.posts: list[tuple[datetime, str, Post]] = []
        """Everything that was published: instant, sender, post."""
        self.retained: dict[str, Post] = {}
        """What stands here, by topic."""
        self.intercepts: dict[str, Intercept | None] = {}
        """By party, what is made of what it says."""
        self._agenda, self._chance = agenda, chance
        self._connected, self._deliver, self._keeps_posts = connected, deliver, keeps_posts

    def send(self, sender: str, effect: Send) -> None:
        """What a party says to one of its edges."""
        kind = effect.message.kind
        post = Post(topic(kind, effect.edge), encode(effect.message), retain=ROUTES[kind].retained)
        intercept = self.intercepts[sender]
        posts = [(post, timedelta())] if intercept is None else intercept(sender, post)
        for changed, delay in posts:
            self._agenda.at(self._agenda.now + delay, partial(self.publish, sender, changed))

    def clear(self, effect: Clear) -> None:
        """A party takes its request off an edge."""
        self._agenda.at(self._agenda.now, partial(self.retained.pop, topic("request", effect.edge), None))

    def publish(self, sender: str, post: Post) -> None:
        """Now, also as a foreign client would."""
        agenda = self._agenda
        if self._keeps_posts:
            self.posts.append((agenda.now, sender, post))
        if post.retain:
            self.retained[post.topic] = post
        try:
            kind, edge = parse_topic(post.topic)
        except RefusedMessage:
            return
        for name in hearers(kind, edge):
            if name in self._connected:
                for _ in range(self._chance.copies()):
                    agenda.at(agenda.now + self._chance.delay(), partial(self._deliver, name, post))

    def standing(self, name: str) -> Iterator[Post]:
        """What a party is told when it subscribes."""
        for post in list(self.retained.values()):
            if name in hearers(*parse_topic(post.topic)):
                yield post

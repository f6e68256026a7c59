"""What a crowd is told differs in its references and plans only: the first message is made in the usual way, those
behind it like it."""

from typing import Generic, TypeVar

from protocol import messages as m
from protocol.plan import Plan

M = TypeVar("M", bound=m.EventMessage)


class Template(Generic[M]):
    """The message of a kind that was made last, and of what."""

    def __init__(self) -> None:
        self._of: tuple[object, ...] = ()
        self._message: M | None = None

    def made(self, of: tuple[object, ...], message_id: str, power_w: Plan | None = None, **refs: str) -> M | None:
        """A message like it, if all else that it is made of is the same."""
        like = self._message
        return like.under(message_id, power_w, **refs) if like is not None and of == self._of else None

    def keep(self, of: tuple[object, ...], message: M) -> M:
        """A message was made in the usual way."""
        self._of, self._message = of, message
        return message

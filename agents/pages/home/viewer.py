"""Who looks at the page: in which language, on whose clocks."""

from typing import NamedTuple

from starlette.requests import Request

from agents.pages.home.tongue import Tongue
from agents.pages.web.figures import Clockface
from agents.pages.web.site import ZONE, clockface

LANGUAGE = "gridpact_language"


class Viewer(NamedTuple):
    """As a request tells it."""

    tongue: Tongue
    clock: Clockface
    zone: str | None
    """The name of the zone, where the page's script has found it."""

    @classmethod
    def of(cls, request: Request) -> "Viewer":
        """The language is chosen, else what the browser prefers."""
        chosen = request.cookies.get(LANGUAGE)
        if chosen is None:
            chosen = request.headers.get("accept-language", "en")[:2]
        return cls(Tongue(chosen), clockface(request), request.cookies.get(ZONE))

"""Instants that are written as a span from now: `+45m`."""

import re
from datetime import datetime, timedelta

UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


def ahead(text: str, now: datetime) -> datetime | None:
    """`+30s`, `+45m` or `+2h` from now on, in whole seconds; None: it is written otherwise."""
    found = re.fullmatch(r"\+(\d{1,5})([smh])", text)
    if found is None:
        return None
    return (now + timedelta(**{UNITS[found[2]]: int(found[1])})).replace(microsecond=0)

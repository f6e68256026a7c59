"""`gridpact schema`: what travels and what is noted, for machines and for the docs."""

import sys

from agents.runtime.exits import Exit
from protocol import schema as schemas
from protocol.codec import to_json
from protocol.notes_page import notes_page


def schema(*, asyncapi: bool = False, notes: bool = False) -> int:
    """Print the JSON Schema of all messages, or the AsyncAPI 3 document, or the page about notes.

    Parameters
    ----------
    asyncapi
        The AsyncAPI document instead.
    notes
        docs/notes.md instead: every note that a party tells, with its keys and their units.
    """
    if notes:
        sys.stdout.write(notes_page())
        return Exit.OK
    sys.stdout.write(to_json(schemas.asyncapi() if asyncapi else schemas.json_schemas()).decode() + "\n")
    return Exit.OK

"""`gridpact schema`: what travels and what is noted, for machines and for the docs."""

import sys
from pathlib import Path

from agents.runtime.exits import Exit
from agents.settings.mistakes import ConfigError
from protocol.to_json import to_json


def schema(*, asyncapi: bool = False, notes: bool = False, into: Path | None = None) -> int:
    """Print the JSON Schema of all messages, or the AsyncAPI 3 document, or the page about notes; or write the contract.

    Parameters
    ----------
    asyncapi
        The AsyncAPI document instead.
    notes
        docs/notes.md instead: every note that a party tells, with its keys and their units.
    into
        A folder into which the contract for makers of devices is written, as it stands in docs/protocol: the AsyncAPI
        document from a device's view, a JSON Schema of each kind, all fields, the device's machine, the rules.
    """
    from protocol import schema as schemas
    from protocol.notes_page import notes_page

    if into is not None:
        from agents.tools.contract import write_contract

        try:
            write_contract(into)
        except OSError as error:
            raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from None
        return Exit.OK
    if notes:
        sys.stdout.write(notes_page())
        return Exit.OK
    sys.stdout.write(to_json(schemas.asyncapi() if asyncapi else schemas.json_schemas()).decode() + "\n")
    return Exit.OK

"""Values as JSON for people and their programs. Imports nothing that costs time."""

import orjson


def to_json(value: object) -> bytes:
    """For people and their programs, no message: a whole number beyond 64 bits (the sum of what strangers say) is told as
    the nearest float."""
    options = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(value, option=options)
    except orjson.JSONEncodeError:
        return orjson.dumps(_in_64_bits(value), option=options)


def _in_64_bits(value: object) -> object:
    match value:
        case dict():
            return {key: _in_64_bits(part) for key, part in value.items()}
        case list() | tuple():
            return [_in_64_bits(part) for part in value]
        case int() if not -(2**63) <= value < 2**64:
            return float(value)
    return value

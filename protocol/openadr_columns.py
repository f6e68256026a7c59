"""Which field of a message is which payload of an OpenADR 3.1 object: one table for both directions and for the page."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any


class Form(Enum):
    """How a value is written: (to OpenADR, back, unit of the descriptor)."""

    TEXT = (str, str, None)
    FLAG = (bool, lambda flag: flag, None)
    WHOLE = (float, round, None)
    SECONDS = (float, round, "S")
    PERCENT = (float, round, "PERCENT")
    KW = (lambda w: w / 1000, lambda kw: round(kw * 1000), "KW")
    KWH = (lambda wh: wh / 1000, lambda kwh: round(kwh * 1000), "KWH")
    PRICE = (lambda milli: milli / 1000, lambda price: round(price * 1000), "KWH")
    JSON = (lambda value: json.dumps(value, separators=(",", ":")), json.loads, None)
    JOINED = ("+".join, lambda text: text.split("+"), None)
    OR_NONE = (lambda text: text or "none", lambda text: None if text == "none" else text, None)

    def __init__(self, write: Callable[[Any], Any], read: Callable[[Any], Any], unit: str | None) -> None:
        self.write, self.read, self.unit = write, read, unit


class Per(Enum):
    """Where the value stands, and how many it is."""

    MESSAGE = auto()
    """One value, in the first interval."""
    MESSAGE_LIST = auto()
    """All values together in the first interval."""
    INTERVAL = auto()
    """One value in each interval."""
    INTERVAL_LIST = auto()
    """In each interval one value an option, in the options' order."""


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a message and the payload type that carries it."""

    field: str
    payload_type: str
    form: Form = Form.TEXT
    per: Per = Per.MESSAGE

    @property
    def private(self) -> bool:
        return self.payload_type.startswith("VPP_")


KIND = Column("kind", "VPP_MESSAGE_KIND")
_COMMON = (
    KIND,
    Column("version", "VPP_VERSION"),
    Column("message_id", "VPP_MESSAGE_ID"),
    Column("sent_at", "VPP_SENT_AT"),
    Column("extensions", "VPP_EXTENSIONS", Form.JSON),
    Column("request_id", "VPP_REQUEST_ID"),
    Column("round", "VPP_ROUND", Form.WHOLE),
    Column("revision", "VPP_REVISION", Form.WHOLE),
)
_REPLY_BY = Column("reply_by", "VPP_REPLY_BY")
_VALID_UNTIL = Column("valid_until", "VPP_VALID_UNTIL")
_AWARD_ID = Column("award_id", "VPP_AWARD_ID")
_REASON = Column("reason", "VPP_REASON")
RESOURCE = (
    Column("power_w", "VPP_OFFER", Form.KW, Per.INTERVAL),
    Column("kind", "VPP_RESOURCE_KIND"),
    Column("relaxable", "VPP_RELAXABLE", Form.FLAG),
)
"""The payloads of each single resource of an offer."""

COLUMNS: dict[str, tuple[Column, ...]] = {
    "request": (
        *_COMMON,
        Column("direction", "VPP_DIRECTION"),
        Column("power_w", "DISPATCH_SETPOINT_RELATIVE", Form.KW, Per.INTERVAL),
        _REPLY_BY,
        Column("decide_by", "VPP_DECIDE_BY"),
        Column("terms.least_share_pct", "VPP_LEAST_SHARE", Form.PERCENT),
        Column("terms.mandate", "VPP_MANDATE", Form.FLAG),
        Column("terms.price_milli_per_kwh", "PRICE", Form.PRICE),
        Column("terms.currency", "VPP_CURRENCY"),
        Column("terms.obliged", "VPP_OBLIGED", Form.FLAG),
    ),
    "offer": (
        *_COMMON,
        Column("opt", "VPP_OPT"),
        Column("opt_reason", "VPP_OPT_REASON"),
        Column("power_w", "VPP_OFFER", Form.KW, Per.INTERVAL),
        Column("available_w", "VPP_AVAILABLE", Form.KW, Per.INTERVAL),
        Column("binding", "VPP_BINDING", Form.OR_NONE, Per.INTERVAL),
        Column("basis", "VPP_BASIS"),
        _VALID_UNTIL,
    ),
    "relax": (
        *_COMMON,
        Column("shortfall_w", "VPP_SHORTFALL", Form.KW, Per.INTERVAL),
        Column("restrictions", "VPP_RESTRICTIONS", Form.TEXT, Per.MESSAGE_LIST),
        _REPLY_BY,
    ),
    "alternative": (
        *_COMMON,
        Column("options.power_w", "VPP_OPTION", Form.KW, Per.INTERVAL_LIST),
        Column("options.option_id", "VPP_OPTION_ID", Form.TEXT, Per.MESSAGE_LIST),
        Column("options.basis", "VPP_OPTION_BASIS", Form.JOINED, Per.MESSAGE_LIST),
        Column("options.shape", "VPP_OPTION_SHAPE", Form.TEXT, Per.MESSAGE_LIST),
        _VALID_UNTIL,
    ),
    "award": (
        *_COMMON,
        _AWARD_ID,
        Column("accepts", "VPP_ACCEPTS"),
        Column("outcome", "VPP_OUTCOME"),
        Column("power_w", "VPP_AWARD", Form.KW, Per.INTERVAL),
        _REASON,
        Column("confirm_by", "VPP_CONFIRM_BY"),
    ),
    "confirm": (*_COMMON, _AWARD_ID, Column("accepted", "VPP_ACCEPTED", Form.FLAG), _REASON),
    "dispatch": (
        *_COMMON,
        _AWARD_ID,
        Column("power_w", "DISPATCH_SETPOINT_RELATIVE", Form.KW),
        Column("valid_for_s", "VPP_VALID_FOR", Form.SECONDS),
        Column("fallback", "VPP_FALLBACK"),
        Column("answer", "VPP_ANSWER", Form.FLAG),
        Column("telemetry_s", "VPP_TELEMETRY_EVERY", Form.SECONDS),
    ),
    "report": (
        *_COMMON,
        Column("state", "VPP_DISPATCH_STATUS"),
        Column("measured_at", "VPP_MEASURED_AT"),
        Column("energy_wh", "VPP_USAGE_SO_FAR", Form.KWH),
        Column("baseline_wh", "VPP_BASELINE_SO_FAR", Form.KWH),
        Column("power_w", "VPP_POWER", Form.KW),
        Column("readings.energy_wh", "USAGE", Form.KWH, Per.INTERVAL),
        Column("readings.baseline_wh", "BASELINE", Form.KWH, Per.INTERVAL),
        Column("readings.soc_wh", "VPP_SOC", Form.KWH, Per.INTERVAL),
        Column("readings.state", "VPP_EVENT_STATUS", Form.TEXT, Per.INTERVAL),
        Column("readings.reading_type", "VPP_READING_TYPE", Form.TEXT, Per.INTERVAL),
    ),
    "withdraw": (
        *_COMMON,
        _AWARD_ID,
        Column("from_slot", "VPP_FROM_SLOT", Form.WHOLE),
        Column("power_w", "VPP_OFFER", Form.KW, Per.INTERVAL),
        Column("cause", "VPP_CAUSE"),
    ),
}

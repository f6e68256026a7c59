"""Procedures as a maker reads them: steps that say, hear, wait and judge, each with the rule that it looks at."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Discriminator, Field, Tag

from agents.settings.checked import ConfigError, checked
from agents.settings.parties import Settings
from agents.tools.conform.rules import rules
from agents.tools.conform.yaml_file import read_yaml
from protocol.units import Percent

FOLDER = Path(__file__).parent / "procedures"
Share: TypeAlias = Annotated[int, Field(ge=0, le=1_000)]
"""Percent."""
Label: TypeAlias = Annotated[str, Field(pattern=r"^[a-z]\w*$")]
Seconds: TypeAlias = Annotated[float, Field(ge=-600, le=86_400)]


class _Step(Settings):
    """Of all steps."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class SayStep(_Step):
    """Say a message. What is left out is filled in so that it is right."""

    say: Literal["request", "relax", "award", "dispatch", "reject"]
    label: Label | None = Field(None, alias="as")
    to: Label | None = None
    """What it is about: an award's offer, a dispatch's award; a request of the same event."""
    under: Label | None = None
    """Of an award: the request that it names, if that is not the offer's."""
    from_: str | None = Field(None, alias="from")
    """Another parent than the device's."""
    direction: Literal["first", "other"] = "first"
    slots: Annotated[int, Field(ge=1, le=48)] = 2
    slot: Literal["usual", "power"] | int = "usual"
    """Of a request: slots of half an hour, or as short as power can be judged in. Of a dispatch: its number."""
    pct: Share | tuple[Share, ...] = 100
    """Of the device's power (request), of the offer (award), of the award (dispatch), of the request (relax)."""
    starts_in_s: Seconds | None = None
    reply_in_s: Seconds | None = None
    sent_in_s: Seconds = 0
    """How wrong its `sent_at` is."""
    round: int = 1
    revision: int = 1
    outcome: Literal["concluded", "not_needed", "no_deal", "cancelled"] = "concluded"
    id_of: Label | None = None
    """Its `message_id` is the one that this was said under."""
    fields: dict[str, Any] = Field(default_factory=dict)
    """Of the message itself, as they are."""


class AgainStep(_Step):
    """Say something once more, byte for byte."""

    again: Label


class RawStep(_Step):
    """Bytes that are no message, on a topic of the device."""

    raw: Literal["request", "relax", "award", "dispatch"]
    payload: str
    times: Annotated[int, Field(ge=1, le=100_000)] = 1
    """The payload, so often in a row."""


class HearStep(_Step):
    """The device has to say something."""

    hear: Literal["offer", "confirm", "report", "reject", "presence", "capability"]
    to: Label | None = None
    label: Label | None = Field(None, alias="as")
    within: Literal["answer", "report", "start", "return"] = "answer"
    rule: str
    is_: dict[str, Any] = Field(default_factory=dict, alias="is")
    """Fields that have to be so; else `otherwise` is broken."""
    otherwise: str | None = None
    goes_on: bool = False
    """Whether the procedure goes on when nothing comes."""
    same_as: Label | None = None
    """What it has to say again: the same plan, the same word, the same energy."""


class QuietStep(_Step):
    """The device must not say something."""

    quiet: Literal["offer", "confirm", "report", "reject"]
    to: Label | None = None
    for_s: Annotated[float, Field(gt=0, le=60)] | None = None
    is_: dict[str, Any] = Field(default_factory=dict, alias="is")
    """Only what is so counts."""
    rule: str


class WaitStep(_Step):
    """Wait for an instant of a slot, in percent of it."""

    wait: Label
    """The request."""
    slot: Annotated[int, Field(ge=0)] = 0
    pct: Percent = 0


class LapseStep(_Step):
    """Wait until an offer is not valid any more; the procedure ends where that takes too long."""

    lapse: Label
    """The offer."""
    within_s: Annotated[float, Field(gt=0, le=600)]
    rule: str
    """What then cannot be looked at."""


class PowerStep(_Step):
    """What flowed in a slot has to be as dispatched: by the reports, and by the meter where there is one."""

    power: Label
    """The award, or the request where none stands."""
    slot: Annotated[int, Field(ge=0)] = 0
    pct: Share = 100
    """Of the award in that slot."""
    most: bool = False
    """It may be less."""
    of_slot_pct: Percent = 100
    """For so much of the slot."""
    reported: bool = True
    """Whether a report has to come; without one nothing is judged unless there is a meter."""
    rule: str


class StandsStep(_Step):
    """What stands retained at the broker."""

    stands: Literal["presence", "capability"]
    is_: dict[str, Any] = Field(default_factory=dict, alias="is")
    rule: str


class BrokerStep(_Step):
    """Take the broker away for a while."""

    broker: Literal["restart"]


class DeviceStep(_Step):
    """Kill the device, or start it."""

    device: Literal["kill", "start"]


STEPS = (
    SayStep, AgainStep, RawStep, HearStep, QuietStep, WaitStep, LapseStep, PowerStep, StandsStep, BrokerStep, DeviceStep,
)  # fmt: skip
VERBS: dict[str, type[_Step]] = {next(iter(step.model_fields)): step for step in STEPS}
"""By the key that a step begins with."""


def _verb(value: Any) -> str:
    """By what a step begins with."""
    if isinstance(value, dict):
        return next((key for key in value if key in VERBS), "")
    return next((verb for verb, step in VERBS.items() if isinstance(value, step)), "")


TrialStep: TypeAlias = Annotated[
    Annotated[SayStep, Tag("say")]
    | Annotated[AgainStep, Tag("again")]
    | Annotated[RawStep, Tag("raw")]
    | Annotated[HearStep, Tag("hear")]
    | Annotated[QuietStep, Tag("quiet")]
    | Annotated[WaitStep, Tag("wait")]
    | Annotated[LapseStep, Tag("lapse")]
    | Annotated[PowerStep, Tag("power")]
    | Annotated[StandsStep, Tag("stands")]
    | Annotated[BrokerStep, Tag("broker")]
    | Annotated[DeviceStep, Tag("device")],
    Discriminator(_verb),
]


Needs: TypeAlias = tuple[
    Literal["relax", "presence", "capability", "answers_dispatch", "meter", "open", "process", "one_way", "two_way"],
    ...,
]


class Procedure(Settings):
    """One file."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")]
    text: str
    """What happens, for people."""
    needs: Needs = ()
    """Features of the device; `open`: no access list keeps others out; `process`: the command of the device is known;
    `one_way`: it gives power in one direction only, `two_way`: in both."""
    shows: tuple[str, ...] = ()
    """Rules that are looked at with every message, and that it gives an occasion to break."""
    steps: Annotated[tuple[TrialStep, ...], Field(min_length=1)]

    def rules(self) -> Iterator[str]:
        """Those that it looks at."""
        yield from self.shows
        for step in self.steps:
            yield from (rule for name in ("rule", "otherwise") if (rule := getattr(step, name, None)) is not None)


@cache
def procedures(folder: Path = FOLDER) -> tuple[Procedure, ...]:
    """Those of a folder, in the order of their files' names. Raises ConfigError."""
    found = []
    for path in sorted(folder.glob("*.yaml")):
        procedure = checked(Procedure, read_yaml(path), str(path))
        for rule in procedure.rules():
            if rule not in rules():
                raise ConfigError(f"{path}: there is no rule {rule}")
        found.append(procedure)
    if not found:
        raise ConfigError(f"{folder}: holds no procedure (*.yaml)")
    return tuple(found)

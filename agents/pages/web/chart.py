"""Where the shapes of a slot chart stand. The template draws them as SVG in the page: no script, no colours of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, log10

from agents.pages.web.figures import kw
from protocol.plan import Plan

WIDTH, HEIGHT = 560, 260
LEFT, RIGHT, TOP, BOTTOM = 50, 10, 34, 30
GAP = 0.12
"""Between the bars, of a slot."""


@dataclass(frozen=True, slots=True)
class ChartBar:
    """A rectangle; `tone` is the number of its colour."""

    x: float
    y: float
    width: float
    height: float
    tone: int
    text: str


@dataclass(frozen=True, slots=True)
class ChartTick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class ChartLegend:
    """What a colour stands for; `shape`: bar, line, diamond, delivered or short."""

    shape: str
    tone: int
    name: str


@dataclass(frozen=True, slots=True)
class SlotChart:
    """Stacked parts, the requested power as a step line, the deal as diamonds, what was delivered as narrow bars, what is
    missing as dashed frames."""

    bars: tuple[ChartBar, ...]
    short: tuple[ChartBar, ...]
    delivered: tuple[ChartBar, ...]
    line: str
    diamonds: tuple[ChartTick, ...]
    """`at` is x; `text` is y."""
    ticks: tuple[ChartTick, ...]
    labels: tuple[ChartTick, ...]
    legend: tuple[ChartLegend, ...]
    alt: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = RIGHT
    bottom: int = HEIGHT - BOTTOM
    top: int = TOP


class ChartFrame:
    """Where a slot and a power stand in the picture."""

    def __init__(self, slots: int, most_w: int) -> None:
        self.step_w = _step(most_w)
        self.ceiling_w = self.step_w * ceil(most_w / self.step_w)
        self.wide = (WIDTH - LEFT - RIGHT) / max(1, slots)

    def x(self, slots: float) -> float:
        """After so many slots."""
        return round(LEFT + self.wide * slots, 1)

    def y(self, power_w: float) -> float:
        """Of a power."""
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - power_w / self.ceiling_w), 1)

    def bar(self, left: float, width: float, base_w: int, top_w: int, tone: int, text: str) -> ChartBar:
        """From one power to another, so many slots wide."""
        top = self.y(top_w)
        return ChartBar(self.x(left), top, round(self.wide * width, 1), round(self.y(base_w) - top, 1), tone, text)

    def stacks(self, labels: Sequence[str], parts: Sequence[tuple[str, Plan]]) -> Iterator[ChartBar]:
        """The parts of each slot, one on the other."""
        for slot, label in enumerate(labels):
            base = 0
            for tone, (name, plan) in enumerate(parts):
                if plan[slot]:
                    text, top = f"{label}: {name} {kw(plan[slot])} kW", base + plan[slot]
                    yield self.bar(slot + GAP, 1 - 2 * GAP, base, top, tone % 8, text)
                    base = top

    def delivered(self, labels: Sequence[str], delivered_w: dict[int, int]) -> Iterator[ChartBar]:
        """A narrow bar in each slot that was metered."""
        for slot, power_w in sorted(delivered_w.items()):
            if slot < len(labels):
                text = f"{labels[slot]}: delivered {kw(power_w)} kW"
                yield self.bar(slot + 0.5 - 0.09, 0.18, 0, max(0, power_w), 8, text)

    def missing(self, labels: Sequence[str], requested_w: Plan, short_w: Plan) -> Iterator[ChartBar]:
        """What is missing of the request, below its line."""
        for slot, short in enumerate(short_w):
            if short > 0:
                top, text = requested_w[slot], f"{labels[slot]}: short by {kw(short)} kW"
                yield self.bar(slot + GAP, 1 - 2 * GAP, top - short, top, 0, text)

    def line(self, plan: Plan) -> str:
        """A step for each slot."""
        starts = (f"M{LEFT} {self.y(w)}" if not slot else f"V{self.y(w)}" for slot, w in enumerate(plan))
        return "".join(f"{start}H{LEFT + self.wide * (slot + 1):.1f}" for slot, start in enumerate(starts))

    def names(self, labels: Sequence[str]) -> Iterator[ChartTick]:
        """Of the slots, twelve at most."""
        every = max(1, ceil(len(labels) / 12))
        for slot, label in enumerate(labels):
            if slot % every == 0:
                yield ChartTick(self.x(slot + 0.5), label.split("–")[0] if len(labels) > 4 else label)


def slot_chart(
    labels: Sequence[str],
    requested_w: Plan,
    parts: Sequence[tuple[str, Plan]],
    deal_w: Plan | None,
    delivered_w: dict[int, int],
    alt: str,
    short_w: Plan | None = None,
) -> SlotChart:
    """All values are W a slot; `delivered_w` is the mean power of the slots that were metered; `short_w` is missing of
    what is requested."""
    slots = len(requested_w)
    stacks = [sum(plan[slot] for _, plan in parts) for slot in range(slots)]
    frame = ChartFrame(slots, max([*requested_w, *stacks, *(deal_w or ()), *delivered_w.values(), 1]))
    delivered = tuple(frame.delivered(labels, delivered_w))
    missing = tuple(frame.missing(labels, requested_w, short_w or ()))
    legend = [ChartLegend("line", 0, "requested")]
    legend += [ChartLegend("bar", tone % 8, name) for tone, (name, _) in enumerate(parts)]
    legend += [ChartLegend("diamond", 0, "awarded")] if deal_w else []
    legend += [ChartLegend("delivered", 8, "delivered")] if delivered else []
    legend += [ChartLegend("short", 0, "short")] if missing else []
    return SlotChart(
        tuple(frame.stacks(labels, parts)),
        missing,
        delivered,
        frame.line(requested_w),
        tuple(ChartTick(frame.x(slot + 0.5), str(frame.y(power_w))) for slot, power_w in enumerate(deal_w or ())),
        tuple(ChartTick(frame.y(value), kw(value)) for value in range(0, frame.ceiling_w + 1, frame.step_w)),
        tuple(frame.names(labels)),
        tuple(legend),
        alt,
    )


def _step(most: int) -> int:
    """A round distance of the lines, W, so that there are about five."""
    rough = most / 5
    size = 10 ** int(log10(max(rough, 1)))
    return int(next((factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= rough), 10 * size))

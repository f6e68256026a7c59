"""Where the shapes of a slot chart stand. The template draws them as SVG in the page: no script, no colours of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log10

from agents.pages.web.figures import kw
from protocol.plan import Plan

WIDTH, HEIGHT = 520, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 26, 34
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
    """What a colour stands for; `shape`: bar, line, diamond or hatch."""

    shape: str
    tone: int
    name: str


@dataclass(frozen=True, slots=True)
class SlotChart:
    """Stacked parts, the requested power as a step line, the deal as diamonds, what was delivered as narrow bars."""

    bars: tuple[ChartBar, ...]
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


def slot_chart(
    labels: Sequence[str],
    requested_w: Plan,
    parts: Sequence[tuple[str, Plan]],
    deal_w: Plan | None,
    delivered_w: dict[int, int],
    alt: str,
) -> SlotChart:
    """All values are W a slot; `delivered_w` is the mean power of the slots that were metered."""
    slots = len(requested_w)
    stacks = [sum(plan[slot] for _, plan in parts) for slot in range(slots)]
    most = max([*requested_w, *stacks, *(deal_w or ()), *delivered_w.values(), 1])
    step = _step(most)
    ceiling = step * ceil(most / step)
    wide = (WIDTH - LEFT - RIGHT) / max(1, slots)
    high = HEIGHT - TOP - BOTTOM

    def y(power_w: float) -> float:
        return round(TOP + high * (1 - power_w / ceiling), 1)

    bars = []
    for slot in range(slots):
        base = 0
        for tone, (name, plan) in enumerate(parts):
            if plan[slot]:
                x, width = LEFT + wide * (slot + GAP), wide * (1 - 2 * GAP)
                top = y(base + plan[slot])
                text = f"{labels[slot]}: {name} {kw(plan[slot])} kW"
                bars.append(ChartBar(round(x, 1), top, round(width, 1), round(y(base) - top, 1), tone % 8, text))
                base += plan[slot]
    delivered = [
        ChartBar(
            round(LEFT + wide * (slot + 0.5 - 0.09), 1), y(max(0, power_w)), round(wide * 0.18, 1),
            round(y(0) - y(max(0, power_w)), 1), 8, f"{labels[slot]}: delivered {kw(power_w)} kW",
        )
        for slot, power_w in sorted(delivered_w.items())
        if slot < slots
    ]  # fmt: skip
    line = ""
    for slot, power_w in enumerate(requested_w):
        line += f"{'M' if not slot else 'V'}" + (f"{LEFT} {y(power_w)}" if not slot else f"{y(power_w)}")
        line += f"H{LEFT + wide * (slot + 1):.1f}"
    diamonds = [
        ChartTick(round(LEFT + wide * (slot + 0.5), 1), str(y(power_w))) for slot, power_w in enumerate(deal_w or ())
    ]
    every = max(1, ceil(slots / 12))
    named = [
        ChartTick(round(LEFT + wide * (slot + 0.5), 1), label.split("–")[0] if slots > 4 else label)
        for slot, label in enumerate(labels)
        if slot % every == 0
    ]
    legend = [ChartLegend("line", 0, "requested")]
    legend += [ChartLegend("bar", tone % 8, name) for tone, (name, _) in enumerate(parts)]
    legend += [ChartLegend("diamond", 0, "awarded")] if deal_w else []
    legend += [ChartLegend("delivered", 8, "delivered")] if delivered else []
    ticks = [ChartTick(y(value), kw(value)) for value in range(0, ceiling + 1, step)]
    return SlotChart(
        tuple(bars), tuple(delivered), line, tuple(diamonds), tuple(ticks), tuple(named), tuple(legend), alt
    )


def _step(most: int) -> int:
    """A round distance of the lines, W, so that there are about five."""
    rough = most / 5
    size = 10 ** int(log10(max(rough, 1)))
    return int(next((factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= rough), 10 * size))

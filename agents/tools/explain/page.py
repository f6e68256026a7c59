"""The story as one page: one file without a script, a picture from elsewhere or a link, light or dark as its reader is.

The pictures are SVG that stands in the page. Their ink is the page's text colour, so they turn dark with it.
"""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.settings.checked import ConfigError
from agents.tools.explain import words
from agents.tools.explain.passages import passages, verdict_text
from agents.tools.explain.story.climb import ClimbStory
from agents.tools.explain.story.story import Story
from agents.tools.explain.summary import added, top_climbs
from agents.tools.explain.words import RUNGS
from protocol.plan import Plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"offers": "#56B4E9", "surplus": "#F0E442", "plan": "#D55E00", "storage": "#E69F00", "relaxed": "#009E73"}
"""Those of Okabe and Ito; the legend stands in the order in which the bars are stacked."""
CAUSE, AWARDED, DELIVERED = "#CC79A7", "#999999", "#0072B2"
STEPS = {"offers": "S24", "surplus": "S24", "plan": "S24", "storage": "S26", "relaxed": "S30"}
INK = "#123456"
"""Replaced by `currentColor`: matplotlib knows no colour that its surroundings decide."""
HEAD = re.compile(
    r"^.*?(?=<svg)|<metadata>.*?</metadata>\s*| xmlns(?::xlink)?=\"[^\"]*\"|(?<=<g) id=\"\w+_[\d.]+\"", re.DOTALL
)
"""What an SVG needs only as a file of its own; ids that each of several in one page would have again."""
SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gridpact",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture and what it says for those who do not see it."""

    svg: str
    alt: str


def write_page(story: Story, path: Path) -> None:
    """Write the page. Raises ConfigError when it cannot be written, or the libraries for it are missing."""
    try:
        import matplotlib  # noqa: F401
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise ConfigError("the page needs jinja2 and matplotlib: pip install 'gridpact[report]'") from None
    rooms = Environment(
        loader=PackageLoader("agents.tools.explain", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    rooms.filters |= {"key": id, "cause": words.cause}
    text = rooms.get_template("page.html.j2").render(
        story=story,
        words=words,
        verdict_text=verdict_text,
        passages=passages(story),
        whole=_whole(story),
        ladders={id(climb): _ladder(climb) for climb in story.climbs if climb.rungs},
        causes={id(climb): _causes(climb) for climb in story.climbs if climb.causes},
        delivery=_delivery(story),
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None


def _whole(story: Story) -> Shown | None:
    """The whole event: what the rungs of all aggregators added, and the deal that came of it."""
    climbs = top_climbs(story)
    parts = [(STEPS[name], name, added(climbs, name, story.slots)) for name in COLOURS]
    parts = [part for part in parts if part[1] not in ("surplus", "plan") or any(part[2])]  # no rungs of the patent
    if not climbs:
        return None
    return _stacked("all aggregators", story.requested_w, [part for part in parts if any(part[2])], story.deal_w)


def _ladder(climb: ClimbStory) -> Shown:
    """What each rung of one climb added."""
    parts = [(rung.step, rung.name, rung.added_w) for rung in climb.rungs if rung.climbed]
    return _stacked(f"{climb.party}, round {climb.round}", climb.requested_w, parts)


def _stacked(whose: str, requested_w: Plan, parts: Sequence[tuple[str, str, Plan]], deal_w: Plan = ()) -> Shown:
    """Each part (step, rung, W per slot) on top of the one before, under the request as a step line."""
    slots = len(requested_w)

    def draw(panel: "Axes") -> None:
        bottom = [0.0] * slots
        for step, name, plan in parts:
            panel.bar(range(slots), _kw(plan), 0.7, bottom, color=COLOURS[name], label=f"{step} {RUNGS[name]}")
            bottom = [a + b for a, b in zip(bottom, _kw(plan), strict=True)]
        edges = [slot - 0.5 for slot in range(slots + 1)]
        panel.stairs(_kw(requested_w), edges, baseline=None, color=INK, linewidth=1.6, label="requested")
        if any(deal_w):
            # beside the request's line, which it most often lies on
            panel.plot(range(slots), _kw(deal_w), "D", color=INK, markersize=5, label="awarded in the end")
        _slots(panel, slots, "kW")

    sent = [f"requested {words.kw(requested_w)}", *(f"{RUNGS[name]} {words.kw(plan)}" for _, name, plan in parts)]
    sent += [f"awarded {words.kw(deal_w)}"] if any(deal_w) else []
    return Shown(_svg(draw, 4.6, 2.6), f"{whose}: {'; '.join(sent)}")


def _causes(climb: ClimbStory) -> Shown:
    """What each cause took away of the request, as energy."""
    named = [(words.cause(cause.cause), cause.energy_wh) for cause in climb.causes]

    def draw(panel: "Axes") -> None:
        bars = panel.barh([name for name, _ in named], [wh / 1000 for _, wh in named], 0.6, color=CAUSE)
        panel.bar_label(bars, [words.kwh(wh) for _, wh in named], padding=3, color=INK)
        panel.invert_yaxis()
        panel.margins(x=0.25)
        panel.set_xlabel("kWh not offered")
        panel.spines[["top", "right"]].set_visible(False)

    sent = "; ".join(f"{name} {words.kwh(wh)}" for name, wh in named)
    return Shown(_svg(draw, 5.2, 0.8 + 0.3 * len(named)), f"not offered: {sent}")


def _delivery(story: Story) -> list[tuple[str, Shown]]:
    """Awarded beside delivered, at each party that sums its slots up."""
    return [
        (party, _delivered(story, party))
        for party in story.roles
        if any(one.party == party for one in story.delivery)
    ]  # fmt: skip


def _delivered(story: Story, party: str) -> Shown:
    slots = sorted((one for one in story.delivery if one.party == party), key=lambda one: one.slot)

    def draw(panel: "Axes") -> None:
        at = [one.slot for one in slots]
        awarded, delivered = ([wh / 1000 for wh in found] for found in zip(*energies, strict=True))
        panel.bar([x - 0.2 for x in at], awarded, 0.38, color=AWARDED, label="awarded")
        panel.bar([x + 0.2 for x in at], delivered, 0.38, color=DELIVERED, label="delivered")
        _slots(panel, story.slots, "kWh")

    energies = [(one.awarded_wh, one.delivered_wh) for one in slots]
    sent = "; ".join(f"slot {one.slot + 1}: {words.kwh(one.delivered_wh)}" for one in slots)
    return Shown(_svg(draw, 4.6, 2.2), f"{party} counts as delivered: {sent}")


def _kw(plan: Plan) -> list[float]:
    return [power_w / 1000 for power_w in plan]


def _slots(panel: "Axes", slots: int, unit: str) -> None:
    panel.set_xticks(range(slots), [str(slot + 1) for slot in range(slots)])
    panel.set_xlabel("slot")
    panel.set_ylabel(unit)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)


def _svg(draw: Callable[["Axes"], None], width: float, height: float) -> str:
    """A picture as an element of a page, the same bytes every time. Sizes are inches."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    drawn: Any = io.StringIO()
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.subplots())
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    return HEAD.sub("", drawn.getvalue()).replace("xlink:href", "href").replace(INK, "currentColor")

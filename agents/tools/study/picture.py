"""The results as small multiples: habits across, books down, sizes along, one bar a variant.

Colours are those of Okabe and Ito, which stay apart for colour-blind eyes; they also stand in the order of the
ladder, so the picture reads without them.
"""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from agents.runtime.files.from_csv import Plugged
from agents.settings.checked import ConfigError
from agents.tools.study.results import StudyRow
from agents.tools.study.sequence import SequenceOutcome
from agents.tools.study.table import BOOKS, HABITS
from agents.tools.study.variants import VARIANTS, StudyBooks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#999999", "#E69F00", "#56B4E9", "#009E73", "#0072B2")
WIDTH = 0.18


def can_draw() -> None:
    """Raises ConfigError when matplotlib is not installed: known before a long run, not after it."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ConfigError("the picture needs matplotlib: pip install 'gridpact[report]'") from None


def draw(found: Sequence[StudyRow], path: Path) -> None:
    """Draw the rows into an SVG or PNG, by the ending. Raises ConfigError when that cannot be."""
    can_draw()
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    books = [one for one in StudyBooks if any(row.books is one for row in found)]
    habits = [one for one in Plugged if any(row.plugged is one for row in found)]
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "gridpact", "font.size": 9}):
        figure = Figure(figsize=(9.2, 0.9 + 2.5 * len(books)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(len(books), len(habits), sharex=True, sharey=True, squeeze=False)
        for down, one in enumerate(books):
            for across, habit in enumerate(habits):
                panel = axes[down][across]
                _panel(panel, [row for row in found if row.books is one and row.plugged is habit])
                panel.set_title(f"plugged in {HABITS[habit]}; {BOOKS[one]}", fontsize=9, loc="left")
        for panel in axes[-1]:
            panel.set_xlabel("request, in multiples of what the fleet can give by itself")
        for line in axes:
            line[0].set_ylabel("% of the request")
        handles, labels = axes[0][0].get_legend_handles_labels()
        order = sorted(range(len(labels)), key=lambda at: labels[at].startswith("requests"))
        figure.legend(
            [handles[at] for at in order],
            [labels[at] for at in order],
            loc="outside upper center",
            ncols=len(labels),
            frameon=False,
            columnspacing=1.0,
            handlelength=1.2,
        )
        metadata = {"Date": None} if path.suffix == ".svg" else None
        try:
            figure.savefig(path, dpi=110, metadata=metadata)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None


def _panel(panel: "Axes", found: Sequence[StudyRow]) -> None:
    """Bars: energy secured, with the figure; ticks: requests concluded."""
    sizes = list(dict.fromkeys(row.size_pct for row in found))
    variants = [variant for variant in VARIANTS if any(row.variant == variant.name for row in found)]
    by = {(row.size_pct, row.variant): row for row in found}
    for place, variant in enumerate(variants):
        at = [group + (place - (len(variants) - 1) / 2) * WIDTH for group in range(len(sizes))]
        cells = [by[size, variant.name] for size in sizes]
        secured = [cell.secured_pct for cell in cells]
        panel.bar(at, secured, WIDTH * 0.92, color=COLOURS[place], label=variant.label)
        panel.hlines(
            [cell.concluded_pct for cell in cells],
            [x - WIDTH * 0.46 for x in at],
            [x + WIDTH * 0.46 for x in at],
            color="black",
            linewidth=1.4,
            label="requests concluded" if place == 0 else "_",
        )
        for x, cell in zip(at, cells, strict=True):
            top = max(cell.secured_pct, cell.concluded_pct)
            panel.text(x, top + 2, f"{cell.secured_pct:.0f}", ha="center", va="bottom", fontsize=6)
    panel.set_xticks(range(len(sizes)), [f"{size / 100:.1f}" for size in sizes])
    panel.set_ylim(0, 112)
    panel.set_yticks(range(0, 101, 25))
    panel.grid(axis="y", color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)


def draw_sequences(found: Sequence[Sequence[SequenceOutcome]], path: Path) -> None:
    """Draw events one after the other: energy secured and owners disturbed so far, by book; into an SVG or PNG, by the
    ending. Raises ConfigError when that cannot be."""
    can_draw()
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    habits = list(dict.fromkeys(one[0].plugged for one in found))
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "gridpact", "font.size": 9}):
        figure = Figure(figsize=(9.2, 5.2), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(2, len(habits), sharex=True, sharey="row", squeeze=False)
        for across, habit in enumerate(habits):
            for colour, outcomes in zip(COLOURS, (one for one in found if one[0].plugged is habit), strict=False):
                at, label = range(1, len(outcomes) + 1), str(outcomes[0].book)
                secured = _so_far([one.secured for one in outcomes], [one.asked for one in outcomes])
                disturbed = _so_far([len(one.disturbed) for one in outcomes], [one.homes for one in outcomes])
                axes[0][across].plot(at, secured, color=colour, label=label)
                axes[1][across].plot(at, disturbed, color=colour, label=label)
            axes[0][across].set_title(f"plugged in {HABITS[habit]}", fontsize=9, loc="left")
            axes[1][across].set_xlabel("events so far")
        axes[0][0].set_ylabel("energy secured, % of the requests")
        axes[1][0].set_ylabel("owners disturbed, % of homes")
        for panel in axes.flat:
            panel.grid(axis="y", color="#dddddd", linewidth=0.6)
            panel.spines[["top", "right"]].set_visible(False)
        figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
        metadata = {"Date": None} if path.suffix == ".svg" else None
        try:
            figure.savefig(path, dpi=110, metadata=metadata)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None


def _so_far(parts: Sequence[int], of: Sequence[int]) -> list[float]:
    """Percent, all up to each."""
    return [100 * a / b if b else 0.0 for a, b in zip(accumulate(parts), accumulate(of), strict=True)]

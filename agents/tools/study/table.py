"""The results as a table in Markdown, put into a page between two marks."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from agents.runtime.files.from_csv import Plugged
from agents.settings.checked import ConfigError
from agents.tools.study.results import StudyRow
from agents.tools.study.variants import VARIANTS, StudyBooks

BEGIN, END = "<!-- results: written by gridpact study -->", "<!-- end of results -->"
EMPTY = f"# What the fallbacks are worth\n\n{BEGIN}\n{END}\n"
HABITS = {Plugged.AS_RECORDED: "as recorded", Plugged.EVERY_EVENING: "every evening"}
BOOKS = {StudyBooks.KNOWN: "the aggregator knows its fleet", StudyBooks.TRUSTED: "the aggregator trusts the contracts"}


def table(found: Sequence[StudyRow]) -> str:
    """One table a book: habits and sizes down, variants across; energy secured, and in brackets deals concluded."""
    return "\n".join(
        line for books in StudyBooks for line in _of_books([row for row in found if row.books is books], books)
    )


def _of_books(found: Sequence[StudyRow], books: StudyBooks) -> Iterator[str]:
    if not found:
        return
    by = {(row.plugged, row.size_pct, row.variant): row for row in found}
    names = [variant for variant in VARIANTS if any(row.variant == variant.name for row in found)]
    yield f"**{BOOKS[books].capitalize()}** (`{books}`): energy secured (requests concluded)\n"
    yield (
        "| plugged in | size | "
        + " | ".join(variant.label for variant in names)
        + " | met in full | owners disturbed |"
    )
    yield "|---|---:|" + "---:|" * (len(names) + 2)
    for plugged, size_pct in dict.fromkeys((row.plugged, row.size_pct) for row in found):
        cells = [by[plugged, size_pct, variant.name] for variant in names]
        shares = " | ".join(f"{cell.secured_pct:.0f} % ({cell.concluded_pct:.0f} %)" for cell in cells)
        last = cells[-1]
        yield (
            f"| {HABITS[plugged]} | {size_pct / 100:.1f} | {shares} | {last.in_full_pct:.0f} % "
            f"| {last.disturbed_pct:.0f} % |"
        )
    yield ""


def beside_optimum(found: Sequence[StudyRow]) -> str:
    """One table a book, of what was compared with the optimum of the coalition: a line each habit, size and variant."""
    return "\n".join(
        line for books in StudyBooks for line in _beside([row for row in found if row.books is books], books)
    )


def _beside(found: Sequence[StudyRow], books: StudyBooks) -> Iterator[str]:
    some = [row for row in found if row.of_best_pct is not None]
    if not some:
        return
    labels = {variant.name: variant.label for variant in VARIANTS}
    yield f"**{BOOKS[books].capitalize()}** (`{books}`), beside the optimum of the coalition with the same means\n"
    yield (
        "| plugged in | size | variant | energy of the optimum | level of the optimum | unused potential, energy "
        "| unused potential, level | concluded | owners disturbed | relays woken | questions a home | messages a home |"
    )
    yield "|---|---:|---|" + "---:|" * 9
    for row in some:
        yield (
            f"| {HABITS[row.plugged]} | {row.size_pct / 100:.1f} | {labels[row.variant]} | {row.of_best_pct:.1f} % "
            f"| {row.level_of_best_pct:.1f} % | {row.unused_energy_pct:.1f} % | {row.unused_level_pct:.1f} % "
            f"| {row.concluded_pct:.0f} % | {row.disturbed_pct:.1f} % "
            f"| {row.woken_pct:.0f} % | {row.questions:.1f} | {row.messages:.0f} |"
        )
    yield ""


def about_line(about: Mapping[str, object]) -> str:
    """What was run, where and when, in one sentence."""
    return (
        f"{about['events']} events, {about['negotiations']} outcomes, of which {about['runs']} were negotiated and the "
        f"rest follow (see 'How it is run'); seed {about['seed']}; {about['date']}, {about['machine']}, "
        f"{about['jobs']} processes, {about['seconds']} s."
    )


def surroundings(path: Path) -> tuple[str, str]:
    """What stands before and after the results in a page; a new one has a heading. Raises ConfigError."""
    try:
        page = path.read_text(encoding="utf-8") if path.exists() else EMPTY
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"{path}: has no place for results: the lines {BEGIN} and {END}")
    return before, after


def write_page(path: Path, text: str) -> None:
    """Put the results into a page between its marks; a page without them is not touched. Raises ConfigError."""
    before, after = surroundings(path)
    try:
        path.write_text(f"{before}{BEGIN}\n{text.strip()}\n{END}{after}", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None

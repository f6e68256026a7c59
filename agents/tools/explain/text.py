"""The story for a terminal: five lines, then what happened in its order, the deal, the delivery."""

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents.tools.explain import words
from agents.tools.explain.passages import Passage, passages, verdict_text
from agents.tools.explain.story.climb import ClimbStory
from agents.tools.explain.story.deal import AwardStory, SlotDelivery
from agents.tools.explain.story.device import DeviceRound, DeviceStory, Metered
from agents.tools.explain.story.story import Story
from agents.tools.tables import print_table, table_console
from protocol.kilowatts import kilo

MOST_ROWS = 40
"""Of children in a table; the others are counted."""


def console() -> Console:
    """As wide as the terminal; wide enough for tables where there is none."""
    made = Console(highlight=False)
    return made if made.is_terminal else table_console()


def write_story(out: Console, story: Story, party: str | None = None) -> None:
    """All of it, or one party's part."""
    _heading(out, f"{story.event_id}: {(story.outcome or 'not ended').replace('_', ' ')}")
    for line in story.summary:
        label, _, rest = line.partition(":")
        out.print(Text.assemble((f"{label}:", "bold"), rest))
    if story.missing_journals:
        missing = words.names(story.missing_journals, 12)
        out.print(Text(f"What {missing} knew and decided is not told: the journals are not here.", style="yellow"))
    _heading(out, "What happened")
    for passage in passages(story, party):
        _passage(out, passage)
    _deal(out, story, party)
    _delivery(out, story, party)
    _troubles(out, story, party)


def _heading(out: Console, text: str) -> None:
    out.print()
    out.print(Text(text, style="bold underline"))


def _passage(out: Console, passage: Passage) -> None:
    out.print()
    out.print(Text.assemble((f"{passage.at:%H:%M:%S}  ", "dim"), (passage.party, "bold cyan"), f"  {passage.title}"))
    for sentence in passage.sentences:
        out.print(Text(f"  {sentence}"))
    if passage.climb is not None and len(passage.climb.rungs) > 1:
        print_table(out, rungs_table(passage.climb))
    if passage.climb is not None and any(one.disturbed for one in passage.climb.relaxed):
        print_table(out, _relaxed_table(passage.climb))


def rungs_table(climb: ClimbStory) -> Table:
    """What each rung added, per slot."""
    slots = range(len(climb.requested_w))
    table = _table("kW", *(f"slot {slot + 1}" for slot in slots), right=len(climb.requested_w))
    table.add_row("requested", *words.bare(climb.requested_w), style="bold")
    for rung in climb.rungs:
        if rung.climbed:
            table.add_row(f"{rung.step} {words.RUNGS[rung.name]}", *words.bare(rung.added_w))
    table.add_row("still short", *words.bare(climb.rungs[-1].shortfall_w))
    return table


def _relaxed_table(climb: ClimbStory) -> Table:
    table = _table("asked to relax", "may loosen", "own offer", "relaxed", "awarded", "disturbed")
    for one in climb.relaxed[:MOST_ROWS]:
        loosens = ", ".join(one.restrictions) or "-"
        figures = (words.kw(plan) for plan in (one.own_w, one.relaxed_w, one.awarded_w))
        table.add_row(one.child, loosens, *figures, "yes" if one.disturbed else "no")
    return table


def _deal(out: Console, story: Story, party: str | None) -> None:
    standing = [one for one in story.awards if not one.superseded and party in (None, one.parent, one.child)]
    if not standing and not story.changes:
        return
    _heading(out, "The deal (S7, S35)")
    table = _table("from", "to", "outcome", "power", "stands on", "confirmed")
    rows = [one for one in standing if party is not None or story.roles.get(one.child) != "device"] or standing
    for one in rows[:MOST_ROWS]:
        table.add_row(
            one.parent, one.child, one.outcome.replace("_", " "), words.kw(one.power_w), one.basis, _state(one)
        )
    print_table(out, table)
    if len(rows) > MOST_ROWS:
        out.print(f"and {len(rows) - MOST_ROWS} more")
    for shared in story.shared:
        if party in (None, shared.party):
            policy = f" ({shared.policy.replace('_', ' ')})" if shared.policy else ""
            own = f", {words.kw(shared.storage_w)} of it from own storage" if any(shared.storage_w) else ""
            turns = f"; it is not the turn of {shared.in_turn}, woken lately" if shared.in_turn else ""
            text = f"S35: {shared.party} shares {words.kw(shared.power_w)} out to {shared.awarded} children{policy}{own}{turns}"
            out.print(Text(f"  {text}"))
    for change in story.changes:
        if party in (None, change.party, change.child):
            what = words.CHANGES[change.kind].format(child=change.child)
            cause = f" ({change.cause})" if change.cause else ""
            power = f": {words.kw(change.power_w)}" if change.power_w else ""
            out.print(Text(f"  {change.at:%H:%M:%S}  {change.party}: {what}{power}{cause}"))


def _state(one: AwardStory) -> str:
    return f"{one.state}: {one.text}" if one.text else one.state


def _delivery(out: Console, story: Story, party: str | None) -> None:
    counted = [one for one in story.delivery if party in (None, one.party)]
    if not counted:
        return
    _heading(out, "Delivered")
    table = _table("party", *(f"slot {slot + 1}" for slot in range(story.slots)), "of awarded", "meters silent")
    for name in dict.fromkeys(one.party for one in counted):
        of_it = {one.slot: one for one in counted if one.party == name}
        silent = list(dict.fromkeys(child for one in of_it.values() for child in one.silent))
        cells = [words.kwh(of_it[slot].delivered_wh) if slot in of_it else "-" for slot in range(story.slots)]
        awarded_wh, delivered_wh = story.account(name)
        of_awarded = f"{words.kwh(delivered_wh)} of {words.kwh(awarded_wh)}"
        table.add_row(name, *cells, of_awarded, words.names(silent, 4) if silent else "-")
    print_table(out, table)
    for text in _doubts(story, counted):
        out.print(f"  {text}")
    if story.settled is not None and story.settled.meters and party is None:
        direct = words.kwh(story.settled.metered_directly_wh)
        steps = (
            f", up to {words.kwh(story.settled.meters_step_wh)} more or less" if story.settled.meters_step_wh else ""
        )
        out.print(f"  {story.settled.meters} smart meters that report to the utility directly say {direct}{steps}.")
        doubted = {
            "missing": story.settled.values_missing,
            "impossible and not counted": story.settled.values_impossible,
            "estimated": story.settled.values_estimated,
        }
        for what, number in doubted.items():
            if number:
                out.print(f"  Of their values {number} {'is' if number == 1 else 'are'} {what}.")
    if story.settled is not None and story.settled.taken_back_wh is not None and party is None:
        back, homes = words.kwh(story.settled.taken_back_wh), words.count(story.settled.taking_homes, "home")
        out.print(f"  Within {story.settled.taken_within_s // 60} min behind the event {homes} took {back} of it back.")


def _doubts(story: Story, counted: list[SlotDelivery]) -> Iterator[str]:
    """How well what was delivered is known."""
    if story.settled is not None and story.settled.step_wh:
        yield f"Meters count in steps: the sum may be up to {words.kwh(story.settled.step_wh)} more or less."
    for one in {(one.party, one.slot): one for one in counted}.values():
        if one.estimated:
            values = words.count(one.estimated, "replacement value")
            yield f"In slot {one.slot + 1} {one.party} counts {values}: a meter had a gap there."


def _troubles(out: Console, story: Story, party: str | None) -> None:
    found = [one for one in story.troubles if party in (None, one.party, one.other)]
    endings = [one for one in story.endings if party in (None, one.party)]
    if endings:
        _heading(out, "How it ended")
    for ending in endings:
        reason = f" ({ending.reason})" if ending.reason else ""
        out.print(Text(f"  {ending.at:%H:%M:%S}  {ending.party}: {ending.outcome.replace('_', ' ')}{reason}"))
    if found:
        _heading(out, "What went wrong on the way")
    for one in found[:MOST_ROWS]:
        out.print(Text(f"  {one.at:%H:%M:%S}  {one.party}: {one.text}"))
    if len(found) > MOST_ROWS:
        out.print(f"  and {len(found) - MOST_ROWS} more (--json tells all)")


def write_device(out: Console, story: Story, device: DeviceStory) -> None:
    """One device's part."""
    _heading(out, f"{device.name} in {story.event_id}: {device.outcome.replace('_', ' ') or 'no outcome known'}")
    if device.resources:
        out.print(f"Answers for {words.names(list(device.resources))}.")
    if not device.journal:
        out.print("Its journal is not here: this is what others heard of it.", style="yellow")
    for agreed in device.agreed:
        out.print(f"Its owner agreed in advance to loosen {words.loosening(agreed.restriction, agreed.steps)}.")
    for one in device.rounds:
        _device_round(out, one)
    for award in device.awards:
        old = " (of an earlier round)" if award.superseded else ""
        basis = f" on its {award.basis} offer" if award.basis else ""
        state = f"; {_state(award)}" if award.state else ""
        reason = f" ({award.reason})" if award.reason else ""
        power = f": {words.kw(award.power_w)}{basis}" if any(award.power_w) else ""
        text = f"S35: {award.outcome.replace('_', ' ')}{reason}{power}{state}{old}."
        out.print(Text.assemble((f"{award.at:%H:%M:%S}  ", "dim"), text))
    _device_slots(out, story, device)
    for driven in device.driven:
        if driven.power_w is None:
            told = f"lets {driven.resource_id} go back to its own schedule."
        else:
            power = f"{kilo(driven.power_w, signed=True)} kW"
            told = f"sets {driven.resource_id} to {power} until {driven.until:%H:%M:%S}."
        out.print(Text.assemble((f"{driven.at:%H:%M:%S}  ", "dim"), told))
    if device.withdrawn:
        out.print(f"It withdrew: {device.withdrawn}.")


def _device_round(out: Console, one: DeviceRound) -> None:
    out.print()
    missed = "" if one.reached is not False else " It never arrived."
    asked = (
        f"S22: {one.parent} asks for {words.kw(one.asked_w)} (round {one.round}); answer by {one.reply_by:%H:%M:%S}."
    )
    out.print(Text.assemble((f"{one.at:%H:%M:%S}  ", "dim"), asked + missed))
    for state in one.state:
        stored = "" if state.soc_wh is None else f", {words.kwh(state.soc_wh)} stored"
        out.print(f"  S50: knew {state.resource_id} as of {state.at:%H:%M:%S}{stored}.")
    if one.consent:
        out.print(Text(f"  S50: {one.consent}."))
    out.print(Text(f"  S51: {verdict_text(one.own)}."))
    print_table(out, _answer_table(one))
    if one.relaxed is not None:
        out.print(
            f"  S28: asked to relax {', '.join(one.relax_restrictions)} for a gap of {words.kw(one.relax_shortfall_w)}."
        )
        out.print(Text(f"  S52, S53: {verdict_text(one.relaxed)}."))


def _answer_table(one: DeviceRound) -> Table:
    slots = len(one.asked_w)
    table = _table("kW", *(f"slot {slot + 1}" for slot in range(slots)))
    table.add_row("asked", *words.bare(one.asked_w))
    table.add_row("own offer (S51)", *words.bare(one.own.sent_w))
    table.add_row("why no more", *_bound(one.own.binding, slots))
    if one.relaxed is not None:
        table.add_row("relaxed (S53)", *words.bare(one.relaxed.sent_w))
        table.add_row("why no more", *_bound(one.relaxed.binding, slots))
    return table


def _bound(binding: tuple[str | None, ...], slots: int) -> list[str]:
    return [words.cause(bound) if bound else "-" for bound in binding] or ["not told"] * slots


def _device_slots(out: Console, story: Story, device: DeviceStory) -> None:
    if not device.dispatches and not device.metered:
        return
    table = _table("slot", "awarded", "dispatched (+ is import)", "metered", "baseline", "delivered", "stored then")
    # what it was told again once its slot was over, or its award, hides nothing that it took
    dispatched = {one.slot: one for one in sorted(device.dispatches, key=lambda one: not one.refused)}
    metered = {one.slot: one for one in device.metered}
    standing = next((one.power_w for one in reversed(device.awards) if not one.superseded), ())
    summed_up = {one.slot for one in story.delivery}
    for slot in range(story.slots):
        sent, meter = dispatched.get(slot), metered.get(slot)
        table.add_row(
            str(slot + 1),
            words.kw(standing[slot]) if slot < len(standing) else "-",
            f"{kilo(sent.power_w, signed=True)} kW{f' ({sent.refused})' if sent.refused else ''}" if sent else "-",
            _metered(meter) if meter else "silent" if slot in summed_up else "-",
            words.kwh(meter.baseline_wh) if meter else "-",
            words.kwh(meter.delivered_wh) if meter else "-",
            words.kwh(meter.soc_wh) if meter and meter.soc_wh is not None else "-",
        )
    print_table(out, table)


def _metered(meter: Metered) -> str:
    known = [word for word, holds in (("replacement value", meter.estimated), ("late", meter.late)) if holds]
    known += [f"in steps of {words.kwh(meter.step_wh)}"] if meter.step_wh else []
    return f"{words.kwh(meter.energy_wh)}{f' ({words.names(known)})' if known else ''}"


def _table(*columns: str, right: int = 0) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, overflow="fold", justify="right" if right and number else "left")
    return table

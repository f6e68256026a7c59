"""One vehicle's answer in plain Python: the rows are lists."""

from agents.devices.contract import Flexibility
from agents.devices.flexibility import Row, Rows, Store
from agents.devices.relay.choice import MOST_OPERATIONS, Choice
from agents.devices.relay.labels import work_space
from agents.devices.rows.answers import Desk, answer, answer_beside, covered
from agents.devices.rows.cars import RESTRICTIONS, Car, loosened, most_steps
from agents.devices.rows.commitments import Commitments
from agents.devices.rows.timelines import EventSlots, OwnSchedule, RelayNeeds, run, slot_hours
from protocol.plan import Plan


class OwnSchedules:
    """What one vehicle would do without an event, as it is and as it is loosened: the same however much is asked for."""

    def __init__(self, owner: Car, event: EventSlots, reserved: Commitments | None) -> None:
        self.owner, self.event, self.reserved = owner, event, reserved
        self._found: dict[Car, tuple[RelayNeeds, OwnSchedule]] = {}

    def of(self, spec: Car) -> tuple[RelayNeeds, OwnSchedule]:
        """What it needs of the relay, and its rows, where it is loosened so. Nobody writes into them."""
        found = self._found.get(spec)
        if found is None:
            line = _line(self.event.slots, self.reserved is None)
            found = self._found[spec] = run(self.owner, spec, self.event, self.reserved, line), line
        return found


def flexibility(
    own: OwnSchedules,
    steps: Row,
    relaxed: Row,
    asked_w: Plan,
    available: bool = True,
    weights: Plan = (),
) -> Flexibility:
    """S50; S52 takes the mildest agreed step that covers what is asked, or else the last. `weights`: what a watt is worth
    in each slot; without them it gives as evenly as it can."""
    owner, event, reserved = own.owner, own.event, own.reserved
    operations = 0 if owner.relay_ops < 0 else event.slots if reserved is not None else MOST_OPERATIONS
    spec, last, each, step = owner, most_steps(steps, 0, len(steps), relaxed) - 1, 2, -1
    work, row = work_space(event.slots, each, operations), weights or (0,) * event.slots
    while True:
        relay, line = own.of(spec)
        desk = _desk(event.slots, line)
        while not answer_beside(owner, spec, event, reserved, relay, asked_w, row, available, desk, work, each):
            each *= 2
            work = work_space(event.slots, each, operations)
        if step == last or covered(event, asked_w, desk.power_w):
            break
        step += 1
        spec = loosened(owner, steps, 0, len(steps), relaxed, step)
    binding = tuple(RESTRICTIONS[place] for place in desk.binding)
    return Flexibility(tuple(desk.power_w), tuple(desk.available_w), binding, tuple(line.base_w))


def bounds_of(owner: Car, spec: Car, event: EventSlots, asked_w: Plan) -> Store:
    """The bounds of its store, `owner` as it is, `spec` as loosened, where each slot that is asked for is used and no
    other event holds anything."""
    desk, each = _desk(event.slots, _line(event.slots, True)), 2
    operations, nothing = 0 if owner.relay_ops < 0 else MOST_OPERATIONS, (0,) * event.slots
    work = work_space(event.slots, each, operations)
    while not answer(owner, spec, event, None, asked_w, nothing, False, desk, work, each):
        each *= 2
        work = work_space(event.slots, each, operations)
    rows, slot_h = desk.store, slot_hours(event)
    cheap_wh, dear_wh = spec.charge_pct / 100 * slot_h, slot_h / (spec.discharge_pct / 100)
    return Store(rows.cheap_w, rows.all_w, cheap_wh, dear_wh, rows.room_wh)


def _line(slots: int, alone: bool) -> OwnSchedule:
    """Rows for one own schedule; `alone`: nothing is reserved of it, so a slot's mean is its least and its most."""
    base_w = [0] * slots
    low_w, high_w = (base_w, base_w) if alone else ([0] * slots, [0] * slots)
    return OwnSchedule([0.0] * (slots + 1), base_w, low_w, high_w, [0.0] * slots, [0.0] * slots, [0] * slots)


def _desk(slots: int, line: OwnSchedule) -> Desk:
    """Work space for one vehicle."""
    floats, whole = [0.0] * slots, [0] * slots
    choice = Choice(
        slots, whole[:], whole[:], [0] * (slots + 1), whole[:], whole[:], whole[:], whole[:], 0, 0, False, False, 0
    )  # fmt: skip
    return Desk(
        line, Store(floats[:], floats[:], 1.0, 1.0, floats[:]), Rows(floats[:], floats[:], floats[:]), choice,
        whole[:], whole[:], whole[:], whole[:], floats[:], floats[:], whole[:], whole[:], whole[:],
    )  # fmt: skip

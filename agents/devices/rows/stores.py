"""The bounds of one vehicle over plain rows, and what its relay has to choose from. Compiled by
`agents/devices/rows/compiled.py`."""

from agents.devices.flexibility import Row, Store
from agents.devices.relay.choice import MOST_OPERATIONS, Choice, operations, uwh
from agents.devices.rows.cars import Car
from agents.devices.rows.timelines import AWAY, USABLE, EventSlots, OwnSchedule, RelayNeeds, slot_hours


def bound(
    owner: Car, spec: Car, event: EventSlots, line: OwnSchedule, closed: Row, ends_full: bool, store: Store
) -> None:
    """Fill in the rows of a store for one choice of closed slots."""
    slot_h, drawn = slot_hours(event), 0.0
    for slot in range(event.slots):
        base, shut, usable = line.base_w[slot], closed[slot], line.part[slot] == USABLE
        if event.down and (base == 0 or usable):
            drawn += line.spared_wh[slot] + spec.standby_w * slot_h * ((1 if shut else 0) - (1 if base else 0))
        save, reach = 0.0, 0.0
        if usable and event.down:
            save = float(max(0, line.low_w[slot]))
            reach = float(max(0, line.low_w[slot] + spec.max_discharge_w)) if shut else save
        elif usable and shut:
            save = reach = float(max(0, spec.max_charge_w - max(0, line.high_w[slot])))
        store.cheap_w[slot], store.all_w[slot] = save, reach
        energy = line.energy_wh[slot + 1] - drawn
        store.room_wh[slot] = energy - line.bound_wh[slot] if event.down else line.bound_wh[slot] - energy
    if ends_full and event.down:
        full = line.energy_wh[event.slots] - drawn - owner.departure_soc_wh
        store.room_wh[event.slots - 1] = min(store.room_wh[event.slots - 1], full)


def frame(
    spec: Car, event: EventSlots, line: OwnSchedule, relay: RelayNeeds, asked_w: Row, closed: Row, rows: Choice
) -> Choice:
    """What the relay may do, with these rows filled in, but for the energies: open only where all of the own schedule
    can be given up, closed only where it is plugged in. `closed` is work space."""
    for slot in range(event.slots):
        base, usable = line.base_w[slot], line.part[slot] == USABLE
        rows.draws[slot] = event.down and (base == 0 or usable)
        rows.may_open[slot] = base == 0 or (event.down and usable and 0 < base <= asked_w[slot])
        rows.may_close[slot] = base != 0 or line.part[slot] != AWAY
        rows.wanted[slot] = asked_w[slot] > 0
        closed[slot] = base != 0
    own = operations(event.slots, relay.before, closed, relay.after)
    return Choice(
        event.slots,
        rows.cheap_uwh,
        rows.total_uwh,
        rows.room_uwh,
        rows.draws,
        rows.may_open,
        rows.may_close,
        rows.wanted,
        uwh(spec.standby_w * slot_hours(event)) if event.down else 0,
        spec.charge_pct * spec.discharge_pct,
        relay.before,
        relay.recovers if event.down else relay.after,
        max(min(spec.relay_ops, MOST_OPERATIONS), own),
    )


def weigh(
    owner: Car, spec: Car, event: EventSlots, line: OwnSchedule, asked_w: Row, closed: Row, store: Store, choice: Choice
) -> None:
    """Fill in the energies that the relay has to choose between. The store and `closed` are work space."""
    for slot in range(event.slots):
        closed[slot] = False
    bound(owner, spec, event, line, closed, True, store)
    choice.room_uwh[event.slots] = uwh(store.room_wh[event.slots - 1])
    bound(owner, spec, event, line, closed, False, store)
    for slot in range(event.slots):
        choice.room_uwh[slot] = uwh(store.room_wh[slot])
        closed[slot] = True
    bound(owner, spec, event, line, closed, False, store)
    wh_per_w = store.dear_wh if event.down else store.cheap_wh
    for slot in range(event.slots):
        most = min(store.all_w[slot], asked_w[slot])
        cheap = min(store.cheap_w[slot], most) if event.down else 0.0
        choice.cheap_uwh[slot] = uwh(cheap * store.cheap_wh)
        choice.total_uwh[slot] = choice.cheap_uwh[slot] + uwh((most - cheap) * wh_per_w)

"""The bounds of one vehicle over plain rows, and what its relay has to choose from (`agents/der/vehicle.py`). Compiled
by `agents/fleet/compiled.py`."""

from agents.der.flexibility import Row, Store
from agents.der.relay import MOST_OPERATIONS, Choice, operations, uwh
from agents.fleet.timelines import Car, Event, Line, Relay, slot_hours


def bound(owner: Car, spec: Car, event: Event, line: Line, closed: Row, ends_full: bool, store: Store) -> None:
    """Fill in the rows of a store for one choice of closed slots."""
    slot_h, drawn = slot_hours(event), 0.0
    for slot in range(event.slots):
        base, shut = line.base_w[slot], closed[slot]
        if event.down and (base == 0 or line.plugged[slot]):
            drawn += line.spared_wh[slot] + spec.standby_w * slot_h * ((1 if shut else 0) - (1 if base else 0))
        save, reach = 0.0, 0.0
        if line.plugged[slot] and event.down:
            save = float(base)
            reach = float(base + spec.max_discharge_w) if shut else save
        elif line.plugged[slot] and shut:
            save = reach = float(max(0, spec.max_charge_w - base))
        store.cheap_w[slot], store.all_w[slot] = save, reach
        energy = line.energy_wh[slot + 1] - drawn
        store.room_wh[slot] = energy - line.least_wh[slot] if event.down else owner.capacity_wh - energy
    if ends_full and event.down:
        full = line.energy_wh[event.slots] - drawn - owner.departure_soc_wh
        store.room_wh[event.slots - 1] = min(store.room_wh[event.slots - 1], full)


def ask_relay(
    owner: Car, spec: Car, event: Event, line: Line, relay: Relay, asked_w: Row, closed: Row, store: Store, rows: Choice
) -> Choice:
    """What the relay has to choose from, with these rows filled in. The store and `closed` are work space."""
    last = event.slots - 1
    for slot in range(event.slots):
        closed[slot] = False
    bound(owner, spec, event, line, closed, True, store)
    full_wh = store.room_wh[last]
    bound(owner, spec, event, line, closed, False, store)
    for slot in range(event.slots):
        rows.room_uwh[slot] = uwh(store.room_wh[slot])
        closed[slot] = True
    bound(owner, spec, event, line, closed, False, store)
    for slot in range(event.slots):
        base, asked, plugged = line.base_w[slot], asked_w[slot], line.plugged[slot]
        most = min(store.all_w[slot], asked)
        cheap = min(store.cheap_w[slot], most) if event.down else 0.0
        rows.cheap_uwh[slot] = uwh(cheap * store.cheap_wh)
        rows.total_uwh[slot] = rows.cheap_uwh[slot] + uwh(
            (most - cheap) * (store.dear_wh if event.down else store.cheap_wh)
        )
        rows.draws[slot] = event.down and (base == 0 or plugged)
        rows.may_open[slot] = base == 0 or (event.down and plugged and base <= asked)
        rows.may_close[slot] = base != 0 or plugged
        rows.wanted[slot] = asked > 0
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
        uwh(full_wh),
        spec.charge_pct * spec.discharge_pct,
        relay.before,
        relay.recovers if event.down else relay.after,
        max(min(spec.relay_ops, MOST_OPERATIONS), own),
    )

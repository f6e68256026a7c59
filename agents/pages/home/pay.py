"""What a home earns, by what its contract pays: per kWh, per event, or by the month. Where its settings say nothing of that,
by the price of the request."""

from collections.abc import Iterable
from datetime import datetime, tzinfo

from agents.pages.home.view import HomeEvent
from agents.settings.parties import Payment

MILLI = 1_000
CUT_SHORT = ("withdrawn", "cancelled")
"""Outcomes of a deal that did not run to its end."""


def in_money(milli: int, currency: str) -> str:
    return f"{milli / MILLI:.2f} {currency}"


def promised(event: HomeEvent, payment: Payment | None) -> str | None:
    """What an event may earn as it stands; None: nobody here knows, or it is paid by the month."""
    if payment is None:
        return event.money(event.plan_wh)
    milli = _milli(event.plan_wh, payment)
    return None if milli is None else in_money(milli, payment.currency)


def earned_milli(event: HomeEvent, payment: Payment) -> int | None:
    """What an event has earned so far, thousandths; None where it is not paid by itself. An event that did not
    run to its end earns by the event nothing that is known here."""
    if not _begun(event):
        return 0
    if payment.per == "event" and event.outcome in CUT_SHORT:
        return None
    return _milli(event.done_wh, payment)


def earned(event: HomeEvent, payment: Payment | None) -> str | None:
    """What is shown of an event that is over; None: nothing is known, or the home had no part in it."""
    by_energy = payment is None or payment.per == "kwh"
    if not _begun(event) or (by_energy and not event.delivered):
        return None
    if payment is None:
        return event.money(event.done_wh)
    milli = earned_milli(event, payment)
    return None if milli is None else in_money(milli, payment.currency)


def of_month(events: Iterable[HomeEvent], payment: Payment | None, now: datetime, zone: tzinfo) -> str | None:
    """What this month has earned so far; None where that is not known."""
    if payment is None:
        return None
    if payment.per == "month":
        return in_money(payment.amount_milli, payment.currency)
    this = now.astimezone(zone)
    milli = 0
    for event in events:
        start = event.start.astimezone(zone)
        if (start.year, start.month) == (this.year, this.month):
            milli += earned_milli(event, payment) or 0
    return in_money(milli, payment.currency)


def given_up(event: HomeEvent, payment: Payment | None, now: datetime) -> str | None:
    """What is not earned when the home leaves now; None: not known, or nothing."""
    if payment is None:
        return event.money(event.left_wh(now))
    milli = _milli(event.left_wh(now), payment)
    return None if not milli else in_money(milli, payment.currency)


def leaving_costs(payment: Payment | None) -> str | None:
    """Beside that; None: the contract says; empty: nothing."""
    if payment is None or payment.leaving_costs_milli is None:
        return None
    return in_money(payment.leaving_costs_milli, payment.currency) if payment.leaving_costs_milli else ""


def _begun(event: HomeEvent) -> bool:
    """Whether there is anything that it can have earned."""
    return bool(event.delivered) or event.outcome == "completed"


def _milli(energy_wh: int, payment: Payment) -> int | None:
    match payment.per:
        case "kwh":
            return energy_wh * payment.amount_milli // 1_000
        case "event":
            return payment.amount_milli
    return None

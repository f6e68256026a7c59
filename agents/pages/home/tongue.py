"""The resident's page in the languages that it knows: whole sentences, and words for what the history calls by a name.

A name that came later (a stage, a reason, a limit) is shown as it is, without its underscores.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from agents.negotiation.cause import WithdrawalCause
from agents.pages.home import english, japanese
from agents.pages.home.pay import given_up, in_money, leaving_costs, promised
from agents.pages.home.view import TAKES_PART, HomeDevice, HomeEvent, HomeLimit
from agents.pages.web.figures import Clockface, CountdownWords
from agents.settings.parties import Payment
from protocol.kilowatts import kilowatt_hours, kilowatts
from protocol.units import Direction

COUNTDOWNS = {"en": CountdownWords(), "ja": CountdownWords("時間", "分", "秒", "期限です")}
LANGUAGES = {"en": "English", "ja": "日本語"}
SPOKEN = {"en": (english.PHRASES, english.NAMES), "ja": (japanese.PHRASES, japanese.NAMES)}


class Tongue:
    """One language; `text(key, ...)` is a phrase."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._phrases, self._names = SPOKEN[self.language]

    def text(self, key: str, **figures: object) -> str:
        return self._phrases[key].format(**figures)

    @property
    def countdown(self) -> CountdownWords:
        return COUNTDOWNS[self.language]

    def name(self, value: object) -> str:
        """A stage, an outcome or a restriction in words; one that came later as it is."""
        return self._names.get(str(value), str(value).replace("_", " "))

    def day(self, at: datetime, clock: Clockface, now: datetime) -> str:
        """`18:30`, on another day with its date."""
        if clock.day(at) == clock.day(now):
            return clock.time(at)
        date = clock.day(at)
        return (
            f"{date.month}月{date.day}日 {clock.time(at)}"
            if self.language == "ja"
            else f"{date:%a %d %b} {clock.time(at)}"
        )

    def asks(
        self, event: HomeEvent, clock: Clockface, now: datetime, has_car: bool, payment: Payment | None = None
    ) -> str:
        """One plain sentence of what is asked, what it earns and what it does to the car."""
        key = "decrease" if event.request.direction is Direction.DECREASE_LOAD else "increase"
        begin, end = self.day(event.start, clock, now), clock.time(event.end)
        key = f"agreed_{key}" if event.deal_w else key
        parts = [self.text(key, begin=begin, end=end, power=_together(kilowatts(max(event.plan_w))))]
        parts.append(self.earns(event, payment))
        if has_car:
            parts.append(self.text("car_loosened" if event.loosened else "car"))
        return ("" if self.language == "ja" else " ").join(parts)

    def earns(self, event: HomeEvent, payment: Payment | None) -> str:
        """What it earns, by the contract."""
        if payment is not None and payment.per == "month":
            return self.text("earns_month", money=_together(in_money(payment.amount_milli, payment.currency)))
        money = promised(event, payment)
        if money is None:
            return self.text("contract")
        by_event = payment is not None and payment.per == "event"
        return self.text("earns_event" if by_event else "earns", money=_together(money))

    def leaving(self, event: HomeEvent, payment: Payment | None, now: datetime) -> str:
        """What it costs to leave a deal now."""
        rest, costs = given_up(event, payment, now), leaving_costs(payment)
        if costs is None:
            contract = self.text("leaving_unknown")
        else:
            contract = self.text("leaving_costs", money=_together(costs)) if costs else self.text("leaving_free")
        money = self.text("up_to", money=_together(rest)) if rest else ""
        return self.text("override_costs", money=money, contract=contract)

    def keeping(self, kept: Mapping[str, int]) -> str:
        """What is kept for an outage."""
        return self.text("keeping", what=self.listed(f"{name} {kilowatt_hours(wh)}" for name, wh in kept.items()))

    def bound(self, event: HomeEvent) -> str:
        """What keeps the devices from giving more."""
        return self.text("bound", why=self.listed(map(self.name, event.binding)))

    def listed(self, parts: Iterable[str]) -> str:
        return ("、" if self.language == "ja" else ", ").join(parts)

    def outcome(self, event: HomeEvent) -> str:
        """What came of an event, or where it stands."""
        if event.outcome == "withdrawn" and event.left_because not in ("", WithdrawalCause.RESIDENT):
            return self.text("ended_early", why=self.name(event.left_because))
        return self.name(event.outcome or event.stage)

    def known(self, event: HomeEvent) -> str:
        """How far it is known what an event has brought; empty: its home had no part in it."""
        if event.delivered:
            return self.text("final" if event.final else "provisional")
        if event.outcome == "completed":
            return self.text("not_metered")
        return self.text("provisional") if event.stage in TAKES_PART else ""

    def estimated(self, event: HomeEvent) -> str:
        """How many of the values that tell what was delivered are replacement values; empty: none."""
        if not event.estimated:
            return ""
        return self.text("estimated", count=len(event.estimated), slots=len(event.delivered))

    def does(self, device: HomeDevice, clock: Clockface) -> str:
        """What a device does, and why."""
        if device.trouble:
            return self.text("trouble", why=device.trouble)
        if device.power_w is None or device.until is None:
            return self.text("own_plan")
        key = "gives" if device.power_w < 0 else "draws" if device.power_w else "rests"
        power = kilowatts(abs(device.power_w))
        return self.text(key, power=power, until=clock.time(device.until), event=device.because or "-")

    def state(self, device: HomeDevice, clock: Clockface, now: datetime) -> str:
        """How it stands."""
        parts = []
        if device.soc_pct is not None and device.soc_wh is not None:
            parts.append(self.text("battery", pct=device.soc_pct, energy=kilowatt_hours(device.soc_wh)))
        if device.plugged is not None:
            parts.append(self.text("plugged" if device.plugged else "away"))
        if device.departs_at is not None and device.departs_at > now:
            parts.append(self.text("leaves", at=self.day(device.departs_at, clock, now)))
        return " · ".join(parts)

    def limit(self, one: HomeLimit, clock: Clockface, now: datetime) -> str:
        """A limit in a household's words."""
        at = self.day(one.at, clock, now) if one.at is not None else ""
        return self.text(one.name, value=self._value(one, one.value), at=at)

    def loosened(self, one: HomeLimit) -> str:
        if one.loosened is None:
            return self.text("fixed")
        return self.text("loosened", value=self._value(one, one.loosened))

    def _value(self, one: HomeLimit, value: Any) -> str:
        if one.name.endswith("_wh"):
            energy = kilowatt_hours(value)
            return f"{round(value * 100 / one.of)} % ({_together(energy)})" if one.of else _together(energy)
        return _together(f"{value:g} °C") if one.name.endswith("_c") else str(value)


def _together(figure: str) -> str:
    """A figure and its unit on one line."""
    return figure.replace(" ", "\N{NO-BREAK SPACE}")

"""What is wrong, or will be soon, with the credentials of connections; and who renews them."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from broker.address import Address
from broker.bus import Deliver
from broker.mqtt import MqttBus

if TYPE_CHECKING:
    from agents.runtime.renewal import Renewal

RENEW_WITHIN = timedelta(days=30)
"""Of its end a certificate is to be renewed."""


def credential_alerts(buses: Mapping[str, MqttBus], now: datetime) -> dict[str, str]:
    """By alert: refused while we go on otherwise, or about to end; in words."""
    found: dict[str, str] = {}
    for name, bus in buses.items():
        if bus.entrance.trouble:
            found["credentials_refused"] = f"{name}: {bus.entrance.trouble}"
        alerts = secret_alerts(bus.address, bus.entrance.expires_at, now)
        found |= {alert: f"{name}: {text}" for alert, text in alerts.items()}
    return found


def secret_alerts(address: Address, ends_at: datetime | None, now: datetime) -> dict[str, str]:
    """By alert, in words: secrets that others may read, a certificate that is about to end."""
    found: dict[str, str] = {}
    if opened := address.open_to_others:
        found["credentials_open"] = f"others may read {', '.join(map(str, opened))}: chmod 600"
    if ends_at is not None and ends_at - now < RENEW_WITHIN:
        found["certificate_expires"] = (
            f"its certificate {'has ended' if ends_at <= now else 'ends'} on {ends_at:%Y-%m-%d}: renew it"
        )
    return found


async def run_renewed(bus: MqttBus, deliver: Deliver) -> None:
    """As `bus.run`, and its certificate is renewed before it ends. Raises what that raises."""
    tasks = [asyncio.create_task(one.run()) for one in renewals([bus])]
    try:
        await bus.run(deliver)
    finally:
        for task in tasks:
            task.cancel()


def renewals(buses: Iterable[MqttBus]) -> list["Renewal"]:
    """Of the connections that have a certificate; to be made before they connect."""
    own = [bus for bus in buses if bus.address.certificate is not None]
    if not own:
        return []
    from agents.runtime.renewal import Renewal  # what signs takes 10 MB: only for those who have a certificate

    return [Renewal(bus) for bus in own]

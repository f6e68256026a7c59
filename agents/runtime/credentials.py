"""What is wrong, or will be soon, with the credentials of connections; and who renews them."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

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
        if opened := bus.address.open_to_others:
            found["credentials_open"] = f"{name}: others may read {', '.join(map(str, opened))}: chmod 600"
        ends_at = bus.entrance.expires_at
        if ends_at is not None and ends_at - now < RENEW_WITHIN:
            words = "has ended" if ends_at <= now else "ends"
            found["certificate_expires"] = f"{name}: its certificate {words} on {ends_at:%Y-%m-%d}: renew it"
    return found


def renewals(buses: Iterable[MqttBus]) -> list["Renewal"]:
    """Of the connections that have a certificate; to be made before they connect."""
    own = [bus for bus in buses if bus.address.certificate is not None]
    if not own:
        return []
    from agents.runtime.renewal import Renewal  # what signs takes 10 MB: only for those who have a certificate

    return [Renewal(bus) for bus in own]

"""What is wrong, or will be soon, with the credentials of connections."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from broker.mqtt import MqttBus

RENEW_WITHIN = timedelta(days=30)
"""Of its end a certificate is to be renewed."""


def credential_alerts(buses: Mapping[str, MqttBus], now: datetime) -> dict[str, str]:
    """By alert: refused while we go on otherwise, or about to end; in words."""
    found: dict[str, str] = {}
    for name, bus in buses.items():
        if bus.entrance.trouble:
            found["credentials_refused"] = f"{name}: {bus.entrance.trouble}"
        ends_at = bus.entrance.expires_at
        if ends_at is not None and ends_at - now < RENEW_WITHIN:
            words = "has ended" if ends_at <= now else "ends"
            found["certificate_expires"] = f"{name}: its certificate {words} on {ends_at:%Y-%m-%d}: renew it"
    return found

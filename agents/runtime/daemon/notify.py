"""Readiness and watchdog of systemd units: one datagram each (sd_notify(3)). Without systemd nothing is sent."""

import os
import socket
from collections.abc import Mapping


def notify(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell the service manager, e.g. `READY=1`; whether there was one that took it."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        try:
            manager.connect(address)
            manager.sendall(state.encode())
        except OSError:
            return False
    return True


def watchdog_period_s(environment: Mapping[str, str] = os.environ) -> float | None:
    """How often to send `WATCHDOG=1`: half of what the unit allows; None when it watches nobody (or another process)."""
    allowed, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not allowed.isdigit() or int(allowed) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(allowed) / 2_000_000

"""What can be the name or the address of a host at all. Pure: nobody is asked whether there is one."""

import re
from ipaddress import ip_address

LABEL = rb"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
NAME = re.compile(rb"(?=.{1,253}$)(?![0-9]+(\.[0-9]+){3}$)" + LABEL + rb"(\." + LABEL + rb")*\.?")
"""Four numbers are an address or nothing."""


def host_mistake(text: str) -> str:
    """What is wrong with what a user wrote as a host; empty: nothing is."""
    return "" if _is_address(text) or _is_name(text) else f"{text!r:.80} is no name of a host"


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    try:
        return NAME.fullmatch(text.encode("idna")) is not None
    except UnicodeError:
        return False

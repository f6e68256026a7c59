"""What an examination finds, and what to do about it."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and what to do about it."""

    check: str
    verdict: Verdict
    text: str

    def as_json(self) -> dict[str, str]:
        return asdict(self)

"""A whole trial: a broker, the device, the procedures, and what came of it."""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from agents.settings.checked import ConfigError
from agents.tools.conform.broker import LOOPBACK, TrialDoor, plain_broker, secured_broker
from agents.tools.conform.live import live_bench
from agents.tools.conform.maker import DeviceProgram, filled_in
from agents.tools.conform.outcome import Outcomes
from agents.tools.conform.player import TrialPlayer
from agents.tools.conform.procedure import FOLDER, Procedure, procedures
from agents.tools.conform.profile import DeviceProfile
from agents.tools.conform.rules import RULES
from protocol import messages as m


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """What is to be tried, and how."""

    profile: DeviceProfile
    command: tuple[str, ...] = ()
    """Starts the device; without it somebody starts it by hand."""
    folder: Path = FOLDER
    only: tuple[str, ...] = ()
    """Procedures; all of them when it is empty."""
    bind: str = LOOPBACK
    port: int | None = None
    bundle: Path | None = None
    """Where what the device needs for TLS is left; None: without TLS."""
    log: Path | None = None
    """Where the output of the device goes."""
    wait_s: float = 300.0
    """For a device that is started by hand."""

    def procedures(self) -> tuple[Procedure, ...]:
        """Raises ConfigError."""
        found = procedures(self.folder)
        for name in self.only:
            if name not in {procedure.id for procedure in found}:
                raise ConfigError(f"--only: there is no procedure {name}: {', '.join(one.id for one in found)}")
        return tuple(one for one in found if not self.only or one.id in ("hello", *self.only))


@dataclass(slots=True)
class TrialReport:
    """What came of it."""

    plan: TrialPlan
    begun_at: datetime
    outcomes: Outcomes
    digest: str
    """Of the rules and procedures: who has the same was held to the same."""
    software: str = ""
    """As the device tells it."""
    troubles: list[str] = field(default_factory=list)
    """What went wrong beside the rules."""


async def run_trial(plan: TrialPlan, told: Callable[[TrialDoor], None], played: Callable[[str], None]) -> TrialReport:
    """`told`: where the broker is; `played`: what is played next. Raises ConfigError, BrokerMissing, BrokerFailed."""
    chosen, profile = plan.procedures(), plan.profile
    if plan.bundle is not None and profile.meter_topic is not None:
        raise ConfigError("--tls: a meter has no certificate in a trial; leave out --tls, or meter_topic and 'meter'")
    with tempfile.TemporaryDirectory(prefix="gridpact-conform-") as folder:
        if plan.bundle is None:
            broker = plain_broker(Path(folder), plan.bind, plan.port)
        else:
            broker = secured_broker(Path(folder), plan.bundle.absolute(), plan.bind, plan.port, profile)
        device = DeviceProgram(filled_in(plan.command, profile, broker.door), plan.log) if plan.command else None
        if device is None:
            profile = profile.model_copy(update={"starts_within_s": max(plan.wait_s, profile.starts_within_s)})
        topics = () if profile.meter_topic is None else (profile.meter_topic,)
        begun_at = datetime.now(UTC)
        async with live_bench(broker, profile.parent, topics, device, is_open=plan.bundle is None) as bench:
            told(broker.door)
            player = TrialPlayer(profile, bench, f"conform-{begun_at:%y%m%d-%H%M%S}", played)
            outcomes = await player.play(chosen)
    troubles = [] if device is None else device.troubles
    return TrialReport(plan, begun_at, outcomes, digest_of(plan.folder), _software(player), troubles)


def digest_of(folder: Path) -> str:
    """Of the rules and of the procedures of a folder."""
    found = hashlib.sha256()
    for path in (RULES, *sorted(folder.glob("*.yaml"))):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _software(player: TrialPlayer) -> str:
    said = [heard.message for heard in player.book.heard if isinstance(heard.message, m.Presence)]
    return next((one.software for one in reversed(said) if one.software), "")

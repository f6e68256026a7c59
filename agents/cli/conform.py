"""`gridpact conform`: a maker's device against the contract."""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from agents.cli.arguments import Json, Port, Seconds, flag, option
from agents.cli.silence import silent
from agents.runtime.exits import Exit
from agents.settings.mistakes import ConfigError
from protocol.to_json import to_json

if TYPE_CHECKING:
    from agents.tools.conform.broker import TrialDoor
    from agents.tools.conform.trial import TrialPlan


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrialOptions:
    """What is played, and where."""

    tls: Annotated[
        Path | None, option("With certificates and an access list; what the device needs is left in this folder.")
    ] = None
    bind: Annotated[str, option("The interface that the private broker listens on.")] = "127.0.0.1"
    port: Annotated[Port | None, option("Its port; a free one by default.")] = None
    only: Annotated[list[str] | None, flag("These procedures only.")] = None
    procedures: Annotated[Path | None, option("A folder with procedures (YAML) instead of ours.")] = None
    log: Annotated[Path | None, option("A file for what the device prints.")] = None
    wait: Annotated[Seconds, option("How long to wait for a device that is started by hand, seconds.")] = 300.0

    def plan(self, profile: Path, command: tuple[str, ...]) -> "TrialPlan":
        """Of a device. Raises ConfigError."""
        from agents.tools.conform.procedure import FOLDER
        from agents.tools.conform.profile import load_profile
        from agents.tools.conform.trial import TrialPlan

        only, procedures = tuple(self.only or ()), self.procedures or FOLDER
        return TrialPlan(
            load_profile(profile), command, procedures, only, self.bind, self.port, self.tls, self.log, self.wait
        )


OURS = TrialOptions()


@silent()
def conform(
    profile: Path,
    *command: str,
    trial: TrialOptions = OURS,
    junit: Path | None = None,
    page: Path | None = None,
    json: Json = False,
) -> int:
    """Play the aggregator of a device of yours, and say rule by rule whether it keeps the contract of docs/protocol.

    Exit code 1 when a MUST is broken.

    Parameters
    ----------
    profile
        What the device is and can: a TOML file with a table [device].
    command
        Behind `--`: what starts the device, with {host}, {port}, {name}, {parent}, and with --tls {ca}, {certificate},
        {key}, {broker}, {password_file}, {password_port}. Without it the device is started by hand.
    junit
        A file for JUnit XML.
    page
        A file for a page as proof (Markdown).
    """
    from agents.tools.conform import told
    from agents.tools.conform.trial import run_trial

    plan = trial.plan(profile, command)

    def say(text: str) -> None:
        if not json:
            print(text, flush=True)

    report = asyncio.run(run_trial(plan, lambda door: say(_where(plan, door)), say))
    for path, text in ((junit, told.junit), (page, told.page)):
        if path is not None:
            _write(path, text(report))
    if json:
        sys.stdout.buffer.write(to_json(told.as_json(report)) + b"\n")
    else:
        print("\n".join(["", *told.lines(report)]))
    return Exit.OK if report.outcomes.conforms else Exit.NEGATIVE


def _where(plan: "TrialPlan", door: "TrialDoor") -> str:
    """For who starts the device by hand."""
    secrets = "" if door.bundle is None else f", with what lies in {door.bundle}"
    by_hand = "" if plan.command else f": start {plan.profile.name} now{secrets}"
    return f"broker at {door.host}:{door.port}, the parent is {plan.profile.parent}{by_hand}"


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None

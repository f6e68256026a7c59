"""How a system in a folder is started: systemd units of a user's own, and a script that needs nothing but a shell."""

import shlex
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

UNITS = "units"
BROKER, AUTHORITY, TARGET = "gridpact-broker.service", "gridpact-authority.service", "gridpact.target"


def unit_files(folder: Path, gridpact: str, mosquitto: str, daemons: Iterable[str]) -> dict[str, str]:
    """By file: a unit for the broker, one for the authority's service, one for each daemon, and a target for all."""
    command, names = _unit_word(gridpact), list(daemons)
    found = {
        BROKER: _unit(
            "the broker",
            f"{_unit_word(mosquitto)} -c {_path(folder / 'mosquitto' / 'mosquitto.conf')}",
            more="ExecReload=/bin/kill -HUP $MAINPID\n",
        ),
        AUTHORITY: _unit(
            "renewal of certificates",
            f"{command} ca serve {_path(folder / 'mosquitto')} --broker {_path(folder / 'bundles/authority/broker.toml')}",
            after_broker=True,
        ),
    }
    for name in names:
        role = name.partition("-")[0]
        line = f"{command} run {role} --config {_path(folder / f'{name}.toml')}"
        found[_of(name)] = _unit(name, line, after_broker=True, notifies=True)
    wanted = " ".join([BROKER, AUTHORITY, *map(_of, names)])
    found[TARGET] = f"[Unit]\nDescription=gridpact in {folder}\nWants={wanted}\n\n[Install]\nWantedBy=default.target\n"
    return {f"{UNITS}/{name}": text for name, text in found.items()}


def _of(daemon: str) -> str:
    return f"gridpact-{daemon}.service"


def _unit(what: str, line: str, *, after_broker: bool = False, notifies: bool = False, more: str = "") -> str:
    after = f"After={BROKER}\n" if after_broker else ""
    # 2 is a mistake in a file, 5 a journal that cannot be used: starting again would not help
    own = "Type=notify\nWatchdogSec=30\nRestartPreventExitStatus=2 5\n" if notifies else ""
    return (
        f"[Unit]\nDescription=gridpact: {what}\nPartOf={TARGET}\n{after}\n"
        f"[Service]\nExecStart={line}\n{more}{own}Restart=on-failure\nRestartSec=2\nUMask=0077\nNoNewPrivileges=yes\n"
    )


def _path(path: Path) -> str:
    return _unit_word(str(path))


def _unit_word(text: str) -> str:
    """As one word of a command line in a unit."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def start_script(gridpact: str, mosquitto: str, daemons: Iterable[str]) -> str:
    """A POSIX shell script that starts everything, waits for Ctrl-C and stops everything."""
    text = files("agents.tools.setup").joinpath("start.sh").read_text(encoding="utf-8")
    given = {"GRIDPACT": shlex.quote(gridpact), "MOSQUITTO": shlex.quote(mosquitto), "DAEMONS": " ".join(daemons)}
    for key, value in given.items():
        text = text.replace(f"@{key}@", value)
    return text

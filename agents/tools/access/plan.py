"""What a broker's files are made from, kept beside them as `access.toml`."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from agents.runtime.files.private import put
from agents.runtime.files.toml import read_toml
from agents.runtime.files.toml_out import to_toml
from agents.settings.checked import ConfigError, checked
from agents.settings.contradictions import contradictions
from agents.settings.hosts import host_mistake
from agents.settings.mistakes import Mistake
from agents.settings.parties import Settings
from protocol.units import Name

FILE = "access.toml"
Port = Annotated[int, Field(ge=1, le=65535)]

Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]{1,64}$")]


class AccessPlan(Settings):
    """[access]"""

    books: Annotated[tuple[Path, ...], Field(min_length=1)]
    ca: Path
    """The folder of the authority."""
    hosts: Annotated[tuple[Host, ...], Field(min_length=1)]
    """Under which the broker is reached; they stand in its certificate."""
    bind: str = ""
    """The interface that it listens on; all of them when it is empty."""
    port: Port = 8883
    """For certificates."""
    password_port: Port | None = 8884
    """For passwords; None: there is no such listener."""
    gateways: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    """By gateway (or fleet): the aggregators for whose homes it speaks."""
    readers: tuple[Name, ...] = ("watch", "record")
    doctors: tuple[Name, ...] = ("doctor",)
    authority: Name = "authority"
    """The user as whom `gridpact ca serve` answers requests for certificates."""
    run_as: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$")] | None = None
    """The account that a broker started by root takes on; its package's own by default."""

    def others(self) -> tuple[str, ...]:
        """Users who are no parties."""
        return (*self.gateways, *self.readers, *self.doctors, self.authority)


@contradictions.register(AccessPlan)
def _impossible(plan: AccessPlan) -> Iterator[Mistake]:
    for number, host in enumerate(plan.hosts):
        if mistake := host_mistake(host):
            yield Mistake(f"hosts[{number}]", mistake)
    if plan.bind and (mistake := host_mistake(plan.bind)):
        yield Mistake("bind", mistake)
    for name, count in Counter(plan.others()).items():
        if count > 1:
            yield Mistake("", f"{name} has two parts among readers, doctors, gateways and authority: give each a name")
    if plan.port == plan.password_port:
        yield Mistake("password_port", f"{plan.port} is that for certificates (port) as well: give each its own")


def load_plan(folder: Path) -> AccessPlan:
    """The plan of a broker's folder. Raises ConfigError."""
    path = folder / FILE
    if not path.exists():
        raise ConfigError(f"{folder}: holds no {FILE}: make it with 'gridpact broker init'")
    return checked(AccessPlan, read_toml(path).get("access", {}), f"{path}: access")


def save_plan(folder: Path, plan: AccessPlan) -> None:
    """Raises ConfigError."""
    put(folder / FILE, to_toml({"access": plan.model_dump(exclude_none=True)}).encode())

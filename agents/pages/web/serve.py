"""Serves an application of pages until it is told to stop; on loopback only unless another interface is named."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from agents.runtime.signals import signals
from agents.settings.checked import ConfigError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Served:
    """Where a page is served. `names`: further names under which it is reached, as behind a proxy."""

    bind: str = "127.0.0.1"
    port: int = 8321
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None

    @property
    def tls(self) -> bool:
        return self.certificate is not None

    @property
    def hosts(self) -> frozenset[str]:
        """The names that are taken in a request."""
        every = self.bind in ("0.0.0.0", "::")
        return LOOPBACK | {name.lower() for name in self.names} | (frozenset() if every else {self.bind.lower()})


class PageServer(uvicorn.Server):
    """Signals are ours: the server is told to stop by what runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def check_served(served: Served) -> None:
    """Raises ConfigError for what would be served in the open by mistake."""
    if (served.certificate is None) != (served.key is None):
        raise ConfigError("--certificate and --key are needed both, or neither")
    for name, path in (("--certificate", served.certificate), ("--key", served.key)):
        if path is not None and not path.is_file():
            raise ConfigError(f"{name}: {path}: there is no such file")
    if not _loops(served.bind) and not served.tls and not served.names:
        raise ConfigError(
            f"--bind {served.bind}: beyond this machine a password would travel in the open: give --certificate and "
            "--key, or --name NAME where a proxy in front of it has TLS"
        )


def _loops(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def serve(
    app: ASGIApp, served: Served, ready: Callable[[str], None], ending: Callable[[], None] = lambda: None
) -> None:
    """Until SIGTERM or SIGINT. `ready` is told the address; `ending` has what is streamed end. Raises ConfigError."""
    check_served(served)
    listening = _listening(served)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, date_header=True, timeout_graceful_shutdown=1,
        ssl_certfile=served.certificate, ssl_keyfile=served.key, proxy_headers=False, lifespan="on",
    )  # fmt: skip
    server = PageServer(config)
    stop = asyncio.Event()
    with closing(listening), signals(stop.set):
        running = asyncio.create_task(server.serve([listening]))
        try:
            while not server.started and not running.done():
                await asyncio.sleep(0.01)
            if server.started:
                name = f"[{served.bind}]" if ":" in served.bind else served.bind
                ready(f"http{'s' if served.tls else ''}://{name}:{listening.getsockname()[1]}/")
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
        finally:
            ending()
            server.should_exit = True
            await running


def _listening(served: Served) -> socket.socket:
    try:
        family, kind, number, _, where = socket.getaddrinfo(served.bind, served.port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, number)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(where)
    except UnicodeError:
        raise ConfigError(f"--bind: {served.bind!r:.80} is no name of a host") from None
    except OSError as error:
        raise ConfigError(f"--port {served.port} at {served.bind} cannot be had: {error.strerror}") from None
    return found

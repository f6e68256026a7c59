"""Figures handed out to Prometheus on a port of their own, by a thread of its own."""

from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

from agents.settings.checked import ConfigError


def served(registry: CollectorRegistry, host: str, port: int) -> WSGIServer:
    """Answer on http://host:port/metrics until `end`. Raises ConfigError when the port cannot be had."""
    try:
        server, _ = start_http_server(port, host, registry)
    except OSError as error:
        text = f"{port} at {host} cannot be had ({error.strerror}): give another one, or end what has it"
        raise ConfigError(f"metrics.port: {text}") from None
    return server


def end(server: WSGIServer | None) -> None:
    """Answer no longer."""
    if server is not None:
        server.shutdown()
        server.server_close()

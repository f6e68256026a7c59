"""Figures handed out to Prometheus on a port of their own, by a thread of its own, and those of every process."""

from collections.abc import Collection, Iterator
from datetime import datetime
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from agents.settings.checked import ConfigError
from broker.mqtt import MqttBus


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


def on_the_wire(alerts: Collection[str], buses: Collection[MqttBus], now: datetime) -> Iterator[Metric]:
    """The alerts that stand, what was lost on the way, and how long our certificates last."""
    standing = GaugeMetricFamily("gridpact_alert", "1 while an alert stands", labels=["alert"])
    for alert in alerts:
        standing.add_metric([alert], 1)
    gaps = CounterMetricFamily("gridpact_sequence_gaps", "Messages that never came, by their numbers")
    gaps.add_metric([], sum(bus.gaps.lost for bus in buses))
    yield from (standing, gaps)
    ends = [at for bus in buses if (at := bus.entrance.expires_at) is not None]
    if ends:
        left = GaugeMetricFamily("gridpact_certificate_expires_seconds", "Until the first of our certificates ends")
        left.add_metric([], (min(ends) - now).total_seconds())
        yield left

"""A fleet's figures for Prometheus (`[metrics] port = ...`): all its homes under the fleet's name (docs/operations.md).

They are taken in the event loop whenever a fleet says how it stands; the HTTP server's thread only hands them out.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agents.runtime.daemon.metrics_server import end, on_the_wire, served
from agents.settings.daemon import MetricsSettings
from broker.mqtt import MqttBus


class FleetMetrics(Collector):
    """What there is to measure of one process of many homes."""

    def __init__(self, name: str, settings: MetricsSettings) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self._name, self._settings = name, settings
        self._families: list[Metric] = []
        self._server: WSGIServer | None = None

    def serve(self) -> None:
        """Answer until `close`, where a port is set. Raises ConfigError when it cannot be had."""
        if self._settings.port is not None:
            self._server = served(self.registry, self._settings.host, self._settings.port)

    def close(self) -> None:
        """Answer no longer."""
        end(self._server)

    @property
    def is_served(self) -> bool:
        """Whether anybody can ask for it."""
        return self._server is not None

    def collect(self) -> Iterable[Metric]:
        return self._families

    def look(
        self,
        homes: tuple[int, int],
        messages: tuple[dict[str, int], dict[str, int]],
        waiting: int,
        buses: Collection[MqttBus],
        alerts: Collection[str],
        now: datetime,
    ) -> None:
        """Take all figures anew. `homes`: all, and those that are actors of their own; `messages`: heard and said, by kind;
        `alerts`: those that stand."""
        counts = CounterMetricFamily(
            "gridpact_messages", "Messages by kind and outcome", labels=["party", "outcome", "kind"]
        )
        for outcome, by_kind in zip(("received", "sent"), messages, strict=True):
            for kind, count in by_kind.items():
                counts.add_metric([self._name, outcome, kind], count)
        number = GaugeMetricFamily("gridpact_homes", "Homes that a fleet speaks for", labels=["party", "state"])
        number.add_metric([self._name, "all"], homes[0])
        number.add_metric([self._name, "awake"], homes[1])
        depth = GaugeMetricFamily("gridpact_queue_depth", "What waits", labels=["party", "queue"])
        at_broker = sum(bus.waiting for bus in buses)
        depth.add_metric([self._name, "inbox"], waiting - at_broker)
        depth.add_metric([self._name, "broker"], at_broker)
        self._families = [counts, number, depth, *on_the_wire(alerts, buses, now)]

"""A daemon's figures for Prometheus (`[metrics] port = ...`): see docs/operations.md for what each one says.

The figures are taken in the event loop at every look of the alerts; the HTTP server's thread only hands them out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agents.history.standing import PartyStage, WhyUnknown, of_status
from agents.negotiation.parent import ParentParty
from agents.runtime.daemon.alerts import Alerts
from agents.runtime.daemon.metrics_server import end, on_the_wire, served
from agents.runtime.journal.journal import Journal
from agents.runtime.shell import Shell
from broker.mqtt import MqttBus
from protocol.actor import Note

MOST_PARTIES = 20
"""Beyond so many parties in one process their figures are summed up under the name `all`."""
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
STAGE_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200)


class Metrics(Collector):
    """Everything there is to measure of one process."""

    def __init__(
        self, shells: Mapping[str, Shell], buses: Mapping[str, MqttBus], journal: Journal | None, alerts: Alerts
    ) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self._shells, self._buses, self._journal, self._alerts = shells, buses, journal, alerts
        self._families: list[Metric] = []
        self._commits = Histogram(
            "gridpact_journal_commit_seconds", "Time to make a group of entries durable", buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self._stages = Histogram(
            "gridpact_stage_seconds", "Time from the step before to this step of the patent, in the daemon's time",
            ["party", "step"], buckets=STAGE_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._last_step: dict[tuple[str, str], datetime] = {}
        self._server: WSGIServer | None = None

    def serve(self, host: str, port: int) -> None:
        """Answer on http://host:port/metrics until `close`. Raises ConfigError when the port cannot be had."""
        self._server = served(self.registry, host, port)

    def close(self) -> None:
        """Answer no longer."""
        end(self._server)

    def collect(self) -> Iterable[Metric]:
        return self._families

    def tell(self, at: datetime, who: str, note: Note) -> None:
        """A note with a step ends the stage before it."""
        if note.step and note.event_id:
            before = self._last_step.pop((who, note.event_id), None)
            if before is not None:
                self._stages.labels(self._label(who), note.step).observe(max(0.0, (at - before).total_seconds()))
            self._last_step[who, note.event_id] = at
            while len(self._last_step) > 10_000:
                del self._last_step[next(iter(self._last_step))]

    def look(self) -> None:
        """Take all figures anew."""
        journal = self._journal
        if journal is not None:
            latencies, journal.figures.latencies_s = journal.figures.latencies_s, []
            for seconds in latencies:
                self._commits.observe(seconds)
        self._families = [self._messages(), *self._parties(), *self._event_figures(), *self._wire()]

    def _label(self, name: str) -> str:
        return name if len(self._shells) <= MOST_PARTIES else "all"

    def _messages(self) -> Metric:
        family = CounterMetricFamily(
            "gridpact_messages", "Messages by kind and outcome", labels=["party", "outcome", "kind"]
        )
        sums: Counter[tuple[str, str, str]] = Counter()
        for name, shell in self._shells.items():
            for key, count in shell.actor.status().get("counts", {}).items():  # type: ignore[attr-defined]
                outcome, _, kind = key.partition(".")
                sums[self._label(name), outcome, kind] += count
        for labels, count in sums.items():
            family.add_metric(labels, count)
        return family

    def _parties(self) -> Iterable[Metric]:
        events = GaugeMetricFamily(
            "gridpact_open_events", "Events that are neither closed nor opted out of", labels=["party"]
        )
        slack = GaugeMetricFamily(
            "gridpact_deadline_slack_seconds", "Real time until the next deadline; 0: it has come", labels=["party"]
        )
        depth = GaugeMetricFamily("gridpact_queue_depth", "What waits", labels=["party", "queue"])
        sums: Counter[tuple[str, str]] = Counter()
        least: dict[str, float] = {}
        for name, shell in self._shells.items():
            label = self._label(name)
            sums[label, "events"] += shell.open_events
            sums[label, "inbox"] += shell.inbox
            sums[label, "not_done"] += shell.outgoing.waiting
            sums[label, "broker"] += self._buses[name].waiting if name in self._buses else 0
            deadline = shell.actor.deadline
            if deadline is not None:
                seconds = shell.clock.real_seconds_until(deadline)
                least[label] = min(seconds, least.get(label, seconds))
        for (label, what), count in sums.items():
            (events.add_metric([label], count) if what == "events" else depth.add_metric([label, what], count))
        for label, seconds in least.items():
            slack.add_metric([label], seconds)
        return events, slack, depth, *self._senders()

    def _senders(self) -> Iterable[Metric]:
        shut = GaugeMetricFamily("gridpact_quarantined", "Senders that are not heard any more", labels=["party"])
        unheard = CounterMetricFamily(
            "gridpact_unheard_messages", "Messages of senders in quarantine, not read", labels=["party"]
        )
        for name, shell in self._shells.items():
            if shell.intake.senders is not None:
                shut.add_metric([name], len(shell.intake.senders.quarantined))
                unheard.add_metric([name], sum(one.unheard for one in shell.intake.senders.accounts.values()))
        return shut, unheard

    def _event_figures(self) -> Iterable[Metric]:
        """Of the events that are under way at parties that ask others."""
        power = GaugeMetricFamily(
            "gridpact_event_power_watts", "The greatest slot of what is requested, available, awarded",
            labels=["party", "event_id", "figure"],
        )  # fmt: skip
        delivered = GaugeMetricFamily(
            "gridpact_event_delivered_watt_hours", "In the slots that are summed up", labels=["party", "event_id"]
        )
        for name, shell in self._shells.items():
            if not isinstance(shell.actor, ParentParty):
                continue
            for event in shell.actor.status()["events"]:  # type: ignore[attr-defined]
                standing, event_id = of_status(event), str(event["event_id"])
                if standing.stage is PartyStage.CLOSED:
                    continue
                plans = (event.get("requested_w"), standing.available_w, standing.secured_w)
                for figure, plan in zip(("requested", "available", "awarded"), plans, strict=True):
                    if isinstance(plan, list | tuple) and plan:
                        power.add_metric([name, event_id, figure], max(plan))
                if not isinstance(standing.delivered_wh, WhyUnknown):
                    delivered.add_metric([name, event_id], standing.delivered_wh)
        return power, delivered

    def _wire(self) -> Iterable[Metric]:
        yield from on_the_wire(self._alerts.active, self._buses.values(), datetime.now(UTC))
        if self._journal is not None:
            figures = self._journal.figures
            entries = CounterMetricFamily("gridpact_journal_entries", "Entries made durable")
            entries.add_metric([], figures.entries)
            failed = CounterMetricFamily("gridpact_journal_failures", "Commits that the disk refused")
            failed.add_metric([], figures.failed)
            waiting = GaugeMetricFamily("gridpact_journal_waiting", "Entries that are not durable yet")
            waiting.add_metric([], self._journal.waiting)
            yield from (entries, failed, waiting)

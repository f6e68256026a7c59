"""A charger that feeds back and a meter beside it, each with topics of its own at their house's broker. The meter counts what
flows at the grid's side in kWh, imported and exported; the charger's own register shows less. Its hours pass faster by a factor."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import aiomqtt

OWN_W, TICK_S = 3_000, 0.1
OWN_SHARE = 0.8
"""Of what flows, as the charger's own register shows it: nobody is to be paid by that."""


class MeteredCharger:
    """It charges by itself, and follows the power that it is told."""

    def __init__(self, name: str, port: int, speed: float, *, one_topic: bool) -> None:
        """`one_topic`: the meter tells both registers in one JSON, else each on a topic."""
        self.name, self._port, self._speed, self._one_topic = name, port, speed, one_topic
        self.said: list[str] = []
        self.meter_is_silent = False
        self._power_w = OWN_W
        self._imported_wh, self._exported_wh = 4_321_000.0, 1_234_000.0
        self._counted: list[tuple[datetime, float]] = []

    def flowed_wh(self, from_at: datetime, until: datetime) -> float:
        """Between two instants of real time, + = import."""
        return self._wh_at(until) - self._wh_at(from_at)

    def _wh_at(self, at: datetime) -> float:
        return next(wh for instant, wh in self._counted if instant >= at)

    async def run(self) -> None:
        """Until cancelled."""
        async with aiomqtt.Client("127.0.0.1", self._port) as client:
            await client.subscribe(f"{self.name}/set", qos=1)
            listening = asyncio.create_task(self._listen(client))
            try:
                while True:
                    for topic, payload in self._tells().items():
                        await client.publish(topic, payload)
                    await asyncio.sleep(TICK_S)
                    self._flow()
            finally:
                listening.cancel()

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            self._flow()
            self.said.append(message.payload.decode())
            self._power_w = OWN_W if self.said[-1] == "auto" else int(self.said[-1])

    def _flow(self) -> None:
        now = datetime.now(UTC)
        before = self._counted[-1][0] if self._counted else now
        wh = self._power_w * (now - before).total_seconds() * self._speed / 3_600
        self._imported_wh += max(0.0, wh)
        self._exported_wh += max(0.0, -wh)
        self._counted.append((now, self._imported_wh - self._exported_wh))

    def _tells(self) -> Mapping[str, str]:
        own_wh = round(OWN_SHARE * (self._imported_wh - self._exported_wh))
        told = {f"{self.name}/state": json.dumps({"power": self._power_w, "total": own_wh, "plugged": True})}
        if self.meter_is_silent:
            return told
        imported, exported = f"{self._imported_wh / 1_000:.3f}", f"{self._exported_wh / 1_000:.3f}"
        if self._one_topic:
            total = {"import": {"total": float(imported)}, "export": {"total": float(exported)}}
            return told | {f"{self.name}/meter": json.dumps(total)}
        return told | {f"{self.name}/meter/delivered": imported, f"{self.name}/meter/returned": exported}

    def driven_by(self) -> dict[str, Any]:
        """As a home's settings name both."""
        state, name, broker = f"{self.name}/state", self.name, {"port": self._port}
        options = {
            "broker": broker,
            "power": {"topic": state, "path": "power", "unit": "W"},
            "imported": {"topic": state, "path": "total", "unit": "Wh"},
            "plugged": {"topic": state, "path": "plugged"},
            "command": [{"topic": f"{name}/set", "payload": "${power_w}"}],
            "release": [{"topic": f"{name}/set", "payload": "auto"}],
            "silent_after_s": 240,
        }
        places = [{"topic": f"{name}/meter", "path": f"{way}.total"} for way in ("import", "export")]
        if not self._one_topic:
            places = [{"topic": f"{name}/meter/{way}"} for way in ("delivered", "returned")]
        imported, exported = ({**place, "unit": "kWh"} for place in places)
        registers = {"broker": broker, "imported": imported, "exported": exported, "silent_after_s": 120}
        return {"driver": "mqtt", "options": options, "meter": {"driver": "mqtt", "options": registers}}

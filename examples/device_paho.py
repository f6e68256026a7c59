"""A vehicle that takes part in gridpact through plain paho-mqtt: offers, relaxes, confirms, follows, reports.

Start from this file: the vehicle is the numbers below. The aggregator needs `--name` in its book of members.
Power is W, energy Wh, + is import.
"""

import argparse
import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt

LIMIT_W, CAPACITY_WH, SOC_WH = 3_000, 10_000, 4_500
RESERVE_WH, AGREED_RESERVE_WH = 3_500, 1_000  # what its owner wants to keep, and agreed to when more is needed
HOUR = timedelta(hours=1)


def slots(request):
    """Start of the first slot, length of each (PT30M), whether less load is asked for."""
    period = request["interval_period"]
    hours, minutes = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?", period["duration"]).groups("0")
    length = timedelta(hours=int(hours), minutes=int(minutes))
    return datetime.fromisoformat(period["start"]), length, request["direction"] == "decrease_load"


class Device:
    def __init__(self, client, name, parent, speed):
        self.client, self.name, self.parent, self.speed, self.soc_wh = client, name, parent, speed, SOC_WH
        self.answers = {}  # the message_id that we answered -> our answer: a repeat hears the same again
        self.events, self.offers, self.held_wh, self.due = {}, {}, {}, {}

    def say(self, kind, to, **fields):
        body = {key: to[key] for key in ("event_id", "request_id", "round")} | {"revision": 1} | fields
        body |= {"message_id": f"{self.name}.{kind}.{to['message_id']}", "sent_at": datetime.now(UTC).isoformat()}
        self.answers[to["message_id"]] = (f"dr/{kind}/{self.parent}/{self.name}", json.dumps(body))
        self.client.publish(*self.answers[to["message_id"]], qos=1)
        return body["message_id"]

    def on_message(self, client, userdata, message):
        kind, body = message.topic.split("/")[1], json.loads(message.payload or b"{}")
        if body.get("message_id") in self.answers:
            client.publish(*self.answers[body["message_id"]], qos=1)
        elif body and (kind in ("request", "reject") or body["event_id"] in self.events):
            getattr(self, kind)(body)

    def request(self, body):
        self.events[body["event_id"]] = body
        self.offer("own", body, body["power_w"], RESERVE_WH)

    def relax(self, body):
        own_w = self.offers[body["request_id"], "own"][1]
        most_w = [own + short for own, short in zip(own_w, body["shortfall_w"], strict=True)]
        self.offer("relaxed", body, most_w, AGREED_RESERVE_WH)

    def offer(self, basis, to, most_w, reserve_wh):
        """W per slot, as asked, while the energy lasts that is not held for another event; and why no more."""
        start, length, down = slots(self.events[to["event_id"]])
        left_wh = self.soc_wh - reserve_wh if down else CAPACITY_WH - self.soc_wh
        left_wh -= sum(wh for event_id, wh in self.held_wh.items() if event_id != to["event_id"])
        power_w, binding = [], []
        for asked_w in most_w:
            power_w.append(max(0, min(LIMIT_W, asked_w, int(left_wh * HOUR / length))))
            left_wh -= power_w[-1] * length / HOUR
            short = "power_limit" if power_w[-1] == LIMIT_W else "reserve_soc" if down else "capacity"
            binding.append(None if power_w[-1] == asked_w else short)
        opt, reason = ("opt_in", "participating") if any(power_w) else ("opt_out", "notParticipating")
        plan = {"power_w": power_w, "available_w": power_w, "binding": binding, "basis": basis}
        car = {"resource_id": f"{self.name}-car", "kind": "vehicle", "power_w": power_w, "relaxable": True}
        plan |= {"resources": [car], "valid_until": start.isoformat()}
        message_id = self.say("offer", to, opt=opt, opt_reason=reason, **plan)
        self.offers[to["request_id"], basis] = (message_id, power_w)
        self.held_wh[to["event_id"]] = sum(power_w) * length / HOUR
        print(f"offer ({basis}): {power_w} W", flush=True)

    def award(self, body):
        offered_w = dict(self.offers.values()).get(body["accepts"], [0] * len(body["power_w"]))
        kept = all(award <= offer for award, offer in zip(body["power_w"], offered_w, strict=True))
        self.held_wh[body["event_id"]] = sum(body["power_w"]) * slots(self.events[body["event_id"]])[1] / HOUR
        self.say("confirm", body, award_id=body["award_id"], accepted=kept, revision=body["revision"])
        print(f"award: {body['outcome']} {body['power_w']} W", flush=True)

    def dispatch(self, body):
        start, length, _ = slots(self.events[body["event_id"]])
        left = start + (body["slot"] + 1) * length - datetime.fromisoformat(body["sent_at"])
        at = time.monotonic() + left.total_seconds() / self.speed
        self.due[body["event_id"], body["slot"]] = (at, body, body["power_w"] * length / HOUR)
        print(f"dispatch: slot {body['slot']}, change the load by {body['power_w']} W", flush=True)

    def report(self, body, energy_wh):
        """What the meter saw in the slot. Our own schedule is to do nothing: the baseline is 0 Wh."""
        self.soc_wh += energy_wh
        self.held_wh[body["event_id"]] -= abs(energy_wh)
        reading = {"slot": body["slot"], "energy_wh": int(energy_wh), "baseline_wh": 0, "soc_wh": int(self.soc_wh)}
        self.say("report", body, resource_id=f"{self.name}-car", readings=[reading | {"state": "active"}])

    def reject(self, body):
        print(f"refused by the {body['refused_by']}: {body['reason']} {body['text']}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    defaults = {"host": "127.0.0.1", "port": 1883, "name": "hems-42", "parent": "ra-1", "mqtt": "5", "speed": 1.0}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", default=default, type=type(default), help=f"default: {default}")
    for name in ("user", "password-file", "ca", "certificate", "key"):
        parser.add_argument(f"--{name}", help="for a broker with TLS: see docs/security.md")
    args = parser.parse_args()
    protocol = {"5": mqtt.MQTTv5, "3.1.1": mqtt.MQTTv311}[args.mqtt]
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=args.name, protocol=protocol)
    device = Device(client, args.name, args.parent, args.speed)
    heard = [(f"dr/{kind}/+/{args.name}", 1) for kind in ("request", "relax", "award", "dispatch", "reject")]
    client.on_connect, client.on_message = lambda *_: client.subscribe(heard), device.on_message
    if args.ca:
        client.tls_set(args.ca, args.certificate, args.key)
    if args.user:
        client.username_pw_set(args.user, Path(args.password_file).read_text().split()[0])
    client.connect(args.host, args.port)
    while client.loop(timeout=0.05) == mqtt.MQTT_ERR_SUCCESS or client.reconnect() == mqtt.MQTT_ERR_SUCCESS:
        for key in [key for key, (at, *_) in device.due.items() if at <= time.monotonic()]:
            device.report(*device.due.pop(key)[1:])


if __name__ == "__main__":
    main()

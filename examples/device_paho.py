"""A vehicle that keeps the contract of docs/protocol through plain paho-mqtt: offers, relaxes, confirms, follows, reports.

Start from this file: the vehicle is the numbers below, `Battery` is where yours comes in. Power is W, energy Wh, + is import.
The aggregator needs `--name` in its book of members. `gridpact conform examples/conform/device.toml -- ...` tries it.
"""

import argparse
import json
import random
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt

LIMIT_W, CAPACITY_WH, SOC_WH = 3_000, 10_000, 4_500
RESERVE_WH, AGREED_RESERVE_WH = 3_500, 1_000  # what its owner wants to keep, and agreed to when more is needed
HEARD = ("request", "relax", "award", "dispatch", "reject")
HOUR = timedelta(hours=1)


class Refused(Exception):
    """What cannot be taken; the reason is one of docs/protocol/fields.md."""


class Battery:
    """A simulated one: it does at once what it is told. A real one sets the charger here, and reads its meter."""

    def __init__(self, at):
        self.steps, self.soc_wh = [(at, 0)], SOC_WH

    def set_power(self, at, power_w):
        if power_w != self.steps[-1][1]:
            self.steps.append((at, power_w))

    def energy_wh(self, start, end):
        ends = [at for at, _ in self.steps[1:]] + [end]
        return sum(
            power_w * max(timedelta(0), min(end, until) - max(start, at)) / HOUR
            for (at, power_w), until in zip(self.steps, ends, strict=True)
        )


class Event:
    def __init__(self, request, offers):
        self.request, self.offers, self.award = request, offers, None  # offers: by message_id
        self.held_w, self.orders, self.readings, self.reports = [0] * len(request["power_w"]), {}, {}, 0
        period = request["interval_period"]
        parts = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", period.get("duration", "PT30M")).groups("0")
        self.length = timedelta(**dict(zip(("hours", "minutes", "seconds"), map(int, parts), strict=True)))
        self.start, self.sign = (
            instant(period["start"]),
            {"decrease_load": -1, "increase_load": 1}[request["direction"]],
        )

    def at(self, slot):
        return self.start + slot * self.length


def instant(text):
    return datetime.fromisoformat(text)


class Device:
    def __init__(self, client, name, parent, speed=1.0):
        self.client, self.name, self.parent, self.speed = client, name, parent, speed
        self.start, self.number = f"{time.time_ns():x}", 0  # ids of another start of the program are others
        self.anchor = self.anchored = None
        self.battery, self.looked_at = Battery(datetime.min.replace(tzinfo=UTC)), datetime.min.replace(tzinfo=UTC)
        self.events, self.answers, self.said = {}, {}, []  # answers: what each message was, and what we said to it

    def now(self):
        """Of a system whose clock is scaled we know the time by what it says."""
        if self.speed == 1 or self.anchor is None:
            return datetime.now(UTC)
        return self.anchor + timedelta(seconds=(time.monotonic() - self.anchored) * self.speed)

    # -- saying

    def say(self, kind, retain=False, **fields):
        self.number += 1
        head = {"message_id": f"{self.name}.{kind}.{self.start}.{self.number}", "sent_at": self.now().isoformat()}
        post = (f"dr/{kind}/{self.parent}/{self.name}", json.dumps(head | fields))
        self.client.publish(*post, qos=1, retain=retain)
        self.said.append(post)
        return head["message_id"]

    def answer(self, kind, request, revision=1, **fields):
        ids = {key: request[key] for key in ("event_id", "request_id", "round")}
        return self.say(kind, **ids, revision=revision, **fields)

    def on_connect(self, client, *_):
        client.subscribe([(f"dr/{kind}/+/{self.name}", 1) for kind in HEARD])
        self.say("presence", retain=True, online=True, software="device_paho")

    # -- hearing

    def on_message(self, client, userdata, message):
        _, kind, parent, _ = message.topic.split("/")
        if parent != self.parent or not message.payload:
            return
        body = {}
        try:
            body = json.loads(message.payload)
            known, said = self.answers.get(body["message_id"], (None, ()))
            if known == message.payload:  # a repeat hears the same again
                for post in said:
                    client.publish(*post, qos=1)
                return
            if known is not None:
                raise Refused("conflict")
            if body.get("version", "1.0") != "1.0":
                raise Refused("unsupported_version")
            if self.speed != 1:
                self.anchor, self.anchored = instant(body["sent_at"]), time.monotonic()
            self.passes()
            self.said = []
            getattr(self, kind)(body)
            self.answers[body["message_id"]] = (message.payload, self.said)
        except Exception as error:  # noqa: BLE001 - whatever bytes come, the device goes on
            reason = str(error) if isinstance(error, Refused) else "malformed"
            refused_id = body.get("message_id") if isinstance(body, dict) else None
            about = {"refused_id": refused_id if isinstance(refused_id, str) else None, "refused_kind": kind}
            if kind != "reject":
                self.say("reject", **about, refused_by="child", reason=reason)

    def reject(self, body):
        print(f"refused by the {body['refused_by']}: {body['reason']} {body.get('text', '')}", flush=True)

    def event(self, body):
        if body["event_id"] not in self.events:
            raise Refused("unknown_event")
        return self.events[body["event_id"]]

    def request(self, body):
        known, order = self.events.get(body["event_id"]), (body["revision"], body["round"])
        if known and order <= (known.request["revision"], known.request["round"]):
            raise Refused("stale")
        if self.now() > instant(body["reply_by"]):
            raise Refused("expired")
        again = known and known.request["revision"] == body["revision"]  # earlier offers stand in a later round
        self.events[body["event_id"]] = event = Event(body, known.offers if again else {})
        self.offer(event, "own", body["power_w"], RESERVE_WH)

    def relax(self, body):
        event = self.event(body)
        own_w = next((o["power_w"] for o in reversed(event.offers.values()) if o["basis"] == "own"), None)
        if own_w is None or event.award or self.now() > instant(body["reply_by"]):
            raise Refused("unknown_offer" if own_w is None or event.award else "expired")
        most_w = [own + short for own, short in zip(own_w, body["shortfall_w"], strict=True)]
        self.offer(event, "relaxed", most_w, AGREED_RESERVE_WH)

    def offer(self, event, basis, most_w, reserve_wh):
        """W per slot, as asked, while power and energy last that no other event holds; and why no more."""
        others = [other for other in self.events.values() if other is not event]
        left_wh = self.battery.soc_wh - reserve_wh if event.sign < 0 else CAPACITY_WH - self.battery.soc_wh
        left_wh -= sum(sum(other.held_w) * other.length / HOUR for other in others)
        power_w, binding = [], []
        for slot, asked_w in enumerate(most_w):
            held_w = max((self.held_w(other, event.at(slot), event.at(slot + 1)) for other in others), default=0)
            power_w.append(max(0, min(LIMIT_W - held_w, asked_w, int(left_wh * HOUR / event.length))))
            left_wh -= power_w[-1] * event.length / HOUR
            short = "committed" if held_w else "power_limit" if power_w[-1] == LIMIT_W else None
            binding.append(
                None if power_w[-1] == asked_w else short or ("reserve_soc" if event.sign < 0 else "capacity")
            )
        opt, reason = ("opt_in", "participating") if any(power_w) else ("opt_out", "mustRun")
        plan = {"power_w": power_w, "available_w": power_w, "binding": binding, "basis": basis}
        car = {"resource_id": f"{self.name}-car", "kind": "vehicle", "power_w": power_w, "relaxable": True}
        plan |= {"resources": [car], "valid_until": event.start.isoformat()}
        message_id = self.answer("offer", event.request, opt=opt, opt_reason=reason, **plan)
        event.offers[message_id] = plan
        event.held_w = [max(held, power) for held, power in zip(event.held_w, power_w, strict=True)]
        print(f"offer ({basis}): {power_w} W", flush=True)

    def held_w(self, other, start, end):
        return max((w for n, w in enumerate(other.held_w) if other.at(n) < end and other.at(n + 1) > start), default=0)

    def award(self, body):
        event, accepted_w = self.event(body), None
        if event.award and body["revision"] <= event.award["revision"]:
            raise Refused("stale")
        if body["outcome"] == "concluded":
            accepted_w = event.offers.get(body["accepts"], {}).get("power_w", [])
            kept = len(accepted_w) == len(body["power_w"])
            kept = kept and all(award <= offer for award, offer in zip(body["power_w"], accepted_w, strict=True))
            kept = kept and (event.award is not None or self.now() <= event.start)
        else:
            kept, slot = True, (self.now() - event.start) // event.length
            if event.award and slot in event.orders:  # what flowed until now is settled
                self.report(event, slot, self.now(), "cancelled")
            event.orders.clear()
        if kept:
            event.award, event.held_w = body, body["power_w"]
        self.follow(self.now())
        said = {"award_id": body["award_id"], "accepted": kept, "reason": "" if kept else "not what stands on offer"}
        self.answer("confirm", event.request, revision=body["revision"], **said)
        print(f"award: {body['outcome']} {body['power_w']} W", flush=True)

    def dispatch(self, body):
        event, slot = self.event(body), body["slot"]
        if slot in event.readings:  # it was lost on the way: once more, as a later revision
            self.tell(event, event.readings[slot])
            return
        award = event.award
        if not award or award["outcome"] != "concluded" or award["award_id"] != body["award_id"]:
            raise Refused("unknown_award")
        if not 0 <= event.sign * body["power_w"] <= award["power_w"][slot]:
            raise Refused("above_request")
        if event.at(slot + 1) <= self.now():
            raise Refused("expired")
        event.orders[slot] = body["power_w"]
        self.follow(self.now())
        print(f"dispatch: slot {slot}, change the load by {body['power_w']} W", flush=True)
        if body.get("answer"):
            state = "active" if event.at(slot) <= self.now() else "near"
            self.tell(event, None, slot=slot, state=state)

    # -- what time brings

    def passes(self):
        """Every beginning and end of a slot since we last looked, in their order."""
        now, before = self.now(), self.looked_at
        awarded = [one for one in self.events.values() if one.award and one.award["outcome"] == "concluded"]
        due = [(event.at(n), event, n - 1) for event in awarded for n in range(len(event.held_w) + 1)]
        for at, event, over in sorted((one for one in due if before < one[0] <= now), key=lambda one: one[0]):
            if over >= 0 and over not in event.readings:
                self.report(event, over, at, "completed" if over + 1 == len(event.held_w) else "active")
            self.follow(at)
        self.looked_at = now

    def follow(self, at):
        """Our own schedule is to do nothing; on top of it what is ordered in the slots of this instant."""
        events = self.events.values()
        orders = [w for one in events for n, w in one.orders.items() if one.at(n) <= at < one.at(n + 1)]
        self.battery.set_power(at, sum(orders))

    def report(self, event, slot, until, state):
        energy_wh = round(self.battery.energy_wh(event.at(slot), until))
        self.battery.soc_wh += energy_wh
        event.held_w = [0 if n <= slot else w for n, w in enumerate(event.held_w)]
        reading = {
            "slot": slot,
            "energy_wh": energy_wh,
            "baseline_wh": 0,
            "soc_wh": self.battery.soc_wh,
            "state": state,
        }
        event.readings[slot] = reading
        self.tell(event, reading)

    def tell(self, event, reading, **has):
        event.reports += 1
        readings, revision = [reading] if reading else [], event.reports
        self.answer("report", event.request, revision, resource_id=f"{self.name}-car", readings=readings, **has)


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
    client.on_connect, client.on_message = device.on_connect, device.on_message
    will = {"message_id": f"{args.name}.will.{device.start}", "sent_at": device.now().isoformat(), "online": False}
    client.will_set(f"dr/presence/{args.parent}/{args.name}", json.dumps(will), qos=1, retain=True)
    if args.ca:
        client.tls_set(args.ca, args.certificate, args.key)
    if args.user:
        client.username_pw_set(args.user, Path(args.password_file).read_text().split()[0])
    client.connect_async(args.host, args.port)
    pause_s = 0.5
    while True:
        if client.loop(timeout=0.05) != mqtt.MQTT_ERR_SUCCESS:
            time.sleep(random.uniform(0, pause_s))
            pause_s = min(30, 2 * pause_s)
            try:
                client.reconnect()
            except OSError:
                continue
        pause_s = 0.5 if client.is_connected() else pause_s
        device.passes()


if __name__ == "__main__":
    main()

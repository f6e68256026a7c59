// A vehicle that keeps the contract of docs/protocol through plain MQTT.js: offers, relaxes, confirms, follows, reports.
// Start from this file: the vehicle is the numbers below, `Battery` is where yours comes in. Power is W, energy Wh, + is
// import. `npm install mqtt`, then `node device_mqttjs.js --host 127.0.0.1 --port 1883 --name hems-42 --parent ra-1`.
const fs = require("fs");
const { parseArgs } = require("util");
const mqtt = require("mqtt");

const LIMIT_W = 3000, CAPACITY_WH = 10000, SOC_WH = 4500;
const RESERVE_WH = 3500, AGREED_RESERVE_WH = 1000; // what its owner wants to keep, and agreed to when more is needed
const HOUR_MS = 3600e3;
const sum = (plan) => plan.reduce((a, b) => a + b, 0);

class Refused extends Error {} // what cannot be taken; the message is one of the reasons in docs/protocol/fields.md

// A simulated one: it does at once what it is told. A real one sets the charger here, and reads its meter.
class Battery {
  steps = [[0, 0]]; // since when, how much
  soc_wh = SOC_WH;

  setPower(at, power_w) {
    if (power_w !== this.steps.at(-1)[1]) this.steps.push([at, power_w]);
  }

  energyWh(start, end) {
    const until = (n) => (n + 1 < this.steps.length ? this.steps[n + 1][0] : end);
    return sum(this.steps.map(([at, w], n) => (w * Math.max(0, Math.min(end, until(n)) - Math.max(start, at))) / HOUR_MS));
  }
}

class DrEvent {
  award = null;
  orders = new Map();
  readings = new Map();
  reports = 0;

  constructor(request, offers) {
    this.request = request;
    this.offers = offers; // by message_id
    this.held_w = request.power_w.map(() => 0);
    const parts = /^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$/.exec(request.interval_period.duration || "PT30M");
    this.length = ((+(parts[1] || 0) * 60 + +(parts[2] || 0)) * 60 + +(parts[3] || 0)) * 1000;
    this.start = Date.parse(request.interval_period.start);
    this.sign = { decrease_load: -1, increase_load: 1 }[request.direction];
    if (!(this.start > 0 && this.length > 0 && this.sign)) throw new Refused("malformed");
  }

  at(slot) {
    return this.start + slot * this.length;
  }

  heldIn(start, end) {
    return Math.max(0, ...this.held_w.filter((_, n) => this.at(n) < end && this.at(n + 1) > start));
  }

  heldWh() {
    return (sum(this.held_w) * this.length) / HOUR_MS;
  }

  isDeal() {
    return this.award !== null && this.award.outcome === "concluded";
  }
}

class Device {
  battery = new Battery();
  events = new Map();
  answers = new Map(); // what each message was, and what we said to it
  said = [];
  number = 0;
  lookedAt = 0;
  started = process.hrtime.bigint().toString(36) + Date.now().toString(36); // ids of another start are others

  constructor(client, name, parent) {
    Object.assign(this, { client, name, parent });
  }

  // -- saying

  say(kind, fields, retain = false) {
    const message_id = `${this.name}.${kind}.${this.started}.${++this.number}`;
    const body = JSON.stringify({ message_id, sent_at: new Date().toISOString(), ...fields });
    const post = [`dr/${kind}/${this.parent}/${this.name}`, body, { qos: 1, retain }];
    this.client.publish(...post);
    this.said.push(post);
    return message_id;
  }

  answer(kind, { event_id, request_id, round }, revision, fields) {
    return this.say(kind, { event_id, request_id, round, revision, ...fields });
  }

  connected() {
    const kinds = ["request", "relax", "award", "dispatch", "reject"];
    this.client.subscribe(kinds.map((kind) => `dr/${kind}/+/${this.name}`), { qos: 1 });
    this.say("presence", { online: true, software: "device_mqttjs" }, true);
  }

  // -- hearing

  heard(topic, payload) {
    const [, kind, parent] = topic.split("/");
    if (parent !== this.parent || !payload.length) return;
    let body = null;
    try {
      body = JSON.parse(payload);
      if (kind === "reject") return console.log(`refused by the ${body.refused_by}: ${body.reason} ${body.text || ""}`);
      if (typeof body.message_id !== "string") throw new Refused("malformed");
      const known = this.answers.get(body.message_id);
      if (known && known.payload.equals(payload)) return known.said.forEach((post) => this.client.publish(...post)); // a repeat
      if (known) throw new Refused("conflict");
      if ((body.version || "1.0") !== "1.0") throw new Refused("unsupported_version");
      this.passes();
      this.said = [];
      this[kind](body);
      this.answers.set(body.message_id, { payload, said: this.said });
    } catch (error) { // whatever bytes come, the device goes on
      const id = body !== null && typeof body.message_id === "string" ? body.message_id : null;
      const reason = error instanceof Refused ? error.message : "malformed";
      if (kind !== "reject") this.say("reject", { refused_id: id, refused_kind: kind, refused_by: "child", reason });
    }
  }

  event(body) {
    const event = this.events.get(body.event_id);
    if (!event) throw new Refused("unknown_event");
    return event;
  }

  request(body) {
    const known = this.events.get(body.event_id), before = known && known.request;
    const again = known && before.revision === body.revision; // earlier offers stand in a later round
    if (known && (body.revision < before.revision || (again && body.round <= before.round))) throw new Refused("stale");
    if (Date.now() > Date.parse(body.reply_by)) throw new Refused("expired");
    const event = new DrEvent(body, again ? known.offers : new Map());
    this.events.set(body.event_id, event);
    this.offer(event, "own", body.power_w, RESERVE_WH);
  }

  relax(body) {
    const event = this.event(body), own = [...event.offers.values()].filter((one) => one.basis === "own").at(-1);
    if (!own || event.award) throw new Refused("unknown_offer");
    if (Date.now() > Date.parse(body.reply_by)) throw new Refused("expired");
    this.offer(event, "relaxed", own.power_w.map((w, n) => w + body.shortfall_w[n]), AGREED_RESERVE_WH);
  }

  // W per slot, as asked, while power and energy last that no other event holds; and why no more.
  offer(event, basis, most_w, reserve_wh) {
    const others = [...this.events.values()].filter((one) => one !== event), power_w = [], binding = [];
    let left_wh = event.sign < 0 ? this.battery.soc_wh - reserve_wh : CAPACITY_WH - this.battery.soc_wh;
    left_wh -= sum(others.map((one) => one.heldWh()));
    most_w.forEach((asked_w, n) => {
      const held_w = Math.max(0, ...others.map((one) => one.heldIn(event.at(n), event.at(n + 1))));
      const energy_w = Math.floor((left_wh * HOUR_MS) / event.length);
      const w = Math.max(0, Math.min(LIMIT_W - held_w, asked_w, energy_w));
      const short = held_w ? "committed" : w === LIMIT_W ? "power_limit" : event.sign < 0 ? "reserve_soc" : "capacity";
      power_w.push(w);
      binding.push(w === asked_w ? null : short);
      left_wh -= (w * event.length) / HOUR_MS;
    });
    const some = power_w.some(Boolean), valid_until = new Date(event.start).toISOString();
    const car = { resource_id: `${this.name}-car`, kind: "vehicle", power_w, relaxable: true };
    const plan = { power_w, available_w: power_w, binding, basis, resources: [car], valid_until };
    const opt = { opt: some ? "opt_in" : "opt_out", opt_reason: some ? "participating" : "mustRun" };
    event.offers.set(this.answer("offer", event.request, 1, { ...opt, ...plan }), plan);
    event.held_w = event.held_w.map((w, n) => Math.max(w, power_w[n]));
    console.log(`offer (${basis}): ${power_w} W`);
  }

  award(body) {
    const event = this.event(body), now = Date.now();
    if (event.award && body.revision <= event.award.revision) throw new Refused("stale");
    let kept = true;
    if (body.outcome === "concluded") {
      const offer = event.offers.get(body.accepts);
      kept = Boolean(offer) && offer.power_w.length === body.power_w.length;
      kept = kept && body.power_w.every((w, n) => w <= offer.power_w[n]) && (event.award !== null || now <= event.start);
    } else {
      const slot = Math.floor((now - event.start) / event.length);
      if (event.orders.has(slot)) this.report(event, slot, now, "cancelled"); // what flowed until now is settled
      event.orders.clear();
    }
    if (kept) Object.assign(event, { award: body, held_w: body.power_w });
    this.follow(now);
    const reason = kept ? "" : "not what stands on offer";
    this.answer("confirm", event.request, body.revision, { award_id: body.award_id, accepted: kept, reason });
    console.log(`award: ${body.outcome} ${body.power_w} W`);
  }

  dispatch(body) {
    const event = this.event(body), { slot, power_w } = body, now = Date.now();
    if (event.readings.has(slot)) return this.tell(event, [event.readings.get(slot)]); // it was lost on the way
    if (!event.isDeal() || event.award.award_id !== body.award_id) throw new Refused("unknown_award");
    if (!(event.sign * power_w >= 0 && event.sign * power_w <= event.award.power_w[slot])) throw new Refused("above_request");
    if (event.at(slot + 1) <= now) throw new Refused("expired");
    event.orders.set(slot, power_w);
    this.follow(now);
    console.log(`dispatch: slot ${slot}, change the load by ${power_w} W`);
    if (body.answer) this.tell(event, [], { slot, state: event.at(slot) <= now ? "active" : "near" });
  }

  // -- what time brings: every beginning and end of a slot since we last looked, in their order

  passes() {
    const now = Date.now(), due = [];
    for (const event of [...this.events.values()].filter((one) => one.isDeal())) {
      for (let n = 0; n <= event.held_w.length; n++) due.push({ at: event.at(n), event, over: n - 1 });
    }
    const come = due.filter((one) => one.at > this.lookedAt && one.at <= now).sort((a, b) => a.at - b.at);
    for (const { at, event, over } of come) {
      const state = over + 1 === event.held_w.length ? "completed" : "active";
      if (over >= 0 && !event.readings.has(over)) this.report(event, over, at, state);
      this.follow(at);
    }
    this.lookedAt = now;
  }

  // Our own schedule is to do nothing; on top of it what is ordered in the slots of this instant.
  follow(at) {
    const orders = [...this.events.values()].flatMap((event) =>
      [...event.orders].filter(([n]) => event.at(n) <= at && at < event.at(n + 1)).map(([, w]) => w));
    this.battery.setPower(at, sum(orders));
  }

  report(event, slot, until, state) {
    const energy_wh = Math.round(this.battery.energyWh(event.at(slot), until)) || 0;
    this.battery.soc_wh += energy_wh;
    event.held_w = event.held_w.map((w, n) => (n <= slot ? 0 : w));
    event.readings.set(slot, { slot, energy_wh, baseline_wh: 0, soc_wh: this.battery.soc_wh, state });
    this.tell(event, [event.readings.get(slot)]);
  }

  tell(event, readings, has = {}) {
    this.answer("report", event.request, ++event.reports, { resource_id: `${this.name}-car`, readings, ...has });
  }
}

function main() {
  const given = { host: "127.0.0.1", port: "1883", name: "hems-42", parent: "ra-1", mqtt: "5" };
  const options = Object.fromEntries(["user", "password-file", "ca", "certificate", "key"].map((one) => [one, { type: "string" }]));
  for (const [name, value] of Object.entries(given)) options[name] = { type: "string", default: value };
  const args = parseArgs({ options }).values;
  const read = (path) => path && fs.readFileSync(path);
  const will = { message_id: `${args.name}.will.${Date.now()}`, sent_at: new Date().toISOString(), online: false };
  const client = mqtt.connect({
    host: args.host, port: +args.port, protocol: args.ca ? "mqtts" : "mqtt", protocolVersion: args.mqtt === "5" ? 5 : 4,
    ca: read(args.ca), cert: read(args.certificate), key: read(args.key), clientId: args.name, reconnectPeriod: 1000,
    username: args.user, password: args["password-file"] && read(args["password-file"]).toString().trim(),
    will: { topic: `dr/presence/${args.parent}/${args.name}`, payload: JSON.stringify(will), qos: 1, retain: true },
  });
  const device = new Device(client, args.name, args.parent);
  client.on("connect", () => device.connected());
  client.on("message", (topic, payload) => device.heard(topic, payload));
  client.on("error", (error) => console.error(String(error)));
  setInterval(() => device.passes(), 50);
}

main();

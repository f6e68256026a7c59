/* A vehicle that keeps the contract of docs/protocol through plain libmosquitto: offers, relaxes, confirms, follows, reports.

   Start from this file: the vehicle is the numbers below, `set_power` is where yours comes in. Power is W, energy Wh, + is
   import. Debian: apt install libmosquitto-dev libcjson-dev; cc -O2 -Wall -o device device_mosquitto.c -lmosquitto -lcjson -lm
   ./device --host 127.0.0.1 --port 1883 --name hems-42 --parent ra-1 [--ca ca.crt --certificate party.crt --key party.key] */
#define _GNU_SOURCE
#include <cjson/cJSON.h>
#include <getopt.h>
#include <math.h>
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_W = 3000, CAPACITY_WH = 10000, RESERVE_WH = 3500, AGREED_RESERVE_WH = 1000 };
enum { SLOTS = 336, EVENTS = 32, OFFERS = 8, ANSWERS = 128, POSTS = 2 };

typedef struct { char id[301]; int relaxed; long power_w[SLOTS]; } Offer;
typedef struct {
  char event_id[65], request_id[211], award_id[211];
  int round, revision, award_revision, concluded, sign, slots, offers, reports;
  double start, length, begun_ws[SLOTS];
  long held_w[SLOTS], award_w[SLOTS], order_w[SLOTS], energy_wh[SLOTS], soc_wh[SLOTS];
  char ordered[SLOTS], reported[SLOTS];
  Offer offer[OFFERS];
} Event;
typedef struct { char *topic, *payload; } Post;
typedef struct { char id[301]; char *heard; int length, posts; Post post[POSTS]; } Answer; /* a repeat hears the same again */

static struct mosquitto *mosq;
static const char *name = "hems-42", *parent = "ra-1";
static Event event[EVENTS];
static Answer answer[ANSWERS], *answering;
static int events, answers, number;
static long started; /* ids of another start of the program are others */
static double power_w, energy_ws, metered_at, looked_at, soc_wh = 4500;

static double now(void) {
  struct timespec ts;
  clock_gettime(CLOCK_REALTIME, &ts);
  return ts.tv_sec + ts.tv_nsec / 1e9;
}

static double at(const Event *e, int slot) { return e->start + slot * e->length; }

static double instant(const char *text) { /* RFC 3339; 0 when it is none */
  struct tm tm = {0};
  double second = 0, offset = 0;
  int end = 0, hours, minutes;
  if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%lf%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &second, &end) < 6)
    return 0;
  tm.tm_year -= 1900, tm.tm_mon -= 1;
  if (sscanf(text + end, "%3d:%2d", &hours, &minutes) == 2) offset = hours * 3600 + (text[end] == '-' ? -60 : 60) * minutes;
  return timegm(&tm) + second - offset;
}

static void written(double t, char *text) { /* an instant as text, 32 bytes */
  time_t whole = (time_t)t;
  size_t n = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", gmtime(&whole));
  snprintf(text + n, 32 - n, ".%03dZ", (int)((t - whole) * 1000));
}

/* The meter and the charger. A simulated one does at once what it is told; a real one is set here, and reads its register. */
static void set_power(double t, double w) {
  energy_ws += power_w * (t - metered_at);
  metered_at = t, power_w = w;
}

/* -- saying */

static void publish(const char *topic, const char *payload, int retain) {
  mosquitto_publish(mosq, NULL, topic, (int)strlen(payload), payload, 1, retain);
}

static const char *say(const char *kind, cJSON *body, int retain) {
  static char id[301];
  char *topic, text[32];
  snprintf(id, sizeof id, "%s.%s.%lx.%d", name, kind, started, ++number);
  written(now(), text);
  cJSON_AddStringToObject(body, "message_id", id);
  cJSON_AddStringToObject(body, "sent_at", text);
  if (asprintf(&topic, "dr/%s/%s/%s", kind, parent, name) < 0) abort();
  char *payload = cJSON_PrintUnformatted(body);
  publish(topic, payload, retain);
  if (answering && answering->posts < POSTS) answering->post[answering->posts++] = (Post){topic, payload};
  else free(topic), free(payload);
  cJSON_Delete(body);
  return id;
}

static cJSON *to(const Event *e, int revision) {
  cJSON *body = cJSON_CreateObject();
  cJSON_AddStringToObject(body, "event_id", e->event_id);
  cJSON_AddStringToObject(body, "request_id", e->request_id);
  cJSON_AddNumberToObject(body, "round", e->round);
  cJSON_AddNumberToObject(body, "revision", revision);
  return body;
}

static cJSON *plan_of(const long *w, int slots) {
  cJSON *plan = cJSON_CreateArray();
  for (int n = 0; n < slots; n++) cJSON_AddItemToArray(plan, cJSON_CreateNumber(w[n]));
  return plan;
}

static void tell(Event *e, int slot, const char *state, int only_has) {
  char car[80];
  cJSON *body = to(e, ++e->reports), *readings = cJSON_AddArrayToObject(body, "readings");
  snprintf(car, sizeof car, "%s-car", name);
  cJSON_AddStringToObject(body, "resource_id", car);
  cJSON *about = only_has ? body : cJSON_CreateObject();
  cJSON_AddNumberToObject(about, "slot", slot);
  cJSON_AddStringToObject(about, "state", state);
  if (!only_has) {
    cJSON_AddNumberToObject(about, "energy_wh", e->energy_wh[slot]);
    cJSON_AddNumberToObject(about, "baseline_wh", 0); /* our own schedule is to do nothing */
    cJSON_AddNumberToObject(about, "soc_wh", e->soc_wh[slot]);
    cJSON_AddItemToArray(readings, about);
  }
  say("report", body, 0);
}

/* -- what time brings */

static void follow(double t) { /* the sum of what is ordered in the slots of this instant */
  double sum = 0;
  for (Event *e = event; e < event + events; e++)
    for (int n = 0; n < e->slots; n++)
      if (e->ordered[n] && at(e, n) <= t && t < at(e, n + 1)) sum += e->order_w[n];
  set_power(t, sum);
}

static void report(Event *e, int slot, double until, const char *state) {
  set_power(until, power_w);
  e->energy_wh[slot] = lround((energy_ws - e->begun_ws[slot]) / 3600);
  soc_wh += e->energy_wh[slot];
  e->soc_wh[slot] = lround(soc_wh), e->reported[slot] = 1;
  for (int n = 0; n <= slot; n++) e->held_w[n] = 0;
  tell(e, slot, state, 0);
}

static void passes(void) { /* every beginning and end of a slot since we last looked, in their order */
  for (double t = now(), next;; looked_at = next) {
    next = INFINITY;
    for (Event *e = event; e < event + events; e++)
      for (int n = 0; e->concluded && n <= e->slots; n++)
        if (at(e, n) > looked_at && at(e, n) < next) next = at(e, n);
    if (next > t) {
      looked_at = t;
      return;
    }
    set_power(next, power_w);
    for (Event *e = event; e < event + events; e++)
      for (int n = 0; e->concluded && n <= e->slots; n++)
        if (at(e, n) == next) {
          if (n < e->slots) e->begun_ws[n] = energy_ws;
          if (n > 0 && !e->reported[n - 1]) report(e, n - 1, next, n == e->slots ? "completed" : "active");
        }
    follow(next);
  }
}

/* -- hearing: each returns why it refuses, or NULL */

static const char *text_of(const cJSON *body, const char *key) { return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, key)); }

static double number_of(const cJSON *body, const char *key) { /* NAN where there is none */
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, key);
  return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static int plan_in(const cJSON *body, const char *key, long *w) { /* how many slots; 0 where it is none */
  const cJSON *plan = cJSON_GetObjectItemCaseSensitive(body, key), *item;
  int n = 0;
  cJSON_ArrayForEach(item, plan) {
    if (n == SLOTS || !cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= 1e11)) return 0;
    w[n++] = (long)item->valuedouble;
  }
  return cJSON_IsArray(plan) ? n : 0;
}

static Event *event_of(const cJSON *body) {
  const char *id = text_of(body, "event_id");
  for (Event *e = event; id && e < event + events; e++)
    if (!strcmp(e->event_id, id)) return e;
  return NULL;
}

static void offer(Event *e, int relaxed, const long *most_w, double reserve_wh) {
  long w[SLOTS], some = 0;
  char until[32], car[80];
  double left_wh = e->sign < 0 ? soc_wh - reserve_wh : CAPACITY_WH - soc_wh;
  cJSON *body = to(e, 1), *binding = cJSON_AddArrayToObject(body, "binding"), *resource = cJSON_CreateObject();
  for (Event *o = event; o < event + events; o++)
    for (int n = 0; o != e && n < o->slots; n++) left_wh -= o->held_w[n] * o->length / 3600;
  for (int n = 0; n < e->slots; n++) { /* as asked, while power and energy last that no other event holds */
    long held = 0;
    for (Event *o = event; o < event + events; o++)
      for (int k = 0; o != e && k < o->slots; k++)
        if (at(o, k) < at(e, n + 1) && at(o, k + 1) > at(e, n) && o->held_w[k] > held) held = o->held_w[k];
    w[n] = (long)fmax(0, fmin(fmin(LIMIT_W - held, most_w[n]), floor(left_wh * 3600 / e->length)));
    left_wh -= w[n] * e->length / 3600, some += w[n];
    const char *short_of = held ? "committed" : w[n] == LIMIT_W ? "power_limit" : e->sign < 0 ? "reserve_soc" : "capacity";
    cJSON_AddItemToArray(binding, w[n] == most_w[n] ? cJSON_CreateNull() : cJSON_CreateString(short_of));
    if (w[n] > e->held_w[n]) e->held_w[n] = w[n];
  }
  snprintf(car, sizeof car, "%s-car", name);
  written(e->start, until);
  cJSON_AddStringToObject(body, "opt", some ? "opt_in" : "opt_out");
  cJSON_AddStringToObject(body, "opt_reason", some ? "participating" : "mustRun");
  cJSON_AddItemToObject(body, "power_w", plan_of(w, e->slots));
  cJSON_AddItemToObject(body, "available_w", plan_of(w, e->slots));
  cJSON_AddStringToObject(body, "basis", relaxed ? "relaxed" : "own");
  cJSON_AddStringToObject(body, "valid_until", until);
  cJSON_AddStringToObject(resource, "resource_id", car);
  cJSON_AddStringToObject(resource, "kind", "vehicle");
  cJSON_AddItemToObject(resource, "power_w", plan_of(w, e->slots));
  cJSON_AddTrueToObject(resource, "relaxable");
  cJSON_AddItemToArray(cJSON_AddArrayToObject(body, "resources"), resource);
  Offer *o = &e->offer[e->offers < OFFERS ? e->offers++ : OFFERS - 1];
  *o = (Offer){.relaxed = relaxed};
  memcpy(o->power_w, w, sizeof w);
  strcpy(o->id, say("offer", body, 0));
  printf("offer (%s): %ld W in the first slot\n", relaxed ? "relaxed" : "own", w[0]);
}

static const char *on_request(const cJSON *body) {
  static Event e; /* large */
  long asked_w[SLOTS];
  const cJSON *period = cJSON_GetObjectItemCaseSensitive(body, "interval_period");
  const char *id = text_of(body, "event_id"), *request_id = text_of(body, "request_id"), *way = text_of(body, "direction");
  const char *duration = cJSON_HasObjectItem(period, "duration") ? text_of(period, "duration") : "PT30M";
  double round = number_of(body, "round"), revision = number_of(body, "revision"), reply_by = instant(text_of(body, "reply_by"));
  memset(&e, 0, sizeof e);
  e.slots = plan_in(body, "power_w", asked_w), e.start = instant(text_of(period, "start"));
  for (const char *p = duration ? duration : ""; *p; p++) { /* PT1H30M5S */
    int value = (int)strtol(p, (char **)&p, 10);
    e.length += value * (*p == 'H' ? 3600 : *p == 'M' ? 60 : *p == 'S' ? 1 : 0);
    if (!*p) break;
  }
  if (!id || strlen(id) > 64 || !request_id || strlen(request_id) > 210 || !way || !(round >= 1) || !(revision >= 1) || !reply_by ||
      !e.slots || !e.start || !(e.length > 0)) return "malformed";
  strcpy(e.event_id, id), strcpy(e.request_id, request_id);
  e.round = (int)round, e.revision = (int)revision, e.sign = strcmp(way, "increase_load") ? -1 : 1;
  Event *known = event_of(body);
  if (known && (known->revision > e.revision || (known->revision == e.revision && known->round >= e.round))) return "stale";
  if (now() > reply_by) return "expired";
  if (known && known->revision == e.revision) memcpy(e.offer, known->offer, sizeof e.offer), e.offers = known->offers; /* they stand */
  if (!known) {
    if (events == EVENTS) { /* the oldest one that is over makes room */
      Event *old = event;
      while (old < event + events && at(old, old->slots) > now() && old->concluded) old++;
      if (old == event + events) return "overload";
      memmove(old, old + 1, (char *)(event + --events) - (char *)old);
    }
    known = &event[events++];
  }
  *known = e;
  offer(known, 0, asked_w, RESERVE_WH);
  return NULL;
}

static const char *on_relax(const cJSON *body) {
  long w[SLOTS];
  Event *e = event_of(body);
  int slots = plan_in(body, "shortfall_w", w), n = e ? e->offers - 1 : -1;
  if (!e) return "unknown_event";
  while (n >= 0 && e->offer[n].relaxed) n--;
  if (n < 0 || e->award_revision) return "unknown_offer";
  if (slots != e->slots) return slots ? "wrong_slots" : "malformed";
  if (now() > instant(text_of(body, "reply_by"))) return "expired";
  for (int slot = 0; slot < slots; slot++) w[slot] += e->offer[n].power_w[slot];
  offer(e, 1, w, AGREED_RESERVE_WH);
  return NULL;
}

static const char *on_award(const cJSON *body) {
  long w[SLOTS];
  Event *e = event_of(body);
  const char *id = text_of(body, "award_id"), *accepts = text_of(body, "accepts"), *outcome = text_of(body, "outcome");
  double revision = number_of(body, "revision"), t = now();
  int slots = plan_in(body, "power_w", w), kept = 1;
  if (!id || strlen(id) > 210 || !outcome || !(revision >= 1) || !slots) return "malformed";
  if (!e) return "unknown_event";
  if (revision <= e->award_revision) return "stale";
  if (!strcmp(outcome, "concluded")) {
    const Offer *o = NULL;
    for (int n = 0; accepts && n < e->offers; n++) if (!strcmp(e->offer[n].id, accepts)) o = &e->offer[n];
    kept = o && slots == e->slots && (e->award_revision || t <= e->start);
    for (int n = 0; kept && n < slots; n++) kept = w[n] <= o->power_w[n];
    if (kept) e->concluded = 1;
    for (int n = 0; kept && n < slots; n++) if (at(e, n) <= t) e->begun_ws[n] = energy_ws + power_w * (t - metered_at);
  } else {
    int slot = (int)floor((t - e->start) / e->length);
    if (slot >= 0 && slot < e->slots && e->ordered[slot]) report(e, slot, t, "cancelled"); /* what flowed until now is settled */
    memset(e->ordered, 0, sizeof e->ordered), e->concluded = 0;
  }
  if (kept) {
    strcpy(e->award_id, id), e->award_revision = (int)revision;
    memcpy(e->award_w, w, sizeof w), memcpy(e->held_w, w, sizeof w);
  }
  follow(t);
  cJSON *said = to(e, (int)revision);
  cJSON_AddStringToObject(said, "award_id", id);
  cJSON_AddBoolToObject(said, "accepted", kept);
  cJSON_AddStringToObject(said, "reason", kept ? "" : "not what stands on offer");
  say("confirm", said, 0);
  printf("award: %s %ld W in the first slot\n", outcome, w[0]);
  return NULL;
}

static const char *on_dispatch(const cJSON *body) {
  Event *e = event_of(body);
  const char *id = text_of(body, "award_id");
  double slot = number_of(body, "slot"), w = number_of(body, "power_w"), t = now();
  if (!id || !(slot >= 0 && slot < SLOTS) || !(fabs(w) <= 1e11)) return "malformed";
  if (!e) return "unknown_event";
  int n = (int)slot;
  if (n >= e->slots) return "wrong_slots";
  if (e->reported[n]) { /* it was lost on the way: once more, as a later revision */
    tell(e, n, n + 1 == e->slots ? "completed" : "active", 0);
    return NULL;
  }
  if (!e->concluded || strcmp(e->award_id, id)) return "unknown_award";
  if (!(e->sign * w >= 0 && e->sign * w <= e->award_w[n])) return "above_request";
  if (at(e, n + 1) <= t) return "expired";
  e->ordered[n] = 1, e->order_w[n] = (long)w;
  follow(t);
  printf("dispatch: slot %d, change the load by %.0f W\n", n, w);
  if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "answer"))) tell(e, n, at(e, n) <= t ? "active" : "near", 1);
  return NULL;
}

static void refuse(const char *kind, const char *id, const char *reason) {
  cJSON *body = cJSON_CreateObject();
  cJSON_AddItemToObject(body, "refused_id", id ? cJSON_CreateString(id) : cJSON_CreateNull());
  cJSON_AddStringToObject(body, "refused_kind", kind);
  cJSON_AddStringToObject(body, "refused_by", "child");
  cJSON_AddStringToObject(body, "reason", reason);
  say("reject", body, 0);
}

static const char *take(const char *kind, const cJSON *body, const char *id, const struct mosquitto_message *message) {
  const char *version = text_of(body, "version");
  if (!id || !*id || strlen(id) > 300) return "malformed";
  if (version && strcmp(version, "1.0")) return "unsupported_version";
  for (int n = 0; n < ANSWERS; n++)
    if (!strcmp(answer[n].id, id)) {
      if (answer[n].length != message->payloadlen || memcmp(answer[n].heard, message->payload, message->payloadlen)) return "conflict";
      for (int k = 0; k < answer[n].posts; k++) publish(answer[n].post[k].topic, answer[n].post[k].payload, 0);
      return NULL;
    }
  Answer *a = &answer[answers++ % ANSWERS];
  for (int k = 0; k < a->posts; k++) free(a->post[k].topic), free(a->post[k].payload);
  free(a->heard);
  *a = (Answer){.heard = malloc(message->payloadlen), .length = message->payloadlen};
  memcpy(a->heard, message->payload, message->payloadlen);
  passes();
  answering = a;
  const char *refused = !strcmp(kind, "request") ? on_request(body) : !strcmp(kind, "relax") ? on_relax(body)
                      : !strcmp(kind, "award") ? on_award(body) : on_dispatch(body);
  answering = NULL;
  if (!refused) strcpy(a->id, id);
  return refused;
}

static void on_message(struct mosquitto *m, void *data, const struct mosquitto_message *message) {
  char kind[32], from[65];
  if (sscanf(message->topic, "dr/%31[a-z]/%64[^/]/", kind, from) != 2 || strcmp(from, parent) || !message->payloadlen) return;
  cJSON *body = cJSON_ParseWithLength(message->payload, message->payloadlen);
  const char *id = text_of(body, "message_id");
  if (!strcmp(kind, "reject")) printf("refused: %s %s\n", text_of(body, "reason"), text_of(body, "text"));
  else {
    const char *refused = cJSON_IsObject(body) ? take(kind, body, id, message) : "malformed";
    if (refused) refuse(kind, id && *id && strlen(id) <= 300 ? id : NULL, refused);
  }
  fflush(stdout);
  cJSON_Delete(body);
}

static void on_connect(struct mosquitto *m, void *data, int code) {
  const char *kinds[] = {"request", "relax", "award", "dispatch", "reject"};
  char filter[120];
  for (int n = 0; !code && n < 5; n++) {
    snprintf(filter, sizeof filter, "dr/%s/+/%s", kinds[n], name);
    mosquitto_subscribe(m, NULL, filter, 1);
  }
  cJSON *body = cJSON_CreateObject();
  cJSON_AddTrueToObject(body, "online");
  cJSON_AddStringToObject(body, "software", "device_mosquitto");
  say("presence", body, 1);
}

int main(int argc, char **argv) {
  const char *host = "127.0.0.1", *user = NULL, *password = NULL, *ca = NULL, *certificate = NULL, *key = NULL;
  int port = 1883, c, version = MQTT_PROTOCOL_V311;
  const struct option options[] = {{"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"name", 1, 0, 'n'}, {"parent", 1, 0, 'r'},
    {"user", 1, 0, 'u'}, {"password-file", 1, 0, 'w'}, {"ca", 1, 0, 'a'}, {"certificate", 1, 0, 'c'}, {"key", 1, 0, 'k'},
    {"mqtt", 1, 0, 'm'}, {0}};
  while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) switch (c) {
    case 'h': host = optarg; break;
    case 'p': port = atoi(optarg); break;
    case 'n': name = optarg; break;
    case 'r': parent = optarg; break;
    case 'u': user = optarg; break;
    case 'w': password = optarg; break;
    case 'a': ca = optarg; break;
    case 'c': certificate = optarg; break;
    case 'k': key = optarg; break;
    case 'm': version = strcmp(optarg, "5") ? MQTT_PROTOCOL_V311 : MQTT_PROTOCOL_V5; break;
    default: return 2;
  }
  char topic[160], will[400], secret[200] = "", text[32];
  started = (long)(now() * 1000), metered_at = looked_at = now();
  mosquitto_lib_init();
  mosq = mosquitto_new(name, true, NULL);
  mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, version);
  mosquitto_connect_callback_set(mosq, on_connect);
  mosquitto_message_callback_set(mosq, on_message);
  written(now(), text);
  snprintf(topic, sizeof topic, "dr/presence/%s/%s", parent, name);
  snprintf(will, sizeof will, "{\"message_id\":\"%s.will.%lx\",\"sent_at\":\"%s\",\"online\":false}", name, started, text);
  mosquitto_will_set(mosq, topic, (int)strlen(will), will, 1, true);
  if (password) {
    FILE *file = fopen(password, "r");
    if (!file || fscanf(file, "%199s", secret) != 1) return perror(password), 2;
    fclose(file);
  }
  if (user) mosquitto_username_pw_set(mosq, user, secret);
  if (ca && mosquitto_tls_set(mosq, ca, NULL, certificate, key, NULL)) return fprintf(stderr, "the certificates cannot be used\n"), 2;
  int failed = mosquitto_connect(mosq, host, port, 20);
  for (double pause_s = 0.5;;) {
    if (failed || (failed = mosquitto_loop(mosq, 50, 1))) { /* again by ourselves, with pauses that grow and are random */
      usleep((useconds_t)(pause_s * 1e6 * rand() / RAND_MAX));
      pause_s = fmin(30, 2 * pause_s);
      failed = mosquitto_reconnect(mosq);
    } else pause_s = 0.5;
    passes();
  }
}

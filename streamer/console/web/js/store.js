/** All that the page knows: calls, alerts, the calls followed word by word, the service. No DOM, no clock. */
import {Alerts, keyOf} from "./alerts.js";
import {Transcript} from "./transcript.js";

const WORST = {block: 3, alert: 2, review: 1};
const PASSING = new Set(["call.state", "transcript", "service"]);
const ALWAYS = new Set(["call.state", "call.stopped"]);
const STEPS = new Set(["block", "block.result", "control", "call.displaced", "call.remark", "unblock", "blind", "action", "review", "call.stopped"]);
const MOST_STEPS = 200;

export class Store {
  calls = new Map();
  transcript = null;
  steps = [];
  service = {durability: "ok", relief: 0, lexicon_version: "", lexicon_trouble: "", lexicon_change: null, degraded: "", lost: 0, detail: ""};
  health = null;
  me = null;
  rules = new Map();
  connection = {state: "connecting", since: null, why: ""};
  selectedAlert = null;
  selectedCall = null;
  /** What came after this is new to whoever looks at the page. */
  began = null;
  #reached = 0;
  #changed;
  #changedCalmly;

  /**
   * changed: told what kind of thing changed: calls, alerts, transcript, steps, service, connection, rules, me.
   * changedCalmly: the same, of what changes all the time.
   */
  constructor(changed = () => {}, changedCalmly = changed, most = undefined) {
    this.#changed = changed;
    this.#changedCalmly = changedCalmly;
    this.alerts = new Alerts(most);
  }

  /** The feed begins, or goes on. */
  welcome({cursor, calls, service}) {
    this.began ??= cursor;
    this.#reached = cursor;
    const live = new Map(calls.map((item) => [item.call, shown(item)]));
    for (const [name, call] of this.calls) {
      // It ended while nobody listened: that is yet to be told.
      if (!live.has(name) && name === this.selectedCall) live.set(name, {...call, ended_at: call.ended_at ?? ""});
    }
    this.calls = live;
    Object.assign(this.service, service);
    this.#changed("calls", "service");
  }

  /** Take in an event of the feed; gives the alert that is new or more urgent because of it, or null. */
  take(event) {
    const stood = this.#stands(event);
    const alert = this.alerts.take(event);
    if (event.type === "service") this.#serve(event);
    else if (event.type === "transcript") this.#hear(event);
    // The calls of a welcome are as they are at its cursor: what came before is in them.
    else if (event.cursor > this.#reached || ALWAYS.has(event.type)) this.#call(event, stood);
    if (!PASSING.has(event.type)) this.#follow(event);
    return alert;
  }

  /** Whether whoever looks at the page has not been told of an event before. */
  isNew(event) {
    return this.began !== null && event.cursor > this.began;
  }

  fill(items) {
    this.alerts.fill(items);
    this.#changed("alerts");
  }

  seen(key) {
    this.alerts.seen(key);
    this.#changed("alerts", "calls");
  }

  /** Choose a call; gives whether it is another one than before. */
  selectCall(name, known = null) {
    if (name === this.selectedCall) return false;
    const left = this.calls.get(this.selectedCall);
    if (left && left.ended_at !== null) this.calls.delete(left.call);
    this.selectedCall = name;
    if (name !== null && !this.calls.has(name) && known) this.calls.set(name, shown(known));
    this.transcript = name === null ? null : new Transcript(name);
    this.steps = [];
    for (const alert of this.alerts.ofCall(name)) this.transcript.violation(alert);
    this.#changed("calls", "transcript", "steps");
    return true;
  }

  selectAlert(key) {
    this.selectedAlert = key;
    this.#changed("alerts");
  }

  /** What was said so far in the call that was chosen. */
  snapshot(message) {
    if (this.transcript?.call !== message.call) return;
    this.transcript.restart(message);
    this.#changed("transcript");
  }

  /** What happened so far in the call that was chosen, from the journal. */
  recall(item) {
    if (this.transcript?.call !== item.call) return;
    const {events, ...call} = item;
    if (!this.calls.has(item.call)) this.calls.set(item.call, shown(call));
    const told = new Set(this.steps.map((step) => step.cursor));
    const earlier = events.filter((event) => STEPS.has(event.type) && !told.has(event.cursor));
    this.steps = [...earlier, ...this.steps].slice(-MOST_STEPS);
    for (const event of events) {
      if (event.type === "violation" && !this.alerts.get(keyOf(event))) {
        this.transcript.violation({kind: "violation", key: keyOf(event), ...event});
      }
    }
    this.#changed("calls", "transcript", "steps");
  }

  set(name, value) {
    this[name] = value;
    this.#changed(name === "health" ? "service" : name);
  }

  /** The live calls, worst first, then those that lag most. */
  sorted() {
    const undelivered = new Set();
    const urgent = this.alerts.list([0]);
    for (let i = 0; i < urgent.length; i++) undelivered.add(urgent.at(i).call);
    const weight = (call) => (undelivered.has(call.call) ? 4 : (WORST[call.worst] ?? 0));
    // Half seconds, so that rows do not change places at every word.
    const lag = (call) => Math.floor((call.lag ?? 0) * 2);
    return [...this.calls.values()]
      .filter((call) => call.ended_at === null)
      .map((call) => warned(call, undelivered.has(call.call)))
      .sort((a, b) => weight(b) - weight(a) || lag(b) - lag(a) || a.started_at.localeCompare(b.started_at));
  }

  /** Each process tells of what it knows: the rest stays as it was. */
  #serve(event) {
    for (const name of Object.keys(this.service)) if (event[name] !== undefined) this.service[name] = event[name];
    this.#changed("service");
  }

  #hear(event) {
    if (this.transcript?.call !== event.call) return;
    this.transcript.take(event);
    this.#changed("transcript");
  }

  #call(event, stood) {
    if (event.type === "call.started") this.calls.set(event.call, started(event));
    const call = this.calls.get(event.call);
    if (call === undefined) return;
    if (event.type === "call.state") {
      const {duration, monitored, blind, lag, muted} = event;
      Object.assign(call, {duration, monitored, blind, lag, muted});
    } else if (event.type === "call.stopped") {
      this.#stop(call, event);
    } else if (event.type === "block" && event.action === "mute") {
      call.muted = true;
    } else if (event.type === "unblock") {
      call.muted = false;
    }
    if (event.violation_id) this.#count(call, event, stood);
    call.version++;
    if (event.type === "call.state") this.#changedCalmly("calls");
    else this.#changed("calls");
  }

  #stands(event) {
    const alert = event.violation_id ? this.alerts.get(keyOf(event)) : undefined;
    return alert !== undefined && alert.listed && alert.status !== "retracted";
  }

  /** Count a call's violations that stand; the first count is the service's, which may know of more than this page. */
  #count(call, event, stood) {
    const stands = this.#stands(event);
    if (stands && !stood && event.status !== "confirmed") {
      call.violations++;
      const {severity} = this.alerts.get(keyOf(event));
      if (WORST[severity] > (WORST[call.worst] ?? 0)) call.worst = severity;
    } else if (stood && !stands) {
      call.violations = Math.max(0, call.violations - 1);
      const known = this.alerts.ofCall(call.call).filter((one) => this.#stands(one) && one.severity);
      if (known.length >= call.violations) {
        call.worst = known.map((one) => one.severity).sort((a, b) => WORST[b] - WORST[a])[0] ?? null;
      }
    }
  }

  #stop(call, {at, outcome, duration, missing, blind_seconds, metrics}) {
    if (call.call !== this.selectedCall) this.calls.delete(call.call);
    Object.assign(call, {ended_at: at, outcome, duration, missing, blind: blind_seconds, metrics: metrics ?? null});
  }

  #follow(event) {
    this.#changed("alerts");
    if (event.call === undefined || this.transcript?.call !== event.call) return;
    if (event.violation_id !== undefined) {
      const alert = this.alerts.get(keyOf(event));
      if (alert) this.transcript.violation(alert);
      else if (event.type === "violation") this.transcript.violation({kind: "violation", ...event});
      this.#changed("transcript");
    }
    if (STEPS.has(event.type)) {
      this.steps.push(event);
      if (this.steps.length > MOST_STEPS) this.steps.shift();
      this.#changed("steps");
    }
  }
}

function started(event) {
  const {call, call_id, agent, at, language, channels, metadata, model, lexicon_version} = event;
  return shown({
    call, call_id, agent, language, channels, metadata, model, lexicon_version,
    started_at: at, ended_at: null, outcome: null, duration: 0, monitored: 0, blind: 0, lag: 0, muted: false,
    violations: 0, worst: null, missing: [], metrics: null,
  });
}

/** What a list needs to know beyond what the service tells. */
function shown(call) {
  return {...call, key: call.call, version: 0, undelivered: false};
}

function warned(call, undelivered) {
  if (call.undelivered !== undelivered) Object.assign(call, {undelivered, version: call.version + 1});
  return call;
}

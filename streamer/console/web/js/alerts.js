/** Alerts as the feed tells them, worst first: violations, blocks that did not arrive, audio that was not heard. */
import {Ranked} from "./ranked.js";

export const MOST = 10_000;
/** What came of a block, where the agent goes on talking. */
export const NOT_CARRIED_OUT = new Set(["undelivered", "unsupported", "failed"]);
export const RANKS = ["undelivered", "blind", "block", "alert", "review", "done"];
export const DONE = RANKS.indexOf("done");

const STANDS = ["candidate", "fired", "confirmed", "retracted"];
const VIOLATION = [
  "rule_id", "category", "severity", "term", "heard", "match", "confidence", "channel", "start", "end", "say_instead", "text",
  "lexicon_version",
];

export class Alerts {
  #most;
  #all = new Map();
  #ofCall = new Map();
  #ranked = new Ranked(RANKS.length);
  #number = 0;

  constructor(most = MOST) {
    this.#most = most;
  }

  get size() {
    return this.#all.size;
  }

  get(key) {
    return this.#all.get(key);
  }

  count(rank) {
    return this.#ranked.count(rank);
  }

  /** Those of some ranks as a list that `VirtualList` takes; candidates are in none. */
  list(ranks) {
    const ranked = this.#ranked;
    return {
      get length() {
        return ranked.length(ranks);
      },
      at: (index) => this.#ranked.at(index, ranks),
      find: (key) => {
        const alert = this.#all.get(key);
        return alert?.listed ? this.#ranked.indexOf(alert, alert.rank, ranks) : -1;
      },
    };
  }

  ofCall(call) {
    return [...(this.#ofCall.get(call) ?? [])];
  }

  /**
   * Take in an event.
   * Returns: the alert that is new, or more urgent than it was; null where none is.
   */
  take(event) {
    switch (event.type) {
      case "violation":
        return this.#violation(event);
      case "block":
        return this.#block(event);
      case "block.result":
        return this.#result(event);
      case "control":
        return this.#notice(event, `${event.call}/control`, "control", "undelivered");
      case "call.refused":
        return this.#notice(event, `refused/${event.cursor}`, "refused", "alert");
      case "call.displaced":
        return this.#notice(event, `${event.call}/displaced/${event.cursor}`, "displaced", "alert");
      case "blind":
        if (event.alert === false) return null;
        return this.#notice(event, `${event.call}/blind/${event.channel}/${event.from}`, "blind", "blind");
      case "call.stopped":
        return this.#stopped(event);
      case "unblock":
        return this.#about(event, (alert) => alert.block && Object.assign(alert.block, {lifted: true}));
      case "review":
        return this.#about(event, (alert) =>
          Object.assign(alert, {verdict: event.verdict, verdict_by: event.by, verdict_reason: event.reason}),
        );
      case "evidence":
        // Without a sum it says why no clip was kept.
        return this.#about(event, (alert) => Object.assign(alert, {evidence: event.sha256 !== null}));
      default:
        return null;
    }
  }

  /** Take in violations as `GET /v1/violations` has them; what the feed told in the meantime stands. */
  fill(items) {
    for (const item of items) {
      const key = keyOf(item);
      const known = this.#all.get(key);
      const alert = known ?? this.#make(key, "violation", item);
      if (known === undefined || STANDS.indexOf(item.status) > STANDS.indexOf(alert.status)) this.#describe(alert, item);
      if (item.block && !alert.block) alert.block = {detail: "", ...item.block};
      else if (item.block) alert.block.outcome ??= item.block.outcome;
      if (item.verdict && !alert.verdict) {
        Object.assign(alert, {verdict: item.verdict, verdict_by: item.verdict_by, verdict_reason: item.verdict_reason});
      }
      alert.evidence ||= item.evidence;
      this.#place(alert, alert.listed || item.status !== "candidate");
    }
  }

  /** Somebody at this page has seen what nobody needs to judge. */
  seen(key) {
    const alert = this.#all.get(key);
    if (alert === undefined) return;
    alert.seen = true;
    this.#place(alert, alert.listed);
  }

  #violation(event) {
    const key = keyOf(event);
    const known = this.#all.get(key);
    if (known === undefined && event.status === "retracted") return null;
    const alert = known ?? this.#make(key, "violation", event);
    this.#describe(alert, event);
    if (event.status === "retracted" && !alert.listed) {
      this.#forget(alert);
      return null;
    }
    return this.#place(alert, alert.listed || event.status !== "candidate");
  }

  /** A block is told before its violation is. One that a supervisor asked for tells of no term. */
  #block(event) {
    if (event.term == null) return null;
    const key = keyOf(event);
    const alert = this.#all.get(key) ?? this.#make(key, "violation", event);
    if (alert.status === undefined) {
      const {rule_id, term, channel, say_instead, audio_end} = event;
      this.#describe(alert, {status: "fired", severity: "block", rule_id, term, channel, say_instead, end: audio_end});
    }
    const {action, match_to_signal_ms, audio_end, audio_received, by} = event;
    alert.block = {action, match_to_signal_ms, audio_end, audio_received, by, outcome: null, lifted: false, detail: ""};
    return this.#place(alert, true);
  }

  #result(event) {
    const alert = this.#all.get(keyOf(event));
    if (alert === undefined || alert.block === null) {
      if (!NOT_CARRIED_OUT.has(event.outcome)) return null;
      return this.#notice(event, `${event.call}/order/${event.violation_id}/${event.cursor}`, "order", "undelivered");
    }
    // That a block could not be lifted leaves it carried out; it is as loud, and stands by itself.
    if (event.action !== alert.block.action) {
      if (!NOT_CARRIED_OUT.has(event.outcome)) return null;
      return this.#notice(event, `${event.call}/order/${event.violation_id}/${event.cursor}`, "order", "undelivered");
    }
    Object.assign(alert.block, {outcome: event.outcome, detail: event.detail});
    return this.#place(alert, true);
  }

  #stopped(event) {
    for (const alert of this.ofCall(event.call)) if (!alert.listed) this.#forget(alert);
    return event.outcome === "completed" ? null : this.#notice(event, `${event.call}/failed`, "failed", "alert");
  }

  #notice(event, key, kind, loud) {
    if (this.#all.has(key)) return null;
    const {channel, from, to, reason, action, outcome, detail} = event;
    const alert = Object.assign(this.#make(key, kind, event), {loud, channel, from, to, reason, action, outcome, detail});
    return this.#place(alert, true);
  }

  #about(event, change) {
    const alert = this.#all.get(keyOf(event));
    if (alert !== undefined) {
      change(alert);
      this.#place(alert, alert.listed);
    }
    return null;
  }

  #make(key, kind, {call, call_id, agent, at, violation_id = null}) {
    const alert = {
      key, kind, call, call_id, agent, violation_id, number: this.#number++, at: Date.parse(at), version: 0, rank: -1, listed: false,
      loud: null, status: undefined, block: null, verdict: null, verdict_by: null, verdict_reason: null, evidence: false, seen: false,
    };
    this.#all.set(key, alert);
    if (!this.#ofCall.has(call)) this.#ofCall.set(call, new Set());
    this.#ofCall.get(call).add(alert);
    return alert;
  }

  #describe(alert, fields) {
    alert.status = fields.status;
    for (const name of VIOLATION) if (fields[name] !== undefined) alert[name] = fields[name];
  }

  #place(alert, listed) {
    const [rank, was] = [rankOf(alert), alert.listed ? alert.rank : RANKS.length];
    alert.version++;
    if (listed && rank !== was) {
      if (alert.listed) this.#ranked.remove(alert.rank, alert);
      this.#ranked.insert(rank, alert);
      alert.rank = rank;
    }
    alert.listed = listed;
    while (this.#all.size > this.#most && this.#ranked.least()) this.#forget(this.#ranked.least());
    return listed && rank < Math.min(was, DONE) && was !== DONE ? alert : null;
  }

  #forget(alert) {
    if (alert.listed) this.#ranked.remove(alert.rank, alert);
    this.#all.delete(alert.key);
    const others = this.#ofCall.get(alert.call);
    others.delete(alert);
    if (others.size === 0) this.#ofCall.delete(alert.call);
  }
}

export function keyOf({call, violation_id}) {
  return `${call}/${violation_id}`;
}

function rankOf(alert) {
  if (alert.seen || alert.verdict || alert.status === "retracted") return DONE;
  if (NOT_CARRIED_OUT.has(alert.block?.outcome)) return RANKS.indexOf("undelivered");
  return RANKS.indexOf(alert.loud ?? alert.severity);
}

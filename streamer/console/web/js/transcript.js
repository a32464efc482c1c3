/** What is said in one call, in turns, with the violations in it. */
import {cut, joined, locate} from "./marks.js";

const PAUSE = 1.2; // Seconds after which the same speaker begins a new turn.
const LONG = 140; // Letters of a turn after which a new one begins.

export class Transcript {
  turns = [];
  tentative = new Map();
  /** Counts beginnings: what was drawn before is no longer so. */
  epoch = 0;
  /** Whether what was said before the first turn is known, too. */
  complete = true;
  #violations = new Map();

  constructor(call) {
    this.call = call;
  }

  /** Begin anew with what was said so far. */
  restart({committed, tentative, complete = true}) {
    this.complete = complete;
    this.turns = [];
    this.tentative.clear();
    this.epoch++;
    for (const piece of committed) this.#commit(piece);
    for (const [channel, text] of Object.entries(tentative)) this.#guess(channel, text);
  }

  take({channel, text, committed, start, end}) {
    if (committed) {
      this.#commit({channel, text, start, end});
      this.#guess(channel, "");
    } else {
      this.#guess(channel, text);
    }
  }

  /** A violation in this call, new or changed. */
  violation(violation) {
    if (violation.kind !== "violation") return;
    this.#violations.set(violation.violation_id, violation);
    for (const turn of this.turns) if (concerns(turn, violation)) turn.version++;
    const guess = this.tentative.get(violation.channel);
    if (guess) guess.version++;
  }

  /** A turn's text, cut where terms begin and end. */
  marked(turn) {
    return cut(turn.text, turn.pieces, this.#standing(turn.channel).filter((one) => concerns(turn, one)));
  }

  /** The tentative text of a channel, cut likewise; a term that stands in what is settled is not looked for in it. */
  markedGuess(channel) {
    const {text} = this.tentative.get(channel);
    const settled = this.turns.findLast((turn) => turn.channel === channel)?.end ?? 0;
    const open = this.#standing(channel).filter((one) => one.end === undefined || one.end > settled);
    return cut(text, [], open.filter((one) => locate(text, [], one)));
  }

  #standing(channel) {
    return [...this.#violations.values()].filter((one) => one.channel === channel && one.status !== "retracted");
  }

  #commit({channel, text, start, end}) {
    const last = this.turns.slice(-2).findLast((turn) => turn.channel === channel);
    let turn = last;
    if (!last || start - last.end > PAUSE || last.text.length > LONG) {
      turn = {channel, start, end, text: "", pieces: [], version: 0};
      this.turns.push(turn);
    }
    const whole = joined(turn.text, text);
    turn.pieces.push({from: whole.length - text.length, to: whole.length, start, end});
    turn.text = whole;
    turn.end = end;
    turn.version++;
  }

  #guess(channel, text) {
    const guess = this.tentative.get(channel) ?? {text: "", version: 0};
    if (guess.text === text && guess.version) return;
    this.tentative.set(channel, {text, version: guess.version + 1});
  }
}

function concerns(turn, {channel, start, end}) {
  if (channel !== turn.channel) return false;
  // A block tells only where its term ends; the violation that follows tells the rest.
  const [from, to] = [start ?? end, end];
  return from !== undefined && from < turn.end + 0.5 && to > turn.start - 0.5;
}

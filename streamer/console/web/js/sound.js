/** Beeps, one pattern for each rank; silent until somebody has touched the page, as browsers want it. */
import {RANKS} from "./alerts.js";

const KEY = "huazha.sound";
const APART = 800; // Milliseconds between two beeps, unless the second is more urgent.

// Hertz and seconds of each tone.
const TONES = {
  undelivered: [[1480, 0.13], [990, 0.13], [1480, 0.13], [990, 0.13], [1480, 0.2]],
  blind: [[990, 0.2], [740, 0.2], [990, 0.2]],
  block: [[880, 0.13], [1175, 0.18]],
  alert: [[660, 0.18]],
  review: [[440, 0.12]],
};

export class Sound {
  on = localStorage.getItem(KEY) !== "off";
  #context = null;
  #last = {at: -APART, rank: RANKS.length};

  toggle() {
    this.on = !this.on;
    localStorage.setItem(KEY, this.on ? "on" : "off");
  }

  /** The page was touched: there may be sound from now on. */
  start() {
    this.#context ??= new AudioContext();
    if (this.#context.state === "suspended") this.#context.resume();
  }

  play(name) {
    const [now, rank] = [performance.now(), RANKS.indexOf(name)];
    if (!this.on || this.#context === null || !(name in TONES)) return;
    if (now - this.#last.at < APART && rank >= this.#last.rank) return;
    this.#last = {at: now, rank};
    let at = this.#context.currentTime;
    for (const [hertz, seconds] of TONES[name]) {
      this.#tone(hertz, at, seconds);
      at += seconds + 0.03;
    }
  }

  #tone(hertz, at, seconds) {
    const [tone, loudness] = [this.#context.createOscillator(), this.#context.createGain()];
    tone.frequency.value = hertz;
    // Without a ramp at both ends it clicks.
    loudness.gain.setValueAtTime(0, at);
    loudness.gain.linearRampToValueAtTime(0.25, at + 0.01);
    loudness.gain.setValueAtTime(0.25, at + seconds - 0.02);
    loudness.gain.linearRampToValueAtTime(0, at + seconds);
    tone.connect(loudness).connect(this.#context.destination);
    tone.start(at);
    tone.stop(at + seconds);
  }
}

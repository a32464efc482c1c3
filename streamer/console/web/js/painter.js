const CALM = 250; // Milliseconds that what changes all the time may wait.

/** Paints what has changed, once for each frame that the screen shows. */
export class Painter {
  #views = [];
  #changed = new Set();
  #asked = false;
  #waiting = new Set();
  #timer = null;

  /** Have `paint` called when one of the topics has changed; it is told which have. */
  view(topics, paint) {
    this.#views.push({topics, paint});
  }

  mark(...topics) {
    for (const topic of topics) this.#changed.add(topic);
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => this.#paint());
  }

  /** The same, a little later: hundreds of calls say every second how they are, and nobody reads that fast. */
  markCalmly(...topics) {
    for (const topic of topics) this.#waiting.add(topic);
    this.#timer ??= setTimeout(() => {
      const waiting = this.#waiting;
      [this.#waiting, this.#timer] = [new Set(), null];
      this.mark(...waiting);
    }, CALM);
  }

  #paint() {
    const changed = this.#changed;
    this.#changed = new Set();
    this.#asked = false;
    for (const {topics, paint} of this.#views) {
      if (!changed.has("language") && !topics.some((topic) => changed.has(topic))) continue;
      try {
        paint(changed);
      } catch (error) {
        // One part that fails must not blind the others.
        console.error(error);
      }
    }
  }
}

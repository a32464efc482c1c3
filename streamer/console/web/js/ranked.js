/**
 * Things in order of rank, the newest of each rank first; any of ten thousand is found, put in and taken out in a few steps.
 * A thing has `at` (milliseconds) and `number` (its own), which do not change while it is in here.
 */
export class Ranked {
  #ranks;

  constructor(ranks) {
    this.#ranks = Array.from({length: ranks}, () => []);
  }

  insert(rank, thing) {
    const row = this.#ranks[rank];
    row.splice(place(row, thing), 0, thing);
  }

  remove(rank, thing) {
    const row = this.#ranks[rank];
    const at = place(row, thing);
    if (row[at] === thing) row.splice(at, 1);
  }

  count(rank) {
    return this.#ranks[rank].length;
  }

  /** How many there are in some ranks together. */
  length(ranks) {
    return ranks.reduce((sum, rank) => sum + this.count(rank), 0);
  }

  /** The thing at a place in the order of `ranks`. */
  at(index, ranks) {
    for (const rank of ranks) {
      const row = this.#ranks[rank];
      if (index < row.length) return row[row.length - 1 - index];
      index -= row.length;
    }
    return undefined;
  }

  /** The place of a thing of rank `rank`, or -1. */
  indexOf(thing, rank, ranks) {
    let before = 0;
    for (const other of ranks) {
      const row = this.#ranks[other];
      if (other === rank) {
        const at = place(row, thing);
        return row[at] === thing ? before + row.length - 1 - at : -1;
      }
      before += row.length;
    }
    return -1;
  }

  /** The one that can best be done without: the oldest of the last rank that has any. */
  least() {
    const row = this.#ranks.findLast((things) => things.length > 0);
    return row?.[0];
  }
}

function place(row, thing) {
  let [low, high] = [0, row.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const other = row[middle];
    if (other.at < thing.at || (other.at === thing.at && other.number < thing.number)) low = middle + 1;
    else high = middle;
  }
  return low;
}

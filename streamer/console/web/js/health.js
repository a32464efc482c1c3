/** Asks how the service is; where it doesn't answer, the feed's socket may be dead, too. */
import {address} from "./rest.js";

const EVERY = 5000; // Milliseconds, and those that an answer may take.

export async function watchHealth({store, feed}) {
  for (;;) {
    try {
      const answer = await fetch(address("healthz"), {cache: "no-store", signal: AbortSignal.timeout(EVERY)});
      store.set("health", await answer.json());
    } catch {
      feed.doubt();
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}

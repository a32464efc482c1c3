/** The alert feed's socket: connects, and connects again from where it was; tells nothing twice. */

const FIRST_WAIT = 500; // Milliseconds.
const LONGEST_WAIT = 15_000;
const UNAUTHORISED = 4401;
const TOO_SLOW = 4413;
const NO_JOURNAL = 4503;

/**
 *   lost ──connect()──▶ connecting ──welcome──▶ connected
 *    ▲  ◀───────────────────┴──────closed──────────┘
 *    └── waits, each time longer, until it connects again; after 4401 only `connect()` goes on
 */
export class Feed {
  state = "lost";
  #socket = null;
  #cursor = null;
  #failures = 0;
  #timer = null;
  #call = null;
  #attempt = 0;
  #why = "";

  /**
   * url: of the socket.
   * ticket: gives one, or null where none is needed; may fail.
   * welcome, event, snapshot: told what the service says.
   * changed: told the state, and why it is so.
   * unauthorised: told when the service lets nobody in without signing in.
   */
  constructor({url, ticket, welcome, event, snapshot, changed, unauthorised}) {
    this.url = url;
    this.on = {ticket, welcome, event, snapshot, changed, unauthorised};
  }

  async connect() {
    this.#part();
    const attempt = ++this.#attempt;
    this.#turn("connecting");
    let ticket = null;
    try {
      ticket = await this.on.ticket();
    } catch (error) {
      if (attempt !== this.#attempt) return;
      this.#turn("lost", error.message);
      if (error.status === 401) this.on.unauthorised();
      else this.#again();
      return;
    }
    if (attempt !== this.#attempt) return;
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    socket.onopen = () => this.#say({type: "hello", ...(ticket && {ticket}), ...(this.#cursor !== null && {after: this.#cursor})});
    socket.onmessage = ({data}) => this.#hear(JSON.parse(data));
    socket.onclose = ({code, reason}) => this.#closed(code, reason);
  }

  /** Follow a call word by word, and none else; null follows none. */
  follow(call) {
    if (this.#call !== null && this.state === "connected") this.#say({type: "unsubscribe", call: this.#call});
    this.#call = call;
    if (call !== null && this.state === "connected") this.#say({type: "subscribe", call});
  }

  /** The service was not to be had by another way: the socket may be dead without knowing it. */
  doubt() {
    if (this.state === "connected") this.#closed(0, "");
  }

  /** The network is back: don't wait. */
  hurry() {
    if (this.#timer !== null) this.connect();
  }

  #hear(message) {
    switch (message.type) {
      case "welcome":
        this.#cursor ??= message.cursor;
        this.#failures = 0;
        this.on.welcome(message);
        this.#turn("connected");
        if (this.#call !== null) this.#say({type: "subscribe", call: this.#call});
        break;
      case "transcript.snapshot":
        this.on.snapshot(message);
        break;
      case "error":
        this.#why = message.message;
        break;
      default:
        this.#event(message);
    }
  }

  #event(event) {
    if (event.type !== "call.state" && event.type !== "transcript" && event.type !== "service") {
      if (event.cursor <= this.#cursor) return;
      this.#cursor = event.cursor;
    }
    this.on.event(event);
  }

  #closed(code, reason) {
    this.#part();
    const why = code >= 4000 ? this.#why || reason : "";
    this.#why = "";
    this.#turn("lost", why);
    // What was missed can't be read, perhaps for hours: what happens from now on is not to be missed as well.
    if (code === NO_JOURNAL) this.#cursor = null;
    if (code === UNAUTHORISED) this.on.unauthorised();
    else if (code === TOO_SLOW) this.connect();
    else this.#again();
  }

  #again() {
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures++);
    // Not all pages at once when a service comes back.
    this.#timer = setTimeout(() => this.connect(), longest * (0.5 + Math.random() / 2));
  }

  #part() {
    clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#socket === null) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }

  #say(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #turn(state, why = "") {
    this.state = state;
    this.on.changed(state, why);
  }
}

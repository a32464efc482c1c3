/** The REST interface, as `docs/feed.md` has it. */

const KEY = "huazha.token";

/** An answer that is none: `status` is 0 where the service doesn't answer at all. */
export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class Rest {
  /** Told when the service wants to know who asks. */
  unauthorised = () => {};
  #token = sessionStorage.getItem(KEY);

  get token() {
    return this.#token;
  }

  set token(token) {
    this.#token = token;
    if (token === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, token);
  }

  /** Raises: Refused. */
  async get(path, values = {}) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(values)) if (value != null && value !== "") query.set(name, value);
    const asked = query.size ? `${path}?${query}` : path;
    return (await this.#ask(asked, {})).json();
  }

  /** Raises: Refused. */
  async post(path, body = {}) {
    const answer = await this.#ask(path, {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify(body),
    });
    return answer.json();
  }

  /** Raises: Refused. */
  async blob(path) {
    return (await this.#ask(path, {})).blob();
  }

  async #ask(path, options) {
    const headers = new Headers(options.headers);
    if (this.#token !== null) headers.set("Authorization", `Bearer ${this.#token}`);
    let answer;
    try {
      answer = await fetch(address(path), {cache: "no-store", ...options, headers});
    } catch {
      throw new Refused(0, "gone", "");
    }
    if (answer.ok) return answer;
    const {code, message} = (await answer.json().catch(() => null))?.error ?? {code: "unknown", message: answer.statusText};
    if (answer.status === 401 && path !== "v1/me") this.unauthorised();
    throw new Refused(answer.status, code, message);
  }
}

/** The page may be served below a path of a larger site. */
export function address(path) {
  return new URL(path, document.baseURI).href;
}

export function callPath(call) {
  return `v1/calls/${encodeURIComponent(call)}`;
}

export function violationPath({call, violation_id}) {
  return `v1/violations/${encodeURIComponent(call)}/${encodeURIComponent(violation_id)}`;
}

/** What happened before: violations and calls, searched, and scans of recordings. */
import {NOT_CARRIED_OUT} from "./alerts.js";
import {badge, reason, stepped, who} from "./words.js";
import {callPath} from "./rest.js";
import {el, say, show} from "./elements.js";
import {length, moment, number, seconds} from "./format.js";
import {known, originals} from "./sentences.js";
import {t, word} from "./texts.js";

const PAGE = 50;
const VALUES = {
  severity: ["block", "alert", "review"],
  status: ["fired", "confirmed", "retracted", "candidate"],
  verdict: ["none", "acknowledged", "true", "false"],
  source: ["live", "scan"],
};
// Which fields each search knows.
const FIELDS = {
  violations: ["q", "from", "to", "rule", "severity", "status", "verdict", "agent", "call", "source", "scan"],
  calls: ["from", "to", "agent", "call", "source", "scan"],
  scans: [],
};
const TITLES = {
  q: "text", from: "from", to: "to", rule: "rule", severity: "severity", status: "status", verdict: "verdict", agent: "agent", call: "call",
  source: "source", scan: "scan",
};

export class HistoryView {
  #page;
  #form = document.getElementById("history-form");
  #table = document.getElementById("history-table");
  #more = document.getElementById("history-more");
  #said = document.getElementById("history-said");
  #rules = el("datalist", {id: "history-rules"});
  #found = [];
  #asked = null;
  #next = null;
  #what = "violations";

  constructor(page) {
    this.#page = page;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.search();
    });
    this.#form.addEventListener("change", ({target}) => target.name === "what" && this.#turn(target.value));
    this.#more.addEventListener("click", () => this.#read());
    this.#build();
    page.painter.view(["language"], () => this.#build());
    page.painter.view(["rules"], () => this.#rules.replaceChildren(...[...page.store.rules.keys()].map((value) => el("option", {value}))));
  }

  /** Go to the field that one types into first. */
  focus() {
    const first = this.#what === "violations" ? "q" : "agent";
    const field = this.#what === "scans" ? this.#form.querySelector("[name=what]:checked") : this.#form.elements[first];
    field.focus();
  }

  /** Search anew, as the form says. */
  async search() {
    this.#found = [];
    this.#next = null;
    await this.#read();
  }

  #turn(what) {
    this.#what = what;
    for (const label of this.#form.querySelectorAll("label[data-field]")) label.hidden = !FIELDS[what].includes(label.dataset.field);
    this.search();
  }

  async #read() {
    const asked = Symbol("search");
    this.#asked = asked;
    const values = {limit: PAGE, before: this.#next};
    for (const name of FIELDS[this.#what]) values[name] = this.#form.elements[name].value.trim();
    for (const name of ["from", "to"]) if (values[name]) values[name] = new Date(values[name]).toISOString();
    try {
      const {items, next} = await this.#pageOf(this.#what, values);
      if (asked !== this.#asked) return;
      this.#found.push(...items);
      this.#next = next;
      say(this.#said, this.#found.length ? t("history.found", {n: number(this.#found.length)}) : t("history.none"));
      this.#draw();
    } catch (error) {
      if (asked === this.#asked) say(this.#said, t("history.failed", {why: reason(error)}));
    }
  }

  #pageOf(what, values) {
    if (what === "scans") return this.#page.rest.get("v1/scans", values);
    return what === "calls" ? this.#calls(values) : this.#violations(values);
  }

  #calls({call, ...values}) {
    return this.#page.rest.get("v1/calls", {...values, call_id: call});
  }

  /** People know the platform's name of a call; violations are searched by the service's. */
  async #violations({call, ...values}) {
    if (!call) return this.#page.rest.get("v1/violations", values);
    const {items} = await this.#page.rest.get("v1/calls", {call_id: call, limit: 1});
    return this.#page.rest.get("v1/violations", {...values, call: items[0]?.call ?? call});
  }

  #build() {
    const kept = Object.fromEntries(new FormData(this.#form));
    const pick = (name) =>
      el("select", {name}, ...["", ...VALUES[name]].map((value) => el("option", {value, text: value ? named(name, value) : t("history.any")})));
    const inputs = {
      q: el("input", {type: "search", name: "q"}),
      from: el("input", {type: "datetime-local", name: "from"}),
      to: el("input", {type: "datetime-local", name: "to"}),
      rule: el("input", {name: "rule", list: "history-rules"}),
      severity: pick("severity"),
      status: pick("status"),
      verdict: pick("verdict"),
      agent: el("input", {name: "agent"}),
      call: el("input", {name: "call"}),
      source: pick("source"),
      scan: el("input", {name: "scan"}),
    };
    const choice = (value) =>
      el("label", {class: "radio"}, el("input", {type: "radio", name: "what", value, checked: value === this.#what}), el("span", {text: t(`history.${value}`)}));
    this.#form.replaceChildren(
      el("fieldset", {}, el("legend", {text: t("history.what")}), choice("violations"), choice("calls"), choice("scans")),
      ...Object.entries(inputs).map(([name, input]) =>
        el("label", {"data-field": name, hidden: !FIELDS[this.#what].includes(name)}, el("span", {text: t(`history.${TITLES[name]}`)}), input),
      ),
      el("button", {type: "submit", class: "main", text: t("history.search")}),
      this.#rules,
    );
    for (const [name, input] of Object.entries(inputs)) input.value = kept[name] ?? "";
    this.#draw();
  }

  #draw() {
    const [head, row] = {
      violations: [HEAD, (item) => this.#violation(item)],
      calls: [CALL_HEAD, (item) => this.#call(item)],
      scans: [SCAN_HEAD, (item) => this.#scan(item)],
    }[this.#what];
    this.#table.tHead.replaceChildren(el("tr", {}, ...head.map((name) => el("th", {scope: "col", text: name && t(`history.${name}`)}))));
    this.#table.tBodies[0].replaceChildren(...this.#found.map(row));
    show(this.#table, this.#found.length > 0);
    show(this.#more, this.#next !== null);
  }

  #violation(item) {
    const open = () => this.#page.detail.show(item);
    const rank = NOT_CARRIED_OUT.has(item.block?.outcome) ? "undelivered" : item.severity;
    const judged = item.verdict ? word("verdict", item.verdict) : "";
    return el("tr", {onclick: open}, ...cells([
      moment(item.at),
      badge(rank),
      el("button", {type: "button", class: "link", text: known(item.term), title: originals(item.term)}),
      item.rule_id,
      el("span", {}, who(item), recorded(item, item.file)),
      word("status", item.status),
      judged,
      item.evidence ? t("history.yes") : "",
    ]));
  }

  #call(item) {
    const see = () => this.#see({call: item.call, scan: ""});
    const line = el("tr", {}, ...cells([
      moment(item.started_at),
      item.agent ?? "",
      el("span", {}, el("button", {type: "button", class: "link", text: item.call_id, onclick: () => this.#expand(line, item)}), recorded(item, item.metadata.file)),
      word("language", item.language),
      length(item.duration),
      item.ended_at === null ? t("calls.live") : word("outcome", item.outcome),
      item.blind > 0 ? seconds(item.blind) : "",
      item.worst ? badge(item.worst, `${t(`rank.${item.worst}`)} ${number(item.violations)}`) : "0",
      el("button", {type: "button", text: t("history.see_violations"), onclick: see}),
    ]));
    return line;
  }

  #scan(item) {
    return el("tr", {}, ...cells([
      moment(item.began),
      t(`history.scan.${item.status}`),
      el("span", {title: item.paths.join("\n"), text: shortened(item.paths)}),
      number(item.files),
      item.reused ? number(item.reused) : "",
      item.unreadable ? el("strong", {class: "wrong", text: number(item.unreadable)}) : "0",
      length(item.seconds),
      number(item.violations),
      number(item.missing),
      el("button", {type: "button", text: t("history.see_violations"), onclick: () => this.#see({call: "", scan: item.scan})}),
    ]));
  }

  /** Search for the violations of a call, or of a scan. */
  #see(values) {
    for (const [name, value] of Object.entries(values)) this.#form.elements[name].value = value;
    this.#form.elements.what.value = "violations";
    this.#turn("violations");
  }

  /** Show below a call's line all that happened in it, or no longer. */
  async #expand(line, item) {
    if (line.nextSibling?.matches?.(".expanded")) {
      line.nextSibling.remove();
      return;
    }
    const cell = el("td", {colspan: CALL_HEAD.length});
    line.after(el("tr", {class: "expanded"}, cell));
    try {
      const {events, missing} = await this.#page.rest.get(callPath(item.call));
      cell.append(
        missing.length ? el("p", {class: "missing", text: t("call.missing", {rules: missing.map(({rule_id}) => rule_id).join("；")})}) : "",
        el("ol", {class: "steps"}, ...events.map((event) => {
          const {text, title} = stepped(event);
          return el("li", {title}, el("time", {text: moment(event.at)}), text);
        })),
      );
    } catch (error) {
      cell.append(el("p", {class: "wrong", text: t("history.failed", {why: reason(error)})}));
    }
  }
}

const HEAD = ["time", "severity", "term", "rule", "who", "status", "verdict", "evidence"];
const CALL_HEAD = ["time", "agent", "call", "language", "duration", "outcome", "blind", "count", ""];
const SCAN_HEAD = ["time", "outcome", "paths", "files", "reused", "unreadable", "audio", "count", "missing", ""];
const MOST_PATHS = 2;

function cells(values) {
  return values.map((value) => el("td", {}, value));
}

/** What marks a recording that was scanned, with its file's name. */
function recorded({scan, superseded}, file) {
  const text = t(superseded ? "history.superseded" : "history.recorded", {file: file?.split(/[/\\]/).at(-1)});
  return scan && el("span", {class: "chip scan", title: file, text});
}

function shortened(paths) {
  return paths.slice(0, MOST_PATHS).join("  ") + (paths.length > MOST_PATHS ? " …" : "");
}

function named(kind, value) {
  return kind === "severity" ? t(`rank.${value}`) : word(kind, value);
}

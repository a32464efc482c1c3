/** One alert in full: what was said, every step, who did what, and the evidence. */
import {badge, marked, originally, reason, stepped, what} from "./words.js";
import {cut} from "./marks.js";
import {el} from "./elements.js";
import {evidence} from "./evidence.js";
import {length, milliseconds, moment, number, seconds, share} from "./format.js";
import {keyOf, NOT_CARRIED_OUT} from "./alerts.js";
import {known, originals} from "./sentences.js";
import {reviewButtons, verdict} from "./alert-card.js";
import {violationPath} from "./rest.js";
import {t, word} from "./texts.js";

const AGAIN = 700; // Milliseconds after a change until the journal has it.

export class Detail {
  #dialog = document.getElementById("detail");
  #page;
  #shown = null;
  #item = null;
  #version = null;
  #timer = null;
  #parts = null;

  constructor(page) {
    this.#page = page;
    this.#dialog.addEventListener("close", () => this.#closed());
    page.painter.view(["alerts", "me", "rules"], (changed) => this.#changed(changed));
  }

  get open() {
    return this.#dialog.open;
  }

  /** Show an alert, by what is known of it; the service is asked for the rest. */
  show(alert) {
    this.#shown = alert;
    this.#item = alert;
    this.#version = this.#page.store.alerts.get(keyOf(alert))?.version;
    const close = el("button", {type: "button", class: "close", text: t("detail.close"), onclick: () => this.#dialog.close()});
    const body = el("div");
    const clip = el("section", {class: "clip", "aria-label": t("evidence.title")});
    const steps = el("section", {class: "steps"});
    this.#parts = {body, clip, steps, hear: evidence(clip, this.#page)};
    this.#dialog.replaceChildren(el("div", {class: "top"}, close), body, clip, steps);
    this.#draw();
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#ask();
  }

  async judge(name) {
    await this.#page.acts.review(this.#item, name);
  }

  #changed(changed) {
    if (!this.#dialog.open) return;
    const alert = this.#page.store.alerts.get(keyOf(this.#shown));
    if (changed.has("language")) {
      this.show(alert ?? this.#item);
    } else if (alert && alert.version !== this.#version) {
      this.#version = alert.version;
      this.#item = {...this.#item, ...alert};
      this.#draw();
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#ask(), AGAIN);
    } else if (changed.has("me") || changed.has("rules")) {
      this.#draw();
    }
  }

  async #ask() {
    const asked = this.#shown;
    try {
      const item = await this.#page.rest.get(violationPath(asked));
      if (asked !== this.#shown) return;
      // The journal is written after the feed is told: what this page knows may be newer.
      this.#item = {...item, ...this.#page.store.alerts.get(keyOf(item))};
      this.#draw();
      this.#steps(item.events);
    } catch (error) {
      if (asked !== this.#shown) return;
      this.#parts.steps.replaceChildren(el("p", {class: "wrong", text: t("detail.failed", {why: reason(error)})}));
    }
  }

  #draw() {
    const item = this.#item;
    const source = this.#page.store.rules.get(item.rule_id)?.source;
    const focused = document.activeElement?.dataset.verdict;
    this.#parts.body.replaceChildren(
      el("h2", {id: "detail-title"}, badge(NOT_CARRIED_OUT.has(item.block?.outcome) ? "undelivered" : item.severity), el("span", {text: what(item), title: originally(item)})),
      ...[
        item.text && el("p", {class: "quote"}, ...marked(cut(item.text, [], [item]))),
        item.say_instead && el("p", {class: "say", text: t("note.say", {text: item.say_instead})}),
        el(
          "div",
          {class: "buttons"},
          reviewButtons(item, {acts: this.#page.acts, judge: (name) => this.judge(name)}),
          el("button", {type: "button", text: t("detail.call"), onclick: () => this.#toCall()}),
        ),
        el("dl", {class: "facts"}, ...facts(item, source).map(([name, value, title]) => fact(name, value, title))),
      ].filter(Boolean),
    );
    this.#parts.body.querySelector(`[data-verdict="${focused}"]`)?.focus();
    this.#parts.hear(item);
  }

  #steps(events) {
    this.#parts.steps.replaceChildren(
      el("h3", {text: t("detail.steps")}),
      el("ol", {}, ...events.map((event) => {
        const {text, title} = stepped(event);
        return el("li", {title}, el("time", {text: moment(event.at)}), text);
      })),
    );
  }

  #toCall() {
    this.#dialog.close();
    this.#page.choose.call(this.#shown.call);
    this.#page.tabs.open("live");
  }

  #closed() {
    clearTimeout(this.#timer);
    this.#shown = null;
    this.#dialog.replaceChildren();
  }
}

function facts(item, source) {
  return [
    ["status", word("status", item.status)],
    ["verdict", verdict(item)],
    ["block", item.block && blocked(item.block), originals(item.block?.detail)],
    ["rule", item.rule_id],
    ["category", item.category],
    ["source", source],
    ["heard", known(item.heard), originals(item.heard)],
    ["match", item.match && word("match", item.match)],
    ["confidence", item.confidence == null ? null : share(item.confidence)],
    ["channel", word("channel", item.channel)],
    ["agent", item.agent],
    ["call_id", item.call_id],
    ["file", item.file],
    ["at", moment(item.at)],
    ["span", item.start == null ? null : `${length(item.start)} (${number(item.start, 2)}–${number(item.end, 2)})`],
    ["lexicon", item.lexicon_version],
  ].filter(([, value]) => value);
}

function fact(name, value, title = null) {
  return el("div", {class: `fact fact-${name}`}, el("dt", {text: t(`detail.${name}`)}), el("dd", {text: value, title}));
}

function blocked({action, outcome, audio_end, audio_received, match_to_signal_ms, lifted, detail}) {
  const late = audio_received == null || audio_end == null ? "–" : seconds(audio_received - audio_end, 2);
  const said = t("detail.block.text", {
    action: word("action", action),
    outcome: t(`detail.outcome.${outcome ?? "pending"}`),
    late,
    ms: milliseconds(match_to_signal_ms),
  });
  return [said, lifted && t("detail.block.lifted"), known(detail)].filter(Boolean).join(" · ");
}

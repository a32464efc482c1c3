/** What is said in the chosen call: the agent on the left, the customer on the right. */
import {badge, marked} from "./words.js";
import {el, say, show} from "./elements.js";
import {length} from "./format.js";
import {known, originals} from "./sentences.js";
import {t, word} from "./texts.js";

const NEAR = 40; // Pixels from the end at which one still reads along.

export function transcriptView({store, painter, choose}) {
  const box = document.getElementById("transcript");
  const latest = document.getElementById("latest");
  const silent = el("p", {class: "none"});
  const cut = el("p", {class: "none cut"});
  const guesses = {agent: guess("agent"), customer: guess("customer")};
  let [drawn, shown, epoch] = [[], null, -1];
  let along = true;

  box.addEventListener("scroll", () => {
    along = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
    show(latest, !along);
  }, {passive: true});
  latest.addEventListener("click", () => {
    along = true;
    box.scrollTop = box.scrollHeight;
  });
  box.addEventListener("click", (event) => {
    const key = event.target.closest("mark, .note")?.dataset.key;
    if (key !== undefined && store.alerts.get(key)) choose.alert(key);
  });

  painter.view(["transcript", "rules"], (changed) => {
    const transcript = store.transcript;
    if (transcript === null) return;
    const anew = changed.has("language") || changed.has("rules");
    if (transcript !== shown || transcript.epoch !== epoch) {
      if (transcript !== shown) along = true;
      [drawn, shown, epoch] = [[], transcript, transcript.epoch];
      box.replaceChildren(cut, silent, guesses.agent.element, guesses.customer.element);
    }
    box.lang = store.calls.get(transcript.call)?.language ?? "";
    transcript.turns.forEach((turn, i) => {
      if (i === drawn.length) {
        drawn.push({element: el("article", {class: `turn ${turn.channel}`}), version: null});
        guesses.agent.element.before(drawn[i].element);
      }
      if (drawn[i].version === turn.version && !anew) return;
      drawn[i].version = turn.version;
      drawn[i].element.replaceChildren(
        el("header", {}, el("span", {text: word("channel", turn.channel)}), el("time", {text: length(turn.start)})),
        ...said(transcript.marked(turn), store),
      );
    });
    for (const [channel, one] of Object.entries(guesses)) one.show(transcript, channel, store, anew);
    const over = (store.calls.get(transcript.call)?.ended_at ?? null) !== null;
    const nothing = transcript.turns.length === 0 && [...transcript.tentative.values()].every(({text}) => !text);
    const missing = !transcript.complete && !(over && nothing);
    say(silent, t(over ? "call.gone" : "call.silent"));
    show(silent, nothing && !missing);
    say(cut, t("call.cut"));
    show(cut, missing);
    if (along) box.scrollTop = box.scrollHeight;
  });
}

/** The place of a channel's tentative text. */
function guess(channel) {
  const element = el("article", {class: `turn tentative ${channel}`, hidden: true});
  let drawn = null;
  return {
    element,
    show(transcript, name, store, anew) {
      const now = transcript.tentative.get(name);
      const shown = Boolean(now?.text);
      show(element, shown);
      const version = shown ? `${transcript.call} ${transcript.epoch} ${now.version}` : null;
      if (!shown || (version === drawn && !anew)) return;
      drawn = version;
      element.replaceChildren(
        el("header", {}, el("span", {text: word("channel", name)}), el("em", {class: "chip", text: t("call.tentative")})),
        ...said(transcript.markedGuess(name), store),
      );
    },
  };
}

function said(parts, store) {
  const found = [...new Set(parts.flatMap(({violations}) => violations))];
  return [el("p", {}, ...marked(parts)), ...found.map((violation) => note(violation, store.rules.get(violation.rule_id)))];
}

function note(violation, rule) {
  const differs = violation.heard && violation.heard !== violation.term;
  return el(
    "aside",
    {class: "note", "data-rank": violation.severity, "data-key": violation.key},
    el(
      "div",
      {class: "line"},
      badge(violation.severity),
      el("strong", {text: known(violation.term), title: originals(violation.term)}),
      el("span", {text: t("note.rule", {rule: violation.rule_id, category: violation.category ?? rule?.category})}),
      differs && el("span", {text: t("note.heard", {heard: known(violation.heard)}), title: originals(violation.heard)}),
      violation.status === "candidate" && el("span", {text: word("status", "candidate")}),
    ),
    rule?.source && el("p", {text: t("note.reason", {reason: rule.source})}),
    violation.say_instead && el("p", {class: "say", text: t("note.say", {text: violation.say_instead})}),
  );
}

/** The alerts, worst first; those of a rank can be left out. */
import {RANKS} from "./alerts.js";
import {badge, originally, what, who} from "./words.js";
import {el, say, show} from "./elements.js";
import {clock, number} from "./format.js";
import {icon} from "./icons.js";
import {known} from "./sentences.js";
import {t, word} from "./texts.js";
import {VirtualList} from "./virtual-list.js";

/** Gives what moves the choice: `move(step)` and `next(key)`. */
export function alertsView({store, painter, choose}) {
  const box = document.getElementById("alerts");
  const list = new VirtualList(box, {row, fill, chosen: (key) => choose.alert(key), opened: () => choose.open()});
  const left = new Set();
  const buttons = RANKS.map((rank, i) => rankButton(rank, () => {
    if (!left.delete(i)) left.add(i);
    painter.mark("alerts");
  }));
  document.getElementById("ranks").append(...buttons.map(({button}) => button));

  painter.view(["alerts"], (changed) => {
    const ranks = [...RANKS.keys()].filter((i) => !left.has(i));
    const things = store.alerts.list(ranks);
    say(document.getElementById("alerts-count"), number(things.length));
    show(document.getElementById("alerts-none"), things.length === 0);
    show(box, things.length > 0);
    buttons.forEach(({button, name, count}, i) => {
      say(name, t(`rank.${RANKS[i]}`));
      say(count, number(store.alerts.count(i)));
      button.setAttribute("aria-pressed", !left.has(i));
      button.classList.toggle("empty", store.alerts.count(i) === 0);
    });
    list.show(things, store.selectedAlert, {anew: changed.has("language")});
  });
  return {move: (step) => list.move(step), next: (key) => list.after(key)};
}

function rankButton(rank, onclick) {
  const [name, count] = [el("span"), el("b")];
  return {name, count, button: el("button", {type: "button", class: "rank", "data-rank": rank, onclick}, icon(rank), name, count)};
}

function row() {
  const rank = el("span");
  const term = el("strong");
  const time = el("time");
  const whom = el("span", {class: "whom"});
  const rule = el("span", {class: "rule"});
  const status = el("span", {class: "status"});
  const advice = el("span", {class: "advice"});
  const element = el(
    "div",
    {class: "row alert-row"},
    el("div", {class: "line"}, rank, term, time),
    el("div", {class: "line small"}, whom, rule, status),
    el("div", {class: "line small"}, advice),
  );
  return {element, rank, term, time, whom, rule, status, advice};
}

function fill(parts, alert) {
  const rank = RANKS[alert.rank];
  parts.element.dataset.rank = rank;
  parts.rank.replaceChildren(badge(rank, standing(alert, rank)));
  say(parts.term, what(alert));
  say(parts.time, clock(alert.at));
  say(parts.whom, who(alert));
  say(parts.rule, alert.rule_id ?? "");
  say(parts.status, alert.status && alert.status !== "fired" ? word("status", alert.status) : "");
  say(parts.advice, alert.say_instead ? t("alert.say", {text: alert.say_instead}) : known(alert.reason ?? alert.detail ?? ""));
  parts.element.title = originally(alert) ?? "";
}

function standing(alert, rank) {
  if (alert.verdict) return word("verdict", alert.verdict);
  return alert.status === "retracted" ? word("status", "retracted") : t(`rank.${rank}`);
}

/** The live calls, worst first. */
import {badge} from "./words.js";
import {el, say, show} from "./elements.js";
import {length, number, seconds} from "./format.js";
import {icon} from "./icons.js";
import {t} from "./texts.js";
import {VirtualList} from "./virtual-list.js";

const ORDERED = 1000; // Milliseconds after which rows may change places because of their lag alone.

export function callsView({store, painter, choose}) {
  const box = document.getElementById("calls");
  const list = new VirtualList(box, {row, fill, chosen: (key) => choose.call(key)});
  let [order, ordered] = [[], -ORDERED];

  painter.view(["calls", "alerts"], (changed) => {
    const now = performance.now();
    if (changed.has("alerts") || now - ordered > ORDERED || order.some((call) => call !== store.calls.get(call.key))) {
      [order, ordered] = [store.sorted(), now];
    } else if (store.calls.size !== order.length) {
      order = store.sorted();
    }
    say(document.getElementById("calls-count"), number(order.length));
    show(document.getElementById("calls-none"), order.length === 0);
    show(box, order.length > 0);
    const things = {length: order.length, at: (i) => order[i], find: (key) => order.findIndex((call) => call.key === key)};
    list.show(things, store.selectedCall, {anew: changed.has("language")});
  });
}

/** What a call shows of itself in a word: how long its text lags behind speech. */
export function lagging(lag) {
  if (lag < 2) return "good";
  return lag < 5 ? "slow" : "late";
}

function row() {
  const agent = el("strong");
  const id = el("span", {class: "call-id"});
  const rank = el("span");
  const time = el("span", {class: "time"});
  const muted = el("span", {class: "chip muted"}, icon("muted"), el("span"));
  const blind = el("span", {class: "chip blind"}, icon("blind"), el("span"));
  const lag = el("span", {class: "lag"});
  const lagWord = el("small");
  const element = el(
    "div",
    {class: "row call-row"},
    el("div", {class: "line"}, agent, id, el("span", {class: "lag-box"}, lagWord, lag)),
    el("div", {class: "line small"}, rank, time, muted, blind),
  );
  return {element, agent, id, rank, time, muted, blind, lag, lagWord, drawn: null};
}

function fill(parts, call) {
  const rank = call.undelivered ? "undelivered" : (call.worst ?? "none");
  parts.element.dataset.rank = rank;
  say(parts.agent, call.agent ?? t("calls.unknown_agent"));
  say(parts.id, call.call_id);
  const drawn = `${rank} ${call.violations} ${t(`rank.${rank}`)}`;
  if (parts.drawn !== drawn) {
    parts.drawn = drawn;
    parts.rank.replaceChildren(rank === "none" ? "" : badge(rank, `${t(`rank.${rank}`)} ${call.violations > 0 ? number(call.violations) : ""}`.trim()));
  }
  show(parts.rank, rank !== "none");
  say(parts.time, length(call.duration));
  show(parts.muted, call.muted);
  say(parts.muted.lastChild, t("calls.muted"));
  show(parts.blind, call.blind > 0);
  say(parts.blind.lastChild, t("calls.blind", {seconds: seconds(call.blind)}));
  say(parts.lag, seconds(call.lag));
  parts.lag.dataset.lag = lagging(call.lag);
  say(parts.lagWord, t("calls.lag"));
}

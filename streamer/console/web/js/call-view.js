/** The chosen call: how it is, what can be done, what was done. */
import {ACTIONS} from "./acts.js";
import {NOT_CARRIED_OUT} from "./alerts.js";
import {badge, stepped} from "./words.js";
import {conduct} from "./conduct.js";
import {el, say, show} from "./elements.js";
import {clock, length, number, seconds} from "./format.js";
import {icon} from "./icons.js";
import {lagging} from "./calls-view.js";
import {language as spoken, t, word} from "./texts.js";

const KEYS = {mute: "m", unmute: "u", play: "p", hangup: "h", transfer: "o"};
const MOST_STEPS = 50;

export function callView({store, painter, acts}) {
  const head = callHead(document.getElementById("call-head"));
  const buttons = ACTIONS.map((action) => actionButton(action, acts));
  document.getElementById("call-actions").append(...buttons.map(({button}) => button));
  const steps = document.querySelector("#call-steps ol");

  painter.view(["calls", "alerts", "me"], () => {
    const call = store.calls.get(store.selectedCall);
    show(document.getElementById("call-none"), call === undefined);
    show(document.getElementById("call"), call !== undefined);
    if (call !== undefined) head(call);
    show(document.getElementById("call-actions"), !call?.scan);
    for (const {button, action, text} of buttons) {
      say(text, t(`action.${action}`));
      button.disabled = !acts.can;
      button.title = acts.may ? "" : t("role.may_not");
    }
  });
  painter.view(["steps"], () => {
    const shown = store.steps.slice(-MOST_STEPS).reverse();
    steps.replaceChildren(...shown.map((event) => {
      const {text, title} = stepped(event);
      return el("li", {class: loud(event), title}, el("time", {text: clock(event.at)}), text);
    }));
    show(document.getElementById("call-steps"), shown.length > 0);
  });
}

function actionButton(action, acts) {
  const text = el("span");
  const onclick = () => acts.act(action);
  const key = KEYS[action];
  const button = el(
    "button",
    {type: "button", class: `act ${action}`, "data-action": action, "aria-keyshortcuts": key, onclick},
    icon(action), text, el("kbd", {text: key}),
  );
  return {button, action, text};
}

function loud(event) {
  return NOT_CARRIED_OUT.has(event.outcome) || event.type === "control" || event.accepted === false || event.type === "blind" ? "loud" : "";
}

function callHead(box) {
  const agent = el("strong");
  const id = el("span", {class: "call-id"});
  const state = el("span", {class: "chip"});
  const time = el("span", {class: "time"});
  const language = el("span");
  const scan = el("span", {class: "chip"});
  const lag = el("span", {class: "lag"});
  const muted = el("span", {class: "chip muted"}, icon("muted"), el("span"));
  const blind = el("span", {class: "chip blind"}, icon("blind"), el("span"));
  const rank = el("span");
  const missing = el("p", {class: "missing"});
  const led = el("div", {class: "conduct small"});
  let drawn = null;
  let measured = null;
  box.append(el("div", {class: "line"}, agent, id, time, lag), el("div", {class: "line small"}, state, scan, language, rank, muted, blind), missing, led);
  return (call) => {
    say(agent, call.agent ?? t("calls.unknown_agent"));
    say(id, call.call_id);
    say(state, call.ended_at === null ? t("calls.live") : t("calls.ended", {outcome: word("outcome", call.outcome ?? "unknown")}));
    state.dataset.live = call.ended_at === null;
    show(scan, Boolean(call.scan));
    say(scan, t("calls.scanned", {file: call.metadata?.file}));
    say(language, word("language", call.language));
    say(time, length(call.duration));
    say(lag, `${t("calls.lag")} ${seconds(call.lag)}`);
    lag.dataset.lag = lagging(call.lag);
    show(lag, call.ended_at === null);
    const worst = call.undelivered ? "undelivered" : call.worst;
    const now = worst ? `${t(`rank.${worst}`)} ${number(call.violations)}` : "";
    if (drawn !== now) {
      drawn = now;
      rank.replaceChildren(worst ? badge(worst, now) : "");
    }
    show(muted, call.muted && call.ended_at === null);
    say(muted.lastChild, t("calls.muted"));
    show(blind, call.blind > 0);
    say(blind.lastChild, t("calls.blind", {seconds: seconds(call.blind)}));
    const unsaid = (call.missing ?? []).map(({rule_id, terms}) => [rule_id, terms?.[0]].filter(Boolean).join("："));
    show(missing, unsaid.length > 0);
    say(missing, t("call.missing", {rules: unsaid.join("；")}));
    const metrics = call.ended_at === null ? null : call.metrics;
    const told = JSON.stringify([metrics, spoken()]);
    show(led, Boolean(metrics));
    if (metrics && measured !== told) {
      measured = told;
      led.replaceChildren(...conduct(metrics));
    }
  };
}

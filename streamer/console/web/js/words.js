/** Alerts and events in words. */
import {el} from "./elements.js";
import {length, milliseconds, seconds} from "./format.js";
import {icon} from "./icons.js";
import {known, originals} from "./sentences.js";
import {t, word} from "./texts.js";

/** What an alert is about, in short. */
export function what(alert) {
  switch (alert.kind) {
    case "blind":
      return t("alert.blind", {channel: word("channel", alert.channel), seconds: seconds(alert.to - alert.from)});
    case "failed":
      return t("alert.failed", {outcome: word("outcome", alert.outcome)});
    case "order":
      return t("alert.order", {action: word("action", alert.action)});
    case "control":
      return t("alert.control");
    case "refused":
      return t("alert.refused");
    case "displaced":
      return t("alert.displaced");
    default:
      return known(alert.term ?? "");
  }
}

/** Whom it is about. */
export function who({agent, call_id}) {
  return [agent ?? t("calls.unknown_agent"), call_id].filter(Boolean).join(" · ");
}

/** A text that was cut where terms begin and end, with the terms marked. */
export function marked(parts) {
  return parts.map(({text, violations: [first]}) =>
    first ? el("mark", {"data-rank": first.severity, "data-key": first.key, title: first.rule_id, text}) : text,
  );
}

/** A rank as a drawing and a word. */
export function badge(rank, text = t(`rank.${rank}`)) {
  return el("span", {class: "badge", "data-rank": rank}, icon(rank), el("span", {text}));
}

/** What the service said of an alert, where the page says it in other words. */
export function originally(alert) {
  return originals(alert.term, alert.reason, alert.detail, alert.block?.detail);
}

/** A step in the life of a call or a violation, as an element's content and its title. */
export function stepped(event) {
  const {type, term, reason: why, detail} = event;
  // What somebody wrote, as the reason of a review, is nothing that the service says.
  return {text: step(event), title: type === "review" ? null : originals(term, why, detail)};
}

function step(event) {
  const by = event.by === "policy" ? t("step.by.policy") : (event.by ?? "–");
  const channel = word("channel", event.channel);
  const action = word("action", event.action);
  const values = {...event, by, channel, action, term: known(event.term), detail: known(event.detail)};
  if (event.type !== "review") values.reason = known(event.reason);
  switch (event.type) {
    case "call.stopped":
      return t("step.call.stopped", {outcome: word("outcome", event.outcome)});
    case "violation":
      return t("step.violation", {...values, status: word("status", event.status)});
    case "block.result":
      return t("step.block.result", {
        ...values, outcome: word("detail.outcome", event.outcome), ms: milliseconds(event.took_ms),
      });
    case "blind":
      return t("step.blind", {...values, start: length(event.from), end: length(event.to)});
    case "review":
      return t("step.review", {...values, verdict: word("verdict", event.verdict)});
    case "action":
      return t("step.action", {...values, accepted: t(event.accepted ? "step.action.accepted" : "step.action.refused")});
    case "evidence":
      if (event.sha256 === null) return t("step.evidence.none", values);
      return t("step.evidence", {seconds: seconds(event.seconds)});
    default:
      return t(`step.${event.type}`, values);
  }
}

/** Why something could not be had. */
export function reason(error) {
  return error.message || t("error.gone");
}

/** The chosen alert, with what can be done about it. */
import {RANKS} from "./alerts.js";
import {badge, marked, originally, what, who} from "./words.js";
import {el} from "./elements.js";
import {known} from "./sentences.js";
import {t, word} from "./texts.js";
import {cut} from "./marks.js";

export function alertCard({store, painter, acts, choose}) {
  const box = document.getElementById("alert-card");
  let drawn = null;
  painter.view(["alerts", "me", "rules"], (changed) => {
    const alert = store.alerts.get(store.selectedAlert);
    const now = alert ? `${alert.key} ${alert.version} ${acts.may}` : "";
    if (drawn === now && !changed.has("language") && !changed.has("rules")) return;
    drawn = now;
    const [inside, had] = [box.contains(document.activeElement), document.activeElement?.dataset.verdict];
    box.replaceChildren(...(alert ? card(alert, {store, acts, choose}) : [el("p", {class: "none", text: t("alerts.choose")})]));
    if (inside) (box.querySelector(`[data-verdict="${had}"]`) ?? box.querySelector("button"))?.focus();
  });
}

function card(alert, {store, acts, choose}) {
  const source = store.rules.get(alert.rule_id)?.source;
  const about = [who(alert), alert.rule_id, alert.category, alert.block && outcome(alert.block), known(alert.reason), alert.block ? null : known(alert.detail)];
  const parts = [
    el("div", {class: "line"}, badge(RANKS[alert.rank]), el("strong", {text: what(alert)})),
    el("p", {class: "small", title: originally(alert), text: about.filter(Boolean).join(" · ")}),
    source && el("p", {class: "small", text: t("note.reason", {reason: source})}),
    alert.text && el("p", {class: "quote"}, ...marked(cut(alert.text, [], [alert]))),
    alert.say_instead && el("p", {class: "say", text: t("note.say", {text: alert.say_instead})}),
    alert.verdict && el("p", {class: "small", text: verdict(alert)}),
  ];
  const judge = (name) => choose.judge(name);
  return [el("div", {class: "card"}, ...parts), reviewButtons(alert, {acts, judge, open: () => choose.open()})];
}

export function verdict({verdict: given, verdict_by: by, verdict_reason: why}) {
  if (!given) return t("verdict.none");
  return [word("verdict", given), by, why].filter(Boolean).join(" · ");
}

export function outcome(block) {
  const told = block.outcome ?? "pending";
  const said = `${word("action", block.action)} · ${t(`detail.outcome.${told}`)}`;
  return [said, block.lifted && t("detail.block.lifted"), known(block.detail)].filter(Boolean).join(" · ");
}

/** Buttons to judge an alert by; those that a role may not use say why. */
export function reviewButtons(alert, {acts, judge, open = null}) {
  const isViolation = alert.kind === undefined || alert.kind === "violation";
  const forbidden = isViolation && !acts.may;
  const button = (name, key, text) =>
    el("button", {
      type: "button", "data-verdict": name, disabled: forbidden, title: forbidden ? t("role.may_not") : null,
      "aria-keyshortcuts": key, onclick: () => judge(name),
    }, el("span", {text}), el("kbd", {text: key}));
  return el(
    "div",
    {class: "buttons", role: "group", "aria-label": t("reviews")},
    button("acknowledged", "a", t("review.acknowledge")),
    isViolation && button("true", "t", t("review.true")),
    isViolation && button("false", "f", t("review.false")),
    isViolation && open &&
      el("button", {type: "button", onclick: open, "aria-keyshortcuts": "Enter"}, el("span", {text: t("review.open")}), el("kbd", {text: "⏎"})),
  );
}

/** What must not be overlooked, across the whole page: blocks that did not arrive, what is not heard, not written, not known. */
import {badge, what, who} from "./words.js";
import {el} from "./elements.js";
import {clock, number, seconds} from "./format.js";
import {icon} from "./icons.js";
import {known, originals} from "./sentences.js";
import {t} from "./texts.js";

export function banners({store, painter, choose}) {
  const box = document.getElementById("banners");
  const shown = new Map();
  painter.view(["alerts", "service", "connection"], (changed) => {
    const wanted = all(store, choose);
    if (changed.has("language")) for (const one of shown.values()) one.text = null;
    for (const [name, {element}] of shown) {
      if (wanted.some((one) => one.name === name)) continue;
      element.remove();
      shown.delete(name);
    }
    for (const {name, loud, text, make} of wanted) {
      const one = shown.get(name) ?? {element: el("div", {class: `banner ${loud}`, "data-banner": name}), text: null};
      if (!shown.has(name)) box.append(one.element);
      shown.set(name, one);
      if (one.text === text) continue;
      one.text = text;
      one.element.replaceChildren(...make());
    }
  });
}

function all(store, choose) {
  const {connection, service, health} = store;
  const list = [];
  const plain = (name, loud, text, why = "") =>
    list.push({name, loud, text, make: () => [icon("warning"), el("p", {text, title: originals(why)})]});
  urgent(store, list, "undelivered", choose);
  if (connection.state !== "connected" && connection.since !== null) {
    const text = t("banner.lost", {at: clock(connection.since)});
    plain("lost", "loud", connection.why ? `${text} ${t("banner.refused", {why: known(connection.why)})}` : text, connection.why);
  }
  if (health?.healthy === false) plain("deaf", "loud", t("banner.deaf", {why: known(health.reason)}), health.reason);
  urgent(store, list, "blind", choose);
  if (service.durability === "degraded") plain("durability", "loud", t("banner.durability", {why: known(service.detail)}), service.detail);
  if (service.relief > 0) {
    const why = service.durability === "degraded" ? "" : service.detail;
    plain("relief", service.relief > 1 ? "loud" : "mild", t("banner.relief", {level: service.relief, why}));
  }
  if (service.degraded) plain("degraded", "mild", t("banner.degraded", {why: service.degraded}));
  if (service.lost > 0) plain("events", "loud", t("banner.events", {n: number(service.lost)}));
  if (service.lexicon_trouble) plain("lexicon", "mild", t("banner.lexicon", {why: service.lexicon_trouble}));
  return list;
}

/** Alerts that nobody has taken note of yet, summed up, with the newest of them. */
function urgent(store, list, name, choose) {
  const alerts = store.alerts.list([name === "undelivered" ? 0 : 1]);
  if (alerts.length === 0) return;
  const newest = alerts.at(0);
  const values = {n: number(alerts.length), who: who(newest), seconds: seconds(newest.to - newest.from)};
  const text = t(`banner.${name}`, values);
  const open = () => {
    choose.alert(newest.key);
    if (newest.kind === "violation") choose.open();
  };
  list.push({
    name,
    loud: `loud ${name}`,
    text: `${text} ${newest.key}`,
    make: () => [
      badge(name),
      el("p", {}, text, name === "undelivered" && el("strong", {text: ` ${what(newest)} — ${who(newest)}`})),
      el("button", {type: "button", text: t("banner.open"), onclick: open}),
      name === "blind" && el("button", {type: "button", text: t("banner.seen"), onclick: () => {
        for (const key of Array.from({length: alerts.length}, (_, i) => alerts.at(i).key)) store.seen(key);
      }}),
    ].filter(Boolean),
  });
}

/** The charts: violations by rule and by day, how fast blocks are, how much is heard. */
import {bars, columns, figure, gauge, histogram} from "./charts.js";
import {reason} from "./words.js";
import {el, say, show} from "./elements.js";
import {day, number, seconds, share} from "./format.js";
import {t} from "./texts.js";

const SPANS = [1, 7, 30, 90];
const MOST_RULES = 15;
const SEVERITIES = ["block", "alert", "review"];

/** Gives what reads the figures anew. */
export function chartsView({rest, painter}) {
  const box = document.getElementById("charts-drawn");
  const said = document.getElementById("charts-said");
  let [days, stats] = [7, null];
  const buttons = SPANS.map((n) => el("button", {type: "button", onclick: () => {
    days = n;
    painter.mark("charts");
    read();
  }}));
  document.getElementById("charts-range").append(...buttons);

  painter.view(["charts"], () => {
    buttons.forEach((button, i) => {
      say(button, SPANS[i] === 1 ? t("charts.today") : t("charts.days", {n: SPANS[i]}));
      button.setAttribute("aria-pressed", SPANS[i] === days);
    });
    if (stats !== null) box.replaceChildren(byRule(stats), byDay(stats), latency(stats), coverage(stats));
  });

  async function read() {
    const [asked, from] = [days, new Date()];
    from.setHours(0, 0, 0, 0);
    from.setDate(from.getDate() - (days - 1));
    try {
      const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
      const answer = await rest.get("v1/stats", {from: from.toISOString(), zone});
      if (asked !== days) return;
      stats = answer;
      show(said, false);
    } catch (error) {
      say(said, t("charts.failed", {why: reason(error)}));
      show(said, true);
    }
    painter.mark("charts");
  }
  return read;
}

function byRule({by_rule: rules}) {
  // What people said is false and what was taken back may be the same violation: the larger of the two is sure.
  const counted = rules.map((rule) => {
    const wrong = Math.min(rule.fired, Math.max(rule.false, rule.retracted));
    return {...rule, wrong, right: rule.fired - wrong};
  });
  counted.sort((a, b) => b.fired - a.fired);
  const rows = counted.slice(0, MOST_RULES).map((rule) => ({
    name: rule.rule_id,
    parts: [
      {name: t("charts.rules.fired"), kind: rule.severity, value: rule.right},
      {name: t("charts.rules.false"), kind: "wrong", value: rule.wrong},
    ],
  }));
  const rest = counted.length - rows.length;
  return figure(
    t("charts.rules"),
    rows.length === 0 ? t("charts.none") : rest > 0 ? t("charts.rules.rest", {n: rest}) : "",
    bars(rows, number),
    {
      head: [t("history.rule"), t("history.severity"), t("charts.count"), t("status.retracted"), t("verdict.true"), t("verdict.false")],
      rows: counted.map((rule) => [rule.rule_id, t(`rank.${rule.severity}`), ...[rule.fired, rule.retracted, rule.true, rule.false].map((n) => number(n))]),
    },
    [...severities(), {kind: "wrong", name: t("charts.rules.false")}],
  );
}

function byDay({by_day: days}) {
  const rows = days.map((one) => ({
    name: day(one.day),
    parts: SEVERITIES.map((severity) => ({name: t(`rank.${severity}`), kind: severity, value: one[severity]})),
  }));
  return figure(
    t("charts.days.title"),
    rows.length === 0 ? t("charts.none") : "",
    columns(rows, number),
    {
      head: [t("charts.day"), ...SEVERITIES.map((severity) => t(`rank.${severity}`))],
      rows: days.map((one) => [one.day, ...SEVERITIES.map((severity) => number(one[severity]))]),
    },
    severities(),
  );
}

function latency({blocks}) {
  const rows = blocks.histogram.map(([upper, count]) => ({upper, count}));
  const upto = (upper) => (upper === null ? "∞" : seconds(upper, upper < 1 ? 2 : 1));
  const [p50, p95] = [blocks.p50, blocks.p95].map((value) => (value === null ? "–" : seconds(value, 2)));
  const marks = [{at: blocks.p50, text: `50 %: ${p50}`}, {at: blocks.p95, text: `95 %: ${p95}`}].filter(({at}) => at !== null);
  return figure(
    t("charts.latency"),
    blocks.count
      ? t("charts.latency.text", {n: number(blocks.count), p50, p95, undelivered: number(blocks.undelivered)})
      : t("charts.none"),
    histogram(rows, marks, number, upto),
    {head: [t("charts.latency.upto"), t("charts.count")], rows: rows.map(({upper, count}) => [upto(upper), number(count)])},
  );
}

function coverage({coverage: {received, monitored, blind}}) {
  const part = received > 0 ? monitored / received : 1;
  const values = {share: share(part), received: seconds(received, 0), blind: seconds(blind)};
  return figure(
    t("charts.coverage"),
    received > 0 ? t("charts.coverage.text", values) : t("charts.none"),
    gauge(part),
    {head: [t("charts.coverage"), ""], rows: [[t("state.coverage"), seconds(monitored)], [t("state.blind"), seconds(blind)]]},
  );
}

function severities() {
  return SEVERITIES.map((severity) => ({kind: severity, name: t(`rank.${severity}`)}));
}

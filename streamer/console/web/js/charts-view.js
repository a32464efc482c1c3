/** The charts: violations by rule and by day, how right they are, how fast blocks are, how much is heard. */
import {bars, columns, figure, gauge, histogram, strips} from "./charts.js";
import {reason} from "./words.js";
import {el, say, show} from "./elements.js";
import {day, number, seconds, share} from "./format.js";
import {t, word} from "./texts.js";

const SPANS = [1, 7, 30, 90];
const SOURCES = ["", "live", "scan"];
const MOST_RULES = 15;
const MOST_JUDGED = 10;
const SEVERITIES = ["block", "alert", "review"];

/** Gives what reads the figures anew. */
export function chartsView({rest, painter}) {
  const box = document.getElementById("charts-drawn");
  const said = document.getElementById("charts-said");
  let [days, source, stats] = [7, "", null];
  const button = (choose) => el("button", {type: "button", onclick: () => {
    choose();
    painter.mark("charts");
    read();
  }});
  const buttons = SPANS.map((n) => button(() => (days = n)));
  const sources = SOURCES.map((name) => button(() => (source = name)));
  document.getElementById("charts-range").append(...buttons);
  document.getElementById("charts-source").append(...sources);

  painter.view(["charts"], () => {
    buttons.forEach((button, i) => {
      say(button, SPANS[i] === 1 ? t("charts.today") : t("charts.days", {n: SPANS[i]}));
      button.setAttribute("aria-pressed", SPANS[i] === days);
    });
    sources.forEach((button, i) => {
      say(button, SOURCES[i] === "" ? t("charts.both") : word("source", SOURCES[i]));
      button.setAttribute("aria-pressed", SOURCES[i] === source);
    });
    if (stats === null) return;
    const sides = [[byRule, byDay], [latency, coverage, precision]];
    box.replaceChildren(...sides.map((charts) => el("div", {class: "charts-column"}, ...charts.map((chart) => chart(stats)))));
  });

  async function read() {
    const [asked, from] = [`${days} ${source}`, new Date()];
    from.setHours(0, 0, 0, 0);
    from.setDate(from.getDate() - (days - 1));
    try {
      const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
      const answer = await rest.get("v1/stats", {from: from.toISOString(), zone, source});
      if (asked !== `${days} ${source}`) return;
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
    note: rule.precision === null ? "" : t("charts.rules.precision", {share: share(rule.precision)}),
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
      head: [t("history.rule"), t("history.severity"), t("charts.count"), t("status.retracted"), t("verdict.true"), t("verdict.false"), t("charts.precision.share")],
      rows: counted.map((rule) => [
        rule.rule_id, t(`rank.${rule.severity}`), ...[rule.fired, rule.retracted, rule.true, rule.false].map((n) => number(n)), rate(rule.precision),
      ]),
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

/** How right each rule was, week by week, as far as people judged; the rules that were judged most come first. */
function precision({precision: judged}) {
  const weeks = everyWeek(judged.map(({week}) => week));
  const rules = new Map();
  for (const {week, rule_id, true: right, false: wrong} of judged) {
    const rule = rules.get(rule_id) ?? {name: rule_id, right: 0, judged: 0, weeks: new Map()};
    rules.set(rule_id, rule);
    rule.right += right;
    rule.judged += right + wrong;
    rule.weeks.set(week, {right, judged: right + wrong});
  }
  const sorted = [...rules.values()].sort((a, b) => b.judged - a.judged || a.name.localeCompare(b.name));
  const said = (week, one) => t("charts.precision.week", {day: day(week), share: share(one.right / one.judged), right: number(one.right), n: number(one.judged)});
  const rows = sorted.slice(0, MOST_JUDGED).map((rule) => ({
    name: rule.name,
    value: t("charts.precision.of", {share: share(rule.right / rule.judged), n: number(rule.judged)}),
    cells: weeks.map((week) => {
      const one = rule.weeks.get(week);
      return one ? {share: one.right / one.judged, title: `${rule.name}, ${said(week, one)}`} : null;
    }),
  }));
  const rest = sorted.length - rows.length;
  return figure(
    t("charts.precision"),
    rows.length === 0 ? t("charts.precision.none") : rest > 0 ? t("charts.rules.rest", {n: rest}) : "",
    strips(rows, weeks.map(day)),
    {
      head: [t("history.rule"), t("charts.precision.share"), ...weeks.map(day)],
      rows: sorted.map((rule) => [
        rule.name, rate(rule.right / rule.judged),
        ...weeks.map((week) => (rule.weeks.has(week) ? `${number(rule.weeks.get(week).right)}/${number(rule.weeks.get(week).judged)}` : "–")),
      ]),
    },
    [{kind: "true", name: t("verdict.true")}, {kind: "wrong", name: t("verdict.false")}],
  );
}

/** All Mondays from the first to the last of some, `2026-11-23` and so on. */
function everyWeek(weeks) {
  const [first, last] = [weeks[0], weeks.at(-1)].map((week) => Date.parse(week));
  const all = [];
  for (let at = first; at <= last; at += 7 * 86_400_000) all.push(new Date(at).toISOString().slice(0, 10));
  return all;
}

function rate(precision) {
  return precision === null ? "–" : share(precision);
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

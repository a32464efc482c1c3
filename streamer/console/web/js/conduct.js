/** How a call was led: who spoke for how long and how fast, and when nobody did. */
import {el} from "./elements.js";
import {length, number, seconds, share} from "./format.js";
import {t, word} from "./texts.js";

/** A call's metrics as a table, by channel, and a line on the whole call. */
export function conduct(metrics) {
  const channels = Object.keys(metrics.talk_seconds);
  const rows = [
    ["talk", (channel) => talk(metrics, channel)],
    ["pace", (channel) => pace(metrics.pace[channel], metrics.unit)],
    ["fastest", (channel) => fastest(metrics.fastest[channel], metrics.unit)],
  ];
  const head = channels.map((channel) => el("th", {scope: "col", text: word("channel", channel)}));
  return [
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, el("td"), ...head)),
      el("tbody", {}, ...rows.map(([name, cell]) =>
        el("tr", {}, el("th", {scope: "row", text: t(`conduct.${name}`)}), ...channels.map((channel) => el("td", {text: cell(channel)}))),
      )),
    ),
    el("p", {text: whole(metrics)}),
  ];
}

/** A rule's bound, in words. */
export function bound({name, over}, language) {
  const value = name === "pace" ? t("conduct.per_minute", {n: number(over), unit: unit(language === "en" ? "words" : "characters")})
    : name === "talk_ratio" ? share(over)
    : seconds(over, Number.isInteger(over) ? 0 : 1);
  return t(`metric.${name}`, {value});
}

function talk({talk_seconds, talk_ratio}, channel) {
  const ratio = talk_ratio[channel];
  return ratio === null ? length(talk_seconds[channel]) : `${length(talk_seconds[channel])} (${number(100 * ratio)}%)`;
}

function pace(value, counted) {
  return value === null ? "–" : t("conduct.per_minute", {n: number(value), unit: unit(counted)});
}

function fastest(found, counted) {
  return found === null ? "–" : `${pace(found.pace, counted)} (${length(found.from)}–${length(found.to)})`;
}

function whole({silence_seconds, longest_silence, overlap_seconds}) {
  const longest = longest_silence
    ? t("conduct.longest", {seconds: seconds(longest_silence.seconds), from: length(longest_silence.from), to: length(longest_silence.to)})
    : "";
  return t("conduct.whole", {silence: seconds(silence_seconds), longest, overlap: seconds(overlap_seconds)});
}

function unit(name) {
  return word("conduct.unit", name);
}

/** Times, lengths and numbers, as people of the page's language write them. */
import {language, t} from "./texts.js";

const made = new Map();

function formatter(kind, options) {
  const name = `${kind.name} ${language()} ${JSON.stringify(options)}`;
  if (!made.has(name)) made.set(name, new kind(language() === "zh" ? "zh-CN" : "en-GB", options));
  return made.get(name);
}

const CLOCK = {hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false};

/** A time of day, in the browser's zone. */
export function clock(at) {
  return formatter(Intl.DateTimeFormat, CLOCK).format(new Date(at));
}

/** A date and a time of day. */
export function moment(at) {
  return formatter(Intl.DateTimeFormat, {year: "numeric", month: "2-digit", day: "2-digit", ...CLOCK}).format(new Date(at));
}

/** A day such as `2026-11-24`, in short. */
export function day(date) {
  const [year, month, number] = date.split("-").map(Number);
  return formatter(Intl.DateTimeFormat, {month: "short", day: "numeric"}).format(new Date(year, month - 1, number));
}

/** Seconds of a call as a clock shows them: 3:07, 1:02:05. */
export function length(seconds) {
  const whole = Math.floor(seconds ?? 0);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export function number(n, digits = 0) {
  return formatter(Intl.NumberFormat, {minimumFractionDigits: digits, maximumFractionDigits: digits}).format(n);
}

export function seconds(n, digits = 1) {
  return t("unit.s", {n: number(n ?? 0, digits)});
}

export function milliseconds(n) {
  return n == null ? "–" : t("unit.ms", {n: number(n, n < 10 ? 1 : 0)});
}

/** A share of 1 in per cent; never 100 % where something is missing. */
export function share(n) {
  const floored = Math.floor(n * 10_000) / 10_000;
  return formatter(Intl.NumberFormat, {style: "percent", maximumFractionDigits: 2}).format(floored);
}

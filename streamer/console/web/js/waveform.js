/** A clip drawn: one row for each channel, the term marked, a line where it plays; a click goes there. */
import {el, svg} from "./elements.js";
import {seconds} from "./format.js";
import {t, word} from "./texts.js";

const [WIDTH, ROW] = [1000, 60];

/**
 * wave: `{seconds, peaks}` as the service gives it.
 * term: `{start, end}` in seconds of the clip.
 * audio: plays it.
 */
export function waveform(wave, term, audio) {
  const channels = Object.entries(wave.peaks);
  const height = channels.length * ROW;
  const across = (at) => Math.min(WIDTH, Math.max(0, (at / wave.seconds) * WIDTH));
  const head = svg("line", {class: "playhead", y1: 0, y2: height, x1: 0, x2: 0});
  const label = t("evidence.wave", {seconds: seconds(wave.seconds), start: seconds(term.start), end: seconds(term.end)});
  const drawn = svg(
    "svg",
    {class: "waveform", viewBox: `0 0 ${WIDTH} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label},
    svg("title", {text: label}),
    svg("rect", {class: "term", x: across(term.start), width: Math.max(2, across(term.end) - across(term.start)), y: 0, height}),
    ...channels.map(([channel, peaks], row) =>
      svg("path", {class: `peaks ${channel}`, d: outline(peaks, (row + 0.5) * ROW)}),
    ),
    head,
  );
  drawn.addEventListener("click", (event) => {
    const {left, width} = drawn.getBoundingClientRect();
    audio.currentTime = ((event.clientX - left) / width) * wave.seconds;
  });
  const move = () => {
    const x = across(audio.currentTime);
    head.setAttribute("x1", x);
    head.setAttribute("x2", x);
    if (!audio.paused && !audio.ended) requestAnimationFrame(move);
  };
  for (const event of ["play", "seeking", "timeupdate"]) audio.addEventListener(event, move);
  const names = channels.map(([channel]) => el("span", {class: channel, text: word("channel", channel)}));
  return el("div", {class: "wave"}, drawn, el("div", {class: "wave-names", "aria-hidden": "true"}, ...names));
}

function outline(peaks, middle) {
  const step = WIDTH / Math.max(1, peaks.length);
  const half = (peak) => Math.max(1, peak * (ROW / 2 - 2));
  const point = (peak, i, side) => `${((i + 0.5) * step).toFixed(1)} ${(middle + side * half(peak)).toFixed(1)}`;
  const above = peaks.map((peak, i) => point(peak, i, -1));
  const below = peaks.map((peak, i) => point(peak, i, 1)).reverse();
  return `M0 ${middle}L${[...above, `${WIDTH} ${middle}`, ...below].join("L")}Z`;
}

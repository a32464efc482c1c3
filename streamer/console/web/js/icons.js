/** Small drawings beside words: what is urgent is never told by colour alone. */
import {svg} from "./elements.js";

// In a square of 24: strokes, unless they begin with a dot.
const PATHS = {
  undelivered: ["M8 2h8l6 6v8l-6 6H8l-6-6V8z", "M8.5 8.5l7 7M15.5 8.5l-7 7"],
  blind: ["M3 3l18 18", "M6.5 9a6 6 0 0 1 11-3.2 6 6 0 0 1-.6 6.4", "M6.5 9c0 3 2.5 3.5 2.5 6.5 0 3 4 4 5.5 1"],
  block: ["M8 2h8l6 6v8l-6 6H8l-6-6V8z", "M7 12h10"],
  alert: ["M12 3L2 21h20z", "M12 10v5M12 17.6v.4"],
  review: ["M10.5 3a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15z", "M16 16l5.5 5.5"],
  done: ["M4 13l5 5L20 6"],
  muted: ["M3 3l18 18", "M9 9v3a3 3 0 0 0 4.5 2.6M15 11V6a3 3 0 0 0-5.8-1", "M5.5 11a6.5 6.5 0 0 0 10 5.5M12 18v4"],
  sound: ["M4 9v6h4l5 4V5L8 9z", "M16 9a4 4 0 0 1 0 6M18.5 6.5a8 8 0 0 1 0 11"],
  silent: ["M4 9v6h4l5 4V5L8 9z", "M17 9.5l5 5M22 9.5l-5 5"],
  mute: ["M9 6a3 3 0 0 1 6 0v5a3 3 0 0 1-6 0z", "M3 3l18 18", "M5.5 11a6.5 6.5 0 0 0 13 0M12 18v4"],
  unmute: ["M9 6a3 3 0 0 1 6 0v5a3 3 0 0 1-6 0z", "M5.5 11a6.5 6.5 0 0 0 13 0M12 18v4"],
  play: ["M7 4l13 8-13 8z"],
  hangup: ["M2 14c0-6 20-6 20 0v2l-5 .8v-3.3c-3-1-7-1-10 0v3.3L2 16z"],
  transfer: ["M4 12h14M13 6l6 6-6 6"],
  warning: ["M12 3L2 21h20z", "M12 10v5M12 17.6v.4"],
  lost: ["M3 3l18 18", "M5 12a10 10 0 0 1 4-2.4M13 8.7a10 10 0 0 1 6 3.3M8.5 15.5a5 5 0 0 1 7 0M12 19v.5"],
};

export function icon(name) {
  const drawn = (PATHS[name] ?? PATHS.review).map((d) => svg("path", {d}));
  return svg("svg", {class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true"}, ...drawn);
}

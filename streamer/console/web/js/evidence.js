/** The evidence clip: a player, and a waveform with the term marked. */
import {el} from "./elements.js";
import {reason} from "./words.js";
import {violationPath} from "./rest.js";
import {waveform} from "./waveform.js";
import {t} from "./texts.js";

const BEFORE = 0.3; // Seconds before the term at which playing begins.

/** Gives what shows the clip of a violation in `box`, once it has one; it may be told the same one again. */
export function evidence(box, {rest, acts}) {
  let asked = null;
  return (item) => {
    const now = !acts.may ? "role" : item.evidence ? "clip" : "none";
    if (now === asked) return;
    asked = now;
    if (now === "clip") load(box, rest, item);
    else box.replaceChildren(el("h3", {text: t("evidence.title")}), el("p", {class: "none", text: t(`evidence.${now}`)}));
  };
}

async function load(box, rest, item) {
  const title = el("h3", {text: t("evidence.title")});
  box.replaceChildren(title, el("p", {class: "none", text: t("evidence.loading")}));
  try {
    const path = violationPath(item);
    const [blob, wave] = await Promise.all([rest.blob(`${path}/evidence.flac`), rest.get(`${path}/waveform`)]);
    const url = URL.createObjectURL(blob);
    const audio = el("audio", {controls: true, preload: "auto", src: url, "aria-label": t("evidence.title")});
    const term = {start: item.start - wave.from, end: item.end - wave.from};
    const drawn = waveform(wave, term, audio);
    const jump = el("button", {type: "button", text: t("evidence.play_term"), onclick: () => {
      audio.currentTime = Math.max(0, term.start - BEFORE);
      audio.play();
    }});
    box.replaceChildren(title, drawn, el("div", {class: "buttons"}, audio, jump));
    box.closest("dialog").addEventListener("close", () => {
      audio.pause();
      URL.revokeObjectURL(url);
    }, {once: true});
  } catch (error) {
    box.replaceChildren(title, el("p", {class: "wrong", text: t("evidence.gone", {why: reason(error)})}));
  }
}

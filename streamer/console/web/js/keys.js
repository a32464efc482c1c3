/** Keyboard shortcuts, and the list of them. */
import {el} from "./elements.js";
import {t} from "./texts.js";

const KEY = "huazha.keys";
const LIST = [
  ["j k ↓ ↑", "next"], ["Enter", "open"], ["a", "acknowledge"], ["t", "true"], ["f", "false"], ["m", "mute"], ["u", "unmute"],
  ["p", "play"], ["h", "hangup"], ["o", "transfer"], ["s", "sound"], ["/", "search"], ["1 2 3 4", "tabs"], ["?", "help"],
];

/**
 * does: what each key does; `judge` keys act in the detail of an alert, too.
 * Gives what shows the list.
 */
export function shortcuts({does, judge, painter}) {
  const help = document.getElementById("help");
  const on = () => localStorage.getItem(KEY) !== "off";
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, audio")) return;
    const {key} = event;
    const single = key.length === 1;
    if (single && !on()) return;
    // A button, a link or a list under the cursor takes these for itself.
    if (!single && event.target.closest("button, summary, [role=tab], [role=log]")) return;
    const dialog = document.querySelector("dialog[open]");
    const act = dialog === null ? does[key] : dialog.id === "detail" && judge.includes(key) ? does[key] : undefined;
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
  painter.view(["keys"], () => {
    if (help.open) show();
  });

  function show() {
    const box = el("input", {type: "checkbox", checked: on(), onchange: () => localStorage.setItem(KEY, box.checked ? "on" : "off")});
    const keys = LIST.flatMap(([names, text]) => [
      el("dt", {}, ...names.split(" ").map((name) => el("kbd", {text: name}))),
      el("dd", {text: t(`keys.${text}`)}),
    ]);
    help.replaceChildren(
      el("h2", {id: "help-title", text: t("keys.title")}),
      el("dl", {class: "keys"}, ...keys),
      el("label", {class: "radio"}, box, el("span", {text: t("keys.single")})),
      el("div", {class: "buttons"}, el("button", {type: "button", class: "main", text: t("detail.close"), onclick: () => help.close()})),
    );
    if (!help.open) help.showModal();
  }
  return show;
}

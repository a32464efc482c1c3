/** Light or dark: as the system has it, or as somebody chose. */
import {say} from "./elements.js";
import {t} from "./texts.js";

const KEY = "huazha.theme";
const CHOICES = ["auto", "light", "dark"];
const dark = matchMedia("(prefers-color-scheme: dark)");

function chosen() {
  const kept = localStorage.getItem(KEY);
  return CHOICES.includes(kept) ? kept : "auto";
}

function apply() {
  const choice = chosen();
  document.documentElement.dataset.theme = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
}

/** Make a button that goes through the choices. */
export function themeButton(button, painter) {
  button.addEventListener("click", () => {
    localStorage.setItem(KEY, CHOICES[(CHOICES.indexOf(chosen()) + 1) % CHOICES.length]);
    apply();
    painter.mark("theme");
  });
  dark.addEventListener("change", apply);
  painter.view(["theme"], () => say(button, t(`theme.${chosen()}`)));
}

apply();

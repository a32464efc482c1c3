/** What the page says, in the language of the one who looks at it. */
import {en} from "./texts/en.js";
import {zh} from "./texts/zh.js";

export const TABLES = {zh, en};

let current = "en";

/** The first of the browser's languages that the page speaks, else English. */
export function preferred(languages) {
  const spoken = languages.map((name) => name.slice(0, 2).toLowerCase());
  return spoken.find((name) => name in TABLES) ?? "en";
}

export function setLanguage(name) {
  current = name in TABLES ? name : "en";
}

export function language() {
  return current;
}

/** A text by its key, with `{names}` filled in; what has no key is shown as it is. */
export function t(key, values = {}) {
  const text = TABLES[current][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "").trim();
}

/** A text for a value that the service may one day have more of: `word("status", "fired")`. */
export function word(kind, value) {
  const key = `${kind}.${value}`;
  return key in TABLES[current] ? TABLES[current][key] : String(value ?? "–");
}

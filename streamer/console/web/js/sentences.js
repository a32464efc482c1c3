/** What the service says in English, in the page's language, where the page knows it. */
import {language, word} from "./texts.js";
import {zhSentences} from "./texts/zh-sentences.js";

const ACTIONS = "mute|unmute|play|whisper|hangup|transfer|ready";
const TABLES = {zh: zhSentences.map(([original, text]) => ({pattern: compiled(original), text}))};

/** A sentence of the service's, or what came of it; what is not known stays as it is. */
export function known(original) {
  if (typeof original !== "string" || !(language() in TABLES)) return original;
  // Several troubles are told with this between them; within a sentence it may stand as well.
  const parts = original.split("; ").map(translated);
  return parts.includes(null) ? (translated(original) ?? original) : parts.join("；");
}

/** The originals of those that are shown in other words, for whoever wants to look them up; null where none is. */
export function originals(...texts) {
  return texts.filter((text) => text && known(text) !== text).join(" · ") || null;
}

function translated(original) {
  for (const {pattern, text} of TABLES[language()]) {
    const found = pattern.exec(original);
    if (found) return text.replace(/\{(\w+)\}/g, (_, name) => filled(name, found.groups[name]));
  }
  return null;
}

function filled(name, value) {
  if (name.startsWith("leg")) return word("channel", value);
  if (name === "what") return word("action", value);
  return name === "why" ? (translated(value) ?? value) : value;
}

function compiled(original) {
  const source = original.split(/(\{\w+\})/).map((part) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    return name ? `(?<${name}>${allowed(name)})` : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  });
  return new RegExp(`^${source.join("")}$`, "s");
}

function allowed(name) {
  if (/^n\d?$/.test(name)) return "\\d+(?:\\.\\d+)?";
  if (name.startsWith("leg")) return "agent|customer";
  return name === "what" ? ACTIONS : ".+?";
}

/** The lexicon in force, and a box to try a sentence in. */
import {badge, marked, reason} from "./words.js";
import {bound} from "./conduct.js";
import {cut} from "./marks.js";
import {el, say, show} from "./elements.js";
import {clock, number, seconds} from "./format.js";
import {t, word} from "./texts.js";

const MOST_TERMS = 24;

/** Gives what reads the rules anew. */
export function lexiconView({rest, store, painter}) {
  const [box, find] = [document.getElementById("rules"), document.getElementById("rules-find")];
  const said = document.getElementById("rules-said");
  const reload = document.getElementById("rules-reload");
  let version = "";
  tryView({rest, store, painter});

  find.addEventListener("input", () => painter.mark("find"));
  reload.addEventListener("click", async () => {
    try {
      await rest.post("v1/lexicon/reload");
      await read();
      say(said, t("lexicon.reloaded"));
    } catch (error) {
      say(said, t("lexicon.failed", {why: reason(error)}));
    }
  });
  painter.view(["rules", "find", "service"], () => {
    const wanted = find.value.trim().toLowerCase();
    const rules = [...store.rules.values()].filter((rule) => wanted === "" || text(rule).includes(wanted));
    say(document.getElementById("rules-count"), number(rules.length));
    const of = t("lexicon.version", {version: version.replaceAll("+", ", ")});
    const change = store.service.lexicon_change;
    say(document.getElementById("rules-version"), change ? `${of} ${changed(change)}` : of);
    box.replaceChildren(...rules.map((rule) => drawn(rule, wanted)));
  });
  painter.view(["me"], () => show(reload, store.me?.role === "admin"));

  async function read() {
    try {
      const lexicon = await rest.get("v1/lexicon");
      version = lexicon.version;
      store.set("rules", new Map(lexicon.rules.map((rule) => [rule.id, rule])));
      say(said, lexicon.trouble ? t("banner.lexicon", {why: lexicon.trouble}) : "");
    } catch (error) {
      say(said, t("lexicon.failed", {why: reason(error)}));
    }
  }
  return read;
}

function text(rule) {
  const metric = rule.metric ? bound(rule.metric, rule.language) : "";
  return [rule.id, rule.category, rule.say_instead, rule.source, metric, ...rule.terms, ...rule.allow].join("\n").toLowerCase();
}

function drawn(rule, wanted) {
  const terms = wanted === "" ? rule.terms : [...rule.terms].sort((a, b) => b.toLowerCase().includes(wanted) - a.toLowerCase().includes(wanted));
  const [first, more] = [terms.slice(0, MOST_TERMS), terms.slice(MOST_TERMS)];
  const kind = [rule.category, word("language", rule.language), rule.channel === "any" ? "" : word("channel", rule.channel), required(rule)];
  return el(
    "article",
    {class: "rule-card", lang: rule.language},
    el("div", {class: "line"}, badge(rule.severity), el("strong", {text: rule.id}), el("span", {class: "small", text: kind.filter(Boolean).join(" · ")})),
    rule.metric
      ? el("p", {text: bound(rule.metric, rule.language)})
      : el("ul", {class: "terms", "aria-label": t("lexicon.terms")}, ...first.map(chip)),
    more.length > 0 && el("details", {}, el("summary", {text: t("lexicon.more_terms", {n: more.length})}), el("ul", {class: "terms"}, ...more.map(chip))),
    rule.near && el("p", {class: "small", text: `${t("lexicon.near")}: ${rule.near.join("、")}`}),
    rule.allow.length > 0 &&
      el("details", {}, el("summary", {text: t("lexicon.allow", {n: rule.allow.length})}), el("ul", {class: "terms"}, ...rule.allow.map(chip))),
    rule.say_instead && el("p", {class: "say", text: t("note.say", {text: rule.say_instead})}),
    rule.source && el("p", {class: "small", text: t("note.reason", {reason: rule.source})}),
  );
}

function required(rule) {
  if (!rule.required) return "";
  const {within} = rule.required;
  return within ? t("lexicon.required.within", {seconds: seconds(within, 0)}) : t("lexicon.required");
}

function chip(text) {
  return el("li", {text});
}

function tryView({rest, store, painter}) {
  const [form, box] = [document.getElementById("try-form"), document.getElementById("tried")];
  let shown = null;
  const draw = () => shown && box.replaceChildren(...answered(shown, store));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const {text: sentence, language} = Object.fromEntries(new FormData(form));
    try {
      shown = await rest.post("v1/lexicon/try", {text: sentence, language});
      draw();
    } catch (error) {
      shown = null;
      box.replaceChildren(el("p", {class: "wrong", text: t("try.failed", {why: reason(error)})}));
    }
  });
  form.elements.text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  painter.view(["rules"], () => {
    const chosen = form.elements.language.value;
    const languages = [...new Set([...store.rules.values()].map((rule) => rule.language))];
    const options = languages.map((name) => el("option", {value: name, text: word("language", name), selected: name === (chosen || document.documentElement.lang.slice(0, 2))}));
    form.elements.language.replaceChildren(...options);
    draw();
  });
}

function answered({text: sentence, violations}, store) {
  const rows = violations.map((violation) => {
    const rule = store.rules.get(violation.rule_id);
    return el(
      "aside",
      {class: "note", "data-rank": violation.severity},
      el("div", {class: "line"}, badge(violation.severity), el("strong", {text: violation.term}),
        el("span", {text: t("note.rule", {rule: violation.rule_id, category: violation.category})}),
        el("span", {text: word("match", violation.match)})),
      rule?.source && el("p", {text: t("note.reason", {reason: rule.source})}),
      rule?.say_instead && el("p", {class: "say", text: t("note.say", {text: rule.say_instead})}),
    );
  });
  const said = violations.length ? t("try.found", {n: violations.length}) : t("try.nothing");
  return [el("p", {class: "quote"}, ...marked(cut(sentence, [], violations))), el("p", {class: violations.length ? "wrong" : "right", text: said}), ...rows];
}

/** Says when the rules last changed while the service ran, by whom, and how much. */
function changed({at, by, counts}) {
  const who = by === "file" ? t("lexicon.by_file") : by;
  return t("lexicon.changed", {at: clock(at), by: who, added: number(counts.terms_added), removed: number(counts.terms_removed)});
}

"use strict";
/* The page is complete without this: here it gets its other language, its filter, and waveforms that can be clicked. */
const TEXTS = JSON.parse(document.getElementById("texts").textContent);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);

/* Language. */
let language = "en";

function filled(key, values) {
  const text = TEXTS[key][language === "zh" ? 1 : 0];
  return text.replace(/\{(\w+)(?:#([^|}]*)\|([^}]*))?\}/g, (_, name, single, several) => {
    const given = values[name] ?? "";
    return single === undefined ? given : given === "1" ? single : several;
  });
}

function speak(chosen) {
  language = chosen;
  document.documentElement.lang = chosen;
  for (const element of all("[data-text]")) {
    element.textContent = filled(element.dataset.text, JSON.parse(element.dataset.textValues ?? "{}"));
  }
  for (const element of all("[data-label]")) {
    element.setAttribute("aria-label", filled(element.dataset.label, JSON.parse(element.dataset.labelValues ?? "{}")));
  }
}

function preferred() {
  const spoken = (navigator.languages ?? [navigator.language]).map((name) => name.slice(0, 2).toLowerCase());
  return spoken.find((name) => name === "zh" || name === "en") ?? "en";
}

/* Filter. */
const form = one("#filter");
const articles = all(".violation");
const said = new Map();

function words(article) {
  if (!said.has(article)) {
    said.set(article, all("bdi, mark, .say", article).map((element) => element.textContent).join(" ").normalize("NFKC").toLowerCase());
  }
  return said.get(article);
}

function filter() {
  const hidden = all("[aria-pressed=false]", form).map((button) => button.dataset.severity);
  const {rule, agent, text} = form.elements;
  const wanted = text.value.normalize("NFKC").toLowerCase().trim();
  let shown = 0;
  for (const article of articles) {
    const {severity, rule: ownRule, agent: ownAgent} = article.dataset;
    const fits =
      !hidden.includes(severity) &&
      (rule.value === "" || rule.value === ownRule) &&
      (agent.value === "" || agent.value === ownAgent) &&
      (wanted === "" || words(article).includes(wanted));
    article.hidden = !fits;
    shown += fits;
    if (!fits) one("audio", article)?.pause();
  }
  const output = one("#shown");
  output.dataset.text = "filter.shown";
  output.dataset.textValues = JSON.stringify({n: String(shown), all: String(articles.length)});
  output.textContent = filled("filter.shown", JSON.parse(output.dataset.textValues));
  one("#nothing").hidden = shown > 0;
}

function press(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

function showAll() {
  form.reset();
  for (const button of all("[aria-pressed]", form)) press(button, true);
}

if (form) {
  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(() => {
    for (const button of all("[aria-pressed]", form)) press(button, true);
    filter();
  }));
  for (const button of all("[aria-pressed]", form)) {
    button.addEventListener("click", () => {
      press(button, button.getAttribute("aria-pressed") === "false");
      filter();
    });
  }
  for (const link of all("a[data-rule], a[data-agent]")) {
    link.addEventListener("click", () => {
      showAll();
      if (link.dataset.rule !== undefined) form.elements.rule.value = link.dataset.rule;
      if (link.dataset.agent !== undefined) form.elements.agent.value = link.dataset.agent;
      filter();
    });
  }
  /* Whoever follows a link to a violation sees it, whatever is filtered. */
  const aimed = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target?.hidden) {
      showAll();
      filter();
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", aimed);
}

/* Sound. */
for (const box of all(".sound")) {
  const [audio, drawing, head] = [one("audio", box), one("svg", box), one(".playhead", box)];
  const [, , width] = drawing.getAttribute("viewBox").split(" ").map(Number);
  const from = one(".from", box);
  const seek = (seconds) => {
    /* Before anything of it is read, a browser only notes where it is to begin. */
    audio.currentTime = seconds;
    audio.play().catch(() => {}); /* Paused before it began. */
  };
  const length = () => (Number.isFinite(audio.duration) ? audio.duration : Number(box.dataset.seconds));
  const move = () => {
    head.setAttribute("transform", `translate(${(audio.currentTime / length()) * width} 0)`);
    if (!audio.paused && !audio.ended) requestAnimationFrame(move);
  };
  audio.addEventListener("play", () => {
    box.classList.add("played");
    for (const other of all("audio")) if (other !== audio) other.pause();
    move();
  });
  audio.addEventListener("seeked", move);
  drawing.addEventListener("click", (event) => {
    const {left, width: wide} = drawing.getBoundingClientRect();
    seek(((event.clientX - left) / wide) * length());
  });
  from.addEventListener("click", () => seek(Number(from.dataset.at)));
  from.hidden = false;
}

/* What is folded away belongs on paper. */
addEventListener("beforeprint", () => {
  for (const details of all("details")) details.open = true;
});

/* The switches. */
one(".switches").hidden = false;
one("#language").addEventListener("click", () => speak(language === "zh" ? "en" : "zh"));
one("#print").addEventListener("click", () => print());
if (form) filter();
speak(preferred());

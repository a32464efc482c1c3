/** The console's page: puts its parts together, signs in, and listens. */
import "./theme.js";
import {Acts} from "./acts.js";
import {RANKS} from "./alerts.js";
import {alertCard} from "./alert-card.js";
import {alertsView} from "./alerts-view.js";
import {banners} from "./banners.js";
import {callView} from "./call-view.js";
import {callsView} from "./calls-view.js";
import {chartsView} from "./charts-view.js";
import {Detail} from "./detail.js";
import {say, show} from "./elements.js";
import {Feed} from "./feed.js";
import {header, soundButton} from "./header.js";
import {watchHealth} from "./health.js";
import {HistoryView} from "./history-view.js";
import {shortcuts} from "./keys.js";
import {lexiconView} from "./lexicon-view.js";
import {Painter} from "./painter.js";
import {Rest, address, callPath} from "./rest.js";
import {signIn} from "./sign-in.js";
import {Sound} from "./sound.js";
import {announce} from "./speaking.js";
import {Store} from "./store.js";
import {Tabs} from "./tabs.js";
import {language, preferred, setLanguage, t} from "./texts.js";
import {themeButton} from "./theme.js";
import {transcriptView} from "./transcript-view.js";
import {reason, what, who} from "./words.js";

const LANGUAGE = "huazha.language";
const SETTLED = 200; // Milliseconds that a call is chosen before it is followed: one may be on the way to another.
const JOURNALLED = 3000; // Milliseconds until the journal has what the feed told before the page came.
const RETRY = 3000; // Milliseconds between two attempts to learn who one is.
const NEWEST = 200; // Alerts read from the journal.
const URGENT = new Set(["undelivered", "blind", "block"]);

let entering = false;
let wanted = location.hash.slice(1);
let settling = null;
let known = "";

setLanguage(localStorage.getItem(LANGUAGE) ?? preferred(navigator.languages));

const painter = new Painter();
const store = new Store((...topics) => painter.mark(...topics), (...topics) => painter.markCalmly(...topics));
const rest = new Rest();
const sound = new Sound();
const acts = new Acts({store, rest});
const page = {store, rest, painter, acts};

const feed = new Feed({
  url: address("v1/alerts").replace(/^http/, "ws"),
  ticket: async () => (store.me.tokens ? (await rest.post("v1/tickets")).ticket : null),
  welcome,
  event: heard,
  snapshot: (message) => store.snapshot(message),
  changed: connected,
  unauthorised: enter,
});

page.choose = {
  call(name) {
    if (store.selectCall(name)) followSoon();
  },
  alert(key) {
    store.selectAlert(key);
    const alert = store.alerts.get(key);
    // A call that was refused was never one here.
    if (alert?.call) page.choose.call(alert.call);
  },
  open() {
    const alert = store.alerts.get(store.selectedAlert);
    if (alert?.kind === "violation") page.detail.show(alert);
  },
  async judge(name) {
    if (page.detail.open) return page.detail.judge(name);
    const alert = store.alerts.get(store.selectedAlert);
    if (alert === undefined) return undefined;
    const next = alerts.next(alert.key);
    if ((await acts.review(alert, name)) && store.selectedAlert === alert.key && next !== null) page.choose.alert(next);
    return undefined;
  },
};

const readCharts = chartsView(page);
const readLexicon = lexiconView(page);
page.tabs = new Tabs((name) => {
  if (name === "charts") readCharts();
  else if (name === "history") search.search();
  painter.mark("calls", "alerts", "transcript");
});
page.detail = new Detail(page);
const search = new HistoryView(page);
const alerts = alertsView(page);
callsView(page);
callView(page);
transcriptView(page);
alertCard(page);
banners(page);
header(page);
themeButton(document.getElementById("theme"), painter);
const toggleSound = soundButton(document.getElementById("sound"), sound, painter);
const showHelp = shortcuts({
  painter,
  judge: ["a", "t", "f"],
  does: {
    j: () => alerts.move(1),
    k: () => alerts.move(-1),
    ArrowDown: () => alerts.move(1),
    ArrowUp: () => alerts.move(-1),
    Enter: () => page.choose.open(),
    a: () => page.choose.judge("acknowledged"),
    t: () => page.choose.judge("true"),
    f: () => page.choose.judge("false"),
    m: () => acts.act("mute"),
    u: () => acts.act("unmute"),
    p: () => acts.act("play"),
    h: () => acts.act("hangup"),
    o: () => acts.act("transfer"),
    s: toggleSound,
    "/": lookUp,
    "?": () => showHelp(),
    1: () => page.tabs.open("live"),
    2: () => page.tabs.open("history"),
    3: () => page.tabs.open("charts"),
    4: () => page.tabs.open("lexicon"),
  },
});

painter.view(["language"], () => {
  document.documentElement.lang = language() === "zh" ? "zh-CN" : "en";
  document.title = t("page.title");
  for (const element of document.querySelectorAll("[data-text]")) say(element, t(element.dataset.text));
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
});
document.getElementById("language").addEventListener("click", () => {
  setLanguage(language() === "zh" ? "en" : "zh");
  localStorage.setItem(LANGUAGE, language());
  painter.mark("language");
});
document.getElementById("help-button").addEventListener("click", () => showHelp());
document.getElementById("sign-out").addEventListener("click", () => {
  rest.token = null;
  location.reload();
});
for (const gesture of ["pointerdown", "keydown"]) document.addEventListener(gesture, () => sound.start());
window.addEventListener("online", () => feed.hurry());
rest.unauthorised = enter;

painter.mark("language", "connection");
enter();

/** Learn who sits here, asking for a token where one is wanted; then listen. */
async function enter() {
  if (entering) return;
  entering = true;
  for (;;) {
    try {
      store.set("me", await rest.get("v1/me"));
      break;
    } catch (error) {
      if (error.status === 401) {
        wanted = page.tabs.current ?? wanted;
        page.tabs.close();
        store.set("me", await signIn(rest));
        break;
      }
      connected("lost", reason(error));
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
  entering = false;
  page.tabs.open(wanted);
  feed.connect();
}

function connected(state, why) {
  // While it connects again it is still lost to whoever looks.
  const since = state === "connected" ? null : (store.connection.since ?? (state === "lost" ? Date.now() : null));
  const lost = state !== "connected" && since !== null;
  store.set("connection", {state: lost ? "lost" : state, since, why: why || (lost ? store.connection.why : "")});
}

function welcome(message) {
  const first = store.began === null;
  store.welcome(message);
  readAlerts();
  if (first) setTimeout(readAlerts, JOURNALLED);
  renewLexicon();
  if (store.selectedCall !== null) recall(store.selectedCall);
  if (first) watchHealth({store, feed});
}

function heard(event) {
  const {durability} = store.service;
  const alert = store.take(event);
  if (event.type === "service") {
    renewLexicon();
    if (durability === "degraded" && event.durability === "ok") readAlerts();
  }
  if (alert === null || !store.isNew(event)) return;
  const rank = RANKS[alert.rank];
  sound.play(rank);
  if (URGENT.has(rank)) announce(t("alert.new", {rank: t(`rank.${rank}`), what: what(alert), who: who(alert)}));
}

async function readAlerts() {
  const earlier = document.getElementById("alerts-earlier");
  try {
    const {items} = await rest.get("v1/violations", {source: "live", limit: NEWEST});
    store.fill(items);
    show(earlier, false);
  } catch (error) {
    say(earlier, t("alerts.earlier", {why: reason(error)}));
    show(earlier, true);
  }
}

function renewLexicon() {
  if (store.service.lexicon_version === known && known !== "") return;
  known = store.service.lexicon_version;
  readLexicon();
}

function followSoon() {
  clearTimeout(settling);
  settling = setTimeout(() => {
    feed.follow(store.selectedCall);
    if (store.selectedCall !== null) recall(store.selectedCall);
  }, SETTLED);
}

async function recall(name) {
  try {
    store.recall(await rest.get(callPath(name)));
  } catch {
    // What the feed tells from here on is shown all the same; that the journal can't be had is said elsewhere.
  }
}

function lookUp() {
  if (page.tabs.current === "lexicon") {
    document.getElementById("rules-find").focus();
  } else {
    page.tabs.open("history");
    search.focus();
  }
}

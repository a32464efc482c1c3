/** The bar at the top: whether the page is connected, how the service is, who sits here. */
import {el, say, show} from "./elements.js";
import {number, seconds, share} from "./format.js";
import {icon} from "./icons.js";
import {lagging} from "./calls-view.js";
import {t} from "./texts.js";

export function header({store, painter}) {
  const connection = document.getElementById("connection");
  const facts = ["calls", "lag", "blind", "coverage", "relief"].map(fact);
  document.getElementById("service").append(...facts.map(({box}) => box));

  painter.view(["connection"], () => {
    const {state} = store.connection;
    connection.dataset.state = state;
    say(connection, t(`state.${state}`));
  });
  painter.view(["calls", "service", "connection"], () => {
    const now = values(store);
    for (const {name, box, title, value} of facts) {
      const [text, how] = now[name];
      say(title, t(`state.${name}`));
      say(value, text);
      value.dataset.how = how;
      show(box, text !== "");
    }
  });
  painter.view(["me"], () => {
    const {me} = store;
    say(document.getElementById("me"), me ? [me.name, t(`role.${me.role}`)].filter(Boolean).join(" · ") : "");
    show(document.getElementById("sign-out"), me?.tokens === true);
  });
}

/** Each fact's text, and whether that is good. */
function values({calls, service, health}) {
  const live = [...calls.values()].filter((call) => call.ended_at === null);
  const lag = live.reduce((most, call) => Math.max(most, call.lag ?? 0), 0);
  const {audio_received: received, audio_blind: blind, calls_most: most, calls_measured: about} = health ?? {};
  const missed = blind ?? live.reduce((sum, call) => sum + call.blind, 0);
  return {
    calls: [ofMost(live.length, most, about), "good"],
    lag: [seconds(lag), lagging(lag)],
    blind: [seconds(missed), missed > 0 ? "slow" : "good"],
    coverage: [received ? share((received - missed) / received) : "", missed > 0 ? "slow" : "good"],
    relief: [t(`state.relief.${service.relief}`), ["good", "slow", "late"][service.relief]],
  };
}

/** How many calls go on, of how many there may be: a bound that was measured is about right. */
function ofMost(live, most, about) {
  if (!most) return number(live);
  return t(about ? "state.calls_of_about" : "state.calls_of", {live: number(live), most: number(most)});
}

function fact(name) {
  const [title, value] = [el("dt"), el("dd")];
  return {name, title, value, box: el("div", {class: `fact-${name}`}, title, value)};
}

/** The button for the sound. */
export function soundButton(button, sound, painter) {
  const draw = () => {
    button.replaceChildren(icon(sound.on ? "sound" : "silent"), el("span", {text: t(sound.on ? "sound.on" : "sound.off")}));
    button.setAttribute("aria-pressed", sound.on);
  };
  const toggle = () => {
    sound.toggle();
    draw();
  };
  button.addEventListener("click", toggle);
  painter.view(["sound"], draw);
  return toggle;
}

/** Says things to people, also to those who don't see the page. */
import {say, show} from "./elements.js";

const SHOWN = 6000; // Milliseconds.
let timer = null;

/** Say how something went that was asked for. */
export function tell(text) {
  const box = document.getElementById("told");
  say(box, text);
  show(box, true);
  clearTimeout(timer);
  timer = setTimeout(() => show(box, false), SHOWN);
}

/** Have a screen reader say at once what is urgent. */
export function announce(text) {
  say(document.getElementById("announced"), text);
}

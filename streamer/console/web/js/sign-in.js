/** The form that asks for a token. */
import {reason} from "./words.js";
import {say} from "./elements.js";
import {t} from "./texts.js";

/** Ask until a token is right; gives who it is. */
export function signIn(rest) {
  const [section, form] = [document.getElementById("sign-in"), document.getElementById("sign-in-form")];
  const [input, said] = [form.elements.token, document.getElementById("sign-in-said")];
  section.hidden = false;
  input.focus();
  return new Promise((resolve) => {
    form.onsubmit = async (event) => {
      event.preventDefault();
      rest.token = input.value.trim();
      try {
        const me = await rest.get("v1/me");
        input.value = "";
        say(said, "");
        section.hidden = true;
        resolve(me);
      } catch (error) {
        rest.token = null;
        say(said, error.status === 401 ? t("signin.wrong") : reason(error));
        input.select();
      }
    };
  });
}

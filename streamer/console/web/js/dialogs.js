/** Questions to whoever sits at the page. */
import {el, say} from "./elements.js";
import {t} from "./texts.js";

/** Ask for a yes; gives whether it was given. */
export async function confirmed(title) {
  return (await asked(title, null)) !== null;
}

/** Ask for a text that must not be empty; gives it, or null. */
export function reasoned(title, label, missing) {
  return asked(title, {label, missing});
}

function asked(title, field) {
  return new Promise((resolve) => {
    const input = field && el("textarea", {rows: 3, maxlength: 1000, "aria-describedby": "question-said"});
    const said = el("p", {id: "question-said", class: "wrong", role: "alert"});
    const cancel = el("button", {type: "button", text: t("dialog.cancel"), onclick: () => dialog.close()});
    const form = el(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          answer = field ? input.value.trim() : "";
          if (field && answer === "") {
            answer = null;
            say(said, field.missing);
            input.focus();
          } else {
            dialog.close();
          }
        },
      },
      el("h2", {id: "question-title", text: title}),
      field && el("label", {}, el("span", {text: field.label}), input),
      said,
      el("div", {class: "buttons"}, cancel, el("button", {type: "submit", class: "main", text: t("dialog.ok")})),
    );
    const dialog = el("dialog", {class: "question", "aria-labelledby": "question-title"}, form);
    let answer = null;
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** What supervisors do: judge alerts, and act on calls. */
import {callPath, violationPath} from "./rest.js";
import {confirmed, reasoned} from "./dialogs.js";
import {known} from "./sentences.js";
import {tell} from "./speaking.js";
import {t, word} from "./texts.js";
import {reason} from "./words.js";

export const ACTIONS = ["mute", "unmute", "play", "hangup", "transfer"];
const FINAL = new Set(["hangup", "transfer"]);

export class Acts {
  #store;
  #rest;

  constructor({store, rest}) {
    this.#store = store;
    this.#rest = rest;
  }

  /** Whether whoever sits here may do anything at all. */
  get may() {
    return ["supervisor", "admin"].includes(this.#store.me?.role);
  }

  /** Whether something can be done about the chosen call. */
  get can() {
    return this.may && this.#store.calls.get(this.#store.selectedCall)?.ended_at === null;
  }

  /** Judge an alert; gives whether that is done. */
  async review(alert, verdict) {
    if (alert.kind !== undefined && alert.kind !== "violation") {
      // Nobody can be wrong about what was not heard: that it is known at this page is all.
      this.#store.seen(alert.key);
      return true;
    }
    if (!this.may) {
      tell(t("role.may_not"));
      return false;
    }
    let why = "";
    if (verdict === "false") {
      why = await reasoned(t("review.why.title"), t("review.why.field"), t("review.why.missing"));
      if (why === null) return false;
    }
    try {
      await this.#rest.post(`${violationPath(alert)}/review`, {verdict, reason: why});
      tell(t("review.done", {verdict: word("verdict", verdict)}));
      return true;
    } catch (error) {
      tell(t("review.failed", {why: reason(error)}));
      return false;
    }
  }

  /** Ask the platform to do something about the chosen call. */
  async act(action) {
    const call = this.#store.calls.get(this.#store.selectedCall);
    if (call === undefined || call.ended_at !== null) return;
    if (!this.may) {
      tell(t("role.may_not"));
      return;
    }
    const agent = call.agent ?? call.call_id;
    if (FINAL.has(action) && !(await confirmed(t(`action.sure.${action}`, {agent})))) return;
    const named = t(`action.${action}`);
    tell(t("action.asked", {action: named}));
    try {
      const {accepted, detail} = await this.#rest.post(`${callPath(call.call)}/actions`, {
        action,
        channel: "agent",
        violation_id: this.#why(call.call),
      });
      tell(t(accepted ? "action.accepted" : "action.refused", {action: named, detail: known(detail)}));
    } catch (error) {
      tell(t("action.failed", {action: named, detail: reason(error)}));
    }
  }

  /** The violation because of which it is done: the alert that is chosen, if it is this call's. */
  #why(call) {
    const alert = this.#store.alerts.get(this.#store.selectedAlert);
    return alert?.call === call ? alert.violation_id : null;
  }
}

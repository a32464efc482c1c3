/** The page's four parts. */

const NAMES = ["live", "history", "charts", "lexicon"];

export class Tabs {
  #opened;
  current = null;

  /** opened: told which part is shown. */
  constructor(opened) {
    this.#opened = opened;
    const row = document.getElementById("tabs");
    row.addEventListener("click", (event) => {
      const tab = event.target.closest("[role=tab]");
      if (tab) this.open(tab.getAttribute("aria-controls"));
    });
    row.addEventListener("keydown", (event) => {
      const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
      if (step === undefined) return;
      event.preventDefault();
      const next = NAMES[(NAMES.indexOf(this.current) + step + NAMES.length) % NAMES.length];
      this.open(next);
      document.getElementById(`tab-${next}`).focus();
    });
    window.addEventListener("hashchange", () => this.open(location.hash.slice(1)));
  }

  open(name) {
    const wanted = NAMES.includes(name) ? name : NAMES[0];
    if (wanted === this.current) return;
    this.current = wanted;
    for (const other of NAMES) {
      const tab = document.getElementById(`tab-${other}`);
      tab.setAttribute("aria-selected", other === wanted);
      tab.tabIndex = other === wanted ? 0 : -1;
      document.getElementById(other).hidden = other !== wanted;
    }
    history.replaceState(null, "", `#${wanted}`);
    this.#opened(wanted);
  }

  /** Show none: nobody has signed in. */
  close() {
    this.current = null;
    for (const name of NAMES) document.getElementById(name).hidden = true;
  }
}

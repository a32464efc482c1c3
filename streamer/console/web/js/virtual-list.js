/** A list of any length of which only the rows in view are in the document. */
import {el} from "./elements.js";

const BEYOND = 4; // Rows made above and below what is in view.

/**
 * A list box; its rows are as high as the custom property `--row` of the box says, in rem.
 *
 * box: scrolls.
 * row: makes an empty row: `{element, …}`, with whatever else `fill` wants to have at hand.
 * fill: writes a thing, that has `key` and `version`, into it.
 * chosen: told the key when somebody chooses a row; opened, when somebody clicks it twice.
 */
export class VirtualList {
  #box;
  #sizer = el("div", {role: "presentation", class: "sizer"});
  #make;
  #fill;
  #things = {length: 0, at: () => undefined, find: () => -1};
  #rows = new Map();
  #spare = [];
  #made = 0;
  #selected = null;
  #on;
  #height;
  #anchor = null;

  constructor(box, {row, fill, chosen, opened = () => {}}) {
    this.#box = box;
    this.#make = row;
    this.#fill = fill;
    this.#on = {chosen, opened};
    box.append(this.#sizer);
    this.#measure();
    box.addEventListener("scroll", () => this.#renew(), {passive: true});
    box.addEventListener("click", (event) => this.#clicked(event));
    box.addEventListener("dblclick", () => this.#on.opened());
    box.addEventListener("keydown", (event) => this.#pressed(event));
    new ResizeObserver(() => {
      this.#measure();
      this.#renew();
    }).observe(box);
  }

  /** Show things: `{length, at(index), find(key)}`; anew also those that are shown already. */
  show(things, selected, {anew = false} = {}) {
    this.#things = things;
    this.#selected = selected;
    if (anew) for (const row of this.#rows.values()) row.version = null;
    this.#renew();
  }

  /** Choose the thing so many rows further down; the first where none is chosen. */
  move(step) {
    if (this.#things.length === 0) return;
    const at = this.#selected === null ? -1 : this.#things.find(this.#selected);
    this.#choose(at < 0 ? 0 : at + step);
  }

  /** Choose the thing next to one that is about to leave its place. */
  after(key) {
    const at = this.#things.find(key);
    const next = this.#things.at(at + 1) ?? this.#things.at(at - 1);
    return at < 0 ? null : (next?.key ?? null);
  }

  #choose(index) {
    const within = Math.max(0, Math.min(this.#things.length - 1, index));
    // The next key may be pressed before this one is painted.
    this.#selected = this.#things.at(within).key;
    this.#on.chosen(this.#selected);
    this.#reveal(within);
  }

  #reveal(index) {
    const [top, bottom] = [index * this.#height, (index + 1) * this.#height];
    if (top < this.#box.scrollTop) this.#box.scrollTop = top;
    else if (bottom > this.#box.scrollTop + this.#box.clientHeight) this.#box.scrollTop = bottom - this.#box.clientHeight;
  }

  /** Whoever has scrolled down to read something keeps it in view when things come in above; gives where the list is then. */
  #hold(scrollTop) {
    if (scrollTop === 0 || this.#anchor === null) return scrollTop;
    const at = this.#things.find(this.#anchor.key);
    if (at < 0 || at === this.#anchor.index) return scrollTop;
    this.#box.scrollTop = scrollTop + (at - this.#anchor.index) * this.#height;
    return this.#box.scrollTop;
  }

  #measure() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const height = parseFloat(getComputedStyle(this.#box).getPropertyValue("--row")) * rem;
    if (height !== this.#height) for (const row of this.#rows.values()) row.index = null;
    this.#height = height;
  }

  /** The things may be others than at the last time, whatever the reason to look at them. */
  #renew() {
    // Asked before anything is changed: later the browser would have to lay out the whole page for the answer.
    const {scrollTop, clientHeight} = this.#box;
    const whole = this.#things.length * this.#height;
    this.#sizer.style.setProperty("height", `${whole}px`);
    this.#lay(Math.max(0, Math.min(this.#hold(scrollTop), whole - clientHeight)), clientHeight);
  }

  #lay(scrollTop, clientHeight) {
    const top = Math.floor(scrollTop / this.#height);
    const first = Math.max(0, top - BEYOND);
    const last = Math.min(this.#things.length, Math.ceil((scrollTop + clientHeight) / this.#height) + BEYOND);
    const shown = new Map();
    for (let index = first; index < last; index++) shown.set(this.#things.at(index).key, index);
    for (const [key, row] of this.#rows) {
      if (shown.has(key)) continue;
      this.#rows.delete(key);
      row.element.remove();
      this.#spare.push(row);
    }
    for (const [key, index] of shown) this.#row(key, index);
    const anchor = this.#things.at(top);
    this.#anchor = anchor ? {key: anchor.key, index: top} : null;
    const active = this.#rows.get(this.#selected)?.element.id;
    if (active) this.#box.setAttribute("aria-activedescendant", active);
    else this.#box.removeAttribute("aria-activedescendant");
  }

  #row(key, index) {
    const thing = this.#things.at(index);
    let row = this.#rows.get(key);
    if (row === undefined) {
      const parts = this.#spare.pop()?.parts ?? this.#make();
      row = {parts, element: parts.element, version: null, index: null, length: null, selected: null};
      row.element.id ||= `${this.#box.id}-${this.#made++}`;
      row.element.setAttribute("role", "option");
      row.element.dataset.key = key;
      this.#rows.set(key, row);
      this.#sizer.append(row.element);
    }
    if (row.version !== thing.version) {
      row.version = thing.version;
      this.#fill(row.parts, thing);
    }
    if (row.index !== index || row.length !== this.#things.length) {
      row.index = index;
      row.length = this.#things.length;
      row.element.style.setProperty("transform", `translateY(${index * this.#height}px)`);
      row.element.setAttribute("aria-posinset", index + 1);
      row.element.setAttribute("aria-setsize", this.#things.length);
    }
    const selected = key === this.#selected;
    if (row.selected !== selected) {
      row.selected = selected;
      row.element.setAttribute("aria-selected", selected);
    }
  }

  #clicked(event) {
    const key = event.target.closest("[role=option]")?.dataset.key;
    if (key !== undefined) this.#on.chosen(key);
  }

  #pressed(event) {
    const page = Math.max(1, Math.floor(this.#box.clientHeight / this.#height) - 1);
    const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page};
    if (event.ctrlKey || event.altKey || event.metaKey || this.#things.length === 0) return;
    if (event.key in steps) this.move(steps[event.key]);
    else if (event.key === "Home") this.#choose(0);
    else if (event.key === "End") this.#choose(this.#things.length - 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

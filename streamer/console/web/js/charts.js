/** Charts as SVG, each with a table that says the same; they know nothing of the service. */
import {el, svg} from "./elements.js";

const WIDTH = 640;

/**
 * Bars from left to right, one below the other, each of several parts.
 * bars: `{name, note, parts: [{name, kind, value}]}`; `kind` is what the style sheet colours by; `note` follows the value.
 */
export function bars(rows, write) {
  const [high, label] = [34, 210];
  const room = rows.some(({note}) => note) ? 150 : 60;
  const most = Math.max(1, ...rows.map(({parts}) => total(parts)));
  const drawn = rows.flatMap(({name, note, parts}, i) => {
    const [y, across] = [i * high, (value) => (value / most) * (WIDTH - label - room)];
    let x = label;
    const rects = parts.map(({name: part, kind, value}) => {
      const rect = svg("rect", {class: `bar ${kind}`, x, y: y + 5, width: across(value), height: high - 10}, svg("title", {text: `${name}, ${part}: ${write(value)}`}));
      x += across(value);
      return rect;
    });
    const middle = y + high / 2;
    return [
      svg("text", {class: "label", x: label - 8, y: middle, "text-anchor": "end", text: shortened(name, 24)}, svg("title", {text: name})),
      ...rects,
      svg("text", {class: "value", x: x + 6, y: middle, text: write(total(parts))}, note && svg("tspan", {class: "aside", dx: 8, text: note})),
    ];
  });
  return picture(rows.length * high, drawn);
}

/**
 * A strip of columns to each row, all of the same height: of each, a share is right and the rest is wrong.
 * rows: `{name, value, cells: [{share, title}]}`; a cell that is null is left empty. names: of the columns.
 */
export function strips(rows, names) {
  const [high, label, room, foot] = [44, 210, 130, 24];
  const wide = (WIDTH - label - room) / Math.max(1, names.length);
  const thick = Math.min(wide * 0.8, 36);
  const middle = (i) => label + (i + 0.5) * wide;
  const drawn = rows.flatMap(({name, value, cells}, row) => {
    const [top, tall] = [row * high + 5, high - 10];
    const columns = cells.flatMap((cell, i) => {
      if (cell === null) return [];
      const right = cell.share * tall;
      const [x, width] = [middle(i) - thick / 2, thick];
      return [
        svg("rect", {class: "bar wrong", x, y: top, width, height: tall - right}, svg("title", {text: cell.title})),
        svg("rect", {class: "bar true", x, y: top + tall - right, width, height: right}, svg("title", {text: cell.title})),
      ];
    });
    return [
      svg("text", {class: "label", x: label - 8, y: top + tall / 2, "text-anchor": "end", text: shortened(name, 24)}, svg("title", {text: name})),
      svg("line", {class: "grid", x1: label, x2: WIDTH - room, y1: top + tall, y2: top + tall}),
      ...columns,
      svg("text", {class: "value", x: WIDTH - room + 8, y: top + tall / 2, text: value}),
    ];
  });
  const each = Math.ceil(names.length / Math.floor((WIDTH - label - room) / 56));
  const below = names.map((name, i) => i % each === 0 && svg("text", {class: "label", x: middle(i), y: rows.length * high + foot / 2, "text-anchor": "middle", text: name}));
  return picture(rows.length * high + foot, [...drawn, ...below]);
}

/** Columns side by side, each of several parts on top of each other; every `each`th is named below. */
export function columns(rows, write) {
  const [height, foot, side] = [240, 26, 44];
  const most = niceMost(Math.max(1, ...rows.map(({parts}) => total(parts))));
  const wide = (WIDTH - side) / Math.max(1, rows.length);
  const each = Math.ceil(rows.length / Math.floor((WIDTH - side) / 56));
  const up = (value) => (value / most) * (height - foot - 14);
  const drawn = rows.flatMap(({name, parts}, i) => {
    const x = side + i * wide;
    let y = height - foot;
    const rects = parts.map(({name: part, kind, value}) => {
      y -= up(value);
      return svg("rect", {class: `bar ${kind}`, x: x + wide * 0.1, y, width: wide * 0.8, height: up(value)}, svg("title", {text: `${name}, ${part}: ${write(value)}`}));
    });
    const named = i % each === 0 && svg("text", {class: "label", x: x + wide / 2, y: height - 8, "text-anchor": "middle", text: name});
    return [...rects, named];
  });
  return picture(height, [...scale(most, height - foot, up, side, write), ...drawn]);
}

/**
 * A histogram with marks at some values.
 * rows: `{upper, count}`, in order; `upper` is where a column ends, null where it has no end.
 * marks: `{at, text}`.
 */
export function histogram(rows, marks, write, writeUpper) {
  const [height, foot, top, side] = [240, 26, 36, 44];
  const most = niceMost(Math.max(1, ...rows.map(({count}) => count)));
  const wide = (WIDTH - side) / Math.max(1, rows.length);
  const each = Math.ceil(rows.length / Math.floor((WIDTH - side) / 64));
  const up = (value) => (value / most) * (height - foot - top);
  const drawn = rows.flatMap(({upper, count}, i) => [
    svg("rect", {class: "bar latency", x: side + i * wide + 1, y: height - foot - up(count), width: Math.max(1, wide - 2), height: up(count)},
      svg("title", {text: `${writeUpper(upper)}: ${write(count)}`})),
    (i % each === each - 1 || each === 1) && svg("text", {class: "label", x: side + (i + 1) * wide, y: height - 8, "text-anchor": i === rows.length - 1 ? "end" : "middle", text: writeUpper(upper)}),
  ]);
  const lines = marks.flatMap(({at, text}, i) => {
    const x = side + placeOf(at, rows) * wide;
    const right = x > WIDTH * 0.75;
    return [
      svg("line", {class: "mark", x1: x, x2: x, y1: 14 + i * 16, y2: height - foot}),
      svg("text", {class: "mark-text", x: right ? x - 5 : x + 5, y: 16 + i * 16, "text-anchor": right ? "end" : "start", text}),
    ];
  });
  return picture(height, [...scale(most, height - foot, up, side, write), ...drawn, ...lines]);
}

/** One bar of which a part is full. */
export function gauge(share) {
  const full = Math.max(0, Math.min(1, share)) * WIDTH;
  return picture(40, [
    svg("rect", {class: "bar blind", x: 0, y: 4, width: WIDTH, height: 32}),
    svg("rect", {class: "bar heard", x: 0, y: 4, width: full, height: 32}),
  ]);
}

/** A chart under its title, with what it says in a sentence and, for those who don't see it, in a table. */
export function figure(title, said, drawing, {head, rows}, key = []) {
  const cells = (tag, row) => row.map((text, i) => el(i === 0 || tag === "th" ? "th" : "td", {scope: tag === "th" ? "col" : i === 0 ? "row" : null, text}));
  return el(
    "figure",
    {class: "panel chart"},
    el("figcaption", {}, el("h3", {text: title}), said && el("p", {text: said})),
    key.length > 0 && el("ul", {class: "key"}, ...key.map(({kind, name}) => el("li", {}, el("span", {class: `swatch ${kind}`}), name))),
    drawing,
    el(
      "table",
      {class: "unseen"},
      el("caption", {text: title}),
      el("thead", {}, el("tr", {}, ...cells("th", head))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, ...cells("td", row)))),
    ),
  );
}

function picture(height, children) {
  // The table beside it says the same.
  return svg("svg", {class: "drawing", viewBox: `0 0 ${WIDTH} ${height}`, "aria-hidden": "true"}, ...children);
}

function scale(most, floor, up, side, write) {
  const steps = [0, 0.5, 1].map((part) => part * most).filter((value, i, all) => Number.isInteger(value) && all.indexOf(value) === i);
  return steps.flatMap((value) => [
    svg("line", {class: "grid", x1: side, x2: WIDTH, y1: floor - up(value), y2: floor - up(value)}),
    svg("text", {class: "label", x: side - 6, y: floor - up(value), "text-anchor": "end", text: write(value)}),
  ]);
}

function total(parts) {
  return parts.reduce((sum, {value}) => sum + value, 0);
}

/** The next number that is easily read off. */
function niceMost(most) {
  const tens = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * tens).find((step) => step >= most);
}

/** Where among the columns a value lies, in columns. */
function placeOf(value, rows) {
  let lower = 0;
  for (const [i, {upper}] of rows.entries()) {
    if (upper === null || value <= upper) return i + (upper === null ? 0.5 : (value - lower) / (upper - lower));
    lower = upper;
  }
  return rows.length;
}

function shortened(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

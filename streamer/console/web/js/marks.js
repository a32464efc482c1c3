/** Where in a text a violation's term stands. */

/** Joins texts as they are written: English words with a space between them. */
export function joined(said, more) {
  const spaced = said && more && /[!-~]$/.test(said) && /^[A-Za-z0-9]/.test(more);
  return spaced ? `${said} ${more}` : said + more;
}

/**
 * Find a violation in a text.
 * pieces: `{from, to, start, end}`, characters and seconds, in order; may be empty.
 * Returns: `[from, to]` in characters, or null.
 */
export function locate(text, pieces, violation) {
  for (const wanted of [violation.heard, violation.term]) {
    const found = wanted ? occurrences(text, wanted) : [];
    if (found.length === 0) continue;
    const far = ([from]) => (pieces.length ? Math.abs(secondsAt(from, pieces) - violation.start) : 0);
    // Without times, the last: a text ends where something was found in it.
    return found.reduce((best, one) => (far(one) <= far(best) ? one : best));
  }
  return byTime(pieces, violation);
}

/**
 * Cut a text where violations begin and end.
 * Returns: `{text, violations}` pieces that join to the text; violations may overlap.
 */
export function cut(text, pieces, violations) {
  const spans = violations.flatMap((violation) => {
    const span = locate(text, pieces, violation);
    return span ? [{from: span[0], to: span[1], violation}] : [];
  });
  const edges = [...new Set([0, text.length, ...spans.flatMap(({from, to}) => [from, to])])].sort((a, b) => a - b);
  return edges.slice(1).map((to, i) => ({
    text: text.slice(edges[i], to),
    violations: spans.filter((span) => span.from <= edges[i] && span.to >= to).map(({violation}) => violation),
  }));
}

/** All places of `wanted` in `text`, whatever stands there of width, case, space and punctuation. */
function occurrences(text, wanted) {
  const [hay, places] = folded(text);
  const [needle] = folded(wanted);
  const found = [];
  if (needle === "") return found;
  for (let at = hay.indexOf(needle); at >= 0; at = hay.indexOf(needle, at + 1)) {
    found.push([places[at][0], places[at + needle.length - 1][1]]);
  }
  return found;
}

function folded(text) {
  let [out, offset] = ["", 0];
  const places = [];
  for (const letter of text) {
    const end = offset + letter.length;
    if (!/[\s\p{P}]/u.test(letter)) {
      for (const unit of letter.normalize("NFKC").toLowerCase().split("")) {
        out += unit;
        places.push([offset, end]);
      }
    }
    offset = end;
  }
  return [out, places];
}

function secondsAt(offset, pieces) {
  const piece = pieces.find(({to}) => offset < to) ?? pieces.at(-1);
  const share = piece.to > piece.from ? (offset - piece.from) / (piece.to - piece.from) : 0;
  return piece.start + Math.max(0, share) * (piece.end - piece.start);
}

/** What was heard may have been put right since: then its time says where it is. */
function byTime(pieces, {start, end}) {
  const touched = pieces.filter((piece) => piece.end > start && piece.start < end);
  if (touched.length === 0) return null;
  const letter = (seconds, piece) => {
    const share = (seconds - piece.start) / Math.max(piece.end - piece.start, 0.001);
    return piece.from + Math.min(Math.max(share, 0), 1) * (piece.to - piece.from);
  };
  const from = Math.floor(letter(start, touched[0]));
  const to = Math.ceil(letter(end, touched.at(-1)));
  return to > from ? [from, to] : null;
}

// Making elements. All text goes in as text nodes: nothing in this page parses strings as markup.
const SVG = "http://www.w3.org/2000/svg";
const root = document.documentElement;
const $ = (query, within = document) => within.querySelector(query);
const $$ = (query, within = document) => [...within.querySelectorAll(query)];

function el(name, attributes, ...kids) { return filled(document.createElement(name), attributes, kids); }
function sv(name, attributes, ...kids) { return filled(document.createElementNS(SVG, name), attributes, kids); }

function filled(node, attributes, kids) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value == null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : plain(String(value)));
  }
  for (const kid of kids.flat(3)) if (kid != null && kid !== false) typeof kid === "string" ? foreign(node, kid) : node.append(kid);
  return node;
}

// Control characters, direction marks and invisible characters are shown by number, never obeyed.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udfff]/g;
const signWords = sign => "U+" + sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
const plain = text => text.replace(CONTROL, signWords);

function foreign(parent, text) {
  let last = 0;
  for (const found of text.matchAll(CONTROL)) {
    parent.append(text.slice(last, found.index), filled(document.createElement("span"), { class: "ctl" }, []));
    parent.lastChild.textContent = signWords(found[0]);
    last = found.index + found[0].length;
  }
  parent.append(text.slice(last));
  return parent;
}

// ---- numbers, as in the tables
function num(value, digits = 3) {
  if (value == null || !isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-6 || size >= 1e15) return value.toExponential(digits - 1);
  const decimals = Math.min(9, Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}
const stripped = text => /^[^e]*\.[^e]*$/.test(text) ? text.replace(/\.?0+$/, "") : text;
const exact = (value, digits = 6) => stripped(num(value, digits));

// ---- what the page knows of its trials
const parsed = name => JSON.parse(document.getElementById(name).textContent);
const DATA = parsed("data");
DATA.trials.forEach((trial, at) => { trial.at = at; });
const BY_KEY = new Map(DATA.trials.flatMap(trial => [[trial.key, trial], [plain(trial.key), trial]]));
const METRICS = DATA.metrics.map(([name, unit]) => ({ name, unit }));
const UNIT = new Map(DATA.metrics);
const ORDER = DATA.trials.slice().sort((a, b) => a.series - b.series || (a.place ?? 1e9) - (b.place ?? 1e9) || a.at - b.at);
const word = verdict => DATA.words[verdict] || verdict;
const valueWords = (trial, metric) => `${exact(trial.m[metric], 4)} ${UNIT.get(metric) || ""}`.trim();

function details(trial) {
  trial.details = trial.details || parsed("t" + trial.at);
  return trial.details;
}

const ICONS = {
  ok: "M3.8 9 .5 5.6 2 4.2l1.8 2L8.2 1l1.5 1.3z",
  suspect: "M5 .5 10 9.5H0z",
  invalid: "M1.5 0 5 3.5 8.5 0 10 1.5 6.5 5 10 8.5 8.5 10 5 6.5 1.5 10 0 8.5 3.5 5 0 1.5z",
  unknown: "M1 4h8v2H1z",
};
ICONS.failed = ICONS.invalid;
function badge(verdict) {
  const drawn = sv("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, sv("path", { d: ICONS[verdict] || ICONS.unknown }));
  return el("span", { class: "v " + (ICONS[verdict] ? verdict : "unknown") }, drawn, word(verdict));
}
function command(text) {
  return el("div", { class: "cmd" }, el("code", null, text), el("button", { type: "button", "data-copy": true, "aria-label": "Copy: " + text }, "Copy"));
}
function table(caption, columns, rows) {
  const head = columns.map(([name, numeric]) => el("th", { scope: "col", class: numeric && "n" }, name));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", null, el("caption", null, caption), el("thead", null, el("tr", null, head)), el("tbody", null, rows)));
}

// A timeline: steps and rows of telemetry below one another, with one axis of time, one crosshair and one zoom.
const css = name => getComputedStyle(root).getPropertyValue(name).trim();
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const MOST_STEPS = 16, LEAST_RANGE = 0.05;
let timelines = 0;

function newTimeline(host, telemetry, names, { partner = null, aloud = null, readout = null, height = 110, most = 0 } = {}) {
  const ends = telemetry.columns.map(column => column.last || 0);
  const line = {
    host, telemetry, names, partner, aloud, readout, height,
    key: "timeline" + timelines++, plots: [], legends: [], range: null, cross: null, at: null, pending: 0,
    left: host.clientWidth < 520 ? 40 : 56, right: 12, width: host.clientWidth,
    end: Math.max(telemetry.end, most, ...ends, 0.1),
  };
  line.range = [0, line.end];
  line.redraw = () => { if (line.host.isConnected && line.host.clientWidth) drawTimeline(line); };
  line.setRange = (from, to) => setRange(line, from, to);
  line.destroy = () => { line.watcher?.disconnect(); line.plots.forEach(plot => plot.destroy()); line.plots = []; line.legends = []; };
  line.zoom = (factor, around) => {
    const [from, to] = line.range, middle = around ?? line.at ?? (from + to) / 2;
    line.setRange(middle - (middle - from) * factor, middle + (to - middle) * factor);
  };
  line.pan = seconds => {
    const [from, to] = line.range, by = clamp(seconds, -from, line.end - to);
    line.setRange(from + by, to + by);
  };
  drawTimeline(line);
  return line;
}

function setRange(line, from, to) {
  if (to - from < LEAST_RANGE) { const middle = (from + to) / 2; from = middle - LEAST_RANGE / 2; to = middle + LEAST_RANGE / 2; }
  line.range = [clamp(from, 0, line.end - LEAST_RANGE), clamp(to, LEAST_RANGE, line.end)];
  if (line.partner && line.partner.range.join() !== line.range.join()) line.partner.setRange(...line.range);
  if (!line.pending) line.pending = requestAnimationFrame(() => {
    line.pending = 0;
    line.plots.forEach(plot => { plot.stale = true; });
    line.plots.filter(plot => line.seen.has(plot.root)).forEach(plot => zoomed(line, plot));
    drawSteps(line);
    moveCross(line, line.at);
  });
}

// Only rows in sight are drawn, at first and anew; the others are when they come into sight.
function zoomed(line, plot) {
  if (!plot.stale) return;
  plot.stale = false;
  if (plot.waiting) plot.setData(plot.waiting); else plot.setScale("x", { min: line.range[0], max: line.range[1] });
  plot.waiting = null;
}
function watchRows(line) {
  line.seen = new Set();
  const watcher = new IntersectionObserver(changes => {
    for (const { target, isIntersecting } of changes) line.seen[isIntersecting ? "add" : "delete"](target);
    line.plots.filter(plot => line.seen.has(plot.root)).forEach(plot => zoomed(line, plot));
  });
  line.plots.forEach(plot => watcher.observe(plot.root));
  return watcher;
}

function drawTimeline(line) {
  line.destroy();
  line.width = line.host.clientWidth;
  line.steps = el("div", { class: "row" });
  line.cross = el("div", { class: "cross", hidden: true });
  line.host.replaceChildren(line.steps, line.cross);
  const shown = line.names.map(name => line.telemetry.rows.get(name)).filter(Boolean);
  shown.forEach((row, at) => addRow(line, row, at === shown.length - 1));
  line.watcher = watchRows(line);
  drawSteps(line);
  moveCross(line, line.at);
  readOut(line, line.at);
}

// ---- the steps
function drawSteps(line) {
  const [from, to] = line.range, high = 20, width = line.width;
  const x = at => line.left + (at - from) / (to - from) * (width - line.left - line.right);
  const { steps } = line.telemetry, bars = steps.slice(0, MOST_STEPS);
  const words = steps.map(([name, a, b]) => `${name}: ${num(a)} to ${num(b)} s`).join("; ");
  const svg = sv("svg", { class: "steps", viewBox: `0 0 ${width} ${bars.length * high + 4}`, height: bars.length * high + 4, role: "img", "aria-label": "Steps. " + words });
  bars.forEach(([name, a, b, kind], at) => {
    const start = clamp(x(a), line.left, width - line.right), end = clamp(x(b), line.left, width - line.right);
    if (b < from || a > to) return;
    const long = name.length * 6.6 + 12, inside = end - start > long, room = width - end > long;
    const kinds = ["measured", "background"].includes(kind) ? kind : "";
    svg.append(sv("rect", { class: "step " + kinds, x: start, y: at * high + 2, width: Math.max(2, end - start), height: 15, rx: 2 }, sv("title", null, `${name}: ${num(a)} to ${num(b)} s`)));
    const place = inside ? { x: start + 6 } : room ? { x: end + 6 } : { x: start - 6, "text-anchor": "end" };
    svg.append(sv("text", { ...place, y: at * high + 14, class: inside && (kinds === "measured") ? "in" : "" }, name));
  });
  line.steps.replaceChildren(svg);
  if (steps.length > MOST_STEPS) line.steps.append(el("p", { class: "small" }, `${steps.length - MOST_STEPS} more steps are in the table of tasks.`));
}

// ---- the crosshair, over all rows
function moveCross(line, at) {
  line.at = at;
  const [from, to] = line.range, seen = at != null && at >= from && at <= to;
  line.cross.hidden = !seen;
  if (seen) line.cross.style.transform = `translateX(${line.left + (at - from) / (to - from) * (line.width - line.left - line.right)}px)`;
}
function crossAt(line, at, fromPartner = false) {
  line.plots.forEach(plot => plot.setCursor({ left: at == null ? -10 : plot.valToPos(at, "x"), top: at == null ? -10 : 5 }, false));
  moveCross(line, at);
  readOut(line, at);
  if (line.partner && !fromPartner) crossAt(line.partner, at, true);
}

// Without a crosshair the legend shows the means of the measured step, which are stored with the trial.
function readOut(line, at) {
  for (const legend of line.legends) {
    const i = at == null ? -1 : nearestIndex(legend.xs, at);
    legend.lines.forEach(one => { one.said.textContent = i < 0 ? short(one.column.mean) : short((one.high || one.low)[i]); });
  }
  if (line.readout) line.readout.textContent = at == null
    ? "Values: means of the measured step. " + (matchMedia("(pointer: coarse)").matches ? "Touch to read, pinch to zoom." : "Drag to zoom, shift-drag to pan.")
    : `At ${at.toFixed(2)} s`;
}
const short = value => value == null || value === undefined ? "–" : Math.abs(value) >= 10 ? Math.round(value).toLocaleString("en-US") : num(value, 2);
function nearestIndex(xs, at) {
  let low = 0, high = xs.length - 1;
  while (low < high) { const middle = low + high >> 1; if (xs[middle] < at) low = middle + 1; else high = middle; }
  return low > 0 && at - xs[low - 1] < xs[low] - at ? low - 1 : low;
}

// ---- keys
function timelineKey(line, event) {
  const span = line.range[1] - line.range[0];
  const act = {
    "+": () => line.zoom(.5), "=": () => line.zoom(.5), "-": () => line.zoom(2), 0: () => line.setRange(0, line.end),
    m: () => toMeasured(line), "[": () => line.pan(-span / 4), "]": () => line.pan(span / 4),
    ArrowLeft: () => stepCross(line, event.shiftKey ? -20 : -1), ArrowRight: () => stepCross(line, event.shiftKey ? 20 : 1),
    Home: () => crossAt(line, line.range[0]), End: () => crossAt(line, line.range[1]),
  }[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey || event.target !== line.host) return;
  event.preventDefault();
  act();
}
function toMeasured(line) {
  const measured = line.telemetry.measured;
  if (measured) line.setRange(...measured); else line.setRange(0, line.end);
}
function stepCross(line, by) {
  const [from, to] = line.range, start = line.at ?? (from + to) / 2, at = clamp(start + by * (to - from) / 200, from, to);
  crossAt(line, at);
  if (line.aloud) {
    const said = line.legends.flatMap(legend => legend.lines.slice(0, 1).map(one => `${legend.name} ${one.column.machine} ${one.said.textContent}`));
    line.aloud.textContent = `${at.toFixed(2)} seconds: ${said.join("; ")}`;
  }
}

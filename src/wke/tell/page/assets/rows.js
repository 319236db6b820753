// One row of a timeline: a plot of the columns of one unit, with a legend whose keys hide lines. Hue is the class of a machine,
// strength the rank: the busiest machine of a class has the strongest line.
const MOST_KEYS = 6;

function addRow(line, row, last) {
  const data = dataOf(line.telemetry, row), shown = styled(data.lines);
  const box = el("div"), head = el("div", { class: "rh" }, el("b", null, row.name), el("span", { class: "unit" }, row.unit));
  line.host.append(el("div", { class: "row" }, head, box));
  const series = [{}], bands = [], columns = [data.xs];
  for (const one of shown.slice().reverse()) {      // the strongest line is drawn last, above the others
    one.at = series.length;
    if (one.high) {
      series.push({ stroke: one.colour, width: one.width, dash: one.dash, points: { show: false } }, { stroke: one.colour, width: .5, points: { show: false } });
      columns.push(one.high, one.low);
      bands.push({ series: [one.at, one.at + 1], fill: one.faint });
    } else {
      const { colour, width, dash } = one, area = shown.length === 1 ? one.faint : null;
      series.push({ stroke: colour, width, dash, fill: area, points: { show: false }, paths: pathsOf, colour, area });
      columns.push(one.low);
    }
  }
  const plot = new uPlot(optionsOf(line, series, bands, last, highest(shown)), columns.map(() => []), box);
  Object.assign(plot, { stale: true, waiting: columns });
  $$("canvas", plot.root).forEach(canvas => canvas.setAttribute("aria-hidden", "true"));
  line.plots.push(plot);
  line.legends.push({ name: row.name, xs: data.xs, lines: shown });
  legend(head, shown, plot);
  listen(line, plot);
}

// The top of a row: its largest value, so that zooming does not change the height of lines.
function highest(shown) {
  let most = 0, least = 0;
  for (const one of shown) for (const value of one.high || one.low) if (value != null) { if (value > most) most = value; if (value < least) least = value; }
  return [least, most > least ? most : least + 1];
}

function styled(lines) {
  const groups = [...new Set(lines.map(one => one.column.group))], ranked = [];
  for (const [at, group] of groups.entries()) {
    const own = lines.filter(one => one.column.group === group).sort((a, b) => (b.column.mean ?? -1) - (a.column.mean ?? -1));
    const colour = css("--s" + at % 6);
    own.forEach((one, rank) => {
      const alpha = own.length > 1 ? Math.max(.36, 1 - rank * .62 / (own.length - 1)) : 1;
      ranked.push({ ...one, rank, place: lines.indexOf(one), colour: faded(colour, alpha), faint: faded(colour, .13), width: rank ? 1.2 : 2, dash: at >= 6 ? [5, 3] : null });
    });
  }
  return ranked.sort((a, b) => a.rank - b.rank);
}
const faded = (colour, alpha) => alpha === 1 ? colour : colour + Math.round(alpha * 255).toString(16).padStart(2, "0");

// Keys are in the order of machines; where there is no room for all, those of the busiest machines are seen first.
function legend(head, lines, plot) {
  const shown = lines.length > MOST_KEYS ? lines : lines.slice().sort((a, b) => a.place - b.place);
  const keys = shown.map(one => {
    one.said = el("span");
    const sign = sv("svg", { viewBox: "0 0 14 8", "aria-hidden": "true" }, sv("path", { d: "M0 4H14", stroke: one.colour, "stroke-width": 3, "stroke-dasharray": one.dash && "4 3" }));
    const name = one.column.machine || one.column.title;
    return el("button", { type: "button", class: "k", "aria-pressed": "true", onclick: event => {
      const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
      event.currentTarget.setAttribute("aria-pressed", String(on));
      plot.setSeries(one.at, { show: on });
      if (one.high) plot.setSeries(one.at + 1, { show: on });
    } }, sign, name + " ", one.said);
  });
  head.append(...keys.slice(0, keys.length > MOST_KEYS ? 3 : MOST_KEYS));
  if (keys.length > MOST_KEYS) head.append(el("button", { type: "button", class: "btn", onclick: event => event.currentTarget.replaceWith(...keys.slice(3)) }, `${keys.length - 3} more`));
}

function optionsOf(line, series, bands, last, [least, most]) {
  const ink = css("--ink-3"), grid = { stroke: css("--grid"), width: 1 }, font = "12px system-ui, sans-serif", ticks = { show: false };
  return {
    width: line.width, height: line.height + (last ? 26 : 6), padding: [8, line.right, last ? 0 : 8, 0], legend: { show: false }, pxAlign: 1, series, bands,
    cursor: {
      drag: { x: true, y: false, setScale: false }, points: { size: 6 }, y: false,
      bind: { mousedown: (plot, target, handle) => event => { if (!event.shiftKey && event.button === 0) handle(event); }, dblclick: () => () => line.setRange(0, line.end) },
    },
    scales: {
      x: { time: false, range: () => line.range },
      y: { range: () => [least < 0 ? least * 1.1 : 0, most * 1.08 || 1] },
    },
    axes: [
      { show: last, stroke: ink, font, size: 28, gap: 7, grid, ticks, values: (plot, found) => found.map(at => at + " s") },
      { stroke: ink, font, size: line.left, gap: 6, space: 28, grid, ticks, values: (plot, found) => found.map(compact) },
    ],
    hooks: {
      setCursor: [plot => { if (plot.cursor.event && plot.cursor.left >= 0) crossAt(line, plot.posToVal(plot.cursor.left, "x")); }],
      setSelect: [plot => {
        if (plot.select.width > 4) line.setRange(plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x"));
        if (plot.select.width) plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      }],
      drawClear: [plot => shade(line, plot)],
      drawSeries: [drawColumns],
    },
  };
}
const PREFIXES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]];
function compact(value) {
  const found = PREFIXES.find(([size]) => Math.abs(value) >= size);
  if (!found) return Math.abs(value) >= 1000 ? value.toLocaleString("en-US") : String(+value.toPrecision(6));
  const [size, sign] = found[1] === "k" ? [1e3, "k"] : found;
  return +(value / size).toPrecision(4) + sign;
}

// The measured step is shaded.
function shade(line, plot) {
  const { measured } = line.telemetry, { left, top, width, height } = plot.bbox;
  if (!measured) return;
  const [from, to] = measured.map(at => clamp(plot.valToPos(at, "x", true), left, left + width));
  plot.ctx.save();
  plot.ctx.fillStyle = css("--surface");
  plot.ctx.fillRect(from, top, to - from, height);
  plot.ctx.restore();
}

// A line with more samples than pixels is drawn as columns of pixels, each from the least to the largest value in it: it looks the same as
// a stroke, and is drawn several times as quickly.
const strokes = uPlot.paths.linear(), NOTHING = { stroke: null, fill: null, clip: null, band: null, gaps: null, flags: 0 };
function pathsOf(plot, at, from, to) {
  const line = plot.series[at];
  line.columns = to - from > plot.bbox.width && !line.dash ? columnsOf(plot, plot.data[at], from, to) : null;
  return line.columns ? NOTHING : strokes(plot, at, from, to);
}
function columnsOf(plot, values, from, to) {
  const xs = plot.data[0], { min, max } = plot.scales.x, { width } = plot.bbox, per = width / (max - min), found = [];
  const add = (column, low, high) => { if (column >= 0 && column < width) found.push(column, low, high); };
  let column = null, low = 0, high = 0, last = null;      // `last` is the value before, null where nothing is known
  for (let i = from; i <= to; i++) {
    const value = values[i];
    if (value === undefined) continue;
    if (value === null) { last = null; continue; }
    const here = Math.floor((xs[i] - min) * per);
    if (here === column) { if (value < low) low = value; else if (value > high) high = value; }
    else {
      if (column !== null) add(column, low, high);
      for (let empty = column + 1; last !== null && empty < here; empty++) { const there = last + (value - last) * (empty - column) / (here - column); add(empty, there, there); }
      column = here;
      low = last === null ? value : Math.min(value, last);
      high = last === null ? value : Math.max(value, last);
    }
    last = value;
  }
  if (column !== null) add(column, low, high);
  return found;
}
function drawColumns(plot, at) {
  const { columns, colour, area, width } = plot.series[at];
  if (!columns) return;
  const { left, top, height } = plot.bbox, { min, max } = plot.scales.y, per = height / (max - min), thick = Math.max(1, Math.round(width * devicePixelRatio));
  const place = value => Math.round(top + height - (value - min) * per), ground = place(0);
  plot.ctx.save();
  for (let i = 0; i < columns.length; i += 3) {
    const x = Math.round(left) + columns[i], head = place(columns[i + 2]), foot = place(columns[i + 1]);
    if (area) { plot.ctx.fillStyle = area; plot.ctx.fillRect(x, head, 1, ground - head); }
    plot.ctx.fillStyle = colour;
    plot.ctx.fillRect(x, head - (thick >> 1), 1, foot - head + thick);
  }
  plot.ctx.restore();
}

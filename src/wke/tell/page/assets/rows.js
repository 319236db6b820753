// One row of a timeline: a plot of the columns of one unit, with a legend whose keys hide lines. Hue is the class of a machine,
// strength the rank: the busiest machine of a class has the strongest line and comes first.
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
      series.push({ stroke: one.colour, width: one.width, dash: one.dash, fill: shown.length === 1 ? one.faint : null, points: { show: false } });
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
      ranked.push({ ...one, rank, colour: faded(colour, alpha), faint: faded(colour, .13), width: rank ? 1.2 : 2, dash: at >= 6 ? [5, 3] : null });
    });
  }
  return ranked.sort((a, b) => a.rank - b.rank);
}
const faded = (colour, alpha) => alpha === 1 ? colour : colour + Math.round(alpha * 255).toString(16).padStart(2, "0");

function legend(head, shown, plot) {
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

// The measured step is shaded, and so are times with findings.
function shade(line, plot) {
  const { telemetry } = line, context = plot.ctx, { left, top, width, height } = plot.bbox;
  const fill = (from, to, colour) => {
    const a = plot.valToPos(from, "x", true), b = plot.valToPos(to, "x", true);
    context.fillStyle = colour;
    context.fillRect(a, top, b - a, height);
  };
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  if (telemetry.measured) fill(...telemetry.measured, css("--surface"));
  for (const [from, to] of telemetry.marks || []) fill(from, to, css("--sus-bg"));
  context.restore();
}

// Telemetry of a trial: a description and arrays in one compressed block, taken apart when the trial is opened.
async function telemetryOf(trial) {
  const packed = details(trial).telemetry;
  if (!packed) return null;
  trial.telemetry = trial.telemetry || unpacked(packed);
  return trial.telemetry;
}

async function unpacked(packed) {
  const text = atob(packed.blob), small = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) small[i] = text.charCodeAt(i);
  const stream = new Blob([small]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const telemetry = JSON.parse(new TextDecoder().decode(bytes.subarray(0, packed.head)));
  return Object.assign(telemetry, { bytes: bytes.subarray(packed.head), arrays: new Map(), rows: rowsIn(telemetry) });
}

// An array is stored as differences that wrap around, and its bytes in planes: all lowest ones first.
function numbers(telemetry, at, n, width) {
  const key = at + ":" + width, known = telemetry.arrays.get(key);
  if (known) return known;
  const bytes = telemetry.bytes, out = width === 2 ? new Uint16Array(n) : new Uint32Array(n);
  let last = 0;
  for (let i = 0; i < n; i++) {
    let step = bytes[at + i] | bytes[at + n + i] << 8;
    if (width === 4) step = (step | bytes[at + 2 * n + i] << 16 | bytes[at + 3 * n + i] << 24) >>> 0;
    out[i] = last + step;
    last = out[i];
  }
  telemetry.arrays.set(key, out);
  return out;
}

const UNKNOWN = 65535;
function times(telemetry, column) { return Float64Array.from(numbers(telemetry, column.t, column.n, 4), ms => ms / 1000); }
function values(telemetry, column, at) {
  const raw = numbers(telemetry, at, column.n, 2), out = new Array(column.n);
  for (let i = 0; i < column.n; i++) out[i] = raw[i] === UNKNOWN ? null : column.base + column.scale * raw[i];
  return out;
}

// A row of the timeline: columns with one unit, drawn together.
function rowsIn(telemetry) {
  const rows = new Map();
  for (const column of telemetry.columns) {
    const row = rows.get(column.row) || { name: column.row, unit: column.unit, columns: [] };
    row.columns.push(column);
    rows.set(column.row, row);
  }
  return rows;
}

// Lines of a row share one axis of time: that of the column with the most samples. A sample of another machine is put at the nearest
// place, which is at most half a sample away; places without a sample are skipped by the line, unknown values break it.
function dataOf(telemetry, row) {
  if (row.data) return row.data;
  const longest = row.columns.reduce((best, column) => column.n > best.n ? column : best);
  const xs = times(telemetry, longest);
  const lines = row.columns.map(column => {
    const own = column.t === longest.t && column.n === longest.n ? null : times(telemetry, column);
    const fit = at => own ? placed(xs, own, values(telemetry, column, at)) : values(telemetry, column, at);
    return { column, low: fit(column.at), high: column.hi == null ? null : fit(column.hi) };
  });
  row.data = { xs, lines };
  return row.data;
}
function placed(xs, own, found) {
  const out = new Array(xs.length).fill(undefined);
  for (let i = 0, k = 0; i < own.length; i++) {
    while (k + 1 < xs.length && Math.abs(xs[k + 1] - own[i]) <= Math.abs(xs[k] - own[i])) k++;
    out[k] = found[i];
  }
  return out;
}

// What pointers do on a row: one finger reads values, two fingers zoom and pan; a mouse pans with shift, and zooms by wheel with ctrl.
function listen(line, plot) {
  const over = plot.over, down = new Map();
  const place = event => event.clientX - over.getBoundingClientRect().left;
  const valueAt = (x, [from, to]) => from + x / over.clientWidth * (to - from);
  let start = null;

  function begin() {
    const xs = [...down.values()];
    start = { range: line.range.slice(), xs: xs.slice() };
    line.host.classList.toggle("panning", start.mouse === true);
  }
  over.addEventListener("pointerdown", event => {
    const mouse = event.pointerType === "mouse";
    if (mouse && !(event.shiftKey && event.button === 0)) return;
    event.preventDefault();
    try { over.setPointerCapture(event.pointerId); } catch { /* the pointer has gone */ }
    down.set(event.pointerId, place(event));
    begin();
    line.host.classList.toggle("panning", mouse);
    if (!mouse && down.size === 1) crossAt(line, valueAt(place(event), line.range));
  });
  over.addEventListener("pointermove", event => {
    if (!down.has(event.pointerId)) return;
    down.set(event.pointerId, place(event));
    const xs = [...down.values()];
    if (event.pointerType === "mouse") pan(xs[0] - start.xs[0]);
    else if (xs.length === 1) crossAt(line, valueAt(xs[0], line.range));
    else pinch(xs);
  });
  for (const name of ["pointerup", "pointercancel"]) over.addEventListener(name, event => {
    if (!down.delete(event.pointerId)) return;
    line.host.classList.remove("panning");
    if (down.size) begin();
  });
  over.addEventListener("pointerleave", event => { if (event.pointerType === "mouse" && !down.size) crossAt(line, null); });

  function pan(pixels) {
    const [from, to] = start.range, by = clamp(-pixels / over.clientWidth * (to - from), -from, line.end - to);
    line.setRange(from + by, to + by);
  }
  // The two values that the fingers touched first stay below them.
  function pinch([a, b]) {
    const [p, q] = start.xs.map(x => valueAt(x, start.range));
    if (Math.abs(b - a) < 8 || Math.abs(q - p) < 1e-9) return;
    const per = (q - p) / (b - a);
    if (per <= 0) return;
    line.setRange(p - a * per, p + (over.clientWidth - a) * per);
  }
  over.addEventListener("wheel", event => {
    const across = Math.abs(event.deltaX) > Math.abs(event.deltaY), span = line.range[1] - line.range[0];
    if (event.ctrlKey || event.metaKey) line.zoom(Math.exp(clamp(event.deltaY, -100, 100) / 200), valueAt(place(event), line.range));
    else if (across || event.shiftKey) line.pan((across ? event.deltaX : event.deltaY) / over.clientWidth * span);
    else return;
    event.preventDefault();
  }, { passive: false });
}

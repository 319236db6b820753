// The figures are drawn already. Here they get tooltips, the keyboard, keys that hide lines, and a click that opens a trial.
const tip = el("div", { class: "tip", hidden: true });
document.body.append(tip);

function showTip(box, lines) {
  tip.replaceChildren(el("b", null, lines[0]), ...lines.slice(1).flatMap(line => [el("br"), foreign(el("span"), line)]));
  (drawer.open ? drawer : document.body).append(tip);
  tip.hidden = false;
  const width = tip.offsetWidth, height = tip.offsetHeight;
  tip.style.left = Math.max(8, Math.min(innerWidth - width - 8, box.left + box.width / 2 - width / 2)) + "px";
  tip.style.top = (box.top - height - 10 < 4 ? box.bottom + 10 : box.top - height - 10) + "px";
}
const hideTip = () => { tip.hidden = true; };
const trialTip = (trial, metric) => [
  metric && trial.m[metric] != null ? `${metric}: ${valueWords(trial, metric)}` : trial.key,
  trial.where, `${trial.key} · ${word(trial.verdict)}${trial.counts ? "" : " · does not count"}`, "Click to open the trial",
];

// A trial lights up in every figure.
let lit = [];
function light(at) {
  lit.forEach(node => node.classList.remove("on"));
  lit = at == null ? [] : $$(`use[data-t="${at}"]`);
  lit.forEach(node => node.classList.add("on"));
}

// One hit test per figure: the nearest mark within reach, instead of handlers on every mark.
const REACH = 16;
function marksOf(svg) {
  svg.marks = svg.marks || $$("use[data-t]", svg).map(node => ({ node, x: +node.getAttribute("x"), y: +node.getAttribute("y"), at: +node.dataset.t }));
  return svg.marks.filter(mark => !mark.node.classList.contains("off"));
}
function nearest(svg, event) {
  const box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
  const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
  let best = null, least = REACH * Math.max(1, scale);
  for (const mark of marksOf(svg)) {
    const far = Math.hypot(mark.x - x, mark.y - y);
    if (far < least) { least = far; best = mark; }
  }
  return best;
}
function boxOf(svg, mark) {
  const box = svg.getBoundingClientRect(), scale = box.width / svg.viewBox.baseVal.width;
  const x = box.left + mark.x * scale, y = box.top + mark.y * scale;
  return { left: x - 8, width: 16, top: y - 8, bottom: y + 8 };
}

function liven(plot) {
  const drawn = () => $$("svg.chart", plot).find(svg => svg.getBoundingClientRect().width > 0);
  const say = el("p", { class: "sr", "aria-live": "polite" }), halo = sv("circle", { class: "halo", r: 10, visibility: "hidden" });
  let current = -1;
  plot.after(say);
  plot.setAttribute("tabindex", "0");
  plot.setAttribute("role", "application");
  plot.setAttribute("aria-label", $("svg.chart", plot).getAttribute("aria-label") + ". Arrow keys move between trials, Enter opens one.");
  function point(svg, mark, aloud) {
    const trial = DATA.trials[mark.at];
    light(mark.at);
    showTip(boxOf(svg, mark), trialTip(trial, svg.dataset.metric));
    if (aloud) say.textContent = trialTip(trial, svg.dataset.metric).slice(0, 3).join(". ");
  }
  function leave() { halo.setAttribute("visibility", "hidden"); hideTip(); light(null); }
  plot.addEventListener("pointermove", event => {
    const svg = drawn(), mark = event.pointerType !== "touch" && svg && nearest(svg, event);
    if (mark) point(svg, mark); else if (event.pointerType !== "touch") leave();
  });
  plot.addEventListener("pointerleave", leave);
  plot.addEventListener("blur", leave);
  plot.addEventListener("click", event => {
    const svg = drawn(), mark = svg && nearest(svg, event);
    if (mark) openTrial(DATA.trials[mark.at].key);
  });
  plot.addEventListener("keydown", event => {
    const svg = drawn(), marks = svg ? marksOf(svg) : [];
    if (!marks.length) return;
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by) current = current < 0 ? (by > 0 ? 0 : marks.length - 1) : (current + by + marks.length) % marks.length;
    else if (event.key === "Home") current = 0;
    else if (event.key === "End") current = marks.length - 1;
    else if ((event.key === "Enter" || event.key === " ") && current >= 0) openTrial(DATA.trials[marks[current % marks.length].at].key);
    else return;
    event.preventDefault();
    const mark = marks[current % marks.length];
    if (!mark || drawer.open) return;
    svg.append(halo);
    halo.setAttribute("cx", mark.x); halo.setAttribute("cy", mark.y); halo.setAttribute("visibility", "visible");
    point(svg, mark, true);
  });
}
$$(".plot").forEach(plot => { if ($("use[data-t]", plot)) liven(plot); });

// ---- keys show and hide a line in all figures; places of the axis are chosen for all curves at once
$$("[data-toggle]").forEach(key => key.addEventListener("click", () => {
  const shown = key.getAttribute("aria-pressed") !== "true";
  key.setAttribute("aria-pressed", String(shown));
  $$(`svg.chart [data-line="${key.dataset.toggle}"]`).forEach(node => node.classList.toggle("off", !shown));
}));
$$("[data-pick]").forEach(button => button.addEventListener("click", () => {
  for (const group of $$(".seg.pick")) {
    const all = $$("[data-pick]", group), chosen = all.find(one => one.textContent === button.textContent);
    if (!chosen) continue;
    all.forEach(one => one.setAttribute("aria-pressed", String(one === chosen)));
    $$("[data-place]", group.parentNode).forEach(one => { one.hidden = one.dataset.place !== chosen.dataset.pick; });
    $(".chosen", group.parentNode).textContent = "At " + button.textContent;
  }
}));

// ---- the strip of verdicts: one tab stop, arrow keys move
const cells = $$("[data-cell]");
cells.forEach((cell, at) => {
  const trial = BY_KEY.get(cell.dataset.open), first = METRICS.find(metric => trial.m[metric.name] != null);
  const on = () => { showTip(cell.getBoundingClientRect(), trialTip(trial, first && first.name)); light(trial.at); };
  const off = () => { hideTip(); light(null); };
  cell.tabIndex = at ? -1 : 0;
  for (const [name, act] of [["pointerenter", on], ["focus", on], ["pointerleave", off], ["blur", off]]) cell.addEventListener(name, act);
  cell.addEventListener("keydown", event => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const to = cells[(at + by + cells.length) % cells.length];
    cells.forEach(one => { one.tabIndex = -1; });
    to.tabIndex = 0;
    to.focus();
  });
});
addEventListener("scroll", hideTip, { passive: true });
addEventListener("keydown", event => { if (event.key === "Escape") hideTip(); });

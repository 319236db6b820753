// The drawer: everything about one trial. #trial=KEY in the address opens it.
const drawer = $("#drawer"), inside = $(".dbody", drawer);
let current = null, shownTimeline = null, opener = null;

function openTrial(key, remember = true) {
  const trial = BY_KEY.get(key);
  if (!trial) return;
  hideTip();
  if (!drawer.open) { opener = document.activeElement; drawer.showModal(); }
  current = trial;
  if (remember) history.replaceState(null, "", "#trial=" + encodeURIComponent(key));
  render(trial);
  inside.scrollTop = 0;
  $("#dtitle").focus({ preventScroll: true });
}
function nextTrial(by) { openTrial(ORDER[(ORDER.indexOf(current) + by + ORDER.length) % ORDER.length].key); }
$("#dprev").addEventListener("click", () => nextTrial(-1));
$("#dnext").addEventListener("click", () => nextTrial(1));
$("#dclose").addEventListener("click", () => drawer.close());
drawer.addEventListener("click", event => { if (event.target === drawer) drawer.close(); });
drawer.addEventListener("close", () => {
  leaveTimeline();
  current = null;
  history.replaceState(null, "", location.pathname + location.search);
  document.body.append(tip);
  hideTip();
  if (opener && opener.isConnected) opener.focus({ preventScroll: true });
});
function leaveTimeline() { if (shownTimeline) shownTimeline.destroy(); shownTimeline = null; }

function render(trial) {
  const of = details(trial);
  $("#dtitle").replaceChildren(foreign(el("bdi"), trial.key));
  $("#dsub").replaceChildren(foreign(el("bdi"), [trial.where, of.began && "began " + of.began, of.lasted != null && `lasted ${num(of.lasted)} s`].filter(Boolean).join(", ")));
  const outcome = el("span", { class: "v out" }, "outcome: " + trial.outcome), apart = trial.counts ? null : el("span", { class: "v out" }, "does not count");
  $("#dbadges").replaceChildren(...[badge(trial.verdict), outcome, apart].filter(Boolean));
  leaveTimeline();
  inside.replaceChildren(...[verdictPart(trial, of), metricsPart(trial), timelinePart(trial), numbersHold(trial), differsPart(trial), logPart(of), tasksPart(of), repeatPart(of)].filter(Boolean));
  if (trial.has) showTimeline(trial);
  $$("pre.log", inside).forEach(block => { block.scrollTop = block.scrollHeight; });
}

// ---- the verdict with its evidence; rules that could not judge say what they lack
function verdictPart(trial, of) {
  const found = of.judgements.filter(([, level]) => level === "suspect" || level === "invalid");
  const rest = of.judgements.filter(one => !found.includes(one)), said = [];
  for (const [rule, level, sentence] of found) said.push(el("p", { class: level === "suspect" ? "evid" : "evid bad" }, el("strong", null, rule + ": "), sentence));
  for (const note of of.notes) said.push(el("p", { class: "small" }, note));
  if (rest.length) {
    const rules = rest.map(([rule, level, sentence]) => el("li", null, el("b", null, rule), el("span", null, level === "ok" ? badge("ok") : badge("unknown"), " " + sentence)));
    const known = rest.filter(([, level]) => level === "ok").length;
    said.push(el("details", { class: "pickrows" }, el("summary", null, `${known} of ${of.judgements.length} rules judged it valid, ${rest.length - known} could not judge`), el("div", null, el("ul", { class: "rules" }, rules))));
  }
  if (!said.length) return null;
  const title = { ok: "Why it is valid", unknown: "Why it is not judged", failed: "Why it failed" }[trial.verdict] || "Why it is " + trial.verdict;
  return el("section", { "aria-label": "Verdict" }, el("h3", null, title), said);
}

function metricsPart(trial) {
  const list = el("dl", { class: "vals" });
  for (const { name, unit } of METRICS) {
    if (trial.m[name] == null) continue;
    const value = el("dd", null, exact(trial.m[name], 4), " ", el("small", null, unit));
    list.append(el("div", null, el("dt", null, name), value, el("dd", { class: "small", "aria-hidden": "true" }, spread(trial, name))));
  }
  return list.children.length ? el("section", { "aria-label": "Metrics" }, list, el("p", { class: "small" }, "Open circles: the other trials of this point.")) : null;
}
function spread(trial, name) {
  const found = DATA.trials.filter(other => other.point === trial.point && other.m[name] != null && (other.counts || other === trial)).map(other => other.m[name]);
  const low = Math.min(...found), high = Math.max(...found), x = value => high > low ? 7 + (value - low) / (high - low) * 106 : 60;
  const svg = sv("svg", { viewBox: "0 0 120 16", class: "c" + trial.line % 6 }, sv("line", { x1: 2, x2: 118, y1: 8, y2: 8, stroke: "var(--line-2)" }));
  found.forEach(value => { if (value !== trial.m[name]) svg.append(sv("circle", { cx: x(value), cy: 8, r: 3.5, fill: "var(--bg)", stroke: "var(--ink-3)" })); });
  svg.append(sv("circle", { cx: x(trial.m[name]), cy: 8, r: 5, class: "mk" }));
  return svg;
}

// ---- the timeline, with the choice of its rows
function timelinePart(trial) {
  if (!trial.has) return el("section", { "aria-label": "Timeline" }, el("h3", null, "Timeline"), el("p", null, "This file has no telemetry of this trial. Full disclosure says how to see it."));
  const button = (name, act) => el("button", { class: "btn", type: "button", onclick: () => shownTimeline && act(shownTimeline) }, name);
  const span = line => (line.range[1] - line.range[0]) / 2;
  return el("section", { "aria-labelledby": "tlh" }, el("h3", { id: "tlh" }, "Timeline"),
    el("div", { class: "tlbar noprint" }, el("span", { class: "grow", id: "tlat" }), button("◀", line => line.pan(-span(line))), button("▶", line => line.pan(span(line))),
      button("Zoom in", line => line.zoom(.5)), button("Zoom out", line => line.zoom(2)), button("Measured step", toMeasured), button("All", line => line.setRange(0, line.end))),
    el("div", { id: "rowchoice" }),
    el("div", { class: "tl", id: "tl", tabindex: "0", role: "application", onkeydown: event => shownTimeline && timelineKey(shownTimeline, event),
      "aria-label": "Timeline. Left and right arrows move the crosshair, plus and minus zoom, brackets pan, m shows the measured step, 0 shows all." }),
    el("p", { class: "sr", "aria-live": "polite", id: "tlsay" }), el("p", { class: "small", id: "tlnote" }));
}
const numbersHold = trial => trial.has ? el("div", { id: "tlnumbers" }) : null;

async function showTimeline(trial) {
  let telemetry;
  try { telemetry = await telemetryOf(trial); } catch (error) { $("#tlat").textContent = "This browser cannot read the telemetry: " + error.message; return; }
  if (current !== trial) return;
  const named = telemetry.show.filter(name => telemetry.rows.has(name)), names = named.length ? named : [...telemetry.rows.keys()].slice(0, 4);
  shownTimeline = newTimeline($("#tl"), telemetry, names, { readout: $("#tlat"), aloud: $("#tlsay") });
  $("#rowchoice").replaceChildren(rowChoice(telemetry, shownTimeline));
  $("#tlnote").textContent = (telemetry.full ? "Every sample is drawn." : "The least and largest value in each of 100 stretches of time are drawn.")
    + " The shaded time is the measured step. Samples of several machines are put on one axis, at most half a sample apart.";
  $("#tlnumbers").replaceChildren(numbersTable(telemetry));
}
function rowChoice(telemetry, line) {
  const boxes = [...telemetry.rows.keys()].map(name => el("label", null, el("input", { type: "checkbox", checked: line.names.includes(name), value: name, onchange: () => {
    line.names = [...telemetry.rows.keys()].filter((_, at) => boxes[at].firstChild.checked);
    line.redraw();
  } }), name));
  return el("details", { class: "pickrows noprint" }, el("summary", null, `Choose series (${line.names.length} of ${boxes.length} shown)`), el("div", { tabindex: "0", role: "group", "aria-label": "Series" }, boxes));
}
function numbersTable(telemetry) {
  const rows = telemetry.columns.filter(column => column.mean != null && telemetry.show.includes(column.row)).map(column => el("tr", null,
    el("th", { scope: "row" }, column.machine || "all"), el("td", null, column.title), el("td", { class: "n" }, num(column.mean)), el("td", { class: "n" }, num(column.most)), el("td", null, column.unit)));
  if (!rows.length) return el("div");
  return el("section", null, table("The measured step in numbers", [["Machine"], ["Series"], ["Mean", true], ["Most", true], ["Unit"]], rows));
}

// ---- log lines, tasks, commands
function logBlock(lines, machine, label) {
  return el("pre", { class: "log", tabindex: "0", role: "region", "aria-label": label }, lines.filter(line => !machine || line[2] === machine).map(([at, target, on, stream, text]) =>
    el("span", { class: "line" }, el("span", { class: "t" }, (at == null ? "" : at.toFixed(3)).padStart(7) + " "), el("span", { class: "m" }, on), ` ${target} `, el("bdi", { class: stream === 2 && "x" }, text))));
}
function logPart(of) {
  const machines = [...new Set(of.lines.map(line => line[2]))], hold = el("div", null, logBlock(of.lines, "", "Lines of all machines"));
  const choose = el("select", { "aria-label": "Machine", onchange: event => hold.replaceChildren(logBlock(of.lines, event.target.value, "Lines of " + (event.target.value || "all machines"))) },
    el("option", { value: "" }, "All machines"), machines.map(name => el("option", { value: name }, name)));
  const folder = of.folder ? el("p", { class: "small" }, "Seconds since the trial began. Complete logs: ", el("code", null, of.folder)) : null;
  if (!of.lines.length) return el("section", { "aria-labelledby": "logh" }, el("h3", { id: "logh" }, "Log lines"), el("p", null, "No line was written."), folder);
  return el("section", { "aria-labelledby": "logh" }, el("div", { class: "tlbar" }, el("h3", { id: "logh" }, "Last log lines"), el("span", { class: "grow" }), machines.length > 1 && choose), hold, folder);
}
function tasksPart(of) {
  if (!of.tasks.length) return null;
  const rows = of.tasks.map(([, target, machine, outcome, start, end]) => el("tr", null, el("td", null, target), el("td", null, machine), el("td", null, outcome),
    el("td", { class: "n" }, start == null ? "–" : start.toFixed(2)), el("td", { class: "n" }, start == null || end == null ? "–" : (end - start).toFixed(2))));
  return el("section", null, table("Tasks", [["Target"], ["Machine"], ["Outcome"], ["Began (s)", true], ["Lasted (s)", true]], rows));
}
function differsPart(trial) {
  const found = DATA.differences.filter(([one, other]) => one === trial.key || other === trial.key).slice(0, 3);
  if (!found.length) return null;
  return el("section", null, found.map(([one, other, sentences]) => [el("h3", null, `What differs: ${one} and ${other}`), whyList(sentences)]));
}
const whyList = sentences => sentences.length ? el("ol", { class: "why" }, sentences.map(sentence => el("li", null, sentence))) : el("p", null, "Nothing that was recorded.");
const repeatPart = of => of.commands.length ? el("section", null, el("h3", null, "Reproduce"), of.commands.map(command)) : null;

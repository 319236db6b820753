// Two trials beside each other: metrics, what differs, and the same rows of their timelines on one axis.
const sideA = $("#cmpA"), sideB = $("#cmpB"), pair = [];

function fillChoices() {
  for (const [select, at] of [[sideA, 0], [sideB, 1]]) {
    select.append(...ORDER.map(trial => el("option", { value: trial.key }, `${trial.key}: ${trial.where}${["suspect", "invalid", "failed"].includes(trial.verdict) ? ` (${word(trial.verdict)})` : ""}`)));
    select.selectedIndex = at;
    select.addEventListener("change", compare);
  }
  const first = DATA.differences.find(([one, other]) => BY_KEY.has(one) && BY_KEY.has(other));
  if (first) { sideA.value = plain(first[0]); sideB.value = plain(first[1]); }
  $("#swap").addEventListener("click", () => { [sideA.value, sideB.value] = [sideB.value, sideA.value]; compare(); });
  $("#cmprow").addEventListener("change", drawSides);
}

async function compare() {
  const a = BY_KEY.get(sideA.value), b = BY_KEY.get(sideB.value);
  const rows = METRICS.filter(({ name }) => a.m[name] != null || b.m[name] != null).map(({ name, unit }) => el("tr", null,
    el("th", { scope: "row" }, name + (unit ? ` (${unit})` : "")), el("td", { class: "n" }, exact(a.m[name])), el("td", { class: "n" }, exact(b.m[name])),
    el("td", { class: "n" }, a.m[name] != null && b.m[name] ? num(a.m[name] / b.m[name]) + "×" : "–")));
  $("#cmptable").replaceChildren(table("Metrics of both trials", [["Metric"], ["A", true], ["B", true], ["A / B", true]], rows));
  const found = DATA.differences.find(([one, other]) => one === a.key && other === b.key || one === b.key && other === a.key);
  $("#cmpwhy").replaceChildren(el("h3", null, "What differs"), found ? whyList(found[2]) : whyCommand(a, b));
  const both = await Promise.all([a, b].map(trial => trial.has ? telemetryOf(trial).catch(() => null) : null));
  if (BY_KEY.get(sideA.value) !== a || BY_KEY.get(sideB.value) !== b) return;
  const having = both.filter(Boolean), all = [...new Set(having.flatMap(telemetry => [...telemetry.show, ...telemetry.rows.keys()]))];
  const common = all.filter(name => having.every(telemetry => telemetry.rows.has(name))), names = [...new Set([...common, ...all])];
  const choice = $("#cmprow"), kept = choice.value;
  choice.replaceChildren(...names.map(name => el("option", { value: name }, name)));
  if (names.includes(kept)) choice.value = kept;
  choice.disabled = !names.length;
  pair.both = [[a, both[0], $("#sideA")], [b, both[1], $("#sideB")]];
  drawSides();
}

// The command knows trials by their ids, which mean the attempt that counts.
function whyCommand(a, b) {
  const missing = "This file does not say what differs between these two.";
  if (a.key !== a.id || b.key !== b.id) return el("p", { class: "meta" }, missing);
  return el("div", null, el("p", { class: "meta" }, missing + " This command does:"), command(`wke compare ${a.key} ${b.key} --why`));
}

function drawSides() {
  pair.splice(0).forEach(line => line.destroy());
  const row = $("#cmprow").value, most = Math.max(...pair.both.map(([, telemetry]) => telemetry ? telemetry.end : 0));
  for (const [trial, telemetry, box] of pair.both) {
    const head = el("p", { class: "meta" }, badge(trial.verdict), ` ${trial.where}. `, el("button", { class: "id", type: "button", "data-open": trial.key }, trial.key));
    const host = el("div", { class: "tl", role: "group", "aria-label": `${row} of ${trial.key}` });
    box.replaceChildren(head, host);
    if (telemetry && telemetry.rows.has(row)) pair.push(newTimeline(host, telemetry, [row], { most, height: 130 }));
    else host.replaceWith(el("p", { class: "meta" }, telemetry ? `It has no series ${row}.` : "This file has no telemetry of this trial."));
  }
  if (pair.length === 2) [pair[0].partner, pair[1].partner] = [pair[1], pair[0]];
}

// It is worked out when it comes near, not while the page opens.
if (sideA) {
  fillChoices();
  const near = new IntersectionObserver(seen => {
    if (!seen.some(one => one.isIntersecting)) return;
    near.disconnect();
    compare();
  }, { rootMargin: "400px" });
  near.observe($("#two"));
}

// The theme, the links of the sections, the address, resizing and printing.
let theme = "auto";
try { theme = localStorage.getItem("wke-report-theme") || "auto"; } catch { /* storage is turned off */ }
function setTheme(name) {
  theme = name;
  if (name === "auto") root.removeAttribute("data-theme"); else root.setAttribute("data-theme", name);
  $$("[data-set-theme]").forEach(button => button.setAttribute("aria-pressed", String(button.dataset.setTheme === name)));
  try { localStorage.setItem("wke-report-theme", name); } catch { /* storage is turned off */ }
  redrawTimelines();
}
const redrawTimelines = () => [shownTimeline, ...pair].forEach(line => line && line.redraw());
const fitTimelines = () => [shownTimeline, ...pair].forEach(line => line && line.width !== line.host.clientWidth && line.redraw());
$$("[data-set-theme]").forEach(button => button.addEventListener("click", () => setTheme(button.dataset.setTheme)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawTimelines);

const links = $$(".bar nav a");
const watching = new IntersectionObserver(seen => seen.filter(one => one.isIntersecting).forEach(one => {
  links.forEach(link => { if (link.hash === "#" + one.target.id) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current"); });
}), { rootMargin: "-15% 0px -75% 0px" });
$$("main section[id]").forEach(part => watching.observe(part));

let resizing = 0, lastWidth = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === lastWidth) return;
  lastWidth = innerWidth;
  clearTimeout(resizing);
  resizing = setTimeout(fitTimelines, 120);
});

// On paper all folded parts are open.
let folded = [];
addEventListener("beforeprint", () => { folded = $$("main details:not([open])"); folded.forEach(part => { part.open = true; }); });
addEventListener("afterprint", () => { folded.forEach(part => { part.open = false; }); folded = []; });

function fromAddress() {
  const found = /^#trial=(.+)$/.exec(location.hash);
  if (!found) return;
  let key = "";
  try { key = decodeURIComponent(found[1]); } catch { return; }
  if (BY_KEY.has(key)) openTrial(key, false);
}
addEventListener("hashchange", fromAddress);
setTheme(theme);
fromAddress();
root.dataset.ready = "1";

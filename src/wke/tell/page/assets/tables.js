// The table of all attempts: sorted by a column, filtered by words. Buttons that copy a command or open a trial work everywhere.
const rowsOf = $("#attempts tbody");
if (rowsOf) {
  $$("#attempts button.sort").forEach(button => button.addEventListener("click", () => {
    const head = button.closest("th"), ascending = head.getAttribute("aria-sort") !== "ascending", column = head.cellIndex;
    $$("#attempts th[aria-sort]").forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const value = row => { const at = row.cells[column].dataset.v; return at === undefined ? row.cells[column].textContent : +at; };
    const before = (a, b) => typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
    const sorted = [...rowsOf.rows].sort((a, b) => before(value(a), value(b)) * (ascending ? 1 : -1));
    rowsOf.append(...sorted);
  }));
  $("#find").addEventListener("input", event => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const row of rowsOf.rows) {
      row.words = row.words || row.textContent.toLowerCase();
      row.hidden = !words.every(each => row.words.includes(each));
      found += !row.hidden;
    }
    $("#found").textContent = `${found} of ${rowsOf.rows.length} attempts`;
  });
}

document.addEventListener("click", event => {
  const copy = event.target.closest("[data-copy]"), open = event.target.closest("[data-open]"), fold = event.target.closest('a[href="#attempts"]');
  if (open) openTrial(open.dataset.open);
  if (fold) $("#attempts").open = true;
  if (copy) copied(copy);
});
async function copied(button) {
  const text = button.previousElementSibling.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(button.previousElementSibling);
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

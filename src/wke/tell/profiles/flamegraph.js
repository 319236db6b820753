(function () {
  "use strict";
  var svg = document.querySelector("svg.wke-flame") || document.documentElement;
  var NS = "http://www.w3.org/2000/svg", XHTML = "http://www.w3.org/1999/xhtml";
  var width = svg.viewBox.baseVal.width - 20, sign = 6.65, details = svg.querySelector(".details"), usual = details.textContent;
  var boxes = Array.prototype.map.call(svg.querySelectorAll("g.box"), function (g) {
    var at = g.getAttribute("data-at").split(" ").map(Number), title = g.querySelector("title").textContent;
    return { g: g, depth: at[0], left: at[1], width: at[2], title: title.split("\n"), rect: g.querySelector("rect"), text: g.querySelector("text") };
  });
  var search, chosen = boxes[0];

  function label(name) {
    var open = name.indexOf(" ("), head = open < 0 ? name : name.slice(0, open), call = head.indexOf("(");
    var slash = (call < 0 ? head : head.slice(0, call)).lastIndexOf("/");
    return slash > 0 ? name.slice(slash + 1) : name;
  }
  function fit(name, size) {
    var most = Math.floor((size - 6) / sign), text = label(name);
    return most < 3 ? "" : text.length <= most ? text : text.slice(0, most - 1) + "\u2026";
  }
  function zoom(to) {
    chosen = to;
    var right = to.left + to.width, least = 1e-6;
    boxes.forEach(function (box) {
      var above = box.depth < to.depth && box.left <= to.left + least && box.left + box.width >= right - least;
      var inside = box.depth >= to.depth && box.left >= to.left - least && box.left + box.width <= right + least;
      box.g.style.display = above || inside ? "" : "none";
      box.g.classList.toggle("above", above);
      if (!above && !inside) return;
      var x = above ? 0 : (box.left - to.left) / to.width, share = above ? 1 : box.width / to.width;
      box.rect.setAttribute("x", (10 + x * width).toFixed(2));
      box.rect.setAttribute("width", Math.max(0.3, share * width - 0.5).toFixed(2));
      var words = fit(box.title[0], share * width);
      if (words && !box.text) {
        box.text = box.g.appendChild(document.createElementNS(NS, "text"));
        box.text.setAttribute("y", Number(box.rect.getAttribute("y")) + 12.5);
      }
      if (box.text) {
        box.text.setAttribute("x", (13 + x * width).toFixed(2));
        box.text.textContent = words;
      }
    });
    find();
  }
  function pattern(words) {
    try { return new RegExp(words, "i"); } catch (error) { return new RegExp(words.replace(/[^\w\s]/g, "\\$&"), "i"); }
  }
  function find() {
    var words = search.value.trim(), wanted = words && pattern(words), share = 0, until = -1;
    boxes.forEach(function (box) {
      var hit = Boolean(wanted) && box.depth > 0 && wanted.test(box.title[0]);
      box.g.classList.toggle("hit", hit);
      if (hit && box.g.style.display !== "none" && !box.g.classList.contains("above") && box.left >= until - 1e-6) {
        share += box.width;
        until = box.left + box.width;
      }
    });
    usual = wanted ? (100 * share / chosen.width).toFixed(1) + " % of what is shown match" : svg.querySelector(".details").getAttribute("data-usual");
    details.textContent = usual;
  }
  var place = document.createElementNS(NS, "foreignObject");
  place.setAttribute("x", width - 210);
  place.setAttribute("y", 8);
  place.setAttribute("width", 220);
  place.setAttribute("height", 28);
  search = document.createElementNS(XHTML, "input");
  search.setAttribute("type", "search");
  search.setAttribute("placeholder", "search functions");
  search.setAttribute("aria-label", "search functions");
  search.addEventListener("input", find);
  place.appendChild(search);
  svg.appendChild(place);
  boxes.forEach(function (box) {
    box.g.addEventListener("click", function () { zoom(box); });
    box.g.addEventListener("mouseover", function () { details.textContent = box.title.join("   "); });
    box.g.addEventListener("mouseout", function () { details.textContent = usual; });
  });
  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") { search.value = ""; zoom(boxes[0]); }
    if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); }
  });
})();

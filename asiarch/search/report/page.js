"use strict";
(function () {
  /* A figure of the table as a number: what a dash says is last in either order. */
  const scales = { k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };
  function value(text) {
    const found = /^([+\u2212]?[\d.]+(?:e\u2212?\d+)?)([kMGTP]?)/.exec(text);
    if (!found) return NaN;
    return Number(found[1].replace(/\u2212/g, "-")) * (scales[found[2]] || 1);
  }

  const table = document.getElementById("all");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);

  function sort(column) {
    const head = heads[column];
    const numeric = head.classList.contains("n");
    const now = head.getAttribute("aria-sort");
    const down = now ? now === "ascending" : numeric;
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = rows.map(function (row, place) {
      const text = row.cells[column].textContent;
      return { row: row, place: place, text: text, number: numeric ? value(text) : 0 };
    });
    keyed.sort(function (a, b) {
      if (numeric) {
        const none = isNaN(a.number) - isNaN(b.number);
        if (none || isNaN(a.number)) return none || a.place - b.place;
        return (down ? b.number - a.number : a.number - b.number) || a.place - b.place;
      }
      const order = a.text.localeCompare(b.text, "en", { numeric: true });
      return (down ? -order : order) || a.place - b.place;
    });
    body.append.apply(body, keyed.map(function (k) { return k.row; }));
  }
  heads.forEach(function (head, column) {
    head.firstElementChild.addEventListener("click", function () { sort(column); });
  });

  const form = document.getElementById("filter");
  const find = document.getElementById("find");
  const outcome = document.getElementById("outcome");
  const arm = document.getElementById("arm");
  function filter() {
    const words = find.value.toLowerCase().split(/\s+/);
    let left = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const shown = words.every(function (w) { return text.includes(w); }) &&
        (!outcome.value || row.cells[2].textContent.startsWith(outcome.value)) &&
        (arm.selectedIndex === 0 || row.cells[1].textContent === arm.value);
      row.hidden = !shown;
      left += shown;
    }
    document.getElementById("shown").textContent = left + " of " + rows.length;
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.hidden = rows.length < 2;
  filter();

  /* A link to a candidate opens it, and what it is in. */
  function open() {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", open);
  open();

  /* Code, and sections beyond the first, are kept deflated until one of them is asked for.
     Sections are markup that was escaped when it was made; code is put in as text. */
  const unpacked = {};
  async function unpack(name) {
    const text = document.getElementById(name).textContent;
    const bytes = Uint8Array.from(atob(text), function (c) { return c.charCodeAt(0); });
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return (await new Response(stream).text()).split("\0");
  }
  document.addEventListener("toggle", async function (event) {
    if (!event.target.open) return;
    const shown = event.target.querySelector(":scope > [data-code], :scope > [data-part]");
    if (!shown) return;
    const isCode = "code" in shown.dataset;
    const name = isCode ? "codes" : "parts";
    try {
      unpacked[name] = unpacked[name] || unpack(name);
      const text = (await unpacked[name])[Number(isCode ? shown.dataset.code : shown.dataset.part)];
      if (isCode) shown.textContent = text;
      else shown.outerHTML = text;
    } catch (error) {
      shown.textContent = "This browser cannot unpack it (" + error + ").";
    }
  }, true);
})();

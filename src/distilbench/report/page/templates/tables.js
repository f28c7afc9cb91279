// Tables that sort, filter, choose their columns and can be copied. DataTables sorts and filters the rows that stand in the
// page; without this script they are whole tables all the same. All text from data is set as text.
{
  const ABSENT = ["", "–", "not available"];
  const MARKS = [["derived", "italics: derived by a formula"], ["estimated", "≈: estimated"], ["published", "underlined: published by others"]];
  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };
  const line = (text) => text.replace(/\s+/g, " ").trim();
  document.documentElement.classList.add("scripted");

  // Numbers before words, and what is not known last, whichever way the column is sorted.
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const compared = {
    figure: (a, b) => {
      const x = Number(a), y = Number(b);
      if (Number.isNaN(x) || Number.isNaN(y)) return [Number.isNaN(x) - Number.isNaN(y), words.compare(a, b)];
      return [0, x - y];
    },
    words: (a, b) => [0, words.compare(a, b)],
  };
  const order = DataTable.ext.type.order;
  for (const [type, compare] of Object.entries(compared)) for (const [name, sign] of [["asc", 1], ["desc", -1]]) {
    order[`${type}-${name}`] = (a, b) => {
      if (a === "" || b === "") return (a === "") - (b === "");
      const [kind, within] = compare(a, b);
      return kind || sign * within;
    };
    DataTable.ext.type.search[type] = (html) => DataTable.util.stripHtml(html);
  }

  const everyTable = new Map();

  const controls = (box) => {
    const table = box.querySelector("table"), caption = table.caption.textContent;
    const headings = [...table.tHead.rows[0].cells].map((cell) => line(cell.textContent));
    // Kept from the beginning: DataTables takes rows and cells that are hidden out of the page.
    const everyRow = [...table.tBodies[0].rows].map((row) => [row, [...row.cells]]);
    const total = everyRow.length;
    let data = null, printing = null;

    const filter = make("input", { type: "search", placeholder: "words", autocomplete: "off" });
    const sorting = make("select", {}, new Option("as in the report", ""));
    headings.forEach((text, i) => sorting.append(new Option(`${text}, ascending`, `${i} asc`), new Option(`${text}, descending`, `${i} desc`)));
    const boxes = headings.map((text) => make("input", { type: "checkbox", checked: true }));
    const all = make("button", { type: "button", textContent: "all" });
    const chooser = make("details", {}, make("summary", { textContent: "Columns" }), make("fieldset", { ariaLabel: "Columns of " + caption },
      ...headings.map((text, i) => make("label", {}, boxes[i], " " + text)), all));
    const [markdown, latex] = ["Markdown", "LaTeX"].map((form) => make("button", { type: "button", textContent: form, ariaLabel: "Copy as " + form }));
    const status = make("output");
    const tools = make("div", { className: "tools" }, make("label", {}, "Filter ", filter), make("label", { className: "sorting" }, "Sort by ", sorting),
      chooser, make("span", {}, "Copy ", markdown, " ", latex), status);
    tools.setAttribute("role", "group");
    tools.setAttribute("aria-label", "Controls of the table " + caption);

    // What the reader changed, in words: they stand beside the table and go into every copy of it.
    const changes = () => {
      const said = [], hidden = boxes.filter((one) => !one.checked).length;
      if (filter.value.trim()) said.push(`${data.rows({ search: "applied" }).count()} of ${total} rows shown (filter: ${line(filter.value)})`);
      if (hidden) said.push(`${headings.length - hidden} of ${headings.length} columns shown`);
      for (const [i, way] of data?.order() ?? []) if (way) said.push(`sorted by ${headings[i]}, ${way === "asc" ? "ascending" : "descending"}`);
      return said;
    };
    const say = (news = "") => {
      const said = changes();
      if (!filter.value.trim()) said.unshift(total === 1 ? "1 row" : `${total} rows`);
      status.textContent = [news, ...said].filter(Boolean).join("; ");
    };

    const start = () => {
      if (data) return data;
      const typed = headings.map((_, i) => (everyRow[0]?.[1][i].dataset.order === undefined ? "words" : "figure"));
      for (const [, cells] of everyRow) cells.forEach((cell, i) => {
        if (typed[i] === "figure") return;
        const text = line(cell.textContent);
        cell.dataset.order = ABSENT.includes(text) ? "" : text;
      });
      data = new DataTable(table, {
        paging: false, info: false, autoWidth: false, order: [], orderClasses: false, layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
        columns: typed.map((type) => ({ type, orderSequence: type === "figure" ? ["desc", "asc", ""] : ["asc", "desc", ""] })),
        language: { zeroRecords: "No row has these words.", emptyTable: "No rows." },
      });
      data.on("order", () => {
        const [first] = data.order();
        sorting.value = first?.[1] ? first.join(" ") : "";
        if (!printing) say();
      });
      fit();
      return data;
    };

    // A column that does not fit is never cut: first less room for each, then the width of the window, then rows as blocks.
    const fit = () => {
      if (!box.clientWidth) return;
      const wide = () => box.scrollWidth > box.clientWidth + 1;
      box.classList.remove("tight", "broad", "stacked");
      for (const step of ["tight", "broad", "stacked"]) {
        if (!wide()) return;
        // Columns squeezed below this would break their words letter by letter.
        if (step === "tight" && !table.matches(".heat") && box.clientWidth < 56 * table.tHead.rows[0].cells.length) continue;
        if (step === "broad" && box.closest(".card, details")) continue;
        box.classList.add(step);
        if (step === "stacked") { box.classList.remove("broad"); roles(); }
      }
    };
    // Rows shown as blocks: each cell beside its heading, and still a table to those who listen.
    const roles = () => {
      if (table.hasAttribute("role")) return;
      table.setAttribute("role", "table");
      table.tBodies[0].setAttribute("role", "rowgroup");
      for (const [row, cells] of everyRow) {
        row.setAttribute("role", "row");
        cells.forEach((cell, i) => { cell.setAttribute("role", "cell"); cell.dataset.label = headings[i]; });
      }
    };
    // The room is the parent's: the box's own width follows from what is chosen here.
    let fitted = 0;
    new ResizeObserver(([entry]) => {
      const room = entry.contentRect.width ? box.parentElement.clientWidth : 0;
      if (room && room !== fitted) requestAnimationFrame(fit);
      fitted = room;
    }).observe(box);

    const columns = () => {
      const shown = boxes.filter((one) => one.checked);
      for (const one of boxes) one.disabled = shown.length === 1 && one.checked;
      boxes.forEach((one, i) => start().column(i).visible(one.checked, false));
      say();
      fit();
    };
    filter.addEventListener("input", () => { start().search(filter.value).draw(); say(); });
    sorting.addEventListener("change", () => { const [i, way] = sorting.value.split(" "); start().order(way ? [[Number(i), way]] : []).draw(); say(); });
    chooser.addEventListener("change", columns);
    all.addEventListener("click", () => { for (const one of boxes) one.checked = true; columns(); });
    const copying = (words, written) => async () => { start(); const done = await copy(written(contents()), tools); say(done ? `copied as ${words}` : `copy the ${words} below`); };
    // What is to be seen, in its order: the cells that stand in the page.
    const contents = () => {
      const heads = [...table.tHead.rows[0].cells];
      const rows = [...table.tBodies[0].rows].map((row) => [...row.cells]).filter((cells) => cells.length && !cells[0].classList.contains("dt-empty"));
      const marks = MARKS.filter(([kind]) => rows.some((cells) => cells.some((cell) => cell.classList.contains(kind))));
      return { caption: line(caption), heads: heads.map((cell) => line(cell.textContent)), numbers: heads.map((cell) => cell.classList.contains("number")),
        rows, notes: [...changes(), ...marks.map(([, text]) => text)] };
    };
    markdown.addEventListener("click", copying("Markdown", asMarkdown));
    latex.addEventListener("click", copying("LaTeX", asLatex));

    // Paper has all rows and columns, in the order chosen.
    const print = (on) => {
      if (!data || on === Boolean(printing)) return;
      if (on) printing = { filter: filter.value, shown: boxes.map((one) => one.checked) };
      data.search(on ? "" : printing.filter);
      printing.shown.forEach((shown, i) => data.column(i).visible(on || shown, false));
      data.draw();
      if (!on) { printing = null; fit(); }
    };
    // A link to a row that the filter has taken away brings it back.
    const reveal = (id) => {
      if (!data || !filter.value || document.getElementById(id)) return;
      const [row] = everyRow.find(([one]) => one.id === id) ?? [];
      if (!row) return;
      filter.value = "";
      data.search("").draw();
      say();
      row.scrollIntoView();
    };
    box.before(tools);
    box.removeAttribute("tabindex"); // it does not scroll any more
    if (boxes.length === 1) boxes[0].disabled = true;
    say();
    everyTable.set(box, { start, print, reveal, large: total * headings.length > 5000 });
    for (const event of ["pointerenter", "focusin"]) for (const part of [box, tools]) part.addEventListener(event, start);
  };

  // Markdown of GitHub: what would be markup is escaped.
  const marked = (text) => line(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/[\\|*_`[\]~$]/g, "\\$&");
  const cellAsMarkdown = (cell) => {
    const text = marked(cell.textContent), link = cell.querySelector("a[href^='http']");
    const linked = link ? `[${text}](<${link.href.replace(/[<>|]/g, encodeURIComponent)}>)` : text;
    if (cell.classList.contains("derived") && text) return `*${linked}*`;
    return cell.classList.contains("published") && text ? `${linked} (published)` : linked;
  };
  const asMarkdown = ({ caption, heads, numbers, rows, notes }) => {
    const row = (cells) => `| ${cells.join(" | ")} |`;
    const said = notes.filter((note) => note !== MARKS[2][1]);
    return [marked(caption), "", row(heads.map(marked)), row(numbers.map((number) => (number ? "---:" : "---"))), ...rows.map((cells) => row(cells.map(cellAsMarkdown))),
      ...(said.length ? ["", marked(said.join("; ") + ".")] : []), ""].join("\n");
  };

  // LaTeX with booktabs. A row may not begin with [ or *, which would be read as an argument of the \\ before it.
  const LATEX = {
    "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", $: "\\$", "&": "\\&", "#": "\\#", "%": "\\%", _: "\\_", "^": "\\textasciicircum{}", "~": "\\textasciitilde{}",
    "<": "\\textless{}", ">": "\\textgreater{}", "|": "\\textbar{}", "`": "\\textasciigrave{}", "'": "\\textquotesingle{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "≈": "$\\approx$", "≥": "$\\geq$", "≤": "$\\leq$", "−": "$-$", "×": "$\\times$", "±": "$\\pm$", "†": "\\dag{}", "‡": "\\ddag{}", "·": "$\\cdot$", "→": "$\\rightarrow$", "–": "--", "—": "---", "…": "\\ldots{}", "∞": "$\\infty$", "²": "$^2$", "³": "$^3$", "µ": "$\\mu$", "Δ": "$\\Delta$", "\u00a0": "~",
  };
  // What steers a line, or is no character, is left out.
  const printable = (text) => line(text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/g, " "));
  const escaped = (text) => printable(text).replace(/--+/g, (dashes) => [...dashes].join("\u200b")).replace(/[\\{}$&#%_^~<>|`'[\]*≈≥≤−×±†‡·→–—…∞²³µΔ\u00a0]/g, (sign) => LATEX[sign]).replaceAll("\u200b", "{}");
  const cellAsLatex = (cell) => {
    const number = cell.classList.contains("number");
    const text = escaped(number ? cell.textContent.replace(/(^|\s)-(?=\d)/g, "$1−") : cell.textContent);
    if (!text) return "";
    if (cell.classList.contains("derived")) return `\\textit{${text}}`;
    return cell.classList.contains("published") ? `\\underline{${text}}` : text;
  };
  const asLatex = ({ caption, heads, numbers, rows, notes }) => {
    const longest = heads.map((_, i) => Math.max(0, ...rows.map((cells) => cells[i].textContent.length)));
    const letters = numbers.map((number, i) => (number ? "r" : longest[i] > 40 ? "p{0.3\\linewidth}" : "l")).join("");
    const row = (cells) => `    ${cells.join(" & ")} \\\\`;
    return ["% \\usepackage{booktabs}", "\\begin{table}", "  \\centering", `  \\caption{${escaped([caption, ...notes].join("; "))}}`, `  \\begin{tabular}{${letters}}`, "    \\toprule",
      row(heads.map(escaped)), "    \\midrule", ...rows.map((cells) => row(cells.map(cellAsLatex))), "    \\bottomrule", "  \\end{tabular}", "\\end{table}", ""].join("\n");
  };

  // Browsers give a page of a plain http address no clipboard: the older way, and else the text itself, selected.
  const copy = async (text, tools) => {
    if (tools.previousElementSibling?.matches(".copied")) tools.previousElementSibling.remove();
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = make("textarea", { className: "copied", value: text, rows: 8, readOnly: true, ariaLabel: "the copy" });
      tools.before(area);
      area.select();
      if (!document.execCommand("copy")) return false;
      area.remove();
      return true;
    }
  };

  for (const box of document.querySelectorAll(".wide")) controls(box);
  // Tables come alive one by one while nothing else is to be done, the large ones when they are first touched.
  const waiting = [...everyTable.values()].filter((one) => !one.large);
  const idle = globalThis.requestIdleCallback ?? ((run) => setTimeout(() => run({ timeRemaining: () => 10 }), 30));
  const next = (deadline) => {
    do waiting.shift()?.start(); while (waiting.length && deadline.timeRemaining() > 8);
    if (waiting.length) idle(next, { timeout: 500 });
  };
  idle(next, { timeout: 500 });
  // The page of a run that is being written puts new tables in place of these.
  addEventListener("refreshed", () => {
    everyTable.clear();
    for (const box of document.querySelectorAll(".wide")) controls(box);
    for (const one of everyTable.values()) one.start();
  });
  const paper = matchMedia("print");
  const printed = (on) => { for (const one of everyTable.values()) one.print(on); };
  paper.addEventListener("change", () => printed(paper.matches));
  addEventListener("beforeprint", () => printed(true));
  addEventListener("afterprint", () => printed(false));
  addEventListener("hashchange", () => { for (const one of everyTable.values()) one.reveal(location.hash.slice(1)); });
}

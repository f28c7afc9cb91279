// What charts with controls share: the view in the address of the page, names beside points, the
// colours of the two schemes. All text from data is set as text, never as markup.
const views = {
  PREFIX: "#view?",
  dark: matchMedia("(prefers-color-scheme: dark)"),

  // Set a form's controls as the address says; what is no value of a control changes nothing.
  read(form) {
    if (!location.hash.startsWith(this.PREFIX)) return;
    for (const [name, value] of new URLSearchParams(location.hash.slice(this.PREFIX.length))) {
      const control = form.elements.namedItem(name);
      if (control?.type === "checkbox") control.checked = value === "1";
      else if (control?.tagName === "SELECT") {
        if ([...control.options].some((option) => option.value === value)) control.value = value;
      } else if (control?.type === "number" && Number.isFinite(Number(value))) control.value = value;
    }
  },
  write(form) {
    // Other parts of the page keep their own words in the address.
    const state = new URLSearchParams(location.hash.startsWith(this.PREFIX) ? location.hash.slice(this.PREFIX.length) : "");
    for (const control of form.elements) {
      if (control.type === "checkbox") state.set(control.name, control.checked ? "1" : "0");
      else if (control.name && control.value !== "") state.set(control.name, control.value);
      else if (control.name) state.delete(control.name);
    }
    history.replaceState(null, "", this.PREFIX + state);
  },
  // Draw now and whenever controls, address, width or colour scheme change.
  follow(form, draw) {
    this.read(form);
    form.addEventListener("input", () => { this.write(form); draw(); });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(() => { this.write(form); draw(); }));
    addEventListener("hashchange", () => { this.read(form); draw(); });
    addEventListener("resize", draw);
    this.dark.addEventListener("change", draw);
    draw();
  },

  ink() { return this.dark.matches ? "#e6eaf0" : "#1c2430"; },
  config(narrow) {
    const ink = this.ink(), line = this.dark.matches ? "#333c47" : "#e6eaf0";
    const text = { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12 };
    return {
      font: "sans-serif", view: { stroke: null },
      axis: { ...text, gridColor: line, domainColor: "#8a95a3", tickColor: "#8a95a3", titleFontWeight: "normal" },
      legend: { ...text, direction: "horizontal", columns: narrow ? 2 : 6, symbolOpacity: 1, labelLimit: 220 },
    };
  },

  // Draws a specification. Vega names what it drew by its description, whatever the element was
  // called before; expressions are interpreted, not compiled, so that the policy need not allow eval.
  embed(element, spec, description) {
    vegaEmbed(element, { ...spec, description }, { actions: false, ast: true, renderer: "svg" }).catch((error) => {
      element.textContent = "This chart could not be drawn: " + error;
      console.error(error);
    });
  },

  // Names beside their points, else farther off at the end of a line, where nothing else stands; a
  // name without such a place is left to the hover and the table. Rows hold entry, x, y and fate.
  named(rows, px, py, width, height) {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = "12px sans-serif";
    const taken = rows.map((row) => ({ l: px(row.x) - 7, r: px(row.x) + 7, t: py(row.y) - 7, b: py(row.y) + 7 }));
    const lines = [], names = [], leaders = [];
    const place = (row, dx, dy, far) => {
      const long = pen.measureText(row.entry).width + 2, x = px(row.x), y = py(row.y);
      const left = dx < 0 ? x + dx - long : x + dx;
      const box = { l: left, r: left + long, t: y + dy - 7, b: y + dy + 7 };
      if (box.l < 0 || box.r > width || box.t < 0 || box.b > height || taken.some((other) => this.meet(box, other))) return false;
      if (lines.some((line) => this.crosses(...line, box))) return false;
      const end = [x + dx + (dx < 0 ? 2 : -2), y + dy];
      const start = [x + 8 * Math.sign(dx) * Math.abs(dx) / Math.hypot(dx, dy), y + 8 * dy / Math.hypot(dx, dy)];
      if (far && taken.some((other) => this.crosses(...start, ...end, other) && !(other.l <= x && x <= other.r && other.t <= y && y <= other.b))) return false;
      if (far) {
        lines.push([...start, ...end]);
        leaders.push({ px: start[0], py: start[1], lx: end[0], ly: end[1] });
      }
      taken.push(box);
      names.push({ entry: row.entry, lx: box.l, ly: y + dy });
      return true;
    };
    const order = [...rows].sort((a, b) => (a.fate === b.fate ? b.y - a.y : a.fate === "kept" ? -1 : 1));
    const rest = order.filter((row) => !this.NEAR.some(([dx, dy]) => place(row, dx, dy, false)));
    const hidden = rest.filter((row) => !this.FAR.some(([dx, dy]) => place(row, dx, dy, true)));
    return { names, leaders, hidden: hidden.length };
  },
  NEAR: [[10, 0], [-10, 0], [10, -9], [10, 9], [-10, -9], [-10, 9], [10, -22], [-10, 22]],
  FAR: [30, 45, 60, 80, 100, 125, 150, 180].flatMap((far) => [-60, 60, -35, 35, -80, 80, 0].flatMap((angle) =>
    [1, -1].map((side) => [side * far * Math.cos(angle * Math.PI / 180), far * Math.sin(angle * Math.PI / 180)]))),
  meet: (a, b) => a.r >= b.l && a.l <= b.r && a.b >= b.t && a.t <= b.b,
  // Whether a line passes through a box: by the sides on which its ends lie, then by its corners.
  crosses(x1, y1, x2, y2, box) {
    if (Math.max(x1, x2) < box.l || Math.min(x1, x2) > box.r || Math.max(y1, y2) < box.t || Math.min(y1, y2) > box.b) return false;
    const sides = [[box.l, box.t], [box.r, box.t], [box.l, box.b], [box.r, box.b]].map(([x, y]) => Math.sign((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)));
    return !(sides.every((side) => side > 0) || sides.every((side) => side < 0));
  },
};

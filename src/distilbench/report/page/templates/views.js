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
    const state = new URLSearchParams();
    for (const control of form.elements) {
      if (control.type === "checkbox") state.set(control.name, control.checked ? "1" : "0");
      else if (control.name && control.value !== "") state.set(control.name, control.value);
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

  // Places for names: marks are { name, x, y } in pixels, those that matter most first; nothing may
  // stand on a mark or on another name. A name far from its mark gets a line to it. Those that find
  // no room are left out.
  places(marks, width, height) {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = "12px sans-serif";
    const taken = marks.map(({ x, y }) => ({ l: x - 7, r: x + 7, t: y - 7, b: y + 7 }));
    const found = [];
    for (const { name, x, y } of marks) {
      const long = pen.measureText(name).width + 2;
      const beside = (dy, far) => [[10 + far, dy], [-10 - far - long, dy]];
      const near = [...beside(0, 0), ...beside(-12, -4), ...beside(12, -4), [-long / 2, -15], [-long / 2, 15]];
      const far = [24, 38, 54, 72].flatMap((d) => [...beside(-d, 4), ...beside(d, 4)]);
      for (const [dx, dy] of [...near, ...far]) {
        const box = { l: x + dx, r: x + dx + long, t: y + dy - 7, b: y + dy + 7 };
        const free = box.l >= 0 && box.r <= width && box.t >= 0 && box.b <= height &&
          taken.every((o) => box.r < o.l || box.l > o.r || box.b < o.t || box.t > o.b);
        if (!free) continue;
        taken.push(box);
        const end = dx > 0 ? box.l - 2 : box.r + 2;
        found.push({ name, x: box.l, y: y + dy, line: Math.abs(dy) > 15 ? { x, y, x2: end, y2: y + dy } : null });
        break;
      }
    }
    return found;
  },
};

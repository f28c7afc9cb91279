// The chart with controls: which axes, which limits. What is drawn and picked follows from them, and
// the address holds them, so that a view can be sent. All text from data is set as text.
for (const root of document.querySelectorAll("[data-explorer]")) {
  const data = JSON.parse(document.getElementById(root.dataset.explorer).textContent);
  const PREFIX = "#view?";
  const controls = root.querySelector("form");
  const chart = root.querySelector(".explored");
  const status = root.querySelector("[role=status]");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const bounded = data.axes.filter((axis) => axis.limit);

  const fill = (select, options) => {
    for (const [value, text] of options) select.append(new Option(text, value));
  };
  fill(controls.x, data.axes.map((axis) => [axis.key, axis.title]));
  fill(controls.y, data.measures.map((name) => [name, name]));

  const read = () => {
    if (!location.hash.startsWith(PREFIX)) return;
    const asked = new URLSearchParams(location.hash.slice(PREFIX.length));
    for (const [name, value] of asked) {
      const control = controls.elements.namedItem(name);
      if (control?.type === "checkbox") control.checked = value === "1";
      else if (control?.tagName === "SELECT") {
        if ([...control.options].some((option) => option.value === value)) control.value = value;
      } else if (control?.type === "number" && Number.isFinite(Number(value))) control.value = value;
    }
  };
  const write = () => {
    // Other parts of the page keep their own words in the address.
    const state = new URLSearchParams(location.hash.startsWith(PREFIX) ? location.hash.slice(PREFIX.length) : "");
    for (const control of controls.elements) {
      if (control.type === "checkbox") state.set(control.name, control.checked ? "1" : "0");
      else if (control.name && control.value !== "") state.set(control.name, control.value);
      else if (control.name) state.delete(control.name);
    }
    history.replaceState(null, "", PREFIX + state);
  };

  // Why a model falls out; empty if it keeps to every limit. What is not known keeps to none.
  const shortfall = (point) => {
    const least = controls.accuracy.value;
    const score = point.scores[controls.y.value];
    if (least !== "" && (!score || score[0] < Number(least) / 100)) return "accuracy below " + least + "%";
    for (const axis of bounded) {
      const most = controls.elements.namedItem(axis.key).value;
      if (most === "") continue;
      const cost = point.costs[axis.key];
      if (cost === null) return axis.title + " not available";
      if (cost > Number(most)) return axis.title + " above " + most;
    }
    return "";
  };
  const share = (value) => (value > 0.999 && value < 1 ? "over 99.9%" : (100 * value).toPrecision(3) * 1 + "%");
  const percent = (value) => (100 * value).toFixed(1) + "%";

  // Share of the draws in which each of the kept stands on the frontier, and is the most accurate.
  const drawn = (kept, costs) => {
    const on = new Map(kept.map((i) => [i, 0])), best = new Map(on);
    const count = data.draws[0]?.length ?? 0;
    for (let d = 0; d < count; d++) {
      let top = -1, leaders = [];
      for (const i of kept) {
        const mine = data.draws[i][d];
        if (mine > top) [top, leaders] = [mine, [i]];
        else if (mine === top) leaders.push(i);
        if (costs[i] === null) continue;
        const beaten = kept.some((j) => costs[j] !== null && (
          (data.draws[j][d] > mine && costs[j] <= costs[i]) || (data.draws[j][d] >= mine && costs[j] < costs[i])));
        if (!beaten) on.set(i, on.get(i) + 1 / count);
      }
      for (const i of leaders) best.set(i, best.get(i) + 1 / leaders.length / count);
    }
    return [on, best];
  };

  // Names beside their points: the first of six places where nothing else stands, else none.
  const named = (rows, px, py, width, height) => {
    const taken = rows.map((row) => ({ l: px(row.x) - 7, r: px(row.x) + 7, t: py(row.y) - 7, b: py(row.y) + 7 }));
    const found = [];
    for (const row of [...rows].sort((a, b) => (a.fate === b.fate ? b.y - a.y : a.fate === "kept" ? -1 : 1))) {
      const long = row.entry.length * 7.2, x = px(row.x), y = py(row.y);
      const places = [[10, -9], [10, 9], [-10 - long, -9], [-10 - long, 9], [10, -22], [-10 - long, 22]];
      for (const [dx, dy] of places) {
        const box = { l: x + dx, r: x + dx + long, t: y + dy - 7, b: y + dy + 7 };
        const free = box.l >= 0 && box.r <= width && box.t >= 0 && box.b <= height &&
          taken.every((o) => box.r < o.l || box.l > o.r || box.b < o.t || box.t > o.b);
        if (!free) continue;
        taken.push(box);
        found.push({ entry: row.entry, lx: box.l, ly: y + dy });
        break;
      }
    }
    return found;
  };

  const draw = () => {
    const axis = data.axes.find((one) => one.key === controls.x.value);
    const measure = controls.y.value, first = measure === data.measures[0];
    const costs = data.points.map((point) => point.costs[axis.key]);
    const why = data.points.map(shortfall);
    const kept = data.points.map((_, i) => i).filter((i) => !why[i] && data.points[i].scores[measure]);
    const [on, best] = drawn(first ? kept : [], costs);
    const format = (value) => Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3, notation: value >= 1e6 ? "scientific" : "standard" });
    const log = controls.log.checked;
    const rows = data.points.flatMap((point, i) => {
      const score = point.scores[measure];
      if (!score || costs[i] === null || (log && costs[i] <= 0)) return [];
      return [{
        entry: point.entry, role: point.role, family: point.family, x: costs[i], y: score[0], low: score[1], high: score[2],
        score: `${percent(score[0])} (95%: ${percent(score[1])} to ${percent(score[2])})`, cost: `${format(costs[i])}, ${axis.title}`,
        told: axis.known, sure: on.has(i) ? share(on.get(i)) + " of draws" : "not available", why: why[i] || "no", fate: why[i] ? "out" : "kept",
      }];
    });
    // The pick is the most accurate of what keeps to the limits, whether this cost of it is known or not.
    const order = [...kept].sort((a, b) => data.points[b].scores[measure][0] - data.points[a].scores[measure][0]);
    const pick = order[0];
    const missing = data.points.length - rows.length;
    const out = why.filter(Boolean).length;
    status.textContent = (pick === undefined ? "No model keeps to these limits." :
      `Take ${data.points[pick].entry}: accuracy ${percent(data.points[pick].scores[measure][0])}` +
      (first && kept.length > 1 ? `, the most accurate in ${share(best.get(pick))} of ${data.draws[0].length.toLocaleString("en")} draws of the questions.` : ".")) +
      (out ? ` ${out} of ${data.points.length} fall out.` : "") +
      (missing ? ` ${missing} not drawn: this figure is not available of them.` : "");

    const stairs = rows.filter((a) => a.fate === "kept" && !rows.some((b) => b.fate === "kept" && b !== a &&
      b.x <= a.x && b.y >= a.y && (b.x < a.x || b.y > a.y))).sort((a, b) => a.x - b.x);
    const spec = structuredClone(data.specification);
    const narrow = chart.clientWidth < 560;
    const width = Math.max(180, chart.clientWidth - 64), height = narrow ? 300 : 360;
    const ends = [Math.min(...rows.map((r) => r.x)), Math.max(...rows.map((r) => r.x))];
    const room = Math.max(ends[1] / ends[0], 2) ** 0.12;
    const wide = ends[1] - ends[0] || Math.abs(ends[1]) || 1;
    const xs = log ? [ends[0] / room, ends[1] * room] : [Math.max(0, ends[0] - 0.08 * wide), ends[1] + 0.08 * wide];
    const ys = [0, Math.min(1, Math.max(0.1, ...rows.map((r) => r.high)) * 1.12)];
    const at = (v) => (log ? Math.log(v) : v);
    const px = (v) => ((at(v) - at(xs[0])) / (at(xs[1]) - at(xs[0]))) * width;
    const py = (v) => (1 - (v - ys[0]) / (ys[1] - ys[0])) * height;
    spec.datasets = { points: rows, frontier: stairs, names: rows.length ? named(rows, px, py, width, height) : [] };
    const ink = dark.matches ? "#e6eaf0" : "#1c2430", line = dark.matches ? "#333c47" : "#e6eaf0";
    const text = { labelColor: ink, titleColor: ink };
    for (const layer of spec.layer) {
      if (layer.mark.type === "text") { layer.mark.color = ink; continue; }
      Object.assign(layer.encoding.x, {
        title: axis.title, scale: { type: log ? "log" : "linear", domain: xs, nice: false },
        axis: { format: axis.form, tickCount: narrow ? 3 : 6, labelOverlap: "greedy" },
      });
      Object.assign(layer.encoding.y, {
        title: "accuracy, " + measure, scale: { domain: ys }, axis: { format: "%", minExtent: 34, maxExtent: 34 },
      });
    }
    Object.assign(spec, { width, height, padding: 4, background: "transparent", config: {
      font: "sans-serif", view: { stroke: null },
      axis: { ...text, gridColor: line, domainColor: "#8a95a3", tickColor: "#8a95a3", labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" },
      legend: { ...text, direction: "horizontal", columns: narrow ? 2 : 6, symbolOpacity: 1, labelFontSize: 12, titleFontSize: 12, labelLimit: 220 },
    } });
    if (!rows.length) { chart.replaceChildren("Not available of any model."); return; }
    vegaEmbed(chart, spec, { actions: false, ast: true, renderer: "svg" }).catch((error) => {
      chart.textContent = "This chart could not be drawn: " + error;
      console.error(error);
    });
  };

  read();
  controls.addEventListener("input", () => { write(); draw(); });
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("reset", () => setTimeout(() => { write(); draw(); }));
  addEventListener("hashchange", () => { read(); draw(); });
  addEventListener("resize", draw);
  dark.addEventListener("change", draw);
  draw();
}

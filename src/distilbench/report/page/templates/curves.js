// Families as fitted curves and models placed among them: which benchmark, which compute, whose
// models, who measured. The sentence above the chart and the table below it follow.
for (const root of document.querySelectorAll("[data-curves]")) {
  const data = JSON.parse(document.getElementById(root.dataset.curves).textContent);
  const controls = root.querySelector("form");
  const chart = root.querySelector(".curved");
  const status = root.querySelector("[role=status]");
  const body = root.querySelector("tbody");
  const unique = (values) => [...new Set(values)];
  const several = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;
  const scientific = (value) => value.toExponential(2).replace("e+", "e");
  const fill = (select, options) => {
    for (const [value, text] of options) select.append(new Option(text, value));
  };
  fill(controls.setting, data.settings.map((name) => [name, name]));
  fill(controls.x, data.axes.map((axis) => [axis.key, axis.title]));
  fill(controls.family, [["", "all"], ...unique(data.models.map((one) => one.family)).sort().map((name) => [name, name])]);
  fill(controls.curve, [["", "all"], ...data.families.map((name) => [name, name])]);
  fill(controls.source, [["", "anyone"], ...Object.entries(data.sources)]);

  // Options that have nothing in this benchmark cannot be chosen.
  const narrowed = (setting) => {
    const there = {
      family: data.models.filter((one) => one.setting === setting).map((one) => one.family),
      source: data.models.filter((one) => one.setting === setting).map((one) => one.source),
      curve: data.points.filter((one) => one.setting === setting).map((one) => one.family),
    };
    for (const [name, values] of Object.entries(there)) {
      for (const option of controls[name].options) option.disabled = option.value !== "" && !values.includes(option.value);
    }
  };

  // Whether the gain of a model on a curve lies surely above 1, below it, or neither; of a model that
  // several measured, what more than half of its scores say.
  const side = ({ low, high }) => (low !== null && low > 1 ? "above" : high !== null && high < 1 ? "below" : "open");
  const counted = (places) => {
    const sides = Object.groupBy(places.filter((place) => place.gain), (place) => `${place.model} on ${place.family}`);
    const found = { above: 0, below: 0, open: 0, known: Object.keys(sides).length };
    for (const all of Object.values(sides)) {
      const more = ["above", "below"].find((name) => 2 * all.filter((place) => side(place.gain) === name).length > all.length);
      found[more ?? "open"] += 1;
    }
    return found;
  };
  const cost = (one, key) => (one.marks[key] ?? "") + scientific(one.x[key]) + (one.notes[key] ? `, ${one.notes[key]}` : "");
  const told = (all, shown, places, axis, unnamed) => {
    if (!all.length) return "No distilled model is left by this choice.";
    const parts = [`${several(all.length, "score")} of ${several(unique(all.map((one) => one.model)).length, "distilled model")}.`];
    const gains = counted(places);
    if (gains.known) {
      parts.push(`Against the curves, in ${several(gains.known, "comparison")} of a model with a curve, vanilla surely takes more compute for the same score in ${gains.above}, less in ${gains.below}; ${gains.open} undecided.`);
    } else parts.push("No comparison with a known cost.");
    const missing = all.length - shown.length;
    if (missing) parts.push(`${missing} not drawn: this compute is not available of them.`);
    if (unnamed) parts.push(`${several(unnamed, "name")} found no room: hover, or read the table.`);
    return parts.join(" ");
  };
  const row = (one, places, axis) => {
    const at = one.x[axis.key];
    const list = (text) => places.map((place) => `${text(place)} (${place.family})`).join("; ") || "not available";
    const cells = [
      one.model, one.family, one.score.toFixed(1) + (one.low === null ? "" : ` (${one.low.toFixed(1)} to ${one.high.toFixed(1)})`),
      at === null ? "not available" : cost(one, axis.key),
      list((place) => place.size), list((place) => place.gain?.text ?? "not available"),
      data.sources[one.source] ?? one.source,
    ];
    const line = document.createElement("tr");
    for (const text of cells) line.append(Object.assign(document.createElement("td"), { textContent: text }));
    return line;
  };

  const draw = () => {
    const setting = controls.setting.value;
    const axis = data.axes.find((one) => one.key === controls.x.value);
    const [family, curve, source] = ["family", "curve", "source"].map((name) => controls[name].value);
    const here = (one) => one.setting === setting && (!curve || one.family === curve);
    narrowed(setting);
    const all = data.models.filter((one) => one.setting === setting && (!family || one.family === family) && (!source || one.source === source))
      .sort((a, b) => b.score - a.score);
    const placed = new Map(all.map((one) => [one, one.places.filter((place) => !curve || place.family === curve)
      .map((place) => ({ ...place, model: one.model, gain: place.gains[axis.key] ?? null }))]));
    const shown = all.filter((one) => one.x[axis.key] !== null);
    const points = data.points.filter((one) => here(one) && one.x[axis.lines] !== null);
    const lines = data.lines.filter((one) => here(one) && one.axis === axis.lines);
    const models = shown.map((one) => ({
      ...one, x: one.x[axis.key], places: null, known: axis.key in one.marks ? "bound" : "known",
      said: `${one.score.toFixed(1)}${one.low === null ? "" : ` (95%: ${one.low.toFixed(1)} to ${one.high.toFixed(1)})`}`,
      cost: `${cost(one, axis.key)}, ${axis.title}`, by: data.sources[one.source] ?? one.source,
    }));
    const vanilla = points.map((one) => ({
      ...one, x: one.x[axis.lines], said: one.score.toFixed(1), cost: `${scientific(one.x[axis.lines])}, ${axis.title}`, by: data.sources[one.source] ?? one.source,
    }));
    body.replaceChildren(...all.map((one) => row(one, placed.get(one), axis)));
    const places = [...placed.values()].flat();
    if (!models.length) {
      chart.replaceChildren("No distilled model with this compute is left by this choice.");
      status.textContent = told(all, shown, places, axis, 0);
      return;
    }
    const { spec, hidden } = painted(models, vanilla, lines, axis);
    status.textContent = told(all, shown, places, axis, hidden);
    views.embed(chart, spec, `${setting} against ${axis.title}. ${status.textContent} The table below holds the scores.`);
  };

  // The chart, and how many names found no room.
  const painted = (models, vanilla, lines, axis) => {
    const bars = controls.bars.checked;
    const narrow = chart.clientWidth < 560, height = narrow ? 340 : 440;
    const width = Math.max(180, chart.clientWidth - 64);
    const across = [...models, ...vanilla].map((one) => one.x);
    const up = [...models.flatMap((one) => (bars && one.low !== null ? [one.low, one.high] : [one.score])), ...vanilla.map((one) => one.score)];
    const room = Math.max(Math.max(...across) / Math.min(...across), 2) ** 0.1;
    const xs = [Math.min(...across) / room, Math.max(...across) * room];
    const ys = [Math.max(0, Math.min(...up) - 4), Math.min(100, Math.max(...up) + 4)];
    const px = (v) => (Math.log(v / xs[0]) / Math.log(xs[1] / xs[0])) * width;
    const py = (v) => (1 - (v - ys[0]) / (ys[1] - ys[0])) * height;
    const named = (rows, fate) => rows.map((one) => ({ entry: one.model, x: one.x, y: one.score, fate }));
    const { names, leaders, hidden } = views.named([...named(models, "kept"), ...named(vanilla, "behind")], px, py, width, height);
    const spec = structuredClone(data.specification);
    spec.datasets = {
      lines, vanilla, models, bars: bars ? models.filter((one) => one.low !== null) : [],
      names, leaders,
    };
    const families = unique([...lines, ...vanilla].map((one) => one.family));
    for (const layer of spec.layer) {
      if (layer.mark.color === "ink") layer.mark.color = views.ink();
      if (layer.encoding.color) layer.encoding.color.scale = { domain: families, range: families.map((name) => data.colours[data.families.indexOf(name)]) };
      if (["names", "leaders"].includes(layer.data.name)) continue;
      Object.assign(layer.encoding.x, {
        title: axis.title, scale: { type: "log", domain: xs, nice: false },
        axis: { format: ".0e", tickCount: narrow ? 3 : 6, labelOverlap: "greedy" },
      });
      Object.assign(layer.encoding.y, { title: "score", scale: { domain: ys, zero: false }, axis: { minExtent: 34, maxExtent: 34 } });
    }
    Object.assign(spec, { width, height, padding: 4, background: "transparent", config: views.config(narrow) });
    return { spec, hidden };
  };

  views.follow(controls, draw);
}

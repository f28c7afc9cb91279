// The chart with controls: which axes, which limits. What is drawn and picked follows from them, and
// the address holds them, so that a view can be sent. All text from data is set as text.
for (const root of document.querySelectorAll("[data-explorer]")) {
  const data = JSON.parse(document.getElementById(root.dataset.explorer).textContent);
  const { number, percent, share } = Figures;
  const controls = root.querySelector("form");
  const chart = root.querySelector(".explored");
  const status = root.querySelector("[role=status]");
  const bounded = data.axes.filter((axis) => axis.limit);
  const OF_TASKS = ["flops", "total_s", "p95_s", "ttft_median_s", "energy_j", "co2e_g", "usd", "peak_memory_mib", "output_tokens"];
  const draws = new Map();  // of each measure, unpacked when it is first looked at
  const drawnOf = (key) => {
    if (!draws.has(key) && data.draws[key]) draws.set(key, Figures.unpacked(data.draws[key]));
    return draws.get(key);
  };

  const fill = (select, options) => {
    for (const [value, text, group] of options) {
      let place = select;
      if (group) {
        place = [...select.children].find((child) => child.label === group);
        if (!place) select.append(place = Object.assign(document.createElement("optgroup"), { label: group }));
      }
      place.append(new Option(text, value));
    }
  };
  fill(controls.x, data.axes.map((axis) => [axis.key, axis.title]));
  fill(controls.y, data.measures.map((measure) => [measure.key, measure.title, measure.group]));
  if (controls.grid) {
    const said = data.points.some((point) => point.grid !== null);
    fill(controls.grid, [["", said ? "as the suite states" : "not stated"],
      ...data.grids.map((grid, i) => [String(i), `${grid.title}: ${grid.value}`])]);
  }
  if (controls.accelerator) fill(controls.accelerator, [["", "published hours only"], ...data.accelerators.map((one, i) => [String(i), one.title])]);

  // A cost that rests on what the reader states: grams by the electricity, dollars by the hour. Null
  // where it is not stated, or what it is a multiple of is not known.
  const grams = (point) => {
    const chosen = data.grids[controls.grid?.value || -1];
    const intensity = chosen ? chosen.value : point.grid;
    if (intensity === null || point.costs.energy_j === null) return null;
    return [point.costs.energy_j / 3.6e6 * intensity,
      `derived: joules (${point.known.energy_j}) x ${intensity} g CO2e / kWh (${chosen ? chosen.title + ", " + chosen.source : "stated in the suite"})`];
  };
  const dollars = (point, scope) => {
    const money = point.money?.[scope];
    if (!money) return null;
    if (money.usd !== null) return [money.usd, money.known];
    const price = controls.hour_usd.value, on = data.accelerators[controls.accelerator.value || -1];
    if (price === "" || money.flops === null || (money.flops > 0 && !on) || !(money.hours > 0 || money.flops > 0)) return null;
    const worked = money.flops > 0 ? money.flops / on.value / 3600 : 0;
    const parts = [money.hours > 0 ? `${number(money.hours)} published hours` : "", worked ? `${number(worked)} hours from FLOPs on ${on.title}, ${on.source}` : ""];
    return [(money.hours + worked) * Number(price),
      `${worked ? "estimated" : "derived"}: ${parts.filter(Boolean).join(" and ")} x USD ${price}${money.bound ? "; " + money.bound : ""}`, money.mark];
  };
  // Whether the score is of one task, and the cost of all: what each task took by itself is not in the page.
  const several = data.measures.filter((one) => one.key.startsWith("task ")).length > 1;
  const overAll = (axis, measure) => several && measure.key.startsWith("task ") && OF_TASKS.includes(axis.key);
  // The cost of a point and how it is known; null: not known.
  const costOf = (point, i, axis, measure) => {
    let found = null;
    if (axis.key === "co2e_g") found = grams(point);
    else if (axis.key.startsWith("money ")) found = dollars(point, axis.key.slice(6));
    else if (axis.key === "output_tokens" && measure.spent) found = measure.spent[i] === null ? null : [measure.spent[i], "derived: what was within the budget"];
    else if (point.costs[axis.key] !== null) found = [point.costs[axis.key], point.known[axis.key] ?? axis.known, point.marks?.[axis.key]];
    if (!found) return null;
    if (axis.each && measure.answers > 1) return [found[0] * measure.answers, `${found[1]}; of ${measure.answers} answers`];
    if (overAll(axis, measure)) return [found[0], `${found[1]}; over all tasks`];
    if (axis.each && measure.budget && !(axis.key === "output_tokens")) return [found[0], `${found[1]}; of whole answers, not cut`];
    return found;
  };

  // Least and most of a cost, which differ where creation is a bound.
  const endsOf = (point, axis, cost) => {
    if (!cost) return null;
    const told = point.ends?.[axis.key];
    if (told) return [told[0], told[1] ?? Infinity];
    const mark = cost[2] ?? "";  // of money, that follows from the reader's price
    return [/[≤~]/.test(mark) ? 0 : cost[0], /[≥~]/.test(mark) ? Infinity : cost[0]];
  };

  // Why a model falls out; empty if it keeps to every limit. What is not known keeps to none.
  const shortfall = (point, i, measure) => {
    if (point.barred) return point.barred;
    const least = controls.accuracy.value;
    const score = point.scores[measure.key];
    if (least !== "" && (!score || score[0] < Number(least) / 100 - 1e-12)) return "score below " + least + "%";
    for (const axis of bounded) {
      const most = controls.elements.namedItem(axis.key).value;
      if (most === "") continue;
      const cost = costOf(point, i, axis, measure);
      if (cost === null) return axis.title + " not available";
      if (cost[0] > Number(most)) return axis.title + " above " + most;
      if (point.partly[axis.key]) return `${axis.title} ${point.partly[axis.key]}`;
    }
    return "";
  };

  // The vanilla models that score the same, in words; times is what a cost of several answers is
  // a multiple of.
  const equal = (i, axis, measure, times) => {
    const found = data.placed[axis.scale]?.[measure.key]?.[i];
    if (!found) return "";
    const words = ([value, bound, low, high], what, form = number, scale = 1) => {
      const mark = { "=": "", ">=": "at least ", "<=": "at most " }[bound];
      const [from, to] = [low, high].map((end) => (end === null ? null : form(end * scale)));
      const range = from !== null && to !== null ? `${from} to ${to}` : from !== null ? `from ${from}` : to !== null ? `up to ${to}` : "beyond the family's range on both sides";
      return `${mark}${form(value * scale)}${what} (95%: ${range})`;
    };
    const gain = found.gains[axis.key.startsWith("creation ") ? axis.key.slice(9) : axis.scale];
    const what = { parameters: " parameters", flops: " FLOPs an answer", compute_flops: " FLOPs of creation" }[axis.scale];
    const than = axis.scale === "parameters" ? "over its own size" : "compute-equivalent gain";
    return `${found.family} of ${words(found.size, what, axis.scale === "parameters" ? Figures.count : number, times)}; ${than}: ` +
      (gain ? words(gain, " times") : "not available, as its own is not known");
  };
  const vanillaWords = (axis, measure, rows, times) => {
    if (!axis.scale) return "";
    const curves = data.curves[axis.scale]?.[measure.key] ?? [];
    if (!curves.length) return "No vanilla curve: no vanilla model of a family that a card names ran.";
    const said = curves.map((curve) => (curve.why ? `No curve of vanilla ${curve.family}: ${curve.why}.` :
      `Curve of vanilla ${curve.family} through ${curve.points} models, with the 95% band of the curve.`));
    const placed = rows.filter((row) => row.role === "distilled" && row.equal).slice(0, 3);
    return [...said, ...placed.map((row) => `${row.entry} scores as vanilla ${row.equal}.`)].join(" ");
  };

  const table = (axis, measure, rows) => {
    const box = root.querySelector("table.drawn");
    const cell = (kind, text) => Object.assign(document.createElement(kind), { textContent: text });
    box.caption.textContent = `${measure.title} against ${axis.title}`;
    const heads = ["model", "role", measure.title, axis.title, "how the cost is known", "on the frontier in", "vanilla models that score the same", "falls out"];
    box.tHead.rows[0].replaceChildren(...heads.map((head) => Object.assign(cell("th", head), { scope: "col" })));
    box.tBodies[0].replaceChildren(...rows.map((row) => {
      const line = document.createElement("tr");
      line.append(...[row.entry, row.role, row.score, row.cost, row.told, row.sure, row.equal || "not available", row.why].map((text) => cell("td", text)));
      return line;
    }));
  };

  const surelyWords = (found) => {
    if (found === undefined) return "not available";
    const [surely, may] = Array.isArray(found) ? found : [found, found];
    return may - surely < 1e-9 ? share(may) + " of draws" :
      `not decidable: ${share(surely)} to ${share(may)} of draws, as a creation is a bound`;
  };

  const rowsOf = (axis, measure, costs, ends, why, on) => data.points.map((point, i) => {
    const score = point.scores[measure.key], times = axis.each ? measure.answers : 1;
    return {
      entry: point.entry, role: point.role, family: point.family, x: costs[i]?.[0] ?? null, from: ends[i]?.[0], to: ends[i]?.[1], y: score?.[0] ?? null, low: score?.[1], high: score?.[2],
      score: score ? `${percent(score[0])} (95%: ${percent(score[1])} to ${percent(score[2])})` : "not available",
      cost: costs[i] ? (costs[i][2] ?? "") + number(costs[i][0]) : "not available", told: costs[i]?.[1] ?? "not available",
      sure: surelyWords(on.get(i)), equal: equal(i, axis, measure, times),
      why: why[i] || "no", fate: why[i] ? "out" : "kept",
    };
  });

  // The pick is the most accurate of what keeps to the limits, whether this cost of it is known or not.
  const picked = (measure, kept, best, drawn) => {
    const worth = (i) => data.points[i].scores[measure.key][0];
    const pick = [...kept].sort((a, b) => (Math.abs(worth(b) - worth(a)) < 1e-12 ? a - b : worth(b) - worth(a)))[0];
    if (pick === undefined) return "No model keeps to these limits.";
    const rivals = new Set(kept.map((i) => data.points[i].alike)).size > 1;
    const name = measure.answers > 1 || measure.budget ? measure.title : "accuracy";
    return `Take ${data.points[pick].entry}: ${name} ${percent(worth(pick))}` +
      (drawn && rivals ? `, the most accurate in ${share(best.get(pick))} of ${drawn.count.toLocaleString("en")} draws of the questions.` : ".");
  };

  const styled = (spec, axis, measure, xs, ys, log, narrow) => {
    for (const layer of spec.layer) {
      if (layer.data.name === "names") layer.mark.color = views.ink();
      if (layer.data.name === "names" || layer.data.name === "leaders") continue;
      Object.assign(layer.encoding.x, {
        title: axis.title + (overAll(axis, measure) ? ", over all tasks" : ""), scale: { type: log ? "log" : "linear", domain: xs, nice: false },
        axis: { format: axis.form, tickCount: narrow ? 3 : 6, labelOverlap: "greedy" },
      });
      Object.assign(layer.encoding.y, {
        title: measure.key.startsWith("task ") ? "accuracy, " + measure.title : measure.title, scale: { domain: ys }, axis: { format: "%", minExtent: 34, maxExtent: 34 },
      });
      if (layer.data.name === "curves") layer.mark.clip = true;
    }
    Object.assign(spec, { padding: 4, background: "transparent", config: views.config(narrow) });
  };

  const painted = (axis, measure, rows, times) => {
    const log = controls.log.checked, narrow = chart.clientWidth < 560;
    const width = Math.max(180, chart.clientWidth - 64), height = narrow ? 300 : rows.length > 20 ? 480 : 360;
    const ends = [Math.min(...rows.map((r) => r.x)), Math.max(...rows.map((r) => r.x))];
    const room = Math.max((ends[1] / ends[0]) ** 0.12, 1.02);
    const wide = ends[1] - ends[0] || Math.abs(ends[1]) || 1;
    const xs = log ? [ends[0] / room, ends[1] * room] : [Math.max(0, ends[0] - 0.08 * wide), ends[1] + 0.08 * wide];
    const ys = [0, Math.min(1.08, Math.max(0.1, ...rows.map((r) => r.high)) * 1.12)];  // names have room above
    const at = (v) => (log ? Math.log(v) : v);
    const px = (v) => ((at(v) - at(xs[0])) / (at(xs[1]) - at(xs[0]))) * width;
    const py = (v) => (1 - (v - ys[0]) / (ys[1] - ys[0])) * height;
    const curves = (data.curves[axis.scale]?.[measure.key] ?? []).flatMap((curve, n) => (curve.x ?? []).map((x, k) => ({
      x: x * times, y: curve.y[k], low: curve.low[k], high: Math.min(curve.high[k], ys[1]), family: curve.family, curve: String(n) })));
    const spec = structuredClone(data.specification);
    const { names, leaders, hidden } = views.named(rows, px, py, width, height);
    styled(spec, axis, measure, xs, ys, log, narrow);
    const found = Figures.frontier(rows);
    spec.datasets = { points: rows, frontier: found.surely, curves, names, leaders };
    Object.assign(spec, { width, height });
    return { spec, hidden, open: found.open.map((row) => row.entry) };
  };

  const draw = () => {
    const axis = data.axes.find((one) => one.key === controls.x.value);
    const measure = data.measures.find((one) => one.key === controls.y.value);
    const drawn = drawnOf(measure.key), times = axis.each ? measure.answers : 1;
    const costs = data.points.map((point, i) => costOf(point, i, axis, measure));
    const why = data.points.map((point, i) => shortfall(point, i, measure));
    const kept = data.points.map((_, i) => i).filter((i) => !why[i] && data.points[i].scores[measure.key]);
    const alike = data.points.map((point) => point.alike);
    const ends = data.points.map((point, i) => endsOf(point, axis, costs[i]));
    let [on, best] = drawn ? Figures.shares(drawn, kept, costs.map((cost) => cost?.[0] ?? null), alike) : [new Map(), new Map()];
    if (drawn && ends.some((two) => two && two[0] !== two[1])) on = Figures.boundShares(drawn, kept, ends);
    const all = rowsOf(axis, measure, costs, ends, why, on);
    const rows = all.filter((row) => row.y !== null && row.x !== null && (row.x > 0 || !controls.log.checked));
    const zeros = controls.log.checked ? all.filter((row) => row.y !== null && row.x !== null && row.x <= 0).length : 0;
    table(axis, measure, all);
    root.querySelector(".vanilla").textContent = vanillaWords(axis, measure, all, times);
    const { spec, hidden, open } = rows.length ? painted(axis, measure, rows, times) : { spec: null, hidden: 0, open: [] };
    if (!rows.length) chart.replaceChildren(zeros ? "0 has no place on a logarithmic axis." : axis.key === "co2e_g" ? "Not available of any model: say which electricity, above." :
      axis.key.startsWith("money ") ? "Not available of any model: say what an accelerator-hour costs, and on which accelerator." : "Not available of any model.");
    const out = why.filter(Boolean).length;
    const missing = all.length - rows.length - zeros;
    status.textContent = picked(measure, kept, best, drawn) +
      (out ? ` ${out} of ${all.length} fall out.` : "") +
      (zeros ? ` ${zeros} not drawn: 0 has no place on a logarithmic axis.` : "") +
      (missing ? ` ${missing} not drawn: this figure is not available of them.` : "") +
      (open.length ? ` Whether ${open.join(", ")} stand${open.length > 1 ? "" : "s"} on the frontier is not decidable: a creation is a bound.` : "") +
      (hidden ? ` ${hidden} ${hidden > 1 ? "names have" : "name has"} no room: hover, or see the table.` : "");
    const words = `${measure.title} against ${axis.title}. ${status.textContent} The table below holds what is drawn.`;
    if (spec) views.embed(chart, spec, words);
    else chart.setAttribute("aria-label", words);
  };

  views.follow(controls, draw);
}

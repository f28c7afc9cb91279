// What the chart with controls counts and finds places for: numbers in, numbers out.
const Figures = (() => {
  const number = (value) => (value === 0 || (value >= 1e-4 && value < 1e6)
    ? Number(value.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 })
    : value.toExponential(2).replace("e+", "e"));
  const count = (value) => (value >= 1e9 ? number(value / 1e9) + "B" : value >= 1e6 ? number(value / 1e6) + "M" : number(value));
  const percent = (value) => (100 * value).toFixed(1) + "%";
  // As the cards write a share of draws: only all of them are 100%, only none 0%.
  const share = (value) => (value > 0.999 && value < 1 - 1e-9 ? "over 99.9%" : value > 1e-9 && value < 0.001 ? "under 0.1%" :
    Number((100 * value).toPrecision(3)) + "%");

  // Ranks of the models in each standing that was drawn, row after row, and how often it was.
  const unpacked = (drawn) => {
    const raw = Uint8Array.from(atob(drawn.ranks), (letter) => letter.charCodeAt(0));
    const ranks = drawn.wide ? new Uint16Array(raw.buffer) : raw;
    return { ranks, times: drawn.times, count: drawn.times.reduce((a, b) => a + b, 0) };
  };

  // Share of the draws in which each of the kept stands on the frontier, and is the most accurate;
  // those that answer identically are one.
  const shares = ({ ranks, times, count }, kept, costs, alike) => {
    const models = costs.length, on = new Map(), best = new Map(kept.map((i) => [i, 0]));
    const priced = kept.filter((i) => costs[i] !== null).sort((a, b) => costs[a] - costs[b]);
    for (const i of priced) on.set(i, 0);
    times.forEach((often, row) => {
      const at = row * models;
      let top = -1, leaders = [];
      for (const i of kept) {
        if (ranks[at + i] > top) [top, leaders] = [ranks[at + i], [i]];
        else if (ranks[at + i] === top) leaders.push(i);
      }
      const groups = leaders.length > 1 ? new Set(leaders.map((i) => alike[i])).size : 1;
      for (const i of leaders) best.set(i, best.get(i) + often / groups / count);
      let reached = -1;  // the best rank of what is cheaper
      for (let first = 0; first < priced.length;) {
        let next = first, highest = -1;
        while (next < priced.length && costs[priced[next]] === costs[priced[first]]) highest = Math.max(highest, ranks[at + priced[next++]]);
        for (; first < next; first++) {
          const i = priced[first];
          if (ranks[at + i] === highest && highest > reached) on.set(i, on.get(i) + often / count);
        }
        reached = Math.max(reached, highest);
      }
    });
    return [on, best];
  };

  // Which of the kept no other beats, by what was measured.
  const frontier = (rows) => rows.filter((a) => a.fate === "kept" && !rows.some((b) => b.fate === "kept" && b !== a &&
    b.x <= a.x && b.y >= a.y && (b.x < a.x || b.y > a.y))).sort((a, b) => a.x - b.x);

  const meet = (a, b) => a.r >= b.l && a.l <= b.r && a.b >= b.t && a.t <= b.b;
  // Whether a line passes through a box: by the sides on which its ends lie, then by its corners.
  const crosses = (x1, y1, x2, y2, box) => {
    if (Math.max(x1, x2) < box.l || Math.min(x1, x2) > box.r || Math.max(y1, y2) < box.t || Math.min(y1, y2) > box.b) return false;
    const sides = [[box.l, box.t], [box.r, box.t], [box.l, box.b], [box.r, box.b]].map(([x, y]) => Math.sign((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)));
    return !(sides.every((side) => side > 0) || sides.every((side) => side < 0));
  };
  const NEAR = [[10, -9], [10, 9], [-10, -9], [-10, 9], [10, -22], [-10, 22]];
  const FAR = [30, 45, 60, 80, 100, 125, 150, 180].flatMap((far) => [-60, 60, -35, 35, -80, 80, 0].flatMap((angle) =>
    [1, -1].map((side) => [side * far * Math.cos(angle * Math.PI / 180), far * Math.sin(angle * Math.PI / 180)])));

  // Names beside their points, else farther off at the end of a line, where nothing else stands;
  // a name without such a place is left to the hover and the table.
  const named = (rows, px, py, width, height) => {
    const taken = rows.map((row) => ({ l: px(row.x) - 7, r: px(row.x) + 7, t: py(row.y) - 7, b: py(row.y) + 7 }));
    const lines = [], names = [], leaders = [];
    const place = (row, dx, dy, far) => {
      const long = row.entry.length * 7.2, x = px(row.x), y = py(row.y);
      const left = dx < 0 ? x + dx - long : x + dx;
      const box = { l: left, r: left + long, t: y + dy - 7, b: y + dy + 7 };
      if (box.l < 0 || box.r > width || box.t < 0 || box.b > height || taken.some((other) => meet(box, other))) return false;
      if (lines.some((line) => crosses(...line, box))) return false;
      const end = [x + dx + (dx < 0 ? 2 : -2), y + dy];
      const start = [x + 8 * Math.sign(dx) * Math.abs(dx) / Math.hypot(dx, dy), y + 8 * dy / Math.hypot(dx, dy)];
      if (far && taken.some((other) => crosses(...start, ...end, other) && !(other.l <= x && x <= other.r && other.t <= y && y <= other.b))) return false;
      if (far) {
        lines.push([...start, ...end]);
        leaders.push({ px: start[0], py: start[1], lx: end[0], ly: end[1] });
      }
      taken.push(box);
      names.push({ entry: row.entry, lx: box.l, ly: y + dy });
      return true;
    };
    const order = [...rows].sort((a, b) => (a.fate === b.fate ? b.y - a.y : a.fate === "kept" ? -1 : 1));
    const rest = order.filter((row) => !NEAR.some(([dx, dy]) => place(row, dx, dy, false)));
    const hidden = rest.filter((row) => !FAR.some(([dx, dy]) => place(row, dx, dy, true)));
    return { names, leaders, hidden: hidden.length };
  };

  return { number, count, percent, share, unpacked, shares, frontier, named };
})();

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

  // The same of costs that are bounds (ends: least and most of each): in which share of the draws a
  // model surely stands on the frontier, and in which it may. Surely: at its most beside the others'
  // least; it may: the other way round.
  const boundShares = ({ ranks, times, count }, kept, ends) => {
    const models = ends.length, priced = kept.filter((i) => ends[i] !== null);
    const stands = (own, other) => {
      const rivals = new Map(priced.map((i) => [i, priced.filter((j) => j !== i && ends[j][other] <= ends[i][own])]));
      const on = new Map(priced.map((i) => [i, 0]));
      times.forEach((often, row) => {
        const rank = (i) => ranks[row * models + i];
        for (const i of priced) {
          const beaten = rivals.get(i).some((j) => rank(j) > rank(i) || (rank(j) === rank(i) && ends[j][other] < ends[i][own]));
          if (!beaten) on.set(i, on.get(i) + often / count);
        }
      });
      return on;
    };
    const surely = stands(1, 0), may = stands(0, 1);
    return new Map(priced.map((i) => [i, [surely.get(i), may.get(i)]]));
  };

  // Which of the kept no other beats, by what was measured; and of which a cost that is a bound
  // (from, to) leaves it open.
  const frontier = (rows) => {
    const kept = rows.filter((row) => row.fate === "kept");
    const unbeaten = (own, other) => (a) => !kept.some((b) => b !== a && b[other] <= a[own] && b.y >= a.y && (b[other] < a[own] || b.y > a.y));
    const surely = kept.filter(unbeaten("to", "from")).sort((a, b) => a.x - b.x);
    return { surely, open: kept.filter((row) => unbeaten("from", "to")(row) && !surely.includes(row)) };
  };

  return { number, count, percent, share, unpacked, shares, boundShares, frontier };
})();

// The browser of questions: which are listed, and all that is known of one. They stand in the page,
// or a server beside it is asked for them. The address holds the view. All text is set as text.
for (const root of document.querySelectorAll("[data-questions]")) {
  const data = JSON.parse(document.getElementById(root.dataset.questions).textContent);
  const PREFIX = "#view?", EACH = 20;
  const controls = root.querySelector("form"), status = root.querySelector("[role=status]");
  const list = root.querySelector("ol"), shown = root.querySelector(".asked");
  const [back, on] = root.querySelectorAll(".pager button"), where = root.querySelector(".pager span");
  const part = (name) => controls.elements.namedItem("q." + name);
  let page = 0, chosen = "", asking = 0, rows = [];

  const made = (tag, text, more) => Object.assign(document.createElement(tag), { textContent: text ?? "" }, more);
  const fill = (select, options) => select.append(...options.map(([value, text]) => new Option(text, value)));
  const named = (names) => names.map((name) => [name, name]);
  fill(part("task"), [["", "all"], ...named(data.tasks)]);
  fill(part("first"), named(data.models));
  fill(part("second"), [["", "none"], ...named(data.models)]);
  fill(part("ended"), [["", "all"], ...named(data.ended)]);
  fill(part("pair"), data.pairs);
  fill(part("sort"), data.sorts);
  part("second").value = data.models[1] ?? "";

  // Where the questions are. Both ways answer the same: a page of them, and one whole.
  const keyOf = ({ task, seed, epoch, id }) => new URLSearchParams({ task, seed, epoch, id }).toString();
  const by = (one, model) => (Object.hasOwn(one.answers, model) ? one.answers[model] : undefined);
  const right = (answer) => answer?.ended === "right";
  const agrees = {
    "": () => true,
    differ: (a, b) => b && right(a) !== right(b),
    first: (a, b) => b && right(a) && !right(b),
    second: (a, b) => b && !right(a) && right(b),
    neither: (a, b) => b && !right(a) && !right(b),
  };
  const inPage = {
    list: async (view) => {
      const [, least, key] = view.sort.match(/^(-?)(.*)$/);
      const cost = (one) => by(one, view.first)[key];
      const found = data.questions.filter((one) => {
        const a = by(one, view.first), b = by(one, view.second);
        return a && (!view.task || one.task === view.task) && (!view.ended || a.ended === view.ended) && agrees[view.pair](a, b);
      });
      const missing = (one) => Number(cost(one) === undefined);
      if (key !== "asked") found.sort((p, q) => missing(p) - missing(q) || (missing(p) ? 0 : (cost(q) - cost(p)) * (least ? -1 : 1)));
      const start = view.page * EACH;
      return { count: found.length, rows: found.slice(start, start + EACH).map((one) => ({ ...one, first: by(one, view.first), second: by(one, view.second) })) };
    },
    one: async (key, view) => {
      const one = data.questions.find((other) => keyOf(other) === key);
      if (!one) throw new Error("there is no such question in this run");
      const told = (messages) => messages?.map(([role, text, thought]) => [role, data.texts[text], thought === null ? null : data.texts[thought]]);
      const whole = (answer) => answer && { ...answer, prompt: told(data.prompts[answer.prompt]), said: told(answer.said) };
      return { ...one, first: whole(by(one, view.first)), second: whole(by(one, view.second)) };
    },
  };
  const asked = async (file, words) => {
    const reply = await fetch(file + "?" + new URLSearchParams(words));
    const said = await reply.json();
    if (!reply.ok) throw new Error(said.error);
    return said;
  };
  const beside = {
    list: (view) => asked("list.json", view),
    one: (key, view) => asked("question.json", [...new URLSearchParams(key), ["first", view.first], ["second", view.second]]),
  };
  const source = data.served ? beside : inPage;

  const view = () => {
    const first = part("first").value, second = part("second").value === first ? "" : part("second").value;
    return { task: part("task").value, first, second, ended: part("ended").value, pair: second ? part("pair").value : "", sort: part("sort").value, page };
  };
  const read = () => {
    const words = new URLSearchParams(location.hash.startsWith(PREFIX) ? location.hash.slice(PREFIX.length) : "");
    for (const control of controls.elements) {
      const value = words.get(control.name);
      if (value !== null && [...control.options].some((option) => option.value === value)) control.value = value;
    }
    page = Math.max(0, Math.floor(Number(words.get("q.page")) || 0));
    chosen = words.get("q.of") ?? "";
  };
  // Others keep their own words in the address.
  const write = () => {
    const words = new URLSearchParams(location.hash.startsWith(PREFIX) ? location.hash.slice(PREFIX.length) : "");
    for (const control of controls.elements) words.set(control.name, control.value);
    words.set("q.page", page);
    words.set("q.of", chosen);
    history.replaceState(null, "", PREFIX + words);
  };

  const number = (value, digits) => value === undefined || value === null ? "not available" : value.toLocaleString("en", { maximumFractionDigits: digits });
  const brief = (model, answer) => `${model}: ` + (!answer ? "not asked" :
    `${answer.ended}, ${number(answer.tokens, 0)} tokens, ${number(answer.seconds, 2)} s`);
  const item = (row, now) => {
    const button = made("button", "", { type: "button" });
    const of = [row.id.startsWith(row.task) ? "" : row.task, row.seed ? `seed ${row.seed}` : "", row.epoch > 1 ? `epoch ${row.epoch}` : ""];
    button.append(made("b", row.id));
    if (of.some(Boolean)) button.append(made("span", of.filter(Boolean).join(", ")));
    button.append(made("span", brief(now.first, row.first)));
    if (now.second) button.append(made("span", brief(now.second, row.second)));
    button.dataset.key = keyOf(row);
    button.setAttribute("aria-current", String(button.dataset.key === chosen));
    const li = made("li");
    li.append(button);
    return li;
  };

  const messages = (said) => said.flatMap(([role, text, thought]) => {
    const parts = [made("p", role, { className: "role" })];
    if (thought !== null && thought !== undefined) {
      const inner = made("details");
      inner.append(made("summary", "thinking"), made("pre", thought, { tabIndex: 0 }));
      parts.push(inner);
    }
    return [...parts, made("pre", text, { tabIndex: 0 })];
  });
  const promptOf = (prompt) => {
    const before = prompt.slice(0, -1), parts = messages(prompt.slice(-1));
    if (!before.length) return parts;
    const inner = made("details");
    inner.append(made("summary", `${before.length} messages before it: instructions and examples`), ...messages(before));
    return [inner, ...parts];
  };
  const TONES = { right: "good", "partly right": "open", "cut off": "open", "no answer": "open" };
  const told = (model, answer, prompt, target) => {
    const card = made("section", "", { className: "card " + (answer ? TONES[answer.ended] ?? "bad" : "none") });
    card.append(made("h4", model), made("p", answer ? answer.ended : "not asked", { className: "badge" }));
    if (!answer) return card;
    const facts = made("dl");
    const thinking = answer.thinking_tokens ? ` (${number(answer.thinking_tokens, 0)} thinking)` : "";
    for (const [name, value] of [
      ["extracted", answer.extracted ?? "nothing"], ["target", target ?? "not available"], ["score", number(answer.score, 3)],
      ["ended", answer.outcome ?? "not available"], ["output tokens", number(answer.tokens, 0) + thinking],
      ["seconds", number(answer.seconds, 3)], ["error", answer.error],
    ]) {
      if (value === undefined || value === null) continue;
      const pair = made("div");
      pair.append(made("dt", name), made("dd", value));
      facts.append(pair);
    }
    card.append(facts);
    if (answer.said?.length) card.append(...messages(answer.said));
    else card.append(made("p", answer.missing ?? "The model said nothing."));
    if (answer.graded) card.append(made("p", "Graded: " + answer.graded, { className: "role" }));
    if (answer.prompt && JSON.stringify(answer.prompt) !== JSON.stringify(prompt)) {
      const inner = made("details");
      inner.append(made("summary", "asked in other words"), ...messages(answer.prompt));
      card.append(inner);
    }
    return card;
  };
  const show = (one, now) => {
    const prompt = one.first?.prompt ?? one.second?.prompt;
    const missing = one.first?.missing ?? one.second?.missing ?? "No transcript holds it.";
    const answers = made("div", "", { className: "answers" });
    answers.append(told(now.first, one.first, prompt, one.target));
    if (now.second) answers.append(told(now.second, one.second, prompt, one.target));
    shown.replaceChildren(made("h3", `${one.task}: ${one.id}`), ...(prompt ? promptOf(prompt) : [made("p", "Prompt not available: " + missing)]), answers);
  };

  const open = async (key, mine) => {
    chosen = key;
    for (const button of list.querySelectorAll("button")) button.setAttribute("aria-current", String(button.dataset.key === key));
    shown.ariaBusy = String(key !== "");
    if (!key) { shown.replaceChildren(); return; }
    const now = view();
    const one = await source.one(key, now);
    if (mine !== asking) return;
    show(one, now);
    shown.ariaBusy = "false";
  };
  const failed = (error) => {
    shown.replaceChildren(made("p", "Not available: " + error.message));
    shown.ariaBusy = "false";
  };
  const draw = async (keep) => {
    const mine = ++asking, now = view();
    shown.ariaBusy = "true"; // until the question that is listed first is shown
    part("pair").disabled = !now.second;
    const { count, rows: found } = await source.list(now);
    if (mine !== asking) return;
    const pages = Math.max(1, Math.ceil(count / EACH));
    if (page >= pages) { page = pages - 1; return draw(keep); }
    rows = found;
    status.textContent = count === 1 ? "1 question" : `${count.toLocaleString("en")} questions`;
    list.replaceChildren(...rows.map((row) => item(row, now)));
    where.textContent = `page ${page + 1} of ${pages.toLocaleString("en")}`;
    [back.disabled, on.disabled] = [page === 0, page >= pages - 1];
    await open(keep && chosen ? chosen : rows.length ? keyOf(rows[0]) : "", mine);
  };
  const change = (keep) => draw(keep).then(write).catch(failed);

  controls.addEventListener("input", () => { page = 0; change(false); });
  controls.addEventListener("submit", (event) => event.preventDefault());
  back.addEventListener("click", () => { page -= 1; change(false); });
  on.addEventListener("click", () => { page += 1; change(false); });
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button) open(button.dataset.key, ++asking).then(write).catch(failed);
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const buttons = [...list.querySelectorAll("button")];
    const next = step && buttons[buttons.indexOf(document.activeElement) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.click();
  });
  addEventListener("hashchange", () => { read(); draw(true).catch(failed); });
  read();
  const sent = chosen !== "";
  draw(true).then(() => sent && root.scrollIntoView()).catch(failed);
}

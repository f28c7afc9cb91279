// Verdicts under terms that the reader chooses. All were found when the page was made: the controls
// pick. Whatever stands in the data is set as text; a link leads to a place of this page only.
for (const root of document.querySelectorAll("[data-rulings]")) {
  const ruled = JSON.parse(document.getElementById(root.dataset.rulings).textContent);
  const controls = root.querySelector("form");
  const status = root.querySelector("[role=status]");
  const cards = [...root.querySelectorAll(".chosen > .card")];
  const opening = Object.fromEntries([...controls.querySelectorAll("select")].map((one) =>
    [one.name, [...one.options].find((option) => option.defaultSelected).value]));
  const found = (one, value) => one.rulings[one.terms.map(value).join("|")];

  const linked = (links) => links.flatMap(([words, place], i) =>
    [i ? ", " : "Evidence: ", Object.assign(document.createElement("a"), { href: "#" + place, textContent: words })]);
  const draw = () => {
    let flips = 0;
    ruled.forEach((one, i) => {
      const [word, tone, sentence, links] = found(one, (name) => controls.elements.namedItem(name).value);
      const [before] = found(one, (name) => opening[name]);
      const card = cards[i], at = (name) => card.querySelector(name);
      card.className = `card ${tone}`;
      at(".badge").textContent = word;
      at(".sentence").textContent = sentence;
      at(".evidence").replaceChildren(...linked(links));
      at(".flipped").textContent = word === before ? "" : `As the page opens: ${before}.`;
      flips += word !== before;
    });
    status.textContent = flips ? `${flips} of ${ruled.length} verdicts flip under these terms: ${cards.filter((card) => card.querySelector(".flipped").textContent)
      .map((card) => `${card.querySelector("h3").textContent}: ${card.querySelector(".badge").textContent}`).join("; ")}.`
      : "The verdicts are those that the page opens with.";
  };

  root.classList.add("live");
  root.querySelector(".chosen").hidden = false;
  views.follow(controls, draw);
}

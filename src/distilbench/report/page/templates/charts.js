// Draws every chart of the page in the colours of the scheme.
const inDark = { "#ffffff": "transparent", "#1c2430": "#e6eaf0", "#e6eaf0": "#333c47", "#000000": "#e6eaf0" };
const darkened = (part, key) => {
  if (["data", "datasets", "domain"].includes(key)) return part; // what is drawn, not how
  if (typeof part === "string") return inDark[part] ?? part;
  if (Array.isArray(part)) return part.map((one) => darkened(one));
  if (part === null || typeof part !== "object") return part;
  return Object.fromEntries(Object.entries(part).map(([name, one]) => [name, darkened(one, name)]));
};
const drawCharts = () => {
  for (const element of document.querySelectorAll("[data-chart]")) {
    const plain = JSON.parse(document.getElementById(element.dataset.chart).textContent);
    const spec = views.dark.matches ? darkened(plain) : plain;
    spec.config = { ...spec.config, text: { color: views.ink() } };
    // Models' names often differ at their end only: cut them no earlier than the width demands.
    if (spec.config.legend) spec.config.legend.labelLimit = Math.max(120, element.clientWidth - 170);
    element.dataset.alt ??= element.getAttribute("aria-label");
    views.embed(element, spec, element.dataset.alt);
  }
};
drawCharts();
views.dark.addEventListener("change", drawCharts);

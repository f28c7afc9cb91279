// Draws every chart of the page. Expressions are interpreted, not compiled, so the page's content
// security policy need not allow eval.
for (const element of document.querySelectorAll("[data-chart]")) {
  const spec = JSON.parse(document.getElementById(element.dataset.chart).textContent);
  // Models' names often differ at their end only: cut them no earlier than the width demands.
  if (spec.config?.legend) spec.config.legend.labelLimit = Math.max(120, element.clientWidth - 170);
  vegaEmbed(element, spec, { actions: false, ast: true, renderer: "svg" }).catch((error) => {
    element.textContent = "This chart could not be drawn: " + error;
    console.error(error);
  });
}

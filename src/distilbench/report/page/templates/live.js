// A page of what is being written: asked for again while somebody looks at it, and replaced where it
// is another by then. Its server's pages are made of escaped text. What the reader sorts or filters
// is left as it is from then on; the sentence above it goes on.
{
  const every = Number(document.body.dataset.live) * 1000;
  const said = Object.assign(document.createElement("p"), { className: "strong unheard" });
  said.setAttribute("role", "status");
  let last = "", touched = false;

  const tell = (text) => {
    said.textContent = text;
    document.querySelector("header").append(said);
  };
  const replace = (part, fresh) => {
    const now = fresh.querySelector(part);
    if (now) document.querySelector(part)?.replaceWith(document.adoptNode(now));
  };
  const again = async () => {
    if (document.hidden) return true;
    const reply = await fetch(location.href);
    if (!reply.ok) throw new Error(reply.status);
    const text = await reply.text(), fresh = new DOMParser().parseFromString(text, "text/html");
    if (text !== last) {
      last = text;
      replace("header", fresh);
      if (!touched) {
        replace("main", fresh);
        dispatchEvent(new Event("refreshed"));
      }
    }
    tell(touched ? "The table is as it was when you changed it. Load the page again to have it follow." : "");
    return "live" in fresh.body.dataset;
  };
  const next = () => setTimeout(() => again().catch(() => {
    tell("Not refreshed since: the server does not answer.");
    return true;
  }).then((more) => more && next()), every);
  for (const event of ["input", "click"]) {
    addEventListener(event, ({ target }) => { touched ||= Boolean(target.closest?.("main :is(.tools, th)")); }, true);
  }
  next();
}

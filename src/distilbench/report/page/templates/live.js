// A page of what is being written: asked for again while somebody looks at it, and replaced where it
// is another by then. Its server's pages are made of escaped text.
const again = async () => {
  if (!document.hidden) {
    try {
      const reply = await fetch(location.href);
      if (!reply.ok) throw new Error(await reply.text());
      const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
      for (const part of ["header", "main"]) {
        const [old, now] = [document.querySelector(part), fresh.querySelector(part)];
        if (old.innerHTML !== now.innerHTML) old.replaceWith(document.adoptNode(now));
      }
      if (!fresh.body.dataset.live) return;
    } catch (error) {
      const said = document.querySelector(".unheard") ?? document.createElement("p");
      Object.assign(said, { className: "unheard strong", textContent: "Not refreshed since: the server does not answer." });
      said.setAttribute("role", "status");
      document.querySelector("header").append(said);
    }
  }
  setTimeout(again, Number(document.body.dataset.live) * 1000);
};
setTimeout(again, Number(document.body.dataset.live) * 1000);

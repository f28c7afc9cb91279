"""What each address of the server answers. Numbers name runs; all else is found from those."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.view._gate import STRICT, Gate
from distilbench.view._pages import (
    Links,
    links,
    list_page,
    listed_runs,
    progress_page,
    questions_page,
    refused_page,
)
from distilbench.view._questions import Wanted, listed, question

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from distilbench.view._run import Viewed

_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]*)"')
_GONE, _UNKNOWN = 409, 404


def application(runs: Sequence[Viewed], scratch: Path, token: str, port: int) -> Gate:
    """The server's application, behind its gate."""
    return Gate(_routes(_Site(runs, scratch)), token, port)


def _routes(site: _Site) -> Starlette:
    from starlette.applications import Starlette
    from starlette.routing import Route

    of_run = "/run/{number}"
    app = Starlette(
        routes=[
            Route("/", site.front),
            Route(f"{of_run}/progress/", site.progress),
            Route(f"{of_run}/questions/", site.questions),
            Route(f"{of_run}/questions/list.json", site.list_json),
            Route(f"{of_run}/questions/question.json", site.question_json),
            Route(f"{of_run}/report/", site.report),
        ]
    )
    app.router.redirect_slashes = False
    return app


class _Site:
    """The answers; each in a thread of its own."""

    def __init__(self, runs: Sequence[Viewed], scratch: Path) -> None:
        self._runs, self._scratch = runs, scratch
        self._own = Lock()  # while a page that belongs to no run is made and read

    def front(self, request: Request) -> Response:
        from starlette.responses import RedirectResponse

        if len(self._runs) == 1:
            return RedirectResponse("/run/0/progress/", 303)
        with self._own:
            return _page(list_page(listed_runs([run.place for run in self._runs]), self._scratch))

    def progress(self, request: Request) -> Response:
        return self._of_run(request, lambda run: progress_page(run, self._several))

    def questions(self, request: Request) -> Response:
        return self._of_run(request, lambda run: questions_page(run, self._several))

    def report(self, request: Request) -> Response:
        return self._of_run(request, lambda run: run.report(links(self._several)))

    def list_json(self, request: Request) -> Response:
        def answer(run: Viewed) -> dict[str, Any]:
            entries = run.entries()
            return listed(run.table(), entries, Wanted.parse(request.query_params, entries))

        return self._json(request, answer)

    def question_json(self, request: Request) -> Response:
        def answer(run: Viewed) -> dict[str, Any]:
            return question(run.table(), run.folder, run.entries(), request.query_params)

        return self._json(request, answer)

    @property
    def _several(self) -> bool:
        return len(self._runs) > 1

    def _run(self, request: Request) -> Viewed | None:
        known = {str(number): run for number, run in enumerate(self._runs)}
        return known.get(request.path_params["number"])

    def _of_run(self, request: Request, make: Callable[[Viewed], Path]) -> Response:
        run = self._run(request)
        if run is None:
            return self._refusal("There is no such run here.", (("All runs", "/"),), _UNKNOWN)
        try:
            with run.making, _sentences():
                return _page(make(run))
        except InputError as error:
            return self._refusal(str(error), links(self._several), _GONE)

    def _refusal(self, said: str, beside: Links, status: int) -> Response:
        with self._own:
            return _page(refused_page(said, self._scratch, beside), status)

    def _json(self, request: Request, make: Callable[[Viewed], dict[str, Any]]) -> Response:
        run = self._run(request)
        if run is None:
            return _json({"error": "there is no such run here"}, _UNKNOWN)
        try:
            with _sentences():
                return _json(make(run))
        except InputError as error:
            return _json({"error": str(error)}, _GONE)


@contextmanager
def _sentences() -> Iterator[None]:
    """What a run that changes or is damaged meanwhile raises, as a sentence."""
    import polars as pl

    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = " ".join(str(error).split())[:200]
        remedy = "try again; if it stays so, put back a copy of its records"
        raise InputError("the run", f"could not be read ({reason})", remedy) from error


def _page(file: Path, status: int = 200) -> Response:
    """A page of ours under its own policy, which is also given in a header: there it can forbid
    more."""
    from starlette.responses import HTMLResponse

    text = file.read_text("utf-8")
    found = _POLICY.search(text)
    policy = html.unescape(found[1]) if found else "default-src 'none'"
    beyond = STRICT.partition("; ")[2]
    return HTMLResponse(text, status, {"content-security-policy": f"{policy}; {beyond}"})


def _json(data: dict[str, Any], status: int = 200) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(data, status)

"""The command view."""

from __future__ import annotations

from typing import Annotated

import typer

from distilbench.cli._print import print_line
from distilbench.cli._run import Open, open_page


def register(app: typer.Typer) -> None:
    app.command()(view)


def view(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Run directories, or folders of them, each a folder or a URL.",
            show_default=False,
        ),
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: one that is free.")] = 7600,
    open_view: Open = False,
) -> None:
    """Show runs in a browser, until Ctrl-C: report, every question, how far a run at work is."""
    from distilbench.view import listening, runs_at

    places = runs_at(runs)
    try:
        with listening(places, port) as served:
            count = str(places[0]) if len(places) == 1 else f"{len(places)} runs"
            print_line(f"showing {count} at {served.url} (Ctrl-C stops it)")
            if open_view:
                open_page(served.url)
            served.wait()
    except KeyboardInterrupt:
        print_line("stopped")

"""Arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from distilbench.errors import InputError

MODEL_HELP = "A card of the catalog, or a GGUF, config.json, folder, hf:owner/name/file, pypi:name."
RunPlace = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="Run directory: a folder, or a URL as s3://.", show_default=False
    ),
]
RunPlaces = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN...",
        help="Run directories: each a folder, or a URL as s3://.",
        show_default=False,
    ),
]
OneScope = Literal["student", "pipeline", "amortised", "lineage"]
AnyScope = Literal["student", "pipeline", "amortised", "lineage", "all"]
"""Scopes of creation cost, as ``compute.SCOPES``, whose import would take time at every start."""
ModelName = Annotated[str, typer.Argument(help=MODEL_HELP, show_default=False)]


def here(out: str, what: str = "folder") -> Path:
    """The folder or file of this machine that ``--out`` names. Raises ``InputError`` if it is at a
    URL."""
    from distilbench.place import Place

    place = Place.parse(out)
    if place.url is not None:
        raise InputError(f"--out {place}", "is a URL", f"name a {what} of this machine")
    return place.path


def _share(points: float) -> float:
    if not 0 < points <= 100:
        raise InputError("--margin", f"is {points:g}", "give percentage points above 0, up to 100")
    return points / 100


Margin = Annotated[
    float,
    typer.Option(
        callback=_share,
        help="Percentage points of accuracy that a distilled model may lose and still count as not"
        " inferior to its counterpart.",
    ),
]
"""Given in percentage points; what a command gets is a share."""

"""Arguments that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

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
ModelName = Annotated[str, typer.Argument(help=MODEL_HELP, show_default=False)]

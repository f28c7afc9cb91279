"""Arguments that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

MODEL_HELP = "A card of the catalog, or a GGUF, config.json, folder, hf:owner/name/file, pypi:name."
ModelName = Annotated[str, typer.Argument(help=MODEL_HELP, show_default=False)]

"""What all stages of making one recipe's student share."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from distilbench.cache import cache_folder
from distilbench.distill.accounts import StageMeter
from distilbench.distill.recipe import Recipe
from distilbench.distill.teacher import TeacherCache
from distilbench.distill.training._launch import is_main
from distilbench.events import OnEvent


@dataclass
class Bench:
    """A recipe, the folder that its paths of models start from, the ``place`` its student is made
    in; the meter of its stages and the cache of teacher outputs."""

    recipe: Recipe
    folder: Path
    place: Path
    on_event: OnEvent

    def __post_init__(self) -> None:
        self.where = f"recipe {self.recipe.name!r}"
        attempts = self.place / "attempts" if is_main() else Path(tempfile.mkdtemp())
        self.meter = StageMeter(self.recipe.name, attempts, self.recipe.machine)
        self.cache = TeacherCache(cache_folder() / "distill")
        # Two students of one name in two folders are two users of a teacher's output.
        self.user = str(self.place.resolve())

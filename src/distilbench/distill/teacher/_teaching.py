"""The teacher of a recipe: found, made first if it has a recipe of its own, loaded when needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.distill.accounts import (
    Origin,
    StageRecord,
    TeacherSize,
    find_origin,
    read_stages,
    stated_size,
)
from distilbench.distill.recipe import Distillation, Recipe, load_recipe
from distilbench.distill.teacher._answers import Generator, Sampling
from distilbench.distill.teacher._generators import TransformersGenerator, engine_generator
from distilbench.distill.teacher._logits import LocalScorer, Scorer
from distilbench.distill.teacher._server_logits import ServerScorer
from distilbench.distill.weights import Loaded, load
from distilbench.engines import local_path
from distilbench.errors import InputError
from distilbench.events import OnEvent, TeacherFirst
from distilbench.source import Source

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass
class Teaching(Origin):
    """A teacher at work: what generates for it, and its weights while they are needed."""

    engine: str | None = None
    stages: list[StageRecord] = field(default_factory=list)
    _loaded: Loaded | None = None

    def loaded(self) -> Loaded | None:
        """The teacher in transformers."""
        if self.source is None:
            return None
        if self._loaded is None:
            if not self.source.has_files:
                raise InputError(
                    self.where,
                    "is served elsewhere, and its weights are needed",
                    "give its files; or use method sequence-level, or logit with 'top_k', with a"
                    " 'tokenizer' and a 'student' of its own",
                )
            self._loaded = load(self.source, self.folder, self.where)
        return self._loaded

    def release(self) -> None:
        """Forget the loaded weights: other processes need the memory."""
        self._loaded = None

    def generator(self, sampling: Sampling, batch: int) -> Generator:
        """What answers for it: llama.cpp or another engine through Inspect, or transformers."""
        assert self.source is not None
        if self.engine == "transformers":
            loaded = self.loaded()
            assert loaded is not None
            return TransformersGenerator(loaded, sampling)
        return engine_generator(self.source, self.folder, self.size, sampling, batch, self.where)

    @property
    def size(self) -> TeacherSize:
        """As recipe or card states it: of a teacher whose weights are not here."""
        return stated_size(self.card, self.parameters)

    @property
    def is_served(self) -> bool:
        """Whether only a server has its weights."""
        return self.source is not None and self.source.is_inspect

    def scorer(
        self, distillation: Distillation, tokenizer: PreTrainedTokenizerBase, at_once: int
    ) -> Scorer:
        """What tells its best log-probabilities: its server, or its weights in this process.
        ``tokenizer``: the student's. Raises ``InputError`` if the server cannot."""
        assert self.source is not None
        if not self.is_served:
            loaded = self.loaded()
            assert loaded is not None
            return LocalScorer(loaded, distillation)
        k = distillation.top_k or 1
        return ServerScorer(self.source, tokenizer, k, self.size, at_once, self.where)

    def records(self) -> list[StageRecord]:
        """The teacher's own stages, if it was made here: all that made it as the stage
        ``teacher_training``; its evaluation, which made nothing, as what it is."""
        return [
            record if record.stage == "evaluation" else replace(record, stage="teacher_training")
            for record in self.stages
        ]


def find_teacher(
    recipe: Recipe,
    folder: Path,
    out: Path,
    where: str,
    on_event: OnEvent,
    run: Callable[..., Any],
) -> Teaching:
    """Find the teacher; ``run`` makes it first if the recipe names the recipe of its teacher."""
    teacher = recipe.teacher
    if teacher is None:
        return Teaching(None, folder, where)
    if teacher.recipe is not None:
        path = folder / teacher.recipe
        on_event(TeacherFirst(str(path)))
        made = run(load_recipe(path), path.parent, out, on_event)
        return Teaching(
            Source.at(made.student_dir.resolve()),
            folder,
            f"{where}: field 'teacher.recipe'",
            teacher.card,
            made.card_file,
            engine="transformers",
            stages=made.stages,
        )
    source = teacher.source
    assert source is not None
    origin = find_origin(teacher, source, folder, where)
    place = local_path(source, folder, origin.where) if source.is_file else None
    is_folder = source.is_repository or (place is not None and place.is_dir())
    stages = origin.beside.with_name("stages.parquet") if origin.beside else None
    return Teaching(
        **vars(origin),
        engine=teacher.engine or ("transformers" if is_folder else "llama.cpp"),
        stages=read_stages(stages) if stages and stages.is_file() else [],
    )

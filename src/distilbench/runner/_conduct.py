"""How each question is put to a model: with a sampling seed and an order of choices of its own, and
without a system prompt where the model wants none. By Inspect's hooks, so that it holds for every
task and every engine."""

from __future__ import annotations

import random
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from distilbench.runner._plan import Cell
from distilbench.runner._shards import Shard

if TYPE_CHECKING:
    from inspect_ai.hooks import BeforeModelGenerate
    from inspect_ai.model import ChatMessage

_SEED_STRIDE = 100_003  # prime, and more than any number of epochs: no two seeds share an epoch's
_SEEDS = 2**31


class _Asked(NamedTuple):
    sample_id: str
    epoch: int


_asked: ContextVar[_Asked | None] = ContextVar("asked", default=None)
"""The sample in whose task we are: what Inspect tells of a call does not name it."""


@dataclass
class Conduct:
    """What the questions of the running cell are asked with."""

    cell: Cell | None = None
    shard: Shard | None = None
    model: str = ""
    """The measured model as Inspect names it: a model that grades is left alone."""

    def apply(self, data: BeforeModelGenerate) -> None:
        """Set seed and messages of a call. The same again for a call that is tried again."""
        if self.cell is None or data.model_name != self.model:
            return
        asked = _asked.get()
        data.config.seed = sampling_seed(self.cell.seed, asked.epoch if asked else 1)
        if self.cell.generation.system_prompt is False:
            data.input[:] = without_system(data.input)

    def order(self, given: random.Random) -> random.Random:
        """What shuffles the choices of the question at hand, in place of the ``given`` generator.

        Inspect's ``multiple_choice(shuffle=...)`` draws from one generator for all questions: their
        choices would come in another order after a kill, in another shard, or beside a faster one.
        """
        asked = _asked.get()
        if self.cell is None or asked is None:
            return given
        return random.Random(f"{self.cell.seed} {asked.epoch} {asked.sample_id}")


def sampling_seed(seed: int, epoch: int) -> int:
    """Seed of the sampler in one epoch: each epoch of each seed has its own, on every machine."""
    return (seed * _SEED_STRIDE + epoch - 1) % _SEEDS


def without_system(messages: list[ChatMessage]) -> list[ChatMessage]:
    """The conversation with what its system messages say at the head of its first user turn."""
    from inspect_ai.model import ChatMessageUser, ContentText

    said = "\n\n".join(m.text for m in messages if m.role == "system")
    turns: list[ChatMessage] = [m for m in messages if m.role != "system"]
    if not said:
        return turns
    first = next((i for i, m in enumerate(turns) if m.role == "user"), None)
    if first is None:
        return [ChatMessageUser(content=said), *turns]
    asked = turns[first].content
    if isinstance(asked, str):
        whole: object = f"{said}\n\n{asked}"
    else:
        whole = [ContentText(text=said), *asked]
    turns[first] = turns[first].model_copy(update={"content": whole})
    return turns


def install(conduct: Conduct) -> None:
    """Tell Inspect to ask by ``conduct``. Once in a process."""
    from inspect_ai.hooks import Hooks, SampleStart, hooks
    from inspect_ai.solver import Choices

    shuffle = Choices.shuffle

    def shuffled(choices: Choices, rand: random.Random | None = None) -> None:
        shuffle(choices, conduct.order(rand or random.Random()))

    setattr(Choices, "shuffle", shuffled)  # noqa: B010

    @hooks(name="distilbench_conduct", description="seed of each epoch, system prompt or none")
    class Asking(Hooks):
        async def on_sample_start(self, data: SampleStart) -> None:
            _asked.set(_Asked(str(data.summary.id), data.summary.epoch))

        async def on_before_model_generate(self, data: BeforeModelGenerate) -> None:
            conduct.apply(data)

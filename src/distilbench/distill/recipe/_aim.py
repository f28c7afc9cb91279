"""What a recipe's student is trained towards, and the registry of the objectives that there are."""

from __future__ import annotations

from functools import cache
from typing import ClassVar, Literal

from distilbench.distill.recipe._parts import Data, Distillation, Training
from distilbench.distill.recipe._student_spec import StudentSpec
from distilbench.registry import registered

Need = Literal["text", "cached logits", "live"]
"""What an objective needs of a teacher: its answers, its best logits on the training texts (made
once, before), or its weights beside the student's, step by step."""
ENTRY_POINT = "distilbench.objectives"
_HOME = "distilbench.distill.training.objectives"


class Aim:
    """An objective as far as recipe, plan and card ask it: before anything is loaded, without
    torch. The whole of it is :class:`distilbench.distill.Objective`.

    An instance is the objective under a recipe's ``distillation``.
    """

    method: ClassVar[str]
    """The recipe's ``method``. Several objectives may share one, if what they take differs."""
    divergences: ClassVar[tuple[str, ...]] = ("forward-kl", "reverse-kl", "jsd")
    """The recipe's ``distillation.divergence``: which of them it takes."""
    heeds: ClassVar[tuple[str, ...]] = tuple(
        name for name in Distillation.model_fields if name not in ("alpha", "losses")
    )
    """The fields of the recipe's ``distillation`` that set what it does. A recipe that sets another
    is refused. Default: those of one divergence."""
    needs: ClassVar[Need | None] = None
    needs_task: ClassVar[bool] = False
    """Whether it trains on questions of a task only, not on plain text."""

    packs: ClassVar[bool] = False
    """Whether its loss is taken of packed examples as of others: with positions that begin anew
    (see :func:`with_loss`). It is if the recipe's ``training.packing`` says so."""
    fused_head: ClassVar[bool] = False
    """Whether its loss can project hidden states to logits by TRL's fused head, piece by piece, as
    the SFT trainer's own does. It does if the recipe's ``training.fused_head`` says so."""

    def __init__(self, distillation: Distillation) -> None:
        self.distillation = distillation

    @classmethod
    def takes(cls, distillation: Distillation) -> bool:
        """Whether a recipe of its ``method`` with these settings is its own."""
        return distillation.divergence in cls.divergences

    def check_settings(self) -> None:
        """Raises ``ValueError`` if the recipe's ``distillation`` sets what would change nothing."""
        asked = self.distillation
        for name, field in Distillation.model_fields.items():
            value = getattr(asked, name)
            if name not in self.heeds and value != field.default:
                what = f"changes nothing of method {self.method}, divergence {asked.divergence}"
                shown = name if name == "losses" else f"{name}: {value}"
                raise ValueError(f"'distillation.{shown}' {what}; drop it")
        if "beta" in self.heeds and asked.beta != asked.beta_of_divergence and asked.beta != 0.5:
            raise ValueError(
                f"'distillation.beta: {asked.beta}' changes nothing of 'divergence:"
                f" {asked.divergence}'; drop it, or write 'divergence: jsd'"
            )

    def check(self, student: StudentSpec, data: Data, training: Training) -> None:
        """Raises ``ValueError`` if the recipe's fields cannot be together."""

    @property
    def compares_logits(self) -> bool:
        return self.needs in ("cached logits", "live")

    @property
    def own_share(self) -> float:
        """Share of the steps that are on text that the student writes itself."""
        return 0.0

    def scored_epochs(self, epochs: float) -> float:
        """Epochs of text whose logits the teacher computes, if the student sees ``epochs``."""
        return {"live": epochs, "cached logits": 1.0}.get(self.needs or "", 0.0)


def aim_of(method: str, distillation: Distillation) -> Aim:
    """The objective of a recipe. Raises ``ValueError`` if there is none, or more than one."""
    of_method = [kind for kind in aims() if kind.method == method]
    found = [kind for kind in of_method if kind.takes(distillation)]
    if len(found) > 1:
        names = " and ".join(f"{kind.__module__}.{kind.__qualname__}" for kind in found)
        raise ValueError(f"method {method} is that of {names}; uninstall one")
    if not found:
        raise ValueError(_not_taken(distillation.divergence))
    return found[0](distillation)


def _not_taken(divergence: str) -> str:
    methods = sorted({kind.method for kind in aims() if divergence in kind.divergences})
    if methods:
        return f"'divergence: {divergence}' needs method {' or '.join(methods)}"
    words = dict.fromkeys(word for kind in aims() for word in kind.divergences)
    return f"'divergence: {divergence}' is not known; use one of: {', '.join(words)}"


def known_method(name: str) -> str:
    """``name``, if it is an objective's ``method``. Raises ``ValueError`` naming all of them."""
    names = list(dict.fromkeys(kind.method for kind in aims()))
    if name not in names:
        raise ValueError(f"it is one of {', '.join(names)}")
    return name


def distilling_methods() -> tuple[str, ...]:
    """The methods that have a teacher."""
    return tuple(dict.fromkeys(kind.method for kind in aims() if kind.needs))


@cache
def aims() -> tuple[type[Aim], ...]:
    """All objectives: each module of ``training/objectives`` holds one, and other packages name
    theirs by the entry point ``distilbench.objectives``.

    They are found by their place, not imported by name, since they stand above this room. Raises
    ``InputError`` if what another package names is no objective.
    """
    return registered(Aim, _HOME, ENTRY_POINT, "distilbench.distill.Objective")

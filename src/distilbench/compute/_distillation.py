"""What making a model took, stage by stage, as far as its card tells."""

from __future__ import annotations

from collections.abc import Mapping

from distilbench.catalog import Card, Recipe
from distilbench.compute._flops import active_parameters, hardware_flops, training_flops
from distilbench.compute._hardware import Accelerator
from distilbench.compute._quantity import Quantity, Unavailable, from_figure
from distilbench.compute._stages import Creation, Stage, StageName
from distilbench.compute._uses import share_excess, teacher_uses
from distilbench.errors import InputError

LEAST_UTILISATION = 0.15
"""Published hours and 6 N D agree where the utilisation that they imply is plausible. Below this
the published hours are believed over a number of tokens that is an estimate; a published number of
tokens is believed over hours, which hold waiting, failed runs and padding too."""

Cards = Mapping[str, Card]
Accelerators = Mapping[str, Accelerator]


def distillation_stages(
    card: Card,
    cards: Cards,
    accelerators: Accelerators | None = None,
    *,
    _ancestors: tuple[str, ...] = (),
) -> tuple[Stage, ...]:
    """The stages of a distilled card; stages that its recipe does not have are absent.

    Stages that were measured are taken as they are. Of published figures the stages are computed;
    those record no evaluation and no prompts: neither is counted. Raises ``InputError`` if the
    card has no recipe, or if its lineage goes in a circle.
    """
    recipe = card.lineage.recipe
    if recipe is None:
        raise InputError(card.id, "has no lineage.recipe", "compare it as a vanilla model")
    rates = accelerators or {}
    lineage = (*_ancestors, card.id)
    own = _measured(card, recipe) or (
        _student_training(card, recipe, cards, rates),
        _teacher_inference(card, recipe, cards, rates),
    )
    stages = (*own, _teacher_training(card, cards, rates, lineage))
    if card.lineage.base is None:
        return stages
    return (*stages, _base_pretraining(card, cards, rates, lineage))


def creation(
    card: Card,
    cards: Cards,
    accelerators: Accelerators | None = None,
    *,
    _ancestors: tuple[str, ...] = (),
) -> Creation:
    """FLOPs of everything that made a model: its own training, its base's, its teacher's share. Of
    a distilled one that is its cost under the scope lineage.

    For a vanilla model without a base this is its pretraining (see ``training_flops``). A vanilla
    model with a base whose own post-training is unpublished costs at least what its base did.
    """
    if card.id in _ancestors:
        chain = " -> ".join((*_ancestors, card.id))
        raise InputError(card.id, f"its lineage goes in a circle ({chain})", "mend lineage")
    if card.lineage.recipe is not None:
        stages = distillation_stages(card, cards, accelerators, _ancestors=_ancestors)
        return _sum(tuple(stage.share for stage in stages if stage.name != "evaluation"))
    own = training_flops(card, accelerators)
    if card.lineage.base is None:
        return Creation(own)
    lineage = (*_ancestors, card.id)
    base = _creation_of(card.lineage.base, "base", card, cards, accelerators, lineage)
    if isinstance(base.flops, Unavailable):
        return base
    if isinstance(own, Unavailable):
        omits = (*base.omits, f"post-training of {card.id} (unpublished)")
        return Creation(base.flops, omits, base.exceeds)
    return Creation(base.flops + own, base.omits, base.exceeds)


def training_tokens(card: Card, recipe: Recipe) -> tuple[Quantity | Unavailable, tuple[str, ...]]:
    """Tokens the student was trained on, repeats included, and what the number omits.

    A model distilled from the start of its pretraining (no base, no token count in the recipe)
    has its pretraining tokens.
    """
    once = _tokens_once(card, recipe)
    if isinstance(once, Unavailable):
        pretraining = card.training.tokens
        if card.lineage.base is None and pretraining is not None:
            return from_figure(pretraining, f"{card.id}: training.tokens"), ()
        return once, ()
    if recipe.epochs is None:
        return once, (f"{card.id}: further epochs, if any (epochs are not stated)",)
    return once * from_figure(recipe.epochs, f"{card.id}: recipe.epochs"), ()


def _tokens_once(card: Card, recipe: Recipe) -> Quantity | Unavailable:
    """Training tokens of one epoch."""
    if recipe.tokens is not None:
        return from_figure(recipe.tokens, f"{card.id}: recipe.tokens")
    if recipe.samples is not None and recipe.tokens_per_sample is not None:
        samples = from_figure(recipe.samples, f"{card.id}: recipe.samples")
        length = from_figure(recipe.tokens_per_sample, f"{card.id}: recipe.tokens_per_sample")
        return samples * length
    return Unavailable(f"{card.id}: neither the tokens nor samples x tokens per sample are known")


def student_parameters(card: Card, cards: Cards) -> Quantity | Unavailable:
    """Weights of the student; those of its base where its card has none and nothing is pruned."""
    own = active_parameters(card)
    recipe = card.lineage.recipe
    base = _card(card.lineage.base, "base", card, cards)
    pruned = recipe is not None and "prun" in recipe.method.lower()
    if isinstance(own, Quantity) or isinstance(base, Unavailable) or pruned:
        return own
    return active_parameters(base)


def _measured(card: Card, recipe: Recipe) -> tuple[Stage, ...]:
    """The stages that were measured when the model was made."""
    return tuple(
        Stage(
            name=stage.name,
            flops=from_figure(stage.flops, f"{card.id}: recipe.stages.{stage.name}")
            if stage.flops
            else Unavailable(f"{card.id}: the engine of {stage.name} does not say its FLOPs"),
            formula="measured",
            uses=from_figure(stage.uses, f"{card.id}: recipe.stages.{stage.name}.uses")
            if stage.uses
            else None,
        )
        for stage in recipe.stages
    )


def implied_utilisation(
    card: Card, cards: Cards, accelerators: Accelerators | None = None
) -> float | None:
    """6 N D epochs of the student over its published accelerator-hours at the dense bfloat16 peak,
    at central values; null where either is not known."""
    recipe = card.lineage.recipe
    if recipe is None:
        return None
    parameters, (tokens, _) = student_parameters(card, cards), training_tokens(card, recipe)
    if isinstance(parameters, Unavailable) or isinstance(tokens, Unavailable):
        return None
    return _utilisation(6.0 * parameters * tokens, recipe, accelerators or {})


def _utilisation(work: Quantity, recipe: Recipe, accelerators: Accelerators) -> float | None:
    at_peak = 0.0
    for use in recipe.hardware:
        rates = accelerators.get(use.accelerator)
        if rates is None or (peak := rates.peak_bf16_flops) is None:
            return None
        at_peak += use.hours.value * 3600.0 * peak.value
    return work.central / at_peak if at_peak else None


def _student_training(
    card: Card, recipe: Recipe, cards: Cards, accelerators: Accelerators
) -> Stage:
    parameters = student_parameters(card, cards)
    tokens, omits = training_tokens(card, recipe)
    hardware = hardware_flops(card.id, recipe.hardware, accelerators)
    if isinstance(parameters, Quantity) and isinstance(tokens, Quantity):
        work = 6.0 * parameters * tokens
        used = _utilisation(work, recipe, accelerators)
        if used is None or used >= LEAST_UTILISATION or tokens.kind != "estimated":
            return Stage("student_training", work, "6 N D epochs", omits)
        assert isinstance(hardware, Quantity)
        formula = (
            f"hours x peak rate x utilisation (6 N D epochs of estimated tokens would be a"
            f" utilisation of {used:.2g})"
        )
        return Stage("student_training", hardware, formula)
    if isinstance(hardware, Quantity):
        return Stage("student_training", hardware, "hours x peak rate x utilisation")
    if card.lineage.base is None:
        pretraining = training_flops(card, accelerators)
        return Stage("student_training", pretraining, "its own pretraining")
    missing = parameters if isinstance(parameters, Unavailable) else tokens
    return Stage("student_training", missing, "6 N D epochs")


def _teacher_inference(
    card: Card, recipe: Recipe, cards: Cards, accelerators: Accelerators
) -> Stage:
    """Of published hours; else 2 N per token that the teacher samples, or scores for its logits."""
    name: StageName = "teacher_generation" if recipe.teacher_generated else "logit_caching"
    if recipe.teacher_hardware:
        of = f"{card.lineage.teacher or 'teacher'} for {card.family}"
        hours = hardware_flops(of, recipe.teacher_hardware, accelerators)
        uses = recipe.teacher_hardware_uses
        return Stage(
            name,
            hours,
            "hours x peak rate x utilisation",
            uses=from_figure(uses, f"{of}: uses") if uses else None,
        )
    formula = "2 N_teacher x tokens of one epoch"
    formula += " / acceptance rate" if recipe.teacher_generated else ""
    teacher = _card(card.lineage.teacher, "teacher", card, cards)
    if isinstance(teacher, Unavailable):
        return Stage(name, teacher, formula)
    parameters = active_parameters(teacher)
    tokens = _tokens_once(card, recipe)
    if isinstance(tokens, Unavailable) and card.lineage.base is None:
        tokens = training_tokens(card, recipe)[0]
    if isinstance(parameters, Unavailable) or isinstance(tokens, Unavailable):
        missing = parameters if isinstance(parameters, Unavailable) else tokens
        return Stage(name, missing, formula)
    flops = 2.0 * parameters * tokens
    if not recipe.teacher_generated:
        return Stage(name, flops, formula)
    if recipe.acceptance_rate is None:
        omits = (f"{card.id}: rejected samples, if any (acceptance rate is not stated)",)
        return Stage(name, flops, formula, omits)
    rate = from_figure(recipe.acceptance_rate, f"{card.id}: recipe.acceptance_rate")
    return Stage(name, flops / rate, formula)


def _teacher_training(
    card: Card, cards: Cards, accelerators: Accelerators, ancestors: tuple[str, ...]
) -> Stage:
    teacher = card.lineage.teacher
    made = _creation_of(teacher, "teacher", card, cards, accelerators, ancestors)
    uses = teacher_uses(card, cards)
    if isinstance(made.flops, Unavailable):
        return Stage("teacher_training", made.flops, "all that made the teacher / its uses")
    exceeds = (*share_excess(card, uses), *made.exceeds)
    formula = "all that made the teacher" + (f" / its {uses.central:g} uses" if uses else "")
    share = made.flops / uses if uses else made.flops
    return Stage("teacher_training", share, formula, made.omits, exceeds=exceeds)


def _base_pretraining(
    card: Card, cards: Cards, accelerators: Accelerators, ancestors: tuple[str, ...]
) -> Stage:
    """All that made the base. Where the base is the teacher itself (pruning), the share already
    counted as teacher training is taken off, so that the model is counted once."""
    base = card.lineage.base
    made = _creation_of(base, "base", card, cards, accelerators, ancestors)
    formula = "all that made the base"
    if isinstance(made.flops, Unavailable):
        return Stage("base_pretraining", made.flops, formula)
    if base != card.lineage.teacher:
        return Stage("base_pretraining", made.flops, formula, made.omits, exceeds=made.exceeds)
    uses = teacher_uses(card, cards)
    if uses is None:
        none = made.flops * 0.0
        said = "base is the teacher: counted there"
        return Stage("base_pretraining", none, said, exceeds=made.exceeds, settles=True)
    rest = (made.flops - made.flops / uses).at_least_zero()
    return Stage(
        "base_pretraining",
        rest,
        formula + " - the teacher's share",
        made.omits,
        exceeds=made.exceeds,
        settles=True,
    )


def _creation_of(
    id_: str | None,
    what: str,
    card: Card,
    cards: Cards,
    accelerators: Accelerators | None,
    ancestors: tuple[str, ...],
) -> Creation:
    found = _card(id_, what, card, cards)
    if isinstance(found, Unavailable):
        return Creation(found)
    return creation(found, cards, accelerators, _ancestors=ancestors)


def _card(id_: str | None, what: str, card: Card, cards: Cards) -> Card | Unavailable:
    if id_ is None:
        return Unavailable(f"{card.id}: the {what} is not disclosed")
    if id_ not in cards:
        return Unavailable(f"{card.id}: its {what} {id_} has no card")
    return cards[id_]


def _sum(stages: tuple[Stage, ...]) -> Creation:
    flops: Quantity | None = None
    for stage in stages:
        if isinstance(stage.flops, Unavailable):
            return Creation(stage.flops)
        flops = stage.flops if flops is None else flops + stage.flops
    assert flops is not None
    omits = tuple(dict.fromkeys(o for stage in stages for o in stage.omits))
    return Creation(flops, omits, stages_excess(stages))


def stages_excess(stages: tuple[Stage, ...]) -> tuple[str, ...]:
    """Why the sum of the stages is an upper bound; empty where it is not."""
    settled = any(stage.settles for stage in stages)
    found = [
        reason
        for stage in stages
        if not (settled and stage.name == "teacher_training")
        for reason in stage.exceeds
    ]
    return tuple(dict.fromkeys(found))

"""How a cell's tokens are chosen: the suite's word, the model's word, and its card's advice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.providers import Provider
from distilbench.runner._facts import recommendation
from distilbench.suite import Generation, Model

if TYPE_CHECKING:
    from distilbench.runner._facts import Facts

_DEFAULT = Generation(temperature=0.0, system_prompt=True)


def generation_of(
    suite: Generation,
    model: Model,
    provider: Provider,
    card: str | None,
    where: str,
    catalog: Facts,
) -> tuple[Generation, str]:
    """How a model's tokens are chosen, every value given, and where that comes from in words.

    The model's own values win over its own ``recommended``, that over the suite's values, those
    over the suite's ``recommended``, and that over the defaults. A card without advice leaves the
    suite's ``recommended`` without effect; asked for by the model itself it is an ``InputError``
    that begins with ``where``. ``catalog`` is called only where advice is asked for.
    """
    made, sources = _DEFAULT, []
    recommended = model.generation.recommended
    for given, asked in (
        (suite, suite.recommended and recommended is not False),
        (model.generation, recommended),
    ):
        if asked:
            advice = recommendation(catalog(), card) if card else None
            if advice is None and given is model.generation:
                raise _no_advice(where, card)
            if advice is not None:
                made = made.but(advice[0])
                sources.append(advice[1])
        if _values(given):
            made = made.but(given)
            sources.append("suite")
    found = made.model_copy(update={"recommended": None})
    return _sendable(found, provider, where), ", then ".join(dict.fromkeys(sources)) or "default"


def request_options(
    generation: Generation, provider: Provider
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Generation in the words of Inspect's ``GenerateConfig``, and what goes beside them into the
    body of the request (``extra_body``) of a model of ``provider``."""
    values = generation.model_dump(include={"temperature", "top_p", "top_k"}, exclude_none=True)
    beside = {
        name: getattr(generation, name)
        for name in ("min_p", "top_k")
        if getattr(provider, name) == "body"
    }
    return values, {name: value for name, value in beside.items() if value is not None}


def _sendable(found: Generation, provider: Provider, where: str) -> Generation:
    """The generation without what is off and cannot be sent. Refuses what cannot be sent and is on,
    so that no record tells of a setting that no server saw."""
    refused = [name for name in ("min_p", "top_k") if getattr(provider, name) is None]
    for name in refused:
        if getattr(found, name):
            said = f"{name!r} cannot be sent to {provider.name!r}"
            raise InputError(where, said, f"set {name}: 0 for this model")
    return found.model_copy(update=dict.fromkeys(refused))


def _values(generation: Generation) -> dict[str, Any]:
    return generation.model_dump(exclude_none=True, exclude={"recommended"})


def _no_advice(where: str, card: str | None) -> InputError:
    said = f"its card {card!r} recommends no sampling" if card else "the model has no card"
    return InputError(
        where, f"is 'recommended', and {said}", "give temperature and top_p, or 'card' of the model"
    )

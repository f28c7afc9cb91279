"""Whose repository of the hub a model's results belong into: that which holds the weights that were
measured, and no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from distilbench.errors import InputError, use_one_of
from distilbench.publish._scored import Scored
from distilbench.source import HUB, Source


def given_repositories(words: Sequence[str], models: Sequence[str]) -> dict[str, str]:
    """What ``--repo`` says: OWNER/NAME, or MODEL=OWNER/NAME where there are several models.

    Raises ``InputError`` where it names none of ``models``, or no repository.
    """
    found: dict[str, str] = {}
    for word in words:
        model, _, repo = word.rpartition("=")
        if not model and len(models) != 1:
            remedy = f"write --repo MODEL=OWNER/NAME for each of: {', '.join(models)}"
            raise InputError(f"--repo {word}", f"is one of {len(models)} models", remedy)
        model = model or models[0]
        if model not in models:
            raise InputError(
                f"--repo {word}", f"{model!r} is no model of it", use_one_of(model, models)
            )
        if model in found:
            raise InputError(f"--repo {word}", f"{model} is given twice", "name it once")
        found[model] = _valid(repo, word)
    return found


def _valid(repo: str, word: str) -> str:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    where, remedy = f"--repo {word}", "write OWNER/NAME, as in the address of its page"
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise InputError(where, "is no name of a repository", remedy) from error
    if "/" not in repo:
        raise InputError(where, "has no owner", remedy)
    return repo


def repository_of(one: Scored, given: Mapping[str, str]) -> tuple[str | None, str]:
    """The repository, or null and why there is none. Raises ``InputError`` where ``given`` names
    one whose weights are others."""
    named = given.get(one.model)
    if one.cell is None:
        return None, f"was measured by {one.row['origin']}; publish what that program writes"
    weights = one.cell.model.weights
    own = _own(weights)
    made_here = one.cell.model.quantization
    if named is None:
        return _without_word(one, own, made_here)
    if own and made_here and named == own:
        raise InputError(
            f"--repo {one.model}={named}",
            f"the measured {made_here} weights were made here, and {named} holds others",
            "upload them to a repository of their own, and name that",
        )
    if own and not made_here and named != own:
        raise InputError(
            f"--repo {one.model}={named}",
            f"the measured file is one of {own}; its score is not that of another repository",
            "drop --repo, or measure a file of that repository",
        )
    return named, ""


def _without_word(one: Scored, own: str | None, made_here: str | None) -> tuple[str | None, str]:
    say = f"--repo {one.model}=OWNER/NAME says which repository holds"
    if own is None:
        return None, f"comes from {one.cell and one.cell.model.source}; {say} these weights"
    if made_here:
        return None, f"was quantized here ({made_here}) from {own}, which holds others; {say} these"
    return own, ""


def _own(weights: Source) -> str | None:
    """OWNER/NAME of what was taken from the hub."""
    return "/".join(weights.rest.split("/")[:2]) if weights.scheme == HUB else None

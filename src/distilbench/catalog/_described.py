"""A card of a model that has none: what its file says, and nothing else."""

from __future__ import annotations

from typing import Any

from distilbench.architecture import ModelDescription
from distilbench.catalog._card import Card
from distilbench.errors import InputError, use_one_of
from distilbench.records import ROLES
from distilbench.yaml_file import yaml_text

_SOURCE = "model-file"


def described_card(model: ModelDescription, name: str) -> Card:
    """Sizes and architecture of a model file, as a card; its id is made from ``name``.

    What a file does not say (tokens, teacher, licence's text) is not on the card, so that every
    cost that rests on it is not available.
    """
    cited = {"source": _SOURCE, "where": f"header of {model.where}"}
    counts: dict[str, float | None] = {
        "total": model.parameters,
        "embedding": model.embedding_parameters,
    }
    if model.experts:
        counts["active"] = model.active_parameters
    if model.experts and model.active_parameters is None:
        counts["total"] = None  # a card with a total alone is one of a dense model
    data: dict[str, Any] = {
        "id": card_slug(name),
        "name": name,
        "developer": "not stated",
        "family": card_slug(name),
        "role": "vanilla",
        "stage": "base",
        "parameters": {k: {"value": float(v), **cited} for k, v in counts.items() if v},
        "architecture": {"shape": model.architecture, **cited} if model.architecture else None,
        "licence": {"name": model.licence, **cited} if model.licence else None,
        "sources": {_SOURCE: {"title": "the model's file, read by distilbench"}},
    }
    return Card.model_validate(data)


def blank_card(model: ModelDescription, name: str, role: str) -> str:
    """The same as the text of a card file, with what is left to fill in as comments.

    Raises ``InputError`` if ``role`` is none.
    """
    if role not in ROLES:
        raise InputError("--role", f"{role!r} is no role", use_one_of(role, ROLES))
    known = described_card(model, name).model_dump(
        mode="json", exclude_defaults=True, include={"parameters", "architecture", "licence"}
    )
    head = {"id": card_slug(name), "name": name}
    recipe = _DISTILLED if role == "distilled" else _OTHERS
    sources = {"sources": {_SOURCE: {"title": "the model's file, read by distilbench"}}}
    return "".join(
        (
            _TOP,
            yaml_text(head),
            _ABOUT.format(family=card_slug(name), role=role),
            yaml_text(known) if known else "",
            _EXPERTS if model.experts and model.active_parameters is None else "",
            _TRAINING,
            recipe,
            _SCORES,
            yaml_text(sources),
            _MORE_SOURCES,
        )
    )


_TOP = """\
# A model card: facts on one model. Take '# ' from a line and fill it in; what you do not know,
# leave out: its cost is then "not available", never zero. Every figure needs 'source', a key of
# 'sources' below, and 'where', the place in it. Estimates: kind: estimated, low, high and a note.
"""
_ABOUT = """\
developer: not stated           # who made it
family: {family}
role: {role:<26}# vanilla | distilled | synthetic | proprietary
stage: base                     # base | instruct | reasoning
# released: '2026-01-31'
"""
_EXPERTS = """\
# parameters:                   # its file does not say how many experts a token uses: give both
#   total: {value: 4.7e+10, source: report, where: section 2}
#   active: {value: 1.3e+10, source: report, where: section 2}
"""
_TRAINING = """\
# training:                     # of its own weights from nothing; for a distilled model see lineage
#   tokens: {value: 2.0e+12, source: report, where: section 3}
#   sequence_length: {value: 4096, source: report, where: section 3}
#   hardware:
#   - accelerator: h100-sxm     # distilbench accelerators
#     stage: pretraining
#     hours: {value: 100000, source: report, where: table 2}
"""
_DISTILLED = """\
lineage:
#   base: llama-3.1-8b          # card whose weights the student started from: distilbench catalog
#   teacher: llama-3.1-70b      # card of the teacher
  recipe:
    method: not stated          # sequence-level, logit, on-policy, pruning + logit, ...
#     samples: {value: 800000, source: report, where: section 2}
#     tokens_per_sample: {value: 5000, source: report, where: table 5}
#     epochs: {value: 2, source: report, where: section 2}
#     acceptance_rate: {value: 0.5, source: report, where: section 2}
"""
_OTHERS = """\
# lineage:                      # of a model that was made from others
#   base: llama-3.1-8b          # card whose weights it started from: distilbench catalog
"""
_SCORES = """\
# scores:
# - {benchmark: gsm8k, value: 84.5, metric: exact match, shots: 8, mode: cot,
#    source: report, where: table 1}
"""
_MORE_SOURCES = """\
#   report: {title: The model's report, url: 'https://example.org/report'}
"""


def card_slug(name: str) -> str:
    """An id for a card: lower case, digits, dots and dashes.

    >>> card_slug("My Model_v1.Q4_K_M")
    'my-model-v1.q4-k-m'
    """
    kept = "".join(c if c.isascii() and (c.isalnum() or c == ".") else "-" for c in name.lower())
    return "-".join(part for part in kept.split("-") if part).strip(".-") or "model"

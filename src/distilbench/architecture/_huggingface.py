"""Reads a Hugging Face ``config.json``."""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import ValidationError

from distilbench.architecture._shape import ModelShape
from distilbench.architecture.families import READERS, WRAPPERS, Config
from distilbench.errors import InputError, one_sentence

_ANOTHER_HEAD = re.compile(r"For\w*(Classification|QuestionAnswering|Reward\w*|MultipleChoice)$")

_HEAD = re.compile(r"(ForCausalLM|LMHeadModel)$")


def read_config(text: str, where: str) -> ModelShape:
    """The shape that a ``config.json`` describes, of a ``model_type`` whose reader is known.

    Of a model that also sees or hears, it is the shape of its text model, and its ``note`` says so.
    ``where`` names the file in errors; raises ``InputError`` naming the type or the field.
    """
    try:
        config = json.loads(text)
        if not isinstance(config, dict):
            raise ValueError("it is no JSON object")
    except (ValueError, RecursionError) as error:
        raise InputError(where, f"is not a model configuration ({error})", "mend it") from error
    kind, settings, note = _text_model(config)
    if not isinstance(kind, str) or kind not in READERS:
        raise InputError(
            where,
            f"model_type {kind!r} is not one whose shape distilbench knows",
            "give a GGUF file of the model, or see docs/architectures.md for the types it knows",
        )
    try:
        _refuse_another_head(config)
        for switch in ("is_encoder_decoder", "pruned_heads"):
            if settings.get(switch):
                raise ValueError(f"{switch} is {str(settings[switch])[:40]}")
        if kind != "gemma4_text" and settings.get("per_layer_config"):
            raise ValueError("per_layer_config: layers that differ")
        family = Config(kind, settings)
        shape = READERS[kind](family)
        if note is None:
            _refuse_another_class(config, family.class_names, shape.tied)
    except ValidationError as error:
        raise one_sentence(f"{where}: model_type {kind!r}", error) from error
    except KeyError as error:
        raise InputError(where, f"model_type {kind!r} lacks the field {error}", "add it") from error
    except (ValueError, TypeError, AttributeError, ArithmeticError, IndexError) as error:
        raise InputError(
            where,
            f"model_type {kind!r} has a setting that distilbench cannot count ({error})",
            "mend it, or give a GGUF file of the model",
        ) from error
    return shape.model_copy(update={"note": note}) if note else shape


def _refuse_another_head(config: dict[str, Any]) -> None:
    """Classifiers and reward models bear the type of the language model that they were made of."""
    for name in config.get("architectures") or ():
        if _ANOTHER_HEAD.search(name):
            raise ValueError(f"architectures is {name}, which gives no next token")


def _refuse_another_class(config: dict[str, Any], usual: list[str], tied: bool) -> None:
    """So do drafts (EAGLE), code of its own (SantaCoder), and embedders, which lack the output
    matrix; with tied embeddings, a model without its head has the same weights."""
    known = usual + ([_HEAD.sub("Model", name) for name in usual] if tied else [])
    given = config.get("architectures") or ()
    if given and not {_plain(name) for name in given} & {_plain(name) for name in known}:
        raise ValueError(f"architectures is {given[0]}, where {usual[0]} is known")


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _text_model(config: dict[str, Any]) -> tuple[str | None, dict[str, Any], str | None]:
    """The text model's type and settings, and what is left out, of a configuration."""
    kind, inner = config.get("model_type"), config.get("text_config")
    if not isinstance(kind, str) or not isinstance(inner, dict) or kind not in WRAPPERS:
        return kind, config, None
    if "tie_word_embeddings" in config:
        inner = {**inner, "tie_word_embeddings": config["tie_word_embeddings"]}
    text = inner.get("model_type") or WRAPPERS[kind]
    return text, inner, f"text model of {kind} only: what sees or hears is not counted"

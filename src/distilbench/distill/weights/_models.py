"""The models of a recipe: loaded when a stage needs them, known by the hash of their weights."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.distill.recipe import Recipe, Training
from distilbench.errors import InputError
from distilbench.source import Source

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


_NOT_OF_THE_MODEL = ("_name_or_path", "transformers_version", "dtype", "architectures")


@dataclass
class Loaded:
    """A model, its tokenizer, and the SHA-256 of its content (:func:`content_digest`)."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    digest: str


def load(source: Source, folder: Path, where: str) -> Loaded:
    """Load a model in float32. Raises ``InputError`` if it cannot be found or read."""
    quiet()
    from distilbench.distill.weights._loading import load_pretrained

    model, tokenizer = load_pretrained(source, folder, where)
    padded(tokenizer, where)
    return Loaded(model, tokenizer, content_digest(model, tokenizer))


def load_tokenizer(source: str, folder: Path, where: str) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder."""
    quiet()
    from transformers import AutoTokenizer

    path = folder / Path(source).expanduser()
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path if path.exists() else source))
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of a file, not of its content
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(where, f"no tokenizer in {source!r} ({reason})", "correct it") from error
    return padded(tokenizer, where)


def padded(tokenizer: PreTrainedTokenizerBase, where: str) -> PreTrainedTokenizerBase:
    """The same tokenizer with a padding token. It must know where an answer ends."""
    if tokenizer.eos_token_id is None:
        raise InputError(where, "the tokenizer has no end-of-sequence token", "set eos_token in it")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def same_tokens(one: PreTrainedTokenizerBase, other: PreTrainedTokenizerBase) -> bool:
    """Whether two tokenizers give every token the same id."""
    return bool(one.get_vocab() == other.get_vocab())


def token_rows(tokenizer: PreTrainedTokenizerBase) -> int:
    """Rows of an embedding that are tokens: what a model has beyond them is padding."""
    return int(max(tokenizer.get_vocab().values())) + 1


def content_digest(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 over all that sets a model's logits: its configuration, its tokenizer, and names,
    shapes and values of all weights. Where it lies, and what saved it, is not of it."""
    config = {k: v for k, v in model.config.to_dict().items() if k not in _NOT_OF_THE_MODEL}
    backend = getattr(tokenizer, "backend_tokenizer", None)
    read = backend.to_str() if backend is not None else tokenizer.get_vocab()
    marks = [tokenizer.bos_token_id, tokenizer.eos_token_id]
    facts = json.dumps([config, read, marks], sort_keys=True, default=str)
    digest = hashlib.sha256(facts.encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def start_student(
    recipe: Recipe,
    parent: Loaded | None,
    tokenizer: PreTrainedTokenizerBase,
    teacher: Loaded | None,
    texts: Sequence[str],
    where: str,
) -> Loaded:
    """The untrained student, of what :func:`parent_of` found. ``texts``: what activations are
    measured on, if pruning goes by them."""
    from distilbench.distill.weights._shrinking import make_student

    vocab = None
    if recipe.aim.compares_logits and teacher and same_tokens(tokenizer, teacher.tokenizer):
        vocab = int(teacher.model.config.vocab_size)  # teachers pad their embeddings
    model = make_student(
        recipe.student,
        parent.model if parent else None,
        tokenizer,
        recipe.seed,
        texts,
        f"{where}: field 'student'",
        vocab,
    )
    return Loaded(model, tokenizer, "")


def parent_of(
    recipe: Recipe, folder: Path, teacher: Loaded | None, where: str
) -> tuple[Loaded | None, PreTrainedTokenizerBase]:
    """The model that the student starts from (null: from nothing), and the student's tokenizer: its
    own, else its base's, else the teacher's."""
    own = None
    if recipe.tokenizer:
        own = load_tokenizer(recipe.tokenizer, folder, f"{where}: field 'tokenizer'")
    parent = teacher
    if recipe.student.model is not None:
        parent = load(recipe.student.model, folder, f"{where}: field 'student.model'")
    tokenizer = own or (parent.tokenizer if parent else None)
    assert tokenizer is not None  # the recipe has seen to it
    return parent, tokenizer


def prepare(model: PreTrainedModel, training: Training) -> PreTrainedModel:
    """Set attention and precision for training. Raises ``InputError`` if the GPU has no bfloat16.

    In bfloat16 matrix products run under autocast; weights, gradients and Adam's moments stay
    float32. Under LoRA the frozen weights are bfloat16, the adapters float32.
    """
    import torch

    from distilbench.distill.weights._loading import attention_of

    lacks = torch.cuda.is_available() and not torch.cuda.is_bf16_supported(False)
    if training.precision == "bfloat16" and lacks:
        raise InputError(
            "field 'training.precision'",
            f"{torch.cuda.get_device_name()} has no bfloat16",
            "use float32, or a GPU from Ampere (2020) on",
        )
    model.set_attn_implementation(attention_of(model.config, training.attention))
    if training.precision == "bfloat16" and training.lora:
        for weight in model.parameters():  # not the buffers: rotary frequencies would be rounded
            weight.data = weight.data.to(torch.bfloat16)
    return model


def quiet() -> None:
    """No telemetry, no progress bars, no adoption of what trackers are installed."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")


def device() -> Any:
    """Where models of inference go: the first GPU of this process, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")

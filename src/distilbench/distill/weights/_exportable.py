"""Whether a recipe's student can be exported, found before anything is trained."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from distilbench.distill.recipe import Recipe, load_recipe
from distilbench.distill.weights._configs import of_layers
from distilbench.distill.weights._gguf_export import check_architecture, gguf_kind
from distilbench.distill.weights._gguf_tokens import TEXTS, check_tokens
from distilbench.distill.weights._loading import model_folder, one_sentence, quiet_loading
from distilbench.distill.weights._models import load_tokenizer, quiet
from distilbench.distill.weights._shrinking import kept_layers
from distilbench.engines import check_quantization
from distilbench.errors import InputError
from distilbench.source import Source

_OTHERWISE = "drop 'export', and convert the student with llama.cpp's convert_hf_to_gguf.py"


def check_export(recipe: Recipe, folder: Path, where: str) -> None:
    """Raises ``InputError`` naming the field if a GGUF of ``recipe.export`` could not be written of
    the student. ``folder``: where the relative paths of models start."""
    if not recipe.export:
        return
    field = f"{where}: field 'export'"
    for name in recipe.export:
        check_quantization(gguf_kind(name), field)
    config, tokenizer = _student_of(recipe, folder, where)
    if config is not None:
        check_architecture(config, field, _OTHERWISE)
    check_tokens(_read_again(config, tokenizer, field), field, _OTHERWISE)


def _read_again(config: Any, tokenizer: Any, field: str) -> Any:
    """The tokenizer as the student's folder will give it: transformers may build another by the
    ``model_type`` beside it."""
    from transformers import AutoTokenizer, LlamaConfig

    config = config or LlamaConfig()
    with TemporaryDirectory() as saved, quiet_loading():
        tokenizer.save_pretrained(saved)
        config.save_pretrained(saved)
        again = AutoTokenizer.from_pretrained(saved)
    for text in TEXTS:
        if again(text)["input_ids"] != tokenizer(text)["input_ids"]:
            said = (
                f"beside a {config.model_type!r} model transformers reads the tokenizer otherwise"
            )
            remedy = "take the model's own tokenizer, or drop 'export'"
            raise InputError(field, f"{said} ({type(again).__name__})", remedy)
    return again


def _student_of(recipe: Recipe, folder: Path, where: str) -> tuple[Any, Any]:
    """The configuration (null: a new Llama's) and the tokenizer that the student will have. A
    teacher that is yet to be made is asked through its recipe."""
    spec, teacher = recipe.student, recipe.teacher
    config = tokenizer = None
    if spec.new is None or recipe.tokenizer is None:
        if spec.model is not None:
            config, tokenizer = _read(spec.model, folder, f"{where}: field 'student.model'")
        elif teacher is not None and teacher.recipe is not None:
            path = folder / teacher.recipe
            config, tokenizer = _student_of(load_recipe(path), path.parent, where)
        elif teacher is not None and teacher.source is not None:
            config, tokenizer = _read(teacher.source, folder, f"{where}: field 'teacher.source'")
    if recipe.tokenizer is not None:
        tokenizer = load_tokenizer(recipe.tokenizer, folder, f"{where}: field 'tokenizer'")
    if config is None or spec.new is not None:
        return None, tokenizer
    kept = kept_layers(spec, int(config.num_hidden_layers), f"{where}: field 'student'")
    return of_layers(config, kept), tokenizer


def _read(source: Source, folder: Path, where: str) -> tuple[Any, Any]:
    quiet()
    from transformers import AutoConfig, AutoTokenizer

    if not source.has_files:
        raise InputError(where, "is served elsewhere, and its weights are needed", "give its files")
    place = model_folder(source, folder, where)
    problem, remedy = f"{source} could not be loaded", "check the model and the network"
    with quiet_loading(), one_sentence(where, problem, remedy):
        return AutoConfig.from_pretrained(place), AutoTokenizer.from_pretrained(place)

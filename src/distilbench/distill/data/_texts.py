"""Plain text, read from a file and cut into what is trained on and what is not."""

from __future__ import annotations

from pathlib import Path

from distilbench.distill.data._lines import in_column, lines_of
from distilbench.distill.data._splits import Splits, split
from distilbench.distill.recipe import Recipe
from distilbench.errors import InputError


def text_splits(recipe: Recipe, path: Path) -> Splits[str]:
    """Rows of text, or the parts of one long text. Raises ``InputError`` naming a row without."""
    texts = _texts(path, recipe.data.column or "text")
    if len(texts) > 1:
        return split(recipe, texts, path)
    (text,) = texts  # one long text: its last parts are judged on
    held = int(len(text) * (1 - recipe.held_out.share))
    share = 0.0 if recipe.training.eval_steps is None else recipe.validation.share
    at = int(len(text) * (1 - recipe.held_out.share - share))
    return tuple(filter(None, [text[:at]])), tuple(filter(None, [text[at:held]])), (text[held:],)


def _texts(path: Path, column: str) -> list[str]:
    if not path.is_file():
        raise InputError(str(path), "there is no such file", "correct 'data.text'")
    if path.suffix not in (".txt", ".jsonl"):
        raise InputError(str(path), "is no .txt or .jsonl file", "convert it to one")
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(str(path), "is not UTF-8", "convert it") from error
    if path.suffix == ".txt":
        return [text]
    return [text_of(line, column, where) for line, where in lines_of(text, path)]


def text_of(line: str, column: str, where: str) -> str:
    value = in_column(line, column, where, "text")
    if not isinstance(value, str) or not value.strip():
        raise InputError(where, f"column {column!r} is no text", "mend or remove the row")
    return value

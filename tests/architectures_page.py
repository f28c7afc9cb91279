"""Writes the tables of docs/architectures.md: ``python -m tests.architectures_page``."""

from __future__ import annotations

from pathlib import Path

from distilbench.architecture import ModelShape, describe_config
from distilbench.architecture.families import READERS, WRAPPERS
from tests.transformers_models import CLASSES, REFUSED, config_of

FILE = Path(__file__).parents[1] / "docs" / "architectures.md"
_BEGIN, _END = "<!-- made by code: begin -->\n", "<!-- made by code: end -->\n"


def written(page: str) -> str:
    """The page with its tables made anew between the two marks."""
    before, _, rest = page.partition(_BEGIN)
    after = rest.partition(_END)[2]
    return before + _BEGIN + _tables() + _END + after


def _tables() -> str:
    right = sorted(set(CLASSES) - set(REFUSED))
    lines = [
        f"transformers maps {len(CLASSES)} types to a class of causal language models. Of these, "
        f"**{len(right)} are right** and **{len(REFUSED)} are refused** by their name; none is "
        "wrong.",
        "",
        "| `model_type` | layers |",
        "| --- | --- |",
        *(f"| `{kind}` | {_layers(kind)} |" for kind in right),
        "",
        "| refused because | `model_type` |",
        "| --- | --- |",
        *(f"| {why} | {', '.join(_refused(why))} |" for why in dict.fromkeys(REFUSED.values())),
    ]
    return "\n".join(lines) + "\n"


def _refused(reason: str) -> list[str]:
    return sorted(f"`{kind}`" for kind, why in REFUSED.items() if why == reason)


def _layers(kind: str) -> str:
    """Kinds of parts of its layers, in a small model of the type."""
    if kind in WRAPPERS:
        return f"text model only, as `{WRAPPERS[kind]}`"
    if kind not in READERS:
        return "as `gpt2`, which its files say"
    config = config_of(kind)
    shape = describe_config(config.to_json_string(use_diff=True), kind).architecture
    assert shape is not None
    return ", ".join(dict.fromkeys(_words(shape)))


def _words(shape: ModelShape) -> list[str]:
    words = []
    for part, _ in shape.parts():
        word = part.kind.replace("_", " ")
        if getattr(part, "window", None):
            word = "chunked attention" if getattr(part, "chunked", False) else "sliding attention"
        words.append(word)
    return words


if __name__ == "__main__":
    FILE.write_text(written(FILE.read_text("utf-8")), "utf-8")

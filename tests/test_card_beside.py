"""The card beside a model: one rule for suites, recipes and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbench.engines import card_beside, packaged
from distilbench.errors import InputError
from distilbench.source import Source


def _beside(text: str, folder: Path) -> Path | None:
    return card_beside(Source.parse(text), folder, "model")


def test_it_lies_in_the_folder_of_the_model(tmp_path: Path) -> None:
    made = tmp_path / "student"
    made.mkdir()
    (made / "student.gguf").touch()
    assert _beside("student/student.gguf", tmp_path) is None
    (made / "card.yaml").touch()
    for text in ("student", "student/", "student/student.gguf", str(made / "student.gguf")):
        assert _beside(text, tmp_path) == made / "card.yaml"
    assert _beside("student/other.gguf", tmp_path) is None
    (tmp_path / "link.gguf").symlink_to(made / "student.gguf")
    assert _beside("link.gguf", tmp_path) == made / "card.yaml"


@pytest.mark.parametrize(
    "text",
    ["hf:owner/name", "hf:owner/name/f.gguf", "pypi:gemma-3-270m", "inspect:vllm/m", "x" * 9000],
)
def test_what_is_no_file_here_has_none(text: str, tmp_path: Path) -> None:
    """Also where a card happens to lie in the folder of the suite or recipe."""
    (tmp_path / "card.yaml").touch()
    assert _beside(text, tmp_path) is None


def test_a_home_that_is_nobodys_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no path"):
        _beside("~no-such-user/m.gguf", tmp_path)


def test_only_a_packaged_model_is_one() -> None:
    """A file may bear its name."""
    known = [packaged(Source.parse(f"{scheme}gemma-3-270m")) for scheme in ("pypi:", "", "hf:")]
    assert [bool(one) for one in known] == [True, False, False]
    assert packaged(Source.parse("pypi:other")) is None

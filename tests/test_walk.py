"""A newcomer with the wheel and an empty folder goes through the README and every page of the
docs: each example runs, at the smallest size, through the command it names."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmark_data import lay_out
from tests.walking import (
    PAGES,
    Fence,
    command,
    environment,
    fences,
    first_words,
    install_wheel,
    stocked,
)

pytestmark = pytest.mark.model
SHIPPED = {
    "distilbench run demo": "README.md",  # make demo
    "--suite paper": "benchmarks.md",
    "--recipe template": "README.md",
    "--recipe half-smollm2": "worth-it.md",
    "--recipe eight-gpus": "make-a-student.md",
    "experiment distil-vs-vanilla --small": "worth-it.md",
    "experiment scarce-data": "worth-it.md",
}
COLD = "index.md"
"""The page whose commands import all that they need, as a user's do; others' are forked from a
process of the wheel that has imported it (tests/warm.py)."""
AT_NIGHT = ("make-a-student.md", "worth-it.md")
"""Trainings of a minute: README has one, test_json_output.py a whole experiment."""
TELL = {
    "compute", "compare", "plan-distillation", "distil-or-train", "design", "catalog", "profiles",
    "fit", "quantize",
}  # fmt: skip


def our_words(fence: Fence) -> list[list[str]]:
    """The words of each call of distilbench in a shell example."""
    return [words for words in first_words(fence) if words[0].endswith("distilbench")]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """The benchmarks' data sets, as a hub would give them, and the environment to run in."""
    folder = tmp_path_factory.mktemp("walk")
    given = environment(install_wheel(folder), lay_out(folder))
    with stocked(given, folder) as door:
        yield folder / "data", {**given, **door}


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.long if page.name in AT_NIGHT else ())
        for page in PAGES
        if fences(page)
    ],
    ids=lambda page: page.name,
)
def test_a_newcomer_can_do_what_the_page_says(
    page: Path, walk: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    hub, given = walk
    if page.name == COLD:
        given = {name: value for name, value in given.items() if name != "WALK_STOCK"}
    for data_set in hub.iterdir():
        (tmp_path / data_set.name).symlink_to(data_set)
    for fence in fences(page):
        if fence.why:
            continue
        done = subprocess.run(
            command(fence, tmp_path),
            cwd=tmp_path,
            env=given,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{fence}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        # What has a title is kept in a file, and need not say anything by itself.
        told = fence.title is None
        if fence.language == "bash":
            told = any(words[1] in TELL for words in our_words(fence))
        assert done.stdout.strip() or not told, str(fence)


def test_the_walk_uses_the_installed_wheel(walk: tuple[Path, dict[str, str]]) -> None:
    script = "import distilbench; print(distilbench.__file__)"
    found = subprocess.run(
        ["python", "-c", script], env=walk[1], capture_output=True, text=True, check=True
    )
    assert "site-packages" in found.stdout
    assert "/venv/" in found.stdout


def test_what_is_not_run_says_why() -> None:
    reasons = [fence.why for page in PAGES for fence in fences(page) if fence.why]
    assert all(len(reason.split()) >= 3 for reason in reasons)
    total = sum(len(fences(page)) for page in PAGES)
    assert len(reasons) < total / 4, "most examples of the docs are walked"


def test_every_command_of_the_docs_is_one() -> None:
    """Also of the examples that are not run: their commands are there."""
    import typer

    from distilbench.cli import app

    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for page in PAGES:
        for fence in fences(page):
            if fence.language == "bash":
                for words in our_words(fence):
                    assert words[1] in known, str(fence)

"""What the README and the docs show is run here, so that it stays true."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from distilbench.catalog import load_catalog
from distilbench.cli import app
from distilbench.cli._boundary import run_command
from distilbench.distill import load_recipe
from distilbench.suite import load_suite

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> list[tuple[str, str]]:
    """Page and text of every fenced block in a language."""
    fence = re.compile(rf"```{language}\n(.*?)```", re.DOTALL)
    return [(page.name, text) for page in PAGES for text in fence.findall(page.read_text())]


def commands() -> list[str]:
    lines = (line for _, text in blocks("bash") for line in text.splitlines())
    cleaned = (line.partition("#")[0].replace(".venv/bin/", "").strip() for line in lines)
    return sorted({line for line in cleaned if line.startswith("distilbench ")})


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, cwd=cwd, timeout=300, check=False)


@pytest.mark.parametrize(("page", "text"), blocks("yaml"), ids=lambda value: value[:20])
def test_yaml_examples_are_valid(tmp_path: Path, page: str, text: str) -> None:
    data = yaml.safe_load(text)
    path = tmp_path / "example.yaml"
    path.write_text(text)
    if "models" in data:
        assert load_suite(path).models
    elif "method" in data:
        assert load_recipe(path).trials()
    else:
        assert load_catalog((tmp_path,)).card(data["id"]).id == data["id"]


def test_there_are_commands_to_check() -> None:
    assert len(commands()) >= 8


@pytest.mark.parametrize("line", commands())
def test_commands_have_the_options_that_the_docs_give_them(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also in examples that tests/test_walk.py does not run."""
    words = shlex.split(line)[1:]
    assert run_command(app, [words[0], "--help"]) == 0
    options = [word for word in words if word.startswith("--")]
    if options:
        run_command(app, [*words[:2], "--help"])  # of a command of a group
    shown = capsys.readouterr().out
    for option in options:
        assert option in shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_readme_has_exactly_two_commands_for_a_fresh_machine() -> None:
    start = (ROOT / "README.md").read_text().split("## Start")[1].split("\n## ")[0]
    lines = re.findall(r"^make \w+", start, re.MULTILINE)
    assert lines == ["make demo", "make test"]


def test_the_site_builds(tmp_path: Path) -> None:
    done = run(
        sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path), cwd=ROOT
    )
    assert done.returncode == 0, done.stderr

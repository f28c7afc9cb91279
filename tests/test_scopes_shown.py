"""What ``compute`` shows of a student that shares its teacher's outputs adds up, scope by scope."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from distilbench.cli import app
from distilbench.yaml_file import yaml_text
from tests.test_compute_scopes import RECIPE, card, figure, measured, student

SCOPES = {
    "student": ["student_training"],
    "pipeline": ["student_training", "logit_caching"],
    "amortised": ["student_training", "logit_caching", "teacher_training"],
    "lineage": ["student_training", "logit_caching", "teacher_training", "base_pretraining"],
}


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    stages = [
        {"name": "student_training", "flops": measured(1e15)},
        {"name": "logit_caching", "flops": measured(8e14), "uses": measured(2.0)},
        {"name": "evaluation", "flops": measured(7e13)},
    ]
    made = [
        card("teacher", training={"flops": measured(1e16), "tokens": figure(1e9)}),
        card("base", training={"flops": measured(3e15)}),
        student(recipe={**RECIPE, "stages": stages}, teacher_uses=figure(5)),
    ]
    for one in made:
        fields = one.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        fields["sources"] = {"test": {"title": "a test"}, **fields.get("sources", {})}
        (tmp_path / f"{one.id}.yaml").write_text(yaml_text(fields))
    return tmp_path


def test_every_scope_is_the_sum_of_the_stages_shown_for_it(cards: Path) -> None:
    """By hand: pipeline 1e15 + 8e14; amortised with half of the logits and a fifth of 1e16."""
    name = next(f.stem for f in cards.glob("*.yaml") if f.stem not in ("teacher", "base"))
    done = CliRunner().invoke(app, ["compute", name, "--cards", str(cards), "--json"])
    assert done.exit_code == 0, done.output
    by_hand = {"student": 1e15, "pipeline": 1.8e15, "amortised": 3.4e15, "lineage": 6.4e15}
    for scope, told in json.loads(done.stdout)["scopes"].items():
        assert told["value"] == pytest.approx(by_hand[scope])
        assert list(told["stages"]) == SCOPES[scope]
        shown = sum(stage["value"] for stage in told["stages"].values())
        assert shown == pytest.approx(told["value"])
    done = CliRunner().invoke(app, ["compute", name, "--cards", str(cards)])
    shown = dict(re.findall(r"^(logit_caching.*?)\s{2,}(\S+)", done.output, re.MULTILINE))
    whole, share = "logit_caching (pipeline)", "logit_caching (amortised, lineage)"
    assert {name: float(value) for name, value in shown.items()} == {whole: 8e14, share: 4e14}

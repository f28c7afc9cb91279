"""Every page that shows a creation cost means the same by a scope: one student, worked by hand.

Training it took 100 FLOPs, its teacher generated for 40 and scored for 8, and evaluating it took 1.
Training the teacher took 1,000, and 4 students share it. The vanilla model took 300.

    student     100
    pipeline    100 + 40 + 8 = 148       the evaluation is in no scope
    amortised   148 + 1000 / 4 = 398
    lineage     398 + 300 = 698          where the vanilla model is its base
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from distilbench.catalog import Catalog, load_catalog
from distilbench.claims import check_claims
from distilbench.cli import app
from distilbench.compute import SCOPE_STAGES, SCOPE_WORDS, SCOPES, Quantity
from distilbench.report import RunData, Table
from distilbench.report.experiment._data import Experiment
from distilbench.report.run._creation import creation

BY_HAND = {"student": 100.0, "pipeline": 148.0, "amortised": 398.0, "lineage": 698.0}
ROOT = Path(__file__).parents[1]


def figure(value: float) -> dict[str, Any]:
    return {"value": value, "source": "test", "where": "here", "kind": "measured"}


def card(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name, "name": name, "developer": "us", "family": "test", "role": "vanilla",
        "stage": "base", "sources": {"test": {"title": "a test"}}, **more,
    }  # fmt: skip


STAGES = {"student_training": 100.0, "teacher_generation": 40.0, "logit_caching": 8.0,
          "evaluation": 1.0}  # fmt: skip
CARDS = (
    card("worked-teacher", training={"flops": figure(1000.0)}),
    card("worked-base", training={"flops": figure(300.0)}),
    card(
        "worked-student",
        role="distilled",
        lineage={
            "base": "worked-base",
            "teacher": "worked-teacher",
            "teacher_uses": figure(4.0),
            "recipe": {
                "method": "logit",
                "teacher_generated": True,
                "stages": [{"name": n, "flops": figure(f)} for n, f in STAGES.items()],
            },
        },
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cards")
    for one in CARDS:
        (folder / f"{one['id']}.yaml").write_text(yaml.safe_dump(one))
    return folder


@pytest.fixture(scope="module")
def catalog(folder: Path) -> Catalog:
    return load_catalog((folder,))


def test_the_page_of_a_run(catalog: Catalog) -> None:
    cells = pl.DataFrame({"entry": ["worked"], "card": ["worked-student"]})
    section = creation(RunData({}, "", pl.DataFrame(), cells, catalog))
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    shown = dict(zip(table.columns, table.rows[0], strict=True))
    assert {scope: float(shown[scope].text) for scope in SCOPES} == BY_HAND


def test_the_command(folder: Path) -> None:
    told = CliRunner().invoke(app, ["compute", "worked-student", "--cards", str(folder), "--json"])
    scopes = json.loads(told.stdout)["scopes"]
    assert {scope: scopes[scope]["value"] for scope in SCOPES} == pytest.approx(BY_HAND)


def test_the_page_of_an_experiment() -> None:
    row = {"name": "s", "arm": "logit"} | {f"{name}_flops": flops for name, flops in STAGES.items()}
    spec = {"arms": ["vanilla", "logit"], "teacher": {"uses": None}}
    trained = pl.DataFrame({"arm": ["vanilla", *["logit"] * 4]})
    made = Experiment(spec, "", {"student_training_flops": 1000.0}, trained, pl.DataFrame())
    without_base = {**BY_HAND, "lineage": BY_HAND["amortised"]}  # students start from nothing
    assert {scope: made.flops(row, scope) for scope in SCOPES} == pytest.approx(without_base)
    assert made.flops(row, "one student") == 148 + 1000
    vanilla = {**row, "arm": "vanilla"}
    assert {made.flops(vanilla, scope) for scope in SCOPES} == {100.0}


def test_the_page_on_the_claims(catalog: Catalog) -> None:
    claims = check_claims(catalog, draws=100)
    (ratios,) = (found for model, _, found in claims.ratios if model == "worked-student")
    found = {one.scope: one.ratio.central for one in ratios if isinstance(one.ratio, Quantity)}
    assert found == pytest.approx({scope: 300 / flops for scope, flops in BY_HAND.items()})
    for one in ratios:
        assert one.denominator.flops.central == pytest.approx(BY_HAND[one.scope])


def test_a_distilled_teacher_costs_what_its_own_lineage_says(folder: Path, tmp_path: Path) -> None:
    pupil = card(
        "worked-pupil",
        role="distilled",
        lineage={
            "teacher": "worked-student",
            "recipe": {"method": "logit", "stages": [{"name": "student_training",
                                                      "flops": figure(10.0)}]},
        },
    )  # fmt: skip
    (tmp_path / "pupil.yaml").write_text(yaml.safe_dump(pupil))
    arguments = ["compute", "worked-pupil", "--cards", str(folder), "--cards", str(tmp_path)]
    scopes = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)["scopes"]
    assert scopes["amortised"]["value"] == pytest.approx(10 + BY_HAND["lineage"])


def test_each_stage_is_in_one_scope_first_and_pages_have_the_same_words() -> None:
    assert list(SCOPE_WORDS) == list(SCOPE_STAGES) == list(SCOPES)
    for narrow, wide in pairwise(SCOPES):
        assert set(SCOPE_STAGES[narrow]) < set(SCOPE_STAGES[wide])
    assert not any("evaluation" in stages for stages in SCOPE_STAGES.values())
    docs = (ROOT / "docs" / "creation-cost.md").read_text()
    for scope, words in SCOPE_WORDS.items():
        assert any(f"| `{scope}` | {words}" in line for line in docs.splitlines())

"""Objectives: which one a recipe has, and that another package adds one by one file."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from distilbench.catalog import load_catalog
from distilbench.cli import app
from distilbench.distill import Recipe, load_recipe
from distilbench.distill.recipe import Distillation, aim_of, aims
from distilbench.errors import InputError
from tests.test_distill import TASK, close, from_teacher, make, stage, write_recipe
from tests.test_distill import teacher as teacher

DOCS = Path(__file__).parents[1] / "docs"


def install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, module: str, text: str, point: str
) -> None:
    """Put a package of one module, with one entry point for objectives, on the path."""
    (folder / f"{module}.py").write_text(text)
    about = folder / f"{module}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[distilbench.objectives]\n{module} = {point}\n")
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    aims.cache_clear()


@pytest.fixture(autouse=True)
def _as_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    yield
    aims.cache_clear()


def skew_kl() -> str:
    page = (DOCS / "make-a-student.md").read_text("utf-8")
    found = re.search(r'```python title="skew_kl.py"\n(.*?)^```', page, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def test_a_package_adds_a_loss_by_one_file(
    tmp_path: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"field 'method' is 'skew-kl'; .*on-policy"):
        load_recipe(from_teacher(tmp_path, teacher, method="skew-kl"))
    plugin = tmp_path / "plugin"
    plugin.mkdir()
    install(plugin, monkeypatch, "skew_kl", skew_kl(), "skew_kl:SkewKl")
    training = {"max_steps": 1, "batch_size": 8, "learning_rate": 0.003, "max_length": 128}
    result = make(from_teacher(tmp_path, teacher, method="skew-kl", training=training))
    assert result.loss_before is not None
    assert result.loss < result.loss_before
    trained, scored = (
        stage(result, "student_training", "student")[0],
        stage(result, "logit_caching")[0],
    )
    assert (trained.last_step, trained.samples) == (1, 8)
    assert close(trained)
    assert close(scored)
    card = load_catalog((result.student_dir,)).card("student")
    assert card.role == "distilled"
    assert card.lineage.recipe is not None
    assert card.lineage.recipe.method == "skew-kl"


def test_the_loss_of_the_docs_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    install(tmp_path, monkeypatch, "skew_kl", skew_kl(), "skew_kl:SkewKl")
    objective: Any = aim_of("skew-kl", Distillation(beta=0.25))
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.2, 0.6])
    monkeypatch.setattr(
        sys.modules["skew_kl"], "teacher_logits", lambda *_: p.log().expand(1, 2, 3)
    )
    labels = {"labels": torch.tensor([[-100, 1]])}
    found = objective.loss(None, q.log().expand(1, 2, 3), labels, None)
    # mixture 0.25 p + 0.75 q = 0.275, 0.225, 0.5
    assert float(found) == pytest.approx(0.5 * 0.597837 + 0.3 * 0.287682 - 0.2 * 0.916291, abs=1e-5)


def test_its_plan_asks_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A teacher that scores live: 2 N a token of every epoch, and nothing is generated."""
    install(tmp_path, monkeypatch, "skew_kl", skew_kl(), "skew_kl:SkewKl")
    recipe = {
        "method": "skew-kl",
        "tokenizer": None,
        "student": {},
        "teacher": {"source": "x", "card": "llama-3.3-70b-instruct"},
        "data": {"task": TASK, "questions": 1000},
        "training": {"epochs": 3},
        "plan": {"tokens_per_sample": 100, "student_card": "llama-3.1-8b"},
    }
    path = write_recipe(tmp_path, "planned", **recipe)
    done = CliRunner().invoke(app, ["distill", str(path), "--dry-run", "--json"])
    assert done.exit_code == 0, done.output
    plan = json.loads(done.stdout)
    scored = plan["logit_caching"]["flops"]["value"]
    assert scored == pytest.approx(2 * 70.6e9 * 1000 * 100 * 3, rel=0.01)
    assert "teacher_generation" not in plan
    assert "student_generation" not in plan


@pytest.mark.parametrize(
    ("text", "point", "said"),
    [
        ("x = 1", "broken:Missing", r"package broken: its objective 'broken' cannot be imported"),
        ("import no_such_module", "broken:X", "no_such_module"),
        (
            "class X: method = 'x'",
            "broken:X",
            "is no objective; derive it from distilbench.distill.Objective",
        ),
        (
            "from distilbench.distill import Objective\nclass X(Objective): method = 'x'",
            "broken:X",
            "the objective broken:X lacks trainer",
        ),
    ],
)
def test_a_package_whose_objective_is_broken_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, point: str, said: str
) -> None:
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    install(tmp_path, monkeypatch, "broken", text, point)
    with pytest.raises(InputError, match=said):
        load_recipe(write_recipe(tmp_path, "fine"))


def test_two_objectives_for_one_recipe_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = skew_kl().replace('method = "skew-kl"', 'method = "logit"')
    monkeypatch.delitem(sys.modules, "skew_twice", raising=False)
    install(tmp_path, monkeypatch, "skew_twice", text, "skew_twice:SkewKl")
    with pytest.raises(ValueError, match=r"that of .*Logit and skew_twice\.SkewKl"):
        aim_of("logit", Distillation())


def test_every_setting_has_one_objective_or_a_refusal() -> None:
    for method, divergence, top_k, share in product(
        ("sft", "scratch", "sequence-level", "logit", "on-policy"),
        ("forward-kl", "reverse-kl", "jsd", "gold"),
        (None, 8),
        (0.0, 0.5, 1.0),
    ):
        settings = Distillation(divergence=divergence, top_k=top_k, on_policy_share=share)
        if divergence == "gold" and method != "logit":
            with pytest.raises(ValueError, match="needs method logit"):
                aim_of(method, settings)
            continue
        aim = aim_of(method, settings)
        distils = method in ("sequence-level", "logit", "on-policy")
        assert (aim.needs is not None) == distils
        assert aim.own_share == (share if method == "on-policy" else 0)
        cached = method == "logit" and divergence != "gold" and top_k is not None
        assert (aim.needs == "cached logits") == cached
        served = method == "on-policy" and share == 1 and top_k is not None
        assert (aim.needs == "served") == served
        expected = 0 if method not in ("logit", "on-policy") else 1 if cached else 3
        assert aim.scored_epochs(3) == expected


def test_a_divergence_that_is_not_known_is_named_with_those_that_are() -> None:
    recipe = {"method": "logit", "teacher": {"source": "x"}, "data": {"task": TASK}}
    with pytest.raises(ValueError, match=r"is not known; use one of: forward-kl, .*gold"):
        Recipe.model_validate(recipe | {"distillation": {"divergence": "kl"}})


def test_a_value_of_a_sweep_is_checked_by_its_own_objective() -> None:
    recipe = {
        "method": "logit",
        "teacher": {"source": "x"},
        "data": {"task": TASK},
        "distillation": {"divergence": "jsd", "top_k": 8, "tail": "renormalise"},
    }
    Recipe.model_validate(recipe | {"sweep": {"beta": [0.1, 0.9]}})
    with pytest.raises(ValueError, match="tail: bucket"):
        Recipe.model_validate(recipe | {"sweep": {"beta": [0.1, 1.0]}})


def test_recipes_are_checked_and_planned_without_torch(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from distilbench.distill import load_recipe, packaged_recipe, recipe_names
from distilbench.forecast import plan_recipe
for name in recipe_names():
    Path(f"{name}.yaml").write_text(packaged_recipe(name))
    load_recipe(Path(f"{name}.yaml"))
plan_recipe(load_recipe(Path("eight-gpus.yaml")), Path())
assert not {"torch", "transformers", "trl", "datasets"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)

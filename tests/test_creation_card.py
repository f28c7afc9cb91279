"""A model's creation cost for its model card: table, badge, record, and inside of a record of Every
Eval Ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from distilbench.catalog import Card, Catalog, load_catalog
from distilbench.errors import InputError
from distilbench.report.card import badge, creation_markdown, creation_record, with_creation
from tests.schemas import FOLDER
from tests.test_cli import distilbench
from tests.test_report import HOSTILE

jsonschema = pytest.importorskip("jsonschema")
SCHEMA = Path(__file__).parent / "data" / "every-eval-ever" / "eval.schema.json"
STUDENT = "deepseek-r1-distill-llama-8b"
NODE = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def hostile(catalog: Catalog) -> Card:
    return catalog.card("gemma-3-1b").model_copy(update={"name": f"a|b {HOSTILE}"})


def test_the_record_by_hand(catalog: Catalog) -> None:
    found = creation_record(catalog.card(STUDENT), catalog, draws=500)
    tokens = 804_745 * 5355.3
    own = 6 * 8.03e9 * tokens * 2.5
    assert found.scopes["student"].value == pytest.approx(own)
    sampled = own + 2 * 37e9 * tokens / 0.13
    assert found.scopes["pipeline"].value == pytest.approx(sampled)
    assert [found.scopes[s].bound for s in ("student", "pipeline", "amortised", "lineage")] == [
        "=", "=", "<=", "<=",
    ]  # fmt: skip
    assert (found.base, found.teacher) == ("Llama 3.1 8B", "DeepSeek-R1")
    assert {s.name for s in found.stages} >= {"student_training", "teacher_generation"}
    assert "deepseek-r1-nature" in {source.key for source in found.sources}


def test_what_is_not_known_is_null_and_the_known_part_a_lower_bound(catalog: Catalog) -> None:
    found = creation_record(catalog.card("gemma-3-1b"), catalog, draws=200)
    assert found.scopes["student"].bound == "="
    lineage = found.scopes["lineage"]
    assert lineage.bound == ">="
    assert lineage.value == found.scopes["student"].value
    assert "teacher is not disclosed" in str(lineage.not_available)
    nothing = creation_record(catalog.card("gpt-4o-0513"), catalog, draws=200)
    assert {flops.value for flops in nothing.scopes.values()} == {None}
    assert "not available" in creation_markdown(nothing)
    assert "not available" in badge(nothing)


def test_every_card_has_a_record_that_fits_the_schema(catalog: Catalog) -> None:
    schema = json.loads((FOLDER / "creation.schema.json").read_text())
    fits = jsonschema.Draft202012Validator(schema)
    for card in catalog.cards.values():
        record = creation_record(card, catalog, draws=100)
        fits.validate(json.loads(record.model_dump_json()))
        assert creation_markdown(record).startswith("## Creation cost\n")


def test_the_table_has_a_row_for_each_scope_and_one_of_a_model_that_is_not_distilled(
    catalog: Catalog,
) -> None:
    def first_cells(model: str) -> list[str]:
        text = creation_markdown(creation_record(catalog.card(model), catalog, draws=200))
        return [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")][2:]

    assert first_cells(STUDENT) == ["| student", "| pipeline", "| amortised", "| lineage"]
    assert first_cells("llama-3.1-8b") == ["| all"]


def test_text_of_a_card_is_no_markup(catalog: Catalog) -> None:
    record = creation_record(hostile(catalog), catalog, draws=200)
    record = record.model_copy(update={"method": f"[x](javascript:y) | {HOSTILE}"})
    text = creation_markdown(record, "creation.svg")
    assert "<" not in text.replace("(<https:", "")
    assert "\\[x\\]" in text
    root = ElementTree.fromstring(badge(record))
    assert {node.tag for node in root.iter()} == {
        f"{NODE}{tag}" for tag in ("svg", "title", "rect", "path", "g", "text")
    }
    assert root.findtext(f"{NODE}title", "").startswith(f"a|b {HOSTILE}: creation cost")


@pytest.mark.parametrize(
    ("model", "scope", "right"),
    [
        (STUDENT, "student", "5.19e+20 FLOPs"),
        (STUDENT, "lineage", "≤ 8.92e+23 FLOPs"),
        ("gemma-3-1b", "lineage", "≥ 1.2e+22 FLOPs"),
        ("gpt-4o-0513", "lineage", "not available"),
    ],
)
def test_the_badge_says_scope_and_bound(
    catalog: Catalog, model: str, scope: Any, right: str
) -> None:
    root = ElementTree.fromstring(
        badge(creation_record(catalog.card(model), catalog, draws=200), scope)
    )
    words = [node.text for node in root.iter(f"{NODE}text")]
    distilled = catalog.card(model).role == "distilled"
    assert words == [f"creation cost, {scope}" if distilled else "creation cost", right]
    ends = [float(n.get("x", 0)) + float(n.get("textLength", 0)) for n in root.iter(f"{NODE}text")]
    assert ends[1] < float(root.get("width", 0))


def ever() -> dict[str, Any]:
    return {
        "schema_version": "0.3.0",
        "evaluation_id": "a/b/1",
        "retrieved_timestamp": "1764000000",
        "source_metadata": {
            "source_type": "documentation",
            "source_organization_name": "DeepSeek",
            "evaluator_relationship": "first_party",
        },
        "eval_library": {"name": "unknown", "version": "unknown"},
        "model_info": {
            "name": "R1-Distill-Llama-8B",
            "id": "deepseek-ai/DeepSeek-R1-Distill-Llama-8B",
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": "open_weights",
            },
        },
        "evaluation_results": [],
    }


def test_a_record_of_every_eval_ever_stays_one(catalog: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "ever.json"
    file.write_text(json.dumps(ever()))
    done = distilbench("card", "creation", STUDENT, "--record", str(file), "--draws", "200")
    assert done.returncode == 0, done.stderr
    held = json.loads(file.read_text())
    jsonschema.validate(held, json.loads(SCHEMA.read_text()))
    inner = json.loads(held["model_info"]["additional_details"].pop("creation_cost"))
    assert held == ever()
    jsonschema.validate(inner, json.loads((FOLDER / "creation.schema.json").read_text()))
    assert inner["id"] == STUDENT
    # What we propose: the same as an object of model_info, which its schema does not forbid.
    proposed = ever()
    proposed["model_info"]["creation_cost"] = inner
    jsonschema.validate(proposed, json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"model": "x"}, "has no schema_version"),
        ({"schema_version": "0.3.0"}, "model_info.additional_details: is not there"),
        ({"schema_version": "0.3.0", "model_info": []}, "model_info.additional_details"),
    ],
)
def test_another_record_is_refused(catalog: Catalog, data: Any, named: str) -> None:
    record = creation_record(catalog.card("llama-3.1-8b"), catalog, draws=100)
    with pytest.raises(InputError, match=named.replace(".", r"\.")):
        with_creation(data, Path("x.json"), record)


def test_the_command_writes_three_files_and_refuses_what_is_no_record(tmp_path: Path) -> None:
    out = tmp_path / "card"
    done = distilbench("card", "creation", STUDENT, "--out", str(out), "--scope", "pipeline")
    assert done.returncode == 0, done.stderr
    assert {file.name for file in out.iterdir()} == {
        "creation.md", "creation.svg", "creation.json",
    }  # fmt: skip
    assert "](creation.svg)" in (out / "creation.md").read_text()
    assert "creation cost, pipeline" in (out / "creation.svg").read_text()
    text = out / "creation.md"
    before = text.read_text()
    refused = distilbench("card", "creation", STUDENT, "--record", str(text))
    assert refused.returncode == 2
    assert "creation.md" in refused.stderr
    assert text.read_text() == before

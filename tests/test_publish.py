"""What a run writes for the hub, read by the hub's own code and by Every Eval Ever's; and what it
refuses, because the number would be another's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from typer.testing import CliRunner

from distilbench.cli import app
from distilbench.errors import InputError
from distilbench.publish import (
    Choice,
    PublishedModel,
    Terms,
    publish_run,
    read_results,
    with_section,
)
from tests.hub_runs import DIGEST, GPQA, answers, hub_run
from tests.made_run import Answer

OWN: Mapping[str, Any] = {"inspect": "hf/lab/sheds/sums@0a1b2c3", "name": "sheds"}
"""A data set that describes its own benchmark, whose leaderboard's unit is not known."""


def made(folder: Path, given: Any = None, **more: Any) -> Path:
    more.setdefault("tasks", {"sheds": OWN})
    return hub_run(folder, given or {("small", "sheds"): answers(3, 4)}, **more)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("own"), record={"data_revision": "0a1b2c3"})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[PublishedModel, Path]:
    """All 198 questions of GPQA Diamond, and as many sums that are no benchmark."""
    folder = tmp_path_factory.mktemp("whole")
    given = {("small", "gpqa"): answers(101, 198), ("small", "sums"): answers(150, 198)}
    run = hub_run(folder, given, tasks={"gpqa": GPQA})
    (one,) = publish_run(run, folder / "out", terms=Terms(source="https://example.org/site"))
    return one, folder / "out"


def left_out(run: Path, out: Path, *words: str, **more: Any) -> str:
    """Why nothing is filed."""
    (one,) = publish_run(run, out, **more)
    assert one.filed == ()
    assert not (one.folder / ".eval_results").exists()
    assert (one.folder / "card-section.md").is_file()
    said = "; ".join(one.left_out)
    for word in words:
        assert word in said
    return said


def test_a_whole_benchmark_is_filed_as_the_hub_reads_it(
    whole: tuple[PublishedModel, Path],
) -> None:
    one, out = whole
    assert one.folder == out / "maker" / "small-GGUF"
    (file,) = (one.folder / ".eval_results").iterdir()
    (entry,) = parse_eval_result_entries(yaml.safe_load(file.read_text()))
    assert (entry.dataset_id, entry.task_id) == ("Idavidrein/gpqa", "diamond")
    assert entry.value == 51.01  # 101 of 198, in percent
    assert (entry.source_url, entry.source_name) == ("https://example.org/site",
                                                     "distilbench report")  # fmt: skip
    assert entry.date is not None
    assert entry.date.endswith("Z")
    for words in (
        "accuracy in percent over 198 questions", "greedy", "Q4_K_M weights (small-Q4_K_M.gguf)",
        "llama.cpp b9999", "OpenAI's copy",
    ):  # fmt: skip
        assert words in (entry.notes or "")


def test_what_is_no_benchmark_stands_in_the_card_alone(
    whole: tuple[PublishedModel, Path],
) -> None:
    one, _ = whole
    assert one.left_out == ("sums: is no benchmark of the hub",)
    rows = [line for line in one.section.splitlines() if line.startswith(("| gpqa", "| sums"))]
    assert ["51.0%" in rows[0], "not filed" in rows[0]] == [True, False]
    assert ["75.8%" in rows[1], "not filed" in rows[1]] == [True, True]
    assert "| peak memory | 300 MiB | measured |" in one.section
    assert "| joules a question, mean | not available | – |" in one.section
    assert "## Creation cost" in one.section


def test_every_eval_evers_validator_takes_the_records(
    whole: tuple[PublishedModel, Path],
) -> None:
    validate = pytest.importorskip("every_eval_ever.validator.validate")
    _, out = whole
    files = sorted((out / "every-eval-ever").rglob("*.json*"))
    assert len(files) == 2
    assert validate.main([str(file) for file in files]) == 0
    record = json.loads(next(file for file in files if file.suffix == ".json").read_text())
    assert record["model_info"]["id"] == "maker/small-GGUF"
    sources = {r["evaluation_name"]: r["source_data"] for r in record["evaluation_results"]}
    assert sources["gpqa"]["hf_repo"] == "Idavidrein/gpqa"
    assert sources["sums"]["source_type"] == "other"


def test_the_unit_of_an_unknown_leaderboard_is_asked_for(own: Path, tmp_path: Path) -> None:
    left_out(own, tmp_path / "a", "percent or in fractions", "--unit")
    (one,) = publish_run(own, tmp_path / "b", terms=Terms(unit="fraction"))
    (entry,) = read_results((one.folder / one.filed[0].path).read_text())
    assert (entry.dataset_id, entry.task_id, entry.value) == ("lab/sheds", "sums", 0.75)
    assert entry.dataset_revision == "0a1b2c3"
    assert "as a fraction" in (entry.notes or "")
    (one,) = publish_run(own, tmp_path / "c", terms=Terms(unit="percent"))
    assert one.filed[0].entry.value == 75


def test_the_unit_of_a_known_leaderboard_is_not_to_be_changed(tmp_path: Path) -> None:
    run = made(
        tmp_path, tasks={"sheds": {"inspect": "hf/TIGER-Lab/MMLU-Pro/mmlu_pro", "name": "sheds"}}
    )
    left_out(run, tmp_path / "a", "4 of 12,032 questions are no score")
    from distilbench.publish import benchmark_of
    from distilbench.runner import load_cells

    found = benchmark_of(load_cells(run)[0].task, None)
    assert not isinstance(found, str)
    assert found.unit == "percent"


@pytest.mark.parametrize(
    "part",
    [
        {"tasks": {"sheds": {**OWN, "questions": 4}}},
        {"tasks": {"sheds": {**OWN, "subset": {"questions": 4}}}},
        {"cell": {"limits": {"questions": 4}}},
    ],
)
def test_a_part_of_the_questions_is_no_score(part: dict[str, Any], tmp_path: Path) -> None:
    run = made(tmp_path, **part)
    left_out(run, tmp_path / "out", "not known to be all", terms=Terms(unit="percent"))


def test_a_bound_that_was_not_reached_leaves_nothing_out(tmp_path: Path) -> None:
    run = made(tmp_path, cell={"limits": {"questions": 5}})
    (one,) = publish_run(run, tmp_path / "out", terms=Terms(unit="percent"))
    assert one.filed[0].entry.value == 75


def test_another_score_than_the_ranked_one_is_not_filed(tmp_path: Path) -> None:
    run = made(tmp_path, tasks={"sheds": {**OWN, "score": "f1"}})
    left_out(run, tmp_path / "out", "'f1'", terms=Terms(unit="percent"))


def test_failed_questions_are_refused(tmp_path: Path) -> None:
    given = {("small", "sheds"): [*answers(3, 3), Answer(None, False)]}
    with pytest.raises(InputError, match=r"1 of 4 questions failed \(refused\)"):
        publish_run(made(tmp_path, given), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unfinished_run_is_refused_and_what_is_finished_is_not(tmp_path: Path) -> None:
    given = {("small", "sheds"): answers(3, 4), ("small", "more"): answers(1, 2)}
    run = made(tmp_path, given)
    with pytest.raises(InputError, match="1 of 2 cells are not finished, as small on more"):
        publish_run(run, tmp_path / "out")
    (one,) = publish_run(run, tmp_path / "out", Choice(tasks=("sheds",)), Terms(unit="percent"))
    assert one.filed[0].entry.value == 75


def test_cut_answers_are_told_and_those_that_a_limit_kept_back_are_not_filed(
    tmp_path: Path,
) -> None:
    cut = [*answers(3, 3), Answer("it is", False, stop="max_tokens")]
    (one,) = publish_run(
        made(tmp_path / "a", {("small", "sheds"): cut}), tmp_path / "x", terms=Terms(unit="percent")
    )
    assert "1 of 4 answers cut off by the token limit" in (one.filed[0].entry.notes or "")
    full = [*answers(3, 3), Answer("it is", False, stop="model_length")]
    run = made(tmp_path / "b", {("small", "sheds"): full})
    left_out(run, tmp_path / "y", "1 of 4 answers were kept back", terms=Terms(unit="percent"))


PERCENT = Terms(unit="percent")


def named(repo: str) -> Terms:
    return Terms((repo,), "percent")


def test_results_go_to_the_repository_of_the_weights(own: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the measured file is one of maker/small-GGUF"):
        publish_run(own, tmp_path / "a", terms=named("small=maker/small"))
    local = made(tmp_path / "b", models={"small": {"source": "small.gguf"}})
    left_out(local, tmp_path / "c", "comes from small.gguf", "--repo small=", terms=PERCENT)
    (one,) = publish_run(local, tmp_path / "d", terms=named("me/mine"))
    assert one.repository == "me/mine"
    assert one.filed


def test_weights_that_were_quantized_here_are_not_the_base_repositorys(tmp_path: Path) -> None:
    base = {"source": "hf:maker/small/small-BF16.gguf", "quantization": "Q4_0"}
    run = made(tmp_path, models={"small": base})
    left_out(run, tmp_path / "a", "was quantized here (Q4_0) from maker/small", terms=PERCENT)
    with pytest.raises(InputError, match="maker/small holds others"):
        publish_run(run, tmp_path / "a", terms=named("maker/small"))
    (one,) = publish_run(run, tmp_path / "b", terms=named("me/small-Q4_0"))
    assert one.filed


def test_two_models_of_one_repository_are_not_mixed(tmp_path: Path) -> None:
    given = {("q4", "sheds"): answers(3, 4), ("q8", "sheds"): answers(4, 4, 2)}
    run = made(tmp_path, given)
    with pytest.raises(InputError, match="q8 and q4: are both of maker/small-GGUF"):
        publish_run(run, tmp_path / "out", terms=PERCENT)
    (one,) = publish_run(run, tmp_path / "out", Choice(models=("q8",)), PERCENT)
    assert one.filed[0].entry.value == 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "big"], "no such model; use one of: small"),
        (["--task", "shed"], "no such task; use one of: sheds"),
        (["--repo", "mine"], "has no owner"),
        (["--repo", "a/b/c"], "is no name of a repository"),
        (["--repo", "big=me/it"], "'big' is no model"),
        (["--repo", "me/it", "--repo", "small=me/it"], "is given twice"),
        (["--source", "site"], "is no address"),
        (["--direct"], "goes with --push"),
    ],
)
def test_words_that_mean_nothing(words: list[str], said: str, own: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["publish", str(own), "--out", str(tmp_path), *words])
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)


def test_the_command_says_what_it_wrote_and_left_out(own: Path, tmp_path: Path) -> None:
    words = ["publish", str(own), "--out", str(tmp_path)]
    done = CliRunner().invoke(app, [*words, "--unit", "percent"], catch_exceptions=False)
    assert "lab/sheds, sums: 75.0" in done.stdout
    assert "sent" not in done.stdout
    done = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    (one,) = json.loads(done.stdout)
    assert one["results"] == []
    assert "--unit" in one["left_out"][0]
    assert all(Path(file).is_file() for file in one["files"])


def test_a_section_takes_the_place_of_the_one_before(own: Path, tmp_path: Path) -> None:
    (one,) = publish_run(own, tmp_path, terms=PERCENT)
    first = with_section("---\nlicense: mit\n---\n# Small\n", one.section)
    assert first.startswith("---\nlicense: mit\n---\n# Small\n\n<!-- distilbench")
    again = with_section(first + "\nMine.\n", one.section.replace("75.0%", "80.0%"))
    assert "75.0%" not in again
    assert again.endswith("\nMine.\n")
    assert again.count("## Running cost") == 1
    assert with_section("", one.section) == one.section
    assert DIGEST not in first


def test_the_id_of_a_task_is_that_of_the_data_sets_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the suite names the data set alone; and a file with several tasks says no more."""
    from tests.hub_data import CHOICES, GSM8K, put

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf/hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    commit = put(tmp_path, "lab/sheds", GSM8K, [])
    alone = {"inspect": "hf/lab/sheds", "name": "sheds"}
    run = made(tmp_path / "a", tasks={"sheds": alone}, record={"data_revision": commit})
    (one,) = publish_run(run, tmp_path / "x", terms=PERCENT)
    entry = one.filed[0].entry
    assert (entry.dataset_id, entry.task_id) == ("lab/sheds", "gsm8k")
    assert entry.dataset_revision == commit
    several = put(tmp_path, "lab/ships", CHOICES, [])
    ships = {"sheds": {"inspect": "hf/lab/ships", "name": "sheds"}}
    run = made(tmp_path / "b", tasks=ships, record={"data_revision": several})
    left_out(run, tmp_path / "y", "has several tasks", terms=PERCENT)
    gone = made(tmp_path / "c", tasks={"sheds": {"inspect": "hf/lab/gone", "name": "sheds"}})
    left_out(gone, tmp_path / "z", "cannot be read", "hf/lab/gone/TASK", terms=PERCENT)

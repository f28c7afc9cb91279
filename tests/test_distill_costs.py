"""What a recipe costs is counted once, whole, and said to be no surer than it is."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distilbench.catalog import Card, load_catalog
from distilbench.compute import check_headline
from distilbench.distill import Recipe, StageRecord, load_recipe, of_this_rank
from distilbench.distill.accounts import stated_size
from distilbench.distill.accounts._card import check_lineage
from distilbench.distill.accounts._stages import StageMeter
from distilbench.distill.data._corpus import load_corpus
from distilbench.distill.experiment._experiment import costs as costs_of
from distilbench.distill.teacher import Sampling, Teaching, TransformersGenerator
from distilbench.distill.teacher._cache import Output, TeacherCache
from distilbench.distill.training._launch import check_accelerate
from distilbench.distill.weights._models import Loaded
from distilbench.engines import describe_model
from distilbench.errors import InputError
from distilbench.forecast import plan_recipe
from distilbench.meter import inference_flops
from distilbench.source import Source
from tests.test_distill import NEW, TASK, from_teacher, make, stage, write_recipe
from tests.test_distill import teacher as teacher
from tests.tiny_models import tiny_llama, tiny_tokenizer


def test_energy_of_outputs_is_estimated_if_a_part_is_and_unknown_if_a_part_is(
    tmp_path: Path,
) -> None:
    cache = TeacherCache(tmp_path)
    common = {"stage": "teacher_generation", "payload": {}, "tokens": 5, "flops": 2.0}
    cache.put(
        [
            Output("a", energy_j=1.0, energy_known="measured", **common),
            Output("b", energy_j=2.0, energy_known="estimated", **common),
            Output("c", energy_j=None, wall_s=1.0, **common),
        ]
    )
    cache.use("ab", "known")
    cache.use("abc", "partly")
    (known,), (partly,) = cache.shared_costs("known"), cache.shared_costs("partly")
    assert (known.energy_j, known.energy_known) == (3.0, "estimated")
    assert (partly.energy_j, partly.wall_s, partly.flops) == (None, None, 6.0)


def test_what_a_killed_attempt_generated_is_counted_once() -> None:
    def record(number: int, **fields: Any) -> StageRecord:
        return StageRecord("s", "teacher_generation", number, **fields)

    # Another student paid 5; the first attempt paid 7 and was killed; the second finds all of it.
    stages = [
        record(0, flops_counted=7.0, saved_flops=5.0),
        StageRecord("s", "rejection", 1, samples=12, rejected=3),
        record(2, flops_counted=0.0, saved_flops=12.0),
        StageRecord("s", "rejection", 3, samples=12, rejected=3),
    ]
    costs = costs_of(stages, "s")
    assert costs["teacher_generation_flops"] == 12.0
    assert (costs["generated"], costs["rejected"]) == (12, 3)


def test_a_heartbeat_holds_what_the_teacher_scored(tmp_path: Path) -> None:
    meter = StageMeter("s", tmp_path)
    with meter.stage("student_training") as attempt:
        scoring = meter.beside(attempt, "logit_caching")
        scoring.work(3.0)
        attempt.beat(now=True)
        read = next(r for r in meter.records() if r.stage == "logit_caching")
    assert read.flops_formula == 3.0


def test_a_file_named_like_a_card_of_the_catalog_gets_a_card_of_its_own(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    ids = set()
    for folder in (tmp_path / "one" / "llama-3.1-8b", tmp_path / "two" / "llama-3.1-8b"):
        tiny_llama(tokenizer).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        made = make(
            write_recipe(
                folder.parent,
                "student",
                method="sft",
                tokenizer=None,
                student={"model": str(folder)},
                held_out={"questions": 2, "accuracy": False},
                training={"max_steps": 1, "batch_size": 2, "max_length": 128},
            )
        )
        base = load_catalog((made.student_dir,)).card("student").lineage.base
        assert base is not None
        assert base.startswith("llama-3.1-8b-")
        ids.add(base)
    assert len(ids) == 2


def test_a_repository_on_the_hub_is_described_by_its_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_llama(tiny_tokenizer()).config.save_pretrained(tmp_path)
    asked = []

    def download(repository: str, file: str) -> str:
        asked.append((repository, file))
        return str(tmp_path / file)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    described = describe_model(Source.parse("hf:org/tiny"), Path(), "here")
    assert asked == [("org/tiny", "config.json")]
    assert described.architecture is not None
    assert described.architecture.layer_count == 4
    recipe = Recipe.model_validate(
        {"method": "sft", "student": {"model": "hf:org/tiny"}, "data": {"task": TASK}}
    )
    check_lineage(recipe, Teaching(None, Path(), "here"), Path())


def test_a_base_that_cannot_be_described_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(repository: str, file: str) -> str:
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", unreachable)
    recipe = write_recipe(tmp_path, "s", method="sft", student={"model": "hf:org/tiny"})
    with pytest.raises(InputError, match=r"config\.json could not be fetched"):
        make(recipe)
    assert not list((tmp_path / "out").glob("s/attempts/*.json"))


@pytest.fixture
def padded_teacher(tmp_path: Path) -> Path:
    """A teacher with more rows of embedding than its tokenizer has tokens, as many have."""
    tokenizer, folder = tiny_tokenizer(), tmp_path / "padded"
    model = tiny_llama(tokenizer)
    model.resize_token_embeddings(len(tokenizer) + 8)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("method", ["logit", "on-policy"])
def test_a_new_student_has_the_padding_of_its_teacher(
    tmp_path: Path, padded_teacher: Path, method: str
) -> None:
    result = make(from_teacher(tmp_path, padded_teacher, method=method, student={"new": NEW}))
    config = json.loads((result.student_dir / "config.json").read_text())
    assert config["vocab_size"] == len(tiny_tokenizer()) + 8


def test_embeddings_of_other_sizes_are_refused_in_one_sentence(
    tmp_path: Path, padded_teacher: Path, teacher: Path
) -> None:
    recipe = from_teacher(tmp_path, padded_teacher, method="logit", student={"model": str(teacher)})
    with pytest.raises(InputError, match=r"have \d+ and \d+ rows"):
        make(recipe)


def test_an_answer_ends_at_any_of_the_models_end_tokens() -> None:
    tokenizer = tiny_tokenizer()
    model = tiny_llama(tokenizer)
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, 7]
    sampling = Sampling(4, (), 0.0, None, 0)
    generator = TransformersGenerator(Loaded(model, tokenizer, ""), sampling)
    assert generator._settings()["eos_token_id"] == [tokenizer.eos_token_id, 7]
    assert generator._until_end([5, 6, 7, 9]) == [5, 6, 7]
    assert generator._until_end([5, 6]) == [5, 6]


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_budget_holds_what_the_student_writes(
    tmp_path: Path, teacher: Path, share: float
) -> None:
    training = {"max_flops": 2e9, "batch_size": 4, "max_length": 128}
    made = make(
        from_teacher(
            tmp_path,
            teacher,
            method="on-policy",
            distillation={"on_policy_share": share},
            training=training,
        )
    )
    (record,) = stage(made, "student_training", "student")
    assert record.last_step is not None
    assert record.last_step > 3
    assert record.flops_formula is not None
    assert 0.3 * 2e9 < record.flops_formula <= 1.05 * 2e9


def test_a_plan_counts_every_epoch_of_a_sweep_and_what_the_student_writes(tmp_path: Path) -> None:
    recipe = {
        "method": "on-policy",
        "teacher": {"source": "x", "card": "llama-3.3-70b-instruct"},
        "data": {"task": TASK, "questions": 1000},
        "sweep": {"epochs": [1, 3]},
        "plan": {"tokens_per_sample": 100, "student_card": "llama-3.1-8b"},
    }
    planned = plan_recipe(Recipe.model_validate({"name": "r", **recipe}), tmp_path).plan
    flops = {s.name: s.footprint.flops.central for s in planned.stages}
    tokens, small = 1000 * 100, flops["student_training"] / (6 * 1000 * 100 * 4)
    assert small == pytest.approx(8.03e9, rel=0.01)
    assert flops["student_generation"] == pytest.approx(2 * small * tokens * 4)
    assert flops["logit_caching"] == pytest.approx(2 * 70.6e9 * tokens * 4, rel=0.01)
    recipe |= {"sweep": {}, "training": {"max_steps": 50, "batch_size": 10}}
    short = plan_recipe(Recipe.model_validate({"name": "r", **recipe}), tmp_path).plan
    trained = next(s for s in short.stages if s.name == "student_training")
    assert trained.footprint.flops.central == pytest.approx(6 * small * 50 * 10 * 100)


def test_a_control_made_here_can_stand_for_the_vanilla_model() -> None:
    figure = {"value": 1e15, "source": "measured", "where": "x", "kind": "measured"}
    common = {
        "developer": "d",
        "family": "f",
        "stage": "base",
        "sources": {"measured": {"title": "t"}},
        "parameters": {"total": {**figure, "value": 1e6}},
    }
    training = {"flops": figure, "tokens": {**figure, "value": 1e8}}
    control = Card.model_validate(
        {**common, "id": "c", "name": "c", "role": "vanilla", "training": training}
    )
    stages = [{"name": "student_training", "flops": {**figure, "value": 1e13}}]
    lineage = {"recipe": {"method": "logit", "stages": stages}}
    student = Card.model_validate(
        {**common, "id": "s", "name": "s", "role": "distilled", "lineage": lineage}
    )
    found = check_headline(control, student, {"c": control, "s": student}, draws=200)
    assert any("measured FLOPs" in way.counting for way in found.alternatives)


def test_lines_of_json_may_hold_other_separators(tmp_path: Path) -> None:
    texts = [f"line {n} \u2028 and \x85 more" for n in range(12)]
    rows = (json.dumps({"text": text}, ensure_ascii=False) for text in texts)
    (tmp_path / "book.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    recipe = load_recipe(write_recipe(tmp_path, "r", data={"text": "book.jsonl"}, held_out={}))
    corpus = load_corpus(recipe, "r")
    assert [*corpus.train_texts, *corpus.held_out_texts] == texts


def test_ranks_average_their_gradients() -> None:
    trainer = SimpleNamespace(accelerator=SimpleNamespace(num_processes=4))
    assert of_this_rank(trainer, 100) == 25
    assert of_this_rank(trainer, None) is None


def test_a_served_teachers_flops_come_from_its_card() -> None:
    card = "llama-3.3-70b-instruct"
    stated = load_catalog().card(card).architecture
    assert stated is not None
    size = stated_size(card, None)
    assert size.shape == stated.shape
    assert size.answering(100, 1) == inference_flops(stated.shape, 100, 1).prefill
    assert stated_size(None, None).answering(100, 10) is None  # not known is not nothing
    assert (
        stated_size(card, 2e9).answering(100, 11) == 2 * 2e9 * 110
    )  # the recipe's word goes first


def test_a_teacher_of_which_only_the_parameters_are_known() -> None:
    """o1's are nowhere published; DeepSeek-R1 passes a token through 37 of its 671 billion."""
    assert stated_size("o1-1217", None).answering(1, 2) is None
    found = stated_size("deepseek-r1", None)
    assert found.answering(1000, 1) == pytest.approx(2 * 37e9 * 1000, rel=0.1)


@pytest.mark.parametrize(
    ("settings", "training", "said"),
    [
        (None, {}, "there is no file"),
        ("distributed_type: FSDP", {"lora": {"rank": 4}}, "adapters are merged whole"),
        (
            "{distributed_type: FSDP, fsdp_config: {fsdp_state_dict_type: SHARDED_STATE_DICT}}",
            {},
            "in parts",
        ),
        ("{distributed_type: FSDP, fsdp_config: [1]}", {}, "no mapping in 'fsdp_config'"),
        ("distributed_type: NO\ndistributed_type: FSDP", {}, "stands twice, on lines 1 and 2"),
    ],
)
def test_an_accelerate_configuration_that_cannot_be_is_told_before_any_work(
    tmp_path: Path, settings: str | None, training: dict[str, Any], said: str
) -> None:
    if settings is not None:
        (tmp_path / "launch.yaml").write_text(settings)
    path = write_recipe(tmp_path, "r", accelerate="launch.yaml", training=training)
    with pytest.raises(InputError, match=said):
        make(path)
    (tmp_path / "launch.yaml").write_text("distributed_type: MULTI_GPU")
    check_accelerate(load_recipe(path), tmp_path, "r")

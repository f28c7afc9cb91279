"""Several losses at once: each weighted sum, and its gradients, against references in float64 that
share no code with the trainers; and the work that a projection is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from distilbench.distill import Recipe
from distilbench.distill.accounts import TrainingShape, shape_of
from distilbench.distill.data import Example
from distilbench.distill.recipe import Distillation, HiddenLoss
from distilbench.distill.training._hidden import layer_map
from distilbench.distill.weights import Loaded
from distilbench.errors import InputError
from tests.made_trainer import EXAMPLES, loss_and_gradients, made_trainer
from tests.test_distill import TASK, from_teacher, make, stage
from tests.tiny_models import tiny_llama, tiny_tokenizer

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Any, Any]:
    """Tokenizer, student, teacher: four layers of width 32 each, of other weights."""
    tokenizer = tiny_tokenizer()
    return tokenizer, tiny_llama(tokenizer, 1), tiny_llama(tokenizer, 2)


@pytest.fixture(scope="module")
def teacher(pair: tuple[Any, Any, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    for part in (pair[0], pair[2]):
        part.save_pretrained(folder)
    return folder


Distance = Callable[[Any, Any, Any], Any]


def reference(student: Any, teacher: Any, distance: Distance) -> tuple[float, dict[str, Any]]:
    """Mean over all labelled tokens of a distance, one example after the other without padding, in
    float64. ``distance`` takes the outputs of student and teacher at the tokens' positions, as
    (logits, hidden states), and the tokens."""
    mine, its = copy.deepcopy(student).double(), copy.deepcopy(teacher).double()
    total, count = torch.zeros((), dtype=torch.double), 0
    for example in EXAMPLES:
        ids = torch.tensor([example.ids])
        at = slice(len(example.prompt) - 1, len(example.ids) - 1)
        found = []
        for model in (mine, its):
            out = model(ids, output_hidden_states=True)
            found.append((out.logits[0, at], [state[0, at] for state in out.hidden_states]))
        tokens = torch.tensor(example.completion)
        total = total + distance(found[0], found[1], tokens).sum()
        count += len(tokens)
    (total / count).backward()
    return float(total.detach() / count), {n: p.grad for n, p in mine.named_parameters()}


def check(trainer: Any, wanted: float, slopes: dict[str, Any]) -> None:
    """That a trainer's loss and its gradients are those."""
    found, gradients = loss_and_gradients(trainer)
    assert found == pytest.approx(wanted, rel=1e-6)
    for parameter, slope in slopes.items():
        assert torch.allclose(gradients[parameter].double(), slope, atol=1e-6), parameter


def kl(one: Any, other: Any) -> Any:
    p, q = one.softmax(-1), other.softmax(-1)
    return (p * (p / q).log()).sum(-1)


def surprise(logits: Any, tokens: Any) -> Any:
    return -logits.softmax(-1).gather(-1, tokens[:, None])[:, 0].log()


def mixed(mine: Any, its: Any, tokens: Any) -> Any:
    return 0.3 * kl(its[0], mine[0]) + 0.7 * surprise(mine[0], tokens)


def at_two(mine: Any, its: Any, tokens: Any) -> Any:
    """Two divergences at temperature 2, each times its square."""
    p, q = its[0] / 2, mine[0] / 2
    m = 0.25 * p.softmax(-1) + 0.75 * q.softmax(-1)
    jsd = 0.25 * kl(p, m.log()) + 0.75 * kl(q, m.log())
    return 4 * (0.6 * kl(q, p) + 0.5 * jsd) + 0.4 * surprise(mine[0], tokens)


def hidden(mine: Any, its: Any, tokens: Any) -> Any:
    """Layers 1 and 3 (states 2 and 4) by their squared distance, the last by its angle."""
    squares = [((mine[1][a] - its[1][b]) ** 2).mean(-1) for a, b in ((2, 3), (4, 4))]
    one, other = mine[1][4], its[1][4]
    angle = 1 - (one * other).sum(-1) / (one.norm(dim=-1) * other.norm(dim=-1))
    return kl(its[0], mine[0]) + 0.5 * (squares[0] + squares[1]) / 2 + 2.0 * angle


CASES = {
    "alpha": (mixed, {"alpha": 0.3}),
    "two divergences": (
        at_two,
        {
            "divergence": "reverse-kl",
            "temperature": 2.0,
            "temperature_squared": True,
            "alpha": 0.6,
            "losses": [{"loss": "jsd", "beta": 0.25, "temperature": 2.0, "weight": 0.5}],
        },
    ),
    "hidden": (
        hidden,
        {
            "losses": [
                {"loss": "hidden-mse", "weight": 0.5, "layers": {1: 2, 3: 3}},
                {"loss": "hidden-cosine", "weight": 2.0, "layers": {3: 3}},
            ]
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_weighted_sum_and_its_gradients(tmp_path: Path, pair: Any, name: str) -> None:
    tokenizer, student, its = pair
    distance, distillation = CASES[name]
    wanted, slopes = reference(student, its, distance)
    trainer = made_trainer(
        tmp_path,
        Loaded(copy.deepcopy(student), tokenizer, ""),
        Loaded(copy.deepcopy(its), tokenizer, ""),
        "logit",
        distillation,
    )
    check(trainer, wanted, slopes)


def test_alpha_of_cached_logits_is_that_of_the_whole_ones(tmp_path: Path, pair: Any) -> None:
    """All tokens kept: the same sum as online."""
    from distilbench.distill.accounts import StageMeter
    from distilbench.distill.teacher import LocalScorer, TeacherCache, cache_logits

    tokenizer, student, its = pair
    settings = {"alpha": 0.3, "top_k": len(tokenizer), "keep": "float32"}
    asked = Distillation(**settings)
    cache = TeacherCache(tmp_path / "kept")
    with StageMeter("s", tmp_path / "meter").stage("logit_caching") as attempt:
        files = cache_logits(
            EXAMPLES, LocalScorer(Loaded(its, tokenizer, "its"), asked), asked, 2, cache, "s",
            attempt, lambda event: None,
        )  # fmt: skip
    wanted, slopes = reference(student, its, mixed)
    mine = Loaded(copy.deepcopy(student), tokenizer, "")
    trainer = made_trainer(
        tmp_path, mine, None, "logit", settings, logits=[[file] for file in files]
    )
    check(trainer, wanted, slopes)


def test_alpha_between_tokenizers_is_of_the_losses_of_both(tmp_path: Path, pair: Any) -> None:
    """GOLD's own loss is tested against TRL's: here, that the parts add up."""
    from distilbench.distill.training.objectives._gold import TwofoldExample

    tokenizer, student, its = pair
    texts = [tokenizer(text)["input_ids"] for text in (" the cat sat", " 1 + 2 = 3", " a mat ;")]
    both = [TwofoldExample((5, 6), tuple(ids), teacher=Example((5, 6), tuple(ids)))
            for ids in texts]  # fmt: skip
    found = []
    for alpha in (1.0, 0.25):
        models = [Loaded(copy.deepcopy(model), tokenizer, "") for model in (student, its)]
        trainer = made_trainer(
            tmp_path / str(alpha), *models, "logit", {"divergence": "gold", "alpha": alpha}, both
        )
        found.append(loss_and_gradients(trainer)[0])
    total, count = 0.0, 0
    for ids in texts:
        logits = student(torch.tensor([[5, 6, *ids]])).logits[0, 1:-1].double()
        total += float(surprise(logits, torch.tensor(ids)).sum().detach())
        count += len(ids)
    assert found[1] == pytest.approx(0.25 * found[0] + 0.75 * total / count, rel=1e-6)


NARROW = {"layers": 2, "hidden": 16, "heads": 2, "ffn": 24, "context": 160}


def test_a_projection_is_trained_counted_and_thrown_away(tmp_path: Path, teacher: Path) -> None:
    """Student of width 16, teacher of 32: two maps of 512 weights, used where a loss is taken."""
    training = {"max_steps": 2, "batch_size": 8, "max_length": 128, "checkpoint_every": 1}
    losses = [{"loss": "hidden-mse"}]
    kept: dict[str, Any] = {}

    def look(event: Any) -> None:
        folders = sorted(
            tmp_path.glob("out/student/trials/0/checkpoints/checkpoint-*/model.safetensors")
        )
        if not folders or "first" in kept:
            return
        from safetensors.torch import load_file

        kept["first"] = load_file(str(folders[0]))

    recipe = from_teacher(
        tmp_path, teacher, method="logit", student={"new": NARROW}, training=training,
        distillation={"losses": losses},
    )  # fmt: skip
    result = make(recipe, on_event=look)
    (trained,) = stage(result, "student_training", "student")
    (scored,) = stage(result, "logit_caching")
    assert trained.flops_counted == pytest.approx(trained.flops_formula, rel=0.005)
    assert scored.flops_counted == pytest.approx(scored.flops_formula, rel=0.005)
    maps = [name for name in kept["first"] if "hidden_projections" in name]
    assert len(maps) == 2
    torch.manual_seed(0)
    drawn = torch.nn.Linear(16, 32, bias=False).weight
    assert not torch.allclose(kept["first"][maps[0]], drawn)  # it was trained
    from safetensors import safe_open

    with safe_open(result.student_dir / "model.safetensors", "pt") as file:
        assert not [name for name in file.keys() if "projection" in name]  # noqa: SIM118


def test_the_work_of_a_projection_by_the_counter() -> None:
    """6 FLOPs a weight and labelled position: there and back to state and weight."""
    from torch.utils.flop_counter import FlopCounterMode

    states = torch.randn(7, 16, requires_grad=True)
    there = torch.nn.Linear(16, 32, bias=False)
    with FlopCounterMode(display=False) as counter:
        there(states).sum().backward()
    shape = shape_of(tiny_llama(tiny_tokenizer()))
    plain = TrainingShape(shape).step(1, 10, 7)
    with_map = TrainingShape(shape, projection_parameters=16 * 32).step(1, 10, 7)
    assert with_map - plain == counter.get_total_flops()


def test_layers_are_spaced_evenly_last_on_last() -> None:
    loss = HiddenLoss(loss="hidden-mse")
    assert layer_map(loss, 4, 12) == {0: 2, 1: 5, 2: 8, 3: 11}
    assert layer_map(loss, 3, 4) == {0: 0, 1: 2, 2: 3}
    assert layer_map(loss, 2, 2) == {0: 0, 1: 1}
    assert layer_map(HiddenLoss(loss="hidden-mse", layers={1: 7}), 4, 12) == {1: 7}


RECIPE = {"method": "logit", "teacher": {"source": "x"}, "data": {"task": TASK}}
HIDDEN = {"loss": "hidden-mse"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "sft", "distillation": {"alpha": 0.5}}, r"'distillation.alpha: 0.5' changes"),
        ({"method": "on-policy", "distillation": {"alpha": 0.5}}, r"changes nothing of method on"),
        ({"method": "sequence-level", "distillation": {"losses": [HIDDEN]}}, r"losses' changes"),
        ({"distillation": {"divergence": "gold", "losses": [HIDDEN]}}, r"losses' changes nothing"),
        ({"distillation": {"top_k": 8, "losses": [HIDDEN]}}, r"'top_k' keeps its logits only"),
        (
            {"distillation": {"top_k": 8, "losses": [{"loss": "jsd", "temperature": 2}]}},
            r"kept at 'temperature: 1.0'",
        ),
        ({"distillation": {"losses": [{"loss": "reverse-kl", "beta": 0.1}]}}, r"'beta' changes"),
        ({"distillation": {"losses": [{**HIDDEN, "layers": {}}]}}, r"maps no layer"),
        ({"distillation": {"losses": [{**HIDDEN, "weight": 0}]}}, r"greater than 0"),
        ({"distillation": {"alpha": 0}}, r"greater than 0"),
        ({"sweep": {"alpha": [0.5, 0.0]}}, r"greater than 0"),
        ({"method": "sft", "sweep": {"alpha": [0.5, 0.9]}}, r"alpha: 0.5' changes nothing"),
    ],
)
def test_a_weight_that_would_change_nothing_is_refused(changes: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Recipe.model_validate({**RECIPE, **changes})
    Recipe.model_validate({**RECIPE, "sweep": {"alpha": [0.5, 1.0]}})


@pytest.mark.parametrize(
    ("loss", "changes", "said"),
    [
        ({"layers": {0: 4}}, {}, r"layer 4 of the teacher, which has 4"),
        ({"layers": {2: 1}}, {"student": {"new": NARROW}}, r"layer 2 of the student, which has 2"),
        ({"projection": False}, {"student": {"new": NARROW}}, r"are 16 and 32 wide"),
        ({}, {"student": {"new": NARROW}, "training": {"lora": {}}}, r"lora' trains adapters"),
    ],
)
def test_layers_and_widths_that_do_not_fit_are_refused(
    tmp_path: Path, teacher: Path, loss: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    losses = {"losses": [{**HIDDEN, **loss}]}
    recipe = from_teacher(tmp_path, teacher, method="logit", distillation=losses, **changes)
    with pytest.raises(InputError, match=said):
        make(recipe)

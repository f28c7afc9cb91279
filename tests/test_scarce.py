"""The experiment scarce-data: what is tried, the rows of source text, works side by side, a whole
one at the smallest size."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distilbench.cli._progress_lines import Lines
from distilbench.distill.experiment._grid import best, middle, rates_alone, trials
from distilbench.distill.experiment._scarce_spec import TextStudy, load_scarce
from distilbench.distill.experiment._side_by_side import side_by_side
from distilbench.distill.experiment._source_text import (
    SPLITS,
    _long_lines,
    cut_row,
    make_rows,
    source_files,
    split_files,
)
from distilbench.errors import InputError
from distilbench.events import Event, TrainingFinished, TrainingNamed, ignore
from tests.tiny_scarce import TINY_QUESTIONS, TINY_SCARCE, TINY_TEXT, write_sources


def row(loss: float | None, accuracy: float | None = None, rate: float = 1.0) -> dict[str, Any]:
    return {"loss": loss, "accuracy": accuracy, "learning_rate": rate}


def test_the_best_trial_is_by_accuracy_then_loss_and_who_diverged_has_lost() -> None:
    rows = [row(None), row(float("nan")), row(4.0), row(3.0)]
    assert best(rows, "x") is rows[3]
    rows = [row(3.0, 0.5), row(4.0, 0.6), row(3.9, 0.6), row(None)]
    assert best(rows, "x") is rows[2]
    with pytest.raises(InputError, match="each of its 2 trials diverged"):
        best(rows[3:] * 2, "text, logit, 20")


def test_an_arm_with_given_steps_has_as_many_trials() -> None:
    rates, steps = (1e-3, 4e-3, 1.6e-2), (10, 20, 40)
    assert middle(steps) == 20
    assert rates_alone(rates, trials(rates, steps)) == [1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2]


def words(text: str) -> list[int]:
    """A tokenizer of whole words and white space: the ends of its tokens."""
    ends = [at for at in range(1, len(text)) if text[at].isspace() != text[at - 1].isspace()]
    return [*ends, len(text)] if text else []


def test_a_row_is_as_many_tokens_also_alone() -> None:
    assert cut_row("a bb  ccc d", 5, words) == "a bb  ccc"
    assert cut_row("a bb", 5, words) is None
    pairs = lambda text: list(range(2, len(text) + 1, 2)) + [len(text)] * (len(text) % 2)  # noqa: E731
    assert cut_row("abcdefg", 2, pairs) == "abcd"


def test_files_are_of_one_split_and_no_test_row_shares_a_line_with_training(
    tmp_path: Path,
) -> None:
    write_sources(tmp_path / "src", copied=True)
    text = load_scarce(_file(tmp_path, TINY_TEXT)).text
    assert text is not None
    files = source_files(text)
    assert files == source_files(text)
    split = split_files(files)
    placed = [path for name in SPLITS for path in split[name]]
    assert sorted(placed) == sorted(files)
    made = make_rows(text, split, words)
    trained = {line for name in ("teacher", "student") for one in made.rows[name]
               for line in _long_lines(one)}  # fmt: skip
    for name in ("validation", "test"):
        for one in made.rows[name]:
            assert not trained & _long_lines(one)
            assert len(words(one)) == text.max_length - 1
    assert made.shared > 0  # a licence stands at the head of every file
    assert made.facts()["sha256"] == make_rows(text, split, words).facts()["sha256"]


def test_too_little_text_is_told(tmp_path: Path) -> None:
    write_sources(tmp_path / "src")
    text = load_scarce(_file(tmp_path, TINY_TEXT.replace("test: 12", "test: 9999"))).text
    assert text is not None
    with pytest.raises(InputError, match=r"text\.test.* 9,999 are asked for"):
        make_rows(text, split_files(source_files(text)), words)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (TINY_SCARCE.replace("seeds: [1, 2]", "seeds: [0, 1]"), "none of 'seeds'"),
        (TINY_SCARCE.replace("seeds: [1, 2]", "seeds: [1, 1]"), "lists one twice"),
        (TINY_TEXT.replace("unique: [4, 16]", "unique: [16, 4]"), "rises"),
        (TINY_TEXT.replace("unique: [4, 16]", "unique: [4, 14]"), "multiples of 'batch_size'"),
        (TINY_QUESTIONS.replace("unlabelled: 64", "unlabelled: 24"), "below 'unlabelled'"),
        (TINY_TEXT.replace("[0.003, 0.03]", "[0.03, 0.003]"), "'learning_rates' rises"),
        ("seeds: [1]\n", "'text', 'questions', or both"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, changed: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load_scarce(_file(tmp_path, changed))


def test_the_packaged_experiment_is_that_of_the_issue() -> None:
    spec = load_scarce(None)
    assert spec.text is not None
    assert spec.questions is not None
    assert spec.text.unique == (20, 80, 400)
    assert len(spec.seeds) == 3
    assert spec.questions.least_accuracy == 0.9
    assert spec.text.tuning.trials == spec.questions.tuning.trials == 5


def _file(folder: Path, text: str) -> Path:
    file = folder / "experiment.yaml"
    file.write_text(text)
    return file


def _work(name: str, made: list[list[int]]) -> Generator[list[Any], list[int], None]:
    for number in range(2):
        orders = [SimpleNamespace(name=f"{name}{number}{at}", at=at) for at in range(2)]
        made.append((yield orders))


def test_a_work_is_sent_its_results_in_the_order_of_its_orders() -> None:
    sent: list[list[int]] = []
    noted: list[int] = []
    events: list[Event] = []
    works = [_work("a", sent), _work("b", sent)]
    side_by_side(works, lambda order: order.at, 1, noted.append, events.append)
    assert sent == [[0, 1]] * 4
    assert noted == [0, 1] * 4
    assert [event.name for event in events if isinstance(event, TrainingNamed)][:2] == [
        "a00", "a01",
    ]  # fmt: skip


def test_a_finished_training_is_told_by_its_accuracy_or_its_loss(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = Lines(quiet=False)
    lines.on_event(TrainingFinished("text-logit-20", None, 4.25))
    lines.on_event(TrainingFinished("text-logit-80", None, None))
    lines.on_event(TrainingFinished("questions-both-50", 0.5, 1.0))
    said = capsys.readouterr().err
    for words in ("20: loss 4.2500 (", "80: loss not a number (", "50: accuracy 50.0% ("):
        assert words in said


@pytest.mark.long
def test_works_side_by_side_in_processes_of_their_own() -> None:
    sent: list[list[int]] = []
    side_by_side([_work("a", sent), _work("b", sent)], _at, 2, lambda _: None, ignore)
    assert sent == [[0, 1]] * 4
    with pytest.raises(InputError, match="ended"):
        side_by_side([_work("a", sent)], _die, 2, lambda _: None, ignore)


def _at(order: Any) -> int:
    return int(order.at)


def _die(order: Any) -> int:
    import os

    os._exit(9)


def test_a_study_of_text_needs_no_folder() -> None:
    """The library of this Python, without its tables and copies."""
    spec = load_scarce(None).text
    assert isinstance(spec, TextStudy)
    found = source_files(spec)
    assert len(found) > 100
    assert not {"test", "site-packages", "encodings"} & {p for f in found for p in f.parts}

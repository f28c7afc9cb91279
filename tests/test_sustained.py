"""Models kept under load: the rule on minutes by hand, fake sensors, a fake model, the page."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from inspect_ai.model import GenerateConfig, ModelOutput

from distilbench._api import Run
from distilbench.errors import InputError
from distilbench.events import Event, ModelLoaded, Noted, SampleDone
from distilbench.files import write_sealed
from distilbench.meter import Energy, Reading, Stretch, quota_throttled_s
from distilbench.records import REPEAT_CELLS, SUSTAINED, MinuteRecord, frame
from distilbench.report import sustained_facts, write_report
from distilbench.runner import _under_load as under_load
from distilbench.runner import plan, run_suite, sustained_minutes
from distilbench.runner._minutes import Answer, Look, minute_rows
from distilbench.runner._sustained import Sustained, left, refused, sustain, sustained
from distilbench.runner.executors._local import Local
from distilbench.runner.executors._ray import Ray
from distilbench.stats import sustained as judged
from distilbench.stats._sustained import change
from distilbench.suite import read_suite
from tests.test_report import make_run, sample

_NOISE = (0.3, -0.2, 0.1, -0.4, 0.2, 0.0, -0.1, 0.4, -0.3, 0.1)
_FELL = [41.2 + n for n in _NOISE[:3]] + [33.0 + n for n in _NOISE[3:]]
_STEADY = [41.2 + n for n in _NOISE]


def _minutes(rates: Sequence[float | None], **columns: Any) -> pl.DataFrame:
    """Minute records of one model. ``columns``: a value for all minutes, or one for each."""
    missing = "not available: the system shows no sensor of the processor"
    about = {"model": "m", "profile": "p", "temperature_method": missing,
             "frequency_method": missing, "suspended_s": 0.0, "begun_anew": False}  # fmt: skip
    rows = [
        {**about, "minute": n + 1, "decode_tokens_per_s": rate, "output_tokens_per_s": rate,
         **{k: v[n] if isinstance(v, list) else v for k, v in columns.items()}}
        for n, rate in enumerate(rates)
    ]  # fmt: skip
    return frame(rows, MinuteRecord)


def _said(minutes: pl.DataFrame) -> str:
    return str(sustained_facts(minutes)[0]["said"])


def test_the_best_cut_and_its_interval() -> None:
    """Geometric means of 3 and 7 minutes; seven minutes at 33 and three at 41.2 differ by 20%."""
    found = change(_FELL)
    assert found is not None
    assert found.minute == 3
    assert found.before == pytest.approx((41.5 * 41.0 * 41.3) ** (1 / 3))
    assert found.ratio == pytest.approx(33 / 41.2, rel=0.01)
    assert found.low < 33 / 41.2 < found.high < 1
    assert found.told


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [
        (_STEADY, "steady"),
        ([41.0] * 6, "steady"),
        ([41.0, 41.1, 40.9, 41.0, 40.0, 39.9, 40.0, 40.1], "steady"),  # told from noise, and 2%
        # The last falls by a third, as its neighbours do: noise, and room for a fall.
        ([30.0, 41.0, 52.0, 35.0, 48.0, 29.0, 40.0, 31.0], "undecided"),
    ],
)
def test_noise_is_no_fall(rates: list[float], verdict: str) -> None:
    found = judged(_minutes(rates))
    assert found.verdict == verdict
    assert found.throttled is (None if verdict == "undecided" else False)
    assert verdict in _said(_minutes(rates))


def test_two_minutes_say_nothing() -> None:
    found = judged(_minutes([41.0, 20.0, 20.0, 20.0]))
    assert (found.verdict, found.throttled) == ("too short", None)
    assert "it takes 5" in _said(_minutes([41.0, 20.0]))


def test_a_slow_fall_is_told() -> None:
    found = judged(_minutes([40 - 0.8 * n + noise for n, noise in enumerate(_NOISE)]))
    assert found.verdict == "fell"


def test_frequency_that_falls_with_it_is_throttling() -> None:
    minutes = _minutes(
        _FELL, cpu_frequency_mhz=[3400.0] * 3 + [2600.0] * 7, cpu_temperature_c=[70.0] + [97.0] * 9,
        temperature_method="sensors", frequency_method="driver",
    )  # fmt: skip
    found = judged(minutes)
    assert (found.verdict, found.causes, found.throttled) == ("fell", ("frequency",), True)
    said = _said(minutes)
    assert "decode fell from 41.3 to 33 tokens/s of one slot after minute 3: -20%" in said
    assert "while the processor's frequency fell from 3.4 to 2.6 GHz: throttled" in said
    assert "temperature: 70 °C in its first minute, at most 97 °C" in said


def test_another_process_is_no_throttling() -> None:
    minutes = _minutes(
        _FELL, cpu_frequency_mhz=3400.0, other_cpu_share=[0.01] * 3 + [0.4] * 7,
        frequency_method="driver",
    )  # fmt: skip
    found = judged(minutes)
    assert (found.causes, found.throttled) == (("others",), False)
    assert "other processes or virtual machines took more of the cores" in _said(minutes)
    assert "the frequency did not fall (3.4 GHz): not throttled" in _said(minutes)


def test_without_sensors_nothing_is_ruled_out() -> None:
    minutes = _minutes(_FELL)
    assert judged(minutes).throttled is None
    assert "throttling is not ruled out" in _said(minutes)
    assert "temperature: not available" in _said(minutes)
    assert "frequency: not available" in _said(minutes)


@pytest.mark.parametrize(
    ("columns", "causes", "throttled", "words"),
    [
        ({"quota_throttled_s": [0.0] * 3 + [20.0] * 7, "cpu_frequency_mhz": 3400.0},
         ("quota",), False, "a CPU quota held it back more than before: a limit that was set"),
        ({"thermal_throttles": [0] * 3 + [12] * 7}, ("heat",), True, "throttled, for heat"),
        ({"gpu_clock_mhz": [1900.0] * 3 + [1500.0] * 7, "gpu_limits": [""] * 3 + ["power"] * 7},
         ("GPU clock", "power"), True, "the GPU's clock fell from 1.9 to 1.5 GHz"),
    ],
)  # fmt: skip
def test_other_causes(
    columns: dict[str, Any], causes: tuple[str, ...], throttled: bool, words: str
) -> None:
    found = judged(_minutes(_FELL, **columns))
    assert (found.causes, found.throttled) == (causes, throttled)
    assert words in _said(_minutes(_FELL, **columns))


def test_a_quota_all_along_is_said_and_is_not_heat() -> None:
    minutes = _minutes(_STEADY, quota_throttled_s=24.0)
    assert judged(minutes).verdict == "steady"
    assert "held it back all along (24 s of the cores in a minute)" in _said(minutes)


def test_sleep_is_no_fall() -> None:
    rates: list[float | None] = [*_STEADY[:4], None, *_STEADY[5:]]
    minutes = _minutes(rates, suspended_s=[0.0] * 4 + [50.0] + [0.0] * 5)
    found = judged(minutes)
    assert (found.verdict, found.minutes) == ("steady", 9)
    assert "1 minute(s) with stops or sleep do not count" in _said(minutes)


def test_a_server_that_does_not_stream_is_judged_by_its_output() -> None:
    minutes = _minutes(_FELL).with_columns(decode_tokens_per_s=pl.lit(None, pl.Float64))
    assert judged(minutes).figure == "output_tokens_per_s"
    nothing = minutes.with_columns(output_tokens_per_s=pl.lit(None, pl.Float64))
    assert judged(nothing).verdict == "not available"


def test_what_is_in_a_minute() -> None:
    """Answer one: 11 tokens over 50 to 70 s (decoding 51 to 71): 9 of its 20 s of decoding lie in
    the first minute, so 4.5 of 10 tokens; its end is in the second."""
    answers = [
        Answer(71.0, begun=50.0, total_s=21.0, ttft_s=1.0, decode_s=20.0, output_tokens=11),
        Answer(40.0, begun=30.0, total_s=10.0, ttft_s=2.0, decode_s=8.0, output_tokens=17),
        Answer(80.0, begun=79.0, error="timeout"),
    ]
    looks = [
        Look(0.0, Reading(60.0, 3000.0, 5, 1.0)), Look(59.0, Reading(80.0, 2000.0, 7, 1.5)),
        Look(61.0, Reading(90.0, 2000.0, 7, 4.0)),
    ]  # fmt: skip
    seen = [Stretch(1000.0, 1060.0, False, 0.1), Stretch(1090.0, 1095.0, stopped=True)]
    # 10 W for half a minute, then 40 W: by looks that do not fall on a minute's ends.
    counted = [(995.0, 0.0), (1030.0, 350.0), (1110.0, 3550.0), (1130.0, 4350.0)]
    energy = Energy(4350.0, 0.0, 995.0, 1130.0, "counter", "measured", counted)
    first, second = minute_rows(answers, looks, seen, (1000.0, 0.0), 2, energy=energy)
    assert first["power_w"] == pytest.approx((30 * 10 + 30 * 40) / 60)
    assert second["power_w"] is None  # as its speed
    assert first["decode_tokens_per_s"] == pytest.approx((4.5 + 16) / (9 + 8))
    assert first["output_tokens_per_s"] == pytest.approx((17 + 11 * 10 / 21) / 60)
    assert (first["answers"], first["failed"], first["ttft_p50_s"]) == (1, 0, 2.0)
    assert (first["cpu_temperature_c"], first["cpu_frequency_mhz"]) == (80.0, 2500.0)
    assert (first["thermal_throttles"], first["quota_throttled_s"]) == (2, 0.5)
    assert first["other_cpu_share"] == pytest.approx(0.1)
    assert (second["answers"], second["failed"], second["suspended_s"]) == (1, 1, 5.0)
    assert second["decode_tokens_per_s"] is None  # the machine slept in it
    assert (second["thermal_throttles"], second["quota_throttled_s"]) == (0, 2.5)
    assert first["gpu_limits"] is None


def test_watts_of_a_minute_are_counted_or_there_are_none() -> None:
    counted = [(0.0, 0.0), (60.0, 600.0), (120.0, 3000.0)]
    method = "a counter, idle 7.5 W taken off"
    energy = Energy(3000.0, 900.0, 0.0, 120.0, method, "measured", counted)
    rows = minute_rows([], [], [], (0.0, 0.0), 3, energy=energy)
    assert [row["power_w"] for row in rows] == [pytest.approx(10), pytest.approx(40), None]
    assert under_load._power_method(energy, "") == "a counter"  # the idle part is in them
    by_tdp = Energy(3000.0, 0.0, 0.0, 120.0, "estimated: TDP 15 W", "estimated")
    (row,) = minute_rows([], [], [], (0.0, 0.0), 1, energy=by_tdp)
    assert row["power_w"] is None
    said = "not available: estimated: TDP 15 W tells no single minute"
    assert under_load._power_method(by_tdp, "") == said
    assert under_load._power_method(None, "not available: RAPL") == "not available: RAPL"
    known = _minutes([9.0] * 6, power_w=[41.0, 40.0, 38.0, 35.0, 33.0, 33.0])
    assert "41 W in its first minute, 33 W in its last" in _said(known)
    assert f"watts: {said}" in _said(_minutes([9.0] * 6, power_method=[said] * 6))


def test_the_quota_of_a_control_group_above_counts(tmp_path: Path) -> None:
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/cgroup").write_text("0::/a/b\n")
    stat = tmp_path / "sys/fs/cgroup/a/cpu.stat"
    (stat.parent / "b").mkdir(parents=True)
    (stat.parent / "b/cpu.stat").write_text("usage_usec 9\nnr_throttled 0\nthrottled_usec 0\n")
    assert quota_throttled_s(7, tmp_path) == 0
    stat.write_text("usage_usec 9\nnr_periods 4\nnr_throttled 2\nthrottled_usec 1500000\n")
    assert quota_throttled_s(7, tmp_path) == 1.5
    (tmp_path / "proc/7/cgroup").write_text("5:cpu,cpuacct:/docker/x\n3:memory:/docker/x\n")
    assert quota_throttled_s(7, tmp_path) is None
    old = tmp_path / "sys/fs/cgroup/cpu,cpuacct/cpu.stat"  # a container sees its own group on top
    old.parent.mkdir(parents=True)
    old.write_text("nr_periods 4\nnr_throttled 2\nthrottled_time 2500000000\n")
    assert quota_throttled_s(7, tmp_path) == 2.5
    assert quota_throttled_s(8, tmp_path) is None


class _Machine:
    """Sensors whose clock falls after a while, beside a model that is slower from then on."""

    def __init__(self, falls: bool) -> None:
        self.begun, self.falls = time.monotonic(), falls

    @property
    def hot(self) -> bool:
        return time.monotonic() - self.begun > 0.9

    def read(self) -> Reading:
        return Reading(cpu_frequency_mhz=2000.0 if self.hot and self.falls else 3000.0)


class _Model:
    def __init__(self, machine: _Machine, fails: bool = False) -> None:
        self.machine, self.fails, self.asked = machine, fails, 0

    async def generate(self, input: Any, config: Any) -> ModelOutput:
        self.asked += 1
        if self.fails:
            raise RuntimeError("the server is gone")
        took = 0.02 if self.machine.hot else 0.01
        await asyncio.sleep(took)
        noted = {"input_tokens": 3, "output_tokens": 11, "decode_s": took, "total_s": took}
        output = ModelOutput.from_content("m", "4")
        return output.model_copy(update={"metadata": {under_load.METADATA_KEY: noted}})


def _loaded(model: _Model, slots: int = 2) -> Any:
    conduct = SimpleNamespace(cell=None, model="")
    engine = SimpleNamespace(lost=None)
    return SimpleNamespace(model=model, engine=engine, slots=slots, conduct=conduct)


def _question() -> Any:
    profile = SimpleNamespace(time_per_question_s=None)
    return under_load.Question(SimpleNamespace(profile=profile), [], GenerateConfig())  # type: ignore[arg-type]


@pytest.mark.parametrize("falls", [True, False])
def test_a_model_under_load_on_a_fake_machine(falls: bool, monkeypatch: Any) -> None:
    """Six minutes of 0.3 s; from the third on answers take twice as long. ``falls``: so does the
    clock; else another process is to blame, and it is not called throttling."""
    monkeypatch.setattr(under_load, "_LOOK_S", 0.05)
    machine = _Machine(falls)
    model = _Model(machine)
    load = under_load._Load(_loaded(model), machine.begun + 1.8)
    under_load._ask(load, [_question()] * 3, machine, lambda: None)  # type: ignore[arg-type]
    assert load.stopped is None
    seen = [Stretch(0.0, 0.9, False, 0.0), Stretch(0.9, 1.8, False, 0.0 if falls else 0.5)]
    rows = minute_rows(load.answers, load.looks, seen, (0.0, machine.begun), 6, 0.3)
    assert sum(row["answers"] for row in rows) + 4 >= model.asked  # all are in one minute or after
    about = {"model": "m", "profile": "p", "begun_anew": False}
    found = judged(frame([{**row, **about} for row in rows], MinuteRecord))
    assert (found.verdict, found.change and found.change.minute) == ("fell", 3)
    assert found.change
    assert found.change.ratio == pytest.approx(0.5, abs=0.1)
    assert found.throttled is falls
    assert found.causes == (("frequency",) if falls else ("others",))


def test_a_model_that_answers_no_more_ends_the_load() -> None:
    load = under_load._Load(_loaded(_Model(_Machine(False), fails=True)), time.monotonic() + 60)
    sensors: Any = _Machine(False)
    under_load._ask(load, [_question()], sensors, lambda: None)
    assert load.stopped == "no question was answered any more: the server is gone"
    assert 6 <= len(load.answers) <= 8


def _cells(tmp_path: Path, source: str = "inspect:mockllm/a", **profile: Any) -> Any:
    (tmp_path / "q.jsonl").write_text('{"question": "1+1?", "answer": "2"}\n')
    suite = {
        "name": "s",
        "models": [{"source": source}, {"source": "inspect:mockllm/b"}],
        "tasks": [{"file": str(tmp_path / "q.jsonl"), "name": n, "fewshot": 0} for n in "xy"],
        "profiles": [profile, {"name": "other"}],
    }
    return plan(read_suite(suite).suite, Path(), "s")


def test_minutes_leave_finished_cells_as_they_are(tmp_path: Path) -> None:
    names = [[c.name for c in _cells(tmp_path, **p)] for p in ({}, {"sustained_minutes": 9})]
    assert names[0] == names[1]
    kept = sustained(_cells(tmp_path, sustained_minutes=9, repeats=2))
    assert [(one.model, one.profile, len(one.cells)) for one in kept] == [
        ("a", "default", 2), ("b", "default", 2),
    ]  # fmt: skip


def test_a_model_elsewhere_is_not_kept_under_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    cells = _cells(tmp_path, "inspect:openai/gpt-4o-mini", sustained_minutes=9)
    assert [one.model for one in sustained(cells)] == ["b"]
    (sentence,) = refused(cells, Local())
    assert "'gpt-4o-mini' is not kept under load: it works elsewhere" in sentence
    with pytest.raises(InputError, match="executor 'local'"):
        refused(cells, Ray())
    assert refused(_cells(tmp_path), Ray()) == []


class _Executor(Local):
    """Ends each job at once: with its minutes, or as one that was killed."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code, self.asked = code, list[str]()

    def run(self, jobs: Any, on_event: Any) -> Iterator[Any]:
        for job in jobs:
            one = Sustained(job.cells)
            self.asked.append(job.name)
            one.begin(job.run_dir)
            if self.code == 0:
                one.finish(job.run_dir, _minutes(_FELL, model=one.model, profile=one.profile))
            yield job, self.code


def test_what_was_cut_short_begins_anew_and_says_so(tmp_path: Path) -> None:
    cells, run_dir = _cells(tmp_path, sustained_minutes=9), tmp_path / "run"
    events: list[Event] = []
    assert all("not finished" in s for s in sustain(run_dir, cells, _Executor(0), events.append))
    for cell in cells:
        write_sealed(run_dir / "cells" / cell.name / "cell.json", {})
    killed = _Executor(-9)
    failed = list(sustain(run_dir, cells, killed, events.append))
    assert killed.asked == ["a--default--under-load", "b--default--under-load"]
    assert "a under default, under load: worker ended with signal 9" in failed[0]
    assert not any(isinstance(event, Noted) for event in events)
    assert list(sustain(run_dir, cells, _Executor(0), events.append)) == []
    noted = [event.text for event in events if isinstance(event, Noted)]
    assert noted[0].startswith("a under default: its 9 minutes under load were cut short")
    assert left(run_dir, cells) == []
    again = _Executor(0)
    assert list(sustain(run_dir, cells, again, events.append)) == again.asked == []
    assert sustained_minutes(run_dir, cells).height == 20
    longer = _cells(tmp_path, sustained_minutes=10)  # other minutes are another load
    assert len(left(run_dir, longer)) == 2


def test_minutes_that_are_damaged_are_refused(tmp_path: Path) -> None:
    cells = _cells(tmp_path, sustained_minutes=9)
    one = sustained(cells)[0]
    one.finish(tmp_path, _minutes(_FELL))
    file = one.folder(tmp_path) / "minutes.parquet"
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"minutes\.parquet"):
        sustained_minutes(tmp_path, cells)
    file.unlink()
    with pytest.raises(InputError, match="is missing"):
        sustained_minutes(tmp_path, cells)


def test_the_page_has_minutes_in_words_and_numbers(tmp_path: Path) -> None:
    run = make_run(tmp_path, [sample("small", "sums", n, True) for n in range(20)])
    profile = str(pl.read_parquet(run / "samples.parquet")["profile"][0])
    told = _minutes(_FELL, model="small", profile=profile, cpu_frequency_mhz=3000.0)
    told.write_parquet(run / SUSTAINED)
    write_report(run)
    text = (run / "report" / "report.md").read_text()
    section = text[text.index("How does speed hold under load?") :]
    assert "small: decode fell from 41.3 to 33 tokens/s of one slot after minute 3" in section
    assert "| small | 10 | 33.1 |" in section
    assert "processor °C" not in section  # no minute tells it


def test_a_load_that_never_began_is_no_zero(tmp_path: Path) -> None:
    row = {"model": "m", "profile": "p", "stopped": "nothing to ask", "begun_anew": False}
    found = sustained_facts(frame([row], MinuteRecord))[0]
    assert (found["verdict"], found["minutes"]) == ("not available", [])
    assert "the load ended before its time: nothing to ask" in found["said"]


def _run_file(tmp_path: Path, questions: int, **profile: Any) -> Path:
    data = tmp_path / "q.jsonl"
    rows = [f'{{"question": "{n}+1?", "answer": "{n + 1}"}}\n' for n in range(questions)]
    data.write_text("".join(rows))
    suite = {
        "name": "s",
        "models": [{"source": "pypi:smollm2-135m-instruct", "name": name} for name in "ab"],
        "limits": {"max_tokens": 4},
        "tasks": [{"file": str(data), "name": "x", "fewshot": 0}],
        "profiles": [{"name": "p", "slots": 2, **profile}],
    }
    file = tmp_path / "suite.yaml"
    file.write_text(json.dumps(suite))
    return file


@pytest.mark.long
def test_repeats_of_a_run_that_is_killed(tmp_path: Path) -> None:
    """Killed in the second asking of the second model: none of the answers before is given again,
    and each question stands once in each asking."""
    suite = _run_file(tmp_path, 8, repeats=3)
    done: list[tuple[str, str]] = []

    def kill_midway(event: Event) -> None:
        if isinstance(event, SampleDone):
            done.append((event.cell, event.sample_id))
            if len(done) == 28:
                os.kill(event.pid, signal.SIGKILL)

    killed = run_suite(suite, tmp_path / "runs", kill_midway)
    assert not killed.complete
    first = pl.read_parquet(killed.run_dir / "samples.parquet")
    assert first.height == 16
    again: list[tuple[str, str]] = []
    told = lambda e: again.append((e.cell, e.sample_id)) if isinstance(e, SampleDone) else None  # noqa: E731
    resumed = run_suite(suite, tmp_path / "runs", told)
    assert resumed.complete
    assert not set(done[:28]) & set(again)
    assert pl.read_parquet(resumed.run_dir / "samples.parquet").equals(first)
    repeats = pl.read_parquet(resumed.run_dir / "repeats.parquet")
    key = ("model", "sample_id", "repeat")
    assert repeats.height == repeats.unique(key).height == 2 * 8 * 2
    cells = pl.read_parquet(resumed.run_dir / REPEAT_CELLS)
    assert cells.select("model", "repeat").rows() == [("a", 2), ("b", 2), ("a", 3), ("b", 3)]
    assert pl.read_parquet(resumed.run_dir / "cells.parquet")["repeat"].to_list() == [1, 1]


@pytest.mark.long
def test_a_load_that_is_killed_begins_anew_and_no_cell_does(tmp_path: Path) -> None:
    suite = _run_file(tmp_path, 8, sustained_minutes=1)

    loads: list[str] = []

    def kill_under_load(event: Event) -> None:
        if isinstance(event, ModelLoaded):
            loads.append(event.model)
        if loads == ["a", "b", "a"]:
            while not list((tmp_path / "runs/s/sustained").glob("a--*/begun.json")):
                time.sleep(0.1)
            time.sleep(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_suite(suite, tmp_path / "runs", kill_under_load)
    run_dir = tmp_path / "runs/s"
    finished = {p: p.read_bytes() for p in run_dir.glob("cells/*/cell.json")}
    assert len(finished) == 2
    events: list[Event] = []
    resumed = run_suite(suite, tmp_path / "runs", events.append)
    assert resumed.complete
    assert not any(isinstance(event, SampleDone) for event in events)
    assert all(path.read_bytes() == was for path, was in finished.items())
    minutes = Run.open(run_dir).sustained()
    assert minutes["model"].to_list() == ["a", "b"]
    assert all(count > 1 for count in minutes["answers"])
    assert minutes["begun_anew"].to_list() == [True, False]
    assert [e.text for e in events if isinstance(e, Noted) and "cut short" in e.text] == [
        "a under p: its 1 minutes under load were cut short; they begin anew, because the heat of"
        " the first ones is gone"
    ]

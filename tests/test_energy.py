"""Energy: counters, idle power, estimates, shares of questions, power caps. No sensor is needed:
counters are stubs, and Zeus reads a RAPL tree of plain files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distilbench.errors import InputError
from distilbench.meter import (
    Energy,
    EnergyMeter,
    ProcessUsage,
    apportion,
    asked_within,
    find_counters,
    find_meter,
    given_tdp_w,
    gpu_use,
    has_gpus,
    power_cap,
)
from distilbench.meter._energy import TDP_VARIABLE, known_processor


class Stub:
    """A counter that a test moves."""

    def __init__(self, name: str = "stub") -> None:
        self.name = name
        self.value = 1000.0

    def joules(self) -> float:
        return self.value


def window(net_j: float, begun: float = 0.0, ended: float = 10.0) -> Energy:
    return Energy(net_j + 5.0, 5.0, begun, ended, "stub", "measured")


def test_counters_are_added_up_and_idle_power_is_taken_off() -> None:
    first, second = Stub("first"), Stub("second")
    meter = EnergyMeter((first, second))
    meter._idle = {"first": 60.0, "second": 40.0}
    meter.begin()
    first.value += 30
    second.value += 12
    energy = meter.end()
    assert energy is not None
    assert energy.total_j == 42
    assert energy.known == "measured"
    assert energy.idle_j == pytest.approx(100.0 * (energy.ended - energy.begun), rel=0.01, abs=1e-6)
    assert energy.net_j == pytest.approx(42 - energy.idle_j)
    assert "first + second by Zeus" in energy.method
    assert "idle 100.0 W" in energy.method


def test_idle_power_is_measured_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Stub()

    def sleep(seconds: float) -> None:
        counter.value += 50.0 * seconds

    monkeypatch.setattr("distilbench.meter._energy.time.sleep", sleep)
    clock = iter([0.0, 2.0])
    monkeypatch.setattr("distilbench.meter._energy.time.perf_counter", lambda: next(clock))
    meter = EnergyMeter((counter,))
    meter.measure_idle(2.0)
    assert meter.idle_w == 50.0


def test_without_sensor_and_tdp_it_is_not_available_and_says_why() -> None:
    meter = EnergyMeter((), "no RAPL here")
    meter.begin()
    assert meter.end() is None
    assert meter.method == "not available: no RAPL here"


def test_an_estimate_is_marked_and_names_its_assumption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TDP_VARIABLE, raising=False)
    used = iter([10.0, 14.0])
    chip = known_processor("AMD EPYC 7763 64-Core Processor")
    meter = EnergyMeter((), "none", chip, lambda: next(used))
    meter.begin()
    energy = meter.end()
    assert energy is not None
    assert energy.known == "estimated"
    assert energy.total_j == pytest.approx(280 / 64 * 4.0)
    assert energy.idle_j == 0
    assert "TDP 280 W / 64 cores x CPU time" in energy.method


BUSY = """
import sys, time
while time.process_time() < 0.3: pass
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_an_engine_that_died_counts_until_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is started again within the window: both are work, and no peak is known."""
    monkeypatch.setenv(TDP_VARIABLE, str(os.cpu_count() or 1))  # a watt for each core

    def started() -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        process = subprocess.Popen([sys.executable, "-c", BUSY], stdin=pipe, stdout=pipe)
        usage.follow(process.pid)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    usage = ProcessUsage()
    with started() as first:
        usage.begin()
        meter = EnergyMeter((), "", known_processor("any"), lambda: usage.cpu_seconds)
        assert usage.peak_memory_bytes
        meter.begin()
        before = usage.cpu_seconds
        first.communicate()  # dies, and its parent hears of it
        usage.ended()
        with started() as second:
            energy = meter.end()
            assert energy is not None
            assert before is not None
            assert before > 0.2  # the clock ticks 100 times a second
            assert 0.2 < energy.total_j < 1.0
            assert usage.peak_memory_bytes is None
            usage.begin()  # the next cell
            assert usage.peak_memory_bytes
            second.communicate()


def test_cpu_time_that_was_lost_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TDP_VARIABLE, "28")
    readings: list[float | None] = [1.0, None, 2.0, 3.0]
    meter = EnergyMeter((), "", known_processor("any"), lambda: readings.pop(0))
    meter.begin()
    assert meter.end() is None
    assert meter.method.startswith("not available: a process died")
    meter.begin()
    assert meter.end() is not None
    assert meter.method.startswith("estimated")


def test_only_processors_of_known_tdp_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TDP_VARIABLE, raising=False)
    assert known_processor("Intel(R) Xeon(R) Processor") is None
    assert known_processor("AMD Ryzen 7 5800X3D 8-Core Processor") is None
    chip = known_processor("12th Gen Intel(R) Core(TM) i7-12700K")
    assert chip is not None
    assert (chip.tdp_w, chip.cores) == (125, 12)
    monkeypatch.setenv(TDP_VARIABLE, "15")
    given_by_user = known_processor("anything")
    assert given_by_user is not None
    assert given_by_user.tdp_w == 15


@pytest.mark.parametrize("text", ["much", "-15", "0", "nan", "inf"])
def test_a_tdp_that_is_no_number_of_watts_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TDP_VARIABLE, text)
    with pytest.raises(InputError, match=f"{TDP_VARIABLE}.*{text}.*watts"):
        given_tdp_w()


def test_the_work_of_a_gpu_is_not_estimated_from_cpu_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TDP_VARIABLE, "15")
    monkeypatch.setattr("distilbench.meter._energy.find_counters", lambda gpu: ([], "no counter"))
    assert find_meter("any", None, lambda: 0.0).is_available
    on_gpu = find_meter("any", 0, lambda: 0.0)
    assert not on_gpu.is_available
    assert on_gpu.method == "not available: no counter"


def rapl_tree(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A package and its memory, in microjoules, as the kernel lays them out."""
    from zeus.device import cpu
    from zeus.device.cpu import rapl

    package = root / "intel-rapl:0"
    memory = package / "intel-rapl:0:0"
    memory.mkdir(parents=True)
    for folder, name in ((package, "package-0"), (memory, "dram")):
        (folder / "name").write_text(name)
        (folder / "energy_uj").write_text("5000000")
        (folder / "max_energy_range_uj").write_text("262143328850")
    monkeypatch.setattr(rapl, "RAPL_DIR", str(root))
    monkeypatch.setattr(cpu, "_cpus", None)
    rapl.rapl_is_available.cache_clear()
    return package / "energy_uj", memory / "energy_uj"


def test_rapl_is_read_through_zeus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zeus.device.cpu import rapl

    package, memory = rapl_tree(tmp_path, monkeypatch)
    try:
        counters, reason = find_counters()
        assert [counter.name for counter in counters] == ["RAPL package 0"]
        assert reason == ""
        meter = find_meter("any", None, lambda: 0.0)
        meter.begin()
        package.write_text("9000000")
        memory.write_text("5500000")
        energy = meter.end()
    finally:
        rapl.rapl_is_available.cache_clear()
    assert energy is not None
    assert energy.total_j == pytest.approx(4.5)
    assert energy.method.startswith("RAPL package 0 by Zeus")


def test_no_sensor_has_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from zeus.device import cpu
    from zeus.device.cpu import rapl

    monkeypatch.setattr(rapl, "RAPL_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(rapl, "CONTAINER_RAPL_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(cpu, "_cpus", None)
    rapl.rapl_is_available.cache_clear()
    try:
        counters, reason = find_counters()
    finally:
        rapl.rapl_is_available.cache_clear()
    assert counters == []
    assert reason.startswith("RAPL: ")


def test_questions_in_flight_share_each_instant_equally() -> None:
    """100 J in 10 s: alone 0-2 s, two 2-6 s, alone 6-8 s; nobody 8-10 s, which is no question's."""
    spans = [(0.0, 6.0), (2.0, 8.0)]
    energy = asked_within(Energy(100.0, 0.0, 0.0, 10.0, "stub", "estimated"), spans)
    assert (energy.begun, energy.ended, energy.total_j) == (0.0, 8.0, 100.0)  # work alone
    assert apportion(energy, spans) == pytest.approx([50.0, 50.0])
    assert apportion(window(100.0), [(-5.0, 5.0), (20.0, 30.0)]) == pytest.approx([100.0, 0.0])
    assert apportion(window(100.0), []) == []


def test_cards_that_are_named_and_not_numbered_are_a_reason_and_no_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``CUDA_VISIBLE_DEVICES=GPU-5ed9...``, as schedulers set it: Zeus calls ``int`` of it."""

    def named(*_: object) -> None:
        int("GPU-5ed9")

    monkeypatch.setattr("distilbench.meter._sensors._gpu", named)
    monkeypatch.setattr("distilbench.meter._gpu_processes._gpus", named)
    counters, reason = find_counters({0})
    assert counters == []
    assert "GPU 0" in reason
    assert "GPU-5ed9" in reason
    has_gpus.cache_clear()
    try:
        use = gpu_use([os.getpid()])
    finally:
        has_gpus.cache_clear()
    assert (use.gpus, use.bytes) == (None, None)  # not known, which is not: none
    assert "GPU-5ed9" in use.reason


def test_what_the_sensors_said_between_decides_the_shares() -> None:
    """Idle 10 W. Before the questions 20 J in 2 s; the first takes 30 W for 4 s; 1 s of 10 W
    between; the second takes 60 W for 2 s; then 1 s of 15 W."""
    looks = [(0.0, 0.0), (2.0, 20.0), (6.0, 140.0), (7.0, 150.0), (9.0, 270.0), (10.0, 285.0)]
    whole = Energy(285.0, 100.0, 0.0, 10.0, "stub", "measured", looks)
    spans = [(2.0, 6.0), (7.0, 9.0)]
    energy = asked_within(whole, spans)
    assert (energy.begun, energy.ended) == (2.0, 9.0)
    assert energy.total_j == pytest.approx(120 + 10 + 120)
    assert energy.idle_j == pytest.approx(70)
    assert apportion(energy, spans) == pytest.approx([90.0, 90.0])
    assert asked_within(energy, spans)[:4] == pytest.approx(energy[:4])  # once is as twice
    # A third beside the second: each instant is shared.
    three = apportion(energy, [*spans, (8.0, 9.0)])
    assert three == pytest.approx([90.0, 67.5, 22.5])


def test_the_sensors_are_read_while_the_window_is_open() -> None:
    counter = Stub()
    meter = EnergyMeter((counter,))
    meter.begin()
    counter.value += 10
    time.sleep(0.4)
    counter.value += 1
    energy = meter.end()
    assert energy is not None
    assert energy.total_j == 11
    assert {0.0, 10.0, 11.0} <= {joules for _, joules in energy.counted}


def test_the_counters_that_the_work_used_are_chosen_at_its_end() -> None:
    cpu, gpu = Stub("cpu"), Stub("gpu")
    chip = known_processor("AMD EPYC 7763 64-Core Processor")
    answers: list[Any] = [(cpu, gpu), (cpu,), "another machine did the work", ()]
    used = iter([1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 6.0])
    meter = EnergyMeter((cpu, gpu), "", chip, lambda: next(used), lambda: answers.pop(0))
    meter._idle = {"cpu": 5.0, "gpu": 20.0}
    assert meter.idle_w == 25.0
    found = []
    for _ in range(4):
        meter.begin()
        cpu.value += 3
        gpu.value += 5
        found.append(meter.end())
        if len(found) == 3:
            assert meter.method == "not available: another machine did the work"
    both, alone, none, estimate = found
    assert both
    assert (both.total_j, both.method.split(" by ")[0]) == (8, "cpu + gpu")
    assert alone
    assert (alone.total_j, alone.method.split(" by ")[0]) == (3, "cpu")
    assert "idle 25.0 W" in both.method
    assert "idle 5.0 W" in alone.method
    assert none is None
    assert estimate  # on none of them: by its CPU time
    assert (estimate.known, estimate.total_j) == ("estimated", pytest.approx(280 / 64 * 2))


spans = st.lists(
    st.tuples(st.floats(0, 10), st.floats(0, 10)).map(lambda ab: (min(ab), max(ab))), max_size=20
)
looks = st.lists(st.tuples(st.floats(0.1, 9.9), st.floats(0, 100)), max_size=10)


@given(spans, st.floats(0, 1e6), looks)
def test_shares_and_idle_part_add_up_to_the_counter(
    drawn: list[tuple[float, float]], total_j: float, between: list[tuple[float, float]]
) -> None:
    moments, counts = sorted({m for m, _ in between}), sorted(j for _, j in between)
    counted = [(0.0, 0.0), *zip(moments, counts, strict=False), (10.0, 100.0 + total_j)]
    whole = Energy(100.0 + total_j, total_j / 3, 0.0, 10.0, "stub", "measured", counted)
    energy = asked_within(whole, drawn)
    shares = apportion(energy, drawn)
    assert all(share >= 0 for share in shares)
    assert energy.total_j <= whole.total_j * (1 + 1e-9)
    # All of it, unless nothing was counted while a question flew.
    took = [sum(shares), sum(shares) + min(energy.idle_j, energy.total_j)]
    if took[0]:
        assert took[1] == pytest.approx(energy.total_j, rel=1e-6, abs=1e-6)


def test_a_cpu_power_cap_is_shared_by_packages_and_restored(tmp_path: Path) -> None:
    limits = []
    for index in range(2):
        package = tmp_path / f"intel-rapl:{index}"
        package.mkdir()
        limits.append(package / "constraint_0_power_limit_uw")
        limits[-1].write_text("165000000")

    def work() -> None:
        with power_cap(80.0, None, tmp_path) as said:
            assert [limit.read_text() for limit in limits] == ["40000000"] * 2
            assert said == "power 80 W by RAPL's constraint"
            raise ValueError("work failed")

    with pytest.raises(ValueError, match="work failed"):
        work()
    assert [limit.read_text() for limit in limits] == ["165000000"] * 2


LEAVING = """
import sys, time
from contextlib import ExitStack
from pathlib import Path
from distilbench.meter import power_cap
from distilbench.runner._leave import leave_on_signals

with ExitStack() as undo:
    leave_on_signals(undo)
    undo.enter_context(power_cap(20, None, Path(sys.argv[1])))
    print("capped", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_end_restores_the_power_limit(
    tmp_path: Path, number: signal.Signals
) -> None:
    limit = tmp_path / "intel-rapl:0" / "constraint_0_power_limit_uw"
    limit.parent.mkdir()
    limit.write_text("65000000")
    command = [sys.executable, "-c", LEAVING, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"capped\n"
        assert limit.read_text() == "20000000"
        worker.send_signal(number)
        assert worker.wait(timeout=60) == 128 + number
    assert limit.read_text() == "65000000"


def test_a_power_cap_that_cannot_be_set_is_said_not_to_be_enforced(tmp_path: Path) -> None:
    with power_cap(80.0, None, tmp_path) as said:
        assert said == "power 80 W not enforced: this machine has no RAPL constraint"
    with power_cap(None, None, tmp_path) as said:
        assert said is None

"""The check on a GPU machine, without one: NVML, counters and runs are fakes of known truth."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from benchmarks import gpu_card, gpu_check, gpu_checks, gpu_sensors
from benchmarks.gpu_card import Gpu, Skipped, find_gpu, integrated_j
from benchmarks.gpu_check import table, verdicts, write
from benchmarks.gpu_checks import MIB, Place, Verdict

from distilbench.engines._gpu import GpuDevice
from distilbench.meter import EnergyMeter, Methods, Reading

NONE = "no GPU by NVML (no driver)"


class FakeNvml:
    """Two cards; the numbers of processes and their memory are what a test says."""

    class NVMLError(Exception):
        pass

    def __init__(self, held: dict[int, int | None] | None = None, driver: bool = True) -> None:
        self.held, self.driver, self.counts = held or {}, driver, True

    def nvmlInit(self) -> None:
        if not self.driver:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return f"handle {index}"

    def nvmlDeviceGetHandleByUUID(self, name: str) -> str:
        return f"handle {name}"

    def nvmlDeviceGetName(self, handle: str) -> str:
        return f"card of {handle}"

    def nvmlSystemGetDriverVersion(self) -> str:
        return "580.1"

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:
        return 250_500  # milliwatts

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        if not self.counts:
            raise self.NVMLError("Not Supported")
        return 10**9

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:
        return [SimpleNamespace(pid=p, usedGpuMemory=size) for p, size in self.held.items()]


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    fake = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", fake)  # type: ignore[arg-type]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")  # so that what is set here is undone
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    return fake


def place(tmp_path: Path, card: Any = None) -> Place:
    return Place(card or Gpu("handle 0", "a card", "580.1"), tmp_path)


def said(check: Callable[[Place], Iterator[Verdict]], where: Place) -> dict[str, str]:
    return {verdict.check: verdict.said for verdict in verdicts(where, [check])}


def ramp(moment: float) -> float:
    return 100.0 + 20.0 * moment


def test_power_is_integrated_from_one_moment_to_another() -> None:
    log = [(n / 20, ramp(n / 20)) for n in range(101)]
    assert integrated_j([(t, 70.0) for t, _ in log], 0.51, 4.01) == pytest.approx(245.0)
    assert integrated_j(log, 1.03, 4.01) == pytest.approx(100 * 2.98 + 10 * (4.01**2 - 1.03**2))


@pytest.mark.parametrize(
    ("step_s", "begun", "ended", "problem"),
    [
        (0.2, 1.0, 4.0, "readings in 3.0 s"),
        (0.05, -0.1, 4.0, "reach both ends"),
        (0.05, 1.0, 9.0, "reach both ends"),
    ],
)
def test_a_log_that_is_too_thin_or_too_short_gives_no_joules(
    step_s: float, begun: float, ended: float, problem: str
) -> None:
    log = [(n * step_s, 50.0) for n in range(round(5 / step_s))]
    with pytest.raises(ValueError, match=problem):
        integrated_j(log, begun, ended)


@pytest.mark.parametrize(("off", "verdict"), [(1.0, "pass"), (1.05, "fail"), (0.95, "fail")])
def test_a_counter_that_disagrees_with_the_log_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nvml: FakeNvml, off: float, verdict: str
) -> None:
    begun = time.time()

    def joules() -> float:  # the integral of the ramp
        passed = time.time() - begun
        return off * (100.0 * passed + 10.0 * passed**2)

    monkeypatch.setattr(gpu_checks, "WINDOW_S", 0.5)
    monkeypatch.setattr(gpu_checks, "SETTLE_S", 0.1)
    monkeypatch.setattr(gpu_card, "EVERY_S", 0.005)
    monkeypatch.setattr(gpu_checks, "busy", lambda: nullcontext(1))
    monkeypatch.setattr(Gpu, "watts", lambda self: ramp(time.time() - begun))
    counters = [SimpleNamespace(name="RAPL package 0", joules=lambda: 1e9 * time.time()),
                SimpleNamespace(name="GPU 0 energy counter", joules=joules)]  # fmt: skip
    monkeypatch.setattr(gpu_checks, "find_meter", lambda *_: EnergyMeter(counters))
    assert said(gpu_checks.check_energy, place(tmp_path)) == {"energy": verdict}


def test_a_card_whose_counter_the_meter_does_not_find_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nvml: FakeNvml
) -> None:
    monkeypatch.setattr(gpu_checks, "find_meter", lambda *_: EnergyMeter((), "no Zeus"))
    [verdict] = verdicts(place(tmp_path), [gpu_checks.check_energy])
    assert verdict.said == "fail"
    assert "not available: no Zeus" in verdict.figures
    nvml.counts = False  # then our meter is right
    [verdict] = verdicts(place(tmp_path), [gpu_checks.check_energy])
    assert verdict[1:3] == ("skipped", "the card counts no joules (Not Supported)")


@pytest.mark.parametrize(
    ("held", "ours", "verdict"),
    [
        ({7: 1800 * MIB, 8: 1}, 1800 * MIB, "pass"),
        ({7: 1800 * MIB}, 1700 * MIB, "fail"),
        ({7: 1800 * MIB}, None, "fail"),
        ({7: 900 * MIB}, 900 * MIB, "fail"),  # less than torch was asked for
        ({9: 1800 * MIB}, None, "skipped"),  # numbered as another container does
        ({7: None}, None, "skipped"),
    ],
)
def test_memory_of_a_process_is_held_against_nvml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nvml: FakeNvml, held: dict[int, int | None],
    ours: int | None, verdict: str,
) -> None:  # fmt: skip
    nvml.held = held
    monkeypatch.setattr(gpu_checks, "busy", lambda: nullcontext(7))
    use = SimpleNamespace(bytes=ours, reason="why")
    monkeypatch.setattr(gpu_checks, "gpu_use", lambda pids: use)
    assert said(gpu_checks.check_memory, place(tmp_path)) == {"memory": verdict}


@pytest.mark.parametrize(
    ("visible", "index", "handle", "order"),
    [
        (None, 1, "handle 1", "1,0"),
        ("1,0", 1, "handle 0", "0,1"),
        ("GPU-5ed9,1", 0, "handle GPU-5ed9", "GPU-5ed9,1"),
    ],
)
def test_the_chosen_card_becomes_number_0_of_all_that_is_started(
    monkeypatch: pytest.MonkeyPatch, nvml: FakeNvml, visible: str | None, index: int, handle: str,
    order: str,
) -> None:  # fmt: skip
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = find_gpu(index)
    assert isinstance(found, Gpu)
    assert (found.name, found.driver) == (f"card of {handle}", "580.1")
    assert gpu_card.os.environ["CUDA_VISIBLE_DEVICES"] == order
    assert found.watts() == 250.5


def test_why_there_is_no_card_is_told(monkeypatch: pytest.MonkeyPatch, nvml: FakeNvml) -> None:
    assert find_gpu(2) == "no GPU 2: this process sees 2"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert find_gpu(0) == "no GPU 0: this process sees 0"
    nvml.driver = False
    assert find_gpu(0) == "no GPU by NVML (Driver Not Loaded)"


def fake_cell(**record: Any) -> Callable[..., tuple[dict[str, Any], pl.DataFrame]]:
    """A run's one cell, whose samples took the joules of the counter in equal shares."""
    cell = {
        "wall_s": 4.0, "energy_known": "measured", "energy_method": "GPU 0 energy counter",
        "energy_total_j": 500.0, "energy_idle_j": 100.0, "gpu_layers": None,
        "peak_gpu_memory_bytes": None, **record,
    }  # fmt: skip
    share = record.pop("share_j", 100.0)
    samples = pl.DataFrame(
        {"outcome": ["stop", "length", "stop", "stop"], "output_tokens": [8] * 4,
         "total_s": [1.0] * 4, "decode_s": [0.5] * 4, "energy_j": [share] * 4}
    )  # fmt: skip

    def run(where: Place, name: str, **suite: Any) -> tuple[dict[str, Any], pl.DataFrame]:
        time.sleep(0.05)  # for the log
        return cell, samples

    return run


@pytest.mark.parametrize(
    ("record", "metered"),
    [
        ({}, "pass"),
        ({"share_j": 104.0}, "fail"),
        ({"energy_known": None, "energy_total_j": None}, "fail"),
        ({"energy_known": "estimated"}, "fail"),
    ],
)
def test_shares_that_do_not_add_up_to_the_counter_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: dict[str, Any], metered: str
) -> None:
    pytest.importorskip("torch")
    held = iter([{5: 1}])
    monkeypatch.setattr(gpu_card, "EVERY_S", 0.005)
    monkeypatch.setattr(Gpu, "held", lambda self: next(held, {5: 1, 6: 2}))
    monkeypatch.setattr(gpu_checks, "tiny_model", lambda folder, **_: folder)
    monkeypatch.setattr(gpu_checks, "run_cell", fake_cell(**record))
    assert said(gpu_checks.check_hf, place(tmp_path)) == {
        "hf: served": "pass",
        "hf: on the card": "pass",
        "hf: metered": metered,
    }


@pytest.mark.parametrize("lost", ["nothing", "record", "memory"])
def test_layers_are_to_be_in_the_record_and_in_the_memory_of_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, smollm2: str, lost: str
) -> None:
    """SmolLM2 has 30 layers and an output: 0, 15 and 31 of 31; some 100 MiB of weights in Q4_1."""
    now = {"layers": 0}

    def held(card: Gpu) -> dict[int, int]:
        share = 0 if lost == "memory" else now["layers"] * 4 * MIB
        return {5: 1, **({6: share} if share else {})}

    def run(where: Place, name: str, **suite: Any) -> tuple[dict[str, Any], pl.DataFrame]:
        asked = suite["profiles"][0]["gpu"]["layers"]
        now["layers"] = asked
        told = {"peak_gpu_memory_bytes": asked * 4 * MIB}
        done = fake_cell(gpu_layers=None if lost == "record" else asked, **told)(where, name)
        now["layers"] = 0
        return done

    monkeypatch.setattr(gpu_card, "EVERY_S", 0.005)
    monkeypatch.setattr(Gpu, "held", held)
    monkeypatch.setattr(gpu_checks, "gpu_devices", lambda: [GpuDevice("a card", 2**34)])
    monkeypatch.setattr(gpu_checks, "run_cell", run)
    found = said(gpu_checks.check_layers, place(tmp_path))
    assert list(found) == ["layers: 0 of 31", "layers: 15 of 31", "layers: 31 of 31"]
    expected = {"nothing": ["pass"] * 3, "record": ["fail"] * 3, "memory": ["pass", "fail", "fail"]}
    assert list(found.values()) == expected[lost]


def test_two_processes_take_two_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    [verdict] = verdicts(place(tmp_path), [gpu_checks.check_fsdp])
    assert verdict[:3] == ("fsdp", "skipped", "it takes two GPUs, and torch sees 1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    asked: dict[str, Any] = {}

    def student(where: Place, name: str, **changes: Any) -> Any:
        asked.update(changes)
        return SimpleNamespace(samples=320), SimpleNamespace(loss=1.0, loss_before=2.0)

    monkeypatch.setattr(gpu_checks, "student", student)
    assert said(gpu_checks.check_fsdp, place(tmp_path)) == {"fsdp in two processes": "pass"}
    launched = (tmp_path / asked["accelerate"]).read_text()
    assert "num_processes: 2\n" in launched
    assert "distributed_type: FSDP\n" in launched


def test_without_a_card_each_check_says_why_it_is_skipped(tmp_path: Path) -> None:
    checks = [gpu_checks.check_torch, gpu_checks.check_energy, gpu_checks.check_memory]
    found = verdicts(place(tmp_path, NONE), checks)
    assert [verdict[:3] for verdict in found] == [
        (name, "skipped", NONE) for name in ("torch", "energy", "memory")
    ]


SMI = "71, 1755, Not Active, Not Active, Not Active, Active, Not Active\n"


def test_the_cards_sensors_are_held_against_nvidia_smi() -> None:
    before = gpu_sensors.read(SMI)
    assert before == (71.0, 1755.0, {"power"})
    after = before._replace(temperature_c=72.0, clock_mhz=1700.0, limits=frozenset())

    def verdict(degrees: float | None, clock: float, *limits: str) -> str:
        reading = Reading(
            gpu_temperature_c=degrees, gpu_clock_mhz=clock, gpu_limits=frozenset(limits)
        )
        return gpu_sensors.of_card(reading, before, after).said

    assert verdict(73.0, 1730.0, "power") == "pass"
    assert verdict(73.0, 1730.0) == "pass"  # as after
    assert verdict(76.0, 1730.0, "power") == "fail"
    assert verdict(71.0, 1600.0, "power") == "fail"
    assert verdict(71.0, 1730.0, "heat") == "fail"
    assert verdict(None, 1730.0, "power") == "fail"
    with pytest.raises(gpu_card.Skipped, match="tells no temperature"):
        gpu_sensors.read("[N/A], [N/A], [N/A], [N/A], [N/A], [N/A], [N/A]")


@pytest.mark.parametrize(
    ("degrees", "method", "verdict"),
    [
        (55.0, "the hottest of the processor's sensors", "pass"),
        (None, "not available: none", "pass"),
        (None, "the hottest of the processor's sensors", "fail"),
        (55.0, "not available: none", "fail"),
        (900.0, "the hottest of the processor's sensors", "fail"),
    ],
)
def test_the_processors_sensors_tell_a_figure_or_a_reason(
    degrees: float | None, method: str, verdict: str
) -> None:
    sensors: Any = SimpleNamespace(
        methods=Methods(method, "the driver's clock", ""),
        read=lambda: Reading(cpu_temperature_c=degrees, cpu_frequency_mhz=2400.0),
    )
    assert gpu_sensors.of_processor(sensors).said == verdict


def test_without_a_card_the_processors_sensors_are_checked(tmp_path: Path) -> None:
    found = verdicts(place(tmp_path, NONE), [gpu_sensors.check_sustained])
    assert [verdict.said for verdict in found] == ["pass", "skipped"]


def broken(where: Place) -> Iterator[Verdict]:
    yield Verdict("first", "pass", "1 | 2")
    raise OSError("the card\nfell off")


def impossible(where: Place) -> Iterator[Verdict]:
    raise Skipped("no such thing")
    yield


def test_an_error_fails_its_check_and_the_rest_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- gpu_check: begin -->\nold\n<!-- gpu_check: end -->\nafter\n")
    monkeypatch.setattr(gpu_check, "find_gpu", lambda index: NONE)
    for name in ("HF_HUB_OFFLINE", "CUDA_DEVICE_ORDER", "DISTILBENCH_CACHE"):
        monkeypatch.setenv(name, "as it was")
    monkeypatch.setattr(gpu_check, "CHECKS", (impossible,))
    assert gpu_check.main([]) == 0
    monkeypatch.setattr(gpu_check, "CHECKS", (broken, impossible))
    assert gpu_check.main(["--write", str(page)]) == 1
    printed = capsys.readouterr().out
    assert "| impossible | skipped | no such thing | 0 |" in printed
    assert r"| first | pass | 1 \| 2 | 0 |" in printed
    assert "| broken | fail | OSError: the card fell off | 0 |" in printed
    text = page.read_text()
    assert text.startswith(
        "before\n<!-- gpu_check: begin -->\n`python -m benchmarks.gpu_check` on 20"
    )
    assert text.endswith(" | 0 |\n<!-- gpu_check: end -->\nafter\n")
    assert "old" not in text
    page.write_text("no marks")
    with pytest.raises(SystemExit, match="has no lines"):
        write(page, "text")


def test_the_page_says_which_run_it_holds() -> None:
    page = (Path(__file__).parents[1] / "docs/gpu.md").read_text("utf-8")
    begin, end = (page.index(mark) for mark in gpu_check.MARKS)
    held = page[begin:end]
    assert held.count("No run of it on a GPU has been made") + held.count("| check |") == 1


@pytest.mark.long
def test_the_part_that_a_cpu_can_do_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no card, whatever this machine has."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    where = place(tmp_path, NONE)
    found = verdicts(where, gpu_check.CHECKS)
    assert {verdict.check: verdict.said for verdict in found} == {
        "torch": "skipped",
        "energy": "skipped",
        "memory": "skipped",
        "layers": "skipped",
        "hf: served": "pass",
        "hf: metered": "skipped",
        "distillation in bfloat16": "pass",
        "distillation: metered": "skipped",
        "flops: training": "pass",
        "flops: forward, eager": "pass",
        "flops: forward, sdpa": "skipped",
        "fsdp": "skipped",
    }
    assert all(verdict.figures for verdict in found)
    assert json.dumps(table(where, found))

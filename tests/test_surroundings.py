"""What else a machine did while something was measured: busy cores, stolen time, stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from distilbench.errors import InputError
from distilbench.meter import Stretch, Watch, busy_sentence, look_now, read_stretches, summarise
from distilbench.meter._surroundings import _Cpu, shares

WATCHED = """
import sys, time
from pathlib import Path
from distilbench.meter import Watch
with Watch(Path(sys.argv[1]), lambda: 0.0, lambda: None):
    print("begun", flush=True)
    sys.stdin.readline()
    exec(sys.argv[2])
"""


def test_shares_are_of_all_cores_and_leave_out_what_is_ours() -> None:
    """Two cores over 10 s: 20 core-seconds, 13 at work of which 8 are ours, 1 stolen."""
    before, after = _Cpu(100.0, 3.0, 1000.0), _Cpu(113.0, 4.0, 1020.0)
    assert shares(before, after, 8.0, 10.0) == (pytest.approx(5 / 20), pytest.approx(1 / 20))
    assert shares(before, after, 14.0, 10.0)[0] == 0.0  # clocks of two kinds differ by a tick


def test_what_the_system_does_not_tell_is_null() -> None:
    before, after = _Cpu(100.0, None, 1000.0), _Cpu(113.0, None, 1020.0)
    assert shares(before, after, 8.0, 10.0) == (pytest.approx(0.25), None)
    assert shares(before, _Cpu(113.0, 0.0, 1020.0), None, 10.0) == (None, None)
    assert shares(_Cpu(0, 0, 0), _Cpu(0, 0, 0), 8.0, 10.0) == (None, None)  # as gVisor shows it
    assert shares(None, None, 8.0, 10.0) == (None, None)
    nothing = summarise([])
    assert (nothing.busy, nothing.suspended_s, nothing.load_average) == (None, None, None)
    assert summarise([Stretch(0, 10)]).busy is None
    assert busy_sentence(Stretch(0, 1)) is None


@pytest.mark.parametrize(
    ("seen", "busy", "share"),
    [
        ([(100, 0.05, 0.0)], False, 0.05),
        ([(100, 0.05, 0.06)], True, 0.05),  # others and the hypervisor together
        ([(91, 0.0, 0.0), (9, 0.9, 0.0)], False, 0.081),  # a burst
        ([(80, 0.0, 0.0), (20, 0.2, 0.0)], True, 0.04),  # a fifth of the time: p95 is theirs
        ([(10, 0.1, None)], True, 0.1),
        ([(10, None, 0.3)], True, None),  # a server on this machine, but time is stolen
    ],
)
def test_a_cell_is_busy_if_others_took_a_tenth_over_a_tenth_of_it(
    seen: list[tuple[float, float | None, float | None]], busy: bool, share: float | None
) -> None:
    stretches, at = [], 0.0
    for seconds, others, steal in seen:
        stretches.append(Stretch(at, at + seconds, False, others, steal, 1.0))
        at += seconds
    found = summarise(stretches)
    assert found.busy is busy
    assert found.other_cpu_share == (None if share is None else pytest.approx(share))
    assert found.suspended_s == 0.0


def test_a_spinning_process_is_seen_and_said() -> None:
    """At least the CPU time that the kernel counts for it, in shares of all cores."""
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.2)
        before, began = psutil.Process(spinning.pid).cpu_times().user, time.monotonic()
        seen = look_now(1.0)
        spent = psutil.Process(spinning.pid).cpu_times().user - before
        seconds = time.monotonic() - began
    finally:
        spinning.kill()
        spinning.wait()
    assert seen.other_cpu_share is not None
    assert seen.other_cpu_share >= 0.8 * spent / (seconds * (os.cpu_count() or 1))
    if seen.busy:
        assert "other processes take" in (busy_sentence(seen) or "")


def stop(pid: int, seconds: float) -> float:
    """Stop a process for a while; returns how long it was, which on a busy machine is longer."""
    os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)
    return time.monotonic() - begun


def test_a_stopped_engine_is_seen_and_a_line_cut_short_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "cell" / "machine.jsonl"
    engine = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with Watch(file, lambda: 0.0, lambda: engine.pid):
            time.sleep(0.6)
            stopped_s = stop(engine.pid, 1.2)
            time.sleep(0.6)
    finally:
        engine.kill()
        engine.wait()
    seen = read_stretches(file)
    assert len([s for s in seen if s.stopped]) == 1
    assert stopped_s - 0.3 <= (summarise(seen).suspended_s or 0) <= stopped_s + 0.7
    with file.open("a") as lines:
        lines.write('00000000 {"begun": 1.0, "en')
    assert read_stretches(file) == seen
    with Watch(file, lambda: 0.0, lambda: None):
        pass
    assert read_stretches(file)[:-1] == seen  # the next one begins a line of its own
    file.write_bytes(file.read_bytes().replace(b'"stopped": true', b'"stopped": tru%'))
    with pytest.raises(InputError, match=r"machine\.jsonl: line \d+: is damaged; .* remove it"):
        read_stretches(file)


def watched(folder: Path, work: str, stop_s: float = 0.0) -> tuple[list[Stretch], float]:
    """What a process saw that watched itself while it did ``work``, stopped for a while first; and
    how long it was stopped."""
    file = folder / "machine.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", WATCHED, str(file), work],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    stopped_s = 0.0
    if stop_s:
        stopped_s = stop(process.pid, stop_s)
        time.sleep(0.5)
    process.communicate("go\n", timeout=60)
    assert process.returncode == 0
    return read_stretches(file), stopped_s


def test_being_stopped_oneself_is_seen(tmp_path: Path) -> None:
    seen, stopped_s = watched(tmp_path, "", stop_s=2.0)
    assert stopped_s - 0.3 <= (summarise(seen).suspended_s or 0) <= stopped_s + 1


def test_work_that_holds_the_interpreter_is_no_stop(tmp_path: Path) -> None:
    """A product of C code gives no other thread a turn: the watching thread comes late."""
    seen, _ = watched(tmp_path, "sum(range(10**8))")
    assert summarise(seen).suspended_s == 0.0
    assert [s for s in seen if not s.stopped]

"""A clock that jumps: no duration follows it, and nothing is answered twice for it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from distilbench.meter import Energy, Watch, read_stretches
from distilbench.runner._records import _clock_moved, energy_shares
from tests.test_run_faults import suite

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static double off(int which) {  /* seconds that a clock is ahead, as the file says now */
    static double *at;
    if (!at) {
        int file = open(getenv("CLOCK_OFFSET"), O_RDONLY);
        at = mmap(0, 2 * sizeof(double), PROT_READ, MAP_SHARED, file, 0);
        close(file);
    }
    return at[which];
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int ended = real(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += (time_t)off(0);
    if (clock == CLOCK_BOOTTIME) now->tv_sec += (time_t)off(1);
    return ended;
}
"""
DRIVER = """
import sys
from pathlib import Path
from distilbench.runner import run_suite
def hear(event):
    if event.event == "sample_done":
        print(event.sample_id, flush=True)
sys.exit(0 if run_suite(sys.argv[1], Path(sys.argv[2]), hear).complete else 1)
"""


@pytest.mark.model
@pytest.mark.skipif(
    not sys.platform.startswith("linux") or not shutil.which("cc"), reason="needs a C compiler"
)
@pytest.mark.parametrize(
    ("ahead", "slept_s"),
    [
        ({10: (3600.0, 0.0), 30: (-7200.0, 0.0), 50: (1e6, 0.0)}, 0.0),
        ({10: (600.0, 600.0), 50: (7800.0, 7800.0)}, 7800.0),
    ],
    ids=["set forth and back", "asleep"],
)
def test_a_clock_that_moves_as_no_time_did(
    ahead: dict[int, tuple[float, float]], slept_s: float, tmp_path: Path
) -> None:
    """``ahead``: of the wall's clock, and of the one that also counts sleep; in sleep both go on
    while the one that durations are taken by stands still."""
    path, offset, shim = suite(tmp_path), tmp_path / "offset", tmp_path / "shim.so"
    path.write_text(path.read_text().replace('"max_tokens": 16', '"max_tokens": 100'))
    (tmp_path / "shim.c").write_text(SHIM)
    build = ["cc", "-shared", "-fPIC", "-o", str(shim), str(tmp_path / "shim.c"), "-ldl"]
    subprocess.run(build, check=True)
    offset.write_bytes(struct.pack("dd", 0.0, 0.0))
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(path), str(tmp_path / "runs")],
        env={**os.environ, "LD_PRELOAD": str(shim), "CLOCK_OFFSET": str(offset)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with driver, offset.open("r+b") as clock:
        assert driver.stdout
        begun = time.monotonic()
        for number, _ in enumerate(driver.stdout):
            if number in ahead:
                clock.seek(0)
                clock.write(struct.pack("dd", *ahead[number]))
                clock.flush()
    took_s = time.monotonic() - begun
    assert driver.returncode == 0
    samples, cells = (
        pl.read_parquet(tmp_path / "runs" / "t" / f"{name}.parquet")
        for name in ("samples", "cells")
    )
    assert samples.height == samples.unique(("task", "sample_id", "epoch")).height == number + 1
    # Questions in which it moved; of sleep it is known to a quarter of a second when it began.
    assert samples["suspended"].sum() <= len(ahead) * (15 if slept_s else 1)
    assert samples.filter("suspended")["total_s"].null_count() == samples["suspended"].sum()
    assert cells["suspended_s"].sum() == pytest.approx(slept_s, abs=5)
    if slept_s:
        assert samples["suspended"].any()
    for table in (samples, cells.drop("suspended_s")):
        for name in durations(table):
            seconds = table[name].drop_nulls()
            assert (seconds >= 0).all(), name
            assert (seconds <= took_s).all() or name == "time_per_question_s", name


def durations(table: pl.DataFrame) -> list[str]:
    return [name for name in table.columns if name.endswith("_s") and name != "begun_s"]


def span(begun: float, ended: float) -> Any:
    moments = (time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(t)) for t in (begun, ended))
    return SimpleNamespace(**dict(zip(("started_at", "completed_at"), moments, strict=True)))


@pytest.mark.parametrize(
    ("ended", "total_s", "moved"),
    [(1010, 10.0, False), (1010, 9.5, False), (4610, 10.0, True), (400, 10.0, True)],
)
def test_two_clocks_that_differ_tell_of_a_question(
    ended: float, total_s: float, moved: bool
) -> None:
    """The wall's, and that which nobody sets and which stands still while the machine sleeps."""
    sample = span(1000, ended)
    sample.total_time = total_s
    assert _clock_moved(sample) is moved


def test_a_question_outside_of_the_window_has_no_joules_rather_than_none() -> None:
    energy = Energy(110.0, 10.0, 1000.0, 1010.0, "a counter", "measured")
    spans = [(1000, 1002), (4602, 4604), (1005, 1003), (990, 992), (1004, 1010)]
    assert energy_shares(spans, energy) == [pytest.approx(25.0), None, None, None, 75.0]


def test_what_a_watch_saw_is_as_long_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, ahead = time.time, [0.0]
    monkeypatch.setattr("distilbench.meter._surroundings.time.time", lambda: real() + ahead[0])
    with Watch(tmp_path / "machine.jsonl", lambda: 0.0, lambda: None):
        time.sleep(0.3)
        ahead[0] = -5000.0
        time.sleep(0.3)
    seen = read_stretches(tmp_path / "machine.jsonl")
    assert seen
    assert all(0 <= stretch.seconds < 30 for stretch in seen)

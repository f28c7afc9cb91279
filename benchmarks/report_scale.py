"""What the report of a run takes, from two models to forty and to a million samples: to make it,
and to open it.

Runs are drawn at random (``scale.py`` makes them: no model is asked). Each report is made in a
process of its own, whose CPU seconds and greatest memory are told, imports and figures included:
the first row is about what these take alone. The page is opened in Chromium from its file, three
times after a first one; told is the median time until all its charts are drawn, the ones below the
screen too, and how large it is.

What limits it: a shared machine wanders, CPU seconds less than the wall time of opening; on a busy
one both are half as large again, or twice.

    python benchmarks/report_scale.py [--only 15x30]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

try:
    from benchmarks.scale import measured
except ModuleNotFoundError:  # as a script
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from benchmarks.scale import measured

RUNS = {
    "2x1": (2, 1, 200),
    "2x30": (2, 30, 6_000),
    "15x30": (15, 30, 45_000),
    "40x30": (40, 30, 120_000),
    "4x5, a million": (4, 5, 1_000_000),
}
"""Models, tasks, samples."""
OPENINGS = 3


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--only", nargs="+", choices=list(RUNS), default=list(RUNS))
    args = asked.parse_args()
    print("| models x tasks | samples | CPU s | MiB | page MB | opens in s |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in args.only:
        models, tasks, samples = RUNS[name]
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            size = argparse.Namespace(models=models, tasks=tasks)
            for stage in ("prepare", "store"):
                measured(stage, folder, size, samples)
            seconds, memory = measured("report", folder, size, samples)
            page = folder / "scale" / "report" / "index.html"
            megabytes, opened = page.stat().st_size / 1e6, opening_s(page)
        print(
            f"| {name} | {samples:,} | {seconds:.1f} | {memory >> 20:,} | {megabytes:.1f}"
            f" | {opened:.2f} |",
            flush=True,
        )


def opening_s(page: Path) -> float:
    """Median seconds from the address to the last chart drawn, of a browser that is warm."""
    script = [sys.executable, __file__, "--open", str(page)]
    done = subprocess.run(script, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def open_page(page: str) -> None:
    from playwright.sync_api import sync_playwright

    drawn = (
        "document.querySelectorAll('[data-chart] svg').length"
        " === document.querySelectorAll('[data-chart]').length"
        " && document.querySelectorAll('.explored svg').length"
        " === document.querySelectorAll('.explored').length"
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        took = []
        for _ in range(1 + OPENINGS):
            tab = browser.new_page(viewport={"width": 1400, "height": 900})
            begun = time.monotonic()
            tab.goto(Path(page).as_uri())
            while not tab.evaluate(drawn):
                tab.wait_for_timeout(10)
            took.append(time.monotonic() - begun)
            tab.close()
        browser.close()
    print(statistics.median(took[1:]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--open"]:
        open_page(sys.argv[2])
    else:
        main()

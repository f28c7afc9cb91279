"""The picture of a leaderboard site in the docs: five small runs of the packaged models, their
site, and what Chromium shows of it, without a network.

    python benchmarks/site_picture.py docs/images/site.png [FOLDER]

Five runs of 40 questions take some minutes on two cores; their figures are those of the machine.
FOLDER keeps them, and the site: what is finished there is not run again.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from distilbench.publish import write_site
from distilbench.runner import run_suite

TASKS = [
    {"reasoning_gym": "products", "questions": 20, "params": {"max_digits": 1}},
    {"reasoning_gym": "count_bits", "questions": 20, "params": {"min_n": 1, "max_n": 100}},
]
RUNS = {
    "gemma-laptop": ("pypi:gemma-3-270m", {"threads": 2}),
    "gemma-one-core": ("pypi:gemma-3-270m", {"threads": 1, "cpus": 1}),
    "gemma-one-slot": ("pypi:gemma-3-270m", {"threads": 2, "slots": 1}),
    "smollm2-laptop": ("pypi:smollm2-135m-instruct", {"threads": 2}),
    "smollm2-one-core": ("pypi:smollm2-135m-instruct", {"threads": 1, "cpus": 1}),
}


def main(picture: Path, kept: Path | None) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = kept or Path(scratch)
        runs = []
        for name, (source, profile) in RUNS.items():
            suite = {
                "name": name,
                "models": [source],
                "tasks": TASKS,
                "profiles": [{"name": name.partition("-")[2], **profile}],
            }
            runs.append((name, run_suite(suite, folder / "runs").run_dir))
        take(write_site(runs, [], folder / "site", "Small models on two cores"), picture)


def take(page: Path, picture: Path) -> None:
    """Raises if the page asks for anything, or the console has an error."""
    from playwright.sync_api import sync_playwright

    troubles: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        tab = browser.new_page(viewport={"width": 1280, "height": 1900})
        tab.on("request", lambda r: r.url.startswith(("file:", "data:")) or troubles.append(r.url))
        tab.on("console", lambda m: m.type == "error" and troubles.append(m.text))
        tab.goto(page.as_uri())
        until = time.monotonic() + 30
        while not tab.evaluate("document.querySelectorAll('.explored svg').length"):
            assert time.monotonic() < until, "no chart was drawn"
            tab.wait_for_timeout(50)
        tab.screenshot(path=picture)
        browser.close()
    if troubles:
        raise SystemExit(f"{page}: {'; '.join(troubles)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)

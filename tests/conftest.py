"""What tests share: the two packaged models, found as users' models are found."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from distilbench.engines import locate_model
from distilbench.source import Source
from tests import warm

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# As training sets it: some tests import TRL themselves, and before it.
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

# A loaded machine is no fault of the code: examples have no time limit of their own.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# Longest first; whatever takes 20 s belongs here (`pytest --durations=0` of each file).
LONGEST = (
    "test_walk", "test_damaged_runs", "test_runs", "test_ray", "test_runner", "test_paper_suite",
    "test_engine", "test_run_faults", "test_shards", "test_storm", "test_kill_points",
    "test_runner_limits", "test_distill_resume", "test_stopped", "test_benchmarks",
    "test_notebook", "test_lm_eval_agreement", "test_memory", "test_serve", "test_served",
    "test_load", "test_providers", "test_distill", "test_gold", "test_plugin", "test_objectives",
    "test_sampling", "test_real_faults", "test_small_disk", "test_experiment",
    "test_results_of_others", "test_scopes_agree", "test_golden_run", "test_catalog",
    "test_claims", "test_inspect_logs",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """A core for each of pytest-xdist's workers: engines whose threads share cores wait for each
    other, and what they run then takes many times as long."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})
    warm.install()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take longest come first: at the end both workers then have short ones left."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def pytest_collection_finish() -> None:
    """What the tests import stays: no search for garbage goes through all of it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def smollm2() -> str:
    """Path of SmolLM2-135M-Instruct, which has a chat template."""
    return str(locate_model(Source.parse("pypi:smollm2-135m-instruct"), Path.cwd(), "test"))


@pytest.fixture(scope="session")
def gemma3() -> str:
    """Path of Gemma 3 270M, a base model without one."""
    return str(locate_model(Source.parse("pypi:gemma-3-270m"), Path.cwd(), "test"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium; ``opened`` of test_report_browser gives it no network."""
    from playwright.sync_api import sync_playwright

    from tests.test_report_browser import CHROMIUM, FLAGS

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training on one thread, with a cache of its own."""
    import torch

    torch.set_num_threads(1)
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a teacher of four layers that was never trained."""
    from tests.tiny_models import tiny_llama, tiny_tokenizer

    folder = tmp_path_factory.mktemp("teacher")
    tokenizer = tiny_tokenizer()
    for part in (tokenizer, tiny_llama(tokenizer)):
        part.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """A command that was run in this process leaves its signals as its end wants them: ignored."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _cold(request: pytest.FixtureRequest) -> Iterator[None]:
    """Of a test marked so, each process starts as it does for users."""
    with warm.cold() if request.node.get_closest_marker("cold") else nullcontext():
        yield

"""Limits on the engine's process: cgroup v2 where it can be had, else RLIMIT and affinity."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from distilbench.engines import EngineSettings, gpu_devices
from distilbench.engines._limits import Fence, make_cgroup
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.engines._process import EngineDied, EngineError, EngineProcess
from distilbench.meter import ProcessUsage, peak_memory_bytes, usable_cores
from tests.tiny_gguf import tiny_gguf

MIB = 1 << 20


def tree(root: Path, given: str = "cpu memory pids") -> Path:
    """A cgroup v2 hierarchy of plain files: a user's slice, and this process in a scope in it."""
    own = root / "user.slice" / "app.scope"
    own.mkdir(parents=True)
    for folder in (root, own.parent, own):
        (folder / "cgroup.procs").touch()
        (folder / "cgroup.subtree_control").write_text("")
    (own.parent / "cgroup.subtree_control").write_text(given)
    listing = root / "self"
    listing.write_text("0::/user.slice/app.scope\n")
    return listing


def test_a_cgroup_is_made_where_memory_is_given_to_children(tmp_path: Path) -> None:
    made = make_cgroup(300 * MIB, tmp_path, tree(tmp_path))
    assert made is not None
    assert made.parent == tmp_path / "user.slice"
    assert (made / "memory.max").read_text() == str(300 * MIB)
    assert (made / "memory.swap.max").read_text() == "0"


def test_no_cgroup_is_made_without_the_memory_controller(tmp_path: Path) -> None:
    assert make_cgroup(300 * MIB, tmp_path, tree(tmp_path, "cpu pids")) is None
    version_1 = tmp_path / "version-1"
    version_1.write_text("4:memory:/somewhere\n")
    assert make_cgroup(300 * MIB, tmp_path, version_1) is None


def test_a_kill_that_the_kernel_counted_is_out_of_memory(tmp_path: Path) -> None:
    fence = Fence()
    fence.cgroup = tmp_path
    events = tmp_path / "memory.events"
    events.write_text("low 0\noom 0\noom_kill 0\n")
    fence.bind(os.getpid())
    assert not fence.was_exceeded("segmentation fault")
    events.write_text("low 0\noom 1\noom_kill 1\n")
    assert fence.was_exceeded("")
    fence.bind(os.getpid())  # started again: the kill was the process's before
    assert not fence.was_exceeded("segmentation fault")


def test_what_held_the_limit_is_said_after_it_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    monkeypatch.setattr("distilbench.engines._limits.make_cgroup", lambda *_: made)
    fence = Fence(300 * MIB)
    fence.remove()  # as after a model that did not load
    assert not made.exists()
    assert fence.describe() == ["memory 300 MiB by cgroup v2"]


def test_words_of_a_process_before_explain_no_later_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve = tmp_path / "serve.py"
    monkeypatch.setattr("distilbench.engines._process._SERVE", serve)
    process = EngineProcess(Fence(), ProcessUsage())
    failures: list[type[EngineError]] = []
    for words in ("std::bad_alloc", "segmentation fault"):
        serve.write_text(f"import sys; sys.stdin.readline(); sys.exit({words!r})")
        with pytest.raises(EngineError) as caught:
            process.start({})
        failures.append(type(caught.value))
    process.close()
    assert failures == [EngineDied, EngineError]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("E ggml_aligned_malloc: insufficient memory (attempted to allocate 222.51 MB)", True),
        ("terminate called after throwing an instance of 'std::bad_alloc'", True),
        ("ggml_backend_cuda_buffer_type_alloc_buffer: allocating failed: out of memory", True),
        ("E llama_model_load: error loading model: tensor data is not within file bounds", False),
    ],
)
def test_what_the_engine_printed_tells_memory_from_other_causes(words: str, expected: bool) -> None:
    assert Fence().was_exceeded(words) is expected


def test_every_limit_says_how_it_is_enforced() -> None:
    fence = Fence(300 * MIB, cpus=1)
    try:
        memory, cores = fence.describe()
    finally:
        fence.remove()
    assert memory in ("memory 300 MiB by cgroup v2", "memory 300 MiB by RLIMIT_DATA")
    assert cores == "1 core by CPU affinity"
    assert Fence(cpus=10_000).describe() == [
        f"10000 cores wanted, this machine has {usable_cores()}"
    ]
    assert Fence().describe() == []


@pytest.mark.model
def test_a_limit_that_is_too_small_is_out_of_memory_and_a_larger_one_binds(gemma3: str) -> None:
    settings = EngineSettings(slots=1, context=512, memory_bytes=300 * MIB)
    with pytest.raises(EngineDied, match="out of memory while loading") as caught:
        LlamaCpp(Path(gemma3), settings).load()
    assert caught.value.failure == "out_of_memory"
    with LlamaCpp(Path(gemma3), settings.model_copy(update={"memory_bytes": 500 * MIB})) as engine:
        assert engine.pid
        assert (peak_memory_bytes(engine.pid) or 0) <= 500 * MIB


@pytest.mark.model
def test_a_model_that_failed_once_fails_at_once(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "alien.gguf", "alien")
    engine = LlamaCpp(path, EngineSettings(slots=1, context=256))
    with pytest.raises(EngineError) as first:
        engine.load()
    with pytest.raises(EngineError) as second:
        engine.load()
    assert second.value is first.value
    assert not isinstance(first.value, EngineDied)


@pytest.mark.model
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no CPU affinity on this system")
def test_the_engine_runs_on_its_cores_only(smollm2: str) -> None:
    with LlamaCpp(Path(smollm2), EngineSettings(slots=1, context=256, cpus=1)) as engine:
        assert engine.threads == 1
        assert engine.pid
        assert len(os.sched_getaffinity(engine.pid)) == 1


@pytest.mark.parametrize(
    ("visible", "index", "seen"),
    [
        (None, None, ""),
        ("0,1", None, ""),
        (None, 1, "1"),
        ("2, 5", 1, "5"),
        ("GPU-a,GPU-b", 0, "GPU-a"),
    ],
)
def test_the_engine_sees_its_gpu_alone(
    visible: str | None, index: int | None, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number counts the GPUs that this process may see."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    process = EngineProcess(Fence(), ProcessUsage(), index)
    try:
        given = process._environment()
    finally:
        process.close()
    assert given["CUDA_VISIBLE_DEVICES"] == seen
    assert given["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_gpus_are_those_that_the_wheel_knows() -> None:
    """The CPU wheel knows none, and says so from a process of its own."""
    assert gpu_devices() == []


def test_the_engine_sees_no_key_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "planted")
    monkeypatch.setenv("HF_TOKEN", "planted")
    process = EngineProcess(Fence(), ProcessUsage())
    try:
        assert "planted" not in process._environment().values()
    finally:
        process.close()

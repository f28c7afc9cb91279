"""Ends of the engine's process that are not the model's doing, and templates that have no end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from distilbench.engines import EngineSettings
from distilbench.engines._completion import Sampling
from distilbench.engines._limits import Fence
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.engines._process import EngineDied, EngineError, EngineKilled, EngineProcess
from distilbench.meter import ProcessUsage
from tests.tiny_gguf import tiny_gguf

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
T = TypeVar("T")
PLAIN = "{%- for message in messages -%}{{ message.content }}{%- endfor -%}"
ENDLESS = (
    "{% for i in range(100000) %}{% for j in range(100000) %}"
    "{% if i == -1 %}x{% endif %}{% endfor %}{% endfor %}"
)
SOMETIMES = PLAIN + "{% if 'hang' in messages[-1].content %}" + ENDLESS + "{% endif %}"


def asked(path: Path, work: Callable[[LlamaCpp], Awaitable[T]], slots: int = 2) -> T:
    async def run() -> T:
        settings = EngineSettings(slots=slots, context=128, threads=1)
        with LlamaCpp(path, settings) as engine:
            try:
                return await work(engine)
            finally:
                await engine.aclose()

    return asyncio.run(run())


async def answer(engine: LlamaCpp, text: str, tokens: int = 8) -> str:
    prompt = await engine.prompt([{"role": "user", "content": text}])
    return (await engine.complete(prompt, Sampling(n_predict=tokens, stop=()))).text


def kill_each(engine: LlamaCpp, times: int, number: int = signal.SIGKILL) -> asyncio.Task[None]:
    """Kill so many engine processes, each as soon as it serves."""

    async def kill() -> None:
        seen: set[str] = set()
        while len(seen) < times:
            await asyncio.sleep(0.005)
            if engine.pid and (url := engine.address[0]) not in seen:
                seen.add(url)
                os.kill(engine.pid, number)

    return asyncio.create_task(kill())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_gguf(tmp_path / "model.gguf", template=PLAIN)


def test_kills_from_outside_cost_no_answer_and_blame_no_question(model: Path) -> None:
    """Two deaths beside two questions in flight, more than a model's own crash may have."""

    async def work(engine: LlamaCpp) -> tuple[list[str], list[str]]:
        async def both() -> list[str]:
            return await asyncio.gather(*(answer(engine, text, 100) for text in ("one", "two")))

        before = await both()
        killing = kill_each(engine, 2)
        after = await both()
        await killing
        return before, after

    before, after = asked(model, work)
    assert before == after
    assert all(before)


def test_a_machine_that_kills_each_engine_is_no_result(model: Path) -> None:
    """Else a suite would ask without an end, or call it the model's crash."""

    async def work(engine: LlamaCpp) -> None:
        killing = kill_each(engine, 3)
        with pytest.raises(EngineKilled, match="signal 9, 3 times with no answer between"):
            await answer(engine, "one", 10_000)
        await killing
        with pytest.raises(EngineKilled):
            await answer(engine, "two")
        assert engine.lost

    asked(model, work, slots=1)


def test_answers_between_kills_begin_the_count_anew(model: Path) -> None:
    async def work(engine: LlamaCpp) -> list[str]:
        said = []
        for _ in range(5):
            assert engine.pid
            os.kill(engine.pid, signal.SIGKILL)
            said.append(await answer(engine, "one"))
        return said

    assert len(set(asked(model, work, slots=1))) == 1


def serve_script(monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> EngineProcess:
    """A stand-in for llama.cpp that does ``body`` when it is told to load."""
    script = folder / "serve.py"
    script.write_text(f"import os, signal, sys, time; sys.stdin.readline(); {body}")
    monkeypatch.setattr("distilbench.engines._process._SERVE", script)
    return EngineProcess(Fence(), ProcessUsage())


def failure_of(process: EngineProcess, said: str | None = None) -> EngineError:
    """Why it does not load."""
    try:
        with pytest.raises(EngineError, match=said) as caught:
            process.start({})
    finally:
        process.close()
    return caught.value


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", EngineKilled, "by signal 9 while loading"),
        ("os.kill(os.getpid(), signal.SIGTERM)", EngineKilled, "by signal 15 while loading"),
        ("os.kill(os.getpid(), signal.SIGXCPU)", EngineKilled, "by signal 24 while loading"),
        ("os.abort()", EngineError, "by signal 6 while loading"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", EngineError, "by signal 11 while loading"),
        ("sys.exit(3)", EngineError, "with exit code 3 while loading"),
        ("sys.exit('std::bad_alloc')", EngineDied, "out of memory while loading"),
        # Words of a failure that was got over do not make a kill from outside the model's.
        ("print('unable to allocate', file=sys.stderr, flush=True);"
         " os.kill(os.getpid(), signal.SIGKILL)", EngineKilled, "by signal 9 while loading"),
    ],
)  # fmt: skip
def test_what_ends_a_loading_engine(
    body: str, kind: type[EngineError], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = serve_script(monkeypatch, tmp_path, body)
    assert type(failure_of(process, said)) is kind


@pytest.mark.parametrize(
    ("events", "failure"),
    [
        ("oom 1\noom_kill 1\n", "out_of_memory"),  # at the limit of its own cgroup
        ("oom 0\noom_kill 1\n", None),  # the machine's memory, or that of a group above
        ("oom 1\noom_kill 0\n", None),  # the limit was met and memory found; killed by a person
    ],
)
def test_a_limit_of_the_profile_is_told_from_a_machine_without_memory(
    events: str, failure: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = tmp_path / "group"
    group.mkdir()
    (group / "memory.events").write_text("low 0\noom 0\noom_kill 0\noom_group_kill 0\n")
    monkeypatch.setattr("distilbench.engines._limits.make_cgroup", lambda *_: group)
    told = f"open({str(group / 'memory.events')!r}, 'w').write({events!r})"
    process = serve_script(monkeypatch, tmp_path, f"{told}; os.kill(os.getpid(), signal.SIGKILL)")
    process.fence = Fence(1 << 30)
    ended = failure_of(process)
    assert getattr(ended, "failure", None) == failure
    assert isinstance(ended, EngineDied if failure else EngineKilled)


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("\nwhile True: pass", EngineError, "chat template that never ends"),
        ("time.sleep(60)", EngineKilled, "file could not be read"),
    ],
)
def test_loading_that_gets_no_further_is_ended(
    body: str, kind: type[EngineError], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model that computes without an end, as of a disk that does not answer."""
    monkeypatch.setattr("distilbench.engines._process._STUCK_S", 1.0)
    monkeypatch.setattr("distilbench.engines._process._LOOK_S", 0.1)
    process = serve_script(monkeypatch, tmp_path, body)
    assert type(failure_of(process, said)) is kind


def test_a_stopped_engine_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distilbench.engines._process._STUCK_S", 0.5)
    monkeypatch.setattr("distilbench.engines._process._LOOK_S", 0.05)
    body = 'os.kill(os.getpid(), signal.SIGSTOP); print(\'{"url": "u", "load_s": 1}\')'
    process = serve_script(monkeypatch, tmp_path, body)
    process.launch()

    async def go_on() -> None:
        loading = asyncio.create_task(asyncio.to_thread(process.load, {}))
        await asyncio.sleep(1.5)
        assert not loading.done()
        os.kill(process.pid or 0, signal.SIGCONT)
        await loading

    try:
        asyncio.run(go_on())
        assert process.url == "u"
    finally:
        process.close()


def test_a_template_without_an_end_is_a_load_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama.cpp tries it while it loads."""
    monkeypatch.setattr("distilbench.engines._process._STUCK_S", 1.0)
    monkeypatch.setattr("distilbench.engines._process._LOOK_S", 0.2)
    path = tiny_gguf(tmp_path / "endless.gguf", template=ENDLESS)
    engine = LlamaCpp(path, EngineSettings(slots=1, context=128))
    with pytest.raises(EngineError, match=r"could not load endless\.gguf: .*never ends") as caught:
        engine.load()
    assert type(caught.value) is EngineError
    assert not engine.lost


def test_a_template_that_does_not_end_for_one_question_is_its_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other, in flight in the same engine, is answered as if nothing had been."""
    monkeypatch.setattr("distilbench.engines._llama_cpp._TEMPLATE_S", 0.7)
    path = tiny_gguf(tmp_path / "sometimes.gguf", template=SOMETIMES)

    async def work(engine: LlamaCpp) -> tuple[str, str, str]:
        before = await answer(engine, "go on", 110)
        hanging = asyncio.create_task(answer(engine, "hang"))
        beside = ""
        while not hanging.done():
            beside = await answer(engine, "go on", 110)
        with pytest.raises(EngineDied, match="chat template did not end") as caught:
            await hanging
        assert caught.value.failure == "timeout"
        return before, beside, await answer(engine, "go on", 110)

    assert len(set(asked(path, work))) == 1


def test_a_question_that_is_given_up_ends_its_template(tmp_path: Path) -> None:
    """As Inspect does at ``time_per_question_s``: nothing goes on computing behind it."""
    path = tiny_gguf(tmp_path / "sometimes.gguf", template=SOMETIMES)

    async def work(engine: LlamaCpp) -> None:
        before = engine.pid
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(answer(engine, "hang"), 1.0)
        assert await answer(engine, "go on")
        assert engine.pid != before
        assert before
        assert not psutil.pid_exists(before)

    asked(path, work)


@pytest.mark.cold  # its only child is the engine
def test_an_engine_that_loads_ends_with_its_worker(tmp_path: Path) -> None:
    """It sees nothing of its standard input while llama.cpp loads."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells of a parent's death")
    path = tiny_gguf(tmp_path / "endless.gguf", template=ENDLESS)
    script = (
        "import sys; from pathlib import Path; from distilbench.engines import EngineSettings;"
        "from distilbench.engines._llama_cpp import LlamaCpp;"
        "LlamaCpp(Path(sys.argv[1]), EngineSettings(slots=1, context=128)).load()"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)]) as worker:
        deadline = time.monotonic() + 60
        while (
            not (engines := psutil.Process(worker.pid).children()) and time.monotonic() < deadline
        ):
            time.sleep(0.05)
        [engine] = engines
        while engine.cpu_times().user < 0.5:  # it computes
            time.sleep(0.05)
        worker.kill()
    gone, left = psutil.wait_procs([engine], timeout=5)
    for process in left:
        process.kill()
    assert [process.pid for process in gone] == [engine.pid]

"""Makes questions in a process of their own, bounded in time.

A generator may never end with some params, and a data set may never arrive. Run as a script, this
module reads tasks as JSON lines from standard input and answers each with one line on standard
output: its questions, or the sentence that says why there are none.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO, Any

from pydantic import TypeAdapter

from distilbench.durations import duration
from distilbench.errors import InputError
from distilbench.tasks._questions import QuestionSet
from distilbench.tasks._spec import FileTask, InspectTask, TaskSpec

GENERATE_WITHIN_S = 60.0
FETCH_WITHIN_S = 1800.0

Wanted = tuple[TaskSpec, int]
"""A task and the seed of its questions."""


def attempt_questions(
    wanted: Sequence[Wanted],
    generate_within_s: float = GENERATE_WITHIN_S,
) -> list[QuestionSet | InputError]:
    """The questions of each task, or the error that says why it has none.

    Files are read here. Generators and benchmarks run in a child process, which is ended when a
    task takes longer than ``generate_within_s``, or ``FETCH_WITHIN_S`` where it is fetched.
    """
    made: dict[int, QuestionSet | InputError] = {}
    ahead = []
    for index, (spec, _) in enumerate(wanted):
        if isinstance(spec, FileTask):
            made[index] = _attempt(*wanted[index])
        else:
            ahead.append(index)
    while ahead:
        with _Child() as child:
            child.ask([wanted[index] for index in ahead])
            while ahead:
                spec = wanted[ahead[0]][0]
                fetched = isinstance(spec, InspectTask)
                within_s = FETCH_WITHIN_S if fetched else generate_within_s
                answer = child.answer(within_s)
                made[ahead.pop(0)] = answer or _too_slow(spec, within_s)
                if answer is None:
                    break  # its process is stuck: another goes on with the rest
    return [made[index] for index in range(len(wanted))]


class _Child:
    """The process, and a thread that reads its answers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "distilbench.tasks._make"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._words: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> _Child:
        self._reader.start()
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, wanted: Sequence[Wanted]) -> None:
        assert self._process.stdin is not None
        for spec, seed in wanted:
            line = json.dumps({"task": spec.model_dump(mode="json"), "seed": seed})
            self._process.stdin.write(line + "\n")
        self._process.stdin.close()

    def answer(self, within_s: float) -> QuestionSet | InputError | None:
        """The next answer; null if it does not come in time. A child that died is an error."""
        try:
            line = self._lines.get(timeout=within_s)
        except queue.Empty:
            return None
        if not line:
            self._listener.join(timeout=1)
            last = " ".join("".join(self._words).split())[-300:]
            return InputError("questions", f"their process died ({last})", "look for the reason")
        said = json.loads(line)
        return InputError(*said["error"]) if "error" in said else QuestionSet(**said["asked"])

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self._words = [*self._words[-20:], line]


def _attempt(spec: TaskSpec, seed: int) -> QuestionSet | InputError:
    from distilbench.tasks._build import make_questions

    try:
        return make_questions(spec, seed)
    except InputError as error:
        return error


def _too_slow(spec: TaskSpec, within_s: float) -> InputError:
    if isinstance(spec, InspectTask):
        return InputError(
            f"task {spec.name!r}",
            f"the data set of {spec.inspect} did not arrive within {duration(within_s)}",
            "check the network and run again: what has been fetched is kept",
        )
    return InputError(
        f"task {spec.name!r}",
        f"its generator made no questions within {duration(within_s)} and may never end",
        "widen its 'params', or ask fewer 'questions'",
    )


def _serve(tasks: IO[str], answers: IO[str]) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(TaskSpec)
    for line in list(tasks):
        asked = json.loads(line)
        made = _attempt(adapter.validate_python(asked["task"]), asked["seed"])
        said = (
            {"error": [made.where, made.problem, made.remedy]}
            if isinstance(made, InputError)
            else {"asked": made.model_dump()}
        )
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print
    _serve(sys.stdin, channel)

"""A transcript is read without Inspect, and says what Inspect's own records say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, EvalSample, write_eval_log
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    ContentAudio,
    ContentImage,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import tool

from distilbench.inspect_private import load_extensions
from distilbench.transcripts import Message, Transcript, read_transcripts, transcript_of
from distilbench.transcripts._logs import samples_as
from distilbench.transcripts._texts import SampleTexts, inspect_sample, sample_texts
from tests.made_run import SPEC, Answer, make

PICTURE = "data:image/png;base64," + "iVBORw0KGgo" * 20
ROOT = Path(__file__).parents[1]


@tool
def weather() -> Any:
    async def execute(city: str, days: int) -> str:
        """Says the weather.

        Args:
            city: Where.
            days: How many.
        """
        return f"rain in {city} for {days} days " * 10

    return execute


def said(*texts: str) -> ModelOutput:
    choices = [
        ChatCompletionChoice(
            message=ChatMessageAssistant(
                content=[ContentReasoning(reasoning=f"think {text}"), ContentText(text=text)],
                source="generate",
                model="m",
            )
        )
        for text in texts
    ]
    return ModelOutput(model="m", choices=choices)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that Inspect writes: a tool, a picture and a sound, an example, several choices."""
    load_extensions(benchmarks=False)
    folder = tmp_path_factory.mktemp("asked")
    given = [
        ChatMessageSystem(content="Be brief. " * 30),
        ChatMessageUser(content="An example?"),
        ChatMessageAssistant(content="Yes."),
        ChatMessageUser(
            content=[
                ContentText(text="Look: " + "é😀 " * 50),
                ContentImage(image=PICTURE),
                ContentAudio(audio="data:audio/wav;base64,AAAA", format="wav"),
            ]
        ),
    ]
    call = ModelOutput.for_tool_call("m", "weather", {"city": "Köln", "days": 2})
    outputs = [call, said("sunny", "wet"), said("plain")]
    for output in outputs:
        output.usage = ModelUsage(input_tokens=2, output_tokens=1, total_tokens=3)
    (log,) = eval(
        Task(
            dataset=[Sample(given, target="sunny", id="a/b"), Sample("1 + 1?", target="2", id=7)],
            solver=[use_tools(weather()), generate()],
            scorer=includes(),
        ),
        model=get_model("mockllm/model", custom_outputs=outputs),
        max_samples=1,
        log_dir=str(folder),
        display="none",
    )
    assert log.status == "success", log.error
    return Path(str(log.location).removeprefix("file://"))


def both(log: Path) -> list[tuple[bytes, Transcript, Transcript]]:
    """Each sample's JSON with its transcript by our reading, which alone it must take, and by
    Inspect's."""

    def read(content: bytes) -> tuple[bytes, Transcript, Transcript]:
        ours = sample_texts(content)
        assert isinstance(ours, SampleTexts)
        return content, transcript_of(ours), transcript_of(inspect_sample(content))

    return list(samples_as(read, log))


def test_what_inspect_writes_is_read_as_inspect_reads_it(asked: Path) -> None:
    found = {ours.sample_id: ours for _, ours, theirs in both(asked) if ours == theirs}
    assert set(found) == {"a/b", "7"}
    (system, _, _, look), (call, result, answer) = found["a/b"].prompt, found["a/b"].said
    assert system.text == "Be brief. " * 30
    assert look.text == "Look: " + "é😀 " * 50 + "\n[image]\n[audio]"
    assert call.text == "tool call for tool weather\nweather(city='Köln', days=2)"
    assert result == Message("tool", "rain in Köln for 2 days " * 10)
    assert answer == Message("assistant", "sunny", "think sunny")
    assert found["7"].prompt == (Message("user", "1 + 1?"),)


def test_attachments_and_samples_that_ended_early(tmp_path: Path) -> None:
    kept = {"0" * 32: "long " * 50, "1" * 32: "thought " * 20}
    user = ChatMessageUser(content=f"attachment://{'0' * 32}", source="input")
    thinks = ContentReasoning(reasoning=f"attachment://{'1' * 32}")
    model = ChatMessageAssistant(content=[thinks, ContentText(text="2")], model="m")
    common: dict[str, Any] = {"epoch": 1, "target": "2", "attachments": kept}
    samples = [
        EvalSample(id=1, input="asked", messages=[user, model], **common),
        EvalSample(id=2, input=[user], messages=[user], output=said("2", "3"), **common),
        EvalSample(id=3, input=f"attachment://{'0' * 32}", **common),
        EvalSample(id=4, input="x", output=said("", "3"), **common),
    ]
    log = EvalLog(eval=SPEC, status="success", samples=samples)
    write_eval_log(log, str(tmp_path / "a.eval"))
    found = both(tmp_path / "a.eval")
    assert [ours for _, ours, _ in found] == [theirs for _, _, theirs in found]
    long = Message("user", "long " * 50)
    assert [(one.prompt, one.said) for _, one, _ in found] == [
        ((long,), (Message("assistant", "2", "thought " * 20),)),
        ((long,), (Message("assistant", "2", "think 2"),)),
        ((long,), ()),
        ((Message("user", "x"),), ()),
    ]


def test_of_a_made_run_with_a_journal(tmp_path: Path) -> None:
    answers = [Answer("2", True, thought="hm"), Answer(None, False)]
    run = make(tmp_path, {("a", "t"): answers, ("b", "t"): answers[:1]})
    (log,) = run.glob("cells/a--*/logs/*.eval")
    assert [ours == theirs for _, ours, theirs in both(log)] == [True, True]
    (cell,) = run.glob("cells/b--*")
    (one,) = read_transcripts(run, cell.name)
    assert one.said == (Message("assistant", "2", "hm"),)


SHOWN = ("id", "epoch", "input", "target", "messages", "output", "scores", "attachments")


def test_another_field_anywhere_leaves_no_other_text(asked: Path) -> None:
    """Each value of a sample is changed in several ways: what Inspect then reads is what we read;
    where Inspect refuses, we do, or show what was there before."""
    read = refused = unknown = 0
    (content, before, _), _ = both(asked)
    whole = json.loads(content)
    for changed in changes({name: whole[name] for name in SHOWN} | {"events": []}):
        written = json.dumps(changed).encode()
        theirs, ours = read_as(inspect_sample, written), read_as(sample_texts, written)
        read += theirs is not None
        refused += ours is None
        unknown += ours is not None and theirs is None
        assert ours == theirs or (theirs is None and ours == before), changed
    assert min(read, refused, unknown) > 50


def read_as(read: Callable[[bytes], Any], content: bytes) -> Transcript | None:
    try:
        return transcript_of(read(content))
    except (ValueError, TypeError):
        return None


def changes(sample: dict[str, Any]) -> Iterator[Any]:
    for path in paths(sample):
        for value in (None, 1, "x", ["x"], {"type": "text", "text": "x"}, ...):
            changed = deepcopy(sample)
            *way, last = path
            place: Any = changed
            for step in way:
                place = place[step]
            if value is ... and isinstance(place[last], dict):
                place[last]["unknown"] = "x"
            elif value is ...:
                del place[last]
            else:
                place[last] = value
            yield changed


def paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, held in inside:
        yield (*before, key)
        if isinstance(held, dict | list):
            yield from paths(held, (*before, key))


def test_what_older_and_newer_versions_write_is_left_to_inspect() -> None:
    old = {"id": 1, "epoch": 1, "input": "1 + 1?", "target": "2",
           "score": {"value": "C", "explanation": "right"}}  # fmt: skip
    tool_error = {"role": "tool", "content": "", "tool_error": "no such city"}
    for sample in (old, old | {"score": None, "scores": None, "messages": [tool_error]}):
        sample = {key: value for key, value in sample.items() if value is not None}
        content = json.dumps(sample).encode()
        found = sample_texts(content)
        assert isinstance(found, EvalSample)
        assert transcript_of(found) == transcript_of(inspect_sample(content))
    assert transcript_of(sample_texts(json.dumps(old).encode())).graded == "right"


def test_a_report_imports_neither_inspect_nor_scipys_statistics(tmp_path: Path) -> None:
    """And reads zstandard as Inspect does, which packs what is large in several frames."""
    answers = [Answer("2", True), Answer("5", False)]
    run = make(tmp_path, {("a", "t"): answers, ("b", "t"): answers})
    logs = [*run.glob("cells/*/logs/*.eval")]
    assert {info.compress_type for log in logs for info in ZipFile(log).infolist()} == {93}
    script = (
        "import sys, zipfile, zstandard; from pathlib import Path\n"
        "from distilbench.report import write_report\n"
        "write_report(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "print([m for m in ('inspect_ai', 'scipy.stats', 'torch') if m in sys.modules])\n"
        "frames = b''.join(map(zstandard.compress, (b'one ', b'two')))\n"
        "print(zipfile._get_decompressor(93).decompress(frames))"
    )
    command = [sys.executable, "-c", script, str(run), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-2:] == ["[]", "b'one two'"]
    assert "What is 1 + 1?" in (tmp_path / "out" / "index.html").read_text()

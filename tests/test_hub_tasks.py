"""Benchmarks that a data set of the hub describes in its ``eval.yaml``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from distilbench.errors import InputError
from distilbench.tasks import InspectTask, shadowed
from distilbench.tasks._hub_file import HubName, check, hub_name
from tests.hub_data import CHOICES, GSM8K, WORDS, lay_out, put

# Reads specifications, each made as the parent does and built as a worker does, in one process.
MAKE = """
import json, sys
from distilbench.errors import InputError
from distilbench.tasks import InspectTask, build_task, make_questions, prompts
for fields in json.loads(sys.argv[1]):
    spec = InspectTask.model_validate(fields)
    try:
        made = make_questions(spec, 3)
        task = build_task(spec, made, 3)
    except InputError as error:
        print(json.dumps({"error": str(error)}))
        continue
    first = prompts(task, list(task.dataset)[:1])[0]
    print(json.dumps({
        "questions": [q.model_dump() for q in made.questions], "revision": made.revision,
        "prompt": [(m.role, m.text) for m in first], "name": task.name, "strata": made.strata,
        "choices": [s.choices for s in task.dataset], "targets": [s.target for s in task.dataset],
        "scorers": len(task.scorer), "max_tokens": task.config.max_tokens,
    }))
"""


def spec(name: str = "hf/sheds/sums", **fields: Any) -> InspectTask:
    return InspectTask.model_validate({"inspect": name, **fields})


def made(folder: Path, env: dict[str, str], *specs: InspectTask) -> list[dict[str, Any]]:
    fields = json.dumps([one.model_dump(mode="json") for one in specs])
    done = subprocess.run(
        [sys.executable, "-c", MAKE, fields],
        cwd=folder / "data", env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


ASKED = {
    "sums": spec(),
    "named": spec("hf/sheds/sums/gsm8k", questions=2, max_tokens=9),
    "drawn": spec(subset={"questions": 4, "stratify": "level"}),
    "diamond": spec("hf/ships/bows.v1/diamond"),
    "first": spec("hf/ships/bows.v1/first"),
    "graded": spec("hf/ships/bows.v1/first", score="model_graded_fact"),
    "which": spec("hf/ships/bows.v1"),
    "no such": spec("hf/ships/bows.v1/last"),
    "nowhere": spec("hf/nobody/nothing"),
    "no commit": spec("hf/sheds/sums@v9"),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("hub")
    env = lay_out(folder)
    told = dict(zip(ASKED, made(folder, env, *ASKED.values()), strict=True))
    told["again"] = made(folder, env, ASKED["diamond"])[0]
    old, (told["pinned"], told["newest"]) = told["sums"]["revision"], [{}, {}]
    new = put(folder, "sheds/sums", GSM8K.replace("End with", "Close with"), _rows())
    pinned, newest = made(folder, env, spec(args={"revision": old}), spec())
    told |= {"pinned": pinned, "newest": newest, "commits": {"old": old, "new": new}}
    return told


def _rows() -> list[dict[str, Any]]:
    return [{"question": "1 rake and 2 more?", "answer": "3", "level": 1}]


def test_a_benchmark_of_the_hub_is_asked_as_its_file_says(built: dict[str, Any]) -> None:
    sums = built["sums"]
    assert [q["target"] for q in sums["questions"]] == ["2", "3", "4", "5", "6", "7"]
    assert [q["id"] for q in sums["questions"]] == ["1", "2", "3", "4", "5", "6"]
    (_, system), (_, user) = sums["prompt"]
    assert "Answer: {your chosen answer}" in system
    assert user == "Level 0. 0 rakes and 2 more?\n\nEnd with ANSWER: and the number."
    assert (sums["name"], sums["scorers"], sums["max_tokens"]) == ("sums", 1, 2048)


def test_a_folder_that_stands_before_the_hub_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shadowed(spec("hf/sheds/sums/gsm8k")) is None
    (tmp_path / "sheds" / "sums").mkdir(parents=True)
    said = shadowed(spec("hf/sheds/sums/gsm8k"))
    assert said is not None
    assert str(tmp_path / "sheds" / "sums") in said
    assert "not the hub's" in said
    assert shadowed(InspectTask(inspect="sheds/sums")) is None


def test_settings_of_the_suite_apply(built: dict[str, Any]) -> None:
    assert built["named"]["name"] == "gsm8k"
    assert len(built["named"]["questions"]) == 2
    assert built["named"]["max_tokens"] == 9
    assert built["drawn"]["strata"] == {"0": 3, "1": 3}
    assert len(built["drawn"]["questions"]) == 4


def test_choices_are_shuffled_alike_in_every_process(built: dict[str, Any]) -> None:
    diamond = built["diamond"]
    assert any(choices != WORDS for choices in diamond["choices"])
    right = [
        choices["ABCD".index(target[0])]
        for choices, target in zip(diamond["choices"], diamond["targets"], strict=True)
    ]
    assert right == [WORDS[n % 4] for n in range(6)]
    assert built["again"] == diamond


def test_a_judge_beside_the_score_that_counts_is_not_asked(built: dict[str, Any]) -> None:
    assert built["first"]["scorers"] == 1
    assert built["first"]["targets"] == ["A"] * 6
    assert "asks a model to grade" in built["graded"]["error"]
    assert "name another with 'score': choice" in built["graded"]["error"]


def test_the_commit_is_kept_and_can_be_asked_for(built: dict[str, Any]) -> None:
    commits = built["commits"]
    assert built["pinned"]["revision"] == commits["old"]
    assert "End with" in built["pinned"]["prompt"][1][1]
    assert built["newest"]["revision"] == commits["new"]
    assert "Close with" in built["newest"]["prompt"][1][1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("which", "has several tasks: diamond, first; name one of them: hf/ships/bows.v1/TASK"),
        ("no such", "has no tasks of the name 'last'"),
        ("nowhere", "cannot be fetched"),
        ("no commit", "cannot be fetched"),
    ],
)
def test_what_cannot_be_had_is_said(built: dict[str, Any], name: str, said: str) -> None:
    assert said in built[name]["error"]
    assert "\n" not in built[name]["error"]


def _changed(**fields: Any) -> str:
    described = yaml.safe_load(GSM8K)
    described["tasks"][0].update(fields)
    return yaml.safe_dump(described)


def _solved(solver: str, **args: Any) -> str:
    return _changed(solvers=[{"name": solver, "args": args}])


def _scored(scorer: str, **args: Any) -> str:
    return _changed(scorers=[{"name": scorer, "args": args}])


HOSTILE = {
    "a file": (_solved("prompt_template", template="/etc/passwd"), "name of a file"),
    "a file above": (_solved("system_message", template="../../keys.txt"), "name of a file"),
    "an address": (_solved("prompt_template", template="https://a.b/{prompt}"), "an address"),
    "a scheme": (_solved("user_message", template="file:/etc/some passwd"), "an address"),
    "a critique": (_solved("self_critique", critique_template="/etc/hosts"), "name of a file"),
    "attributes": (_solved("prompt_template", template="Say {prompt.__class__}"), "reaches into"),
    "an index": (_solved("prompt_template", template="Say {prompt[0]} "), "reaches into"),
    "a width": (_solved("prompt_template", template="Say {prompt:>999999999}"), "reaches into"),
    "open braces": (_solved("prompt_template", template="Say {prompt"), "do not pair"),
    "no text": (_solved("prompt_template", template=[1]), "no text"),
    "tools": (_solved("use_tools", tools=["bash"]), "may not choose"),
    "another model": (_solved("self_critique", model="openai/gpt-5"), "'model'"),
    "sampling": (_solved("generate", temperature=0.0), "'temperature'"),
    "an object": (_solved("prompt_template", template="a {prompt}", x={"type": "tool"}), "'x'"),
    "unknown solver": (_solved("run_code"), "Inspect refuses it (solvers.0.name"),
    "unknown scorer": (_scored("my_scorer"), "Inspect refuses it (scorers.0.name"),
    "a judge": (_scored("model_graded_fact", model="openai/o3-mini"), "asks a model to grade"),
    "a pattern": (_scored("pattern", pattern="((a{1000}){1000}){1000}"), "'pattern' takes too"),
    "no pattern": (_scored("pattern", pattern="(("), "regular expression"),
    "a function": (_scored("f1", answer_fn="eval"), "'answer_fn'"),
    "another field": (_changed(sandbox="local"), "Inspect refuses it (sandbox"),
    "other framework": (GSM8K.replace("inspect-ai", "math-arena"), "is for 'math-arena'"),
    "no solvers": ("tasks: [{id: overall, config: default, split: x}]", "Inspect refuses it"),
    "no tasks": ("name: a\n", "has no list 'tasks'"),
    "tasks of text": ("tasks: [a, b]\n", "has no list 'tasks'"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_would_do_more_is_refused(kind: str, tmp_path: Path) -> None:
    described, said = HOSTILE[kind]
    path = tmp_path / "eval.yaml"
    path.write_text(described)
    with pytest.raises(InputError) as caught:
        check("task 'a': eval.yaml of a/b", path, HubName("a/b", None, None))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_template_that_is_a_file_here_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my secret notes").write_text("x")
    path = tmp_path / "eval.yaml"
    path.write_text(_solved("system_message", template="my secret notes"))
    with pytest.raises(InputError, match="name of a file"):
        check("task", path, HubName("a/b", None, None))


@pytest.mark.parametrize("described", [GSM8K, CHOICES])
def test_the_stand_ins_files_are_taken(described: str, tmp_path: Path) -> None:
    path = tmp_path / "eval.yaml"
    path.write_text(described)
    for task in yaml.safe_load(described)["tasks"]:
        assert check("task", path, HubName("a/b", task["id"], None)) == task


def test_names_of_the_hub() -> None:
    assert hub_name(spec("inspect_evals/gsm8k")) is None
    assert hub_name(spec("hf/a/b-1.0")) == HubName("a/b-1.0", None, None)
    assert hub_name(spec("hf/a/b/c@refs/pr/1")) == HubName("a/b", "c", "refs/pr/1")
    assert hub_name(spec("hf/a/b", args={"revision": "v1"})) == HubName("a/b", None, "v1")
    assert spec("hf/openai/gsm8k@main").name == "gsm8k"
    for name in ("hf/a", "hf/a/b/c/d", "/hf/a/b", "hf/a b/c"):
        with pytest.raises((ValidationError, InputError)):
            hub_name(spec(name))


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("hf/../b", {}, "names no data set"),
        ("hf/a/..", {}, "names no data set"),
        ("hf/a/.b", {}, "names no data set"),
        ("hf/only", {}, "names no data set"),
        ("hf/trl-hf/b", {}, "every 'hf/'"),
        ("hf/a/b", {"fewshot": 1}, "no such argument"),
        ("hf/a/b", {"revision": 1}, "is no text"),
        ("hf/a/b@v1", {"revision": "v2"}, "keep one"),
    ],
)
def test_names_that_are_none_of_the_hub(name: str, args: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        hub_name(spec(name, args=args))

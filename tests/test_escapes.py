"""Names that would steer a terminal: shown, and not obeyed, by each command that reads them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from distilbench.cli import app
from distilbench.cli._boundary import run_command
from tests.test_interchange import lm_eval_folder
from tests.tiny_gguf import tiny_gguf

HOSTILE = "a\x1b[2J\x1b]0;owned\x07\x9b31m\u202eb"
STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
SUITE = {"models": [f"{HOSTILE}.gguf"], "tasks": [{"file": "q.jsonl", "name": HOSTILE}]}
WORDS = {
    "inspect": ["models", "inspect", f"{HOSTILE}.gguf"],
    "fit": ["fit", f"{HOSTILE}.gguf"],
    "fit a folder": ["fit", "."],
    "quantize": ["quantize", f"{HOSTILE}.gguf", "--to", "Q8_0", "--out", HOSTILE],
    "card new": ["card", "new", f"{HOSTILE}.gguf", "--out", "card.yaml"],
    "card new there": ["card", "new", f"{HOSTILE}.gguf", "--out", HOSTILE],
    "dry run": ["run", "suite.json", "--dry-run"],
    "no suite": ["run", f"{HOSTILE}.yaml"],
    "no task": ["run", "suite.json", "--tasks", HOSTILE, "--dry-run"],
    "no model": ["run", "suite.json", "--models", f"pypi:{HOSTILE}", "--dry-run"],
    "import": ["import", "lm", "--into", "runs", "--model", HOSTILE],
    "report": ["report", "imported"],
    "recommend": ["recommend", "imported"],
    "recommend --json": ["recommend", "imported", "--json"],
    "several runs": ["report", "imported", "second"],
    "diff --markdown": ["diff", "imported", "second", "--markdown"],
    "diff --pair": ["diff", "imported", "imported", "--pair", f"{HOSTILE}={HOSTILE}"],
    "no run": ["report", HOSTILE],
    "no card": ["compute", HOSTILE],
    "no option": ["run", f"--{HOSTILE}"],
    "no command": [HOSTILE],
    "tasks": ["tasks", HOSTILE],
    "catalog": ["catalog", HOSTILE],
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
@pytest.mark.parametrize("named", ["inside", "outside"])
def test_no_name_steers_the_terminal(
    named: str,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """``inside``: in the file's header; ``outside``: in its own name as well."""
    monkeypatch.chdir(tmp_path)
    file = "model.gguf" if named == "inside" else f"{HOSTILE}.gguf"
    tiny_gguf(tmp_path / file, name=HOSTILE)
    Path("q.jsonl").write_text('{"question": "1+1?", "answer": "2"}\n')
    plain = {"models": ["model.gguf"], "tasks": [{"file": "q.jsonl"}]}
    Path("suite.json").write_text(json.dumps(plain if named == "inside" else SUITE))
    lm_eval_folder(tmp_path / "lm", HOSTILE, [1, 0, 1, 1])
    run_command(app, ["import", "lm", "--into", "imported"])
    if "second" in words:
        lm_eval_folder(tmp_path / "lm-other", HOSTILE, [1, 0, 0, 1])
        run_command(app, ["import", "lm-other", "--into", "second"])
    given = [word.replace(f"{HOSTILE}.gguf", file) for word in words]
    run_command(app, given)
    out, err = capfd.readouterr()
    assert out + err
    assert not STEERS.findall(out + err), repr(out + err)

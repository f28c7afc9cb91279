"""``publish --push``: huggingface_hub's own client against a network that is a stub."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import huggingface_hub
import pytest
import yaml
from huggingface_hub import parse_eval_result_entries, set_client_factory

from distilbench.cli import app
from distilbench.cli._boundary import run_command
from distilbench.errors import InputError
from distilbench.publish import PublishedModel, Terms, publish_run, push
from tests.hub_runs import DIGEST
from tests.test_publish import made

TOKEN = "hf_" + "s3cret" * 5
REPO = "maker/small-GGUF"
COMMIT = "c" * 40


class Hub:
    """A repository of the hub: its files, and what was sent to it."""

    def __init__(self) -> None:
        self.files = {"README.md": b"---\nlicense: mit\n---\n# Small\n"}
        self.digest = DIGEST
        self.sent: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.refuses = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.asked.append(f"{request.method} {path}?{request.url.query.decode()}")
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        if self.refuses:
            return httpx2.Response(self.refuses, json={"error": f"no right for {TOKEN}"})
        if "/tree/" in path:
            return httpx2.Response(200, json=self._tree())
        if path == "/api/validate-yaml":
            return httpx2.Response(200, json={"errors": [], "warnings": []})
        if "/preupload/" in path:
            files = json.loads(request.content)["files"]
            plain = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files
            ]
            return httpx2.Response(200, json={"files": plain})
        if "/commit/" in path:
            self.sent = [json.loads(line) for line in request.content.splitlines()]
            url = f"https://huggingface.co/{REPO}"
            pull = (
                {"pullRequestUrl": f"{url}/discussions/3"}
                if "create_pr" in str(request.url)
                else {}
            )
            said = {"commitUrl": f"{url}/commit/{COMMIT}", "commitOid": COMMIT, "success": True}
            return httpx2.Response(200, json={**said, **pull})
        return self._file(request, path.split("/main/")[-1])

    def _tree(self) -> list[dict[str, Any]]:
        weights = {
            "type": "file", "path": "small-Q4_K_M.gguf", "size": 9, "oid": "0" * 40,
            "lfs": {"oid": self.digest, "size": 9, "pointerSize": 9},
        }  # fmt: skip
        rest = [
            {"type": "file", "path": name, "size": len(content), "oid": "1" * 40}
            for name, content in self.files.items()
        ]
        return [weights, *rest]

    def _file(self, request: httpx2.Request, name: str) -> httpx2.Response:
        content = self.files[name]
        headers = {"x-repo-commit": COMMIT, "etag": f'"{hash(content):x}"'}
        if request.method == "HEAD":
            return httpx2.Response(200, headers={**headers, "content-length": str(len(content))})
        return httpx2.Response(200, headers=headers, content=content)

    @property
    def added(self) -> dict[str, str]:
        """Of the commit, the files with what they hold."""
        files = [one["value"] for one in self.sent if one["key"] == "file"]
        return {f["path"]: base64.b64decode(f["content"]).decode() for f in files}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    stub = Hub()
    for where in ("huggingface_hub.constants", "huggingface_hub.file_download"):
        monkeypatch.setattr(f"{where}.HF_HUB_CACHE", str(tmp_path / "hub"), raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    set_client_factory(lambda: httpx2.Client(transport=httpx2.MockTransport(stub)))
    yield stub
    set_client_factory(huggingface_hub.utils._http.default_client_factory)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("pushed"))


@pytest.fixture
def published(run: Path, tmp_path: Path) -> PublishedModel:
    (one,) = publish_run(run, tmp_path / "out", terms=Terms(unit="percent"))
    return one


def test_it_is_sent_as_a_pull_request_with_the_card_as_it_was(
    hub: Hub, run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    words = ["publish", str(run), "--unit", "percent", "--out", str(tmp_path / "o"), "--push"]
    assert run_command(app, words) == 0
    (path,) = [path for path in hub.added if path.startswith(".eval_results/")]
    (entry,) = parse_eval_result_entries(yaml.safe_load(hub.added[path]))
    assert (entry.dataset_id, entry.task_id, entry.value) == ("lab/sheds", "sums", 75)
    readme = hub.added["README.md"]
    assert readme.startswith("---\nlicense: mit\n---\n# Small\n")
    assert "## Running cost" in readme
    assert set(hub.added) == {path, "README.md"}
    assert any("create_pr=1" in line for line in hub.asked)
    out, err = capfd.readouterr()
    assert f"sent: https://huggingface.co/{REPO}/discussions/3" in out
    assert TOKEN not in out + err + caplog.text
    written = [file for file in (tmp_path / "o").rglob("*") if file.is_file()]
    assert not any(TOKEN in file.read_text("utf-8") for file in written)


def test_direct_commits_to_the_main_branch(hub: Hub, published: PublishedModel) -> None:
    assert push(published, direct=True).endswith(f"/commit/{COMMIT}")
    assert not any("create_pr=1" in line for line in hub.asked)


def test_a_repository_with_other_weights_is_refused(hub: Hub, published: PublishedModel) -> None:
    hub.digest = "0" * 64
    with pytest.raises(InputError, match="holds no file with the measured weights"):
        push(published)
    assert hub.sent == []


def test_a_second_value_of_a_task_is_refused_and_ones_own_is_replaced(
    hub: Hub, published: PublishedModel
) -> None:
    said = yaml.safe_dump([{"dataset": {"id": "lab/sheds", "task_id": "sums"}, "value": 1}])
    hub.files[published.filed[0].path] = said.encode()
    hub.files[".eval_results/odd.yaml"] = b"{"
    push(published)
    hub.files[".eval_results/theirs.yaml"] = said.encode()
    with pytest.raises(InputError, match=r"theirs\.yaml has a result of lab/sheds, sums already"):
        push(published)


def test_a_repository_without_a_card_gets_the_section_alone(
    hub: Hub, published: PublishedModel
) -> None:
    hub.files.clear()
    push(published)
    assert hub.added["README.md"] == published.section


@pytest.mark.parametrize(
    ("status", "said"),
    [(403, "the hub refuses"), (404, "no such repository"), (401, "no such repository")],
)
def test_what_the_hub_refuses_is_a_sentence_without_the_token(
    status: int, said: str, hub: Hub, published: PublishedModel
) -> None:
    hub.refuses = status
    with pytest.raises(InputError) as caught:
        push(published)
    assert TOKEN not in str(caught.value)
    assert str(caught.value).startswith(f"--push {REPO}: ")


def test_without_a_token_nothing_is_asked(
    hub: Hub, published: PublishedModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(InputError, match="hf auth login"):
        push(published)
    assert hub.asked == []


def test_without_a_repository_nothing_is_sent(hub: Hub, tmp_path: Path) -> None:
    run = made(tmp_path, models={"small": {"source": "small.gguf"}})
    (one,) = publish_run(run, tmp_path / "out")
    with pytest.raises(InputError, match="has no repository"):
        push(one)
    assert hub.asked == []

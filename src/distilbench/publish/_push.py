"""To the hub: what was written of a model, as a pull request to its repository.

The token is huggingface_hub's own: ``HF_TOKEN``, or what ``hf auth login`` stored. It is neither
read nor printed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.errors import InputError
from distilbench.keys import redact
from distilbench.publish._card import with_section
from distilbench.publish._eval_results import FOLDER, read_results
from distilbench.publish._publish import PublishedModel

if TYPE_CHECKING:
    from huggingface_hub import HfApi, RepoFile

_README = "README.md"


def push(published: PublishedModel, direct: bool = False) -> str:
    """Send the results and the card section in one commit; returns the address of the pull request,
    or with ``direct`` of the commit on the main branch.

    Before anything is sent it is seen that the repository holds the measured file (by SHA-256), and
    no result of the same task in another file. Raises ``InputError`` if not, if no repository is
    known, there is no token, or the hub refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    repo = published.repository
    if repo is None:
        raise InputError(published.model, "has no repository", "name it with --repo OWNER/NAME")
    if not get_token():
        remedy = "set HF_TOKEN, or log in with: hf auth login"
        raise InputError(f"--push {repo}", "there is no token of the hub", remedy)
    api = HfApi(library_name="distilbench")
    with _refusals(repo):
        files = _files(api, repo)
        _refuse_other_weights(published, files)
        _refuse_second(api, published, files)
        readme = _readme(api, repo, files)
        adds = [
            CommitOperationAdd(one.path, (published.folder / one.path).read_bytes())
            for one in published.filed
        ]
        card = with_section(readme, published.section)
        commit = api.create_commit(
            repo,
            [*adds, CommitOperationAdd(_README, card.encode())],
            commit_message=_message(published),
            commit_description=f"Measured and written by distilbench: {_tasks(published)}",
            create_pr=not direct,
        )
    return str(commit.pr_url or commit.commit_url)


def _message(published: PublishedModel) -> str:
    if published.filed:
        return f"Add evaluation results of {', '.join(o.benchmark.task for o in published.filed)}"
    return "Add measured running and creation cost to the model card"


def _tasks(published: PublishedModel) -> str:
    return ", ".join(one.task for one in published.scored)


@contextmanager
def _refusals(repo: str) -> Iterator[None]:
    """What the hub or its client raises, as a sentence without any key."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
    )

    from distilbench.engines import fetch_errors

    where = f"--push {repo}"
    try:
        yield
    except InputError:
        raise
    except GatedRepoError as error:
        remedy = "ask for access on its page, or use the token of one who has it"
        raise InputError(where, "the repository is gated", remedy) from error
    except RepositoryNotFoundError as error:
        remedy = "correct --repo, or use a token that may see it"
        raise InputError(where, "there is no such repository for this token", remedy) from error
    except HfHubHTTPError as error:
        said = _said(error.server_message or error)
        remedy = "the token needs to write: see https://huggingface.co/settings/tokens"
        raise InputError(where, f"the hub refuses ({said})", remedy) from error
    except ValueError as error:
        remedy = f"correct {_README} there, or send the files by hand"
        raise InputError(where, f"its files are refused ({_said(error)})", remedy) from error
    except fetch_errors() as error:
        why = f"the hub does not answer ({_said(error)})"
        raise InputError(where, why, "try again later") from error


def _said(error: object) -> str:
    """What it says, in one line without any key."""
    return redact(" ".join(str(error).split()))[:300]


def _files(api: HfApi, repo: str) -> dict[str, RepoFile]:
    from huggingface_hub import RepoFile

    tree = api.list_repo_tree(repo, recursive=True)
    return {one.path: one for one in tree if isinstance(one, RepoFile)}


def _refuse_other_weights(published: PublishedModel, files: dict[str, RepoFile]) -> None:
    """Results belong to the file that was measured. Of weights behind a server no file is known,
    and a model in several files has no digest of its own: their names must be there."""
    held = {one.lfs.sha256 for one in files.values() if one.lfs}
    names = {path.rpartition("/")[2] for path in files}
    for one in published.scored:
        digest, file = one.row["model_sha256"], one.cell.file if one.cell else None
        if digest is None or digest in held:
            continue
        parts = file is not None and "-of-" in file.name and file.name in names
        if not parts:
            raise InputError(
                f"--push {published.repository}",
                f"holds no file with the measured weights (SHA-256 {digest[:12]}…)",
                "upload the file first, or name the repository that holds it with --repo",
            )


def _refuse_second(api: HfApi, published: PublishedModel, files: dict[str, RepoFile]) -> None:
    """Two values of one task would leave the hub to choose."""
    ours = {one.path for one in published.filed}
    wanted = {(one.benchmark.dataset, one.benchmark.task) for one in published.filed}
    for path in files:
        if not path.startswith(f"{FOLDER}/") or path in ours:
            continue
        if not path.endswith((".yaml", ".yml")):
            continue
        for entry in _entries(Path(api.hf_hub_download(str(published.repository), path))):
            if entry in wanted:
                raise InputError(
                    f"--push {published.repository}",
                    f"{path} has a result of {entry[0]}, {entry[1]} already",
                    "leave that task out with --task, or change the file there by hand",
                )


def _entries(path: Path) -> list[tuple[str, str]]:
    try:
        return [(one.dataset_id, one.task_id) for one in read_results(path.read_text("utf-8"))]
    except ValueError:  # the hub shows none of it either
        return []


def _readme(api: HfApi, repo: str, files: dict[str, RepoFile]) -> str:
    if _README not in files:
        return ""
    return Path(api.hf_hub_download(repo, _README)).read_text("utf-8")

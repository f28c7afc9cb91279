"""Sends a finished student to the Hugging Face hub, if its recipe says so."""

from __future__ import annotations

from pathlib import Path

from distilbench.distill.recipe import Recipe
from distilbench.errors import InputError
from distilbench.files import read_json, write_json

_DONE = "pushed.json"


def check_push(recipe: Recipe, student: Path, where: str) -> None:
    """Raises ``InputError`` before any work if there is no token to push with."""
    if recipe.push_to_hub is None or _is_done(recipe, student):
        return
    from huggingface_hub import get_token

    if get_token() is None:
        raise InputError(
            f"{where}: field 'push_to_hub'",
            "there is no token of the Hugging Face hub",
            "log in with: hf auth login (or set HF_TOKEN), or drop 'push_to_hub'",
        )


def push(recipe: Recipe, folder: Path, where: str) -> str | None:
    """Upload the student's folder, once for a repository and what is in the folder; says where it
    is. Raises ``InputError`` if the hub refuses; the student is finished then, and the same command
    tries again."""
    if recipe.push_to_hub is None or _is_done(recipe, folder):
        return None
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    asked, api = recipe.push_to_hub, HfApi()
    name = asked.hub_model_id
    try:
        api.create_repo(name, private=asked.hub_private_repo, exist_ok=True)
        made = api.upload_folder(
            repo_id=name,
            folder_path=str(folder),
            commit_message=f"{recipe.name}, made with distilbench",
        )
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"{where}: field 'push_to_hub'",
            f"the student is finished in {folder}, and {name} did not take it ({reason})",
            "mend it, and run the same command again",
        ) from error
    write_json(
        folder.parent / _DONE,
        {"hub_model_id": name, "commit": made.oid, "export": list(recipe.export)},
    )
    return f"pushed to https://huggingface.co/{name} (commit {made.oid[:8]})"


def _is_done(recipe: Recipe, folder: Path) -> bool:
    file = folder.parent / _DONE
    if recipe.push_to_hub is None or not file.is_file():
        return False
    done = read_json(file, {"hub_model_id": str})
    same = done["hub_model_id"] == recipe.push_to_hub.hub_model_id
    return bool(same and done.get("export") == list(recipe.export))

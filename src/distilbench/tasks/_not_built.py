"""Why a benchmark could not be built, in one sentence with what to do about it."""

from __future__ import annotations

import re

from distilbench.errors import InputError
from distilbench.inspect_private import prerequisite_error
from distilbench.tasks._spec import InspectTask

# Classes of what is raised on the way to a data set, of several libraries that share no base.
_NOT_FETCHED = {
    "ConnectionError",
    "DatasetNotFoundError",
    "FileNotFoundError",
    "HTTPError",
    "HfHubHTTPError",
    "LocalEntryNotFoundError",
    "OfflineModeIsEnabled",
    "URLError",
}
_INSTALLS = re.compile(r"`pip install ([^`]+)`")


def explained(spec: InspectTask, error: Exception) -> InputError:
    """What kept a task from being built, and what to do about it."""
    chain = [error]
    while (below := chain[-1].__cause__ or chain[-1].__context__) and below not in chain:
        chain.append(below)  # type: ignore[arg-type]
    kinds = {kind.__name__ for e in chain for kind in type(e).__mro__}
    told = chain[-1] if type(error).__name__ == "RetryError" else error
    reason = _short(str(told)) or type(told).__name__
    where = f"task {spec.name!r}"
    if command := _INSTALLS.search(str(error)):
        return InputError(
            where, f"{spec.inspect} needs a package that is not installed", _pip(command.group(1))
        )
    if isinstance(error, (ImportError, prerequisite_error())):
        return InputError(
            where, f"{spec.inspect} cannot be built ({reason})", "install what it needs"
        )
    if "GatedRepoError" in kinds or "gated" in reason:
        return InputError(
            where,
            f"the data set of {spec.inspect} is gated ({reason})",
            "accept its terms on huggingface.co and set HF_TOKEN",
        )
    if kinds & _NOT_FETCHED:
        return InputError(
            where,
            f"the data set of {spec.inspect} cannot be fetched ({reason})",
            "check the network, and HF_TOKEN if the data set is gated",
        )
    return InputError(
        where, f"{spec.inspect} cannot be built ({reason})", "correct 'args' of the task"
    )


def _pip(package: str) -> str:
    """The command that installs a package, also one that is a repository's address."""
    is_repository = package.startswith("https://github.com/")
    return f"pip install {'git+' if is_repository else ''}{package}"


def _short(text: str) -> str:
    return " ".join(text.split())[:300]

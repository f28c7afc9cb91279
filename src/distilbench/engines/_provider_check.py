"""Models of Inspect's providers: made, and checked before any work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.keys import key_in_environment, redact
from distilbench.providers import key_variable, provider_of

if TYPE_CHECKING:
    from inspect_ai.model import Model


def served_model(reference: str, base_url: str | None, args: dict[str, Any]) -> Model:
    """The model ``provider/model`` of Inspect."""
    from inspect_ai.model import get_model

    return get_model(reference, base_url=base_url, memoize=False, **args)


def check_provider(reference: str, base_url: str | None, args: dict[str, Any], where: str) -> None:
    """Make the client of ``provider/model`` and drop it again; nothing is sent.

    Raises ``InputError`` if there is no such provider, its package or its key is missing, or it
    refuses its arguments.
    """
    from inspect_ai._util.error import PrerequisiteError

    if provider_of(reference).loads_weights:  # so a check would cost as much as a run
        return
    try:
        with key_in_environment(reference):
            model = served_model(reference, base_url, args)
    except PrerequisiteError as error:
        said = " ".join(redact(str(error.message)).split())
        raise InputError(where, f"cannot be used ({said})", _remedy(reference)) from error
    except (ImportError, TypeError, ValueError) as error:
        said = " ".join(redact(str(error)).split())
        raise InputError(
            where, f"cannot be used ({said})", "correct the provider, its args or its base_url"
        ) from error
    asyncio.run(model.api.aclose())


def _remedy(reference: str) -> str:
    variable = key_variable(reference)
    return (
        f"install its package, or set {variable} in the environment or the keyring:"
        f" keyring set distilbench {variable}"
    )

"""What of this process's environment a worker on another machine is given: the keys of the servers
that it asks, and their addresses."""

from __future__ import annotations

import os
from collections.abc import Iterable

from distilbench.keys import key_in_environment
from distilbench.providers import PROVIDERS, SETS_ADDRESS, key_variable
from distilbench.runner._plan import Cell

_ENDINGS = ("_API_KEY", "_BASE_URL")
"""Also of a model that grades, which no cell names."""
_BEGINNINGS = ("AWS_", "AZURE_", "AZUREAI_", "CLOUDFLARE_", "GOOGLE_", "HF_")
"""Of clouds, which want more than a key."""
_PLACES = ("HF_HOME", "HF_HUB_CACHE", "GOOGLE_APPLICATION_CREDENTIALS")
"""Paths of this machine."""
_THREADS = ("OMP_NUM_THREADS",)
"""What Ray sets for its tasks."""


def carried(cells: Iterable[Cell]) -> dict[str, str]:
    """Variables and values. A key that is in the keyring here is in none elsewhere."""
    names = {provider.key for provider in PROVIDERS.values() if provider.key} | {SETS_ADDRESS}
    found: dict[str, str] = {}
    for cell in cells:
        if cell.file is None:
            names.add(key_variable(cell.reference))
            with key_in_environment(cell.reference):
                found |= _of_environment(names)
    return found | _of_environment(names)


def cleared() -> tuple[str, ...]:
    """Variables that a worker on this machine would not have."""
    return tuple(name for name in _THREADS if name not in os.environ)


def _of_environment(names: set[str]) -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in names or (name.endswith(_ENDINGS) or name.startswith(_BEGINNINGS))
        if name not in _PLACES
    }

"""A model of any of Inspect's providers, near or far, under the meter."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from distilbench.engines._contract import Assignment, Engine
from distilbench.engines._place import Place
from distilbench.errors import InputError
from distilbench.inspect_private import prerequisite_error
from distilbench.keys import key_in_environment, redact
from distilbench.meter import EnergyMeter
from distilbench.providers import (
    PROVIDERS,
    Provider,
    address_of,
    key_variable,
    provider_of,
    runs_on,
)
from distilbench.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from inspect_ai.model import Model

    from distilbench.engines._served_meter import ServedMeter

_LOADING_S = 5.0  # more than making a client takes: the provider has loaded a model


class Served(Engine):
    """``inspect:provider/model``."""

    @classmethod
    def provider(cls, source: Source) -> Provider:
        return provider_of(source.rest)

    @classmethod
    def reference(cls, source: Source, file: Path | None) -> str:
        return source.rest

    @classmethod
    def check(cls, asked: Assignment, where: str) -> None:
        """Make the client of ``provider/model`` and drop it again; nothing is sent.

        Raises ``InputError`` if there is no such provider, its package or its key is missing, or
        it refuses its arguments.
        """
        if provider_of(asked.reference).loads_weights:  # so a check would cost as much as a run
            return
        try:
            with key_in_environment(asked.reference):
                model = _made(asked)
        except prerequisite_error() as error:
            raise InputError(
                where, f"cannot be used ({_said(error)})", _remedy(asked.reference)
            ) from error
        except (ImportError, TypeError, ValueError) as error:
            raise InputError(
                where,
                f"cannot be used ({_said(error)})",
                "correct the provider, its args or its base_url",
            ) from error
        asyncio.run(model.api.aclose())

    @classmethod
    def serves_many(cls, asked: Assignment) -> bool:
        provider = provider_of(asked.reference)
        if provider.name not in PROVIDERS or provider.in_process:
            return False
        # Such a provider starts a server for each worker, unless it is told where one is.
        return not provider.loads_weights or address_of(asked.reference, asked.base_url) is not None

    @classmethod
    def place(cls, asked: Assignment) -> str | None:
        return runs_on(asked.reference, asked.base_url)

    def __init__(self, asked: Assignment) -> None:
        self._asked = asked
        self._key = ExitStack()
        self._model: Model | None = None
        self._meter: ServedMeter | None = None
        self._load_s: float | None = None
        self._place = Place(asked, runs_on(asked.reference, asked.base_url))

    @property
    def model(self) -> Model:
        assert self._model is not None
        return self._model

    def load(self) -> None:
        from distilbench.engines._scored import scoring
        from distilbench.engines._served_meter import ServedMeter
        from distilbench.engines._stops import stopping
        from distilbench.engines._thinking import separating

        self._key.enter_context(key_in_environment(self._asked.reference))
        provider = provider_of(self._asked.reference)
        self._place.before_load()
        started = time.perf_counter()
        made = stopping(separating(scoring(_made(self._asked), provider)), provider)
        took = time.perf_counter() - started
        if took > _LOADING_S:  # in this process or by a server that it started
            self._load_s = took
        self._meter, self._model = ServedMeter(made), made
        self._place.find(getattr(made.api, "base_url", None))

    def close(self) -> None:
        self._place.close()
        self._key.close()

    def energy_meter(self, processor: str) -> EnergyMeter:
        """Of what works on this machine, whoever started it; the idle machine is measured first,
        with a server that is there already."""
        return self._place.energy_meter(processor)

    def begin(self) -> None:
        self._place.begin()

    def options(self) -> dict[str, Any]:
        """How long to wait for a server and how often to ask it again."""
        return {
            "max_retries": self._asked.retries,
            "attempt_timeout": self._asked.request_timeout_s,
        }

    @property
    def peak_memory_bytes(self) -> int | None:
        return self._place.memory()[0]

    def cpu_seconds_beside(self) -> float | None:
        return self._place.cpu_seconds_beside()

    @property
    def load_s(self) -> float | None:
        return self._load_s

    def facts(self) -> dict[str, Any]:
        from importlib.metadata import version

        reference = self._asked.reference
        return {
            "engine": f"inspect:{provider_of(reference).name}",
            "engine_version": version("inspect-ai"),
            "runs_on": self.place(self._asked),
            **self._place.facts(),
            "clock": self._meter.method if self._meter else None,
        }

    def enforcement(self) -> list[str]:
        limits = self._asked.settings
        if limits.memory_bytes or limits.cpus or limits.gpu_index is not None:
            return ["memory, cores and GPU not enforced: the model is served elsewhere"]
        return []


def _made(asked: Assignment) -> Model:
    """The client, with what greedy decoding and an honest load time need where the provider's own
    default would be otherwise; the suite's own arguments win."""
    from inspect_ai.model import get_model

    provider = provider_of(asked.reference)
    needed = {**provider.args, **(provider.greedy_args if asked.greedy else {})}
    return get_model(
        asked.reference, base_url=asked.base_url, memoize=False, **{**needed, **asked.args}
    )


def _said(error: Exception) -> str:
    return " ".join(redact(str(getattr(error, "message", error))).split())


def _remedy(reference: str) -> str:
    variable = key_variable(reference)
    return (
        f"install its package, or set {variable} in the environment or the keyring:"
        f" keyring set distilbench {variable}"
    )

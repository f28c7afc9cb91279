"""Where a model of one of Inspect's providers works, and so what of this machine is its."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from distilbench.engines._local_server import LocalServer, NotHere
from distilbench.meter import (
    Counter,
    EnergyMeter,
    counts_all,
    find_counters,
    gpu_counters,
    has_gpus,
    known_processor,
    other_gpu,
)
from distilbench.providers import HERE, address_of, provider_of

if TYPE_CHECKING:
    from distilbench.engines._contract import Assignment

# Of the providers that ask a server which the user started, without being told where.
_USUAL = {
    "ollama": "http://localhost:11434",
    "llama-cpp-python": "http://localhost:8000",
}


class Place:
    """What is known of the processes of a served model. ``runs_on``: as the record says it."""

    def __init__(self, asked: Assignment, runs_on: str | None) -> None:
        self._asked, self._provider = asked, provider_of(asked.reference)
        self._here: LocalServer | None = None
        self._why = "its server was not asked yet"
        if runs_on != HERE:
            where = "it is not known where" if runs_on is None else f"on {runs_on}"
            self._why = f"the model runs elsewhere ({where})"
        self._is_here = runs_on == HERE
        self._base: list[Counter] = []
        self._on_gpus: dict[int, Counter] = {}
        self._reason = ""
        self._begun: tuple[float, float | None] = (0.0, None)

    def energy_meter(self, processor: str) -> EnergyMeter:
        """By the sensors of this machine, of which those are chosen at the end of a cell that its
        processes worked on; else by their CPU time, if the processor's TDP is known."""
        if not self._is_here:
            return EnergyMeter((), self._why)
        self._base, self._reason = find_counters()
        self._on_gpus = {} if counts_all(self._base) else gpu_counters()
        counters = [*self._base, *self._on_gpus.values()]
        chip = known_processor(processor)
        meter = EnergyMeter(counters, self._reason, chip, self._cpu_seconds, self._chosen)
        meter.measure_idle()
        return meter

    def before_load(self) -> None:
        """The model is about to be loaded."""
        if self._is_here and self._provider.in_process:
            self._here = LocalServer.this_process()

    def find(self, address: str | None) -> None:
        """The model is there; ``address``: which its provider asks, if it says so."""
        if not self._is_here:
            return
        try:
            if self._here is None:
                self._here = LocalServer.at(self._address(address))
            self._here.watch()
        except NotHere as error:
            self._why = str(error)

    def close(self) -> None:
        if self._here is not None:
            self._here.close()

    def begin(self) -> None:
        """A cell begins."""
        if self._here is not None:
            self._here.begin()
            self._begun = (time.monotonic(), self._here.cpu_seconds())

    def memory(self) -> tuple[int | None, str]:
        """Peak of its main memory, and how that is known or why it is not."""
        if self._here is None:
            return None, f"not available: {self._why}"
        peak, method = self._here.memory()
        doubt = self._doubt()
        return (None, f"not available: {doubt}") if doubt else (peak, method)

    def facts(self) -> dict[str, Any]:
        """What the cell record says of memory, and of others who asked the same server."""
        doubt = self._why if self._here is None else self._doubt()
        gpu: tuple[int | None, str] = (None, f"not available: {doubt}")
        if self._here is not None and not doubt:
            gpu = self._here.gpu.told()
        return {
            "memory_method": self.memory()[1],
            "peak_gpu_memory_bytes": gpu[0],
            "gpu_memory_method": gpu[1],
            "others_asked": self._here.shared if self._here else None,
        }

    def cpu_seconds_beside(self) -> float | None:
        """CPU seconds of its work in other processes than this one; null: not known."""
        if self._here is None:
            return None
        return self._cpu_seconds() if self._here.port is not None else 0.0

    def _address(self, said: str | None) -> str:
        address = said or address_of(self._asked.reference, self._asked.base_url)
        address = address or _USUAL.get(self._provider.name)
        if address is None:
            raise NotHere("its provider does not tell the address of its server")
        return address

    def _cpu_seconds(self) -> float | None:
        return self._here.cpu_seconds() if self._here else None

    def _doubt(self) -> str | None:
        """Why what its processes took since the cell began is not what the model took."""
        here = self._here
        if here is None or here.port is None:
            return None
        begun, before = self._begun
        now = here.cpu_seconds()
        used = None if now is None or before is None else now - before
        return here.passes_on(used, time.monotonic() - begun)

    def _chosen(self) -> Sequence[Counter] | str:
        """The counters of what its processes worked on, or why that is not known."""
        if self._here is None:
            return self._why
        if doubt := self._doubt():
            return doubt
        if counts_all(self._base):
            return self._base
        named, use = self._asked.settings.gpu_index, self._here.gpu.use
        if use.gpus is None and named is None and has_gpus():
            return f"on which GPU it works is not known ({use.reason}): name it in the profile"
        working = (use.gpus or frozenset()) | (frozenset() if named is None else {named})
        strange = None if working else other_gpu(self._here.tree.pids() - {os.getpid()})
        if strange:
            return f"it works on a GPU ({strange}) whose energy no library of ours reads"
        missing = sorted(working - set(self._on_gpus))
        if missing:
            return f"GPU {missing[0]}, on which it works, has no energy counter that can be read"
        return [*self._base, *(self._on_gpus[index] for index in sorted(working))]

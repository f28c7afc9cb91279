"""The lives of the engine's process: its start, and its start again after a death."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from distilbench.engines._process import EngineDied, EngineError, EngineKilled, EngineProcess
from distilbench.engines._sessions import Sessions

MOST_DEATHS = 8
"""Of the engine in one evaluation; then its questions fail at once."""
MOST_KILLS = 3
"""From outside, with no answer between; then this machine cannot run it now."""
T = TypeVar("T")
Post = tuple[str, dict[str, Any]]


@dataclass
class Lives:
    """One process after another that runs the same model.

    A process that dies of a question is started again, and so is one that was ended from outside,
    for which no question and no model is blamed. ``model``: its file's name. ``settings``: what
    each is started with. ``remember``: requests after which a new one is as the one before it was.
    """

    model: str
    sessions: Sessions
    settings: Callable[[], dict[str, Any]]
    remember: Callable[[], list[Post]]
    process: EngineProcess | None = field(init=False, default=None)
    lost: EngineKilled | None = field(init=False, default=None)
    """Why the model cannot be run here now, by no fault of its own."""
    failed: EngineError | None = field(init=False, default=None)
    """Why it did not load."""
    _deaths: int = field(init=False, default=0)
    _kills: int = field(init=False, default=0)
    _last: EngineError | None = field(init=False, default=None)
    _endless: EngineDied | None = field(init=False, default=None)

    @property
    def pid(self) -> int | None:
        process = self.process  # looked at once: another thread may ask while it is closed
        return process.pid if process else None

    def begin(self, process: EngineProcess) -> None:
        """Start the first one. Raises ``EngineKilled`` if it is ended from outside each time,
        ``EngineDied`` or ``EngineError`` if it fails; so does each later attempt, at once."""
        self.process = process  # known before it is started: it can be ended whenever that is asked
        while self.failed is None:
            try:
                return process.start(self.settings())
            except EngineKilled as error:
                self.failed = self._count_kill(error)
            except EngineDied as error:
                self.failed = error
            except EngineError as error:
                self.failed = EngineError(f"llama.cpp could not load {self.model}: {error}")
        self.close()
        raise self.failed

    def close(self) -> None:
        if self.process is not None:
            self.process.close()
            self.process = None

    def begin_cell(self) -> None:
        """Deaths of questions are counted from here."""
        self._deaths = 0

    def answered(self) -> None:
        """Deaths from outside are counted from here."""
        self._kills = 0

    def end_for(self, blamed: EngineDied) -> None:
        """End the process because nothing else ends what it does. Other questions in it are not to
        blame."""
        if self.process is not None:
            self._endless = blamed
            self.process.kill()

    async def ready(self) -> int | None:
        """The process that is asked now; waits while it is started again."""
        async with self.sessions.here.restarting:
            return self.pid

    def gone(self, error: Exception, asked: int | None) -> EngineError:
        """Why the process ``asked`` gave no answer."""
        assert self.process is not None
        if self.pid != asked and self._last is not None:  # another has been started since
            return self._last
        died = self.process.death()
        if self.process.is_running:
            return EngineError(f"no answer from llama.cpp ({error})")
        return died

    async def surely(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask what cannot be the engine's death; if it is dead, start it first."""
        deaths = 0
        while True:
            try:
                return await ask()
            except EngineKilled:
                pass
            except EngineDied as death:
                deaths += 1
                if deaths > 1 or death is self._endless:
                    raise
            await self.again()

    async def again(self) -> None:
        """Start the engine again if it is gone. Goes on if the question that wants it is given up:
        the others need it too."""
        await asyncio.shield(asyncio.ensure_future(self._again()))

    async def _again(self) -> None:
        """Each event loop has one evaluation, and ``restarting`` lets one question of it in at a
        time. Started by the thread of the event loop, with which its process ends."""
        async with self.sessions.here.restarting:
            if self.lost is not None:
                raise self.lost
            process = self.process
            if process is None or process.is_running:
                return
            died = self._last = process.death()
            blamed, self._endless = self._endless or died, None
            if isinstance(blamed, EngineDied):
                self._count_death(blamed)
            elif lost := self._count_kill(blamed):
                raise lost
            await self._start(process)
            await self.sessions.reconnect()
            for path, request in self.remember():
                await self.sessions.post(path, request)

    async def _start(self, process: EngineProcess) -> None:
        while True:
            process.stop()
            process.launch()
            try:
                return await asyncio.to_thread(process.load, self.settings())
            except EngineKilled as error:
                if lost := self._count_kill(error):
                    raise lost from error

    def _count_death(self, death: EngineDied) -> None:
        self._deaths += 1
        if self._deaths > MOST_DEATHS:
            raise EngineDied(death.failure, f"{death}, {self._deaths} times in this cell")

    def _count_kill(self, death: EngineKilled) -> EngineKilled | None:
        """Why it is not started again; null: it is."""
        self._kills += 1
        if self._kills >= MOST_KILLS:
            self.lost = EngineKilled(f"{death}, {self._kills} times with no answer between")
        return self.lost

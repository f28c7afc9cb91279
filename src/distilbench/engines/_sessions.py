"""The slots of llama.cpp's server and the connections to it, one set for each event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from distilbench.engines._process import EngineError

# llama.cpp closes an idle connection at times of its own choosing; a request sent into that
# moment is lost. A new loopback connection costs a fifth of a millisecond.
_NO_REUSE = httpx.Limits(max_keepalive_connections=0)


@dataclass(frozen=True)
class Session:
    """What belongs to one event loop: Inspect starts a new one for every evaluation."""

    client: httpx.AsyncClient
    free_slots: asyncio.Queue[int]
    collecting: asyncio.Lock
    restarting: asyncio.Lock


@dataclass
class Sessions:
    """Lends slots, and asks the server. ``address``: its URL and key at the time."""

    slots: int
    address: Callable[[], tuple[str, str]]
    _by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Session] = field(
        init=False, default_factory=WeakKeyDictionary
    )

    @property
    def here(self) -> Session:
        """That of the running loop, made at its first use."""
        loop = asyncio.get_running_loop()
        if loop not in self._by_loop:
            free: asyncio.Queue[int] = asyncio.Queue()
            for slot in range(self.slots):
                free.put_nowait(slot)
            self._by_loop[loop] = Session(self._client(), free, asyncio.Lock(), asyncio.Lock())
        return self._by_loop[loop]

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[int]:
        slots = self.here.free_slots
        slot = await slots.get()
        try:
            yield slot
        finally:
            slots.put_nowait(slot)

    @contextlib.asynccontextmanager
    async def all_slots(self) -> AsyncIterator[int]:
        """All slots, so that what happens now is no other question's doing."""
        session = self.here
        held: list[int] = []
        try:
            async with session.collecting:
                while len(held) < self.slots:
                    held.append(await session.free_slots.get())
            yield held[0]
        finally:
            for slot in held:
                session.free_slots.put_nowait(slot)

    async def completion(self, request: dict[str, Any]) -> tuple[int, bytes]:
        """Status and body of llama.cpp's reply, streamed or not."""
        async with self.here.client.stream("POST", "/completion", json=request) as reply:
            return reply.status_code, await reply.aread()

    async def post(self, path: str, request: dict[str, Any]) -> dict[str, Any]:
        reply = await self.here.client.post(path, json=request)
        if reply.status_code != 200:
            raise EngineError(f"llama.cpp answered {reply.status_code}: {reply.text[:300]}")
        return dict(reply.json())

    async def reconnect(self) -> None:
        """The engine listens on a new port after it was started again."""
        session = self.here
        await session.client.aclose()
        self._by_loop[asyncio.get_running_loop()] = replace(session, client=self._client())

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        session = self._by_loop.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.client.aclose()

    def _client(self) -> httpx.AsyncClient:
        url, key = self.address()
        return httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=None,
            trust_env=False,
            limits=_NO_REUSE,
        )

"""Several works side by side, their trainings in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing.connection import wait as wait_for
from typing import Any

from distilbench.errors import InputError
from distilbench.events import OnEvent, TrainingNamed

Work = Generator[list[Any], list[Any], Any]


@dataclass
class _Underway:
    """A work, and the results of its last list: null until they are there."""

    work: Work
    results: list[Any] = field(default_factory=list)
    left: int = 0


def side_by_side(
    works: Sequence[Work],
    do: Callable[[Any], Any],
    workers: int,
    note: Callable[[Any], None],
    on_event: OnEvent,
) -> None:
    """Bring all works to their ends. ``do`` makes the result of an order; ``note`` hears of each.

    With one worker everything is done here, one after the other; else ``do`` and its orders go to
    ``workers`` processes, which are ended if this one is interrupted.
    """
    if workers == 1:
        for work in works:
            _in_turn(work, do, note, on_event)
        return
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, context, initializer=_begin)
    try:
        _at_once(works, do, pool, note)
    except BrokenProcessPool as error:
        raise InputError(
            "a process that trains",
            "ended before its training was finished: its memory may not have been enough",
            "give fewer --workers, and run the same command on",
        ) from error
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """A Ctrl-C is for the process that started this one, which ends it. If that was killed, this
    one would wait for orders for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for([parent.sentinel])
    os._exit(1)


def _in_turn(
    work: Work, do: Callable[[Any], Any], note: Callable[[Any], None], on_event: OnEvent
) -> None:
    orders = next(work, None)
    while orders is not None:
        results = []
        for number, order in enumerate(orders, start=1):
            on_event(TrainingNamed(order.name, number, len(orders)))
            results.append(do(order))
            note(results[-1])
        orders = _sent(work, results)


def _sent(work: Work, results: list[Any]) -> list[Any] | None:
    try:
        return work.send(results)
    except StopIteration:
        return None


def _at_once(
    works: Sequence[Work],
    do: Callable[[Any], Any],
    pool: ProcessPoolExecutor,
    note: Callable[[Any], None],
) -> None:
    """All works at once: the pool takes their orders in turn."""
    waiting: dict[Future[Any], tuple[_Underway, int]] = {}

    def submit(one: _Underway, orders: list[Any] | None) -> None:
        if orders is None:
            return
        one.results, one.left = [None] * len(orders), len(orders)
        for place, order in enumerate(orders):
            waiting[pool.submit(do, order)] = one, place

    for work in works:
        submit(_Underway(work), next(work, None))
    while waiting:
        for done in wait(waiting, return_when=FIRST_COMPLETED).done:
            one, place = waiting.pop(done)
            one.results[place] = done.result()
            note(one.results[place])
            one.left -= 1
            if not one.left:
                submit(one, _sent(one.work, one.results))

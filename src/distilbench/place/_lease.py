"""Who may write to a URL: no lock of a file holds there, so the one at work leaves a lease.

``<run>/.lease/000001`` says who, and is written again every few seconds. It is made only if it is
not there, which the store decides: of two who try, one succeeds. Who finds a lease that is not
given back watches it for :data:`EXPIRES_S`; if it does not change in that time, its holder is gone
and ``000002`` is made, by one alone. The holder looks for a higher number before it writes, and
stops if there is one.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from distilbench.errors import InputError
from distilbench.place._remote import Remote

EXPIRES_S = 45.0
"""Without a sign from its holder, a lease is anybody's."""
GLANCE_S = 1.0
FOLDER = ".lease"
_CANCEL = f"{FOLDER}/cancel"


@dataclass
class Lease:
    """That of one run at work."""

    remote: Remote
    session: str
    number: int
    begun: str
    before: str | None = None
    """The session that had it before; null: there was none."""
    renewals: int = 0
    over: bool = False
    _alone: threading.Lock = field(default_factory=threading.Lock)

    def renew(self) -> bool:
        """Show that this run is alive; whether it is to stop.

        Raises ``InputError`` if another run has taken over: it believed this one gone."""
        with self._alone:  # a late sign would undo what gives it back
            return False if self.over else self._renewed()

    def _renewed(self) -> bool:
        names = _numbers(self.remote)
        if not names:
            raise TakenOver(self.remote.url, "somebody removed the run there", "run again")
        if self.number not in names or max(names) > self.number:
            raise TakenOver(
                self.remote.url,
                "another run has taken it over, since this one gave no sign for too long",
                "look at it: distilbench status",
            )
        self.renewals += 1
        self._say("at work")
        return _CANCEL in self.remote.files(FOLDER)

    def give_back(self) -> None:
        with self._alone:
            self.over = True
            self._say("over")
        old = [_name(number) for number in _numbers(self.remote) if number < self.number]
        self.remote.remove([*old, _CANCEL])

    def _say(self, state: str) -> None:
        self.remote.write(_name(self.number), self.data(state))

    def data(self, state: str) -> bytes:
        facts = {
            "state": state,
            "session": self.session,
            "host": socket.gethostname(),
            "begun": self.begun,
            "renewals": self.renewals,
        }
        return json.dumps(facts).encode()


class TakenOver(InputError):
    """The lease is another's."""


def take(remote: Remote, session: str, mine: Sequence[str], note: Callable[[str], object]) -> Lease:
    """The lease of a run. ``mine``: sessions that were on this machine and are known to be over;
    ``note`` is told if another's has to be watched.

    Raises ``InputError`` if another run is at work."""
    for _ in range(3):  # each time, another was faster
        numbers = _numbers(remote)
        number = max(numbers, default=0)
        before = _wait_until_over(remote, number, mine, note) if number else None
        begun = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        lease = Lease(remote, session, number + 1, begun, before)
        if remote.create(_name(lease.number), lease.data("at work")):
            time.sleep(min(GLANCE_S, 0.2))
            if _facts(remote.read(_name(lease.number))).get("session") == session:
                remote.remove([_CANCEL])
                return lease
    raise InputError(remote.url, "another run has just begun in it", "wait for it, or stop it")


def holder(remote: Remote) -> dict[str, Any]:
    """What the newest lease says: ``state``, ``host``, ``begun``, ``session``; empty: there is
    none."""
    number = max(_numbers(remote), default=0)
    return _facts(remote.read(_name(number))) if number else {}


def gives_a_sign(remote: Remote, within_s: float) -> bool:
    """Whether the lease changes while it is watched: by no clock but this process's own."""
    number, until = max(_numbers(remote), default=0), time.monotonic() + within_s
    before = remote.read(_name(number))
    while time.monotonic() < until:
        time.sleep(GLANCE_S)
        if max(_numbers(remote), default=0) != number:
            return True
        now = remote.read(_name(number))
        if now != before:
            return _facts(now).get("state") == "at work"
    return False


def ask_to_stop(remote: Remote) -> None:
    remote.write(_CANCEL, b"{}")


def _wait_until_over(
    remote: Remote, number: int, mine: Sequence[str], note: Callable[[str], object]
) -> str:
    """Its session."""
    facts = _facts(remote.read(_name(number)))
    session = str(facts.get("session"))
    if facts.get("state") == "over" or session in mine:
        return session
    who = f"on {facts['host']}, since {facts['begun']}" if "host" in facts else "elsewhere"
    note(f"a run was at work there ({who}): waiting up to {EXPIRES_S:.0f} s for a sign of it")
    if gives_a_sign(remote, EXPIRES_S):
        raise InputError(
            remote.url,
            f"another run is at work in it ({who})",
            f"wait for it, or: distilbench cancel {remote.url}",
        )
    return session


def _numbers(remote: Remote) -> list[int]:
    names = (name.rpartition("/")[2] for name in remote.files(FOLDER))
    return [int(name) for name in names if name.isdigit()]


def _name(number: int) -> str:
    return f"{FOLDER}/{number:06}"


def _facts(data: bytes | None) -> dict[str, Any]:
    try:
        found = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

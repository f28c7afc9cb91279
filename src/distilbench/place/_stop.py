"""Whether a run is at work somewhere, and how it is stopped from elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass

from distilbench.errors import InputError
from distilbench.place import _lease, _presence
from distilbench.place._place import Place
from distilbench.place._remote import Remote

SIGN_S = 12.0
"""One at work renews its lease more often than this, unless a file takes longer to send."""
STOPS_WITHIN_S = 90.0
"""A worker that is deep in a library is killed after seconds; what was measured is then sent."""


@dataclass(frozen=True)
class At:
    """Who is at work in a run directory, or was last."""

    state: str
    """``at work``, ``idle``, ``killed`` (its driver left no word) or ``no sign`` (its driver is on
    another machine, and gave none while it was watched)."""
    host: str | None = None
    begun: str | None = None
    pid: int | None = None
    """Of a local folder."""

    @property
    def sentence(self) -> str:
        where = f" on {self.host}" if self.host else ""
        since = f", since {self.begun}" if self.begun else ""
        pid = f" (process {self.pid})" if self.pid else ""
        return {
            "at work": f"a run is at work{where}{pid}{since}",
            "idle": "no run is at work",
            "killed": f"the run{where}{since} was killed: the same command goes on from there",
            "no sign": f"the run{where}{pid}{since} gives no sign: killed, or out of reach",
        }[self.state]


def who_is_at_work(place: Place, watch_s: float = SIGN_S) -> At:
    """Of a URL whose lease is not given back, look for so long whether its holder still lives; with
    0, such a one is ``at work``."""
    if place.url is None:
        driver = _presence.driver_of(place.path)
        if driver is None:
            return At("idle")
        return At(driver.state, driver.host, driver.begun, driver.pid)
    remote = Remote(place.url)
    facts = _lease.holder(remote)
    if facts.get("state") != "at work":
        return At("idle")
    lives = watch_s == 0 or _lease.gives_a_sign(remote, watch_s)
    return At("at work" if lives else "no sign", facts.get("host"), facts.get("begun"))


def cancel(place: Place) -> At:
    """Ask the run that is at work to stop, as Ctrl-C does, and wait until it has; returns who was
    at work. One that gives no sign is asked too, should it come back, and not waited for. Raises
    ``InputError`` if it has not stopped in time."""
    was = who_is_at_work(place)
    if was.state in ("idle", "killed"):
        return was
    if place.url is None:
        _presence.ask_to_stop(place.path)
    else:
        _lease.ask_to_stop(Remote(place.url))
    until = time.monotonic() + STOPS_WITHIN_S
    while was.state == "at work" and time.monotonic() < until:
        time.sleep(_presence.GLANCE_S / 2)
        if who_is_at_work(place, watch_s=0).state in ("idle", "killed"):
            return was
    if was.state == "no sign":
        return was
    who = f"kill {was.pid} on {was.host}" if was.pid else f"look at {was.host}"
    raise InputError(str(place), f"has not stopped within {STOPS_WITHIN_S:.0f} s", who)

"""What is wanted: a task, the memory it must run in, the money there is to make it."""

from __future__ import annotations

from dataclasses import dataclass

from distilbench.catalog import Accelerator
from distilbench.compute import Input as Given
from distilbench.compute import Quantity, Site, assumed, default_site, known
from distilbench.errors import InputError

_RENTED = {"h100-sxm": (2.5, 1.5, 4.0), "h100-pcie": (2.4, 1.5, 3.5), "a100-80gb": (1.6, 1.0, 2.5)}
"""US dollars an hour (central, low, high): our assumption of what renting one takes."""


@dataclass(frozen=True)
class Wish:
    """``benchmark`` is a key of the catalog's; ``memory_bytes`` is what the engine may take, with
    ``context`` tokens for each of ``slots`` questions; ``usd`` pays for ``accelerator``-hours at
    ``usd_per_hour``."""

    benchmark: str
    memory_bytes: int
    usd: float
    accelerator: Accelerator
    usd_per_hour: Quantity
    context: int = 2048
    slots: int = 1

    def __post_init__(self) -> None:
        if self.memory_bytes < 1:
            raise InputError("memory", f"is {self.memory_bytes}", "give a number of bytes above 0")
        if not 0 <= self.usd <= 1e12:
            raise InputError("usd", f"is {self.usd}", "give an amount of 0 to 1e12 US dollars")

    @property
    def site(self) -> Site:
        """Where it is rented; of its electricity nothing is asked."""
        return default_site(usd_per_hour=self.usd_per_hour)

    @property
    def budget(self) -> Quantity:
        """The money, as a figure of the formulas."""
        given = Given("budget", self.usd, self.usd, self.usd, "derived", "asked for", None)
        return known(given)


def price_of_an_hour(accelerator: str, usd_per_hour: float | None) -> Quantity:
    """The price that is given, else our assumption for a rented one. Raises ``InputError`` where
    there is none."""
    name = f"price of an hour of {accelerator}"
    if usd_per_hour is not None:
        return known(
            Given(name, usd_per_hour, usd_per_hour, usd_per_hour, "derived", "given", None)
        )
    if accelerator not in _RENTED:
        known_ones = ", ".join(_RENTED)
        raise InputError(
            f"--accelerator {accelerator}",
            f"no price of an hour is assumed for it (only for {known_ones})",
            "give --usd-per-hour",
        )
    central, low, high = _RENTED[accelerator]
    return assumed(
        name, central, low, high, because="what renting one takes; --usd-per-hour is yours"
    )

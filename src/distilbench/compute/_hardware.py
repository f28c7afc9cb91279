"""FLOPs, accelerator-hours, energy, CO2 equivalent and money, into each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from distilbench.catalog import Figure
from distilbench.compute._quantity import Quantity, assumed, from_figure
from distilbench.errors import InputError, use_one_of

Number = TypeVar("Number", float, Quantity)
JOULES_PER_KWH = 3.6e6


class Accelerator(Protocol):
    """What is needed of an entry of the catalog's ``accelerators.yaml``."""

    @property
    def name(self) -> str: ...
    @property
    def peak_bf16_flops(self) -> Figure | None: ...
    @property
    def power_w(self) -> Figure | None: ...


@dataclass(frozen=True)
class Region:
    """Carbon intensity of a grid's electricity, grams of CO2 equivalent per kWh, yearly mean."""

    name: str
    g_co2e_per_kwh: float
    year: int
    source: str
    url: str
    how: str


_EMBER = "Ember, Yearly Electricity Data (lifecycle), as tabled by Our World in Data"
_EMBER_URL = "https://ourworldindata.org/grapher/carbon-intensity-electricity?tab=table"
_STATISTA_URL = (
    "https://www.statista.com/statistics/943137/global-emissions-intensity-power-sector-by-country/"
)
_EIA_URL = "https://www.eia.gov/tools/faqs/faq.php?id=74&t=3"

REGIONS: dict[str, Region] = {
    "world": Region("World", 481, 2023, "Ember, cited by Statista", _STATISTA_URL, "published"),
    "us": Region(
        "United States",
        366,
        2023,
        "US Energy Information Administration, FAQ 74",
        _EIA_URL,
        "derived: 1,532 Mt CO2 / 4,183,271 GWh; CO2 of generation only, no other gases",
    ),
    "norway": Region("Norway", 30, 2023, "Ember, cited by Statista", _STATISTA_URL, "published"),
    "france": Region("France", 56, 2023, _EMBER, _EMBER_URL, "published"),
    "finland": Region("Finland", 79, 2023, _EMBER, _EMBER_URL, "published"),
    "belgium": Region("Belgium", 138, 2023, _EMBER, _EMBER_URL, "published"),
    "denmark": Region("Denmark", 152, 2023, _EMBER, _EMBER_URL, "published"),
    "germany": Region("Germany", 381, 2023, _EMBER, _EMBER_URL, "published"),
    "brazil": Region("Brazil", 98, 2023, _EMBER, _EMBER_URL, "published"),
    "canada": Region("Canada", 170, 2023, _EMBER, _EMBER_URL, "published"),
    "ireland": Region("Ireland", 291, 2023, _EMBER, _EMBER_URL, "published"),
    "china": Region("China", 582, 2023, _EMBER, _EMBER_URL, "published"),
    "india": Region("India", 713, 2023, "Ember, cited by Statista", _STATISTA_URL, "published"),
}
"""Carbon intensities, checked against stored copies of the named pages in November 2026."""


@dataclass(frozen=True)
class Site:
    """Where the accelerators stand: what is paid for an hour, and what comes with it.

    ``pue`` is the power of the whole site over that of its computers (power usage effectiveness).
    ``usd_per_hour`` is the price of one accelerator-hour; None: money is not computed.
    """

    region: Region
    pue: Quantity
    usd_per_hour: float | Quantity | None = None


@dataclass(frozen=True)
class Footprint:
    """Work and what it takes. ``cost_usd`` is None where the site has no price."""

    flops: Quantity
    accelerator_hours: Quantity
    energy_kwh: Quantity
    co2e_kg: Quantity
    cost_usd: Quantity | None

    def __add__(self, other: Footprint) -> Footprint:
        money = None
        if self.cost_usd is not None and other.cost_usd is not None:
            money = self.cost_usd + other.cost_usd
        return Footprint(
            flops=self.flops + other.flops,
            accelerator_hours=self.accelerator_hours + other.accelerator_hours,
            energy_kwh=self.energy_kwh + other.energy_kwh,
            co2e_kg=self.co2e_kg + other.co2e_kg,
            cost_usd=money,
        )


def default_site(region: str = "world", usd_per_hour: float | Quantity | None = None) -> Site:
    """A site in ``region`` (a key of :data:`REGIONS`) with a power usage effectiveness of
    1.07 to 1.58, central 1.2."""
    if region not in REGIONS:
        raise InputError("region", f"{region!r} is not known", use_one_of(region, sorted(REGIONS)))
    return Site(
        region=REGIONS[region],
        pue=assumed(
            "site: power usage effectiveness",
            1.2,
            1.07,
            1.58,
            because="large operators report 1.07 to 1.2; Uptime Institute's survey mean is 1.58"
            " for 2023",
        ),
        usd_per_hour=usd_per_hour,
    )


def training_utilisation(name: str) -> Quantity:
    """Share of the peak rate that training reached, where no report says it."""
    return assumed(
        f"{name}: training utilisation",
        0.40,
        0.21,
        0.46,
        because="published model FLOPs utilisations: GPT-3 0.213 and PaLM 0.462 (arXiv 2204.02311,"
        " table 3), Llama 3 405B 0.38 to 0.43 (arXiv 2407.21783, table 4)",
    )


def generation_utilisation(name: str) -> Quantity:
    """Share of the peak rate that a serving engine reaches when it samples tokens."""
    return assumed(
        f"{name}: generation utilisation",
        0.10,
        0.02,
        0.20,
        because="DeepSeek-V3/R1 serve 14,800 output tokens/s on a node of 8 H800: 2 x 37e9 x 14,800"
        " / (8 x 989e12) = 0.14 on decoding nodes; small batches reach far less",
    )


def accelerator_hours(flops: Number, peak_flops: Number, utilisation: Number) -> Number:
    """Hours of one accelerator: FLOPs / (peak FLOP/s x utilisation x 3600 s).

    >>> accelerator_hours(3.6e21, peak_flops=1e15, utilisation=0.4)
    2500.0
    """
    _share(utilisation)
    return flops / (peak_flops * utilisation * 3600.0)


def flops_of_hours(hours: Number, peak_flops: Number, utilisation: Number) -> Number:
    """FLOPs done in accelerator-hours: the inverse of :func:`accelerator_hours`.

    >>> flops_of_hours(2500.0, peak_flops=1e15, utilisation=0.4)
    3.6e+21
    """
    _share(utilisation)
    return hours * 3600.0 * peak_flops * utilisation


def energy_kwh(hours: Number, power_w: Number, pue: Number) -> Number:
    """Energy of the site in kWh: accelerator-hours x board power x PUE.

    Board power is the thermal design power, an upper bound of what the accelerator draws; hosts
    and network are not counted apart from the PUE.

    >>> energy_kwh(hours=1000.0, power_w=700.0, pue=1.5)
    1050.0
    """
    return hours * power_w * pue / 1000.0


def kwh_to_joules(energy: float) -> float:
    return energy * JOULES_PER_KWH


def joules_to_kwh(energy_j: float) -> float:
    return energy_j / JOULES_PER_KWH


def co2e_kg(energy: Number, region: Region) -> Number:
    """Kilograms of CO2 equivalent of ``energy`` kWh in a region."""
    return energy * (region.g_co2e_per_kwh / 1000.0)


def footprint(
    flops: Quantity, accelerator: Accelerator, site: Site, utilisation: Quantity
) -> Footprint:
    """What work of ``flops`` takes on named hardware at a site.

    Raises ``InputError`` where the accelerator's peak rate or power is not known.
    """
    if accelerator.peak_bf16_flops is None:
        raise InputError(accelerator.name, "has no peak rate", "complete accelerators.yaml")
    peak = from_figure(accelerator.peak_bf16_flops, f"{accelerator.name}: peak_bf16_flops")
    hours = accelerator_hours(flops, peak, utilisation)
    return footprint_of_hours(flops, hours, accelerator, site)


def footprint_of_hours(
    flops: Quantity, hours: Quantity, accelerator: Accelerator, site: Site
) -> Footprint:
    """The same from accelerator-hours, where a report states them."""
    if accelerator.power_w is None:
        raise InputError(accelerator.name, "has no power", "complete accelerators.yaml")
    power = from_figure(accelerator.power_w, f"{accelerator.name}: power_w")
    energy = energy_kwh(hours, power, site.pue)
    return Footprint(
        flops=flops,
        accelerator_hours=hours,
        energy_kwh=energy,
        co2e_kg=co2e_kg(energy, site.region),
        cost_usd=None if site.usd_per_hour is None else hours * site.usd_per_hour,
    )


def _share(utilisation: float | Quantity) -> None:
    value = utilisation.central if isinstance(utilisation, Quantity) else utilisation
    if not 0 < value <= 1:
        raise InputError("utilisation", f"is {value}", "give a share above 0 and up to 1")

"""What a remote API's answer may have taken, by EcoLogits: an estimate, and no measurement.

EcoLogits (https://ecologits.ai, "Methodology") takes the model's parameters, published or guessed,
the energy of a token on a server of H100 GPUs that answers 64 requests at once, and the data
centre's overhead (PUE). It has the least and the most where parameters or PUE are a range.
"""

from __future__ import annotations

import logging
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from distilbench.errors import InputError

ECOLOGITS = "ecologits"
_J_PER_KWH = 3.6e6
_G_PER_KG = 1e3
# Of whose API it has models, by the company that ``runs_on`` names: its own names.
_PROVIDERS = {
    "OpenAI": "openai",
    "Anthropic": "anthropic",
    "Google": "google_genai",
    "Mistral AI": "mistralai",
    "Hugging Face": "huggingface_hub",
}


class ApiEnergy(BaseModel):
    """How the energy of a remote API's answers is estimated, or why it is not. Data only: it is
    kept with the plan, so that records can be made again."""

    model_config = ConfigDict(frozen=True)

    provider: str = ""
    model: str = ""
    zone: str = ""
    """Of the electricity, as ISO 3166-1 alpha-3; WOR: the world."""
    method: str
    """In words: the package, its version and assumptions; or that it is not available, and why."""

    @property
    def is_known(self) -> bool:
        return bool(self.provider)


class ApiImpact(NamedTuple):
    """Least and most joules of an answer, and grams of CO2e of its electricity (that of making the
    servers is not in them, as it is in no other figure here)."""

    energy_low_j: float
    energy_high_j: float
    co2e_low_g: float
    co2e_high_g: float


def check_api_energy(zone: str | None, where: str) -> None:
    """Raise ``InputError`` naming the field of the profile ``where`` if EcoLogits is not installed
    or knows no such zone."""
    if find_spec(ECOLOGITS) is None:
        remedy = "pip install 'distilbench[ecologits]'"
        raise InputError(f"{where}.api_energy'", "asks for EcoLogits, not installed", remedy)
    _quiet()
    from ecologits.electricity_mix_repository import electricity_mixes

    if zone is not None and electricity_mixes.find_electricity_mix(zone=zone) is None:
        raise InputError(
            f"{where}.electricity_mix_zone'",
            f"EcoLogits knows no electricity of {zone!r}",
            "give a country as ISO 3166-1 alpha-3, as FRA, or WOR for the world; or leave it out",
        )


def api_energy(reference: str, runs_on: str | None, zone: str | None) -> ApiEnergy:
    """How the answers of ``provider/model`` at ``runs_on`` (a company) are estimated. ``zone``
    null: where EcoLogits takes the provider's data centres to be."""
    provider, model = _PROVIDERS.get(runs_on or ""), reference.partition("/")[2]
    if provider is None:
        whose = f"{runs_on}" if runs_on else "a provider of which it is not known where it runs"
        return ApiEnergy(method=f"not available: EcoLogits has no models of {whose}")
    _quiet()
    from ecologits.tracers.utils import PROVIDER_CONFIG_MAP, llm_impacts

    known = PROVIDER_CONFIG_MAP[provider]
    place = zone or known.datacenter_location or "WOR"
    tried = llm_impacts(provider, model, 1, 1.0, place)
    if tried.energy is None:
        unknown = f"EcoLogits {version(ECOLOGITS)} does not know {model!r} of {runs_on}"
        return ApiEnergy(method=f"not available: {unknown}")
    doubts = "".join(f"; {w.message.rstrip('.')}" for w in tried.warnings or ())
    whose = "as the profile says" if zone else f"its own for {runs_on}"
    method = (
        f"estimated by EcoLogits {version(ECOLOGITS)} from output tokens and seconds: electricity"
        f" {place} ({whose}), PUE {_range(known.datacenter_pue)}, 64 requests at once{doubts}"
    )
    return ApiEnergy(provider=provider, model=model, zone=place, method=method)


def api_impact(
    asked: ApiEnergy, output_tokens: int | None, seconds: float | None, calls: int = 1
) -> ApiImpact | None:
    """The estimate of one question; null: its tokens or seconds are not known, or EcoLogits is not
    installed where a run of another machine is read. Of several calls, each is taken for a share
    of the tokens and seconds as large as the others'."""
    if not asked.is_known or output_tokens is None or seconds is None or not find_spec(ECOLOGITS):
        return None
    _quiet()
    from ecologits.tracers.utils import llm_impacts

    count = max(calls, 1)
    # The count of tokens is a factor: a share of them need not be whole.
    share: Any = output_tokens / count
    found = llm_impacts(asked.provider, asked.model, share, seconds / count, asked.zone)
    if found.energy is None or found.usage is None or found.usage.gwp is None:
        return None  # a version that no longer knows the model
    joules = [kwh * _J_PER_KWH * count for kwh in _ends(found.energy.value)]
    grams = [kg * _G_PER_KG * count for kg in _ends(found.usage.gwp.value)]
    return ApiImpact(joules[0], joules[1], grams[0], grams[1])


def _ends(value: Any) -> tuple[float, float]:
    """Least and most of EcoLogits' number or range."""
    return float(getattr(value, "min", value)), float(getattr(value, "max", value))


def _range(value: Any) -> str:
    low, high = _ends(value)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _quiet() -> None:
    """Import it without what that does to others' logs; what it warns of is in ``method``."""
    kind = logging.getLoggerClass()
    try:
        import ecologits.log
    finally:
        logging.setLoggerClass(kind)
    ecologits.log.logger.setLevel(logging.ERROR)

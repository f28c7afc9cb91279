"""Which cells of a plan get an estimate of what a remote API takes."""

from __future__ import annotations

from distilbench.meter import ApiEnergy, api_energy, check_api_energy
from distilbench.providers import HERE
from distilbench.suite import Model, Profile, Suite


def check_estimates(suite: Suite, suite_file: str) -> None:
    """Raise ``InputError`` naming the profile whose estimate cannot be made."""
    for index, profile in enumerate(suite.profiles):
        if profile.api_energy:
            where = f"{suite_file}: field 'profiles[{index}]"
            check_api_energy(profile.electricity_mix_zone, where)


def estimate_of(model: Model, reference: str, profile: Profile) -> ApiEnergy | None:
    """How the answers of a model under a profile are estimated, or why not; null: it was not asked
    for, or the model runs on this machine, where it is metered."""
    place = model.source.runs_on(model.base_url)
    if profile.api_energy is None or place == HERE:
        return None
    return api_energy(reference, place, profile.electricity_mix_zone)

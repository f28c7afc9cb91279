"""What remote APIs take, by EcoLogits: an estimate with its range, that is mixed with nothing. The
package is stood in for by one of round numbers; where it is installed, it answers itself too."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import polars as pl
import pytest

from distilbench.claims import choice_facts
from distilbench.cli._recommend import _row
from distilbench.errors import InputError
from distilbench.meter import ApiEnergy, _api_energy, api_energy, api_impact
from distilbench.report import recommendation_sentences
from distilbench.report.run._data import read_run
from distilbench.report.run._energy import energy
from distilbench.runner import collect, load_cells, plan
from distilbench.runner._identity import said, stated
from distilbench.runner._run import _write_run_facts
from distilbench.stats import Facts, Requirements, api_ranges, recommend
from distilbench.suite import read_suite
from tests.made_run import Answer, make
from tests.test_stats_recommend import run_of

real = pytest.mark.skipif(find_spec("ecologits") is None, reason="EcoLogits is not installed")


def _impacts(provider: str, model: str, tokens: float, seconds: float, zone: str) -> Any:
    """1e-6 to 3e-6 kWh a token, and as much a second; 0.5 kg of CO2e a kWh."""
    if model != "gpt-4o":
        return SimpleNamespace(energy=None, usage=None, warnings=None)
    low, high = 1e-6 * (tokens + seconds), 3e-6 * (tokens + seconds)
    both = SimpleNamespace(min=low, max=high)
    grams = SimpleNamespace(min=low / 2, max=high / 2)
    return SimpleNamespace(
        energy=SimpleNamespace(value=both),
        usage=SimpleNamespace(gwp=SimpleNamespace(value=grams)),
        warnings=[SimpleNamespace(message="The model architecture has not been released.")],
    )


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    modules: dict[str, dict[str, Any]] = {
        "ecologits": {},
        "ecologits.log": {"logger": logging.getLogger("a stand-in for EcoLogits")},
        "ecologits.tracers": {},
        "ecologits.tracers.utils": {
            "llm_impacts": _impacts,
            "PROVIDER_CONFIG_MAP": {
                "openai": SimpleNamespace(datacenter_location="USA", datacenter_pue=1.2)
            },
        },
        "ecologits.electricity_mix_repository": {
            "electricity_mixes": SimpleNamespace(
                find_electricity_mix=lambda zone: zone if zone in ("FRA", "USA") else None
            )
        },
    }
    for name, holds in modules.items():
        module = ModuleType(name)
        vars(module).update(holds)
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)
    monkeypatch.setattr(_api_energy, "find_spec", lambda name: name)
    monkeypatch.setattr(_api_energy, "version", lambda name: "0.11.3")


def planned(source: str = "inspect:openai/gpt-4o", url: str | None = None, **profile: Any):
    suite = read_suite(
        {
            "name": "s",
            "models": [{"source": source, "name": "m", **({"base_url": url} if url else {})}],
            "tasks": [{"reasoning_gym": "basic_arithmetic"}],
            "profiles": [profile],
        }
    ).suite
    (cell,) = plan(suite, Path(), "s.yaml")
    return cell


@pytest.mark.usefixtures("stub")
def test_kilowatt_hours_become_joules_with_their_range() -> None:
    asked = api_energy("openai/gpt-4o", "OpenAI", None)
    found = api_impact(asked, 8, 2.0)
    # 10 x 1e-6 kWh of 3.6e6 J; at 0.5 kg a kWh.
    assert found == pytest.approx((36.0, 108.0, 0.005, 0.015))
    assert api_impact(asked, 8, 2.0, calls=4) == pytest.approx(found)  # the stub is linear
    assert api_impact(asked, None, 2.0) is None
    assert api_impact(asked, 8, None) is None
    assert asked.method == (
        "estimated by EcoLogits 0.11.3 from output tokens and seconds: electricity USA (its own for"
        " OpenAI), PUE 1.2, 64 requests at once; The model architecture has not been released"
    )
    assert (
        "electricity FRA (as the profile says)"
        in api_energy("openai/gpt-4o", "OpenAI", "FRA").method
    )


@pytest.mark.usefixtures("stub")
@pytest.mark.parametrize(
    ("reference", "place", "why"),
    [
        ("openai/gpt-99", "OpenAI", "EcoLogits 0.11.3 does not know 'gpt-99' of OpenAI"),
        ("groq/llama", "Groq", "EcoLogits has no models of Groq"),
        ("openai/azure/gpt-4o", "Azure AI", "EcoLogits has no models of Azure AI"),
        ("openai-api/x/gpt-4o", "a server", "EcoLogits has no models of a server"),
        (
            "litellm-proxy/gpt-4o", None,
            "EcoLogits has no models of a provider of which it is not known where it runs",
        ),
    ],
)  # fmt: skip
def test_what_it_does_not_know_is_not_available(reference: str, place: str, why: str) -> None:
    asked = api_energy(reference, place, None)
    assert asked.method == f"not available: {why}"
    assert api_impact(asked, 8, 2.0) is None


@pytest.mark.usefixtures("stub")
def test_a_profile_asks_for_it_and_what_runs_here_is_metered(monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    asked = planned(api_energy="ecologits", electricity_mix_zone="FRA")
    assert asked.api_energy is not None
    assert asked.api_energy.zone == "FRA"
    plain = planned()
    assert plain.api_energy is None
    assert plain.name == asked.name  # it sets no result: nothing is asked anew
    assert said(plain)["api_energy_method"] is None
    assert said(asked)["api_energy_method"] == asked.api_energy.method
    assert stated(plain) != stated(asked)  # and so its records are derived again
    here = planned(url="http://127.0.0.1:8000/v1", api_energy="ecologits")
    assert here.api_energy is None
    other = planned(url="http://gpu.example:8000/v1", api_energy="ecologits")
    assert other.api_energy == ApiEnergy(
        method="not available: EcoLogits has no models of a server"
    )


def test_what_cannot_be_estimated_is_refused(monkeypatch: Any, request: Any) -> None:
    monkeypatch.setattr(_api_energy, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"profiles\[0\].api_energy'.*distilbench\[ecologits\]"):
        planned(api_energy="ecologits")
    request.getfixturevalue("stub")
    with pytest.raises(InputError, match=r"electricity_mix_zone'.* no electricity of 'France'"):
        planned(api_energy="ecologits", electricity_mix_zone="France")
    with pytest.raises(InputError, match="add api_energy: ecologits"):
        planned(electricity_mix_zone="FRA")


@pytest.fixture
def remote(stub: None, tmp_path: Path) -> Path:
    """A run of two models, of which the records of one are derived with an estimate: 3 tokens and a
    second a question, one of two right."""
    run = make(
        tmp_path,
        {
            ("api", "sums"): [Answer("2", True), Answer("3", False)],
            ("mine", "sums"): [Answer("2", True), Answer("4", True)],
        },
    )
    asked = api_energy("openai/gpt-4o", "OpenAI", None)
    cells = [
        cell.model_copy(update={"api_energy": asked}) if cell.model.name == "api" else cell
        for cell in load_cells(run)
    ]
    _write_run_facts(run, "made", cells, (0,))
    collect(run, cells)
    return run


def test_records_and_report_hold_the_range_as_an_estimate(remote: Path) -> None:
    samples = pl.read_parquet(remote / "samples.parquet")
    api = samples.filter(pl.col("model") == "api")
    assert api["api_energy_low_j"].to_list() == pytest.approx([14.4, 14.4])
    assert api["api_energy_high_j"].to_list() == pytest.approx([43.2, 43.2])
    assert api["api_co2e_high_g"].to_list() == pytest.approx([0.006, 0.006])
    assert api["energy_j"].null_count() == 2  # nothing that could be added to what is measured
    assert samples.filter(pl.col("model") == "mine")["api_energy_low_j"].null_count() == 2
    method = pl.read_parquet(remote / "cells.parquet").filter(pl.col("model") == "api")
    assert method["api_energy_method"].item().startswith("estimated by EcoLogits 0.11.3")

    data = read_run(remote)
    (found,) = api_ranges(data.used).items()
    assert found[0] == "api"
    assert found[1][:2] == pytest.approx((14.4, 43.2))
    assert (found[1].correct_low_j, found[1].correct_high_j) == pytest.approx((28.8, 86.4))
    table = energy(data).blocks[1]
    assert [getattr(one, "text", one) for one in table.rows[0]][:4] == [
        "api", "14.4 to 43.2", "28.8 to 86.4", "0.002 to 0.006",
    ]  # fmt: skip
    facts = choice_facts(data.used, data.cells, data.catalog)
    assert facts["api"]["co2e_g_high"] == pytest.approx(0.006)
    assert "energy_j_low" not in facts["mine"]
    other = choice_facts(data.used, data.cells, data.catalog, g_co2e_per_kwh=100.0)
    assert other["api"]["co2e_g_high"] == pytest.approx(43.2 / 3.6e6 * 100)
    assert table.caption == "Remote APIs: estimated, not measured"


def test_a_mean_without_some_answers_is_no_range_to_choose_by(remote: Path) -> None:
    data = read_run(remote)
    first = pl.col("sample_id") == data.used["sample_id"].min()
    holes = data.used.with_columns(
        pl.when(first).then(None).otherwise(pl.col(name)).alias(name)
        for name in data.used.columns
        if name.startswith("api_")
    )
    (found,) = api_ranges(holes).values()
    assert found.unknown == 1
    assert found.correct_low_j is None
    assert "energy_j_low" not in choice_facts(holes, data.cells, data.catalog)["api"]


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        (50.0, None),
        (43.2, None),
        (
            14.4,
            "energy of a question is not known to be within 14.4 J: 14.4 J to 43.2 J (estimated)",
        ),
        (10.0, "energy of a question 14.4 J to 43.2 J (estimated) > 10 J"),
    ],
)  # fmt: skip
def test_a_limit_is_decided_by_both_ends(limit: float, why: str | None) -> None:
    samples, cells = run_of({"api": [1.0, 0.0], "mine": [1.0, 0.0]})
    samples = samples.with_columns(
        energy_j=pl.when(pl.col("entry") == "mine").then(5.0).otherwise(None)
    )
    facts: Facts = {"api": {"energy_j_low": 14.4, "energy_j_high": 43.2}}
    found = recommend(samples, cells, Requirements(energy_j=limit), draws=50, facts=facts)
    reasons = {one.entry: "; ".join(one.reasons) for one in found.fallen_out}
    assert reasons.get("api") == why
    if why is None:
        (api,) = (one for one in found.candidates if one.entry == "api")
        assert _row(api, "")["J"] == "~14.4 to 43.2"
        assert "no measurement" in recommendation_sentences(found)[-1]
        assert _row(replace(api, energy_j_low=43.2), "")["J"] == "~43.2"


def test_an_estimate_is_ranked_against_nothing() -> None:
    samples, cells = run_of({"api": [1.0, 1.0], "mine": [1.0, 0.0]})
    samples = samples.with_columns(
        energy_j=pl.when(pl.col("entry") == "mine").then(500.0).otherwise(None)
    )
    facts: Facts = {"api": {"energy_j_low": 1.0, "energy_j_high": 2.0}}
    found = recommend(
        samples, cells, Requirements(), draws=50, facts=facts, weights={"energy": 1.0}
    )
    assert found.best is not None
    assert found.best.entry == "mine"
    (out,) = found.fallen_out
    assert out.reasons == (
        "energy of a question is not available (1 J to 2 J (estimated) by EcoLogits, which is not"
        " ranked against what is measured)",
    )


@real
def test_the_package_itself() -> None:
    """Of a model without a range (Mistral publishes sizes) and one with; the least of latency and
    of what EcoLogits takes decoding for."""
    kind = logging.getLoggerClass()
    gpt = api_energy("openai/gpt-4o", "OpenAI", None)
    assert "electricity USA (its own for OpenAI), PUE 1.2" in gpt.method
    assert "has not been released" in gpt.method
    found = api_impact(gpt, 200, 5.0)
    assert found is not None
    # Its answer of 2026-11: 2.932e-4 to 4.857e-4 kWh, 1.127e-4 to 1.867e-4 kg.
    assert found == pytest.approx((1055.7, 1748.4, 0.11273, 0.18669), rel=1e-3)
    slow = api_impact(gpt, 200, 500.0)
    assert slow == found
    fast = api_impact(gpt, 200, 0.5)
    assert fast is not None
    assert fast.energy_high_j < found.energy_high_j
    mistral = api_energy("mistral/mistral-small-latest", "Mistral AI", "FRA")
    point = api_impact(mistral, 200, 5.0)
    assert point is not None
    assert point.energy_low_j == point.energy_high_j > 0
    assert "does not know 'gpt-99'" in api_energy("openai/gpt-99", "OpenAI", None).method
    assert logging.getLoggerClass() is kind
    with pytest.raises(InputError, match="knows no electricity of 'EU'"):
        _api_energy.check_api_energy("EU", "s.yaml: field 'profiles[0]")

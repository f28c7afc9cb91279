"""Training FLOPs, hardware conversions and the validation table."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distilbench.architecture import ModelShape
from distilbench.catalog import Card, Figure
from distilbench.compute import (
    REGIONS,
    Quantity,
    Unavailable,
    accelerator_hours,
    active_parameters,
    assumed,
    co2e_kg,
    default_site,
    energy_kwh,
    flops_of_hours,
    footprint,
    footprint_of_hours,
    interval,
    joules_to_kwh,
    kwh_to_joules,
    training_estimates,
    training_flops,
    training_flops_6nd,
    training_flops_exact,
    validation_table,
)
from distilbench.errors import InputError

LLAMA_8B_FIELDS = {
    "hidden": 4096, "heads": 32, "kv_heads": 8, "head_dim": 128, "ffn": 14336, "vocab": 128256,
}  # fmt: skip
LLAMA_8B = ModelShape.plain(**LLAMA_8B_FIELDS, layers=32)
DEEPSEEK_V3 = ModelShape.plain(
    layers=61,
    hidden=7168,
    heads=128,
    kv_heads=128,
    head_dim=128,
    value_dim=128,
    ffn=18432,
    vocab=129280,
    experts=256,
    experts_per_token=8,
    shared_experts=1,
    expert_ffn=2048,
    dense_layers=3,
    query_lora=1536,
    kv_lora=512,
    rope_dim=64,
)
sizes = st.floats(1e6, 1e13)


@dataclass(frozen=True)
class Gpu:
    name: str
    peak_bf16_flops: Figure | None
    power_w: Figure | None


def figure(value: float, **more) -> dict:
    return {"value": value, "source": "test", "where": "here", **more}


H100 = Gpu(
    "H100",
    Figure.model_validate(figure(989.4e12)),
    Figure.model_validate(figure(700)),
)


def card(id_: str = "m", **fields) -> Card:
    base = {"id": id_, "name": id_, "developer": "d", "family": "f"}
    return Card.model_validate({**base, "role": "vanilla", "stage": "base", **fields})


@given(sizes, sizes, st.floats(1.01, 10))
def test_6nd_grows_with_parameters_and_tokens(parameters, tokens, factor):
    flops = training_flops_6nd(parameters, tokens)
    assert training_flops_6nd(parameters * factor, tokens) > flops
    assert training_flops_6nd(parameters, tokens * factor) == pytest.approx(flops * factor)


@given(st.integers(1, 16), st.integers(1, 4096))
def test_exact_grows_with_layers_and_sequence(layers, length):
    small, deeper = (
        ModelShape.plain(**LLAMA_8B_FIELDS, layers=count) for count in (layers, layers + 1)
    )
    flops = training_flops_exact(small, 1e9, length)
    assert training_flops_exact(deeper, 1e9, length) > flops
    assert training_flops_exact(small, 1e9, length + 1) > flops
    assert training_flops_exact(small, 2e9, length) == pytest.approx(2 * flops)
    assert training_flops_exact(small, 1e9, length, causal=False) >= flops


def test_exact_form_of_llama_8b_against_6nd_and_against_palm():
    tokens, length = 15e12, 8192
    exact = training_flops_exact(LLAMA_8B, tokens, length, causal=False)
    without_lookup = LLAMA_8B.total_params - LLAMA_8B.vocab * LLAMA_8B.hidden
    # Chowdhery et al. 2022, appendix B: 6N + 12 L H Q T per token.
    palm = (6 * without_lookup + 12 * 32 * 32 * 128 * length) * tokens
    assert exact == pytest.approx(palm, rel=1e-9)
    causal = training_flops_exact(LLAMA_8B, tokens, length)
    assert 1.0 < causal / training_flops_6nd(8.03e9, tokens) < 1.15


def test_exact_form_of_deepseek_v3_is_near_6nd_of_its_active_parameters():
    exact = training_flops_exact(DEEPSEEK_V3, 14.8e12, 4096)
    assert 0.9 < exact / training_flops_6nd(37e9, 14.8e12) < 1.25


@pytest.mark.parametrize("bad", [0, -1, float("nan")])
def test_nothing_to_train_is_an_input_error(bad):
    with pytest.raises(InputError, match="above zero"):
        training_flops_6nd(bad, 1e9)
    with pytest.raises(InputError, match="above zero"):
        training_flops_exact(LLAMA_8B, bad, 8)


def test_mixture_of_experts_counts_active_parameters_only():
    shape = {"shape": DEEPSEEK_V3.model_dump(), "source": "test", "where": "config"}
    found = active_parameters(card(parameters={"total": figure(671e9)}, architecture=shape))
    assert isinstance(found, Quantity)
    assert 35e9 < found.central < 40e9
    assert found.kind == "derived"
    stated = active_parameters(card(parameters={"total": figure(671e9), "active": figure(37e9)}))
    assert isinstance(stated, Quantity)
    assert stated.central == 37e9


def test_all_estimates_are_reported_and_6nd_is_preferred():
    training = {
        "tokens": figure(1e12),
        "flops": figure(7e21),
        "hardware": [{"accelerator": "h100", "hours": figure(1e4), "stage": "all"}],
    }
    model = card(parameters={"total": figure(1e9)}, training=training)
    found = {e.method: e.flops for e in training_estimates(model, {"h100": H100})}
    assert isinstance(found["exact"], Unavailable)
    assert found["6nd"].central == 6e21
    assert found["published"].central == 7e21
    assert found["published"].kind == "published"
    hardware = interval(found["hardware"])
    assert hardware.kind == "estimated"
    assert hardware.central == pytest.approx(1e4 * 3600 * 989.4e12 * 0.40)
    assert hardware.p5 < hardware.central < hardware.p95 * 1.1
    assert training_flops(model).central == 6e21
    only_published = card(training={"flops": figure(7e21)})
    assert training_flops(only_published).central == 7e21
    unknown = training_flops(card())
    assert isinstance(unknown, Unavailable)
    assert "not published" in unknown.reason


@given(st.floats(1e-3, 1e9), st.floats(1e12, 1e16), st.floats(0.01, 1))
def test_hours_and_flops_round_trip(hours, peak, share):
    flops = flops_of_hours(hours, peak, share)
    assert accelerator_hours(flops, peak, share) == pytest.approx(hours)


@given(st.floats(0, 1e20))
def test_joules_and_kwh_round_trip(joules):
    assert kwh_to_joules(joules_to_kwh(joules)) == pytest.approx(joules)


def test_energy_and_carbon_in_their_units():
    energy = energy_kwh(1000.0, 700.0, 1.1)
    assert energy == pytest.approx(770)
    assert co2e_kg(energy, REGIONS["france"]) == pytest.approx(770 * 0.056)
    assert all(region.url.startswith("https://") for region in REGIONS.values())


def test_footprint_of_flops_and_of_its_hours_agree():
    flops = assumed("work", 1e22, 5e21, 2e22, because="test")
    share = assumed("share", 0.4, 0.3, 0.5, because="test")
    site = default_site("us", usd_per_hour=2.5)
    one = footprint(flops, H100, site, share)
    again = footprint_of_hours(flops, one.accelerator_hours, H100, site)
    both = one + again
    for part in ("accelerator_hours", "energy_kwh", "co2e_kg", "cost_usd"):
        assert getattr(again, part).sample(50) == pytest.approx(getattr(one, part).sample(50))
        assert getattr(both, part).central == pytest.approx(2 * getattr(one, part).central)
    assert one.energy_kwh.central == pytest.approx(1e22 / (989.4e12 * 0.4 * 3600) * 0.7 * 1.2)
    unpriced = footprint(flops, H100, default_site("us"), share)
    assert (one + unpriced).cost_usd is None


@pytest.mark.parametrize("share", [0.0, 1.2, -0.1])
def test_utilisation_is_a_share(share):
    with pytest.raises(InputError, match="share"):
        accelerator_hours(1e20, 1e15, share)


def test_unknown_region_names_the_known_ones():
    with pytest.raises(InputError, match="france"):
        default_site("atlantis")


def test_validation_table_holds_only_totals_that_the_source_states():
    llama = card(
        "llama-405b",
        parameters={"total": figure(405e9)},
        training={"tokens": figure(15.6e12), "flops": figure(3.8e25)},
    )
    far = card(
        "far",
        parameters={"total": figure(1e9)},
        training={"tokens": figure(1e12), "flops": figure(9e21)},
    )
    derived = card(training={"flops": figure(1e20, kind="derived", note="6ND")})
    bare = card("bare", training={"flops": figure(1e20)})
    rows = {row.card: row for row in validation_table([llama, far, derived, bare])}
    assert set(rows) == {"llama-405b", "far", "bare"}
    assert rows["llama-405b"].by_6nd_within is True
    assert rows["llama-405b"].by_6nd_ratio == pytest.approx(0.9976, abs=1e-3)
    assert rows["far"].by_6nd_within is False
    assert rows["bare"].by_6nd_flops is None
    assert rows["bare"].by_6nd_within is None

"""What a run will take, before it runs: tokens, hours, money; every figure with its assumption.

Pure arithmetic on ranges. The assumptions are rules of thumb, and are stated as such; a rate that
an earlier run measured replaces them.
"""

from __future__ import annotations

from dataclasses import dataclass

_CHARS_PER_TOKEN = (3.0, 4.0, 5.0)
_UNSEEN_PROMPT = (100.0, 400.0, 2000.0)  # tokens of a prompt that could not be looked at
_THOUGHT = (500.0, 5000.0, 32768.0)  # output tokens of a reasoning model
_ANSWER = (20.0, 400.0, 2000.0)  # of another
_GPU_DECODE = (0.02, 0.1, 0.3)  # share of a GPU's peak rate while many answers are decoded together
_GPU_PREFILL = (0.2, 0.4, 0.6)
_GPU_ANSWER_TOKENS_PER_S = (30.0, 80.0, 250.0)
_CPU_CORE_FLOPS = (8e9, 2e10, 6e10)  # of one core, evaluating a prompt
_CPU_BANDWIDTH = (8e9, 2e10, 6e10)  # bytes a second of a processor's memory
_API_TOKENS_PER_S = (20.0, 60.0, 150.0)  # of one answer


@dataclass(frozen=True)
class Estimate:
    """A figure with its range and the assumption behind it: never a measurement."""

    low: float
    value: float
    high: float
    assumption: str

    def scaled(self, factor: float) -> Estimate:
        return Estimate(self.low * factor, self.value * factor, self.high * factor, self.assumption)

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(
            self.low + other.low, self.value + other.value, self.high + other.high,
            _both(self.assumption, other.assumption),
        )  # fmt: skip


@dataclass(frozen=True)
class Rate:
    """Tokens a second of a whole engine, all its slots together. ``prefill`` null: the time of
    prompts is within that of the output."""

    decode: Estimate
    prefill: Estimate | None = None


def input_tokens(characters: float | None) -> Estimate:
    """Tokens of one prompt."""
    if characters is None:
        return Estimate(*_UNSEEN_PROMPT, "prompts not seen: 100 to 2,000 tokens each")
    low, usual, high = _CHARS_PER_TOKEN
    assumption = f"{low:g} to {high:g} characters a token"
    return Estimate(characters / high, characters / usual, characters / low, assumption)


def output_tokens(most: int, reasoning: bool, seen: float | None = None) -> Estimate:
    """Tokens of one answer, ``most`` at the most. ``seen``: their mean in an earlier run."""
    if seen is not None:
        mean = min(seen, most)
        return Estimate(mean, mean, mean, "answers as long as in an earlier run")
    low, usual, high = (min(float(most), n) for n in (_THOUGHT if reasoning else _ANSWER))
    kind = "a reasoning model's answer" if reasoning else "an answer"
    return Estimate(low, usual, high, f"{kind} takes {low:,.0f} to {high:,.0f} tokens")


def seen_rate(tokens_per_s: float) -> Rate:
    """The rate that an earlier run measured, prompts included."""
    return Rate(Estimate(tokens_per_s, tokens_per_s, tokens_per_s, "rate of an earlier run"))


def gpu_rate(flops_per_token: float, peak_flops: float, gpus: int, name: str, slots: int) -> Rate:
    """FLOPs of a token over the peak rate of all GPUs times a utilisation; an answer alone comes
    no faster than memory lets it."""
    bound = [slots * rate for rate in _GPU_ANSWER_TOKENS_PER_S]
    shares = zip(bound, _GPU_DECODE, strict=True)
    one = gpus * peak_flops / flops_per_token
    low, usual, high = (min(most, one * share) for most, share in shares)
    decode = (
        f"{gpus} x {name} decode at 2% to 30% of its peak rate, {slots} answers at once of 30 to"
        " 250 tokens/s each at the most"
    )
    slow, middling, fast = (one * share for share in _GPU_PREFILL)
    prefill = f"{gpus} x {name} at 20% to 60% of its peak rate in prefill"
    return Rate(Estimate(low, usual, high, decode), Estimate(slow, middling, fast, prefill))


def cpu_rate(flops_per_token: float, weights_bytes: float, cores: int, slots: int) -> Rate:
    """Decoding reads the weights once for all slots, at most; prefill is bound by arithmetic."""
    low, usual, high = (b / weights_bytes for b in _CPU_BANDWIDTH)
    decode = Estimate(
        low, usual * min(slots, 2), high * slots,
        "decoding bound by 8 to 60 GB/s of memory, shared by 1 to all slots",
    )  # fmt: skip
    slow, middling, fast = (cores * flops / flops_per_token for flops in _CPU_CORE_FLOPS)
    words = f"{cores} cores of 8 to 60 GFLOP/s in prefill"
    return Rate(decode, Estimate(slow, middling, fast, words))


def api_rate(slots: int) -> Rate:
    """A provider's answers, ``slots`` at once."""
    low, usual, high = (slots * rate for rate in _API_TOKENS_PER_S)
    return Rate(Estimate(low, usual, high, f"{slots} answers at once of 20 to 150 tokens/s each"))


def hours(prompts: Estimate, outputs: Estimate, rate: Rate) -> Estimate:
    """Hours of that many tokens in all at a rate."""
    took = _over(outputs, rate.decode)
    if rate.prefill is not None:
        took = took + _over(prompts, rate.prefill)
    return took.scaled(1 / 3600)


def token_money(
    prompts: Estimate, outputs: Estimate, input_usd: float, output_usd: float, source: str
) -> Estimate:
    """US dollars at prices for a million tokens; no prompt is taken to be cached."""
    cost = prompts.scaled(input_usd / 1e6) + outputs.scaled(output_usd / 1e6)
    return Estimate(cost.low, cost.value, cost.high, _both(cost.assumption, f"prices: {source}"))


def machine_money(took: Estimate, usd_per_hour: float) -> Estimate:
    """US dollars of a machine for the hours of a run."""
    cost = took.scaled(usd_per_hour)
    assumption = _both(took.assumption, f"the machine at ${usd_per_hour:g} an hour")
    return Estimate(cost.low, cost.value, cost.high, assumption)


def _over(tokens: Estimate, rate: Estimate) -> Estimate:
    return Estimate(
        tokens.low / rate.high, tokens.value / rate.value, tokens.high / rate.low,
        _both(tokens.assumption, rate.assumption),
    )  # fmt: skip


def _both(*assumptions: str) -> str:
    """Assumptions joined, each named once."""
    return "; ".join(
        dict.fromkeys(part for text in assumptions for part in text.split("; ") if part)
    )

"""How much capability a model has for each of its parameters."""

from __future__ import annotations

from distilbench.errors import InputError
from distilbench.stats._curve import Equivalent
from distilbench.stats._gain import Gain, compute_equivalent_gain


def capability_density(vanilla: Equivalent, parameters: float) -> Gain:
    """The parameters that a vanilla model of the reference family would need for the same score,
    over the model's own: capability density (Xiao et al. 2024, arXiv 2412.04315, whose effective
    parameter size comes from reference models that they trained; here it is the equivalent size on
    a vanilla family's curve, which must be named beside the figure). Read ``bound``, ``low`` and
    ``high`` as in :class:`Gain`.

    Raises InputError if ``vanilla`` is not on a scale of parameters, or ``parameters`` not above 0.
    """
    if "parameters" not in vanilla.scale:
        raise InputError(
            "capability density", f"needs sizes, not {vanilla.scale}", "fit the curve to parameters"
        )
    return compute_equivalent_gain(vanilla, parameters)

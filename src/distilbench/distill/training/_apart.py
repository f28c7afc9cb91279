"""Whether a model keeps packed examples apart."""

from __future__ import annotations

from distilbench.distill.weights import Loaded
from distilbench.errors import InputError

_NEAR = 1e-3  # of the largest logit: another example would change them by far more


def check_apart(loaded: Loaded | None, where: str) -> None:
    """Raises ``InputError`` if what a model says of a text depends on the one packed before it, as
    it does where layers carry a state (Mamba's, convolutions) or pass over the positions. Asked of
    the model itself, on a few tokens."""
    import torch

    if loaded is None:
        return
    model = loaded.model
    trained = model.training
    model.eval()
    draw = torch.Generator().manual_seed(0)
    size = int(model.get_input_embeddings().weight.shape[0])
    ids = torch.randint(size, (1, 12), generator=draw).to(model.device)
    positions = torch.tensor([[*range(7), *range(5)]]).to(model.device)
    with torch.no_grad():
        alone = model(input_ids=ids[:, 7:], use_cache=False).logits
        try:
            together = model(input_ids=ids, position_ids=positions, use_cache=False).logits[:, 7:]
        except TypeError:  # it takes no positions
            together = torch.full_like(alone, torch.inf)
    model.train(trained)
    if float((together - alone).abs().max()) > _NEAR * float(alone.abs().max()):
        raise InputError(
            f"{where}: field 'training.packing'",
            f"a {model.config.model_type} model sees what is packed before a text",
            "drop 'packing'",
        )

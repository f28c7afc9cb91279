"""Whether a model keeps packed examples apart."""

from __future__ import annotations

from distilbench.distill.weights import Loaded
from distilbench.errors import InputError

_NEAR = 1e-3  # of the largest logit: a text at other positions is further off
_SAME = 1e-7  # what is masked adds an exact 0; a convolution of small weights may add 1e-4


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
    ids = torch.randint(size, (2, 12), generator=draw).to(model.device)
    ids[1, 7:] = ids[0, 7:]  # one text behind two others
    positions = torch.tensor([[*range(7), *range(5)]]).to(model.device)
    with torch.no_grad():
        alone = model(input_ids=ids[:1, 7:], use_cache=False).logits
        try:
            behind = [
                model(input_ids=row[None], position_ids=positions, use_cache=False).logits[:, 7:]
                for row in ids
            ]
        except TypeError:  # it takes no positions
            behind = [torch.full_like(alone, torch.inf), alone]
    model.train(trained)
    largest = float(alone.abs().max())
    moved, seen = (float((one - behind[0]).abs().max()) for one in (alone, behind[1]))
    if moved > _NEAR * largest or seen > _SAME * largest:
        raise InputError(
            f"{where}: field 'training.packing'",
            f"a {model.config.model_type} model sees what is packed before a text",
            "drop 'packing'",
        )

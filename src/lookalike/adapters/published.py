"""The published adapter, as the reference (torch, only to train).

Microsoft's MedImageInsight search tutorial: Linear(dim, 512), GELU, Linear(512, 512), LayerNorm,
Conv1d(512, 254, 3), GELU, Conv1d(254, 254, 3) -> the new vector -> Linear(254, classes); the convolutions run
over a length of 1, where only their centre tap counts. AdamW (3e-4, weight decay .01), cross-entropy, 15
epochs of single records, the last epoch kept. Added here: a seed. Left out: choosing an epoch on the test set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lookalike.adapters.adapter import AdapterNetwork
from lookalike.adapters.layers import Layer, dense
from lookalike.adapters.samples import Samples
from lookalike.errors import MissingExtraError
from lookalike.progress import tracked

if TYPE_CHECKING:
    from torch import nn

_WIDTH: Final = 512
_HIDDEN: Final = 254
_EPOCHS: Final = 15


def train_published(data: Samples, seed: int) -> tuple[AdapterNetwork, dict[str, Any]]:
    """The network and training notes. Deterministic for a seed. Raises MissingExtraError without torch."""
    try:
        import torch
    except ImportError:
        raise MissingExtraError("the adapter kind 'published'", "mlp") from None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(data.vectors.shape[1], len(data.classes))
        _loop(network, data)
    layers: list[Any] = list(network)
    first, _, second, norm, _, conv, _, embedding, _, head = layers
    body = (
        _linear(first),
        Layer("gelu"),
        _linear(second),
        Layer("norm", norm.weight.detach().numpy(), norm.bias.detach().numpy()),
        _centre_tap(conv),
        Layer("gelu"),
        _centre_tap(embedding),
    )
    return AdapterNetwork(body, (_linear(head),), (), "hidden", 0.0), {"epochs": _EPOCHS}


def _network(inputs: int, classes: int) -> nn.Sequential:
    from torch import nn

    return nn.Sequential(
        nn.Linear(inputs, _WIDTH),
        nn.GELU(),
        nn.Linear(_WIDTH, _WIDTH),
        nn.LayerNorm(_WIDTH),
        nn.Unflatten(1, (_WIDTH, 1)),
        nn.Conv1d(_WIDTH, _HIDDEN, 3, padding=1),
        nn.GELU(),
        nn.Conv1d(_HIDDEN, _HIDDEN, 3, padding=1),
        nn.Flatten(),
        nn.Linear(_HIDDEN, classes),
    )


def _loop(network: nn.Sequential, data: Samples) -> None:
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-4, weight_decay=0.01)
    inputs, targets = torch.from_numpy(data.vectors), torch.from_numpy(data.targets)
    loss_of: Any = binary_cross_entropy_with_logits if data.multi_label else cross_entropy
    for _ in tracked(range(_EPOCHS)):
        for row in torch.randperm(len(inputs)).tolist():
            loss = loss_of(network(inputs[row : row + 1]), targets[row : row + 1])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def _linear(layer: Any) -> Layer:
    return dense(layer.weight.detach().numpy().T, layer.bias.detach().numpy())


def _centre_tap(layer: Any) -> Layer:
    return dense(layer.weight.detach().numpy()[:, :, 1].T, layer.bias.detach().numpy())

"""A network in torch that is trained by low-rank updates of its linear layers, while its own weights stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.encoders.families.tuned import WeightChanges
from lookalike.encoders.runtimes.low_rank import DOWN, UP
from lookalike.encoders.runtimes.torch import ImageTower
from lookalike.errors import UsageError

RANK: Final = 8
"""Of the updates of a linear layer."""


class LowRank(nn.Module):
    """A tower in torch with trainable updates of linear layers: the second half of those that a picture passes.

    size: (rows, columns) of a picture. Raises UsageError if it passes none.
    """

    rate: Final = 2e-3  # the highest learning rate: what is trained starts at nothing

    def __init__(self, tower: ImageTower, size: tuple[int, int], rank: int = RANK) -> None:
        super().__init__()
        self.tower = tower.requires_grad_(False).eval()
        passed = _passed(tower, size)
        self.layers = passed[len(passed) // 2 :]
        self.down, self.up = nn.ParameterList(), nn.ParameterList()
        for number, (_, layer) in enumerate(self.layers):
            self.down.append(torch.empty(rank, layer.in_features))
            self.up.append(torch.zeros(layer.out_features, rank))
            nn.init.normal_(self.down[-1], std=layer.in_features**-0.5)
            layer.register_forward_hook(self._add(number))

    def _add(self, number: int) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def added(_layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            narrow = functional.linear(inputs[0], self.down[number])
            return output + functional.linear(narrow, self.up[number])

        return added

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (n, 3, rows, columns) -> unit vectors (n, dim)."""
        return functional.normalize(self.tower(pixels)[0].float())

    def changed(self) -> WeightChanges:
        """The updates, by the names of their layers in the tower."""
        return {
            name + part: matrix.detach().cpu().numpy()
            for i, (name, _) in enumerate(self.layers)
            for part, matrix in ((DOWN, self.down[i]), (UP, self.up[i]))
        }


@torch.no_grad()
def _passed(tower: ImageTower, size: tuple[int, int]) -> list[tuple[str, nn.Linear]]:
    """The linear layers in the order in which a picture passes them: a model may hold a text tower too."""
    passed: dict[str, nn.Linear] = {}

    def note(name: str) -> Callable[[nn.Linear, tuple[Tensor, ...], Tensor], None]:
        def noted(layer: nn.Linear, _inputs: tuple[Tensor, ...], _output: Tensor) -> None:
            passed[name] = layer

        return noted

    layers = [(name, layer) for name, layer in tower.named_modules() if isinstance(layer, nn.Linear)]
    hooks = [layer.register_forward_hook(note(name)) for name, layer in layers]
    tower(torch.zeros(1, 3, *size))
    for hook in hooks:
        hook.remove()
    if not passed:
        raise UsageError(
            "this encoder's network has no linear layer that a picture passes, so there is nothing to update; tune "
            "EfficientNet-Lite (lookalike index --encoder lite0) or a vision transformer"
        )
    return list(passed.items())

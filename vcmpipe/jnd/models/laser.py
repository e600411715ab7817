"""LASeR-JND: the just-noticeable differences of a picture, as QPs, from what an autoencoder keeps of it.

After "LASeR-JND" (IEEE TCSVT 2024). Six variants: ``lat`` looks at the latent of an autoencoder that was trained to
give the picture as coded at its JND, ``rec`` at the picture it gives; ``e2e_*`` train everything at once; ``mj_*`` have
three autoencoders and answer with three levels.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vcmpipe.jnd.models.blocks import (
    FlattenHwc,
    SameConv2d,
    SameConvTranspose2d,
    batch_norm,
    check_variant,
    dense,
    initialise,
    last_layers,
    lat_block,
    rec_block,
    resized_bgr,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODEL = "laser"
VARIANTS = ("lat", "rec", "e2e_lat", "e2e_rec", "mj_lat", "mj_rec")
SIZE = (352, 640)
"""Height and width of what the networks take."""
_LATENT = 192
_WIDTH = 128
_SLOPE = 0.05


def levels(variant: str) -> int:
    """How many JNDs a variant answers with: 1, or 3.

    Raises:
        InputError: There is no such variant; the nearest is named.
    """
    check_variant(MODEL, variant, VARIANTS)
    return 3 if variant.startswith("mj_") else 1


class Autoencoder(nn.Module):
    """A picture to a latent 16 times smaller, and back.

    Args:
        decoder: False: only the way to the latent; variants that look at the latent need no more.
    """

    def __init__(self, decoder: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs in (3, _WIDTH, _WIDTH):
            layers += [SameConv2d(inputs, _WIDTH, 5, 2), nn.LeakyReLU(_SLOPE, inplace=True)]
        self.encoder = nn.Sequential(*layers, SameConv2d(_WIDTH, _LATENT, 5, 2))
        self.decoder: nn.Sequential | None = None
        if decoder:
            layers = []
            for inputs in (_LATENT, _WIDTH, _WIDTH):
                layers += [SameConvTranspose2d(inputs, _WIDTH, 5, 2), nn.LeakyReLU(_SLOPE, inplace=True)]
            self.decoder = nn.Sequential(*layers, SameConvTranspose2d(_WIDTH, 3, 5, 2))
        initialise(self.modules())

    def encode(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) BGR 0..255 -> (B, 192, H / 16, W / 16), each side rounded up."""
        latent: Tensor = self.encoder(pictures)
        return latent

    def decode(self, latent: Tensor) -> Tensor:
        """(B, 192, h, w) -> (B, 3, 16 h, 16 w) BGR 0..255, not clipped."""
        assert self.decoder is not None, "this autoencoder was built without its decoder"
        picture: Tensor = self.decoder(latent)
        return picture

    def forward(self, pictures: Tensor) -> Tensor:
        """The picture there and back; sides that are no multiples of 16 come back larger."""
        return self.decode(self.encode(pictures))


class _Head(nn.Module):
    """One or three latents or reconstructions -> QPs (B, levels).

    Layers stand in the order in which Keras numbers the published ones.
    """

    def __init__(self, latent: bool, count: int) -> None:
        super().__init__()
        if latent:
            self.norms = nn.ModuleList(batch_norm(_LATENT) for _ in range(count))
            self.stems = nn.ModuleList(lat_block(_LATENT, 64) for _ in range(count))
            trunk = [lat_block(64, 128), nn.MaxPool2d(2), lat_block(128, 256), lat_block(256, 512), nn.MaxPool2d(2)]
            self.trunk = nn.Sequential(*trunk, FlattenHwc())
            units: tuple[int, ...] = (512 * (SIZE[0] // 64) * (SIZE[1] // 64), 256, 128, 1)
        else:
            self.norms = nn.ModuleList(batch_norm(3) for _ in range(count))
            self.stems = nn.ModuleList(rec_block(3, 512) for _ in range(count))
            widths, units = (512, 256, 128, 64, 32), (512, 1)
            blocks = [rec_block(inputs, outputs) for inputs, outputs in itertools.pairwise(widths)]
            features = widths[-1] * (SIZE[0] // 32) * (SIZE[1] // 32)
            self.trunk = nn.Sequential(*blocks, FlattenHwc(), nn.Linear(features, 512), nn.ReLU(inplace=True))
        self.outputs = nn.ModuleList(dense(*units) for _ in range(count))

    def forward(self, seen: list[Tensor]) -> Tensor:
        """The outputs see the product, element by element, of what each branch makes of its own input."""
        branches = [stem(norm(each)) for norm, stem, each in zip(self.norms, self.stems, seen, strict=True)]
        features = self.trunk(functools.reduce(torch.mul, branches))
        return torch.cat([output(features) for output in self.outputs], dim=1)


class Laser(nn.Module):
    """A variant of LASeR-JND, with random weights.

    Attributes:
        variant: Its name.
        levels: How many JNDs it answers with.
        autoencoders: One for each level; without decoders where only latents are looked at.
        head: What makes QPs of latents or reconstructions.

    Raises:
        InputError: There is no such variant.
    """

    def __init__(self, variant: str) -> None:
        super().__init__()
        self.levels = levels(variant)
        self.variant = variant
        self._latent = variant.endswith("lat")
        decoder = not self._latent or self.end_to_end
        self.autoencoders = nn.ModuleList(Autoencoder(decoder) for _ in range(self.levels))
        self.head = _Head(self._latent, self.levels)
        initialise(self.head.modules())

    @property
    def end_to_end(self) -> bool:
        """Whether the picture is an output, too, and everything trains at once."""
        return self.variant.startswith("e2e_")

    def forward(self, pictures: Tensor) -> Tensor:
        """The levels of pictures, as each head answers.

        Args:
            pictures: (B, 3, 352, 640) BGR 0..255, as ``prepare`` gives one.

        Returns:
            (B, levels) QPs on the scale of the labels, neither clipped nor in order (see ``blocks.ordered``): under a
            running maximum a head that lies below the one before would get no gradient.
        """
        each = self._autoencoders()
        seen = [autoencoder.encode(pictures) if self._latent else autoencoder(pictures) for autoencoder in each]
        answer: Tensor = self.head(seen)
        return answer

    def with_picture(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Levels (B, 1) and the reconstruction (B, 3, 352, 640) that ``e2e_*`` learn together."""
        assert self.end_to_end, f"{self.variant} has no picture as an output"
        (autoencoder,) = self._autoencoders()
        latent = autoencoder.encode(pictures)
        picture = autoencoder.decode(latent)
        return self.head([latent if self._latent else picture]), picture

    def adopt(self, level: int, autoencoder: Autoencoder) -> None:
        """Take over the weights of an autoencoder that was trained by itself.

        Args:
            level: 0 for the first.
            autoencoder: Its decoder is left where this variant has none.
        """
        own = self.autoencoders[level].state_dict()
        given = autoencoder.state_dict()
        self.autoencoders[level].load_state_dict({key: given[key] for key in own})

    def freeze(self) -> None:
        """Keep the autoencoders as they are while the head learns; ``e2e_*`` train whole."""
        self.autoencoders.requires_grad_(self.end_to_end)

    def output_layers(self) -> list[nn.Linear]:
        """The last layer of each level; its bias is where the answers start."""
        return last_layers(self.head.outputs)

    def _autoencoders(self) -> list[Autoencoder]:
        return [each for each in self.autoencoders if isinstance(each, Autoencoder)]


build = Laser
"""Makes a variant with random weights."""


def prepare(rgb: NDArray[np.uint8]) -> Tensor:
    """What the network takes of a picture of any size.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        (3, 352, 640) float32, BGR 0..255: scaled bilinearly without regard to the aspect, not normalised.
    """
    return resized_bgr(rgb, SIZE)

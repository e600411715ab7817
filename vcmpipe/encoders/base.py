"""What every encoder offers: its capabilities, and segments in, streams out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Protocol

from vcmpipe.bitstream import CODECS, Codec
from vcmpipe.config import WholeCodingOptions
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.qpmap import MapLimits, QpMap

if TYPE_CHECKING:
    from vcmpipe.frames import ColourSpec, Yuv


class TooDenseError(ProcessError):
    """A picture took more bits per pixel than the encoder has room for; a higher QP would do."""


KEY_OFFSET = 3
"""QP steps by which encoders may code a sequence's intra pictures finer than it: all its other frames live on them."""


class IncompleteError(ProcessError):
    """An encoder exited with 0 and wrote another number of pictures than it was given."""


PRESETS = ("faster", "fast", "medium", "slow", "slower")
"""Speed presets, under the names that VVenC has for them; every adapter maps them to its encoder's own."""

Structure = Literal["intra", "random-access", "low-delay"]
"""How frames may refer to each other (JVET's AI, RA and LDB)."""


@dataclass(frozen=True)
class Capabilities:
    """What an encoder can do.

    Attributes:
        codec: The coding standard of its streams.
        structures: How the frames of its segments may refer to each other.
        qp_range: The lowest and the highest QP it codes, both included.
        native_map: Whether it reads a QP per CTU itself. (Where it reads one per frame, see ``frame_qps``.)
        bit_depths: Bit depths of the samples it takes.
        qp_step_limit: The bounds of a coded QP delta, or None where there are none; ``map_limits`` keeps maps inside.
        regions: Whether its VVC streams can be merged and rewritten here (see ``bitstream.merge_regions``). Pictures
            then come padded to multiples of 8, and crop and colour are written here. Any other encoder gets even sides
            and a ``Job.colour``, and writes the conformance window and the VUI itself.
        map_limits: What its maps can say, where it reads maps, of whatever kind.
    """

    codec: Codec
    qp_range: tuple[int, int]
    native_map: bool
    bit_depths: tuple[int, ...] = (10,)
    qp_step_limit: tuple[int, int] | None = None
    regions: bool = False
    map_limits: MapLimits | None = None
    structures: tuple[Structure, ...] = ("intra",)

    def __post_init__(self) -> None:
        if self.regions and not CODECS[self.codec].mergeable:
            raise InputError(f"an encoder of {self.codec} cannot have regions: only VVC streams are merged")
        if self.native_map and self.map_limits is None:
            object.__setattr__(self, "map_limits", MapLimits(qp_range=self.qp_range))

    @property
    def frame_qps(self) -> bool:
        """Whether it is told a QP for each frame of a sequence: a map of one level."""
        return self.map_limits is not None and self.map_limits.levels == 1


@dataclass(frozen=True)
class CodingMode:
    """How pictures are coded: everything but the samples and the QP that changes the bits.

    Attributes:
        preset: The encoder's own speed preset.
        ctu: CTU size in luma samples (32, 64, 128), or None for the preset's.
        constant_qp: Switch off all that moves the QP away from the one requested (perceptual QP adaptation, intra QP
            offset, temporal filter). False codes with the encoder as it comes.
        region: The picture is a region that will be merged with others: nothing may reach over its border.
        alf: Whether the adaptive loop filter may be used. A merged picture holds 8 of its parameter sets at most.
    """

    preset: str = WholeCodingOptions.preset
    ctu: int | None = None
    constant_qp: bool = True
    region: bool = False
    alf: bool = True

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise InputError(f"unknown preset {self.preset!r}: choose one of {', '.join(PRESETS)}")
        if self.ctu not in (None, 32, 64, 128):
            raise InputError(f"CTU size {self.ctu} is not one of 32, 64, 128")


@dataclass(frozen=True)
class Job:
    """One segment to code, or one region of it.

    Attributes:
        frames: 1..N pictures of one size in presentation order. Width and height are multiples of 8, at least 8x16 or
            16x8; for encoders without regions any even numbers. They may be made on demand: an adapter
            takes one after another and holds none.
        qp: One QP for the segment; or, where the encoder reads maps, a map for all frames or one for each frame in
            presentation order, bent to its ``map_limits``. A map is relative to the structure's own cascade: where a
            frame is coded at more than the segment's QP, so is every CTU of it.
        mode: How to code it.
        colour: What the samples mean, for encoders that write it into the stream themselves.
        structure: How the frames may refer to each other; a single picture is intra in every structure.
        rate: Frames per second; None where frames are not moments of a video.
        intra_period: Frames from one intra picture to the next in random access, for who needs to seek inside the
            segment; None: only the first frame is one. Adapters round it up to whole groups of pictures.
    """

    frames: Sequence[Yuv]
    qp: int | QpMap | tuple[QpMap, ...]
    mode: CodingMode
    colour: ColourSpec | None = None
    structure: Structure = "intra"
    rate: Fraction | None = None
    intra_period: int | None = None

    @property
    def lowest_qp(self) -> int:
        """The QP, or the smallest of all maps."""
        return self.qp if isinstance(self.qp, int) else min(qp_map.minimum() for qp_map in self.maps)

    @property
    def maps(self) -> tuple[QpMap, ...]:
        """The map of each frame in presentation order; none where the segment has one QP."""
        if isinstance(self.qp, QpMap):
            return (self.qp,) * len(self.frames)
        return () if isinstance(self.qp, int) else self.qp

    @property
    def coded_structure(self) -> Structure:
        """The structure; a single picture is intra in every one."""
        return self.structure if len(self.frames) > 1 else "intra"

    @property
    def width(self) -> int:
        """Luma samples in a row."""
        return self.frames[0].width

    @property
    def height(self) -> int:
        """Luma rows."""
        return self.frames[0].height

    @property
    def samples(self) -> int:
        """Luma samples in all frames."""
        return self.width * self.height * len(self.frames)


class Encoder(Protocol):
    """An external encoder."""

    @property
    def name(self) -> str:
        """The name it is requested by."""
        ...

    @property
    def build(self) -> str:
        """Its version, as the binary states it."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def encode(self, jobs: Sequence[Job]) -> list[bytes]:
        """Code each job into a stream that begins with an IDR picture (a key frame) and refers to nothing outside.

        The jobs of one call share one encoder process, which codes them side by side. An encoder must be callable
        from several threads.

        Args:
            jobs: Segments of any sizes, QPs and modes.

        Returns:
            One stream per job, in order, each checked to hold as many pictures as the job.

        Raises:
            InputError: It does not code that structure.
            TooDenseError: A picture has more bits per pixel than the encoder has room for.
            ProcessError: The encoder failed, hung or wrote another number of pictures than a job has.
        """
        ...

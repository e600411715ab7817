"""The codecs that are read here, one entry each, and what can be found out about streams of any of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from vcmpipe.bitstream import av1, hevc, vvc
from vcmpipe.bitstream.access_unit import AccessUnit, Unit
from vcmpipe.bitstream.info import StreamInfo
from vcmpipe.bitstream.length_prefixed import to_annex_b
from vcmpipe.bitstream.presentation import Presentation
from vcmpipe.bitstream.vui import Vui
from vcmpipe.errors import BitstreamError

Codec = Literal["vvc", "hevc", "av1"]
"""What a stream is coded with; ``CODECS`` has what is known of each."""


@dataclass(frozen=True)
class CodecSpec:
    """A codec.

    Attributes:
        name: what it is called, here and in FFmpeg.
        endings: endings of its raw streams' file names, the usual one first. (``.bin`` may hold any codec.)
        qp_range: the lowest and the highest QP of 8-bit pictures; in AV1 of what its encoders call so.
        vvc_scale: whether its QPs stand for the same steps of the quantizer as those of VVC, which thresholds are in.
        mergeable: whether ``merge_regions`` takes its streams.
        parameter_sets: the kinds of its parameter sets; the first has its profile and level.
        units: what its units are called.
        profiles: the names of its profiles by ``profile_element``.
        profile_element: the syntax element that has the profile.
        level_element: the one that has the level.
        level: a level's number, such as 5.1, by that element.
        begins: whether a stream begins as its streams do.
        group: the units of a stream by access unit; raises BitstreamError where it is not one of the codec's.
        split: its access units with what their headers say; raises BitstreamError where there are none.
        inspect: all that headers say; raises BitstreamError where no picture can be read.
        present: the stream whose parameter sets state how it is to be shown; see ``with_presentation``.
        joiner: makes what turns each of the streams to be joined, in order, into the bytes that continue the output.
        unpack: the stream of a track in MP4 or MKV, from its configuration record and its packets.
        decoder: what FFmpeg's decoder is called.
        decoder_options: what FFmpeg's decoder needs in order to report damage.
    """

    name: Codec
    endings: tuple[str, ...]
    qp_range: tuple[int, int]
    mergeable: bool
    profiles: Mapping[int, str]
    level: Callable[[int], str]
    begins: Callable[[bytes], bool]
    group: Callable[[bytes], Sequence[Sequence[Unit]]]
    split: Callable[[bytes], Sequence[AccessUnit]]
    inspect: Callable[[bytes], StreamInfo]
    present: Callable[[bytes, Presentation], bytes]
    joiner: Callable[[], Callable[[bytes], bytes]]
    unpack: Callable[[bytes, Iterable[bytes]], bytes]
    decoder: Literal["hevc", "vvc", "libdav1d"]
    decoder_options: Mapping[str, str] = field(default_factory=dict)
    parameter_sets: tuple[str, ...] = ("SPS", "PPS")
    vvc_scale: bool = True
    units: str = "NAL units"
    profile_element: str = "general_profile_idc"
    level_element: str = "general_level_idc"


def _level(unit: int) -> Callable[[int], str]:
    """Levels whose number is multiplied by ``unit``, and whose decimals count in a tenth of 30."""
    return lambda value: f"{value // unit}.{value % unit // 3}"


_HEVC = CodecSpec(
    name="hevc",
    endings=(".265", ".hevc", ".h265"),
    qp_range=(0, 51),
    mergeable=False,
    profiles={1: "Main", 2: "Main 10", 3: "Main Still Picture", 4: "Range Extensions"},  # H.265 annex A.3
    level=_level(30),
    begins=hevc.is_hevc,
    group=hevc.group_access_units,
    split=hevc.split_access_units,
    inspect=hevc.inspect_stream,
    present=hevc.presented,
    joiner=lambda: hevc.StreamWriter().add,
    unpack=lambda configuration, packets: to_annex_b(configuration, packets, "hevc"),
    decoder="hevc",
    decoder_options={"err_detect": "crccheck+explode"},
)
_VVC = CodecSpec(
    name="vvc",
    endings=(".266", ".vvc"),
    qp_range=(0, 63),
    mergeable=True,
    profiles={  # H.266 annex A.3
        1: "Main 10",
        17: "Multilayer Main 10",
        33: "Main 10 4:4:4",
        65: "Main 10 Still Picture",
        97: "Main 10 4:4:4 Still Picture",
    },
    level=_level(16),
    begins=lambda data: True,  # what no other codec recognises: its reader says what is wrong with it
    group=vvc.group_access_units,
    split=vvc.split_access_units,
    inspect=vvc.inspect_stream,
    present=vvc.presented,
    joiner=lambda: vvc.StreamWriter().add,
    unpack=lambda configuration, packets: to_annex_b(configuration, packets, "vvc"),
    decoder="vvc",
)
_AV1 = CodecSpec(
    name="av1",
    endings=(".obu",),
    qp_range=(0, 63),
    mergeable=False,
    profiles={0: "Main", 1: "High", 2: "Professional"},  # annex A.2
    level=lambda value: f"{2 + (value >> 2)}.{value & 3}",  # annex A.3
    begins=av1.is_av1,
    group=av1.group_temporal_units,
    split=av1.split_temporal_units,
    inspect=av1.inspect_stream,
    present=av1.presented,
    joiner=lambda: av1.StreamWriter().add,
    unpack=av1.to_low_overhead,
    decoder="libdav1d",
    parameter_sets=("sequence header",),
    vvc_scale=False,
    units="OBUs",
    profile_element="seq_profile",
    level_element="seq_level_idx[0]",
)
CODECS: Mapping[str, CodecSpec] = {spec.name: spec for spec in (_HEVC, _AV1, _VVC)}
"""Every codec by its name, in the order in which streams are held against them."""


def codec_of(data: bytes) -> Codec:
    """What a stream is coded with, by how it begins."""
    return next(spec.name for spec in CODECS.values() if spec.begins(data))


def split_access_units(data: bytes) -> Sequence[AccessUnit]:
    """The access units of a stream in decoding order; BitstreamError where there are none of a known codec."""
    return CODECS[codec_of(data)].split(data)


def count_pictures(data: bytes) -> int:
    """The number of coded pictures in a stream; BitstreamError where it is of no codec known here."""
    return sum(any(unit.is_slice for unit in group) for group in CODECS[codec_of(data)].group(data))


def inspect_stream(data: bytes) -> StreamInfo:
    """Read the headers of a stream; what cannot be read is listed in ``problems`` and passed over.

    Raises:
        BitstreamError: no stream of a codec known here, or not one picture of it could be read.
    """
    return CODECS[codec_of(data)].inspect(data)


def with_presentation(
    data: bytes,
    *,
    rate: Fraction | None,
    sample_aspect: Fraction | None = None,
    vui: Vui | None = None,
    video: bool = False,
) -> bytes:
    """A stream whose every SPS, or sequence header, states how it is to be shown; all else is copied byte for byte.

    The level rises where rate and size need a higher one. A stream that has a rate, or several pictures, or is to be
    joined with others (``video``) states no still-picture profile: it states the profile that allows what that one does
    in more than one picture.

    Args:
        data: a stream of any codec known here.
        rate: frames per second; the nearest that two numbers of 32 bits can state. None: as the stream says.
        sample_aspect: width of a sample by its height. None: as the stream says.
        vui: the colour. None: as the stream says.
        video: whether other pictures follow the stream's.

    Raises:
        BitstreamError: an SPS cannot be read, or no level holds such pictures at that rate.
        InputError: a number that cannot be stated.
    """
    return CODECS[codec_of(data)].present(data, Presentation(rate, sample_aspect, vui, video))


class StreamJoiner:
    """Joins streams of one codec, which continue the output one by one."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._join = CODECS[codec].joiner()

    def add(self, stream: bytes) -> bytes:
        """The bytes with which a stream continues the output; BitstreamError where it cannot follow."""
        if codec_of(stream) != self._codec:
            raise BitstreamError(f"a stream to be joined is not {self._codec.upper()} with its parameter sets")
        return self._join(stream)

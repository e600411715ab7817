"""Coded streams read from files, raw or in containers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vcmpipe.bitstream import CODECS
from vcmpipe.decoding.demux import read_isolated
from vcmpipe.errors import BitstreamError, InputError
from vcmpipe.frames.packets import Container, StoredTrack, container_of
from vcmpipe.process.reading import LARGEST_STREAM, read_file


@dataclass(frozen=True)
class ContainerFacts:
    """What a container says of its stream.

    Attributes:
        format: ``mp4`` or ``mkv``.
        duration: Seconds for which its pictures are shown; None where it gives no times.
        rate: Frames per second; None where it varies or is not known.
    """

    format: Container
    duration: float | None
    rate: float | None


@dataclass(frozen=True)
class StoredStream:
    """A stream as it was read.

    Attributes:
        data: The stream, in Annex-B form where it is no AV1.
        container: What it was in; None: raw.
        times: Of every access unit, in decoding order, when its picture is shown, in seconds from the one shown first;
            None where that is not known.
        end: When the last one is no longer shown; None as above.
        rate: Frames per second; None where it varies or is not known.
    """

    data: bytes
    container: ContainerFacts | None = None
    times: tuple[Fraction, ...] | None = None
    end: Fraction | None = None
    rate: Fraction | None = None


def read_stream(path: Path) -> StoredStream:
    """Read a stream from a raw file, or from an MP4 or MKV file, which its content tells and not its name.

    What a container's file gives back is the stream that was coded, byte for byte: parameter sets stand where they
    stood. Those of other programs that keep them apart get them in front.

    Raises:
        InputError: The file cannot be read, or is a container of something else.
        BitstreamError: A container's packets are damaged.
        ProcessError: What takes containers apart crashed or hung.
    """
    try:
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "not a regular file"
            raise InputError(f"{path} is {kind}: name a file that holds a VVC, HEVC or AV1 stream")
        if container_of(path) is None:
            return StoredStream(read_file(path, LARGEST_STREAM))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: check the path") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): name a stream that you may read") from error
    return _stored(read_isolated(path), path)


def _stored(stored: StoredTrack, path: Path) -> StoredStream:
    track, packets = stored.track, stored.packets
    try:
        data = CODECS[track.codec].unpack(track.configuration, (packet.data for packet in packets))
    except BitstreamError as error:
        raise BitstreamError(f"{path}: {error}") from error
    found = sorted(packet.time for packet in packets if packet.time is not None)
    times = end = None
    if len(found) == len(packets):
        times = tuple(packet.time - found[0] for packet in packets if packet.time is not None)
        end = found[-1] - found[0] + _last_duration(stored, found)
    facts = ContainerFacts(
        stored.container,
        None if end is None else round(float(end), 6),
        None if track.rate is None else round(float(track.rate), 6),
    )
    return StoredStream(data, facts, times, end, track.rate)


def _last_duration(stored: StoredTrack, shown: list[Fraction]) -> Fraction:
    """How long the last picture is shown: MP4 says so; in MKV as long as the one before it."""
    if stored.container == "mp4":
        return max(stored.packets, key=lambda packet: packet.time or 0).duration
    if stored.track.rate:
        return 1 / stored.track.rate
    return shown[-1] - shown[-2] if len(shown) > 1 else stored.packets[-1].duration

"""Coding of one segment: at one QP, in regions, or by a native map; each version is coded once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bitstream import RegionLayout, Vui, inspect_stream, merge_regions, with_presentation
from vcmpipe.coding.cached_encoder import samples_digest
from vcmpipe.coding.samples import SegmentSamples
from vcmpipe.coding.segment import CodedSegment, Segment, read_units
from vcmpipe.config import CodingOptions
from vcmpipe.encoders.base import CodingMode, Encoder, Job, TooDenseError
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import (
    ColourSpec,
    Frame,
    Yuv,
    crop_yuv,
    lazy,
    psnr_y,
)
from vcmpipe.frames.yuv import Rect
from vcmpipe.process.text import without_places
from vcmpipe.qpmap import (
    MapPolicy,
    PlanLimits,
    QpMap,
    RateModel,
    RegionPlan,
    build_map,
    fit_map,
    fit_maps,
    plan_regions,
)
from vcmpipe.qpmap.qp_map import smaller

Realisation = Literal["auto", "uniform", "regions", "native"]

# ALF parameter sets that one picture can hold (H.266 7.4.3.6: aps_adaptation_parameter_set_id is 0..7 for ALF).
ALF_SETS = 8
# Encoders side by side in one process: enough to fill the cores, few enough to bound memory.
JOBS_PER_PROCESS = 8
# A layout's smallest. Encoders take smaller CTUs in pictures that are no larger.
_SMALLEST_CTU = 32
# What motion that cannot cross a region's border costs: regions of one QP took 1.1 to 1.4 times the bits of the whole
# with a static camera.
_SEQUENCE_COST = 1.25


class SegmentCoder:
    """Codes one segment in as many ways as are requested, each way once.

    Args:
        encoder: The external encoder.
        segment: The source; a frame is a segment of one.
        coded_size: Width and height to code at; frames are scaled to it.
        spec: The colour that RGB frames are coded with; planes keep their own.
        preset: The encoder's speed preset.
        ctu: CTU size of regions.
        form: How regions stand in the stream.
        constant_qp: See ``CodingMode``.
    """

    def __init__(
        self,
        encoder: Encoder,
        segment: Segment | Frame,
        *,
        coded_size: tuple[int, int] | None = None,
        spec: ColourSpec | None = None,
        preset: str = CodingOptions.preset,
        ctu: int = CodingOptions.ctu,
        form: Literal["slices", "subpictures"] = CodingOptions.form,
        constant_qp: bool = True,
    ) -> None:
        self.encoder = encoder
        self.segment = Segment.still(segment) if isinstance(segment, Frame) else segment
        self.size = coded_size or (self.segment.width, self.segment.height)
        if min(self.size) < 16:
            raise InputError(f"{self.segment.source}: coded at {self.size[0]}x{self.size[1]}, at least 16x16 is needed")
        self.spec = self.segment.colour or spec or ColourSpec()
        self.form = form
        self.ctu = ctu
        self._whole = CodingMode(preset=preset, constant_qp=constant_qp)
        self._region = CodingMode(preset=preset, ctu=ctu, region=True)
        self._samples = SegmentSamples(self.segment, self.size, self.spec)
        self.source, self.padded = self._samples.source, self._samples.padded
        self.trials: dict[int, CodedSegment] = {}
        self._textures: dict[int, RateModel] = {}
        self._pieces: dict[tuple[Rect, int, CodingMode], bytes] = {}

    @property
    def scaled(self) -> bool:
        """Whether the segment is coded at another size than it has."""
        return self._samples.scaled

    @property
    def padded_size(self) -> tuple[int, int]:
        """Width and height of what is coded in luma samples: multiples of 8, which maps and regions cover."""
        return self.size[0] + -self.size[0] % 8, self.size[1] + -self.size[1] % 8

    @cached_property
    def source_digest(self) -> str:
        """SHA-256 of the samples that are coded."""
        return samples_digest(self.padded)

    @property
    def description(self) -> str:
        """How segments are coded here, the encoder's build included; with ``source_digest`` all that bits depend on."""
        return f"{self.encoder.name}, {self.encoder.build}, {self._whole}, {self.size}, {self.spec}"

    def of_frame(self, place: int) -> FrameCoder:
        """What predictors get as their coder: coded versions of the frame at a place, as a picture of its own.

        A threshold is a QP of a picture. Coding a sequence at every QP for each of its frames would take its square.
        """
        if len(self.segment) == 1:
            return FrameCoder(self)
        alone = SegmentCoder(
            self.encoder,
            self.segment.frames[place],
            coded_size=self.size,
            spec=self.spec,
            preset=self._whole.preset,
            ctu=self.ctu,
            form=self.form,
            constant_qp=self._whole.constant_qp,
        )
        return FrameCoder(alone)

    def uniform(self, qps: Sequence[int]) -> list[CodedSegment]:
        """The whole segment at each of several QPs, many to a process; no QP is coded twice.

        A QP outside the encoder's range becomes the nearest one in it, as ``CodedSegment.qps`` then says.
        """
        low, high = self.encoder.capabilities.qp_range
        within = [min(max(qp, low), high) for qp in qps]
        missing = [qp for qp in dict.fromkeys(within) if qp not in self.trials]
        for start in range(0, len(missing), JOBS_PER_PROCESS):
            chunk = missing[start : start + JOBS_PER_PROCESS]
            streams = self.encoder.encode([self._job(qp) for qp in chunk])
            for qp, stream in zip(chunk, streams, strict=True):
                data, layout = self._whole_frames(stream)
                self.trials[qp] = CodedSegment(data, layout, (qp,), read_units(data), "uniform")
        return [self.trials[qp] for qp in within]

    def _job(self, qp: int | QpMap | tuple[QpMap, ...]) -> Job:
        merged = self.encoder.capabilities.regions
        return self._made(self.padded if merged else self.source, qp, self._whole, None if merged else self.spec)

    def _made(
        self,
        frames: Sequence[Yuv],
        qp: int | QpMap | tuple[QpMap, ...],
        mode: CodingMode,
        colour: ColourSpec | None = None,
    ) -> Job:
        segment = self.segment
        return Job(frames, qp, mode, colour, segment.structure, segment.rate, segment.intra_period)

    def _whole_frames(self, stream: bytes) -> tuple[bytes, RegionLayout]:
        """The stream of whole frames with its crop and colours, and its layout."""
        # The CTU size is that of the preset, not of the map; and an encoder may code a larger canvas than it shows.
        coded = inspect_stream(stream).pictures[0]
        layout = RegionLayout.single(*self.padded_size, max(coded.ctu, _SMALLEST_CTU))
        if not self.encoder.capabilities.regions:
            # The encoder crops by itself. Of the rest each leaves out, or states wrongly, something else.
            return self._presented(stream), layout
        shown = coded.display_width, coded.display_height
        # A stream that shows another size than was requested is refused there, by its sizes.
        canvas = layout
        if shown == self.padded_size:
            canvas = RegionLayout.single(coded.width, coded.height, coded.ctu)
        data = merge_regions([stream], canvas, display_size=self.size, vui=Vui.of_colour(self.spec))
        return self._presented(data), layout

    def _presented(self, data: bytes) -> bytes:
        """The stream with what a player needs to show it as the source is shown, whatever the encoder stated.

        Pictures are joined: even where there is but one, its profile is that of several.
        """
        return with_presentation(
            data,
            rate=self.segment.rate,
            sample_aspect=self.segment.sample_aspect,
            vui=Vui.of_colour(self.spec),
            video=True,
        )

    def native(self, qp_map: QpMap, frame_maps: Sequence[QpMap] = ()) -> CodedSegment:
        """The segment by the encoder's own map, or one for each frame, bent to what the encoder can say."""
        limits = self.encoder.capabilities.map_limits
        if limits is None:
            raise InputError(f"encoder {self.encoder.name} reads no QP maps: {self._ways_out()}")
        given: QpMap | tuple[QpMap, ...]
        own: tuple[QpMap, ...] = ()
        if frame_maps:
            given, notes = fit_maps(frame_maps, limits)
            own, smallest = given, reduce(smaller, given)
        else:
            fitted = fit_map(qp_map, limits)
            given = smallest = fitted.map
            notes = fitted.notes
        data, layout = self._whole_frames(self.encoder.encode([self._job(given)])[0])
        qps = (smallest.minimum(),)
        return CodedSegment(data, layout, qps, read_units(data), "native", smallest, notes, frame_maps=own)

    def regions(self, plan: RegionPlan) -> CodedSegment:
        """The segment in regions, each coded on its own and merged into one stream."""
        rects = plan.layout.regions()
        # Only 8 ALF parameter sets fit: the largest regions gain most from the filter.
        largest = sorted(range(len(rects)), key=lambda i: -rects[i].width * rects[i].height)[:ALF_SETS]
        jobs = [
            self._region_job(rect, qp, alf=i in largest)
            for i, (rect, qp) in enumerate(zip(rects, plan.qps, strict=True))
        ]
        # Between two versions of a segment often a few regions differ only.
        keys = [(rect, qp, job.mode) for rect, qp, job in zip(rects, plan.qps, jobs, strict=True)]
        missing = [i for i, key in enumerate(keys) if key not in self._pieces]
        for start in range(0, len(missing), JOBS_PER_PROCESS):
            chunk = missing[start : start + JOBS_PER_PROCESS]
            for i, stream in zip(chunk, self.encoder.encode([jobs[i] for i in chunk]), strict=True):
                self._pieces[keys[i]] = stream
        streams = [self._pieces[key] for key in keys]
        # Slices that a picture refers to may not end where its own do.
        inter = len(self.segment) > 1 and self.segment.structure != "intra"
        form = "subpictures" if inter else self.form
        data = merge_regions(streams, plan.layout, form=form, display_size=self.size, vui=Vui.of_colour(self.spec))
        data = self._presented(data)
        return CodedSegment(data, plan.layout, tuple(plan.qps), read_units(data), "regions")

    def _region_job(self, rect: Rect, qp: int, *, alf: bool) -> Job:
        frames = lazy(self.padded, lambda yuv: crop_yuv(yuv, rect))
        return self._made(frames, qp, replace(self._region, alf=alf))

    def map_of(self, boxes_xyxy: NDArray[np.floating], qps: NDArray[np.integer], policy: MapPolicy) -> QpMap:
        """The map of objects, given in source pixels, on the grid of the coded frames.

        Args:
            boxes_xyxy: (N, 4) corners in source pixels.
            qps: (N,) QPs.
            policy: Background, dilation, smoothing.
        """
        factor = np.array([self.size[0] / self.segment.width, self.size[1] / self.segment.height] * 2)
        return build_map(boxes_xyxy * factor, qps, policy, *self.padded_size, self.ctu)

    def qps_at(self, boxes_xyxy: NDArray[np.floating], qp_map: QpMap) -> NDArray[np.int64]:
        """The smallest QP that a map has at each object.

        Args:
            boxes_xyxy: (N, 4) corners in source pixels.
            qp_map: At the padded coded size.

        Returns:
            (N,) QPs.
        """
        factor = np.array([self.size[0] / self.segment.width, self.size[1] / self.segment.height] * 2)
        boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4) * factor
        limits = np.array([qp_map.width, qp_map.height], np.float64)
        low = np.clip(np.floor(boxes[:, :2]), 0, limits - 1).astype(np.int64)
        high = np.clip(np.ceil(boxes[:, 2:]), low + 1, limits).astype(np.int64)
        qps = [
            qp_map.at(Rect(x1, y1, x2 - x1, y2 - y1))
            for (x1, y1), (x2, y2) in zip(low.tolist(), high.tolist(), strict=True)
        ]
        return np.array(qps, dtype=np.int64)

    def by_map(self, qp_map: QpMap, how: Realisation = "auto", frame_maps: Sequence[QpMap] = ()) -> CodedSegment:
        """The segment by a map: no sample gets a larger QP than the map asks for.

        ``frame_maps``, one for each frame and nowhere below ``qp_map``, are for encoders that read maps. ``auto`` codes
        it at the map's smallest QP, by the maps themselves where the encoder reads them, and in regions where it can
        and the planner expects a gain; it keeps whichever took the fewest bits.

        Raises:
            InputError: ``native`` or ``regions`` was requested of an encoder without, or the map has another size.
        """
        if (qp_map.width, qp_map.height) != self.padded_size:
            width, height = self.padded_size
            raise InputError(
                f"the map is for {qp_map.width}x{qp_map.height} samples, frames are coded at {width}x{height}"
            )
        return replace(self._by_map(qp_map, how, frame_maps), requested=qp_map)

    def _by_map(self, qp_map: QpMap, how: Realisation, frame_maps: Sequence[QpMap]) -> CodedSegment:
        can = self.encoder.capabilities
        if how == "native":
            return self.native(qp_map, frame_maps)
        if how == "regions":
            if not can.regions:
                raise InputError(f"encoder {self.encoder.name} codes no regions: {self._ways_out()}")
            return self.regions(self.plan(qp_map))
        whole = self._at_minimum(qp_map)
        if how == "uniform" or qp_map.is_uniform:
            return whole
        ways = [whole]
        if can.native_map or (can.frame_qps and frame_maps):
            try:
                ways.append(self.native(qp_map, frame_maps))
            except ProcessError as error:
                note = (
                    f"the encoder codes one QP and failed with a map, which was left out: {without_places(str(error))}"
                )
                ways[0] = replace(whole, notes=(*whole.notes, note))
        if can.regions and self._may_pay(plan := self.plan(qp_map, whole), whole):
            # A small region of low QP may be one that the encoder has no room for.
            with contextlib.suppress(TooDenseError):
                ways.append(self.regions(plan))
        return min(ways, key=lambda coded: coded.bits)

    def _ways_out(self) -> str:
        """What ``--realise`` may be with this encoder."""
        can = self.encoder.capabilities
        ways = ["auto", *(["native"] if can.map_limits else []), *(["regions"] if can.regions else [])]
        return f"use --realise {', '.join(ways)} or uniform"

    def _may_pay(self, plan: RegionPlan, whole: CodedSegment) -> bool:
        """Whether regions are worth a try: in a sequence what they cost is several times what the plan knows of."""
        if len(plan.qps) < 2:
            return False
        return len(self.segment) == 1 or _SEQUENCE_COST * plan.estimated_bits * len(self.segment) < whole.content_bits

    def _at_minimum(self, qp_map: QpMap) -> CodedSegment:
        wanted = qp_map.minimum()
        whole = self.uniform([wanted])[0]
        if whole.qps[0] == wanted:
            return whole
        return replace(whole, notes=(f"the map's smallest QP {wanted} became {whole.qps[0]}, the encoder's limit",))

    def plan(self, qp_map: QpMap, whole: CodedSegment | None = None) -> RegionPlan:
        """The cheapest regions for a map, by the rate model (see ``rate_model``)."""
        # In a picture one CTU wide FFmpeg's decoder does not decode regions reliably: such a picture stays whole.
        limits = PlanLimits(max_regions=1) if self.padded_size[0] <= qp_map.ctu else None
        return plan_regions(qp_map, self.rate_model(qp_map.ctu, whole), limits=limits)

    def rate_model(self, ctu: int | None = None, whole: CodedSegment | None = None) -> RateModel:
        """Bits of a frame by CTU and QP, from the first one's texture, and from the whole segment where it was coded.

        No other trials: a plan, and so the stream, must not depend on what else was tried before. They would save less
        than 0.2 % (24 COCO pictures).
        """
        ctu = ctu or self.ctu
        if ctu not in self._textures:
            self._textures[ctu] = RateModel.from_texture(self.padded[0].y, ctu)
        texture = self._textures[ctu]
        if whole is None:
            return texture
        # What regions cost on top is counted per frame, too.
        return texture.calibrated({whole.qps[0]: whole.content_bits / len(self.segment)})

    def samples(self, coded: CodedSegment) -> Iterator[Yuv]:
        """The decoded samples frame after frame, at the coded size (made even).

        Raises:
            ProcessError: The stream does not decode to the segment's frames.
        """
        return self._samples.decoded(coded.data)

    def uncoded(self, place: int = 0) -> Frame:
        """The samples that are coded, as if coding did nothing to them: what no QP can be better than."""
        return self._samples.restored(place, self.source[place])

    def decode(self, coded: CodedSegment) -> Iterator[DecodedFrame]:
        """The decoded frames in presentation order, at the source's size.

        Raises:
            ProcessError: The stream does not decode to the segment's frames.
        """
        for place, yuv in enumerate(self.samples(coded)):
            yield DecodedFrame(self._samples.restored(place, yuv), psnr_y(self.source[place], yuv))

    def decode_still(self, coded: CodedSegment) -> DecodedFrame:
        """The one decoded frame of a still picture."""
        (decoded,) = self.decode(coded)
        return decoded


class DecodedFrame(NamedTuple):
    """A decoded frame at the source's size, and the PSNR of its luma at the coded size in dB."""

    frame: Frame
    psnr_y: float


@dataclass(frozen=True)
class FrameCoder:
    """Coded versions of a still picture: what a predictor gets as its ``coder``."""

    segment: SegmentCoder

    def __call__(self, qp: int) -> Frame:
        """The frame coded at one QP and decoded, at the source's size."""
        return next(self.many([qp]))

    def many(self, qps: Sequence[int]) -> Iterator[Frame]:
        """The frame coded at each QP, and decoded as it is taken, at the source's size."""
        for coded in self.segment.uniform(qps):
            yield self.segment.decode_still(coded).frame

"""Coding of one picture: at one QP, in regions, or by a native map; what was tried is remembered."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bitstream import NalType, RegionLayout, inspect_stream, merge_regions, split_nal_units
from vcmpipe.bitstream.geometry import Rect
from vcmpipe.config import CodingOptions
from vcmpipe.decoder import decode_stream
from vcmpipe.encoders.base import CodingMode, Encoder, Job, TooDenseError
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import (
    ColourSpec,
    Frame,
    Yuv,
    crop_yuv,
    pad_yuv,
    psnr_y,
    rgb_to_yuv,
    scale_rgb,
    yuv_bytes,
    yuv_to_rgb,
)
from vcmpipe.qpmap import MapPolicy, PlanLimits, QpMap, RateModel, RegionPlan, build_map, fit_map, plan_regions

Realisation = Literal["auto", "uniform", "regions", "native"]

# ALF parameter sets that one picture can hold (H.266 7.4.3.6: aps_adaptation_parameter_set_id is 0..7 for ALF).
ALF_SETS = 8
# Encoders side by side in one process: enough to fill the cores, few enough to bound memory.
JOBS_PER_PROCESS = 8


@dataclass(frozen=True)
class CodedPicture:
    """One coded picture as a stream of its own.

    Attributes:
        data: Annex-B stream with its parameter sets.
        layout: The regions' places.
        qps: One QP per region, in ``layout.regions()`` order.
        region_bits: Bits of each region's slice.
        realisation: How the QPs reached the stream.
        native: The map that the encoder was given, where it reads maps itself.
        notes: What the encoder could not be told as it was asked, a line each.
        asked: The map that was asked for, where there was one.
    """

    data: bytes
    layout: RegionLayout
    qps: tuple[int, ...]
    region_bits: tuple[int, ...]
    realisation: Literal["uniform", "regions", "native"]
    native: QpMap | None = None
    notes: tuple[str, ...] = ()
    asked: QpMap | None = None

    @property
    def bits(self) -> int:
        """All bits of the stream, headers included."""
        return 8 * len(self.data)

    @property
    def content_bits(self) -> int:
        """Bits of a VVC stream's slices and filters, without parameter sets: what the rate model is calibrated to."""
        units = split_nal_units(self.data)
        return 8 * sum(len(unit.data) + 4 for unit in units if unit.is_slice or unit.type == NalType.PREFIX_APS)

    def realised(self, asked: QpMap) -> QpMap:
        """The QP that each CTU of the map got: the largest of those that it touches."""
        if self.native is not None:
            return self.native.resampled(asked.ctu, "maximum")
        return asked.realised(self.layout.regions(), self.qps)


class PictureCoder:
    """Codes one source picture in as many ways as are asked for, each way once.

    A predictor gets it as its ``coder``: called with a QP it returns the picture coded at that QP, decoded, and scaled
    back to the source's size.

    Args:
        encoder: The external encoder.
        frame: The source picture.
        coded_size: Width and height to code at; the picture is scaled to it.
        spec: Colour.
        preset: The encoder's speed preset.
        ctu: CTU size of regions.
        form: How regions stand in the stream.
        constant_qp: See ``CodingMode``.
    """

    def __init__(
        self,
        encoder: Encoder,
        frame: Frame,
        *,
        coded_size: tuple[int, int] | None = None,
        spec: ColourSpec | None = None,
        preset: str = CodingOptions.preset,
        ctu: int = CodingOptions.ctu,
        form: Literal["slices", "subpictures"] = CodingOptions.form,
        constant_qp: bool = True,
    ) -> None:
        self.encoder = encoder
        self.frame = frame
        self.size = coded_size or (frame.width, frame.height)
        if min(self.size) < 16:
            raise InputError(f"{frame.source}: coded at {self.size[0]}x{self.size[1]}, at least 16x16 is needed")
        self.spec = spec or ColourSpec()
        self.form = form
        self.ctu = ctu
        self._whole = CodingMode(preset=preset, constant_qp=constant_qp)
        self._region = CodingMode(preset=preset, ctu=ctu, region=True)
        rgb = frame.rgb if self.size == (frame.width, frame.height) else scale_rgb(frame.rgb, self.size)
        self.source: Yuv = rgb_to_yuv(rgb, self.spec)
        self.yuv: Yuv = pad_yuv(self.source, 8)
        self.trials: dict[int, CodedPicture] = {}
        self._textures: dict[int, RateModel] = {}
        self._pieces: dict[tuple[Rect, int, CodingMode], bytes] = {}

    @cached_property
    def source_digest(self) -> str:
        """SHA-256 of the samples that are coded."""
        return hashlib.sha256(yuv_bytes(self.yuv)).hexdigest()

    @property
    def description(self) -> str:
        """How pictures are coded here, the encoder's build included; with ``source_digest`` all that bits depend on."""
        return f"{self.encoder.name}, {self.encoder.build}, {self._whole}, {self.size}, {self.spec}"

    def __call__(self, qp: int) -> Frame:
        """The picture coded at one QP and decoded, at the source's size."""
        return self.many([qp])[0]

    def many(self, qps: Sequence[int]) -> list[Frame]:
        """The picture coded at each QP and decoded, at the source's size."""
        return [self.decode(coded)[0] for coded in self.uniform(qps)]

    def uniform(self, qps: Sequence[int]) -> list[CodedPicture]:
        """The whole picture at each of several QPs, many to a process; no QP is coded twice.

        A QP outside the encoder's range becomes the nearest one in it, as ``CodedPicture.qps`` then says.
        """
        low, high = self.encoder.capabilities.qp_range
        within = [min(max(qp, low), high) for qp in qps]
        missing = [qp for qp in dict.fromkeys(within) if qp not in self.trials]
        for start in range(0, len(missing), JOBS_PER_PROCESS):
            chunk = missing[start : start + JOBS_PER_PROCESS]
            streams = self.encoder.encode([self._job(qp) for qp in chunk])
            for qp, stream in zip(chunk, streams, strict=True):
                data, layout = self._whole_picture(stream)
                self.trials[qp] = CodedPicture(data, layout, (qp,), _region_bits(data), "uniform")
        return [self.trials[qp] for qp in within]

    def _job(self, qp: int | QpMap) -> Job:
        if self.encoder.capabilities.regions:
            return Job(self.yuv, qp, self._whole)
        return Job(self.source, qp, self._whole, self.spec)

    def _whole_picture(self, stream: bytes) -> tuple[bytes, RegionLayout]:
        """The stream of a whole picture with its crop and colours, and its layout."""
        # The CTU size is that of the preset, not of the map; and an encoder may code a larger canvas than it shows.
        coded = inspect_stream(stream).pictures[0]
        layout = RegionLayout.single(self.yuv.width, self.yuv.height, coded.ctu)
        if not self.encoder.capabilities.regions:
            return stream, layout  # the encoder wrote them itself
        shown = coded.display_width, coded.display_height
        # A stream that shows another size than was asked for is refused there, by its sizes.
        canvas = layout
        if shown == (self.yuv.width, self.yuv.height):
            canvas = RegionLayout.single(coded.width, coded.height, coded.ctu)
        return merge_regions([stream], canvas, display_size=self.size, vui=self.spec.vui()), layout

    def native(self, qp_map: QpMap) -> CodedPicture:
        """The picture by the encoder's own map, bent to what the encoder can say."""
        limits = self.encoder.capabilities.map_limits
        if limits is None:
            raise InputError(f"encoder {self.encoder.name} reads no QP maps: use --realise auto, regions or uniform")
        fitted = fit_map(qp_map, limits)
        data, layout = self._whole_picture(self.encoder.encode([self._job(fitted.map)])[0])
        return CodedPicture(
            data, layout, (fitted.map.minimum(),), _region_bits(data), "native", fitted.map, fitted.notes
        )

    def regions(self, plan: RegionPlan) -> CodedPicture:
        """The picture in regions, each coded on its own and merged into one stream."""
        rects = plan.layout.regions()
        # Only 8 ALF parameter sets fit: the largest regions gain most from the filter.
        largest = sorted(range(len(rects)), key=lambda i: -rects[i].width * rects[i].height)[:ALF_SETS]
        jobs = [
            Job(crop_yuv(self.yuv, rect), qp, replace(self._region, alf=i in largest))
            for i, (rect, qp) in enumerate(zip(rects, plan.qps, strict=True))
        ]
        # Between two versions of a picture often a few regions differ only.
        keys = [(rect, qp, job.mode) for rect, qp, job in zip(rects, plan.qps, jobs, strict=True)]
        missing = [i for i, key in enumerate(keys) if key not in self._pieces]
        for start in range(0, len(missing), JOBS_PER_PROCESS):
            chunk = missing[start : start + JOBS_PER_PROCESS]
            for i, stream in zip(chunk, self.encoder.encode([jobs[i] for i in chunk]), strict=True):
                self._pieces[keys[i]] = stream
        streams = [self._pieces[key] for key in keys]
        data = merge_regions(streams, plan.layout, form=self.form, display_size=self.size, vui=self.spec.vui())
        return CodedPicture(data, plan.layout, tuple(plan.qps), _region_bits(data), "regions")

    def map_of(self, boxes_xyxy: NDArray[np.floating], qps: NDArray[np.integer], policy: MapPolicy) -> QpMap:
        """The map of objects, given in source pixels, on the grid of the coded picture.

        Args:
            boxes_xyxy: (N, 4) corners in source pixels.
            qps: (N,) QPs.
            policy: Background, dilation, smoothing.
        """
        factor = np.array([self.size[0] / self.frame.width, self.size[1] / self.frame.height] * 2)
        return build_map(boxes_xyxy * factor, qps, policy, self.yuv.width, self.yuv.height, self.ctu)

    def qps_at(self, boxes_xyxy: NDArray[np.floating], qp_map: QpMap) -> NDArray[np.int64]:
        """The smallest QP that a map has at each object.

        Args:
            boxes_xyxy: (N, 4) corners in source pixels.
            qp_map: At the padded coded size.

        Returns:
            (N,) QPs.
        """
        factor = np.array([self.size[0] / self.frame.width, self.size[1] / self.frame.height] * 2)
        boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4) * factor
        limits = np.array([qp_map.width, qp_map.height], np.float64)
        low = np.clip(np.floor(boxes[:, :2]), 0, limits - 1).astype(np.int64)
        high = np.clip(np.ceil(boxes[:, 2:]), low + 1, limits).astype(np.int64)
        qps = [
            qp_map.at(Rect(x1, y1, x2 - x1, y2 - y1))
            for (x1, y1), (x2, y2) in zip(low.tolist(), high.tolist(), strict=True)
        ]
        return np.array(qps, dtype=np.int64)

    def by_map(self, qp_map: QpMap, how: Realisation = "auto") -> CodedPicture:
        """The picture by a map: no sample gets a larger QP than the map asks for.

        ``auto`` codes it at the map's smallest QP, by the map itself where the encoder reads maps, and in regions where
        it can and the planner expects a gain; it keeps whichever took the fewest bits.

        Raises:
            InputError: ``native`` or ``regions`` was asked of an encoder without, or the map has another size.
        """
        if (qp_map.width, qp_map.height) != (self.yuv.width, self.yuv.height):
            raise InputError(
                f"the map is for {qp_map.width}x{qp_map.height} samples, the coded picture has "
                f"{self.yuv.width}x{self.yuv.height}"
            )
        return replace(self._by_map(qp_map, how), asked=qp_map)

    def _by_map(self, qp_map: QpMap, how: Realisation) -> CodedPicture:
        can = self.encoder.capabilities
        if how == "native":
            return self.native(qp_map)
        if how == "regions":
            if not can.regions:
                raise InputError(f"encoder {self.encoder.name} codes no regions: use --realise auto, native or uniform")
            return self.regions(self.plan(qp_map))
        whole = self._at_minimum(qp_map)
        if how == "uniform" or qp_map.is_uniform:
            return whole
        ways = [whole]
        if can.native_map:
            ways.append(self.native(qp_map))
        if can.regions and len((plan := self.plan(qp_map, whole)).qps) > 1:
            # A small region of low QP may be one that the encoder has no room for.
            with contextlib.suppress(TooDenseError):
                ways.append(self.regions(plan))
        return min(ways, key=lambda coded: coded.bits)

    def _at_minimum(self, qp_map: QpMap) -> CodedPicture:
        wanted = qp_map.minimum()
        whole = self.uniform([wanted])[0]
        if whole.qps[0] == wanted:
            return whole
        return replace(whole, notes=(f"the map's smallest QP {wanted} became {whole.qps[0]}, the encoder's limit",))

    def plan(self, qp_map: QpMap, whole: CodedPicture | None = None) -> RegionPlan:
        """The cheapest regions for a map, by the rate model (see ``rate_model``)."""
        # In a picture one CTU wide FFmpeg's decoder does not decode regions reliably: such a picture stays whole.
        limits = PlanLimits(max_regions=1) if self.yuv.width <= qp_map.ctu else None
        return plan_regions(qp_map, self.rate_model(qp_map.ctu, whole), limits=limits)

    def rate_model(self, ctu: int | None = None, whole: CodedPicture | None = None) -> RateModel:
        """Bits by CTU and QP, from the texture and from the whole picture where it was coded.

        No other trials: a plan, and so the stream, must not depend on what else was tried before. They would save less
        than 0.2 % (24 COCO pictures).
        """
        ctu = ctu or self.ctu
        if ctu not in self._textures:
            self._textures[ctu] = RateModel.from_texture(self.yuv.y, ctu)
        texture = self._textures[ctu]
        return texture if whole is None else texture.calibrated({whole.qps[0]: whole.content_bits})

    def samples(self, coded: CodedPicture) -> Yuv:
        """The decoded samples, at the coded size (made even).

        Raises:
            ProcessError: The stream does not decode to one picture of the coded size.
        """
        # One decoder thread: several pictures are under way at once.
        pictures = list(decode_stream(coded.data, threads=1))
        if len(pictures) != 1:
            raise ProcessError(f"{self.frame.source}: the stream decodes to {len(pictures)} pictures, not 1")
        decoded = pictures[0].yuv
        if (decoded.width, decoded.height) != (self.source.width, self.source.height):
            raise ProcessError(
                f"{self.frame.source}: decoded at {decoded.width}x{decoded.height}, "
                f"coded at {self.source.width}x{self.source.height}"
            )
        return decoded

    def uncoded(self) -> Frame:
        """The samples that are coded, as if coding did nothing to them: what no QP can be better than."""
        return self._restored(self.source)

    def _restored(self, yuv: Yuv) -> Frame:
        """Samples at the coded size as a picture of the source's size."""
        rgb = yuv_to_rgb(yuv, self.spec, self.size)
        if self.size != (self.frame.width, self.frame.height):
            rgb = scale_rgb(rgb, (self.frame.width, self.frame.height))
        return replace(self.frame, rgb=rgb)

    def decode(self, coded: CodedPicture) -> tuple[Frame, float]:
        """The decoded picture at the source's size, and the PSNR of its luma at the coded size in dB.

        Raises:
            ProcessError: The stream does not decode to one picture of the coded size.
        """
        decoded = self.samples(coded)
        return self._restored(decoded), psnr_y(self.source, decoded)


def _region_bits(data: bytes) -> tuple[int, ...]:
    return tuple(region.bits for region in inspect_stream(data).pictures[0].regions)

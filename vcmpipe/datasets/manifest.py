"""What a JRD store was made with: written once, compared whenever a build goes on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from vcmpipe.bitstream import Codec
from vcmpipe.config import DatasetBuildOptions, parse_range
from vcmpipe.errors import InputError
from vcmpipe.evaluation import MatchRule
from vcmpipe.frames import ColourSpec
from vcmpipe.tasks import DetectionTask, Task
from vcmpipe.tasks.trackers import load_tracker
from vcmpipe.tasks.tracking import TrackingTask, TrackRule

if TYPE_CHECKING:
    from vcmpipe.detection import Detector
    from vcmpipe.encoders import Encoder

KIND = "jrd-store"
VERSION = 1

# Two stores that differ in one of these do not go together; what messages call them.
_BINDING = {
    "qps": "QPs",
    "search": "search",
    "rule": "matching rule",
    "encoder": "encoder",
    "encoder_build": "encoder's build",
    "preset": "preset",
    "colour": "colour",
    "detector_digest": "detector's weights",
    "judges": "further judges",
    "scale": "scale",
    "video": "material",
}
_TRACKER = "bytetrack"
# What is written only where it says something: a store without is the same as one that was made before there were any.
_OPTIONAL = {"judges": [], "scale": 1.0, "video": None}


@dataclass(frozen=True)
class Judge:
    """A detector, or a view of one, that looked at every version besides the first.

    Attributes:
        name: What it is called.
        digest: SHA-256 of its weights, and of its view.
        classes: Its class names by number.
    """

    name: str
    digest: str
    classes: dict[int, str]


@dataclass(frozen=True)
class VideoRule:
    """How clips become segments, and when a track of one counts as kept.

    Attributes:
        structure: How the frames of a segment refer to each other.
        seconds: How long a segment may be.
        scene_cuts: Whether a segment ends with the scene.
        tracker: What makes tracks of detections.
        track: When a track is kept.
    """

    structure: Literal["random-access", "low-delay"]
    seconds: float
    scene_cuts: bool
    tracker: str
    track: TrackRule


@dataclass(frozen=True)
class Manifest:
    """All that the records of a store have in common.

    Attributes:
        images: The folder of pictures, or the folder of clips or one clip, as it was named when the store was made.
        qps: QPs that pictures are coded at; those that may be, where ``search`` picks among them.
        search: Whether each picture was coded only at the QPs that settle its labels.
        rule: When an object counts, and when it counts as found.
        codec: The standard of the streams.
        encoder: The encoder's name.
        encoder_build: Its version, as the binary states it.
        preset: Its speed preset.
        colour: Matrix, range and siting.
        detector: What the detector is called.
        detector_digest: SHA-256 of its weights.
        classes: Its class names by number.
        versions: Versions of vcmpipe, Python and packages when the store was made.
        judges: Who looked besides the detector.
        scale: Width and height of what was coded relative to the source.
        video: How clips were cut; None: the store is one of pictures.
    """

    images: str
    qps: tuple[int, ...]
    search: bool
    rule: MatchRule
    codec: Codec
    encoder: str
    encoder_build: str
    preset: str
    colour: ColourSpec
    detector: str
    detector_digest: str
    classes: dict[int, str]
    versions: dict[str, str] = field(default_factory=dict)
    judges: tuple[Judge, ...] = ()
    scale: float = 1.0
    video: VideoRule | None = None

    @classmethod
    def of(
        cls, options: DatasetBuildOptions, encoder: Encoder, detectors: Sequence[Detector], versions: dict[str, str]
    ) -> Manifest:
        """The manifest of the store of scale 1 that the options describe; ``detectors`` are the first and the further.

        Raises:
            InputError: Two detectors are called the same.
        """
        detector, *further = detectors
        video = None
        if options.structure != "intra":
            limits = TrackRule(options.track_share, options.track_gap)
            video = VideoRule(options.structure, options.segment, options.scene_cuts, _TRACKER, limits)
        names = [each.name for each in detectors]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise InputError(
                f"--judges {options.judges}: two detectors are called {twice[0]}: they need different names"
            )
        return cls(
            images=options.images,
            qps=parse_range(options.qps, low=0, high=63, what="--qps"),
            search=options.search,
            rule=MatchRule(options.score, options.min_score, options.iou),
            codec=encoder.capabilities.codec,
            encoder=encoder.name,
            encoder_build=encoder.build,
            preset=options.preset,
            colour=ColourSpec(matrix=options.matrix, range=options.range, siting=options.siting),
            detector=detector.name,
            detector_digest=detector.digest,
            classes=_classes(detector),
            versions=versions,
            judges=tuple(Judge(each.name, each.digest, _classes(each)) for each in further),
            video=video,
        )

    @property
    def name(self) -> str:
        """The data set's name: that of the folder of pictures or clips."""
        return Path(self.images).resolve().name

    @property
    def noun(self) -> str:
        """What a record is of."""
        return "picture" if self.video is None else "segment"

    @property
    def task(self) -> Task:
        """What an object or a track is, and when it counts as found."""
        if self.video is None:
            return DetectionTask(self.rule)
        return TrackingTask(self.rule, self.video.track, load_tracker(self.video.tracker))

    def refuse_other(self, other: Manifest, store: Path) -> None:
        """Refuse to go on with a store that was made with another configuration.

        Raises:
            InputError: Naming the first difference.
        """
        for key, title in _BINDING.items():
            ours, theirs = getattr(self, key), getattr(other, key)
            if ours != theirs:
                raise InputError(
                    f"{store} was made with another configuration: its {title}: {_shown(ours)}; requested now: "
                    f"{_shown(theirs)}. Name another --out, or request the same"
                )

    def to_json(self) -> str:
        """The manifest as it is written."""
        values = dataclasses.asdict(self) | {"classes": {str(k): v for k, v in self.classes.items()}}
        values["judges"] = [
            vars(judge) | {"classes": {str(k): v for k, v in judge.classes.items()}} for judge in self.judges
        ]
        values = {key: value for key, value in values.items() if key not in _OPTIONAL or value != _OPTIONAL[key]}
        return json.dumps({"kind": KIND, "version": VERSION} | values, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> Manifest:
        """Read a manifest.

        Raises:
            InputError: It is damaged, or of another kind or version.
        """
        try:
            values = msgspec.json.decode(text)
            kind, version = values.pop("kind"), values.pop("version")
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise InputError(f"{source} is damaged, or not a manifest of a data set: {error}") from error
        if kind != KIND:
            raise InputError(f"{source} describes a data set of the kind {kind!r}, not a built JRD store")
        if version != VERSION:
            raise InputError(f"{source} has version {version}, this vcmpipe reads {VERSION}: build the store again")
        try:
            manifest = msgspec.convert(values, cls, str_keys=True)
            if not 0.0 < manifest.scale <= 1.0:
                raise InputError(f"a scale of {manifest.scale}")
            if "\0" in manifest.images:
                raise InputError("its folder of pictures has a name with NUL")
            return manifest
        except (msgspec.ValidationError, InputError) as error:
            raise InputError(f"{source} is damaged: {error}") from error


def _classes(detector: Detector) -> dict[int, str]:
    return {int(number): str(name) for number, name in detector.classes.items()}


def _shown(value: object) -> str:
    if value is None:
        return "pictures"
    if isinstance(value, VideoRule):
        cuts = "" if value.scene_cuts else ", no scene cuts"
        kept = f"tracks of {value.tracker} kept in {value.track.share:g} of their frames, gaps of {value.track.gap}"
        return f"video, {value.structure}, segments of {value.seconds:g} s{cuts}, {kept}"
    if value == ():
        return "none"
    if isinstance(value, tuple) and all(isinstance(each, Judge) for each in value):
        return ", ".join(f"{each.name} (SHA-256 {each.digest[:12]}...)" for each in value)
    if isinstance(value, tuple) and value and all(isinstance(qp, int) for qp in value):
        step = value[1] - value[0] if len(value) > 1 else 1
        regular = value == tuple(range(value[0], value[-1] + 1, step)) and step > 0
        return f"{value[0]}:{value[-1]}:{step}" if regular else ",".join(map(str, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return ", ".join(f"{name.replace('_', ' ')} {each}" for name, each in dataclasses.asdict(value).items())
    if isinstance(value, str) and len(value) == 64:
        return f"SHA-256 {value[:12]}..."
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)

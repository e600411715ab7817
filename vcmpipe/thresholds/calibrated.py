"""The predictor of ``vcmpipe calibrate``: a base that was trained on another detector, fitted to the user's."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vcmpipe.errors import InputError
from vcmpipe.process import publish
from vcmpipe.process.reading import LARGEST_CARD, parse_json, read_file
from vcmpipe.process.text import one_line
from vcmpipe.thresholds.base import QP_COUNT, Coder, ThresholdPredictor, Thresholds
from vcmpipe.thresholds.calibration import Calibration
from vcmpipe.thresholds.foreign import digest_of, load_base
from vcmpipe.thresholds.loss_curves import LossForecast, LossPredictor
from vcmpipe.thresholds.transfer import Transfer

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame

NAME = "calibrated"
KIND = "calibrated-predictor"
VERSION = 1


@dataclass(frozen=True)
class CalibratedCard:
    """All that ``calibrate`` found out.

    Attributes:
        base: The predictor that was fitted.
        base_digest: What its answers depend on.
        detector: The detector that it was fitted to.
        detector_digest: Likewise.
        form: What was fitted: ``base`` (nothing but a spread), ``constant``, ``offset`` or ``line``.
        transfer: From the base's thresholds to the detector's.
        margin: The default one, QP steps.
        calibration: Retention by margin; None where all margins that were counted keep the same share.
        known: What else there is to say, by name: counts, cross-validated errors, what was counted, provenance.
    """

    base: str
    base_digest: str
    detector: str
    detector_digest: str
    form: str
    transfer: Transfer
    margin: int
    calibration: Calibration | None
    known: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        content: dict[str, Any] = {"kind": KIND, "version": VERSION}
        names = ("base", "base_digest", "detector", "detector_digest", "form", "margin")
        content |= {name: getattr(self, name) for name in names} | {"transfer": asdict(self.transfer)}
        if self.calibration is not None:
            curve, conditions = [list(point) for point in self.calibration.curve], dict(self.calibration.conditions)
            content["calibration"] = {
                "curve": curve,
                "material": self.calibration.material,
                "conditions": conditions,
            }
        return content | dict(self.known)

    def write(self, path: Path) -> None:
        """Write the card, whole or not at all."""
        with publish(path) as part:
            part.write_text(json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> CalibratedCard:
        """Read what ``write`` wrote.

        Raises:
            InputError: It is missing, damaged, of another version, or another kind of file.
        """
        where = one_line(str(path))
        data = read_file(path, LARGEST_CARD, "the predictor")
        try:
            content = parse_json(data)
        except ValueError as error:
            raise InputError(f"{where} is damaged, or not a card of vcmpipe calibrate: it is not JSON") from error
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind != KIND:
            hint = f": name it as {kind}:{where}" if kind == "detector_aware" else ""
            raise InputError(f"{where} is not a card of vcmpipe calibrate{hint}")
        if content.get("version") != VERSION:
            raise InputError(
                f"{where} is of version {content.get('version')!r}, this vcmpipe reads {VERSION}: run vcmpipe "
                "calibrate again"
            )
        try:
            return cls._from(content)
        except KeyError as error:
            raise InputError(f"{where} is damaged: it has no {error.args[0]}; run vcmpipe calibrate again") from error
        except (TypeError, ValueError, AttributeError, OverflowError, InputError) as error:
            raise InputError(f"{where} is damaged: {one_line(str(error))}; run vcmpipe calibrate again") from error

    @classmethod
    def _from(cls, content: Mapping[str, Any]) -> CalibratedCard:
        texts = ("base", "base_digest", "detector", "detector_digest", "form")
        for name in texts:
            if not isinstance(content[name], str) or not content[name]:
                raise ValueError(f"{name} is not text")
        margin, transfer = content["margin"], content["transfer"]
        if not isinstance(margin, int) or isinstance(margin, bool) or not -63 <= margin <= 63:
            raise ValueError(f"the margin must be a whole number in -63..63, not {margin!r}")
        if not isinstance(transfer, dict):
            raise ValueError("the transfer is not an object")
        values = {name: transfer[name] for name in ("scale", "offset", "spread")}
        if not all(isinstance(each, int | float) and math.isfinite(each) for each in values.values()):
            raise ValueError(f"the transfer must have finite numbers, not {values}")
        calibration = Calibration.from_card(content)
        if calibration is not None and not isinstance(content["calibration"]["material"], str):
            raise ValueError("the calibration's material is not text")
        own = {*texts, "kind", "version", "margin", "transfer", "calibration"}
        known = {name: value for name, value in content.items() if name not in own}
        named = {name: content[name] for name in texts}
        return cls(**named, transfer=Transfer(**values), margin=margin, calibration=calibration, known=known)


class Calibrated:
    """A base's thresholds, moved to where another detector's were measured to lie.

    Args:
        base: Any predictor that answers for the detector's detections.
        transfer: How its thresholds are moved.
        name: What the registry knows the predictor by.
        calibration: What margins keep.
        margin: The default margin.

    Attributes:
        sequence_margin: The base's own.
    """

    def __init__(
        self,
        base: ThresholdPredictor,
        transfer: Transfer,
        *,
        name: str = NAME,
        calibration: Calibration | None = None,
        margin: int = 0,
    ) -> None:
        self.base, self.transfer, self.name = base, transfer, name
        self.calibration, self.margin = calibration, margin
        self.sequence_margin = int(getattr(base, "sequence_margin", 0))
        self.digest = f"{NAME}: {digest_of(base)}, {transfer}"

    def predict(self, frame: Frame, detections: sv.Detections, coder: Coder | None = None) -> Thresholds:
        """See ``ThresholdPredictor``; the base asks for what it needs."""
        found = self.base.predict(frame, detections, coder)
        return Thresholds(self.transfer.mass(found.mass), found.recognisable)

    def forecast(self, frame: Frame, detections: sv.Detections) -> LossForecast | None:
        """The base's, its QPs moved as thresholds that lie there; None where the base has none, or is a constant."""
        base = self.base
        own = base.forecast(frame, detections) if isinstance(base, LossPredictor) and self.transfer.scale > 0 else None
        if own is None:
            return None
        qps = np.arange(QP_COUNT, dtype=np.float64)
        at = self.transfer.qps(qps)

        def moved(scale: float, known: ArrayLike) -> NDArray[np.float64]:
            shares = own(scale, known)
            return np.stack([np.interp(at, qps, row) for row in shares]) if len(shares) else shares

        return moved


def calibrated(argument: str, *, detector: Detector | None = None) -> Calibrated:
    """Make the predictor of ``calibrated:CARD.json``.

    Raises:
        InputError: The card is missing or damaged, there is no detector or another one, or the base's weights are
            others than those that were fitted.
    """
    if not argument:
        raise InputError(f"the predictor {NAME} needs a card: write {NAME}:CARD.json, as vcmpipe calibrate makes it")
    if detector is None:
        raise InputError(f"the predictor {NAME}:{argument} needs the detector that it was made for: name it")
    card = CalibratedCard.read(Path(argument))
    if card.detector_digest != detector.digest:
        raise InputError(
            f"{argument} was calibrated for {one_line(card.detector)}, not for {detector.name}: run vcmpipe calibrate"
        )
    base = load_base(card.base, detector)
    if digest_of(base) != card.base_digest:
        raise InputError(
            f"{argument} was calibrated with other weights of {one_line(card.base)} than are here: run vcmpipe "
            "calibrate again"
        )
    name = f"{NAME}:{argument}"
    return Calibrated(base, card.transfer, name=name, calibration=card.calibration, margin=card.margin)

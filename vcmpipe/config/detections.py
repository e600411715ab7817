"""Options of the commands that take or write files of detections."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.config.base import Options, option
from vcmpipe.config.outputs import FOLDER

WRITES = (".json", ".csv", ".parquet", ".txt", FOLDER)


@dataclass(frozen=True, kw_only=True)
class DetectionOptions(Options):
    """Detections of other models, and where detections are written."""

    classes: str | None = option(
        None,
        metavar="FILE",
        help="with detections in a file: the names of their classes, a name a line, JSON, or a data.yaml; default: "
        "those that the file has, else COCO's",
    )
    detections_out: str | None = option(
        None,
        metavar="FILE",
        help="write what the detector finds in the source: COCO results (.json), a COCO data set as FiftyOne and CVAT "
        "import it (.coco.json), .csv, .parquet, MOT text (.txt), or a folder of YOLO labels",
        writes=WRITES,
    )

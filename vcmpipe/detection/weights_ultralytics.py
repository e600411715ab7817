"""Where ultralytics weights are looked for, and how they are downloaded; also how ultralytics is made to behave."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from vcmpipe.detection.reason import reason
from vcmpipe.errors import InputError, VcmError
from vcmpipe.process.extras import need

# What `auto` takes, the best first; all are COCO detectors small enough for a CPU.
AUTO_NAMES = ("yolo26n.pt", "yolo11n.pt", "yolov8n.pt", "yolo26s.pt", "yolo11s.pt", "yolov8s.pt")
_FAMILIES = ("yolo", "rtdetr")

# Read by ultralytics when it is imported. Offline means for it: no usage statistics and no look-ups; it is lifted
# again afterwards, since a download that was requested has to work.
_IMPORT_SETTINGS = {
    "ULTRALYTICS_SAFE_LOAD": "1",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "YOLO_OFFLINE": "true",
}
_KEPT_SETTINGS = ("ULTRALYTICS_SAFE_LOAD", "YOLO_AUTOINSTALL")


def import_ultralytics(detector: str = "ultralytics") -> Any:
    """The ultralytics package: quiet, without usage statistics, installing nothing, loading no foreign pickles.

    InputError where it is not installed; the message names the ``detector`` that needs it.
    """
    need(f"detector {detector}", "ultralytics")
    before = {name: os.environ[name] for name in set(os.environ) & (set(_IMPORT_SETTINGS) - set(_KEPT_SETTINGS))}
    os.environ.update(_IMPORT_SETTINGS)
    try:
        import ultralytics
        import ultralytics.nn.tasks
        import ultralytics.utils.events
    finally:
        for name in set(_IMPORT_SETTINGS) - set(_KEPT_SETTINGS):
            del os.environ[name]
        os.environ.update(before)
    # Someone may have imported it before us, with other settings.
    ultralytics.nn.tasks.SAFE_LOAD = True
    ultralytics.utils.events.events.enabled = False
    ultralytics.utils.LOGGER.setLevel("ERROR")
    return ultralytics


def weights_folder() -> Path:
    """Where downloaded weights are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("vcmpipe", appauthor=False)) / "weights"


def published_name(name: str) -> str | None:
    """The file name of a published ultralytics weight (``yolo11n`` gives ``yolo11n.pt``); None where it is none."""
    if not name.lower().startswith(_FAMILIES) or Path(name).name != name:
        return None
    import_ultralytics(name)
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

    file = name if name.endswith(".pt") else f"{name}.pt"
    return file if file in GITHUB_ASSETS_NAMES else None


def find(name: str) -> Path | None:
    """A weight that is already here: in the working folder, among our downloads, or among those of ultralytics."""
    folders = [Path(), weights_folder()]
    if "ultralytics" in sys.modules:
        folders.append(Path(import_ultralytics().settings["weights_dir"]))
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def find_any() -> Path | None:
    """The first of ``AUTO_NAMES`` that is already here."""
    import_ultralytics()
    return next((path for path in map(find, AUTO_NAMES) if path is not None), None)


def download(name: str, ways_forward: str) -> Path:
    """Downloads a published weight into ``weights_folder``.

    Raises:
        VcmError: It cannot be had; the message ends with the ways forward.
    """
    import_ultralytics()
    from ultralytics.utils.downloads import attempt_download_asset

    target = weights_folder() / name
    try:
        attempt_download_asset(str(target), retry=0, progress=False)
    except Exception as error:  # the network, the disk and the server each fail in ways of their own
        raise VcmError(
            f"detector {name} is not here and cannot be downloaded ({reason(error)}); {ways_forward}"
        ) from error
    if not target.is_file():
        raise VcmError(f"detector {name} is not here and cannot be downloaded; {ways_forward}")
    return target


def download_any(ways_forward: str) -> Path:
    """Downloads the first of ``AUTO_NAMES``.

    Raises:
        InputError: No detector can be had; the message ends with the ways forward.
    """
    try:
        return download(AUTO_NAMES[0], ways_forward)
    except VcmError as error:
        raise InputError(f"no detector: no ultralytics weight is here or can be downloaded; {ways_forward}") from error

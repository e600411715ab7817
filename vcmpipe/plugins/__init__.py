"""Everything that is found by name, in one table: what comes along, and the entry points of other packages."""

from vcmpipe.plugins.registry import Registry

DETECTORS = Registry(
    "detector",
    "vcmpipe.detectors",
    {
        "demo": "vcmpipe.detection.demo:DemoDetector",
        "detections": "vcmpipe.detection.recorded:RecordedDetector",
        "none": "vcmpipe.detection.nothing:NoDetector",
        "onnx": "vcmpipe.detection.onnx:OnnxDetector",
        "torchvision": "vcmpipe.detection.torchvision:TorchvisionDetector",
        "ultralytics": "vcmpipe.detection.ultralytics:UltralyticsDetector",
    },
)
PREDICTORS = Registry(
    "predictor",
    "vcmpipe.thresholds",
    {
        "bc_jrd": "vcmpipe.thresholds.bc_jrd:BcJrdPredictor",
        "calibrated": "vcmpipe.thresholds.calibrated:calibrated",
        "constant": "vcmpipe.thresholds.constant:constant_predictor",
        "detector_aware": "vcmpipe.thresholds.detector_aware:detector_aware",
        "dt_jrd": "vcmpipe.thresholds.dt_jrd:DtJrdPredictor",
        "laser": "vcmpipe.jnd.models.picture_jnd:laser_predictor",
        "measured": "vcmpipe.measurement.measured:MeasuredPredictor",
        "mtjnd": "vcmpipe.jnd.models.picture_jnd:mtjnd_predictor",
    },
)
ENCODERS = Registry("encoder", "vcmpipe.encoders", {})
TASKS = Registry(
    "task",
    "vcmpipe.tasks",
    {"detection": "vcmpipe.tasks.detection:detection_task", "tracking": "vcmpipe.tasks.tracking:tracking_task"},
)
TRACKERS = Registry("tracker", "vcmpipe.trackers", {"bytetrack": "vcmpipe.tasks.trackers:ByteTracker"})
METHODS = Registry(
    "method",
    "vcmpipe.methods",
    {
        "plain": "vcmpipe.bench.methods:plain",
        "stock": "vcmpipe.bench.methods:stock",
        "plain-whole": "vcmpipe.bench.methods:plain_whole",
        "plain-scene": "vcmpipe.bench.methods:plain_scene",
        "stock-whole": "vcmpipe.bench.methods:stock_whole",
        "plain-scaled": "vcmpipe.bench.methods:plain_scaled",
        "frame": "vcmpipe.bench.methods:frame",
        "roi": "vcmpipe.bench.methods:roi",
        "jrd": "vcmpipe.bench.methods:jrd",
        "jrd-measured": "vcmpipe.bench.methods:jrd_measured",
        "verified": "vcmpipe.bench.methods:verified",
        "rdo-open": "vcmpipe.bench.rdo_methods:rdo_open",
        "rdo": "vcmpipe.bench.rdo_methods:rdo",
        "rdo-panel": "vcmpipe.bench.rdo_methods:rdo_panel",
    },
    renamed={"plain-default": "stock", "plain-default-whole": "stock-whole"},
)
VIEWERS = Registry("viewer", "vcmpipe.viewers", {"human": "vcmpipe.jnd.viewer:load_human_viewer"})
QUALITY = Registry("quality measure", "", {"human": "vcmpipe.jnd.visual_quality"})
TRAINERS = Registry(
    "model",
    "vcmpipe.trainers",
    {
        "bc_jrd": "vcmpipe.training.object_run:train_objects",
        "detector_aware": "vcmpipe.training.aware_run:train_aware",
        "dt_jrd": "vcmpipe.training.object_run:train_objects",
        "laser": "vcmpipe.jnd.training.laser:train_laser",
        "mtjnd": "vcmpipe.jnd.training.mtjnd:train_mtjnd",
        "resjnd": "vcmpipe.jnd.training.resjnd:train_resjnd",
    },
)
IMPORTERS = Registry(
    "data set",
    "vcmpipe.importers",
    {
        "cpl-set": "vcmpipe.jnd.importers.cpl_set:read",
        "jnd-levels": "vcmpipe.jnd.importers.jnd_levels:read",
        "jrd-images": "vcmpipe.datasets.importers.jrd_images:read",
        "mcl-jci": "vcmpipe.jnd.importers.mcl_jci:read",
        "ow-jrd": "vcmpipe.datasets.importers.ow_jrd:read",
        "videoset": "vcmpipe.jnd.importers.videoset:read",
    },
)
EXPORTERS = Registry(
    "layout",
    "vcmpipe.exporters",
    {
        "labels": "vcmpipe.datasets.exporters.labels:write",
        "losses": "vcmpipe.datasets.exporters.losses:write",
        "ow-jrd": "vcmpipe.datasets.exporters.ow_jrd:write",
    },
)

__all__ = [
    "DETECTORS",
    "ENCODERS",
    "EXPORTERS",
    "IMPORTERS",
    "METHODS",
    "PREDICTORS",
    "QUALITY",
    "TASKS",
    "TRACKERS",
    "TRAINERS",
    "VIEWERS",
    "Registry",
]

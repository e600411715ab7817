"""QP maps: from objects and their QPs to a QP per CTU, to regions, and to files that encoders read."""

from vcmpipe.qpmap.ffmpeg_formats import write_addroi
from vcmpipe.qpmap.fitting import FittedMap, MapLimits, fit_map, fit_maps
from vcmpipe.qpmap.formats import (
    KVAZAAR_SPAN,
    ROI_CTU,
    ROI_QP_RANGE,
    RoiReport,
    read_csv,
    write_csv,
    write_roi,
)
from vcmpipe.qpmap.layout import PlanLimits, RegionPlan, plan_regions
from vcmpipe.qpmap.policy import Background, MapPolicy, build_map, limit_steps, parse_background
from vcmpipe.qpmap.preview import write_png
from vcmpipe.qpmap.qp_map import QpMap
from vcmpipe.qpmap.rate import RateModel, RegionOverhead
from vcmpipe.qpmap.vtm_formats import MAX_RECTANGLES, write_frame_deltas, write_mask, write_rectangles

__all__ = [
    "KVAZAAR_SPAN",
    "MAX_RECTANGLES",
    "ROI_CTU",
    "ROI_QP_RANGE",
    "Background",
    "FittedMap",
    "MapLimits",
    "MapPolicy",
    "PlanLimits",
    "QpMap",
    "RateModel",
    "RegionOverhead",
    "RegionPlan",
    "RoiReport",
    "build_map",
    "fit_map",
    "fit_maps",
    "limit_steps",
    "parse_background",
    "plan_regions",
    "read_csv",
    "write_addroi",
    "write_csv",
    "write_frame_deltas",
    "write_mask",
    "write_png",
    "write_rectangles",
    "write_roi",
]

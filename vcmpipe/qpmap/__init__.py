"""QP maps: from objects and their QPs to a QP per CTU, to regions, and to files that encoders read."""

from vcmpipe.qpmap.formats import (
    ROI_QP_RANGE,
    RoiReport,
    fit_for_roi,
    read_csv,
    read_png,
    read_roi,
    read_roi_deltas,
    write_csv,
    write_png,
    write_roi,
)
from vcmpipe.qpmap.layout import PlanLimits, RegionPlan, plan_regions
from vcmpipe.qpmap.policy import Background, MapPolicy, build_map, limit_steps, parse_background
from vcmpipe.qpmap.qp_map import QpMap
from vcmpipe.qpmap.rate import RateModel, RegionOverhead

__all__ = [
    "ROI_QP_RANGE",
    "Background",
    "MapPolicy",
    "PlanLimits",
    "QpMap",
    "RateModel",
    "RegionOverhead",
    "RegionPlan",
    "RoiReport",
    "build_map",
    "fit_for_roi",
    "limit_steps",
    "parse_background",
    "plan_regions",
    "read_csv",
    "read_png",
    "read_roi",
    "read_roi_deltas",
    "write_csv",
    "write_png",
    "write_roi",
]

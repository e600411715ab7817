"""The options of every command, each described once: in this package.

The command line, ``--config`` files and the Python functions all read these dataclasses. A field's ``help`` is the text
of its option. Nothing heavy is imported here, so that ``vcmpipe --help`` answers at once.
"""

from vcmpipe.config.base import Options, flag_of, option, parse_range, parse_scales, parse_shares
from vcmpipe.config.bench import BenchOptions
from vcmpipe.config.cache import CacheOptions, CacheSizeOptions
from vcmpipe.config.calibrate import CalibrateOptions
from vcmpipe.config.coding import CodingOptions, MapOptions, PipelineOptions, ThresholdOptions, WholeCodingOptions
from vcmpipe.config.datasets import (
    DatasetBuildOptions,
    DatasetConvertOptions,
    DatasetCropOptions,
    DatasetExportOptions,
    DatasetFetchOptions,
    DatasetImportOptions,
    DatasetStatsOptions,
    DatasetVerifyOptions,
)
from vcmpipe.config.encode import EncodeOptions
from vcmpipe.config.jnd import JndMapOptions
from vcmpipe.config.predictors import EvaluatePredictorOptions, ObjectsOptions, PredictOptions
from vcmpipe.config.search import SearchOptions, Target, parse_target
from vcmpipe.config.streams import DecodeOptions, DoctorOptions, ExtractOptions, InspectOptions
from vcmpipe.config.training import TrainOptions
from vcmpipe.config.video import LiveOptions, SequenceOptions, SourceOptions
from vcmpipe.config.viewer import ViewerOptions

__all__ = [
    "BenchOptions",
    "CacheOptions",
    "CacheSizeOptions",
    "CalibrateOptions",
    "CodingOptions",
    "DatasetBuildOptions",
    "DatasetConvertOptions",
    "DatasetCropOptions",
    "DatasetExportOptions",
    "DatasetFetchOptions",
    "DatasetImportOptions",
    "DatasetStatsOptions",
    "DatasetVerifyOptions",
    "DecodeOptions",
    "DoctorOptions",
    "EncodeOptions",
    "EvaluatePredictorOptions",
    "ExtractOptions",
    "InspectOptions",
    "JndMapOptions",
    "LiveOptions",
    "MapOptions",
    "ObjectsOptions",
    "Options",
    "PipelineOptions",
    "PredictOptions",
    "SearchOptions",
    "SequenceOptions",
    "SourceOptions",
    "Target",
    "ThresholdOptions",
    "TrainOptions",
    "ViewerOptions",
    "WholeCodingOptions",
    "flag_of",
    "option",
    "parse_range",
    "parse_scales",
    "parse_shares",
    "parse_target",
]

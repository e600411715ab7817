"""The one place that starts external programs, and the one way in which files are published."""

from vcmpipe.process.children import GRACE_SECONDS, stop_all
from vcmpipe.process.locks import only_writer
from vcmpipe.process.outputs import (
    check_replaceable,
    make_parents,
    output_error,
    publish,
    publish_together,
    replace_together,
)
from vcmpipe.process.runner import STDERR_KEPT, Completed, probe, run, start_problem, time_limit
from vcmpipe.process.settings import MEMORY_VARIABLE, RETRIES_VARIABLE, TIMEOUT_VARIABLE, Settings
from vcmpipe.process.streaming import Output, streaming
from vcmpipe.process.temporary import temporary_folder
from vcmpipe.process.text import file_argument, one_line

__all__ = [
    "GRACE_SECONDS",
    "MEMORY_VARIABLE",
    "RETRIES_VARIABLE",
    "STDERR_KEPT",
    "TIMEOUT_VARIABLE",
    "Completed",
    "Output",
    "Settings",
    "check_replaceable",
    "file_argument",
    "make_parents",
    "one_line",
    "only_writer",
    "output_error",
    "probe",
    "publish",
    "publish_together",
    "replace_together",
    "run",
    "start_problem",
    "stop_all",
    "streaming",
    "temporary_folder",
    "time_limit",
]

"""What an importer hands over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from vcmpipe.datasets.samples import Samples


@dataclass(frozen=True)
class Imported:
    """Samples and the tables that belong to them.

    Attributes:
        samples: The table of samples.
        companions: More tables by name, such as the answers of single subjects (``raters``).
    """

    samples: Samples
    companions: Mapping[str, pd.DataFrame] = field(default_factory=dict)

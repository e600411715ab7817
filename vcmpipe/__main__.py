"""``python -m vcmpipe``."""

import sys

from vcmpipe.cli import main

sys.exit(main())

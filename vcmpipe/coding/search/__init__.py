"""The closed loop around the pipeline: versions of a picture are tried until one is the cheapest that keeps everything.

``search`` holds the logic, without pictures; ``posterior`` and ``prior`` say what to expect of versions not
tried yet; ``canvas`` and ``propose`` know what versions there are; ``problem`` tries them; ``picture`` and
``verifier`` are the way in.
"""

from vcmpipe.coding.search.claims import Claims, Look, View
from vcmpipe.coding.search.picture import SCALES, TRIALS, Verified, VerifyRules, verify_picture

__all__ = ["SCALES", "TRIALS", "Claims", "Look", "Verified", "VerifyRules", "View", "verify_picture"]

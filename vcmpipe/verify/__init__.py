"""The closed loop around the pipeline: versions of a picture are tried until one is the cheapest that keeps everything.

``search`` holds the logic, without pictures; ``belief`` and ``prior`` say what to expect of versions that nobody tried;
``canvas`` and ``propose`` know what versions there are; ``problem`` tries them; ``picture`` and ``run`` are the way in.
"""

from vcmpipe.verify.claims import Claims, Look, View
from vcmpipe.verify.picture import SCALES, TRIALS, Verified, VerifyRules, verify_picture
from vcmpipe.verify.run import encode

__all__ = ["SCALES", "TRIALS", "Claims", "Look", "Verified", "VerifyRules", "View", "encode", "verify_picture"]

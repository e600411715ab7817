"""The closed loop around the pipeline: versions of a segment are tried until one is the cheapest that keeps everything.

``search`` holds the logic, without pictures; ``posterior`` and ``prior`` say what to expect of versions not
tried yet; ``canvas`` and ``propose`` know what versions there are; ``problem`` tries them; ``verified`` and
``verifier`` are the way in.
"""

from vcmpipe.coding.search.verified import SCALES, TRIALS, Verified, VerifyRules, verify_segment

__all__ = ["SCALES", "TRIALS", "Verified", "VerifyRules", "verify_segment"]

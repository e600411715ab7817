"""Just-noticeable differences: what distortion human eyes bear, per picture (LASeR-JND, MTJND) or pixel (ResJND).

The networks load torch, so that nothing is imported here: take them from the modules.
"""

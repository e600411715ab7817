"""The closed loop around the pipeline: versions of a segment are coded and judged until the best one is found.

Where no object may be lost: ``search`` holds the logic, without pictures; ``posterior`` and ``prior`` say what to
expect of versions not tried yet; ``canvas`` and ``propose`` know what versions there are; ``problem`` tries them. Where
accuracy is weighed against bits: ``rdo`` tries sizes and QPs, and ``surface`` says what to expect of them. Segments of
many frames are the business of ``sequence_search``, which begins with the ``answers`` of earlier ones.
``segment_search`` and ``closed_loop`` are the way in.
"""

from vcmpipe.coding.search.answers import Answers
from vcmpipe.coding.search.judges import second_view
from vcmpipe.coding.search.searched import SCALES, TRIALS, Searched, SearchRules
from vcmpipe.coding.search.segment_search import search_segment

__all__ = ["SCALES", "TRIALS", "Answers", "SearchRules", "Searched", "search_segment", "second_view"]

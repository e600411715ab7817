"""Does to hostile streams all that vcmpipe does to streams, and stops at the first thing that is no error for a user.

Run by test_hostile_streams.py in a process of its own: FOLDER COUNT SEED. FOLDER holds real streams (*.bin) and gets
``current``, the stream under way, and ``state``: how many are done and what is being done.
"""

from __future__ import annotations

import resource
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from vcmpipe.bitstream import (
    RegionLayout,
    concatenate,
    count_pictures,
    ctu_qps,
    extract_subpicture,
    inspect_stream,
    merge_regions,
)
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.errors import VcmError

PATIENCE = 30  # seconds for one action on a stream of some kilobytes; a slow machine needs a tenth

folder, count, number = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
real = [path.read_bytes() for path in sorted(folder.glob("*.bin"))]
region = (folder / "region1.bin").read_bytes()
units = [b"\0\0\1" + unit for data in real for unit in data.split(b"\0\0\1")[1:]]
done = 0
accepted: Counter[str] = Counter()

LAYOUT = RegionLayout(96, 64, 32, (1, 2), (2,), ((2,), (2,)))
ACTIONS = {
    "count": count_pictures,
    "inspect": lambda data: [ctu_qps(picture) for picture in inspect_stream(data).pictures],
    "extract": lambda data: [extract_subpicture(data, index) for index in (0, 1)],
    "merge one": lambda data: merge_regions([data], RegionLayout.single(96, 64, 32), display_size=(90, 60)),
    "merge two": lambda data: merge_regions([data, region], LAYOUT, form="subpictures"),
    "concatenate": lambda data: concatenate([data, data]),
    "decode": lambda data: [picture.rgb() for picture in decode_stream(data, threads=1 + len(data) % 2)],
}

PLACES = st.floats(0, 1, exclude_max=True)
HEAVY_IN_FRONT = st.one_of(PLACES, PLACES.map(lambda place: place / 20))  # headers, where a flip does most
FLIPS = st.lists(st.tuples(HEAVY_IN_FRONT, st.integers(0, 7)), min_size=1, max_size=8)


def flipped(data: bytes, flips: list[tuple[float, int]]) -> bytes:
    broken = bytearray(data)
    for place, bit in flips:
        broken[int(place * len(broken))] ^= 1 << bit
    return bytes(broken)


def overwritten(data: bytes, place: float, blob: bytes, inserted: bool) -> bytes:
    start = int(place * len(data))
    return data[:start] + blob + data[start + (0 if inserted else len(blob)) :]


def cut(data: bytes, first: float, last: float) -> bytes:
    start, end = sorted((int(first * len(data)), int(last * len(data))))
    return data[:start] + data[end:]


STREAMS = st.sampled_from(real)
# NAL units of any streams in any order, some of them damaged.
SHUFFLED = st.lists(st.sampled_from(units), min_size=1, max_size=12).map(b"".join)
MADE = st.lists(
    st.builds(
        lambda kind, rest, layer, payload: b"\0\0\1" + bytes([layer, kind << 3 | rest]) + payload,
        st.integers(0, 31),
        st.integers(0, 7),
        st.sampled_from([0, 0, 0, 1, 63, 128]),
        st.binary(max_size=120),
    ),
    min_size=1,
    max_size=10,
).map(b"".join)
CASES = st.one_of(
    *[st.builds(flipped, st.just(data), FLIPS) for data in real],
    st.builds(flipped, STREAMS, st.lists(st.tuples(PLACES, st.integers(0, 7)), min_size=1, max_size=1)),
    st.builds(overwritten, STREAMS, HEAVY_IN_FRONT, st.binary(max_size=40), st.booleans()),
    st.builds(cut, STREAMS, PLACES, PLACES),
    SHUFFLED,
    st.builds(flipped, SHUFFLED, FLIPS),
    MADE,
    st.builds(lambda made, stream: stream + made, MADE, STREAMS),
    st.binary(max_size=400),
)


@seed(number)
@settings(
    max_examples=count, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(data=CASES)
def use(data: bytes) -> None:
    global done
    (folder / "current").write_bytes(data)
    for name, action in ACTIONS.items():
        (folder / "state").write_text(f"{done} {name}")
        begun = time.monotonic()
        signal.alarm(PATIENCE)  # a decoder that hangs in C is ended by it, and seen by whoever started this
        try:
            action(data)
            accepted[name] += 1
        except VcmError as error:
            assert str(error) and "\n" not in str(error), f"{name}: not one line: {error!r}"
        signal.alarm(0)
        assert time.monotonic() - begun < PATIENCE
    done += 1


resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
while done < count:
    use()  # hypothesis stops early where it believes to have seen all that there is
# A test of refusals alone would say little of what lies behind the first check.
least = min(accepted[name] for name in ACTIONS)
print(done, least, dict(accepted), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "MiB")

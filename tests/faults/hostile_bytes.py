"""Ways to spoil bytes, NAL units, text and JSON. Each takes a random generator, so that a case comes again."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Sequence
from typing import Any

HUGE = (0xFF, 0x7F, 0x80, 0x00)
WORDS = (
    *("../../../escaped", "/tmp/../escaped", "..", "a\0b", "\x1b]0;x\x07", "\ud800", "x" * 70_000, "", "=1+1", "-i"),
    *("con", "file:///etc/passwd", "http://127.0.0.1:1/x", "%s%n", "{0}", "\u202e", "🐈", "NaN", "null"),
)
NUMBERS = (
    *(
        "1e400",
        "-1e400",
        "NaN",
        "Infinity",
        "-1",
        "0",
        "9" * 400,
        "1e-400",
        "0x10",
        "1_0",
        "1.5",
        "99999999999999999999",
    ),
    *("2147483648", "-2147483649", "18446744073709551616", "true", "''"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1 << 31, 1 << 63, 1 << 64, 10**300, 0.5, -0.0, 1e308, 5e-324, [], {}, [[]], [None]),
    *WORDS,
)


def flipped(rng: random.Random, data: bytes) -> bytes:
    """Some bits, more of them in front, where headers are."""
    broken = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        place = rng.random() * (0.05 if rng.random() < 0.4 else 1)
        broken[int(place * len(broken))] ^= 1 << rng.randrange(8)
    return bytes(broken)


def cut(rng: random.Random, data: bytes) -> bytes:
    """A piece taken out, often the end."""
    first = rng.randrange(len(data))
    last = len(data) if rng.random() < 0.5 else rng.randrange(first, len(data))
    return data[:first] + data[last:]


def repeated(rng: random.Random, data: bytes) -> bytes:
    """A piece a second time, there or elsewhere."""
    first = rng.randrange(len(data))
    piece = data[first : first + rng.choice((1, 4, 16, 200, 5000))]
    place = rng.randrange(len(data))
    return data[:place] + piece * rng.choice((1, 1, 2, 50)) + data[place:]


def overwritten(rng: random.Random, data: bytes) -> bytes:
    """Noise over a piece, or in between."""
    place, noise = rng.randrange(len(data)), rng.randbytes(rng.choice((1, 2, 4, 40, 400)))
    return data[:place] + noise + data[place + rng.choice((0, len(noise))) :]


def enlarged(rng: random.Random, data: bytes) -> bytes:
    """Fields of 2, 4 or 8 bytes that become the largest, the smallest or the least likely number."""
    broken = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        width = rng.choice((2, 4, 8))
        place = int(rng.random() * (0.1 if rng.random() < 0.5 else 1) * max(1, len(broken) - width))
        broken[place : place + width] = bytes([rng.choice(HUGE)]) + bytes([rng.choice((0xFF, 0x00))]) * (width - 1)
    return bytes(broken)


BYTES = (flipped, flipped, cut, repeated, overwritten, enlarged)


def spoiled(rng: random.Random, data: bytes) -> bytes:
    """Any of these, once or twice."""
    for _ in range(rng.choice((1, 1, 2))):
        data = rng.choice(BYTES)(rng, data) if data else rng.randbytes(20)
    return data


def units_of(stream: bytes) -> list[bytes]:
    """NAL units, each with its start code."""
    return [b"\0\0\1" + unit for unit in stream.split(b"\0\0\1")[1:]]


def exp_golomb(rng: random.Random, unit: bytes) -> bytes:
    """A huge Exp-Golomb code put into a NAL unit at a bit near its beginning; what follows moves by its length."""
    head, body = unit[:5], unit[5:].replace(b"\0\0\3", b"\0\0")
    bits = "".join(f"{byte:08b}" for byte in body[:4000])
    place = rng.randrange(max(1, min(len(bits), 300)))
    zeros = rng.choice((5, 12, 16, 20, 31, 32, 40, 100))
    code = "0" * zeros + "1" + "".join(rng.choice("01") for _ in range(zeros))
    kept = bits[:place] + code + bits[place + rng.choice((0, 1, 3)) :]
    raw = bytes(int(kept[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(kept), 8)) + body[4000:]
    return head + raw.replace(b"\0\0\0", b"\0\0\3\0").replace(b"\0\0\1", b"\0\0\3\1").replace(b"\0\0\2", b"\0\0\3\2")


def spoiled_stream(rng: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A stream with bits, bytes, NAL units or codes in them that are not what they were."""
    kind = rng.randrange(7)
    if kind < 2:
        return flipped(rng, data)
    if kind == 2:
        return spoiled(rng, data)
    units = units_of(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        place, other = rng.randrange(len(units)), rng.randrange(len(units))
        if kind == 3:
            units.insert(other, units[place])
        elif kind == 4:
            units[place], units[other] = units[other], units[place]
        elif kind == 5:
            units[place] = rng.choice(units_of(rng.choice(others)))
        else:
            # Parameter sets and headers come first.
            place = rng.randrange(min(4, len(units))) if rng.random() < 0.7 else place
            units[place] = exp_golomb(rng, units[place])
    return b"".join(units)


def spoiled_json(rng: random.Random, value: Any) -> bytes:
    """A JSON document of which one or more values are others, gone, doubled, or nested without end."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        parents = list(_containers(value))
        if not parents:
            break
        parent = rng.choice(parents)
        key = rng.choice(list(parent)) if isinstance(parent, dict) else rng.randrange(len(parent))
        action = rng.randrange(6)
        if action == 0:
            del parent[key]
        elif action == 1 and isinstance(parent, list):
            parent.extend([parent[key]] * rng.choice((1, 3, 5000)))
        elif action == 2 and isinstance(parent, dict):
            parent[rng.choice(WORDS)] = parent.pop(key)
        elif action == 3 and isinstance(parent[key], (int, float)):
            parent[key] = rng.choice((-1, 1, 10**9, -(10**9), 2**53)) * (parent[key] or 1)
        else:
            parent[key] = copy.deepcopy(rng.choice(VALUES))
    text = json.dumps(value)
    if rng.random() < 0.2:
        place = rng.randrange(len(text))
        text = text[:place] + rng.choice((*NUMBERS, "[" * 50_000, '{"a":' * 50_000)) + text[place:]
    data = text.encode("utf-8", "surrogatepass")
    return spoiled(rng, data) if rng.random() < 0.2 else data


def _containers(value: Any) -> list[Any]:
    found = [value] if isinstance(value, (dict, list)) and value else []
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        found += _containers(each)
    return found


def spoiled_text(rng: random.Random, text: str) -> bytes:
    """Text of lines and fields: numbers, words, lines that are others, gone or doubled."""
    lines = text.split("\n")
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.randrange(len(lines))
        action = rng.randrange(5)
        if action == 0:
            del lines[place]
            lines = lines or [""]
        elif action == 1:
            lines[place:place] = [lines[place]] * rng.choice((1, 2, 3000))
        elif action == 2:
            lines[place] = rng.choice((*WORDS, "[" * 50_000, "? " * 3000 + "x", "&a [*a, *a]", "!!python/name:os.x ''"))
        else:
            fields = lines[place].replace("=", "= ").replace(",", " ,").split(" ")
            fields[rng.randrange(len(fields))] = rng.choice((*NUMBERS, *WORDS))
            lines[place] = " ".join(fields).replace(" ,", ",")
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    return spoiled(rng, data) if rng.random() < 0.3 else data


def spoiled_safetensors(rng: random.Random, data: bytes) -> bytes:
    """A safetensors file whose header is another one, of the length that it states or not."""
    (length,) = struct.unpack("<Q", data[:8])
    header = spoiled_json(rng, json.loads(data[8 : 8 + length]))
    stated = len(header) if rng.random() < 0.8 else rng.choice((0, 1, 1 << 20, 1 << 40, (1 << 64) - 1))
    return struct.pack("<Q", stated) + header + data[8 + length :]

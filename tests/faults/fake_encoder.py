"""A program that passes for an FFmpeg with libvvenc and has the real one do the work, but for the fault it is told.

Environment: ``FAKE_REAL`` the real binary; ``FAKE_FAULT`` the fault's name; ``FAKE_LOG`` a file that gets a character
for each encode; ``FAKE_AT`` which encodes are at fault (``1``, ``2``, ``1-9``; default all).
"""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

REAL = os.environ["FAKE_REAL"]
LONG = 600
DEVNULL = subprocess.DEVNULL


def outputs(argv):
    return [Path(word.removeprefix("file:")) for word in argv if word.endswith(".266")]


def encode(argv):
    code = subprocess.call([REAL, *argv])
    if code:
        sys.exit(code)


def change(argv, how):
    encode(argv)
    for path in outputs(argv):
        path.write_bytes(how(path.read_bytes()))


def leave_a_child(deaf):
    """A child in our group that holds none of our pipes."""
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN);" if deaf else ""
    program = f"import signal, time; {ignore} time.sleep({LONG})"
    subprocess.Popen([sys.executable, "-c", program], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)


def die(number):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.kill(os.getpid(), number)


def headers_only(data):
    """The parameter sets of a stream, without its picture."""
    from vcmpipe.bitstream import split_nal_units

    return b"".join(b"\0\0\0\1" + unit.data for unit in split_nal_units(data) if not unit.is_slice)


def fill_the_disk(argv, code):
    change(argv, lambda data: data[: len(data) // 2])
    try:
        with outputs(argv)[0].with_name("scratch").open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
    except OSError as error:
        print(f"write: {error.strerror}", file=sys.stderr)
        os._exit(code)


def of_size(argv, width, height):
    words = list(argv)
    words[words.index("-s") + 1] = f"{width}x{height}"
    last = words.index("-map")
    return [*words[:last], "-frames:v", "1", *words[last:]]


def hang(argv):
    time.sleep(LONG)


def hang_deaf(argv):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    leave_a_child(deaf=True)
    time.sleep(LONG)


def half_and_stop(argv):
    change(argv, lambda data: data[: len(data) // 2])
    os.kill(os.getpid(), signal.SIGSTOP)


def complete_but_1(argv):
    encode(argv)
    sys.exit(1)


def flood(argv, code):
    line = b"[libvvenc] there is something wrong with this picture\n" * 1000
    for _ in range(1200):
        os.write(2, line)
    os.write(2, b"the last word\n")
    encode(argv)
    sys.exit(code)


def flood_stdout(argv):
    while True:
        os.write(1, bytes(1 << 16))


def child_stays(argv):
    encode(argv)
    leave_a_child(deaf=True)


def run_in_hevc(argv):
    words = list(argv)
    words[words.index("libvvenc")] = "libx265"
    at = words.index("-preset")
    del words[at : words.index("-f", at)]
    words[words.index("vvc")] = "hevc"
    encode(words)


FAULTS = {
    "none": encode,
    "hang": hang,
    "hang-deaf": hang_deaf,
    "half-and-stop": half_and_stop,
    "no-output": lambda argv: None,
    "empty": lambda argv: change(argv, lambda data: b""),
    "truncated": lambda argv: change(argv, lambda data: data[: -len(data) // 3]),
    "cut-headers": lambda argv: change(argv, lambda data: data[:20]),
    "garbage": lambda argv: change(argv, lambda data: os.urandom(len(data))),
    "garbage-slice": lambda argv: change(argv, lambda data: data[:-150] + bytes([0xA5]) * 150),
    "complete-but-1": complete_but_1,
    "sigkill": lambda argv: die(signal.SIGKILL),
    "sigsegv": lambda argv: die(signal.SIGSEGV),
    "flood-0": lambda argv: flood(argv, 0),
    "flood-1": lambda argv: flood(argv, 1),
    "flood-stdout": flood_stdout,
    "child-stays": child_stays,
    "fewer": lambda argv: change(argv, headers_only),
    "more": lambda argv: change(argv, lambda data: data + data),
    "wrong-size": lambda argv: encode(of_size(argv, 64, 32)),
    "hevc": run_in_hevc,
    "disk-full-1": lambda argv: fill_the_disk(argv, 1),
    "disk-full-0": lambda argv: fill_the_disk(argv, 0),
}
# Once it has told its version, so that it is found and then fails to start.
AFTER_VERSION = {
    "gone": lambda me: me.unlink(),
    "not-executable": lambda me: me.chmod(0o644),
    "other-machine": lambda me: me.write_bytes(Path(os.environ["FAKE_FOREIGN"]).read_bytes()),
}


def main():
    argv, fault = sys.argv[1:], os.environ.get("FAKE_FAULT", "none")
    if "-version" in argv:
        code = subprocess.call([REAL, *argv])
        if fault in AFTER_VERSION:
            AFTER_VERSION[fault](Path(sys.argv[0]))
        sys.exit(code)
    with Path(os.environ["FAKE_LOG"]).open("a") as log:
        log.write("x")
    number = len(Path(os.environ["FAKE_LOG"]).read_text())
    first, _, last = os.environ.get("FAKE_AT", "1-999").partition("-")
    FAULTS[fault if int(first) <= number <= int(last or first) else "none"](argv)


main()

"""Where log events go: frames on the platform's descriptor, or lines on stdout.

A frame is a 4-byte type, a 4-byte length, an 8-byte time (microseconds since 1970), all big-endian, and that
many bytes of UTF-8 text. The type says the level and whether the text is JSON (AWS's own clients use the same).

With frames, `print` must keep its order among `logging` records, so sys.stdout and sys.stderr are replaced by
text streams whose complete lines become frames on the same descriptor. Descriptors 1 and 2 stay what they
were: subprocesses write there. An unfinished line waits for its end, or for the end of the invocation.
"""

import io
import os
import sys
import time
from _thread import RLock, get_ident

BASE_TYPE = 0xA55A0000
TEXT, JSON = 3, 2
LEVEL_BITS = {0: 0x00, 10: 0x08, 20: 0x0C, 30: 0x10, 40: 0x14, 50: 0x18}
LONGEST_UNFINISHED_LINE = 8 * 1024 * 1024  # bytes kept while waiting for the end of a line


def frame_type(level, text_or_json):
    """The type of a frame; `level` as in `logging`, rounded down to one of its five."""
    return BASE_TYPE | LEVEL_BITS[min(50, max(0, level)) // 10 * 10] | text_or_json


class FrameSink:
    """Writes events as frames to the descriptor `fd`."""

    def __init__(self, fd):
        self.fd = fd
        self.lock = RLock()
        self.streams = []
        os.set_inheritable(fd, False)
        os.register_at_fork(after_in_child=self._after_fork)

    def write(self, text, level, text_or_json):
        """One event; `text` may have several lines."""
        self.write_frames([text.encode("utf-8", "backslashreplace")], frame_type(level, text_or_json))

    def write_error_lines(self, lines):
        """One event of level ERROR."""
        self.write("\n".join(lines), 40, TEXT)

    def write_frames(self, payloads, type_of_all):
        """Each of `payloads` (bytes) as one frame, all in one write."""
        now = (time.time_ns() // 1000).to_bytes(8, "big")
        head = type_of_all.to_bytes(4, "big")
        data = b"".join([head + len(payload).to_bytes(4, "big") + now + payload for payload in payloads])
        with self.lock:
            written = os.write(self.fd, data)
            while written < len(data):
                written += os.write(self.fd, memoryview(data)[written:])

    def take_over_standard_streams(self):
        """Replaces sys.stdout and sys.stderr; the originals' text goes out first."""
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is not None:  # None if the platform closed descriptor 1 or 2
                getattr(sys, name).flush()
            stream = line_stream(self, name)
            setattr(sys, name, stream)
            setattr(sys, "__%s__" % name, stream)
            self.streams.append(stream)

    def flush(self):
        """Sends what stands in unfinished lines."""
        for stream in self.streams:
            if not stream.closed:
                stream.flush()
                stream.buffer.finish_lines()

    def _after_fork(self):
        self.lock = RLock()
        for stream in self.streams:
            stream.buffer.reset_after_fork()


def line_stream(sink, name):
    """A text stream like sys.stdout: utf-8, `.buffer`, `.fileno()`, `.reconfigure()`, never failing on a character."""
    lines = LineFrames(sink, name)
    return io.TextIOWrapper(lines, encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True)


class LineFrames(io.BufferedIOBase):
    """A binary stream whose complete lines become frames."""

    mode = "wb"

    def __init__(self, sink, name):
        self.name = "<%s>" % name
        self.sink = sink
        self.descriptor = {"stdout": 1, "stderr": 2}[name]
        self.lock = RLock()
        self.unfinished = {}  # thread -> bytes: lines of different threads are never mixed
        self.ending = False

    def write(self, data):
        data = bytes(data)
        with self.lock:
            *lines, rest = (self.unfinished.pop(get_ident(), b"") + data).split(b"\n")
            if len(rest) > LONGEST_UNFINISHED_LINE:
                self.sink.write_frames([line + b"\n" for line in lines] + [rest], BASE_TYPE | TEXT)
                return len(data)
            if rest:
                self.unfinished[get_ident()] = rest
            if lines:
                self.sink.write_frames([line + b"\n" for line in lines], BASE_TYPE | TEXT)
        return len(data)

    def finish_lines(self):
        """Sends the unfinished lines as they are."""
        with self.lock:
            lines = list(self.unfinished.values())
            self.unfinished.clear()
            if lines:
                self.sink.write_frames(lines, BASE_TYPE | TEXT)

    def flush(self):
        # Not the unfinished line: a progress bar that flushes every dot would become an event per dot.
        if self.ending and not self.closed:
            self.finish_lines()

    def reset_after_fork(self):
        self.lock = RLock()
        self.unfinished = {}

    def writable(self):
        return True

    def fileno(self):
        return self.descriptor

    def isatty(self):
        return False


class StandardSink:
    """Writes events to sys.stdout; line breaks inside an error become carriage returns, as in AWS's client."""

    def write(self, text, level, text_or_json):
        sys.stdout.write(text)
        sys.stdout.flush()

    def write_error_lines(self, lines):
        sys.stdout.write("\r".join(lines) + "\n")
        sys.stdout.flush()

    def flush(self):
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, ValueError):
                pass  # the function closed or replaced its own stream


def open_sink(environment):
    """The sink the platform asked for; `_LAMBDA_TELEMETRY_LOG_FD` is taken out of `environment`."""
    descriptor = environment.pop("_LAMBDA_TELEMETRY_LOG_FD", None)
    if descriptor is None:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
        return StandardSink()
    import atexit

    sink = FrameSink(int(descriptor))
    sink.take_over_standard_streams()
    atexit.register(_end, sink)
    return sink


def _end(sink):
    """At the end of the process every flush is the last one."""
    for stream in sink.streams:
        if not stream.closed:
            stream.buffer.ending = True
    sink.flush()

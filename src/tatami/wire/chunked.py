"""
The body encoding `aws-chunked`: chunks with or without signatures, and trailing checksums.

A body is a run of `size[;chunk-signature=...]` lines with that many bytes after each, ended by a chunk of size 0 and,
when a trailer was announced, by trailing headers. A chunk's signature covers the signature before it, so the chain
begins with the signature of the request's headers (the seed). S3 API reference: "Signature Calculations for the
Authorization Header: Transferring Payload in Multiple Chunks" and "... Including Trailing Headers".
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from tatami.wire import checksums
from tatami.wire.sigv4 import EMPTY_HASH, Signature

_PREFIX = "AWS4-HMAC-SHA256"
_LONGEST_LINE = 16 * 1024
_SIZE = re.compile(rb"[0-9a-fA-F]{1,16}").fullmatch


class ChunkError(Exception):
    """A chunked body that is damaged, cut off or not the signed one. code, message, status: as S3 answers."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A body without its chunks. trailers: lower-case names of the trailing headers to their values."""

    body: bytes
    trailers: dict[str, str] = field(default_factory=dict)


def is_chunked(headers: Mapping[str, str]) -> bool:
    """Whether a request with these headers has an `aws-chunked` body."""
    return headers.get("x-amz-content-sha256", "").startswith("STREAMING-") or "aws-chunked" in headers.get(
        "content-encoding", ""
    )


def decode(headers: Mapping[str, str], body: bytes, seed: Signature | None = None) -> Decoded:
    """Undo `aws-chunked`, verifying all that can be.

    headers: of the request, lower-case. seed: the verified signature of the headers; without its key (or without
    it) the chunk signatures must be there but are not verified. Raises ChunkError and checksums.ChecksumError.
    """
    mode = headers.get("x-amz-content-sha256", "")
    signed = mode.startswith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
    chain = _Chain(seed) if signed and seed and seed.key else None
    reader = _Reader(body)
    pieces: list[bytes] = []
    while True:
        size, signature = _chunk_line(reader.line(), signed=signed)
        data = reader.take(size)
        if chain:
            chain.chunk(data, signature)
        if not size:
            break
        pieces.append(data)
        reader.end_of_chunk()
    whole = b"".join(pieces)
    _check_length(headers, whole)
    trailers = _trailers(reader, headers, chain, signed=signed)
    for algorithm in checksums.ALGORITHMS:
        if (claimed := trailers.get(checksums.HEADER + algorithm)) is not None:
            checksums.verify(algorithm, claimed, whole)
    return Decoded(whole, trailers)


class _Reader:
    """A cursor over the raw body."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def line(self) -> bytes:
        """The bytes up to the next line break, which is consumed."""
        end = self._body.find(b"\n", self._at, self._at + _LONGEST_LINE)
        if end < 0:
            raise _cut_off()
        line = self._body[self._at : end].removesuffix(b"\r")
        self._at = end + 1
        return line

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        data = self._body[self._at : self._at + size]
        if len(data) != size:
            raise _cut_off()
        self._at += size
        return data

    def end_of_chunk(self) -> None:
        """The line break after a chunk's data."""
        if self.take(2) != b"\r\n":
            raise _cut_off()

    @property
    def ended(self) -> bool:
        return self._at >= len(self._body)


class _Chain:
    """The chain of signatures: each covers the one before it."""

    def __init__(self, seed: Signature) -> None:
        self._key = seed.key
        self._head = f"{seed.date}\n{seed.scope}"
        self._last = seed.signature

    def chunk(self, data: bytes, signature: str) -> None:
        """Refuse a chunk that the holder of the key did not sign at this place."""
        digest = sha256(data).hexdigest()
        self._expect(f"{_PREFIX}-PAYLOAD\n{self._head}\n{self._last}\n{EMPTY_HASH}\n{digest}", signature)

    def trailer(self, lines: bytes, signature: str) -> None:
        """The same for the trailing headers, given as `name:value` lines."""
        self._expect(f"{_PREFIX}-TRAILER\n{self._head}\n{self._last}\n{sha256(lines).hexdigest()}", signature)

    def _expect(self, text: str, signature: str) -> None:
        computed = hmac.digest(self._key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(computed.encode(), signature.encode()):
            raise _wrong_signature()
        self._last = computed


def _chunk_line(line: bytes, *, signed: bool) -> tuple[int, str]:
    size, *extensions = line.split(b";")
    if not _SIZE(size):
        raise _cut_off()
    signature = ""
    for extension in extensions:
        name, _, value = extension.strip().partition(b"=")
        if name == b"chunk-signature":
            signature = value.decode("latin-1")
    if signed and not signature:
        raise _wrong_signature()
    return int(size, 16), signature


def _check_length(headers: Mapping[str, str], whole: bytes) -> None:
    declared = headers.get("x-amz-decoded-content-length")
    if declared is None:
        raise ChunkError("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)
    if not declared.isascii() or not declared.isdigit() or int(declared) != len(whole):
        text = "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header"
        raise ChunkError("IncompleteBody", text)


def _trailers(reader: _Reader, headers: Mapping[str, str], chain: _Chain | None, *, signed: bool) -> dict[str, str]:
    """The trailing headers: exactly those that `x-amz-trailer` announced, and their signature."""
    found: dict[str, str] = {}
    while not reader.ended and (line := reader.line()):
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise _malformed_trailer()
        found[name.strip().lower()] = value.strip()
    signature = found.pop("x-amz-trailer-signature", "")
    announced = {name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",") if name.strip()}
    if set(found) != announced:
        raise _malformed_trailer()
    if found and signed:
        if not signature:
            raise _wrong_signature()
        if chain:
            lines = "".join(f"{name}:{value}\n" for name, value in found.items())
            chain.trailer(lines.encode("latin-1"), signature)
    return found


def _cut_off() -> ChunkError:
    return ChunkError("IncompleteBody", "The request body terminated unexpectedly")


def _malformed_trailer() -> ChunkError:
    text = "The request contained trailing data that was not well-formed or did not conform to our published schema."
    return ChunkError("MalformedTrailerError", text)


def _wrong_signature() -> ChunkError:
    text = "The request signature we calculated does not match the signature you provided. "
    return ChunkError("SignatureDoesNotMatch", f"{text}Check your key and signing method.", 403)

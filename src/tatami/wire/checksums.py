"""
The checksums that travel with bodies: crc32, crc32c, crc64nvme, sha1, sha256 and Content-MD5.

crc32c and crc64nvme have no home in the standard library. A byte-by-byte table loop costs about 100 ns per byte in
Python, which is seconds for an upload. So a large body is cut into equal lanes that advance together: the
state of all lanes is kept as one row of bytes per byte of the register, a step is a handful of `bytes.translate` and
big-integer XORs over whole rows, and at the end the lanes are folded into one value, shifting by a lane's length with
a matrix over GF(2).

Parameters of the polynomials: the catalogue of parametrised CRC algorithms (CRC-32/ISCSI, CRC-64/NVME). Texts of the
errors: recorded from S3.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache

HEADER = "x-amz-checksum-"
_LANES = 4096
_SMALL = 64 * 1024


class ChecksumError(Exception):
    """A checksum that is malformed or does not match. code, message: as S3 spells them; the status is 400."""

    def __init__(self, code: str, message: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = 400
        self.fields = dict(fields or {})


def checksum(algorithm: str, data: bytes) -> str:
    """The base64 checksum of `data` as S3 writes it. algorithm: `crc32`, `crc32c`, `crc64nvme`, `sha1` or `sha256`."""
    return base64.b64encode(ALGORITHMS[algorithm](data)).decode()


def verify(algorithm: str, claimed: str, data: bytes) -> None:
    """Refuse a body that does not have the claimed base64 checksum. Raises ChecksumError."""
    size = _SIZES[algorithm]
    try:
        expected = base64.b64decode(claimed, validate=True)
    except (binascii.Error, ValueError):
        expected = b""
    if len(expected) != size:
        raise ChecksumError("InvalidRequest", f"Value for {HEADER}{algorithm} header is invalid.")
    if ALGORITHMS[algorithm](data) != expected:
        text = f"The {algorithm.upper()} you specified did not match the calculated checksum."
        raise ChecksumError("BadDigest", text)


def verify_md5(claimed: str, data: bytes) -> None:
    """Refuse a body that does not have the claimed `Content-MD5`. Raises ChecksumError."""
    try:
        expected = base64.b64decode(claimed, validate=True)
    except (binascii.Error, ValueError):
        expected = b""
    if len(expected) != 16:
        fields = {"Content-MD5": claimed}
        raise ChecksumError("InvalidDigest", "The Content-MD5 you specified was invalid.", fields)
    computed = hashlib.md5(data, usedforsecurity=False).digest()
    if computed != expected:
        fields = {"ExpectedDigest": claimed, "CalculatedDigest": base64.b64encode(computed).decode()}
        raise ChecksumError("BadDigest", "The Content-MD5 you specified did not match what we received.", fields)


def verify_headers(headers: Mapping[str, str], data: bytes) -> None:
    """Refuse a body that contradicts its `Content-MD5` or `x-amz-checksum-*` headers. Raises ChecksumError.

    Not for requests whose checksum headers speak of something else than their body (S3 CompleteMultipartUpload).
    """
    if "content-md5" in headers:
        verify_md5(headers["content-md5"], data)
    given = [name for name in _SIZES if HEADER + name in headers]
    if len(given) > 1:
        text = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        raise ChecksumError("InvalidRequest", text)
    for algorithm in given:
        verify(algorithm, headers[HEADER + algorithm], data)


class _Crc:
    """A reflected CRC of `width` bits with all bits set at the start and inverted at the end."""

    def __init__(self, width: int, polynomial: int) -> None:
        self.size = width // 8
        self.ones = (1 << width) - 1
        self.table = [self._step(byte, polynomial) for byte in range(256)]
        # Row i of the register after a step takes byte i of the table entry: one translation table per row.
        self.rows = [bytes(entry >> 8 * row & 0xFF for entry in self.table) for row in range(self.size)]

    @staticmethod
    def _step(value: int, polynomial: int) -> int:
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        return value

    def __call__(self, data: bytes) -> bytes:
        register = self.ones
        if len(data) >= _SMALL:
            length = len(data) // _LANES
            register = self._lanes(data[: length * _LANES], length, register)
            data = data[length * _LANES :]
        return (self._bytes(data, register) ^ self.ones).to_bytes(self.size, "big")

    def _bytes(self, data: bytes, register: int) -> int:
        table = self.table
        for byte in data:
            register = table[(register ^ byte) & 0xFF] ^ register >> 8
        return register

    def _lanes(self, data: bytes, length: int, register: int) -> int:
        state = [0] * self.size
        for position in range(length):
            column = int.from_bytes(data[position::length], "big")
            index = (state[0] ^ column).to_bytes(_LANES, "big")
            looked_up = [int.from_bytes(index.translate(row), "big") for row in self.rows]
            state = [below ^ above for below, above in zip(looked_up, [*state[1:], 0], strict=True)]
        columns = [row.to_bytes(_LANES, "big") for row in state]
        shift = self._shifter(length)
        for lane in zip(*columns, strict=True):
            shifted = 0
            for row, byte in enumerate(register.to_bytes(self.size, "little")):
                shifted ^= shift[row][byte]
            register = shifted ^ int.from_bytes(bytes(lane), "little")
        return register

    @lru_cache(maxsize=64)  # noqa: B019 - the two instances live as long as the module
    def _shifter(self, length: int) -> list[list[int]]:
        """Tables that advance a register by `length` zero bytes, one per byte of the register."""
        images = [self._zeros(1 << bit, length) for bit in range(self.size * 8)]
        return [[_combine(images[row * 8 : row * 8 + 8], byte) for byte in range(256)] for row in range(self.size)]

    def _zeros(self, register: int, length: int) -> int:
        """The register after `length` zero bytes, by repeated squaring of the one-byte step."""
        one = tuple(self.table[(1 << bit) & 0xFF] ^ (1 << bit) >> 8 for bit in range(self.size * 8))
        for power in _squares(one, length.bit_length()):
            if length & 1:
                register = _combine(power, register)
            length >>= 1
        return register


@lru_cache(maxsize=16)
def _squares(matrix: tuple[int, ...], count: int) -> list[list[int]]:
    found = [list(matrix)]
    while len(found) < count:
        last = found[-1]
        found.append([_combine(last, column) for column in last])
    return found


def _combine(columns: list[int], selector: int) -> int:
    """The sum over GF(2) of the columns whose bit is set in `selector`."""
    total = 0
    for column in columns:
        if selector & 1:
            total ^= column
        selector >>= 1
    return total


def _crc32(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


_SIZES = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}
ALGORITHMS: Mapping[str, Callable[[bytes], bytes]] = {
    "crc32": _crc32,
    "crc32c": _Crc(32, 0x82F63B78),
    "crc64nvme": _Crc(64, 0x9A6C9329AC4BC9B5),
    "sha1": _sha1,
    "sha256": _sha256,
}
"""Raw digests, big-endian, by the name used in `x-amz-checksum-<name>`."""

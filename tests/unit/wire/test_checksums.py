"""Checksums: the published check values, long inputs against the plain loop, and S3's words for wrong ones."""

from __future__ import annotations

import base64
import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tatami.wire import checksums
from tatami.wire.checksums import ChecksumError

CHECK = b"123456789"


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [
        ("crc32", "cbf43926"),
        ("crc32c", "e3069283"),
        ("crc64nvme", "ae8b14860a799888"),
        ("sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        ("sha256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
    ],
)
def test_published_check_values(algorithm: str, digest: str) -> None:
    assert checksums.ALGORITHMS[algorithm](CHECK).hex() == digest
    assert checksums.checksum(algorithm, CHECK) == base64.b64encode(bytes.fromhex(digest)).decode()


def plain(width: int, polynomial: int, data: bytes) -> bytes:
    ones = (1 << width) - 1
    register = ones
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (polynomial if register & 1 else 0)
    return (register ^ ones).to_bytes(width // 8, "big")


@settings(deadline=None)
@given(data=st.binary(max_size=200))
def test_short_inputs_agree_with_the_definition(data: bytes) -> None:
    assert checksums.ALGORITHMS["crc32c"](data) == plain(32, 0x82F63B78, data)
    assert checksums.ALGORITHMS["crc64nvme"](data) == plain(64, 0x9A6C9329AC4BC9B5, data)


@pytest.mark.parametrize("size", [65535, 65536, 65537, 69631, 100_000])
def test_long_inputs_agree_with_the_definition(size: int) -> None:
    data = random.Random(size).randbytes(size)

    assert checksums.ALGORITHMS["crc32c"](data) == plain(32, 0x82F63B78, data)
    assert checksums.ALGORITHMS["crc64nvme"](data) == plain(64, 0x9A6C9329AC4BC9B5, data)


@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_headers_are_held_against_the_body(algorithm: str) -> None:
    name = f"x-amz-checksum-{algorithm}"
    checksums.verify_headers({name: checksums.checksum(algorithm, b"body")}, b"body")

    with pytest.raises(ChecksumError) as caught:
        checksums.verify_headers({name: checksums.checksum(algorithm, b"body")}, b"other")
    assert caught.value.code == "BadDigest"
    assert caught.value.message == f"The {algorithm.upper()} you specified did not match the calculated checksum."

    for nonsense in ("?", "AAAA", ""):
        with pytest.raises(ChecksumError) as caught:
            checksums.verify_headers({name: nonsense}, b"body")
        assert caught.value.code == "InvalidRequest"
        assert caught.value.message == f"Value for {name} header is invalid."


def test_only_one_checksum_per_request() -> None:
    headers = {f"x-amz-checksum-{name}": checksums.checksum(name, b"") for name in ("crc32", "sha1")}

    with pytest.raises(ChecksumError, match="single x-amz-checksum-"):
        checksums.verify_headers(headers, b"")


def test_other_checksum_headers_are_no_checksums() -> None:
    checksums.verify_headers({"x-amz-checksum-mode": "ENABLED", "x-amz-checksum-type": "COMPOSITE"}, b"body")


def test_content_md5() -> None:
    right = base64.b64encode(hashlib.md5(b"body").digest()).decode()
    checksums.verify_headers({"content-md5": right}, b"body")

    with pytest.raises(ChecksumError) as caught:
        checksums.verify_headers({"content-md5": right}, b"other")
    assert caught.value.code == "BadDigest"
    assert caught.value.fields["ExpectedDigest"] == right

    with pytest.raises(ChecksumError) as caught:
        checksums.verify_headers({"content-md5": "nonsense"}, b"body")
    assert caught.value.code == "InvalidDigest"

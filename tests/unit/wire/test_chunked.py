"""aws-chunked: signed and unsigned chunks, trailers, and everything that can be wrong with them."""

from __future__ import annotations

import hmac
import io
from hashlib import sha256

import pytest
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum
from hypothesis import given, settings
from hypothesis import strategies as st

from tatami.wire import checksums, chunked, sigv4
from tatami.wire.checksums import ChecksumError
from tatami.wire.chunked import ChunkError
from tatami.wire.http import Request
from tatami.wire.sigv4 import Credentials, Signature

NOW = 1_800_000_000.0
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
TRAILER = f"{SIGNED}-TRAILER"
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def seed(mode: str) -> Signature:
    bare = Request("PUT", "/b/k", "", {"host": "h"})
    request = sigv4.sign(bare, Credentials("AKID", "secret"), "us-east-1", "s3", NOW, payload=mode)
    return sigv4.verify(request, lambda access_key, token: "secret", NOW)


def signed_body(start: Signature, pieces: list[bytes], trailers: dict[str, str] | None = None) -> bytes:
    """A signed body, written from the S3 reference independently of the decoder."""
    last, out = start.signature, b""

    def sign(kind: str, *rest: str) -> str:
        text = "\n".join([f"AWS4-HMAC-SHA256-{kind}", start.date, start.scope, last, *rest])
        return hmac.new(start.key, text.encode(), "sha256").hexdigest()

    for piece in [*pieces, b""]:
        last = sign("PAYLOAD", sha256(b"").hexdigest(), sha256(piece).hexdigest())
        out += f"{len(piece):x};chunk-signature={last}\r\n".encode() + piece + (b"\r\n" if piece else b"")
    if trailers is not None:
        lines = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        out += lines.replace("\n", "\r\n").encode()
        out += f"x-amz-trailer-signature:{sign('TRAILER', sha256(lines.encode()).hexdigest())}\r\n".encode()
    return out + b"\r\n"


def headers(mode: str, length: int, trailer: str = "") -> dict[str, str]:
    found = {"x-amz-content-sha256": mode, "x-amz-decoded-content-length": str(length)}
    return {**found, "x-amz-trailer": trailer} if trailer else found


def refused(given_headers: dict[str, str], body: bytes, start: Signature | None = None) -> ChunkError:
    with pytest.raises(ChunkError) as caught:
        chunked.decode(given_headers, body, start)
    return caught.value


pieces_of_body = st.lists(st.binary(min_size=1, max_size=50), max_size=5)


@settings(deadline=None)
@given(pieces=pieces_of_body)
def test_signed_chunks(pieces: list[bytes]) -> None:
    start, whole = seed(SIGNED), b"".join(pieces)

    decoded = chunked.decode(headers(SIGNED, len(whole)), signed_body(start, pieces), start)

    assert decoded.body == whole
    assert decoded.trailers == {}


@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_signed_chunks_with_a_signed_trailer(algorithm: str) -> None:
    start, name = seed(TRAILER), f"x-amz-checksum-{algorithm}"
    body = signed_body(start, [b"hello ", b"world"], {name: checksums.checksum(algorithm, b"hello world")})

    decoded = chunked.decode(headers(TRAILER, 11, name), body, start)

    assert decoded.body == b"hello world"
    assert decoded.trailers == {name: checksums.checksum(algorithm, b"hello world")}


@settings(deadline=None)
@given(data=st.binary(max_size=300), size=st.integers(1, 100))
def test_what_botocore_streams(data: bytes, size: int) -> None:
    wrapper = AwsChunkedWrapper(io.BytesIO(data), Crc32Checksum, "x-amz-checksum-crc32", chunk_size=size)
    given_headers = headers(UNSIGNED, len(data), "x-amz-checksum-crc32")

    decoded = chunked.decode(given_headers, wrapper.read())

    assert decoded.body == data


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_changed_chunk_breaks_its_signature(position: int) -> None:
    start = seed(SIGNED)
    body = signed_body(start, [b"aaaa", b"bbbb", b"cccc"])

    error = refused(headers(SIGNED, 12), body.replace(b"abc"[position : position + 1] * 4, b"xxxx"), start)

    assert (error.code, error.status) == ("SignatureDoesNotMatch", 403)


def test_chunks_cannot_be_swapped_or_left_out() -> None:
    start = seed(SIGNED)
    parts = signed_body(start, [b"aaaa", b"bbbb"]).split(b"\r\n")
    first, second, end = b"\r\n".join(parts[:2]), b"\r\n".join(parts[2:4]), b"\r\n".join(parts[4:])

    assert refused(headers(SIGNED, 8), b"\r\n".join([second, first, end]), start).code == "SignatureDoesNotMatch"
    assert refused(headers(SIGNED, 4), b"\r\n".join([second, end]), start).code == "SignatureDoesNotMatch"


def test_another_seed_breaks_the_chain() -> None:
    start = seed(SIGNED)

    error = refused(headers(SIGNED, 2), signed_body(start, [b"hi"]), start._replace(signature="0" * 64))

    assert error.code == "SignatureDoesNotMatch"


def test_a_changed_trailer_breaks_its_signature() -> None:
    start, name = seed(TRAILER), "x-amz-checksum-crc32"
    body = signed_body(start, [b"hi"], {name: checksums.checksum("crc32", b"ho")})

    with pytest.raises(ChecksumError, match="CRC32 you specified"):
        chunked.decode(headers(TRAILER, 2, name), body, start)
    right = checksums.checksum("crc32", b"ho").encode(), checksums.checksum("crc32", b"hi").encode()
    assert refused(headers(TRAILER, 2, name), body.replace(*right), start).code == "SignatureDoesNotMatch"
    unsigned = body[: body.index(b"x-amz-trailer-signature")].replace(*right) + b"\r\n"
    assert refused(headers(TRAILER, 2, name), unsigned, start).code == "SignatureDoesNotMatch"


def test_without_a_key_signatures_must_be_there_but_are_not_verified() -> None:
    start = seed(SIGNED)
    body = signed_body(start, [b"aaaa"]).replace(b"aaaa", b"bbbb")

    assert chunked.decode(headers(SIGNED, 4), body, start._replace(key=b"")).body == b"bbbb"
    assert refused(headers(SIGNED, 1), b"1\r\na\r\n0\r\n\r\n").code == "SignatureDoesNotMatch"


def test_a_wrong_trailing_checksum() -> None:
    body = b"2\r\nhi\r\n0\r\nx-amz-checksum-sha256:" + checksums.checksum("sha256", b"ho").encode() + b"\r\n\r\n"

    with pytest.raises(ChecksumError) as caught:
        chunked.decode(headers(UNSIGNED, 2, "x-amz-checksum-sha256"), body)
    assert caught.value.message == "The SHA256 you specified did not match the calculated checksum."


@pytest.mark.parametrize(
    ("trailer", "announced"),
    [(b"", "x-amz-checksum-crc32"), (b"x-amz-checksum-crc32:AAAAAA==\r\n", ""), (b"nonsense\r\n", "x-amz-meta-a")],
)
def test_trailers_must_be_those_announced(trailer: bytes, announced: str) -> None:
    error = refused(headers(UNSIGNED, 2, announced), b"2\r\nhi\r\n0\r\n" + trailer + b"\r\n")

    assert error.code == "MalformedTrailerError"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"2\r\nhi\r\n",
        b"2\r\nh",
        b"zz\r\nhi\r\n0\r\n\r\n",
        b"-2\r\nhi\r\n0\r\n\r\n",
        b"2\r\nhixx0\r\n\r\n",
        b"\xff" * 40000,
    ],
)
def test_damaged_bodies(body: bytes) -> None:
    error = refused(headers(UNSIGNED, 2), body)

    assert (error.code, error.status) == ("IncompleteBody", 400)


def test_the_length_must_be_right() -> None:
    body = b"2\r\nhi\r\n0\r\n\r\n"

    assert chunked.decode(headers(UNSIGNED, 2), body).body == b"hi"
    assert refused(headers(UNSIGNED, 3), body).code == "IncompleteBody"
    assert refused({"x-amz-content-sha256": UNSIGNED}, body).code == "MissingContentLength"


def test_is_chunked() -> None:
    assert chunked.is_chunked({"x-amz-content-sha256": SIGNED})
    assert chunked.is_chunked({"content-encoding": "gzip, aws-chunked"})
    assert not chunked.is_chunked({"content-encoding": "gzip", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"})

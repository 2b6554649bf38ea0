"""The body as it was meant: its transfer encodings undone and its checksums held against it."""

from __future__ import annotations

import zlib
from dataclasses import replace

from tatami.wire import checksums, chunked
from tatami.wire.http import Request
from tatami.wire.models import OperationModel
from tatami.wire.protocols import MalformedRequest
from tatami.wire.sigv4 import Signature

_GZIP = 16 + zlib.MAX_WBITS
_REPLACED = frozenset({"content-encoding", "content-length"})


def plain(request: Request, operation: OperationModel, signature: Signature | None, limit: int) -> Request:
    """The request without `aws-chunked` and, where the model allows request compression, without gzip.

    limit: bytes that a body may have once inflated. Raises ChunkError, ChecksumError and MalformedRequest.
    """
    if chunked.is_chunked(request.headers):
        request = _joined(request, signature)
    elif operation.http_checksum:
        checksums.verify_headers(request.headers, request.body)
    if "content-encoding" in request.headers and "requestcompression" in operation.traits:
        return _inflated(request, limit)
    return request


def _joined(request: Request, signature: Signature | None) -> Request:
    decoded = chunked.decode(request.headers, request.body, signature)
    # A trailing checksum counts as a header from here on; the chunks are undone and must not be stored as an encoding.
    encodings = [name for name in _encodings(request) if name != "aws-chunked"]
    return _with_body(request, decoded.body, encodings, decoded.trailers)


def _inflated(request: Request, limit: int) -> Request:
    """Undo gzip, the only encoding that the models know (trait `requestcompression`)."""
    *others, last = _encodings(request) or [""]
    if last != "gzip":
        return request
    inflater = zlib.decompressobj(_GZIP)
    try:
        body = inflater.decompress(request.body, limit)
    except zlib.error as error:
        raise MalformedRequest("SerializationException", "The body is not gzip, as its encoding says") from error
    if not inflater.eof:
        raise MalformedRequest("SerializationException", "The compressed body is cut off or too large")
    return _with_body(request, body, others, {})


def _encodings(request: Request) -> list[str]:
    names = (name.strip() for name in request.header("content-encoding").split(","))
    return [name for name in names if name]


def _with_body(request: Request, body: bytes, encodings: list[str], added: dict[str, str]) -> Request:
    headers = {name: value for name, value in request.headers.items() if name not in _REPLACED}
    if encodings:
        headers["content-encoding"] = ",".join(encodings)
    headers["content-length"] = str(len(body))
    return replace(request, headers={**headers, **added}, body=body)

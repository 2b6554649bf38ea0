"""What the platform answers beside the AWS APIs: its health, and the packages behind GetFunction's locations."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from tatami import __version__
from tatami.frame.errors import AwsError
from tatami.ports.blobs import BlobMissing, Blobs
from tatami.services.lambda_.locations import SignedCodeLocations
from tatami.wire.http import Request, Response


class Health:
    """`GET /_tatami/health`. facts: what is known at the moment, beside version and uptime."""

    def __init__(self, uptime: Callable[[], float], facts: Callable[[], Mapping[str, Any]]) -> None:
        self._uptime = uptime
        self._facts = facts

    async def answer(self, request: Request) -> Response:
        """JSON: version, uptime in seconds, isolation in force, access mode, runtimes, environments."""
        if request.method not in {"GET", "HEAD"}:
            raise AwsError("MethodNotAllowed", "Only GET is allowed here.", 405)
        health = {"status": "ok", "version": __version__, "uptime_seconds": round(self._uptime(), 3), **self._facts()}
        body = json.dumps(health, indent=2).encode() + b"\n"
        return Response(200, {"content-type": "application/json", "cache-control": "no-store"}, body)


class CodeDownload:
    """`GET /_tatami/code/...`: the package, for whoever holds an address that GetFunction has signed."""

    def __init__(self, locations: SignedCodeLocations, blobs: Blobs) -> None:
        self._locations = locations
        self._blobs = blobs

    async def answer(self, request: Request) -> Response:
        """The zip file; 403 when the address is wrong or has expired."""
        digest = self._locations.digest(request.path, dict(parse_qsl(request.query)))
        if digest is None or request.method not in {"GET", "HEAD"}:
            raise AwsError("AccessDenied", "The address is not valid or has expired.", 403)
        try:
            content = await self._blobs.get(digest)
        except BlobMissing:
            raise AwsError("NoSuchKey", "The package is no longer stored.", 404) from None
        return Response(200, {"content-type": "application/zip"}, content)

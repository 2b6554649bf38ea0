"""Values made from botocore's own models, from a seed: minimal, full and random ones."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.model

MINIMAL, FULL, RANDOM = "minimal", "full", "random"
_TEXT = "abcXYZ019-_. é<&>\"'/+%"
_SAFE = "abcdefXYZ0123456789"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEEPEST = 4


class Generator:
    """Makes values for botocore shapes. whole_seconds: for places whose timestamps have no fractions."""

    def __init__(self, seed: str, how: str) -> None:
        self._random = random.Random(seed)
        self._how = how

    def value(self, shape: botocore.model.Shape, depth: int = 0, *, safe: bool = False) -> Any:
        """A value of `shape`. safe: only letters and digits, for headers, labels and map keys."""
        safe = safe or shape.serialization.get("location") is not None
        return getattr(self, f"_{shape.type_name}")(shape, depth, safe)

    def _wanted(self, name: str, shape: Any, depth: int) -> bool:
        if name in shape.required_members:
            return True
        if self._how == MINIMAL or depth > _DEEPEST:
            return False
        return self._how == FULL or self._random.random() < 0.4

    def _structure(self, shape: Any, depth: int, safe: bool) -> Any:
        if shape.is_document_type:
            return {"free": [1, "form", {"a": None}]}
        members = {n: m for n, m in shape.members.items() if not m.serialization.get("eventstream")}
        if shape.is_tagged_union:
            name = self._random.choice(list(members)) if depth <= _DEEPEST else self._shallow(members)
            return {name: self.value(members[name], depth + 1)}
        return {n: self.value(m, depth + 1) for n, m in members.items() if self._wanted(n, shape, depth)}

    def _shallow(self, members: dict[str, Any]) -> str:
        scalars = [n for n, m in members.items() if m.type_name not in ("structure", "list", "map")]
        return (scalars or list(members))[0]

    def _count(self, depth: int) -> int:
        if depth > _DEEPEST:
            return 0
        return 2 if self._how == FULL else self._random.randint(1, 3)

    def _list(self, shape: Any, depth: int, safe: bool) -> list[Any]:
        return [self.value(shape.member, depth + 1, safe=safe) for _ in range(self._count(depth) or 1 * safe)]

    def _map(self, shape: Any, depth: int, safe: bool) -> dict[str, Any]:
        # Headers have no case, so the keys of a header map are lower case.
        keys = [self.value(shape.key, depth + 1, safe=True) + str(i) for i in range(self._count(depth))]
        keys = [key.lower() for key in keys] if shape.serialization.get("location") == "headers" else keys
        return {key: self.value(shape.value, depth + 1, safe=safe) for key in keys}

    def _string(self, shape: Any, depth: int, safe: bool) -> Any:
        if shape.serialization.get("jsonvalue"):
            return {"json": [1, 2]}
        if shape.enum and not safe:
            return self._random.choice(shape.enum)
        return "".join(self._random.choices(_SAFE if safe else _TEXT, k=self._random.randint(1, 12))).strip() or "x"

    def _timestamp(self, shape: Any, depth: int, safe: bool) -> datetime:
        moment = _EPOCH + timedelta(seconds=self._random.randint(0, 4_000_000_000))
        whole = safe or shape.serialization.get("timestampFormat") == "rfc822"
        return moment if whole else moment + timedelta(milliseconds=self._random.choice((0, 123, 999)))

    def _blob(self, shape: Any, depth: int, safe: bool) -> bytes:
        return self._random.randbytes(self._random.randint(1, 9))

    def _boolean(self, shape: Any, depth: int, safe: bool) -> bool:
        return self._random.random() < 0.5

    def _integer(self, shape: Any, depth: int, safe: bool) -> int:
        return self._random.randint(-5, 2**31 - 1)

    def _long(self, shape: Any, depth: int, safe: bool) -> int:
        return self._random.randint(-5, 2**53)

    def _double(self, shape: Any, depth: int, safe: bool) -> float:
        return self._random.randint(-1000, 1000) / 8

    _character = _string
    _float = _double

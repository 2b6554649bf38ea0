"""Function packages for tests: zips from a few lines of source."""

from __future__ import annotations

import io
import sys
import textwrap
import zipfile

PYTHON = f"python3.{sys.version_info.minor}"
"""The runtime that every machine with these tests has: the version that runs them."""

ROLE = "arn:aws:iam::000000000000:role/lambda-role"


def zipped(files: dict[str, str | bytes], mode: int = 0o755) -> bytes:
    """A zip with these files; texts are dedented."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.external_attr = mode << 16
            archive.writestr(entry, textwrap.dedent(content).lstrip("\n") if isinstance(content, str) else content)
    return buffer.getvalue()


def python(source: str) -> bytes:
    """A package whose `app.py` is `source`; its handler is `app.handler`."""
    return zipped({"app.py": source})

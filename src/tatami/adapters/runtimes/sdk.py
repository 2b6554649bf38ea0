"""
The AWS SDK that Python functions may import without packing it, as on AWS.

The SDK is pure Python and installed beside the platform; a folder of links shows functions these packages and nothing
else of the platform's own.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")


def link_python_sdk(folder: Path) -> None:
    """Make `folder` show exactly the SDK's packages; what is missing from the machine is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [source for source in map(_location, PACKAGES) if source is not None]
    wanted = {source.name for source in sources}
    for link in list(folder.iterdir()):
        if link.is_symlink() and link.name not in wanted:
            link.unlink()
    for source in sources:
        link = folder / source.name
        if link.is_symlink() and link.readlink() == source:
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(source)


def _location(name: str) -> Path | None:
    """Where the package (a folder) or module (a file) lies."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        return None
    origin = Path(found.origin)
    return origin.parent if origin.name == "__init__.py" else origin

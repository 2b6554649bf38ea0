"""What lies in the data folder besides the database and the blobs: the platform's own secret and its work folders."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WorkFolders:
    """Folders that can be made anew at any time.

    code: unpacked packages. run: one folder a living environment. sdk: links to the SDK for functions.
    """

    code: Path
    run: Path
    sdk: Path
    temporary: Path | None = None

    @classmethod
    def in_data(cls, data: Path) -> WorkFolders:
        """Those of a durable platform, inside its data folder."""
        return cls(data / "cache" / "code", data / "run", data / "cache" / "python-sdk")

    @classmethod
    def in_temporary(cls) -> WorkFolders:
        """Those of a platform in memory, in a temporary folder that `remove` deletes."""
        folder = Path(tempfile.mkdtemp(prefix="tatami-"))
        return cls(folder / "code", folder / "run", folder / "sdk", folder)

    def remove(self) -> None:
        """Delete what must not outlive the platform."""
        shutil.rmtree(self.temporary or self.run, ignore_errors=True)


def own_secret(data: Path | None) -> bytes:
    """32 random bytes that stay the same for a data folder; readable by its owner only."""
    if data is None:
        return secrets.token_bytes(32)
    path = data / "secret"
    try:
        return bytes.fromhex(path.read_text("ascii"))
    except FileNotFoundError:
        secret = secrets.token_bytes(32)
    partial = data / "secret.partial"
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret.hex())
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    return secret

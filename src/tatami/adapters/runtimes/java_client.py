"""
AWS's own Java runtime interface client: which files it is made of, and whether they are on this machine.

Its jars are no part of Tatami. `tools/fetch-java-client`, which `make setup` runs where there are Java and Maven, takes
them once with Maven and checks them against the digests below; nothing is ever fetched while functions run.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FETCH_COMMAND = "tools/fetch-java-client"
NATIVE_LIBRARY = "libaws-lambda-jni.so"
"""The client's native half, taken out of its jar: otherwise each JVM writes it to one and the same file in /tmp."""


@dataclass(frozen=True)
class Jar:
    """A Maven artifact and the SHA-256 of its jar."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """Its file name."""
        return f"{self.artifact}-{self.version}.jar"


CLIENT = Jar(
    "com.amazonaws",
    "aws-lambda-java-runtime-interface-client",
    "2.9.0",
    "26568a5f63bf9e921567e77661be425650abc8972bae2aa0b7e99bab4e4239d9",
)
JARS = (
    CLIENT,
    Jar(
        "com.amazonaws",
        "aws-lambda-java-core",
        "1.4.0",
        "575c24393cc1ad645e83e618956eabd89ffe8cc09efae2cb62bc6589154d68ed",
    ),
    Jar(
        "com.amazonaws",
        "aws-lambda-java-serialization",
        "1.2.0",
        "1513c1f945a3213f916a4b2de1760c97b51d84d110f82bbbcf9cfac53d5651e7",
    ),
    Jar(
        "software.amazon.awssdk",
        "utils-lite",
        "2.34.0",
        "efaf784f07ae526f0b5c89d71ef21cf16636131c47d44616e3df9bedc3f4f89a",
    ),
    Jar(
        "software.amazon.awssdk",
        "annotations",
        "2.34.0",
        "fafdcb55f4e5af603f5219f4a2b080aa0decb562a7c0944f7a7eca82dd47e487",
    ),
)

_ARCHITECTURES: Mapping[str, str] = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch_64", "arm64": "aarch_64"}


def default_folder() -> Path:
    """`.cache/java` of the checkout that this module lies in; of an installed Tatami, the user's cache folder."""
    checkout = Path(__file__).resolve().parents[4]
    if (checkout / FETCH_COMMAND).is_file():
        return checkout / ".cache" / "java"
    return Path.home() / ".cache" / "tatami" / "java"


def is_complete(folder: Path) -> bool:
    """Whether every file of the client lies in `folder`."""
    return all((folder / name).is_file() for name in (*(jar.file for jar in JARS), NATIVE_LIBRARY))


def native_member() -> str:
    """The member of the client's jar that is the native library for this machine. Raises KeyError for a foreign one."""
    libc = "linux" if platform.libc_ver()[0] == "glibc" else "linux_musl"
    return f"jni/libaws-lambda-jni.{libc}-{_ARCHITECTURES[platform.machine().lower()]}.so"

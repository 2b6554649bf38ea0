#!/usr/bin/env bash
# Builds the package: the function and Pillow, for one Python version. Usage: build.sh [TARGET]
#
# PYTHON names the interpreter (default: the checkout's .venv, or python3). Pillow is compiled code, so the function
# must be deployed with the runtime of the same minor version, which is printed in the end.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${1:-$here/build}
python=${PYTHON:-$here/../../.venv/bin/python}
[ -x "$python" ] || python=$(command -v "${PYTHON:-python3}")

rm -rf "$target"
"$python" -m pip install --quiet --disable-pip-version-check --no-compile --only-binary=:all: \
    --require-hashes --requirement "$here/requirements.txt" --target "$target"
cp "$here/src/thumbnail.py" "$target/"

echo "built for $("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')"

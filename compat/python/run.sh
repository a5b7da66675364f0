#!/usr/bin/env bash
# Python's clients against HOST:PORT: compat/python/run.sh localhost:9092 [part of a check's name]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
place=${OTTLA_COMPAT_HOME:-$HOME/.cache/ottla/compat}/python
[ -e "$place/bin/python" ] || python3 -m venv "$place"
"$place/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
exec "$place/bin/python" "$here/check.py" "$@"

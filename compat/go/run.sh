#!/usr/bin/env bash
# Go's clients against HOST:PORT: compat/go/run.sh localhost:9092 [part of a check's name]
set -euo pipefail
cd "$(dirname "$0")"
exec go run . "$@"

#!/usr/bin/env python3
"""Turns the events of `go test -json` (on the standard input) into result lines: go_results.py < events

A test of a package below the module's root is named `package:test`. Only tests that ended have a line; a process that died leaves the rest without one, which counts as not run."""
import json
import re
import sys

WORDS = {"pass": "PASS", "fail": "FAIL", "skip": "SKIP"}
# Names that a test makes up anew each time; a long number is none.
RANDOM = re.compile(r"\b(?=[0-9]*[a-f])[0-9a-f]{16,}\b")
# The path behind host, owner and module; compiled tests do not tell any.
PACKAGE = re.compile(r"^[^/]+/[^/]+/[^/]+/(.+)$")
for line in sys.stdin:
    try:
        event = json.loads(line)
    except ValueError:
        continue
    if event.get("Test") and event.get("Action") in WORDS:
        name = RANDOM.sub("rnd", event["Test"])
        if package := PACKAGE.match(event.get("Package", "")):
            name = f"{package[1]}:{name}"
        print(f"{name}\t{WORDS[event['Action']]}\t{event.get('Elapsed', 0):.2f}\t")

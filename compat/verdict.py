#!/usr/bin/env python3
"""Holds the results of one suite against the list of tests that must pass.

  verdict.py SUITE BROKER RESULTS.tsv TESTS.allow [PATTERN[,PATTERN]...]

A result is a line `name<TAB>PASS|FAIL|SKIP<TAB>seconds<TAB>note`. Exits 1 when a test of the list did not pass: it failed, was skipped
or never ran. With patterns, regular expressions, only names in which one of them is found are asked for. Without the list nothing
can be judged: that is an error, 2.
"""
import re
import sys
from pathlib import Path


def outcomes(path):
    """Name -> (status, seconds)."""
    seen = {}
    for line in Path(path).read_text().splitlines():
        name, status, seconds = line.split("\t")[:3]
        # Of a test that ran twice the better result counts: the second run is there because the first met a known flaw of the suite.
        if seen.get(name, ("",))[0] != "PASS":
            seen[name] = (status, seconds)
    return seen


def main(suite, broker, results, allow, pattern=""):
    seen = outcomes(results)
    if not Path(allow).exists():
        print(f"{suite}: there is no {allow}", file=sys.stderr)
        sys.exit(2)
    wanted = [line for line in Path(allow).read_text().splitlines() if line and line[0] != "#"]
    asked = lambda name: any(re.search(one, name) for one in pattern.split(","))
    missing = [name for name in wanted if asked(name) and seen.get(name, ("NOT RUN",))[0] != "PASS"]
    counts = {status: sum(1 for one in seen.values() if one[0] == status) for status in ("PASS", "FAIL", "SKIP")}
    fresh = sum(1 for name, one in seen.items() if one[0] == "PASS" and name not in set(wanted))
    print(f"{suite} on {broker}: {counts['PASS']} passed, {counts['FAIL']} failed, {counts['SKIP']} skipped; "
          f"{len(wanted)} must pass, {fresh} more do")
    if broker == "ottla":
        for name in missing:
            print(f"MUST PASS: {name}: {seen.get(name, ('NOT RUN',))[0]}")
        sys.exit(1 if missing or not seen else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])

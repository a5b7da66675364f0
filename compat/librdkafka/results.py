#!/usr/bin/env python3
"""What one process of librdkafka's test-runner said, one line a test and sub-test.

  results.py NUMBER EXIT-CODE SECONDS OUTPUT [SUB-TEST]

With the name of a sub-test only some of them ran: nothing is said of the test as a whole."""
import re
import sys

number, code, elapsed, path, only = (*sys.argv[1:], "")[:5]
COLOUR = re.compile(r"\x1b\[[0-9;]*m|\x1b\(B")
# Clients are numbered as they are made, which differs from run to run.
CLIENT = re.compile(r"#(producer|consumer)-\d+")
# The table of all tests stands at the end only, and a test that crashes takes it along.
ENDED = re.compile(r"^\[(\d{4}_\S+)\s*/\s*([\d.]+)s\] =+ Test \S+ (PASSED|FAILED|SKIPPED) =+$")
ROW = re.compile(r"^\|\s*(\d{4}_\S+)\s*\|\s*(PASSED|FAILED|SKIPPED)\s*\|\s*([\d.]+)s\s*\|")
BEGIN = re.compile(r"\[(\d{4}_\S+)\s*/[^\]]*\] +\[ ([A-Za-z_0-9]+:\d+(?:: .*)?) \]$")
PASS = re.compile(r"\[(\d{4}_\S+)\s*/[^\]]*\] +\[ ([A-Za-z_0-9]+:\d+.*): PASS \(([\d.]+)s\) \]$")
SKIP = re.compile(r"\[(\d{4}_\S+)\s*/[^\]]*\] +\[ ([A-Za-z_0-9]+:\d+.*?): SKIP: (.*) \]$")

tests, subtests, open_subtests = {}, [], {}
for line in open(path, errors="replace"):
    line = CLIENT.sub(r"#\1-N", COLOUR.sub("", line).rstrip())
    if found := ENDED.match(line):
        tests.setdefault(found[1], (found[3], found[2]))
    elif found := ROW.match(line):
        tests[found[1]] = (found[2], found[3])
    elif found := PASS.search(line):
        open_subtests.pop(found[1], None)
        subtests.append((f"{found[1]}/{found[2]}", "PASS", found[3], ""))
    elif found := SKIP.search(line):
        open_subtests.pop(found[1], None)
        subtests.append((f"{found[1]}/{found[2]}", "SKIP", "0", found[3]))
    elif found := BEGIN.search(line):
        if before := open_subtests.pop(found[1], None):
            # Some sub-tests never say that they passed; the next one starts only when they did.
            subtests.append((f"{found[1]}/{before}", "PASS", "0", "(no end marker)"))
        open_subtests[found[1]] = found[2]
for test, subtest in open_subtests.items():
    passed = tests.get(test, ("FAILED",))[0] == "PASSED"
    subtests.append((f"{test}/{subtest}", "PASS" if passed else "FAIL", "0", "(no end marker)" if passed else ""))

WORDS = {"PASSED": "PASS", "FAILED": "FAIL", "SKIPPED": "SKIP"}
skipped_locally = all(status == "SKIPPED" for status, _ in tests.values()) and not subtests
CRASHED = {"124": "timed out", "134": "aborted", "139": "crashed"}
if not only and (not tests or code in CRASHED):
    print(f"{number}\tFAIL\t{elapsed}\t{CRASHED.get(code, f'exit code {code}')}")
if not only and not skipped_locally:
    for name, (status, seconds) in tests.items():
        print(f"{name}\t{WORDS[status]}\t{seconds}\t")
# The same sub-test more than once: numbered in the order they ran.
names = [name for name, *_ in subtests]
count = {}
for name, status, seconds, note in subtests:
    if names.count(name) > 1:
        count[name] = count.get(name, 0) + 1
        name = f"{name} ({count[name]})"
    print(f"{name}\t{status}\t{seconds}\t{note}")

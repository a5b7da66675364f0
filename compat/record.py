#!/usr/bin/env python3
"""Takes what runs left in target/compat into compat/results, of which docs/COMPATIBILITY.md counts: record.py [--kafka] [RESULTS.tsv]...

A file is called SUITE-ottla.tsv or SUITE-kafka.tsv. A line of compat/results/SUITE.tsv is `name<TAB>on Apache Kafka<TAB>on Ottla`, sorted,
with `-` for what did not run. A whole run replaces all that its broker had; a run of some tests replaces those.
The column of Apache Kafka was measured once, with listeners for SASL that the runners do not start (README.md): what ran on it is
taken with --kafka alone.
"""
import re
import sys
from pathlib import Path

from verdict import outcomes

compat = Path(__file__).resolve().parent
HEADER = "# test, on Apache Kafka 4.3.1, on Ottla; `-` did not run\n"
BROKERS = ("kafka", "ottla")


def record(path):
    suite, broker = re.fullmatch(r"(.+)-(kafka|ottla)", path.stem).groups()
    seen = {name: status for name, (status, _) in outcomes(path).items()}
    into = compat / "results" / f"{suite}.tsv"
    rows = {}
    for line in into.read_text().splitlines()[1:] if into.exists() else []:
        name, *before = line.split("\t")
        rows[name] = dict(zip(BROKERS, before))
    if (path.with_suffix("") / "whole").exists():
        for row in rows.values():
            row[broker] = "-"
    for name, status in seen.items():
        rows.setdefault(name, dict.fromkeys(BROKERS, "-"))[broker] = status
    rows = {name: row for name, row in rows.items() if set(row.values()) != {"-"}}
    into.parent.mkdir(exist_ok=True)
    into.write_text(HEADER + "".join(f"{name}\t{row['kafka']}\t{row['ottla']}\n" for name, row in sorted(rows.items())))
    print(f"{into.relative_to(compat.parent)}: {len(seen)} tests on {broker}")


with_kafka = "--kafka" in sys.argv[1:]
named = [Path(one) for one in sys.argv[1:] if one != "--kafka"]
for path in named or sorted((compat.parent / "target/compat").glob("*-*.tsv")):
    if path.stem.endswith("-kafka") and not with_kafka:
        print(f"{path.name}: left out without --kafka")
        continue
    record(path)

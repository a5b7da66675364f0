#!/usr/bin/env python3
"""Looks at what the members of a group said (Kafka's VerifiableConsumer: a JSON event a line).

  judge.py share PREFIX PARTITIONS MEMBERS   every partition has one owner, and each of the members has some
  judge.py marks PREFIX MEMBER...            how often partitions of these members came and went
  judge.py seen PREFIX COUNT [say]           the values 0 to COUNT - 1 were all read
"""
import json
import sys
from pathlib import Path


def events(file):
    for line in file.read_text(errors="replace").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            pass  # A killed member's last line.


def files(prefix):
    prefix = Path(prefix)
    return sorted(prefix.parent.glob(f"{prefix.name}.*.json"))


def owned(file):
    """What it owns now: an assignment tells what is new, cooperative or not."""
    mine = set()
    for event in events(file):
        named = {(one["topic"], one["partition"]) for one in event.get("partitions", []) if "partition" in one}
        match event["name"]:
            case "startup_complete":
                mine = set()
            case "partitions_assigned":
                mine |= named
            case "partitions_revoked":
                mine -= named
    return mine


def moves(file):
    return sum(event["name"] in ("partitions_assigned", "partitions_revoked") for event in events(file))


match sys.argv[1:]:
    case ["share", prefix, partitions, members]:
        all_owned = [owned(file) for file in files(prefix)]
        owners = sum(map(len, all_owned))
        sound = len(all_owned) == int(members) and all(all_owned) and owners == len(set().union(*all_owned)) == int(partitions)
        sys.exit(not sound)
    case ["marks", prefix, *members]:
        print(*(moves(Path(f"{prefix}.{member}.json")) for member in members))
    case ["seen", prefix, count, *say]:
        found = {int(event["value"]) for file in files(prefix) for event in events(file) if event["name"] == "record_data"}
        missing = set(range(int(count))) - found
        if say:
            print(f"{len(missing)} of {count} not seen, the first: {sorted(missing)[:5]}")
        sys.exit(bool(missing))
    case _:
        sys.exit(__doc__)

#!/usr/bin/env python3
"""Writes src/schema/messages.txt from the message definitions inside Apache Kafka's client library.

  messages.py JAR KEY[-KEY]... > src/schema/messages.txt     e.g. kafka-clients-4.3.1.jar 0-3 8-16

One line for each message (`request Metadata 3 0-13 flexible 9`), below it one for each field, two spaces deeper for
each level: name, type, versions; then where it is not the rule `null VERSIONS`, `default VALUE`, `tag NUMBER VERSIONS`,
`flexible VERSIONS`.
"""
import json
import re
import sys
import zipfile


def field(out, one, common, depth):
    kind = one["type"]
    words = [one["name"][0].lower() + one["name"][1:], kind, one["versions"].replace(" ", "")]
    if one.get("nullableVersions"):
        words += ["null", one["nullableVersions"]]
    if "default" in one and one["default"] != "":
        words += ["default", str(one["default"]).lower()]
    if "tag" in one:
        words += ["tag", str(one["tag"]), one["taggedVersions"]]
    if "flexibleVersions" in one:
        words += ["flexible", one["flexibleVersions"]]
    out.append("  " * depth + " ".join(words))
    for inner in one.get("fields") or common.get(kind.removeprefix("[]"), []):
        field(out, inner, common, depth + 1)


def message(out, one):
    common = {struct["name"]: struct["fields"] for struct in one.get("commonStructs", [])}
    name = re.sub("(Request|Response)$", "", one["name"])
    flexible = one["flexibleVersions"].rstrip("+")
    out.append(f"{one['type']} {name} {one['apiKey']} {one['validVersions']} flexible {flexible}")
    for inner in one["fields"]:
        field(out, inner, common, 1)


def main(jar, *ranges):
    keys = set()
    for one in ranges:
        first, _, last = one.partition("-")
        keys.update(range(int(first), int(last or first) + 1))
    out = []
    with zipfile.ZipFile(jar) as archive:
        names = [name for name in archive.namelist() if re.fullmatch("common/message/.*[.]json", name)]
        texts = [archive.read(name).decode() for name in names]
    parsed = [json.loads(re.sub(r"(^|\s)//.*$", "", text, flags=re.M)) for text in texts]
    wanted = [one for one in parsed if one.get("apiKey") in keys and one["type"] in ("request", "response")]
    for one in sorted(wanted, key=lambda one: (one["apiKey"], one["type"])):
        message(out, one)
    print("\n".join(out))


if len(sys.argv) < 3:
    sys.exit(__doc__)
main(*sys.argv[1:])

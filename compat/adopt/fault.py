#!/usr/bin/env python3
"""fault.py KIND DIRECTORY: one fault in a log directory, to see that the judges find it. Says where.

flip: a bit of a batch; drop: the last batch of a segment that others follow; index, time: an entry of an index; aborted: the last entry of
a transaction index; several: what `log repair` is for, in segments of many topics.
"""
import struct
import sys
from pathlib import Path

KIND, DIRECTORY = sys.argv[1], Path(sys.argv[2])


def with_entries(topic, suffix):
    """A file of that kind with something in it, if there are several not of the segment being written."""
    files = [file for file in sorted(DIRECTORY.glob(f"{topic}-0/*.{suffix}")) if file.stat().st_size > 0]
    return (files[:-1] or files)[0]


match KIND:
    case "flip":
        file = with_entries("single", "log")
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 4
    case "drop":
        file = with_entries("single", "log")
        content, at = file.read_bytes(), 0
        while at + 12 + struct.unpack(">i", content[at + 8:at + 12])[0] < len(content):
            at += 12 + struct.unpack(">i", content[at + 8:at + 12])[0]
        content = content[:at]
    case "index" | "time":
        file = with_entries("single", "index" if KIND == "index" else "timeindex")
        content = bytearray(file.read_bytes())
        content[len(content) // 2 // 24 * 24 + 7] ^= 1
    case "aborted":
        file = with_entries("transactions", "txnindex")
        content = file.read_bytes()[:-34]
    case "several":
        for at, topic in enumerate(("codec-none", "codec-gzip", "codec-snappy", "codec-zstd", "mixed", "single", "transactions", "times", "append-time", "head")):
            file = with_entries(topic, "log")
            content = bytearray(file.read_bytes())
            middle = len(content) // 2 // 4096 * 4096
            logs = sorted(file.parent.glob("*.log"))
            if at % 3 == 0 or (at % 3 == 2 and len(logs) < 3):
                content[middle + 100] ^= 4
                file.write_bytes(content)
                print(f"{file}: a bit of byte {middle + 100}")
            elif at % 3 == 1:
                content[middle:middle + 4096] = bytes(4096)
                file.write_bytes(content)
                print(f"{file}: nothing in the block at {middle}")
            else:
                lost = logs[(len(logs) - 1) // 2]
                for other in lost.parent.glob(f"{lost.stem}.*index"):
                    other.unlink()
                lost.unlink()
                print(f"{lost}: gone, with its indexes")
        sys.exit()
    case _:
        sys.exit(__doc__)
file.write_bytes(content)
print(f"fault {KIND}: {file}")

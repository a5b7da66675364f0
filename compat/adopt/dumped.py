#!/usr/bin/env python3
"""dumped.py KAFKA DIRECTORY READ: every file of a log directory as Apache Kafka's dump tool reads it, held against what it must be.

KAFKA is compat/apache-kafka/kafka, READ the lines of Read.java. Prints a line for each fault and what was looked at; exits with 1 for any.
Each batch and record of every segment (CRC, offsets without gaps, as many records as a consumer read), each offset index, time index,
transaction index, producer snapshot and list of leader epochs. The tool looks up each entry of a time index by listing the rest of the
segment; where that is too much it only does its sanity check, and all entries are held against the batches here.
"""
import re
import struct
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

KAFKA, DIRECTORY, READ = sys.argv[1:]
ARGUMENT_BYTES_MAX = 100_000
TIME_INDEX_STEPS_MAX = 1_000_000
ABORTED_BYTES = 34
BATCH = re.compile(
    r"baseOffset: (\d+) lastOffset: (\d+) count: (\d+) .* producerId: (-?\d+) .* partitionLeaderEpoch: (-?\d+) isTransactional: (\w+) "
    r"isControl: (\w+) .* position: (\d+) \w+: (-?\d+) size: (\d+) .* isvalid: (\w+)")
RECORD = re.compile(r"\| offset: (\d+) .*?(?:endTxnMarker: (\w+).*)?$")
faults = []


def fault(text):
    faults.append(text)
    if len(faults) <= 40:
        print(f"dump-log: {text}", flush=True)


def tool(files, *options):
    """The lines of the tool over all of the files; as few calls as the length of an argument allows."""
    groups, length = [[]], 0
    for file in files:
        if length + len(str(file)) > ARGUMENT_BYTES_MAX:
            groups.append([])
            length = 0
        groups[-1].append(str(file))
        length += len(str(file)) + 1
    for group in filter(None, groups):
        command = [KAFKA, "tool", "dump-log", *options, "--files", ",".join(group)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as dump:
            yield from map(str.rstrip, dump.stdout)
        if dump.returncode:
            fault(f"{' '.join(command)[:200]} ended with {dump.returncode}")


class Segment:
    def __init__(self, file):
        self.file, self.base, self.batches, self.records = file, int(file.stem), [], 0


def place_of(file):
    topic, _, partition = file.parent.name.rpartition("-")
    return f"{topic}-{partition}"


def read_segments(files, starts):
    segments = {str(file): Segment(file) for file in files}
    segment, control, start = None, False, 0
    for line in tool(files, "--deep-iteration"):
        if line.startswith("|"):
            found = RECORD.match(line)
            if not found:
                fault(f"{segment.file}: {line}")
            elif control:
                segment.batches[-1]["marker"] = found[2]
            elif int(found[1]) >= start:
                segment.records += 1
        elif found := BATCH.match(line):
            names = ("base", "last", "count", "producer", "epoch", "transactional", "control", "position", "time", "size", "valid")
            batch = {name: value if name in ("transactional", "control", "valid") else int(value) for name, value in zip(names, found.groups())}
            control = batch["control"] == "true"
            if batch["valid"] != "true":
                fault(f"{segment.file}: {line}")
            segment.batches.append(batch)
        elif line.startswith("Dumping "):
            segment = segments[line.removeprefix("Dumping ")]
            start = starts.get(place_of(segment.file), 0)
        elif not line.startswith(("Log starting offset", "Non-consecutive offsets in")) and not (
                re.match(r" +-?\d+ is followed by", line)):
            fault(f"{segment.file if segment else ''}: {line}")
    return segments


def check_offsets(segments, compacted):
    """No batch overlaps; without compaction there is no gap either, within a segment and from one to the next."""
    expected = None
    for segment in segments:
        if segment.batches and segment.batches[-1]["position"] + segment.batches[-1]["size"] != segment.file.stat().st_size:
            fault(f"{segment.file}: {segment.file.stat().st_size} bytes, the last batch ends before")
        expected = segment.base if expected is None else expected
        if segment.base < expected or segment.base > expected and not compacted:
            fault(f"{segment.file}: begins at {segment.base} instead of {expected}")
        for batch in segment.batches:
            if batch["base"] < expected or batch["base"] > expected and not compacted:
                fault(f"{segment.file}: {batch['base']} instead of {expected}")
            # A batch without records stands where a repair has given some up.
            if batch["count"] not in (0, batch["last"] - batch["base"] + 1) and not compacted:
                fault(f"{segment.file}: {batch['count']} records from {batch['base']} to {batch['last']}")
            expected = batch["last"] + 1


def check_indexes(segment, is_last):
    """Every entry of both indexes is that of a batch, and the last time of a sealed segment its greatest: by it Kafka chooses the segment
    when it looks for a time. Returns how many."""
    last_at = {batch["position"]: batch["last"] for batch in segment.batches}
    time_of = {batch["last"]: batch["time"] for batch in segment.batches}
    count = 0
    for suffix, layout in ((".index", ">ii"), (".timeindex", ">qi")):
        file = segment.file.with_suffix(suffix)
        previous = (-1, -1)
        for entry in struct.iter_unpack(layout, file.read_bytes()) if file.exists() else ():
            count += 1
            if min(entry[0] - previous[0], entry[1] - previous[1]) <= 0:
                fault(f"{file}: {entry} after {previous}")
            previous = entry
            good = last_at.get(entry[1]) == segment.base + entry[0] if suffix == ".index" else time_of.get(segment.base + entry[1]) == entry[0]
            if not good:
                fault(f"{file}: no batch has {entry}")
    greatest = max((batch["time"] for batch in segment.batches), default=None)
    if not is_last and segment.batches and previous[0] != greatest:
        fault(f"{file}: ends with {previous}, the greatest time is {greatest}")
    return count


def check_aborted(segments, entries):
    """The transaction indexes name what the markers aborted. Segments deleted at the head may have begun a transaction."""
    begun = {}
    for segment in segments:
        aborted = []
        for batch in segment.batches:
            if batch["control"] == "true" and "marker" in batch:
                first = begun.pop(batch["producer"], None)
                if batch["marker"] == "ABORT" and first is not None:
                    aborted.append((batch["producer"], first, batch["last"]))
            elif batch["transactional"] == "true":
                begun.setdefault(batch["producer"], batch["base"])
        if aborted != entries.get(str(segment.file.with_suffix(".txnindex")), []):
            fault(f"{segment.file}: markers abort {aborted[:3]}..., its index has {entries.get(str(segment.file.with_suffix('.txnindex')), [])[:3]}...")


def check_epochs(folder, segments):
    """The list of epochs rises, and says of every batch what its own epoch is. Returns the greatest."""
    words = (folder / "leader-epoch-checkpoint").read_text().split() if (folder / "leader-epoch-checkpoint").exists() else ["0", "0"]
    epochs = [(int(epoch), int(start)) for epoch, start in zip(words[2::2], words[3::2])]
    if words[0] != "0" or len(epochs) != int(words[1]) or epochs != sorted(epochs, key=lambda one: one[1]) or epochs != sorted(set(epochs)):
        fault(f"{folder}/leader-epoch-checkpoint: {words}")
    for segment in segments:
        for batch in segment.batches:
            told = [epoch for epoch, start in epochs if start <= batch["last"]]
            if epochs and batch["last"] >= epochs[0][1] and told[-1] != batch["epoch"]:
                fault(f"{segment.file}: batch {batch['base']} has epoch {batch['epoch']}, the list says {told[-1]}")


def check_tools(directory, segments):
    """What the tool itself says of the indexes and snapshots. Returns the entries of each transaction index, and what to tell."""
    files = {suffix: sorted(file for file in directory.glob(f"*-*/*.{suffix}") if not file.parent.name.endswith("-delete"))
             for suffix in ("index", "timeindex", "txnindex", "snapshot")}
    for file in files["timeindex"]:
        if not file.with_suffix(".index").exists():
            fault(f"{file}: without an offset index")
    both = [file for file in files["index"] + files["timeindex"] if file.with_suffix(".index").exists()]
    sound = 0
    for line in tool(both, "--index-sanity-check"):
        if line.endswith((" passed sanity check.", " is empty.")):
            sound += 1
        elif not line.startswith("Dumping "):
            fault(f"sanity check: {line}")
    if sound != len(both):
        fault(f"{sound} of {len(both)} indexes passed the sanity check")
    deep = [file for file in files["timeindex"] if file in both
            and file.stat().st_size // 12 * len(segments[str(file.with_suffix(".log"))].batches) <= TIME_INDEX_STEPS_MAX]
    for line in tool(files["index"] + deep, "--verify-index-only"):
        if not line.startswith("Dumping ") and not line.endswith(" is empty."):
            fault(f"index: {line}")
    aborted, producers, file = defaultdict(list), 0, None
    for line in tool(files["txnindex"] + files["snapshot"]):
        if line.startswith("Dumping "):
            file = line.removeprefix("Dumping ")
        elif found := re.match(r"version: 0 producerId: (\d+) firstOffset: (\d+) lastOffset: (\d+) lastStableOffset: (\d+)$", line):
            aborted[file].append(tuple(map(int, found.groups()[:3])))
        elif line.startswith("producerId: "):
            producers += 1
        else:
            fault(f"{file}: {line}")
    for file in files["txnindex"]:
        if len(aborted[str(file)]) * ABORTED_BYTES != file.stat().st_size:
            fault(f"{file}: {file.stat().st_size} bytes, {len(aborted[str(file)])} entries")
    return aborted, (f"{len(files['index'])} offset indexes, {len(files['timeindex'])} time indexes ({len(deep)} of them deep by the tool), "
                     f"{sum(map(len, aborted.values()))} aborted transactions, {len(files['snapshot'])} snapshots with {producers} producers")


def main():
    directory = Path(DIRECTORY)
    read = {found[1]: (int(found[2]), int(found[3])) for line in Path(READ).read_text().splitlines()
            if (found := re.match(r"(\S+) read_uncommitted from (\d+) to \d+: (\d+) records in all", line))}
    folders = sorted(folder for folder in directory.glob("*-*") if folder.is_dir() and not folder.name.endswith(("-delete", "-stray", "ottla-state")))
    files = {str(file): file.stat().st_size for folder in folders for file in folder.iterdir()}
    segments = read_segments(sorted(file for folder in folders for file in folder.glob("*.log")), {place: start for place, (start, _) in read.items()})
    aborted, told = check_tools(directory, segments)
    entries = 0
    for folder in folders:
        here = [segment for segment in segments.values() if segment.file.parent == folder]
        compacted = folder.name.startswith(("compacted", "__"))
        check_offsets(here, compacted)
        check_epochs(folder, here)
        entries += sum(check_indexes(segment, segment is here[-1]) for segment in here)
        if not compacted:
            check_aborted(here, aborted)
        records = sum(segment.records for segment in here)
        if folder.name in read and read[folder.name][1] != records:
            fault(f"{folder.name}: {records} records, a consumer read {read[folder.name][1]}")
        if folder.name not in read and not folder.name.startswith("__"):
            fault(f"{folder.name}: nobody read it")
    if files != {str(file): file.stat().st_size for folder in folders for file in folder.iterdir()}:
        fault("the tool changed files")
    batches = sum(len(segment.batches) for segment in segments.values())
    print(f"dump-log: {len(segments)} segments of {len(folders)} partitions, {batches} batches, {sum(segment.records for segment in segments.values())} "
          f"records; {told}; {entries} entries of indexes; {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()

#!/usr/bin/env python3
"""Writes one record of a transaction that no coordinator knows: hang.py HOST:PORT TOPIC PRODUCER_ID

With `transaction.partition.verification.enable=false` a broker takes it, and the transaction hangs. The record is a day old,
so that tools which look for what hangs need not wait.
"""
import socket
import struct
import sys
import time


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def batch(producer, at_ms):
    # Length, attributes, two deltas, no key, the value "x", no headers: varints in zigzag.
    record = bytes([14, 0, 0, 0, 1, 2]) + b"x" + bytes([0])
    transactional = 0x10
    body = struct.pack(">hiqqqhii", transactional, 0, at_ms, at_ms, producer, 0, 0, 1) + record
    return struct.pack(">qiibI", 0, 4 + 1 + 4 + len(body), -1, 2, crc32c(body)) + body


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def main(broker, topic, producer):
    host, port = broker.rsplit(":", 1)
    records = batch(int(producer), int(time.time() * 1000) - 86_400_000)
    data = struct.pack(">i", 1) + text(topic) + struct.pack(">iii", 1, 0, len(records)) + records
    # Produce 7: the last versions without compact lengths know transactional ids too.
    request = struct.pack(">hhi", 0, 7, 1) + text("hang") + text("hanging") + struct.pack(">hi", -1, 10_000) + data
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        answer = connection.makefile("rb")
        (length,) = struct.unpack(">i", answer.read(4))
        answer = answer.read(length)
    at = 4 + 4 + 2 + len(topic) + 4 + 4
    (code,) = struct.unpack(">h", answer[at : at + 2])
    if code != 0:
        sys.exit(f"the broker refused it: error {code}")


main(*sys.argv[1:])

"""The cleanest grid, until its queue is long: a router in another language.

routers: [{ router: external, command: [python3, my_router.py], options: { longQueue: 32 } }]

Frames are a length (4 bytes, big-endian) and MessagePack; docs/external-routers.md has them.
"""
import struct
import sys

import msgpack


def read():
    head = sys.stdin.buffer.read(4)
    if len(head) < 4:
        sys.exit()
    return msgpack.unpackb(sys.stdin.buffer.read(struct.unpack(">I", head)[0]))


def answer(value):
    body = msgpack.packb(value)
    sys.stdout.buffer.write(struct.pack(">I", len(body)) + body)
    sys.stdout.buffer.flush()


start = read()
endpoints = start["endpoints"]
long_queue = start["options"].get("longQueue", 32)
answer({"frame": start["frame"]})

while (frame := read())["type"] != "end":
    up = frame["telemetry"]["up"]
    outstanding = frame["telemetry"]["outstanding"]
    actions = []
    for request in frame["requests"]:
        best, least = None, float("inf")
        for e, endpoint in enumerate(endpoints):
            if not up[e] or request["needsLarge"] > endpoint["large"]:
                continue
            score = (1 + outstanding[e] // long_queue) * frame["carbon"][endpoint["region"]]
            if score < least:
                best, least = e, score
        if best is not None:
            outstanding[best] += 1
        actions.append(best)
    answer({"frame": frame["frame"], "actions": actions})

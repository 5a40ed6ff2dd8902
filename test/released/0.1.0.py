"""A client of version 0.1.0, as it was built then: every number below is written out, and none is read from today's sources.
It is never changed. Run by test/e2e/released.test.ts: 0.1.0.py RUNTIME_DIR"""

import hashlib
import mmap
import os
import socket
import struct
import sys
import time

import grpc

RUNTIME_DIR = sys.argv[1]


# The gRPC contract, as bytes on the wire.


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value.encode()


def fields(message):
    """The fields of a message, by number; those that a later version has added are read over."""
    at = 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    found = {}
    while at < len(message):
        key = read()
        if key & 7 == 1:
            value, at = message[at : at + 8], at + 8
        elif key & 7 == 5:
            value, at = message[at : at + 4], at + 4
        else:
            value = read()
            if key & 7 == 2:
                value, at = message[at : at + value], at + value
        found[key >> 3] = value
    return found


connection = grpc.insecure_channel(
    "unix:" + RUNTIME_DIR + "/warpdrive.sock", options=[("grpc.default_authority", "localhost")]
)


def call(method, request):
    return fields(connection.unary_unary("/warpdrive.v1.Broker/" + method)(request, timeout=30))


# Tokens, and the descriptors that they stand for.


def redeem(token, count):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as fds:
        fds.connect(RUNTIME_DIR + "/fd.sock")
        fds.sendall(token)
        answer, descriptors, _, _ = socket.recv_fds(fds, 8, count)
    assert struct.unpack("<II", answer) == (0, count), answer
    return descriptors


# The channel, version 1.

opened = call("OpenChannel", number(1, 8))
channel = opened[1]
memory_fd, bell_fd = redeem(opened[2], 2)
memory = mmap.mmap(memory_fd, os.fstat(memory_fd).st_size)
bell = socket.socket(fileno=bell_fd)
magic, version, total, slots, requests, parameters, submissions, completions = struct.unpack_from(
    "<4s7I", memory, 0
)
assert (magic, version, total) == (b"WDCH", 1, len(memory))
assert (slots, requests, parameters) == (8, 4096, 4096 + 8 * 64)
print("channel:", slots, "slots")

region = call("ShareRegion", number(1, channel) + number(2, 8192))
(region_fd,) = redeem(region[2], 1)
data = mmap.mmap(region_fd, 8192)
queue = call("RequestQueue", number(1, channel) + text(2, "sha-256"))[1]

# More than the rings have room for at once, so that they wrap around.
right = 0
for index in range(20):
    data[0:4096] = os.urandom(4096)
    slot = index % slots
    cookie = index + 1
    # sha-256 of 4096 bytes at 0 of the region to 32 bytes at 4096.
    struct.pack_into(
        "<16I", memory, requests + slot * 64,
        32, queue, 0, 0, cookie, 7, region[1], 0, 4096, region[1], 4096, 32, 0, 0, 0, 0,
    )
    struct.pack_into("<I", memory, submissions + index % slots * 4, slot)
    struct.pack_into("<I", memory, 128, index + 1)
    bell.sendall(b"\x01")
    deadline = time.monotonic() + 30
    while struct.unpack_from("<I", memory, 384)[0] == index:
        assert time.monotonic() < deadline, "no completion"
        time.sleep(0.001)
    completion = struct.unpack_from("<8I", memory, completions + index % slots * 32)
    struct.pack_into("<I", memory, 512, index + 1)
    assert completion[:5] == (slot, 0, cookie, 7, 32) and completion[7] == 0, completion
    right += data[4096:4128] == hashlib.sha256(data[0:4096]).digest()
print("sha-256:", right, "of 20 right")

# An operation that doesn't exist fails as UNKNOWN_OPERATION, for this request alone.
struct.pack_into("<16I", memory, requests, 999, queue, *([0] * 14))
struct.pack_into("<I", memory, submissions + 20 % slots * 4, 0)
struct.pack_into("<I", memory, 128, 21)
bell.sendall(b"\x01")
while struct.unpack_from("<I", memory, 384)[0] == 20:
    time.sleep(0.001)
print("unknown operation:", struct.unpack_from("<8I", memory, completions + 20 % slots * 32)[1])
print("closed:", struct.unpack_from("<I", memory, 896)[0])

"""A client of the contract alone, run by python.test.ts: python-client.py SOCKET"""

import gzip
import hashlib
import os
import queue
import sys

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet
from warpdrive.v1 import warpdrive_pb2 as wd
from warpdrive.v1 import warpdrive_pb2_grpc

PIECE = 100_000

connection = grpc.insecure_channel(
    "unix:" + sys.argv[1], options=[("grpc.default_authority", "localhost")]
)
broker = warpdrive_pb2_grpc.BrokerStub(connection)

devices = broker.ListDevices(wd.ListDevicesRequest()).devices
print("devices:", " ".join(sorted(device.name for device in devices)))

opened = broker.OpenChannel(wd.OpenChannelRequest(slots=64, transport=wd.TRANSPORT_STREAM))
channel = opened.channel
messages = queue.SimpleQueue()
messages.put(wd.ExchangeRequest(channel=channel))
call = broker.Exchange(iter(messages.get, None))


def send(**fields):
    messages.put(wd.ExchangeRequest(**fields))


def receive():
    """The next completion, and the whole output of its request."""
    output = b""
    for message in call:
        output += b"".join(part.data for part in message.parts)
        for completion in message.completions:
            return completion, output + completion.data


def request_queue(algorithm):
    return broker.RequestQueue(wd.RequestQueueRequest(channel=channel, algorithm=algorithm)).queue


hashes = request_queue("sha-256")
send(
    requests=[
        wd.Request(
            id=1,
            operation=wd.OPERATION_SHA_256,
            queue=hashes,
            source=wd.Input(data=b"hello"),
            destination=wd.Output(bytes=32),
        )
    ]
)
completion, output = receive()
print("sha-256:", "right" if output == hashlib.sha256(b"hello").digest() else "wrong")

text = os.urandom(1_000_000) + bytes(2_000_000)
gzips = request_queue("gzip")
session = broker.OpenSession(
    wd.OpenSessionRequest(channel=channel, algorithm="gzip", level=6)
).session
send(
    requests=[
        wd.Request(
            id=2,
            operation=wd.OPERATION_GZIP_COMPRESS,
            queue=gzips,
            session=session,
            source=wd.Input(bytes=len(text)),
            destination=wd.Output(bytes=len(text)),
        )
    ]
)
for at in range(0, len(text), PIECE):
    send(parts=[wd.Part(id=2, data=text[at : at + PIECE])])
completion, output = receive()
is_right = completion.status == 0 and gzip.decompress(output) == text
print(f"gzip of {len(text)} bytes:", "right" if is_right else f"wrong {completion.code}")

region = broker.ShareRegion(wd.ShareRegionRequest(channel=channel, bytes=1 << 20)).region
data = os.urandom(200_000)


def pieces():
    yield wd.WriteRegionRequest(channel=channel, region=region, data=data[:PIECE])
    yield wd.WriteRegionRequest(data=data[PIECE:])


broker.WriteRegion(pieces())
copies = request_queue("copy")
send(
    requests=[
        wd.Request(
            id=3,
            operation=wd.OPERATION_COPY,
            queue=copies,
            source=wd.Input(region=wd.RegionRange(region=region, bytes=len(data))),
            destination=wd.Output(
                region=wd.RegionRange(region=region, offset=1 << 19, bytes=len(data))
            ),
        )
    ]
)
receive()
read = broker.ReadRegion(
    wd.ReadRegionRequest(channel=channel, region=region, offset=1 << 19, bytes=len(data))
)
print("region:", "right" if b"".join(piece.data for piece in read) == data else "wrong")

send(requests=[wd.Request(id=4, operation=wd.OPERATION_NOP, queue=200)])
print("unknown queue:", receive()[0].code)


def fields(message):
    """Numbers and values of a message, to read google.rpc.Status without its generated code."""
    found = UnknownFieldSet(Empty.FromString(message))
    return [(field.field_number, field.data) for field in found]


try:
    request_queue("lzma")
except grpc.RpcError as error:
    status = dict(error.trailing_metadata())["grpc-status-details-bin"]
    details = [dict(fields(value)) for number, value in fields(status) if number == 3]
    info = dict(fields(details[0][2]))
    print("unknown algorithm:", error.code().name, info[1].decode(), info[2].decode())

check = connection.unary_unary("/grpc.health.v1.Health/Check")
print("health:", "SERVING" if check(b"\x0a\x13warpdrive.v1.Broker") == b"\x08\x01" else "not serving")

messages.put(None)
print("end:", "OK" if next(call, None) is None and call.code() == grpc.StatusCode.OK else "failed")

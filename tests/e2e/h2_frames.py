"""HTTP/2 as bytes: frames and heads of any shape, legal or not, and a client that reads frames."""

import socket
import struct

import client
import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)
ERRORS = ("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
          "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
          "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED")
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY_FLAG = 0x20
LAST = END_STREAM | END_HEADERS


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _text(value):
    """A string literal without Huffman code (RFC 7541 section 5.2)."""
    data = value.encode("latin-1") if isinstance(value, str) else value
    if len(data) < 127:
        return bytes([len(data)]) + data
    rest, length = len(data) - 127, b"\x7f"
    while rest >= 128:
        length += bytes([rest % 128 + 128])
        rest //= 128
    return length + bytes([rest]) + data


def block(fields):
    """Literal fields that are not indexed: nothing is checked."""
    return b"".join(b"\0" + _text(n) + _text(v) for n, v in fields)


def pseudo(method="GET", path="/", scheme="https", authority="a.example"):
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path)]


def request(stream=1, fields=(), flags=LAST, head=None, **kwargs):
    return frame(HEADERS, flags, stream, block([*(pseudo(**kwargs) if head is None else head), *fields]))


def settings(*pairs, flags=0, stream=0):
    return frame(SETTINGS, flags, stream, b"".join(struct.pack(">HI", k, v) for k, v in pairs))


def number(value):
    return struct.pack(">I", value)


class Connection:
    """What has come: goaway, resets and statuses by stream, ended streams, pings, settings."""

    def __init__(self, port, preface=PREFACE + frame(SETTINGS), timeout=10):
        context = client.tls_context(alpn=["h2"])
        plain = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = context.wrap_socket(plain, server_hostname="a.example")
        self.decoder = hpack.Decoder()
        self.buffer = b""
        self.goaway = None
        self.last_streams = []  # of each GOAWAY
        self.closed = False
        self.resets, self.statuses, self.bodies, self.ended = {}, {}, {}, set()
        self.pongs, self.acks = [], 0
        self.send(preface)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        """False when the server is gone already; what it said last is read all the same."""
        try:
            self.sock.sendall(data)
        except (ConnectionError, OSError):
            return False
        return True

    def turn(self):
        """One read. False: nothing more will come."""
        try:
            data = self.sock.recv(65536)
        except (ConnectionError, OSError) as why:
            if isinstance(why, TimeoutError):
                raise
            data = b""
        if not data:
            self.closed = True
            return False
        self.buffer += data
        while len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                break
            kind, flags = self.buffer[3:5]
            stream = int.from_bytes(self.buffer[5:9], "big") & 0x7FFFFFFF
            payload = self.buffer[9:9 + length]
            self.buffer = self.buffer[9 + length:]
            self._take(kind, flags, stream, payload)
        return True

    def _take(self, kind, flags, stream, payload):
        if kind == GOAWAY:
            self.goaway = ERRORS[int.from_bytes(payload[4:8], "big")]
            self.last_streams.append(int.from_bytes(payload[:4], "big"))
        elif kind == RST_STREAM:
            self.resets[stream] = ERRORS[int.from_bytes(payload, "big")]
        elif kind == HEADERS:
            assert flags & END_HEADERS
            fields = dict(self.decoder.decode(payload))
            self.statuses.setdefault(stream, int(fields.get(":status", 0)))
        elif kind == DATA:
            self.bodies[stream] = self.bodies.get(stream, b"") + payload
        elif kind == PING and flags & ACK:
            self.pongs.append(payload)
        elif kind == SETTINGS:
            if flags & ACK:
                self.acks += 1
            else:
                self.send(frame(SETTINGS, ACK))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.ended.add(stream)

    def until(self, condition):
        """Reads until the condition holds; False when the server closed before."""
        while not condition():
            if not self.turn():
                return condition()
        return True

    def alive(self):
        """Whether a PING comes back."""
        before = len(self.pongs)
        self.send(frame(PING, 0, 0, b"areyouok"))
        return self.until(lambda: len(self.pongs) > before or self.goaway) and not self.goaway

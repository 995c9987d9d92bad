"""RFC 6455 frame by frame, legal and not: a real server says the same through the proxy as without it."""

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import client
import pytest
from daemon import free_port
from lab import wait_for

pytest.importorskip("websockets")
CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls
certificate default @cert@
site a.example -> http://127.0.0.1:@port_back@
"""
SERVER = textwrap.dedent("""\
    import asyncio, sys, websockets
    async def answer(ws):
        async for message in ws:
            await ws.send(message)
    async def main():
        async with websockets.serve(answer, "127.0.0.1", int(sys.argv[1]), max_size=1 << 20, compression=None,
                                    server_header=None):
            await asyncio.Future()
    asyncio.run(main())
    """)
ASK = (b"GET /chat HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
       b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MASK = b"\x11\x22\x33\x44"


def frame(op, payload=b"", fin=True, mask=True, rsv=0, form=None):
    """form: the number of bytes that hold the length, where it is not the shortest."""
    n = len(payload)
    form = form if form is not None else 0 if n < 126 else 2 if n < 65536 else 8
    size = n if form == 0 else 126 if form == 2 else 127
    head = bytes([fin << 7 | rsv << 4 | op, mask << 7 | size]) + (n.to_bytes(form, "big") if form else b"")
    if not mask:
        return head + payload
    return head + MASK + bytes(b ^ MASK[i % 4] for i, b in enumerate(payload))


def code(number, why=b""):
    return number.to_bytes(2, "big") + why


END = frame(CLOSE, code(1000))
UTF8 = "κόσμε".encode()

ROWS = [(f"{name} of {n} bytes", frame(op, b"*" * n)) for name, op in (("text", TEXT), ("binary", BINARY))
        for n in (0, 1, 125, 126, 127, 128, 65535, 65536, 300_000)]
ROWS += [(f"a ping of {n} bytes", frame(PING, b"\xfe" * n)) for n in (0, 1, 125)]
ROWS += [(f"a ping of {n} bytes is too long", frame(PING, b"x" * n)) for n in (126, 70000)]
ROWS += [(f"reserved bit {rsv}", frame(TEXT, b"x", rsv=rsv)) for rsv in range(1, 8)]
ROWS += [(f"opcode {op}", frame(op, b"x")) for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)]
ROWS += [(f"close {n}", frame(CLOSE, code(n))) for n in (
    0, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1011, 1012, 1015, 1016, 2999, 3000, 3999, 4000, 4999, 5000)]
ROWS += [
    ("ten pings", frame(PING, b"x") * 10), ("an unasked pong", frame(PONG, b"x") + frame(TEXT, b"y")),
    ("a ping in two", frame(PING, b"x", fin=False)), ("a text in two", frame(TEXT, b"ab", fin=False) + frame(0, b"c")),
    ("a ping between", frame(TEXT, b"ab", fin=False) + frame(PING, b"p") + frame(0, b"c")),
    ("a text in 50", frame(TEXT, b"a", fin=False) + frame(0, b"b", fin=False) * 48 + frame(0, b"c")),
    ("empty pieces", frame(TEXT, fin=False) + frame(0, fin=False) + frame(0)),
    ("a piece of nothing", frame(0, b"x")), ("a text within a text", frame(TEXT, b"a", fin=False) + frame(TEXT, b"b")),
    ("UTF-8", frame(TEXT, UTF8)), ("UTF-8 cut by frames", frame(TEXT, UTF8[:3], fin=False) + frame(0, UTF8[3:])),
    ("no UTF-8", frame(TEXT, UTF8 + b"\xed\xa0\x80")), ("UTF-8 that is cut", frame(TEXT, UTF8[:-1])),
    ("UTF-8 above its range", frame(TEXT, b"\xf4\x90\x80\x80")), ("UTF-8 too long", frame(TEXT, b"\xc0\xaf")),
    ("a close without a code", frame(CLOSE)), ("a close of one byte", frame(CLOSE, b"x")),
    ("a close with a reason", frame(CLOSE, code(1000, UTF8))), ("a close with no UTF-8", frame(CLOSE, code(1000, b"\xff"))),
    ("a close of 126 bytes", frame(CLOSE, code(1000, b"x" * 124))), ("frames behind a close", END + frame(TEXT, b"x")),
    ("a frame without mask", frame(TEXT, b"x", mask=False)),
    ("a length in two bytes for one", frame(TEXT, b"x", form=2)), ("a length in eight for one", frame(TEXT, b"x", form=8)),
    ("a length of 2^63", bytes([0x82, 0xFF]) + (1 << 63).to_bytes(8, "big") + MASK),
    ("HTTP within the tunnel", b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"),
]


@pytest.fixture
def server(box):
    port = free_port()
    process = subprocess.Popen([sys.executable, box.write("server.py", SERVER), str(port)],
                               stderr=subprocess.DEVNULL)

    def answers():
        try:
            client.RawClient("127.0.0.1", port).close()
        except OSError:
            return False
        return True
    wait_for(answers, what="the server")
    yield port
    process.kill()
    process.wait()


def transcript(port, sent, step=None, **options):
    """All that the server says to these frames and a close, but for the head's Date."""
    with client.RawClient("127.0.0.1", port, timeout=20, **options) as c:
        c.send(ASK)
        head = c.read_until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        said = c.buffer
        try:
            for at in range(0, len(sent + END), step or len(sent + END)):
                c.send((sent + END)[at:at + (step or len(sent + END))])
        except OSError:
            pass  # it may close while we still send
        try:
            while data := c.sock.recv(65536):
                said += data
        except ConnectionError:
            pass
    return said


def test_a_server_says_the_same_through_the_proxy(sluice, server):
    s = sluice(CONF, port_back=server)
    ways = {"plain": {}, "tls": {"tls": True, "sni": "a.example"}, "in pieces of three": {"step": 3}}

    def compare(row):
        name, sent = row
        direct = transcript(server, sent)
        said = {way: transcript(s.ports["port_tls"] if way == "tls" else s.port, sent, **options)
                for way, options in ways.items() if way != "in pieces of three" or len(sent) < 1000}
        return [(name, way, direct[:80], got[:80]) for way, got in said.items() if not direct or got != direct]
    with ThreadPoolExecutor(8) as pool:
        wrong = [w for ws in pool.map(compare, ROWS) for w in ws]
    assert len(ROWS) >= 80 and wrong == []

"""`sluice quit --drain`: what is under way is finished, what is idle goes, nothing new comes in."""

import http.client
import json
import multiprocessing
import subprocess
import time

import daemon
import pytest
from h2_frames import Connection, request
from lab import wait_for

CONF = """listen 127.0.0.1:@port@ plain
site a.example {
	route / -> http://127.0.0.1:@backend@
	route /here -> status 204
}
"""


class Slow:
    """A backend that ends its answers when it is told to."""

    def __init__(self, backend):
        self.go = multiprocessing.Event()
        self.asked = multiprocessing.Event()
        self.server = backend.raw(self.serve)

    def serve(self, conn):
        if conn.read_head() is None:
            return
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        self.asked.set()
        self.go.wait(60)
        conn.send(b"half")


def events_of(s):
    """The stream of `sluice events`, before the first order."""
    stream = subprocess.Popen([daemon.BIN / "sluice", "-s", s.socket, "--json", "events"],
                              stdout=subprocess.PIPE, text=True)
    assert json.loads(stream.stdout.readline())["event"] == "hello"
    return stream


def quit_in_background(s, time_given):
    return subprocess.Popen([daemon.BIN / "sluice", "-s", s.socket, "quit", "--drain", time_given],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def refused(s):
    try:
        s.client(timeout=2).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_drain_ends_with_its_last_connection(sluice, backend):
    answers = []

    def answer(request):
        answers.append(request)
        return 200, [], b"ok"

    server = backend.http(answer)
    s = sluice(CONF, backend=server.port)
    idle, busy = s.client(), s.client()
    assert idle.request("GET", "/here", host="a.example").keep_alive
    assert busy.request("GET", "/here", host="a.example").keep_alive
    began = time.monotonic()
    with events_of(s) as stream:
        order = quit_in_background(s, "60s")
        wait_for(lambda: refused(s), 10, "no new connection is taken")
        # One that was busy a moment ago gets its next answer, and is told that it is the last.
        last = busy.request("GET", "/", host="a.example")
        assert last.status == 200 and not last.keep_alive
        s.wait_end(timeout=30)
        told = [json.loads(line) for line in stream.stdout]
    assert time.monotonic() - began < 30, "it did not wait for the whole time"
    assert order.wait(10) == 0
    left = [int(e["connections"]) for e in told if e["event"] == "draining" and "connections" in e]
    assert left and left == sorted(left, reverse=True) and left[-1] == 0, told
    idle.close()
    busy.close()


def test_an_answer_under_way_is_finished(sluice, backend):
    slow = Slow(backend)
    s = sluice(CONF, backend=slow.server.port)
    c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=60)
    c.request("GET", "/", headers={"Host": "a.example"})
    assert slow.asked.wait(10)
    order = quit_in_background(s, "60s")
    wait_for(lambda: refused(s), 10, "no new connection is taken")
    wait_for(lambda: "connections left" in s.processes()["proxy"]["note"], 10, "the status says so")
    done = s.ctl("reload", check=False)
    assert done.returncode == 1 and "shutting down" in done.stderr
    slow.go.set()
    assert c.getresponse().read() == b"halfhalf"
    c.close()
    s.wait_end(timeout=30)
    assert order.wait(10) == 0


H2 = CONF.replace("plain\n", "tls http2\ncertificate default @cert@\n", 1)


def test_streams_of_http2_are_finished(sluice, backend):
    """The first GOAWAY asks for no more, and what is on its way is answered; the second one counts."""
    slow = Slow(backend)
    s = sluice(H2, backend=slow.server.port)
    with Connection(s.port) as c, Connection(s.port) as idle:
        c.send(request(1))
        assert c.until(lambda: c.bodies.get(1) == b"half")
        assert idle.alive()
        order = quit_in_background(s, "60s")
        assert c.until(lambda: c.last_streams == [0x7FFFFFFF])
        c.send(request(3, path="/here"))
        assert c.until(lambda: c.statuses.get(3) == 204)
        assert c.until(lambda: c.last_streams == [0x7FFFFFFF, 3])
        c.send(request(5, path="/here"))
        # The idle one has nothing to wait for.
        assert not idle.until(lambda: False) and idle.goaway == "NO_ERROR"
        assert idle.last_streams == [0x7FFFFFFF, 0]
        assert 1 not in c.ended and order.poll() is None
        slow.go.set()
        assert not c.until(lambda: False)
        assert c.bodies[1] == b"halfhalf" and 1 in c.ended
        assert 5 not in c.statuses and c.goaway == "NO_ERROR" and c.resets == {}
    s.wait_end(timeout=30)
    assert order.wait(10) == 0


def test_a_stream_that_does_not_end_is_cut(sluice, backend):
    slow = Slow(backend)
    s = sluice(H2, backend=slow.server.port)
    with Connection(s.port) as c:
        c.send(request(1))
        assert c.until(lambda: c.bodies.get(1) == b"half")
        order = quit_in_background(s, "2s")
        assert not c.until(lambda: False)
        assert 1 not in c.ended
    s.wait_end(timeout=20)
    assert order.wait(10) == 0
    slow.go.set()


def test_what_is_left_at_the_end_of_the_time_is_cut(sluice, backend):
    slow = Slow(backend)
    s = sluice(CONF, backend=slow.server.port)
    c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=60)
    c.request("GET", "/", headers={"Host": "a.example"})
    assert slow.asked.wait(10)
    began = time.monotonic()
    order = quit_in_background(s, "2s")
    s.wait_end(timeout=20)
    assert 1.9 < time.monotonic() - began < 15
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        c.getresponse().read()
    assert order.wait(10) == 0
    slow.go.set()


def test_a_signal_ends_a_drain_at_once(sluice, backend):
    slow = Slow(backend)
    s = sluice(CONF, backend=slow.server.port)
    c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=60)
    c.request("GET", "/", headers={"Host": "a.example"})
    assert slow.asked.wait(10)
    order = quit_in_background(s, "60s")
    wait_for(lambda: refused(s), 10, "no new connection is taken")
    s.stop()
    assert order.wait(10) == 0
    slow.go.set()
    c.close()


@pytest.mark.parametrize("words", [("--drain",), ("--drain", "x"), ("--drain", "0s"), ("30s",)])
def test_a_time_that_is_none(sluice, words):
    s = sluice("listen 127.0.0.1:@port@ plain\nsite * -> status 204\n")
    assert s.ctl("quit", *words, check=False).returncode == 2
    assert s.api("POST", "/v1/quit?drain=soon")[0] == 400
    assert s.api("POST", "/v1/quit?x=1")[0] == 400
    assert s.get("/").status == 204


SOCKET = (b"GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
SWITCH = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def test_a_websocket_gets_its_close_frame_before_the_end(sluice, backend):
    def serve(conn):
        if conn.read_head():
            conn.send(SWITCH + b"\x81\x02hi")
            conn.note(conn.read_exact(8).hex())
            conn.send(b"\x88\x02\x03\xe9")

    server = backend.raw(serve)
    s = sluice(CONF, backend=server.port)
    with s.client(timeout=30) as c:
        c.send(SOCKET)
        assert c.response().status == 101 and c.recv(4) == b"\x81\x02hi"
        began = time.monotonic()
        order = quit_in_background(s, "4s")
        # 1001: going away. The rest of the time is for the other side's.
        assert c.recv(4) == b"\x88\x02\x03\xe9" and time.monotonic() - began > 2
        assert c.recv(4) == b"\x88\x02\x03\xe9" and c.eof()
    s.wait_end(timeout=30)
    assert order.wait(10) == 0 and time.monotonic() - began < 20
    (frame,) = server.notes()
    assert frame.startswith("8882")


def test_another_tunnel_has_all_of_the_time_and_no_word_of_ours(sluice, backend):
    def serve(conn):
        if conn.read_head():
            conn.send(SWITCH.replace(b"websocket", b"tcp"))
            while data := conn.sock.recv(100):
                conn.send(data.upper())
            conn.note("end")

    server = backend.raw(serve)
    s = sluice("upgrade tcp\n" + CONF, backend=server.port)
    with s.client(timeout=30) as c:
        c.send(SOCKET.replace(b"websocket", b"tcp"))
        assert c.response().status == 101
        began = time.monotonic()
        order = quit_in_background(s, "4s")
        while time.monotonic() - began < 3:
            c.send(b"a")
            assert c.recv(1) == b"A"
            time.sleep(0.1)
        assert c.eof(timeout=10)
    s.wait_end(timeout=30)
    assert order.wait(10) == 0 and time.monotonic() - began < 20
    wait_for(lambda: server.notes() == ["end"], what="the backend to see the end")

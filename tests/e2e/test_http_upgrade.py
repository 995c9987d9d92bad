"""Protocols beside WebSocket that a route allows: what is asked for, the switch, bytes both ways, endings, reloads."""

import contextlib
import json
import os
import socket
import threading
import time

import pytest
from h2_client import H2Client
from lab import wait_for

CONF = """\
listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@port_tls@ tls http2
certificate default @cert@
log access @dir@/access.log json
site a.example {
    route /docker/ -> http://@backend@ { @options@ }
    route /plain/ -> http://@backend@
    route / -> status 200
}
"""
ASK = [("Connection", "Upgrade"), ("Upgrade", "tcp")]
JSON = b'{"Detach":false,"Tty":true}'
RAW = "application/vnd.docker.raw-stream"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"


def switched(protocol="tcp", more=""):
    return (f"HTTP/1.1 101 UPGRADED\r\nContent-Type: {RAW}\r\n{more}Connection: Upgrade\r\n"
            f"Upgrade: {protocol}\r\n\r\n").encode()


def body_of(conn, head):
    if b"chunked" in head:
        return conn.read_chunked()
    for line in head.decode("latin-1").split("\r\n"):
        if line.lower().startswith("content-length:"):
            return conn.read_exact(int(line.split(":")[1]))
    return b""


def attach(conn):
    """Takes the whole request, switches, and sends in capitals what it gets; at the end of that it says goodbye."""
    head = conn.read_head()
    conn.note(head.decode("latin-1"))
    conn.note(body_of(conn, head).decode())
    conn.send(switched() + b"> ")
    data = conn.buffer
    while data or (data := conn.sock.recv(65536)):
        conn.send(data.upper())
        data = b""
    conn.note("end")
    conn.send(b"goodbye")


def plain(conn):
    while head := conn.read_head():
        conn.note(head.decode("latin-1"))
        body_of(conn, head)
        conn.send(PLAIN)


@pytest.fixture
def served(sluice, backend):
    def make(serve=attach, options="upgrade tcp SPDY/3.1", conf=CONF):
        b = backend.raw(serve)
        s = sluice(conf, backend=b.address, options=options)
        s.backend = b
        return s
    return make


def asked(head):
    """What the backend is told of a switch, as it stands there."""
    return [line for line in head.split("\r\n") if line.lower().startswith(("connection:", "upgrade:"))]


def attached(s, path="/docker/exec/1/start", body=JSON, **options):
    c = s.client(**options)
    answer = c.request("POST", path, headers=[("Content-Type", "application/json"), *ASK], body=body)
    assert (answer.status, answer.reason) == (101, "UPGRADED")
    assert answer.all("connection") == ["Upgrade"] and answer.all("upgrade") == ["tcp"]
    assert answer.header("content-type") == RAW and not answer.all("content-length")
    assert c.recv(2) == b"> "
    return c


@pytest.mark.parametrize("options", ["", "body-buffer 16K", "body-buffer 1K ; request-buffering on spill 1M"])
def test_a_request_with_a_body_and_then_a_stream(served, options):
    s = served(options=f"upgrade tcp ; {options}")
    with attached(s) as c:
        wait_for(lambda: s.stats()["tunnels_open"] == 1, what="the tunnel to be counted")
        blob = os.urandom(200_000).hex().encode()
        for at in range(0, len(blob), 40_000):
            c.send(blob[at:at + 40_000])
            assert c.recv(40_000) == blob[at:at + 40_000].upper()
        c.send(b"exit")
        c.shutdown_write()
        assert c.recv(4 + 7) == b"EXITgoodbye" and c.eof()
    head, body, end = s.backend.notes()
    assert body == JSON.decode() and end == "end"
    assert asked(head) == ["Connection: Upgrade", "Upgrade: tcp"]
    assert f"\r\nContent-Length: {len(JSON)}\r\n" in head
    wait_for(lambda: s.stats()["tunnels_open"] == 0, what="the tunnel to be over")
    wait_for(lambda: (s.dir / "access.log").read_text().count("\n") == 1, what="its line")
    line = json.loads((s.dir / "access.log").read_text())
    assert (line["status"], line["method"]) == (101, "POST")


def test_through_tls_and_without_a_body(served):
    s = served()
    with attached(s, body=None, port=s.ports["port_tls"], tls=True, sni="a.example") as c:
        c.send(b"abc")
        assert c.recv(3) == b"ABC"
    assert s.backend.notes()[1] == ""


def test_a_large_body_in_chunks_goes_first(served):
    s = served(options="upgrade tcp ; body-buffer 1K ; request-buffering on spill 9M")
    body = os.urandom(300_000).hex().encode()
    with s.client() as c:
        c.send(b"POST /docker/x HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 50_000):
            piece = body[at:at + 50_000]
            c.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        c.send(b"0\r\n\r\n")
        assert c.response().status == 101
        c.send(b"abc")
        assert c.recv(5) == b"> ABC"
    assert s.backend.notes()[1] == body.decode()


def test_100_comes_before_101(served):
    s = served()
    with s.client() as c:
        c.send(b"POST /docker/x HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
               b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert c.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        c.send(b"abc")
        answer = c.response()
        assert answer.status == 101 and not answer.interim
    assert s.backend.notes()[1] == "abc" and "expect" not in s.backend.notes()[0].lower()


def test_interim_answers_before_the_switch(served):
    def hinting(conn):
        body_of(conn, conn.read_head())
        conn.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + switched() + b"x")
        conn.sock.recv(1)
    s = served(hinting)
    with s.client() as c:
        answer = c.request("POST", "/docker/x", headers=ASK, body=JSON)
        assert answer.status == 101 and [one.status for one in answer.interim] == [103]
        assert c.recv(1) == b"x"


# what the client lists, its method, and what the backend is asked for
LISTS = [
    (["tcp"], "POST", "tcp"), (["TCP"], "GET", "tcp"), (["spdy/3.1"], "GET", "SPDY/3.1"),
    (["h2c, other/1 ,SPDY/3.1, tcp"], "POST", "SPDY/3.1"), (["h2c", "tcp", "SPDY/3.1"], "POST", "tcp"),
    (["tcp, websocket"], "GET", "tcp"), (["websocket, tcp"], "GET", "websocket"), (["websocket, tcp"], "POST", "tcp"),
    (["SPDY"], "POST", None), (["SPDY/3"], "POST", None), (["tcp/1"], "POST", None), (["tcpx"], "POST", None),
    (["h2c"], "GET", None), (["TLS/1.0"], "GET", None), (["HTTP/2.0"], "GET", None), (["websocket"], "POST", None),
    (["\"tcp\""], "GET", None), ([""], "GET", None),
]


def test_the_first_that_is_allowed_is_asked_for(served):
    s = served(plain)
    wrong = []
    with s.client() as c:
        for lists, method, protocol in LISTS:
            headers = [("Connection", "Upgrade"), *(("Upgrade", one) for one in lists)]
            assert c.request(method, "/docker/x", headers=headers, body=b"{}" if method == "POST" else None).body == b"no"
            told = asked(s.backend.notes()[-1])
            if told != (["Connection: Upgrade", f"Upgrade: {protocol}"] if protocol else []):
                wrong.append((lists, method, told))
    assert wrong == []


@pytest.mark.parametrize("path, headers", [
    ("/plain/x", ASK),
    ("/docker/x", [("Upgrade", "tcp")]),
    ("/docker/x", [("Connection", "keep-alive"), ("Upgrade", "tcp")]),
    ("/docker/x", [("Connection", "Upgrade")])])
def test_what_is_not_allowed_is_not_asked_for(served, path, headers):
    s = served(plain)
    with s.client() as c:
        assert c.request("POST", path, headers=headers, body=JSON).body == b"no"
        assert c.request("GET", "/").status == 200
    assert asked(s.backend.notes()[0]) == []


def test_a_client_of_http_1_0_is_not_switched(served):
    s = served(plain)
    with s.client() as c:
        c.send(b"POST /docker/x HTTP/1.0\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n")
        assert c.response().body == b"no"
    assert asked(s.backend.notes()[0]) == []


def test_the_inner_list_counts(served):
    s = served(plain, options="upgrade off", conf=CONF.replace("site a.example {", "upgrade tcp\nsite a.example {"))
    for path, told in (("/docker/x", []), ("/plain/x", ["Connection: Upgrade", "Upgrade: tcp"])):
        assert s.get(path, headers=ASK).body == b"no"
        assert asked(s.backend.notes()[-1]) == told
    s.write(s.text.replace("upgrade tcp\nsite a.example {", "upgrade tcp\nsite a.example { upgrade b/1"))
    s.reload()
    assert s.get("/plain/x", headers=ASK).body == b"no"
    assert asked(s.backend.notes()[-1]) == []


@pytest.mark.parametrize("head", [
    switched("SPDY/3.1"), switched("websocket"), switched("tcp, h2c"), switched("tcp\r\nUpgrade: h2c"), switched("tcp/1"),
    b"HTTP/1.1 101 X\r\nUpgrade: tcp\r\n\r\n", b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\n\r\n"])
def test_another_protocol_than_asked_for_is_502(served, head):
    """What comes behind it is nobody's answer, and the connection nobody's any more."""
    def other(conn):
        conn.note(conn.read_head().decode("latin-1"))
        conn.read_exact(len(JSON))
        conn.send(head + PLAIN)
        conn.note(f"more {conn.sock.recv(1)}")
    s = served(other)
    with s.client() as c:
        answer = c.request("POST", "/docker/x", headers=ASK, body=JSON)
        assert answer.status == 502 and not answer.all("upgrade")
        assert c.request("GET", "/").status == 200
    wait_for(lambda: len(s.backend.notes()) == 2, what="the connection's end")
    assert s.backend.notes()[1] == "more b''"


def test_a_switch_before_the_whole_body_is_502(served):
    """The rest of the body is no part of a tunnel, and what the backend says behind is no answer."""
    def hasty(conn):
        head = conn.read_head()
        conn.note(head.decode("latin-1"))
        if b"/hasty" not in head:
            return conn.send(PLAIN)
        conn.note(conn.read_exact(3).decode())
        conn.send(switched() + PLAIN)
        conn.note(f"more {conn.sock.recv(100)}")
    s = served(hasty)
    with s.client() as c:
        c.send(b"POST /docker/hasty HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 50\r\n\r\nabc")
        assert c.response().status == 502
        c.send(b"x" * 47)
        # The body's end is where the next request begins.
        assert c.request("GET", "/docker/next").body == b"no"
    wait_for(lambda: len(s.backend.notes()) == 4, what="the backend to see it all")
    notes = s.backend.notes()
    assert "more b''" in notes and any(note.startswith("GET /docker/next ") for note in notes)


def test_who_withholds_a_body_takes_no_backend_out(served, backend):
    def hasty(conn):
        conn.read_head()
        conn.send(switched())
        conn.sock.recv(100)
    two = [backend.raw(hasty).address for _ in range(2)]
    s = served(conf=CONF.replace("http://@backend@ { @options@ }", f"http://{two[0]} http://{two[1]} {{ upgrade tcp ; passive fail 1 in 10s for 60s }}"))
    for _ in range(4):
        with s.client() as c:
            c.send(b"POST /docker/x HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 5\r\n\r\n")
            assert c.response().status == 502
    assert "target is down" not in s.log


def test_what_a_client_sends_early_is_the_tunnels(served):
    s = served()
    with s.client() as c:
        c.send(b"POST /docker/x HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}"
               b"get / http/1.1\r\n\r\n")
        assert c.response().status == 101
        assert c.recv(20) == b"> GET / HTTP/1.1\r\n\r\n"
    assert s.backend.notes()[1] == "{}"


def test_what_a_client_sends_early_is_the_next_request_when_nothing_switches(served):
    s = served(plain)
    with s.client() as c:
        c.send(b"POST /docker/one HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}"
               b"GET /docker/two HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert [c.response().body, c.response().body] == [b"no", b"no"]
    assert [note.split(" ")[1] for note in s.backend.notes()] == ["/docker/one", "/docker/two"]


@pytest.mark.parametrize("status", [400, 404, 426])
def test_a_backend_that_says_no(served, status):
    def no(conn):
        while head := conn.read_head():
            body_of(conn, head)
            conn.send(f"HTTP/1.1 {status} X\r\nUpgrade: tcp\r\nConnection: Upgrade\r\nContent-Length: 1\r\n\r\nx".encode())
    s = served(no)
    with s.client() as c:
        for _ in range(2):
            answer = c.request("POST", "/docker/x", headers=ASK, body=JSON)
            assert (answer.status, answer.body) == (status, b"x") and not answer.all("upgrade")


def test_a_silent_tunnel_ends_after_its_time(served):
    s = served(options="upgrade tcp ; timeout tunnel 1s")
    with attached(s) as c:
        c.send(b"x")
        assert c.recv(1) == b"X" and c.eof(timeout=10)


def test_what_the_backend_says_last_arrives_though_the_client_goes_on(served):
    last = os.urandom(1_000_000)

    def ending(conn):
        body_of(conn, conn.read_head())
        conn.send(switched() + b"> ")
        conn.read_exact(100_000)
        conn.send(last)
        conn.sock.shutdown(socket.SHUT_WR)
        while conn.sock.recv(65536):
            pass
    s = served(ending)
    with attached(s) as c:
        over = threading.Event()

        def go_on():
            with contextlib.suppress(OSError):
                while not over.is_set():
                    c.sock.send(bytes(10_000))
        sender = threading.Thread(target=go_on, daemon=True)
        sender.start()
        got = c.recv(len(last))
        over.set()
        assert got == last and c.eof()
        c.sock.shutdown(socket.SHUT_RDWR)
        sender.join(10)


def test_nothing_of_it_is_stored_or_waited_for(served):
    def both(conn):
        while head := conn.read_head():
            if b"/stream" in head:
                conn.buffer = head
                return attach(conn)
            conn.note(head.decode("latin-1"))
            conn.send(PLAIN)
    s = served(both, options="upgrade tcp ; cache on default-ttl 5m")
    for _ in range(2):
        assert s.get("/docker/page").body == b"no"
    assert len(s.backend.notes()) == 1  # the second one is from the cache
    for _ in range(2):
        assert s.get("/docker/page", headers=ASK).body == b"no"
    assert len(s.backend.notes()) == 3
    clients = [s.client() for _ in range(2)]
    for c in clients:
        assert c.request("GET", "/docker/stream", headers=ASK).status == 101
    for c in clients:
        c.send(b"a")
        assert c.recv(3) == b"> A"
        c.close()


def test_guards_stand_before_it(served):
    s = served(options="upgrade tcp ; connection-limit 1")
    with attached(s):
        assert s.get("/docker/x", headers=ASK).status == 429
    assert len([note for note in s.backend.notes() if "HTTP/1.1" in note]) == 1
    s.write(s.text.replace("connection-limit 1", "access deny all"))
    s.reload()
    assert s.get("/docker/x", headers=ASK).status == 403
    assert len([note for note in s.backend.notes() if "HTTP/1.1" in note]) == 1


def test_http_2_has_no_such_switch(served):
    s = served(plain)
    with H2Client("127.0.0.1", s.ports["port_tls"], validate=False) as c:
        number = c.start(pseudo=[(":method", "CONNECT"), (":protocol", "tcp"), (":scheme", "https"),
                                 (":authority", "a.example"), (":path", "/docker/x")], end=False)
        c.wait_for(lambda: c.streams[number].status is not None)
        assert c.streams[number].status == 501
    assert s.backend.notes() == []


def test_h2c_cannot_be_allowed(served):
    s = served(plain)
    before = s.text
    s.write(before.replace("upgrade tcp", "upgrade h2c"))
    assert '"h2c" is HTTP itself' in s.reload(ok=False)
    s.write(before)
    headers = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")]
    assert s.get("/docker/x", headers=headers).body == b"no"
    assert asked(s.backend.notes()[0]) == [] and "http2-settings" not in s.backend.notes()[0].lower()


# --- reloads -----------------------------------------------------------------------------------


def pour(conn):
    """Switches, and sends as fast as it can, whatever comes."""
    conn.read_head()
    conn.send(switched() + b"> ")
    with contextlib.suppress(OSError):
        while True:
            conn.sock.sendall(bytes(1 << 16))


def drink(c, ends):
    with contextlib.suppress(OSError):
        while c.sock.recv(1 << 16):
            pass
    ends.append(time.monotonic())


def test_a_tunnel_survives_reloads_while_its_route_allows_it(served):
    s = served(options="upgrade tcp irc")
    with attached(s) as c:
        for old, new in (("status 200", "status 201"), ("upgrade tcp irc", "upgrade b/1 TCP"), ("upgrade b/1 TCP", "upgrade tcp")):
            s.write(s.text.replace(old, new))
            s.reload()
            c.send(b"still")
            assert c.recv(5) == b"STILL"
        # Nothing is said in a protocol that is not known, and for some time it goes on.
        s.write(s.text.replace("upgrade tcp", "upgrade SPDY/3.1"))
        s.reload()
        c.send(b"last")
        assert c.recv(4) == b"LAST"
        c.shutdown_write()
        assert c.recv(7) == b"goodbye" and c.eof()


def test_tunnels_that_are_no_longer_allowed_end(served, backend):
    """Silent ones and such as never are; of those whose route is gone, and of those whose protocol is."""
    s = served(conf=CONF.replace("    route /plain/", "    route /gone/ -> http://@backend@ { upgrade tcp }\n    route /pour/ -> http://@pour@ { upgrade tcp }\n    route /plain/")
               .replace("@pour@", backend.raw(pour).address))
    silent = [attached(s), attached(s, path="/gone/x")]
    busy, stays, ends = attached(s, path="/pour/x"), attached(s, path="/docker/stays"), []
    drinker = threading.Thread(target=drink, args=(busy, ends), daemon=True)
    drinker.start()
    with stays:
        lines = [line for line in s.text.splitlines(True) if "/gone/" not in line and "/pour/" not in line]
        exact = "    route = /docker/stays -> http://" + s.backend.address + " { upgrade tcp }\n"
        text = "".join(lines).replace("upgrade tcp SPDY/3.1", "upgrade SPDY/3.1").replace("    route /plain/", exact + "    route /plain/")
        began = time.monotonic()
        s.write(text)
        s.reload()
        for c in silent:
            assert c.eof(timeout=20)
            c.close()
        assert time.monotonic() - began > 5
        drinker.join(10)
        busy.close()
        assert ends and 5 < ends[0] - began < 20
        stays.send(b"here")
        assert stays.recv(4) == b"HERE"
        assert s.stats()["tunnels_open"] == 1


def test_a_tunnel_that_begins_behind_a_reload_that_forbids_it(served):
    go = threading.Event()

    def late(conn):
        body_of(conn, conn.read_head())
        conn.note("asked")
        go.wait(10)
        conn.send(switched())
        while data := conn.sock.recv(65536):
            conn.send(data)
    s = served(serve=late)
    with s.client(timeout=20) as c:
        c.send(b"POST /docker/x HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
               b"Content-Length: 2\r\n\r\n{}")
        wait_for(s.backend.notes, what="the request")
        s.write(s.text.replace("upgrade tcp SPDY/3.1", "upgrade off"))
        s.reload()
        go.set()
        assert b" 101 " in c.read_until(b"\r\n\r\n")
        assert c.eof(timeout=15)
    wait_for(lambda: s.stats()["tunnels_open"] == 0, what="the tunnel to be over")

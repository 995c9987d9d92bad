"""100 MiB up and down: whole, and never held in memory; who is slow slows the other end."""

import hashlib
import json
import os
import pathlib
import re
import threading

import appliance
import pytest
from appliance import EDGE
from lab import wait_for
from test_main_job import PATTERN

SIZE = 100 << 20
STEADY_POLLS = 50
GROWTH_MAX_KIB = 4096
CONF = """\
listen 127.0.0.1:@port@ tls
certificate default @cert@
site * -> http://127.0.0.1:@port_back@
"""


def reset_peak(pid):
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def resident_kib(pid, field="VmHWM"):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+)", text)[1])


def digest():
    total = hashlib.sha256()
    for _ in range(SIZE // len(PATTERN)):
        total.update(PATTERN)
    return total.hexdigest()


def wait_steady(value, timeout=20):
    """Until value() has been the same for STEADY_POLLS polls."""
    seen = []

    def steady():
        seen.append(value())
        return len(seen) > STEADY_POLLS and len(set(seen[-STEADY_POLLS:])) == 1

    wait_for(steady, timeout, "a steady value")
    return seen[-1]


@pytest.mark.root
@pytest.mark.release
def test_100_mib_up_and_down_with_flat_memory(lab, sluice):
    s = appliance.start(sluice, lab)
    for _ in range(20):
        s.get("/text/warm", tls=True, port=443, host="a.example")
    proxy = s.children()["proxy"]
    before = resident_kib(proxy, "VmRSS")
    reset_peak(proxy)
    with lab.wan.client(EDGE, 443, tls=True, sni="a.example", timeout=60) as c:
        c.send(f"GET /bytes/{SIZE} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
        c.read_until(b"\r\n\r\n")
        total, left = hashlib.sha256(), SIZE
        while left:
            data = c.recv(min(left, 1 << 20))
            assert data, f"cut with {left} bytes to come"
            total.update(data)
            left -= len(data)
        assert total.hexdigest() == digest()
        c.send(f"PUT /up HTTP/1.1\r\nHost: a.example\r\nContent-Length: {SIZE}\r\n\r\n".encode())
        for _ in range(SIZE // len(PATTERN)):
            c.send(PATTERN)
        assert json.loads(c.response().body) == {"length": SIZE, "sha256": digest()}
    assert resident_kib(proxy) - before < GROWTH_MAX_KIB


@pytest.mark.release
def test_a_slow_client_slows_the_origin(sluice, backend, box):
    sent = box.write("sent", "0")

    def origin(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        fd = os.open(sent, os.O_WRONLY)
        for done in range(0, SIZE, len(PATTERN)):
            os.pwrite(fd, b"%09d" % done, 0)
            conn.send(PATTERN)

    b = backend.raw(origin)
    s = sluice(CONF, port_back=b.port)
    proxy = s.children()["proxy"]
    reset_peak(proxy)
    before = resident_kib(proxy, "VmRSS")
    with s.client(tls=True, sni="a.example", timeout=60) as c:
        c.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        c.read_until(b"\r\n\r\n")
        total = hashlib.sha256(c.recv(1 << 20))
        held = wait_steady(lambda: int(sent.read_text()))
        assert held < SIZE // 3, "the origin sent on although the client did not read"
        assert resident_kib(proxy) - before < GROWTH_MAX_KIB
        left = SIZE - (1 << 20)
        while left:
            data = c.recv(min(left, 1 << 20))
            assert data
            total.update(data)
            left -= len(data)
    assert total.hexdigest() == digest()


@pytest.mark.release
def test_a_slow_origin_slows_the_client(sluice, backend, box):
    go = box.path("go")

    def origin(conn):
        conn.read_head()
        wait_for(go.exists, 60)
        total, left = hashlib.sha256(), SIZE
        while left:
            data = conn.read_exact(min(left, 1 << 20))
            total.update(data)
            left -= len(data)
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + total.hexdigest().encode())

    b = backend.raw(origin)
    s = sluice(CONF + "timeout send 60s read 60s\n", port_back=b.port)
    proxy = s.children()["proxy"]
    reset_peak(proxy)
    before = resident_kib(proxy, "VmRSS")
    progress = [0]
    with s.client(tls=True, sni="a.example", timeout=60) as c:
        c.send(b"PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n" % SIZE)

        def upload():
            for _ in range(SIZE // len(PATTERN)):
                c.send(PATTERN)
                progress[0] += len(PATTERN)

        thread = threading.Thread(target=upload)
        thread.start()
        held = wait_steady(lambda: progress[0])
        assert held < SIZE // 3, "the client could send although the origin did not read"
        assert resident_kib(proxy) - before < GROWTH_MAX_KIB
        go.touch()
        thread.join(60)
        assert c.response().body.decode() == digest()

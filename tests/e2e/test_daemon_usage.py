"""What the daemon tells of itself: /v1/metrics, /v1/usage, `sluice status` and `sluice top`."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import daemon
import prometheus
import pytest
from lab import wait_for

CONF = """listen 127.0.0.1:@port@ plain
site a.example {
	route / -> status 204
	route = /gone -> status 410
	route /down -> http://127.0.0.1:@portdown@
}
site * -> status 404
"""


@pytest.fixture
def s(sluice):
    return sluice(CONF)


def metrics(s):
    code, text = s.api("GET", "/v1/metrics")
    assert code == 200
    return prometheus.check(text)


def of_route(samples, name, route, **labels):
    return samples[name, (("site", "a.example"), ("route", route), *labels.items())]


def requests(samples, route, status):
    return of_route(samples, "sluice_route_requests_total", route, **{"class": status})


def test_every_counter_is_a_metric(s):
    samples = metrics(s)
    names = {name for name, _ in samples}
    for counter in s.stats():
        assert {f"sluice_{counter}", f"sluice_{counter}_total"} & names, counter
    assert ("sluice_requests_total", (("process", "proxy"),)) in samples
    for process in ("parent", "proxy", "control"):
        label = (("process", process),)
        assert samples["sluice_process_resident_memory_bytes", label] > 1 << 20
        assert 0 < samples["sluice_process_proportional_memory_bytes", label] \
            <= samples["sluice_process_resident_memory_bytes", label]
        assert 3 < samples["sluice_process_open_fds", label] \
            < samples["sluice_process_max_fds", label]
        assert abs(samples["sluice_process_start_time_seconds", label] - time.time()) < 120


def test_routes_have_requests_bytes_and_latency(s):
    with s.client() as c:
        for _ in range(5):
            assert c.request("GET", "/x", host="a.example").status == 204
        assert c.request("GET", "/gone", host="a.example").status == 410
        assert c.request("GET", "/down", host="a.example").status == 502
        assert c.request("GET", "/", host="other.example").status == 404
    samples = metrics(s)
    assert requests(samples, "/", "2xx") == 5
    assert requests(samples, "= /gone", "4xx") == 1
    assert requests(samples, "/down", "5xx") == 1
    assert of_route(samples, "sluice_route_duration_seconds_count", "/") == 5
    assert 0 < of_route(samples, "sluice_route_duration_seconds_sum", "/") < 5
    assert of_route(samples, "sluice_route_sent_bytes_total", "/down") > 0
    assert samples["sluice_thread_requests_total", (("thread", "0"),)] \
        + samples["sluice_thread_requests_total", (("thread", "1"),)] == 8


def test_numbers_of_a_route_outlive_a_reload_and_closes_are_counted(s):
    s.get("/", headers=[("Connection", "close")])
    s.write(CONF.replace("route = /gone -> status 410", "route /more -> status 204"))
    s.reload()
    s.get("/gone")
    samples = metrics(s)
    assert requests(samples, "/", "2xx") == 2
    assert not any(("route", "= /gone") in labels for _, labels in samples)
    wait_for(lambda: sum(value for (name, _), value in metrics(s).items()
                         if name == "sluice_connections_closed_total") == 2, 10, "two closes")


def test_a_site_that_nobody_may_spell_breaks_no_line(s):
    with s.client() as c:
        c.request("GET", '/"\\', host="a.example")
    metrics(s)


def test_ten_thousand_routes(sluice):
    routes = "".join(f"\troute /r{i}/ -> status 204\n" for i in range(10000))
    s = sluice("listen 127.0.0.1:@port@ plain\nsite a.example {\n" + routes + "}\n")
    with s.client() as c:
        for i in range(0, 10000, 5):
            assert c.request("GET", f"/r{i}/", host="a.example").status == 204
    samples = metrics(s)
    counted = [v for (name, labels), v in samples.items()
               if name == "sluice_route_requests_total" and ("class", "2xx") in labels]
    assert len(counted) == 2000 and set(counted) == {1.0}


def test_status_shows_the_threads(s):
    with s.client() as c:
        c.request("GET", "/", host="a.example")
        status = s.status()
        assert sum(t["open"] for t in status["threads"]) == 1
        assert sorted(t["thread"] for t in status["threads"]) == [0, 1]
        assert re.search(r"(?m)^THREAD +CONNECTIONS +ACCEPTED +REQUESTS$", s.ctl("status").stdout)


def test_top_once_and_as_json(s):
    with subprocess.Popen([daemon.BIN / "sluice", "-s", s.socket, "--json", "top"],
                          stdout=subprocess.PIPE, text=True) as top:
        while top.poll() is None:
            s.get("/")
        digest = json.loads(top.stdout.read())
    route = digest["routes"][0]
    assert (route["site"], route["path"]) == ("a.example", "/")
    assert route["requests_per_s"] > 0 and digest["requests_per_s"] >= route["requests_per_s"]
    assert 0 < route["p50_ms"] <= route["p99_ms"]
    assert {p["name"] for p in digest["processes"]} == {"parent", "proxy", "control"}
    assert "requests/s" in s.ctl("top", "--once").stdout
    assert s.ctl("top", "--twice", check=False).returncode == 2


class Terminal:
    """`sluice top` on a pseudo terminal."""

    def __init__(self, s, lines=30, columns=100):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(daemon.BIN / "sluice", ["sluice", "-s", str(s.socket), "top"],
                      s.environment())
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.text = ""
        self.before = termios.tcgetattr(self.fd)

    def wait(self, what, timeout=20):
        until = time.monotonic() + timeout
        while not re.search(what, self.text, re.S):
            left = until - time.monotonic()
            assert left > 0, f"{what!r} is not in {self.text[-3000:]!r}"
            if select.select([self.fd], [], [], left)[0]:
                try:
                    self.text += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    raise AssertionError(f"top ended: {self.text[-3000:]!r}") from None

    def type(self, keys):
        self.text = ""
        os.write(self.fd, keys.encode())

    def end(self):
        text = ""
        while True:
            try:
                got = os.read(self.fd, 65536)
            except OSError:
                break
            if not got:
                break
            text += got.decode(errors="replace")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status), text


def test_top_on_a_terminal(s):
    t = Terminal(s)
    t.wait(r"\x1b\[\?1049h")
    for _ in range(3):
        s.get("/")
    t.wait(r"by requests.*REQ/S.*a\.example.*CPU %.*proxy")
    t.type("s")
    t.wait("by latency")
    t.type("\x1b[B")
    t.wait("by latency")
    assert "REQ/S" in t.text, "the first line behind the head is empty: one arrow shows the next"
    s.kill("proxy")
    t.type("s")
    t.wait("by bytes")
    t.type("q")
    status, rest = t.end()
    assert status == 0 and "\x1b[?1049l" in rest and "\x1b[?25h" in rest


def test_top_gives_the_terminal_back_when_it_is_ended(s):
    t = Terminal(s, lines=5)
    t.wait("requests/s.*q quit")
    os.kill(t.pid, 15)
    status, rest = t.end()
    assert status == 0 and "\x1b[?1049l" in rest


def test_top_without_a_daemon(s):
    s.stop()
    done = s.ctl("top", "--once", check=False)
    assert done.returncode == 3 and "sluice:" in done.stderr

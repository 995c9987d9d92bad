"""`sluice upgrade`: the program is replaced under its clients; a broken one changes nothing."""

import contextlib
import multiprocessing
import os
import pathlib
import shutil
import signal
import socket
import threading
import time

import daemon
import pytest
from lab import run, wait_for

CONF = """listen 127.0.0.1:@port@ plain
listen 127.0.0.1:@porttls@ tls
certificate default @cert@
site a.example {
	route / -> http://127.0.0.1:@backend@
	route /here -> status 204
	route /files -> dir @dir@/www
	route /stored -> http://127.0.0.1:@backend@ { request-buffering on }
}
"""


@pytest.fixture
def s(sluice, backend, box):
    (box.path("www")).mkdir()
    (box.path("www") / "one").write_text("one file")
    server = backend.http(lambda request: (200, [], b"whole answer"))
    return sluice(CONF, backend=server.port)


class Clients:
    """Busy keep-alive clients, each a thread, and one that makes a new connection every time."""

    def __init__(self, s, n, path="/"):
        self.s, self.path = s, path
        self.stop = threading.Event()
        self.failed, self.answers = [], 0
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(n)]
        for t in self.threads:
            t.start()
        wait_for(lambda: self.answers >= n, 60, "all clients had an answer")

    def run(self, i):
        while not self.stop.is_set():
            try:
                with self.s.client(timeout=60) as c:
                    keep = True
                    while keep and not self.stop.is_set():
                        answer = c.request("GET", self.path, host="a.example")
                        assert answer.status == 200 and answer.body == b"whole answer", answer
                        self.answers += 1
                        keep = answer.keep_alive and i % 10 != 0
                        time.sleep(0.02)
            except Exception as e:  # pylint: disable=broad-except
                self.failed.append(repr(e))
                return

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(90)
        return self.failed


def takeovers(s):
    return s.processes()["parent"]["restarts"]


def upgrade(s, *words, ok=True):
    done = s.ctl("upgrade", *words, check=False)
    assert done.returncode == (0 if ok else 1), f"{done}\n{s.log[-6000:]}"
    return done.stdout + done.stderr


def programs_open(s):
    """How many descriptors of a program the parent has."""
    folder = f"/proc/{s.pid}/fd"
    links = [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)]
    return sum(pathlib.Path(link).name.startswith("sluiced") and not link.endswith(".log") for link in links)


def old_proxies(s):
    return [pid for pid, name in daemon.descendants(s.pid).items() if name == "sluiced: proxy"]


def test_everything_goes_on(s):
    before, pid = s.processes(), s.pid
    kept = s.client()
    assert kept.request("GET", "/here", host="a.example").status == 204
    assert s.get("/here", tls=True, port=s.ports["porttls"]).status == 204
    assert "upgraded" in upgrade(s)
    # The old connection has its last answer, by the old proxy, which keeps it for a second.
    last = kept.request("GET", "/here", host="a.example")
    assert last.status == 204 and not last.keep_alive
    kept.close()
    after = s.processes()
    assert s.pid == pid and s.process.poll() is None
    assert takeovers(s) == 1 and s.status()["generation"] == 1
    assert all(after[name]["pid"] != before[name]["pid"] for name in ("proxy", "control"))
    assert s.get("/files/one").body == b"one file"
    # More than memory holds: the new proxy has a folder for it, too.
    assert s.get("/stored", method="POST", body=b"x" * 300_000).body == b"whole answer"
    assert s.get("/here", tls=True, port=s.ports["porttls"]).status == 204
    wait_for(lambda: len(old_proxies(s)) == 1, 20, "the old proxy has ended")
    s.write(s.text + "site b.example -> status 410\n")
    s.reload()
    assert s.get("/", host="b.example").status == 410
    s.kill("proxy")
    assert s.get("/", host="b.example").status == 410
    assert s.stats()["reloads"] == 1
    assert programs_open(s) == 1


@pytest.mark.slow
def test_five_upgrades_under_load(s):
    clients = Clients(s, 200 if not daemon.sanitized() else 60)
    for number in range(5):
        upgrade(s)
        assert takeovers(s) == number + 1
    failed = clients.end()
    assert not failed, failed[:5]
    wait_for(lambda: len(old_proxies(s)) == 1, 40, "the old proxies have ended")


def test_an_answer_under_way_is_finished_by_the_old_proxy(sluice, backend, box):
    box.path("www").mkdir()
    go, asked = multiprocessing.Event(), multiprocessing.Event()

    def serve(conn):
        if conn.read_head() is None:
            return
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        asked.set()
        go.wait(60)
        conn.send(b"half")

    s = sluice(CONF, backend=backend.raw(serve).port)
    with socket.create_connection(("127.0.0.1", s.port), 60) as c:
        c.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert asked.wait(20)
        upgrade(s)
        assert len(old_proxies(s)) == 2
        assert s.processes()["proxy-old"]["pid"] in old_proxies(s)
        upgrade(s)
        assert s.get("/here").status == 204
        go.set()
        text = b""
        while not text.endswith(b"halfhalf"):
            got = c.recv(65536)
            assert got, text
            text += got
    wait_for(lambda: len(old_proxies(s)) == 1, 20, "the old proxies have ended")


def test_what_drains_too_long_is_cut(sluice, backend, box):
    box.path("www").mkdir()
    asked = multiprocessing.Event()

    def serve(conn):
        if conn.read_head() is None:
            return
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        asked.set()
        time.sleep(60)

    s = sluice(CONF, backend=backend.raw(serve).port)
    with socket.create_connection(("127.0.0.1", s.port), 60) as c:
        c.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert asked.wait(20)
        upgrade(s, "--drain", "1s")
        wait_for(lambda: len(old_proxies(s)) == 1, 20, "the old proxy was ended")


def program(box, name, body):
    """A real program: a script cannot be executed by its descriptor."""
    source = box.write(f"{name}.c", f"#include <signal.h>\n#include <unistd.h>\n"
                                    f"int main(void) {{ {body} return 0; }}\n")
    run("gcc", "-o", box.path(name), source)
    return box.path(name)


@pytest.mark.parametrize("name, body, why", [
    ("crash", "raise(SIGSEGV);", "killed by signal 11"), ("usage", "return 2;", "exited with 2"),
])
def test_a_broken_program_changes_nothing(s, box, name, body, why):
    children = s.children()
    assert why in upgrade(s, program(box, name, body), ok=False)
    assert s.children() == children and takeovers(s) == 0
    assert s.get("/here").status == 204
    s.reload()


def test_what_is_no_program_changes_nothing(s, box):
    assert "cannot be executed" in upgrade(s, box.write("nonsense", "\0\1\2", 0o755), ok=False)
    assert takeovers(s) == 0


@pytest.mark.slow
def test_a_program_that_hangs_is_given_up(s, box):
    children = s.children()
    assert "killed" in upgrade(s, program(box, "hang", "pause();"), ok=False)
    assert s.children() == children


def children_of(pid):
    return {int(p) for p in open(f"/proc/{pid}/task/{pid}/children", encoding="ascii").read().split()}


def test_a_failure_behind_the_rehearsal_leads_back(s):
    """The new proxy is killed before it is ready: the old program goes on with its children."""
    before, old = s.processes(), children_of(s.pid)
    killed = threading.Event()

    def kill_new_proxy():
        while not killed.is_set():
            for pid in children_of(s.pid) - old:
                with contextlib.suppress(OSError):
                    with open(f"/proc/{pid}/cmdline", "rb") as f:
                        if f.read().startswith(b"sluiced: proxy\0"):
                            os.kill(pid, signal.SIGKILL)
                            killed.set()

    s.expected_deaths.append("proxy")
    with s.client() as c:
        assert c.request("GET", "/here", host="a.example").status == 204
        killer = threading.Thread(target=kill_new_proxy)
        killer.start()
        try:
            assert "the old version goes on" in upgrade(s, ok=False)
        finally:
            killed.set()
            killer.join()
        # Its clients have noticed nothing.
        assert c.request("GET", "/here", host="a.example").keep_alive
    assert programs_open(s) == 1
    after = s.processes()
    assert {n: p["pid"] for n, p in after.items()} == {n: p["pid"] for n, p in before.items()}
    assert takeovers(s) == 0
    s.reload()
    upgrade(s)
    assert takeovers(s) == 1 and s.get("/here").status == 204


@pytest.mark.parametrize("path, why", [
    ("/nonexistent/sluiced", "cannot open"), ("/etc", "not a program"),
])
def test_a_program_that_is_none(s, path, why):
    assert why in upgrade(s, path, ok=False)


def test_a_program_that_others_may_write_to(s, box):
    loose = box.path("loose")
    shutil.copy(daemon.BIN / "sluiced", loose)
    loose.chmod(0o777)
    assert "only its owner" in upgrade(s, loose, ok=False)


def test_a_program_at_another_place(s, box):
    place = box.path("sluiced")
    shutil.copy(daemon.BIN / "sluiced", place)
    place.chmod(0o755)
    upgrade(s, place)
    assert os.readlink(f"/proc/{s.pid}/exe") == str(place)
    # The file is replaced, as a package manager does it: the new one is found by its name.
    shutil.copy(daemon.BIN / "sluiced", box.path("new"))
    box.path("new").chmod(0o755)
    box.path("new").rename(place)
    upgrade(s)
    assert takeovers(s) == 2 and s.get("/here").status == 204
    assert os.readlink(f"/proc/{s.pid}/exe") == str(place)


@pytest.mark.parametrize("words", [("--drain",), ("--drain", "x"), ("relative",), ("/a", "/b")])
def test_wrong_words(s, words):
    assert s.ctl("upgrade", *words, check=False).returncode == 2


def test_certificates_are_those_that_ran(s):
    """What was committed goes on, whatever has become of the files."""
    chain = s.text.split("certificate default ")[1].split()[0]
    with open(chain, "rb") as f:
        text = f.read()
    try:
        with open(chain, "w", encoding="ascii") as f:
            f.write("broken\n")
        upgrade(s)
        assert s.get("/here", tls=True, port=s.ports["porttls"]).status == 204
    finally:
        with open(chain, "wb") as f:
            f.write(text)

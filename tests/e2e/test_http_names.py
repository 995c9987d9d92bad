"""Names of targets: asked for again when their time to live is over, kept when nobody answers."""

import socket
import struct
import threading

import pytest
from lab import wait_for
from proxy_alone import Host


class Dns:
    """Answers A questions with what the test says; AAAA with nothing. None: silence."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.address, self.ttl, self.code, self.silent = "127.0.0.1", 1, 0, False
        self.aaaa_silent = False
        self.asked = 0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                query, peer = self.sock.recvfrom(1500)
            except OSError:
                return
            answer = self._answer(query)
            if answer:
                self.sock.sendto(answer, peer)

    def _answer(self, query):
        end = query.index(b"\0", 12) + 5
        kind = struct.unpack(">H", query[end - 4:end - 2])[0]
        self.asked += kind == 1
        if self.silent or (kind == 28 and self.aaaa_silent):
            return None
        records = b""
        if kind == 1 and self.code == 0:
            records = (b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, self.ttl, 4)
                       + socket.inet_aton(self.address))
        return (query[:2] + struct.pack(">HHHHH", 0x8180 | self.code, 1, bool(records), 0, 0)
                + query[12:end] + records)


@pytest.fixture
def dns():
    server = Dns()
    yield server
    server.sock.close()


@pytest.fixture
def host(box, dns):
    hosts = []

    def make(port):
        conf = box.write("resolv.conf", f"nameserver 127.0.0.1:{dns.port}\n"
                                        "options timeout:1 attempts:1\n")
        script = f"mount --bind {conf} \"$(readlink -f /etc/resolv.conf)\" && exec \"$@\""
        hosts.append(Host(box, "listen 127.0.0.1:@port@ plain\ntimeout connect 20s\n"
                          f"site * -> http://back.test:{port}\n",
                          wrapper=("unshare", "-m", "sh", "-c", script, "sh")))
        return hosts[-1]
    yield make
    for h in hosts:
        h.stop()


@pytest.fixture
def two(backend):
    """Two servers on one port of two addresses."""
    one = backend.http(lambda r: (200, {}, b"one"))
    other = backend.http(lambda r: (200, {"Connection": "close"}, b"two"), host="127.0.0.2",
                         port=one.port)
    return one, other


def ask(h):
    return h.ask()()


def test_a_name_follows_its_address_when_its_time_is_over(host, dns, two):
    h = host(two[0].port)
    assert ask(h).body == b"one"
    dns.address = "127.0.0.2"
    wait_for(lambda: ask(h).body == b"two", what="the new address")


def test_a_long_time_to_live_is_believed(host, dns, two):
    dns.ttl = 1000
    h = host(two[0].port)
    assert {ask(h).body for _ in range(20)} == {b"one"}
    assert dns.asked <= 2  # once a thread


@pytest.mark.parametrize("how", ["silence", "failure"])
def test_the_last_address_stays_when_the_resolver_fails(host, dns, two, how):
    h = host(two[0].port)
    for _ in range(8):  # both threads
        assert ask(h).body == b"one"
    dns.silent, dns.code = how == "silence", 2
    before = dns.asked
    wait_for(lambda: ask(h).body == b"one" and dns.asked > before, what="another question")
    assert "addresses_kept=1" in wait_for(
        lambda: (lambda t: t if "addresses_kept" in t else "")(open(h.errors.name).read()),
        timeout=30, what="the failure")
    for _ in range(4):
        assert ask(h).body == b"one"


def test_a_name_that_is_no_more_is_502(host, dns, two):
    h = host(two[0].port)
    assert ask(h).body == b"one"
    dns.code = 3
    wait_for(lambda: ask(h).status == 502, what="502")
    dns.code = 0
    wait_for(lambda: ask(h).body == b"one", what="the name again")


def test_the_other_family_is_not_waited_for_long(host, dns, two):
    dns.aaaa_silent = True
    h = host(two[0].port)
    assert ask(h).body == b"one"

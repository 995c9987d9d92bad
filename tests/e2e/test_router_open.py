"""What comes in to the host itself: by `open`, by what is listened on and forwarded, and nothing else."""

import socket

import pytest
from lab import wait_for
from router_lab import COMMON, CONF, Net, elements, table
from test_router_traffic import (EDGE, EDGE6, SHORT, WAN, WAN6, Server, ask, connect, datagrams, send,
                                 tcp)

pytestmark = pytest.mark.root
OTHER = "203.0.113.77"
ADMIN6 = "2001:db8:113::77"
OPEN = f"""\
open tcp 22 from {OTHER} {ADMIN6}
open udp 51820
open tcp 8000-8010
confirm-within 10m
"""


@pytest.fixture
def net(box):
    made = Net(box)
    made.wan.add_address(f"{OTHER}/24")
    made.wan.add_address(f"{ADMIN6}/64")
    yield made
    made.remove()


def serve(net, servers, ports=(22, 80, 8005, 18080), udp=(51820, 53)):
    for port in ports:
        servers.enter_context(Server(net.edge, "edge", port))
    for port in udp:
        servers.enter_context(Server(net.edge, "edge", port, socket.SOCK_DGRAM))


def udp_in(net, address, port):
    with datagrams(net.wan, address, port) as s:
        s.settimeout(SHORT)
        return send(s)


def checksum(words):
    total = sum(int.from_bytes(words[i:i + 2], "big") for i in range(0, len(words), 2))
    total = (total & 0xffff) + (total >> 16)
    return (~((total & 0xffff) + (total >> 16)) & 0xffff).to_bytes(2, "big")


def pings(net, address):
    """Whether an echo request is answered."""
    six = ":" in address
    with net.wan.net():
        s = socket.socket(*((socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) if six
                            else (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)))
    with s:
        s.settimeout(2)
        ident = bytes((0x51, 0x1c, 0, 1))
        # The kernel writes the checksum of ICMPv6 itself.
        s.sendto(b"\x80\0\0\0" + ident if six else b"\x08\0" + checksum(b"\x08\0\0\0" + ident) + ident,
                 (address, 0))
        while True:
            answer = s.recv(200)[0 if six else 20:]
            if answer[4:8] == ident and answer[0] == (129 if six else 0):
                return True


def test_what_no_line_opens_is_dropped(net, servers):
    router = net.router(CONF + OPEN)
    serve(net, servers)
    web = net.container(101)
    servers.enter_context(Server(web, "web", 22))
    servers.enter_context(Server(net.edge, "edge", 53))
    for to, admin, client in ((EDGE, OTHER, WAN), (EDGE6, ADMIN6, WAN6)):
        assert tcp(net.wan, to, 22, source=admin) == f"edge {admin}"
        assert tcp(net.wan, to, 22, source=client, timeout=SHORT) is None
        assert tcp(net.wan, to, 80, source=admin, timeout=SHORT) is None
        assert tcp(net.wan, to, 8005, source=client) == f"edge {client}"
        assert tcp(net.wan, to, 18080, source=client) == f"edge {client}"  # listen
        assert tcp(net.wan, to, 2222, source=client) == f"web {client}"  # forward
        assert udp_in(net, to, 51820) and not udp_in(net, to, 53)
        assert pings(net, to)
    # From inside everything goes: the host itself, containers and their resolver.
    assert tcp(net.edge, "127.0.0.1", 80) and tcp(net.edge, EDGE, 80)
    assert tcp(web, "10.7.3.1", 80) and tcp(web, EDGE, 80) and tcp(web, "10.7.3.1", 53)
    # The host's own questions are answered.
    servers.enter_context(Server(net.wan, "wan", 53, socket.SOCK_DGRAM))
    servers.enter_context(Server(net.wan, "wan", 99))
    with datagrams(net.edge, WAN, 53) as s:
        assert send(s) == f"wan {EDGE}"
    assert tcp(net.edge, WAN6, 99) == f"wan {EDGE6}"
    # What the kernel has is what was planned, and goes with the last line.
    assert "hook input" in table(net.edge) and elements(net.edge, "guarded") == ['"wan0"']
    router.load(CONF)
    assert "hook input" not in table(net.edge) and tcp(net.wan, EDGE, 80)


def test_connections_that_stand_go_on(net, servers):
    """Also those that conntrack has never seen: the first rules of all come with the policy."""
    serve(net, servers)
    with connect(net.wan, EDGE, 80) as four, connect(net.wan, EDGE6, 80, source=WAN6) as six:
        assert ask(four) and ask(six)
        net.router(COMMON + "wan wan0\n" + OPEN)
        assert tcp(net.wan, EDGE, 80, timeout=SHORT) is None
        assert ask(four) == f"edge {WAN}" and ask(six) == f"edge {WAN6}"


def test_a_packet_that_only_looks_like_a_reply_opens_nothing(net, servers):
    """A segment that belongs to nothing is answered with a reset, which conntrack takes for a
    connection; a SYN that follows it must not pass for a part of that."""
    net.router(COMMON + "wan wan0\n" + OPEN)
    serve(net, servers)
    with net.wan.net():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    port = 33333
    with raw:
        raw.sendto(segment(WAN, EDGE, port, 80, 0x10), (EDGE, 0))
        raw.settimeout(2)
        assert raw.recv(100)[20 + 13] & 0x04  # the reset
    with net.wan.net():
        s = socket.socket()
    with s:
        s.bind((WAN, port))
        s.settimeout(SHORT)
        with pytest.raises(TimeoutError):
            s.connect((EDGE, 80))


def segment(source, to, sport, dport, flags):
    head = sport.to_bytes(2, "big") + dport.to_bytes(2, "big") + bytes((0, 0, 0, 7, 0, 0, 0, 9, 0x50, flags, 4, 0))
    pseudo = socket.inet_aton(source) + socket.inet_aton(to) + bytes((0, 6, 0, 20))
    return head + checksum(pseudo + head + bytes(4)) + bytes(2)


def test_without_an_outside_everything_else_is(net, servers):
    net.edge.run("ip", "route", "flush", "table", "main", "default", check=False)
    net.router(CONF.replace("wan wan0\n", "") + OPEN)
    serve(net, servers)
    web = net.container(101)
    assert tcp(net.wan, EDGE, 80, timeout=SHORT) is None and tcp(net.wan, EDGE, 8005)
    assert tcp(net.edge, "127.0.0.1", 80) and tcp(web, "10.7.3.1", 80)
    # As soon as there is one, only that.
    net.edge.run("ip", "route", "add", "default", "via", WAN)
    wait_for(lambda: elements(net.edge, "guarded") == ['"wan0"'], what="the outside")
    assert tcp(net.wan, EDGE, 80, timeout=SHORT) is None and tcp(net.wan, EDGE, 8005)


@pytest.mark.usefixtures("unowned")
def test_the_policy_is_put_back_after_a_flush(net, servers):
    router = net.router(COMMON + "wan wan0\n" + OPEN)
    serve(net, servers)
    net.edge.run("nft", "flush", "ruleset")
    wait_for(lambda: "hook input" in table(net.edge), what="the table")
    assert tcp(net.wan, EDGE, 80, timeout=SHORT) is None and tcp(net.wan, EDGE, 8005)
    before = elements(net.edge, "open4"), elements(net.edge, "open6")
    router.load(COMMON + "wan wan0\n" + OPEN.replace("8000-8010", "80"))
    assert tcp(net.wan, EDGE, 80) and tcp(net.wan, EDGE, 8005, timeout=SHORT) is None
    router.load(COMMON + "wan wan0\n" + OPEN)
    assert (elements(net.edge, "open4"), elements(net.edge, "open6")) == before

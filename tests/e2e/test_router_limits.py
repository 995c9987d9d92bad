"""Limits of sources: how many connections, how often, how many SYNs; by the kernel alone."""

import contextlib
import socket
import time

import pytest
from lab import wait_for
from router_lab import CONF, Net, table
from test_router_traffic import EDGE, EDGE6, WAN, Server, connect, tcp

pytestmark = pytest.mark.root
OTHER = "203.0.113.77"


@pytest.fixture
def net(box):
    made = Net(box)
    made.wan.add_address(f"{OTHER}/24")
    for number in range(3):
        made.wan.add_address(f"2001:db8:113::1{number}/64")
    yield made
    made.remove()


def with_servers(net, servers, limits):
    router = net.router(CONF + limits)
    web = net.container(101)
    servers.enter_context(Server(web, "web", 22))
    servers.enter_context(Server(net.edge, "edge", 8080))
    return router


def knock(host, to, port, seconds, rate, source=None):
    """Sends SYNs at this rate, each from a port of its own; returns how many were answered. A client
    that is not answered sends its SYN again after a second, so sockets are closed before that."""
    waiting, answered, sent = [], 0, 0
    start = time.monotonic()

    def look(now):
        nonlocal answered
        while waiting and now - waiting[0][0] > 0.3:
            _, s = waiting.pop(0)
            with contextlib.suppress(OSError):
                s.getpeername()
                answered += 1
            s.close()

    with host.net():
        while (now := time.monotonic()) - start < seconds:
            look(now)
            if sent >= (now - start) * rate:
                time.sleep(0.0005)
                continue
            s = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET)
            s.setblocking(False)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            if source:
                s.bind((source, 0))
            s.connect_ex((to, port))
            waiting.append((now, s))
            sent += 1
    time.sleep(0.4)
    look(time.monotonic() + 1)
    return answered, sent


@pytest.mark.parametrize("kind", ["rate", "syn"])
def test_a_rate_holds_within_a_tenth_at_a_thousand_a_second(net, servers, kind):
    with_servers(net, servers, f"limit {kind} 100/s burst 20 per source to 2222\n")
    seconds = 3
    answered, sent = knock(net.wan, EDGE, 2222, seconds, 1000, WAN)
    wanted = 100 * seconds + 20
    assert sent > 900 * seconds
    assert wanted * 0.9 <= answered <= wanted * 1.1, (answered, sent)


def test_a_rate_is_each_sources_own(net, servers):
    with_servers(net, servers, "limit rate 1/h burst 3 per source to 2222\n")
    for source in (WAN, OTHER):
        seen = [tcp(net.wan, EDGE, 2222, source=source, timeout=0.3) for _ in range(5)]
        assert seen == [f"web {source}"] * 3 + [None] * 2
    # A /64 is one source, whatever addresses it has; other ports are not meant. (Neighbours are
    # found first, which may take longer than a client waits here.)
    assert tcp(net.edge, "fd00:7::101", 22)
    for number in range(3):
        assert tcp(net.wan, EDGE6, 8080, source=f"2001:db8:113::1{number}")
    seen = [tcp(net.wan, EDGE6, 2222, source=f"2001:db8:113::1{n % 3}", timeout=0.5) for n in range(5)]
    assert [bool(s) for s in seen] == [True] * 3 + [False] * 2
    assert tcp(net.wan, EDGE, 8080) == f"edge {WAN}"
    # The containers and the host are not sources.
    other = net.container(102)
    assert [tcp(other, EDGE, 2222) for _ in range(5)] == ["web 10.7.3.1"] * 5
    assert [tcp(net.edge, EDGE, 2222) for _ in range(5)] == [f"web {EDGE}"] * 5


def test_open_connections_are_counted(net, servers):
    with_servers(net, servers, "limit connections 10 per source\n")
    with contextlib.ExitStack() as stack:
        # Those to the host and to the forward together.
        opened = [stack.enter_context(connect(net.wan, EDGE, port, source=WAN))
                  for port in [2222, 8080] * 5]
        assert tcp(net.wan, EDGE, 2222, source=WAN, timeout=0.3) is None
        assert tcp(net.wan, EDGE, 8080, source=WAN, timeout=0.3) is None
        assert tcp(net.wan, EDGE, 2222, source=OTHER) == f"web {OTHER}"
        for s in opened:
            s.sendall(b"?")
            assert s.recv(100)
        for s in opened[:5]:  # reset, so that conntrack forgets them soon
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            s.close()
        wait_for(lambda: tcp(net.wan, EDGE, 2222, source=WAN, timeout=0.3), 15)


def test_a_thousand_a_second_leave_as_many_open_as_the_limit_says(net, servers):
    with_servers(net, servers, "limit connections 50 per source to 2222\n")
    held, refused = [], 0
    with net.wan.net():
        for _ in range(1000):
            s = socket.socket()
            s.setblocking(False)
            s.bind((WAN, 0))
            s.connect_ex((EDGE, 2222))
            held.append(s)
            time.sleep(0.0005)
    time.sleep(0.4)
    for s in held:
        try:
            s.getpeername()
        except OSError:
            refused += 1
    for s in held:
        s.close()
    assert len(held) - refused == 50


def test_a_flood_of_syns_leaves_nothing_in_conntrack(net, servers):
    with_servers(net, servers, "limit syn 10/s burst 10 per source\n")
    answered, sent = knock(net.wan, EDGE, 9999, 1, 1000, WAN)
    flows = net.edge.run("conntrack", "-L", "-p", "tcp", check=False).stdout.count("dport=9999")
    assert answered == 0 and sent > 800 and flows <= 25
    # Connections that stand are not touched: their packets are no SYNs.
    with connect(net.wan, EDGE, 2222, source=OTHER) as s:
        for _ in range(50):
            s.sendall(b"?")
            assert s.recv(100)


def test_a_changed_limit_counts_anew_and_in_place(net, servers):
    router = with_servers(net, servers, "limit rate 1/h burst 2 per source to 2222\n")
    tries = [bool(tcp(net.wan, EDGE, 2222, timeout=0.3)) for _ in range(3)]
    assert tries == [True, True, False]
    with connect(net.wan, EDGE, 8080) as s:
        router.load(CONF + "limit rate 1/h burst 4 per source to 2222\n")
        tries = [bool(tcp(net.wan, EDGE, 2222, timeout=0.3)) for _ in range(5)]
        assert tries == [True] * 4 + [False]
        # A change of something else forgets nothing.
        router.load(CONF.replace("udp 5000", "udp 5005") + "limit rate 1/h burst 4 per source to 2222\n")
        assert tcp(net.wan, EDGE, 2222, timeout=0.3) is None
        router.load(CONF)
        assert tcp(net.wan, EDGE, 2222) == f"web {WAN}"
        assert "limit0" not in table(net.edge)
        s.sendall(b"?")
        assert s.recv(100)


def test_limits_alone_change_no_parameter(net, servers):
    net.router("listen 18080 plain\nsite * -> status 404\nlimit rate 1/h burst 2 per source\n")
    servers.enter_context(Server(net.edge, "edge", 8080))
    assert [bool(tcp(net.wan, EDGE, 8080, timeout=0.3)) for _ in range(3)] == [True, True, False]
    assert net.edge.sysctl("net/ipv4/ip_forward") == "0"


@pytest.mark.parametrize("limit", ["", "limit syn 1000/s per source\n"], ids=["forwards alone", "a limit"])
def test_packets_of_no_connection_are_dropped(net, servers, limit):
    with_servers(net, servers, limit)
    net.edge.run("nft", "add", "table", "inet", "watch")
    net.edge.run("nft", "add chain inet watch c { type filter hook prerouting priority 0; }")
    net.edge.run("nft", "add rule inet watch c tcp dport 8080 counter")
    import struct
    with net.wan.net():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        # SYN and FIN at once, from one who has no connection.
        for flags in (0x03, 0x00, 0x29):
            head = struct.pack("!HHIIBBHHH", 40000, 8080, 1, 0, 5 << 4, flags, 1000, 0, 0)
            pseudo = socket.inet_aton(WAN) + socket.inet_aton(EDGE) + struct.pack("!BBH", 0, 6, len(head))
            total = sum(struct.unpack(f"!{(len(pseudo) + len(head)) // 2}H", pseudo + head))
            total = (total >> 16) + (total & 0xffff)
            check = ~(total + (total >> 16)) & 0xffff
            raw.sendto(head[:16] + struct.pack("!H", check) + head[18:], (EDGE, 0))
        raw.close()
    assert tcp(net.wan, EDGE, 8080) == f"edge {WAN}"
    shown = net.edge.run("nft", "list", "chain", "inet", "watch", "c").stdout
    packets = int(shown.split("counter packets ")[1].split()[0])
    assert 0 < packets <= 6  # those of the connection alone

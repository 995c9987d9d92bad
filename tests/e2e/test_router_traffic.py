"""What packets do: through the edge to a "container", as a client and a server see it."""

import contextlib
import json
import os
import signal
import socket
import struct
import threading

import pytest
from lab import run, wait_for
from router_lab import CONF

pytestmark = pytest.mark.root
EDGE, EDGE6 = "203.0.113.1", "2001:db8:113::1"
WAN, WAN6 = "203.0.113.2", "2001:db8:113::2"
SHORT = 0.4  # long enough for a packet to come, where none shall


def _family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Server:
    """Answers every connection or datagram with NAME and the peer's address as it sees it."""

    def __init__(self, host, name, port, kind=socket.SOCK_STREAM):
        self.name, self.kind = name, kind
        self.sockets = []
        with host.net():
            for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                s = socket.socket(family, kind)
                if family == socket.AF_INET6:
                    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind((any_address, port))
                if kind == socket.SOCK_STREAM:
                    s.listen()
                self.sockets.append(s)
        for s in self.sockets:
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        with contextlib.suppress(OSError):
            while True:
                if self.kind == socket.SOCK_DGRAM:
                    _, peer = s.recvfrom(2048)
                    if peer is None:
                        return  # shut down
                    s.sendto(f"{self.name} {peer[0]}".encode(), peer)
                else:
                    connection, peer = s.accept()
                    threading.Thread(target=self._talk, args=(connection, peer),
                                     daemon=True).start()

    def _talk(self, connection, peer):
        with connection, contextlib.suppress(OSError):
            while connection.recv(2048):
                connection.sendall(f"{self.name} {peer[0]}".encode())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in self.sockets:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()


def connect(host, address, port, source=None, timeout=3):
    with host.net():
        s = socket.socket(_family(address), socket.SOCK_STREAM)
    s.settimeout(timeout)
    if source:
        s.bind((source, 0))
    try:
        s.connect((address, port))
    except OSError:
        s.close()
        raise
    return s


def ask(s):
    s.sendall(b"?")
    return s.recv(2048).decode()


def tcp(host, address, port, source=None, timeout=3):
    """The server's answer, or None."""
    try:
        with connect(host, address, port, source, timeout) as s:
            return ask(s)
    except OSError:
        return None


def datagrams(host, address, port, source=None):
    with host.net():
        s = socket.socket(_family(address), socket.SOCK_DGRAM)
    if source:
        s.bind((source, 0))
    s.connect((address, port))
    s.settimeout(SHORT)
    return s


def send(s):
    """One answer to a datagram, or None."""
    try:
        return ask(s)
    except OSError:
        return None


def udp(host, address, port, source=None):
    with datagrams(host, address, port, source) as s:
        return wait_for(lambda: send(s), 5, f"an answer from {address} by UDP")


def flows(host, *filters):
    return run(*host.prefix, "conntrack", "-L", *filters, check=False).stdout.splitlines()


def with_web(net, servers, conf=CONF):
    net.router(conf)
    web = net.container(101)
    servers.enter_context(Server(web, "web", 22))
    servers.enter_context(Server(web, "web", 5001, socket.SOCK_DGRAM))
    return web


def test_forwards_keep_the_clients_address(net, servers):
    with_web(net, servers)
    assert tcp(net.wan, EDGE, 2222) == f"web {WAN}"
    assert tcp(net.wan, EDGE6, 2222) == f"web {WAN6}"
    assert udp(net.wan, EDGE, 5000) == f"web {WAN}"
    assert udp(net.wan, EDGE6, 5000) == f"web {WAN6}"


def test_what_is_not_forwarded_is_not_reached(net, servers):
    with_web(net, servers)
    for number, address in ((4, "10.7.3.101"), (6, "fd00:7::101")):
        gateway = EDGE if number == 4 else EDGE6
        net.wan.run("ip", f"-{number}", "route", "add", address, "via", gateway)
        assert tcp(net.wan, address, 22, timeout=SHORT) is None
    assert tcp(net.edge, "10.7.3.101", 22) == "web 10.7.3.1"  # the host itself does
    assert tcp(net.wan, EDGE, 22, timeout=SHORT) is None


def test_container_to_the_outside_by_masquerade(net, servers):
    web = with_web(net, servers)
    servers.enter_context(Server(net.wan, "wan", 80))
    assert tcp(web, WAN, 80) == f"wan {EDGE}"
    assert tcp(web, WAN6, 80) == f"wan {EDGE6}"
    web.run("busybox", "ping", "-c1", "-W2", WAN)


def test_an_ipv6_prefix_of_the_world_is_routed(net, servers):
    net.router(CONF.replace("fd00:7::", "2001:db8:9::"))
    web = net.container(101, net6="2001:db8:9::")
    servers.enter_context(Server(web, "web", 22))
    servers.enter_context(Server(net.wan, "wan", 80))
    net.wan.run("ip", "route", "add", "2001:db8:9::/64", "via", EDGE6)
    assert tcp(web, WAN6, 80) == "wan 2001:db8:9::101"
    assert tcp(web, WAN, 80) == f"wan {EDGE}"
    assert tcp(net.wan, EDGE6, 2222) == f"web {WAN6}"
    # To be routed is not to be open.
    assert tcp(net.wan, "2001:db8:9::101", 22, timeout=SHORT) is None
    # And a prefix that is of nobody's is masqueraded from the same moment on.
    net.routers[0].load(CONF)
    web.add_address("fd00:7::101/64")
    web.run("ip", "-6", "route", "replace", "default", "via", "fd00:7::1", "src", "fd00:7::101")
    wait_for(lambda: tcp(web, WAN6, 80) == f"wan {EDGE6}", what="NAT66")


def test_masquerade_leaves_by_the_named_outside_alone(net, servers):
    web = with_web(net, servers)
    net.edge.run("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "eth1",
                 "netns", f"/run/netns/{net.wan.name}")
    net.edge.run("ip", "addr", "add", "192.0.2.1/24", "dev", "lan0")
    net.edge.run("ip", "link", "set", "lan0", "up")
    net.wan.run("ip", "addr", "add", "192.0.2.2/24", "dev", "eth1")
    net.wan.run("ip", "link", "set", "eth1", "up")
    net.wan.run("ip", "route", "add", "10.7.3.0/24", "via", "192.0.2.1")
    servers.enter_context(Server(net.wan, "wan", 80))
    assert tcp(web, "192.0.2.2", 80) == "wan 10.7.3.101"
    # and a forward does not enter there
    assert tcp(net.wan, "192.0.2.1", 2222, source="192.0.2.2", timeout=SHORT) is None
    assert tcp(net.wan, EDGE, 2222, source=WAN) == f"web {WAN}"


@pytest.mark.parametrize("netfilter", ["0", "1"], ids=["plain bridge", "br_netfilter"])
def test_a_container_calls_its_own_public_port(net, servers, netfilter):
    for family in ("ip", "ip6"):
        net.edge.sysctl(f"net/bridge/bridge-nf-call-{family}tables", netfilter)
    web = with_web(net, servers)
    other = net.container(102)
    wait_for(lambda: "hairpin on" in
             net.edge.run("bridge", "-d", "link", "show", "dev", web.port).stdout)
    assert tcp(web, EDGE, 2222) == "web 10.7.3.1"
    assert tcp(web, EDGE6, 2222) == "web fd00:7::1"
    assert tcp(other, EDGE, 2222) == "web 10.7.3.1"
    assert udp(web, EDGE, 5000) == "web 10.7.3.1"
    assert tcp(other, "10.7.3.101", 22) == "web 10.7.3.102"


def test_the_host_calls_its_own_public_port(net, servers):
    with_web(net, servers)
    assert tcp(net.edge, EDGE, 2222) == f"web {EDGE}"
    assert tcp(net.edge, EDGE6, 2222) == f"web {EDGE6}"
    assert udp(net.edge, EDGE, 5000) == f"web {EDGE}"
    assert tcp(net.edge, "127.0.0.1", 2222) == "web 10.7.3.1"
    assert udp(net.edge, "127.0.0.1", 5000) == "web 10.7.3.1"
    assert tcp(net.edge, "127.0.0.2", 2222, timeout=SHORT) is None


def test_loopback_stays_the_hosts_own(net, servers):
    """What is forwarded from 127.0.0.1 opens the bridge for its addresses, but to nobody."""
    web = with_web(net, servers)
    servers.enter_context(Server(net.edge, "edge", 8080))
    assert net.edge.sysctl("net/ipv4/conf/rtbr0/route_localnet") == "1"
    assert tcp(net.edge, "127.0.0.1", 8080) == "edge 127.0.0.1"
    net.edge.run("nft", "add table inet watch")
    net.edge.run("nft", "add chain inet watch c { type filter hook input priority 0; }")
    net.edge.run("nft", "add rule inet watch c ip daddr 127.0.0.0/8 iifname rtbr0 counter")
    mac = json.loads(net.edge.run("ip", "-j", "link", "show", "dev", "rtbr0").stdout)[0]["address"]
    with web.net():
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        raw.bind((web.device, 0x0800))
        body = struct.pack("!HHHH", 4000, 8080, 9, 0) + b"?"
        for source in ("10.7.3.101", "127.0.0.1"):
            head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 9, 17, 0,
                               socket.inet_aton(source), socket.inet_aton("127.0.0.1"))
            total = sum(struct.unpack("!10H", head))
            head = head[:10] + struct.pack("!H", ~((total >> 16) + (total & 0xffff)) & 0xffff) + head[12:]
            raw.send(bytes.fromhex(mac.replace(":", "")) + b"\2\0\0\0\0\1\x08\0" + head + body)
        raw.close()
    assert tcp(web, EDGE, 8080)
    counted = net.edge.run("nft", "list", "chain", "inet", "watch", "c").stdout
    assert "packets 0 bytes 0" in counted


def test_a_forward_of_one_address(net, servers):
    net.edge.add_address("203.0.113.9/24", "wan0")
    net.edge.add_address("2001:db8:113::9/64", "wan0")
    with_web(net, servers, CONF + "forward tcp 203.0.113.9:2223 -> web:22\n"
             "forward tcp [2001:db8:113::9]:2223 -> web:22\nforward tcp 203.0.113.9:2222 -> other:22\n")
    other = net.container(102)
    servers.enter_context(Server(other, "other", 22))
    assert tcp(net.wan, "203.0.113.9", 2223) == f"web {WAN}"
    assert tcp(net.wan, "2001:db8:113::9", 2223) == f"web {WAN6}"
    assert tcp(net.wan, EDGE, 2223, timeout=SHORT) is None
    assert tcp(net.wan, EDGE6, 2223, timeout=SHORT) is None
    assert tcp(net.wan, "203.0.113.9", 2222) == f"other {WAN}"  # before that of all addresses
    assert tcp(net.wan, EDGE, 2222) == f"web {WAN}"
    assert tcp(other, "203.0.113.9", 2223) == "web 10.7.3.1"
    assert tcp(net.edge, "203.0.113.9", 2223)


def with_lan(net):
    net.edge.run("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "eth1",
                 "netns", f"/run/netns/{net.wan.name}")
    net.edge.run("ip", "addr", "add", "192.0.2.1/24", "dev", "lan0")
    net.edge.run("ip", "link", "set", "lan0", "up")
    net.wan.run("ip", "addr", "add", "192.0.2.2/24", "dev", "eth1")
    net.wan.run("ip", "link", "set", "eth1", "up")


def test_a_forward_of_one_interface(net, servers):
    with_lan(net)
    with_web(net, servers, CONF + "forward both 7000-7002 on lan0 -> web:22-24\n")
    assert tcp(net.wan, "192.0.2.1", 7000, source="192.0.2.2") == "web 192.0.2.2"
    assert tcp(net.wan, EDGE, 7000, source=WAN, timeout=SHORT) is None
    assert tcp(net.wan, "192.0.2.1", 2222, source="192.0.2.2", timeout=SHORT) is None


def test_both_protocols(net, servers):
    with_web(net, servers, CONF + "forward both 9000 -> web:5001\n")
    servers.enter_context(Server(net.hosts[-1], "web", 5001))
    assert udp(net.wan, EDGE, 9000) == f"web {WAN}"
    assert tcp(net.wan, EDGE, 9000) == f"web {WAN}"


def test_a_forward_beyond_the_bridge(net, servers):
    """A server elsewhere that answers by another way wants masquerade; one that does not sees the
    client."""
    with_lan(net)
    far = net.container(109, net="10.7.9", net6="fd00:9::", bridge=None)
    net.edge.run("ip", "addr", "add", "10.7.9.1/24", "dev", far.port)
    net.edge.run("ip", "addr", "add", "fd00:9::1/64", "dev", far.port, "nodad")
    net.router(CONF + "forward tcp 7000 -> 10.7.9.109:80\nforward tcp 7001 -> 10.7.9.109:81 masquerade\n"
               "forward tcp 7002 -> [fd00:9::109]:80\nforward tcp 7003 -> [fd00:9::109]:81 masquerade\n")
    for port in (80, 81):
        servers.enter_context(Server(far, "far", port))
    assert tcp(net.wan, EDGE, 7000) == f"far {WAN}"
    assert tcp(net.wan, EDGE, 7001) == "far 10.7.9.1"
    assert tcp(net.wan, EDGE6, 7002) == f"far {WAN6}"
    assert tcp(net.wan, EDGE6, 7003) == "far fd00:9::1"


def test_an_address_in_no_network_is_refused(net):
    router = net.router(CONF)
    answer = router.offer(CONF + "forward tcp 7000 -> 10.99.0.5:80\n")
    assert answer.startswith("refused") and "10.99.0.5 is in no network of this host" in answer
    assert answer.split()[3] == str(CONF.count("\n") + 1)
    net.edge.run("ip", "route", "add", "10.99.0.0/16", "via", WAN)
    router.load(CONF + "forward tcp 7000 -> 10.99.0.5:80\n")


def test_name_service_of_the_bridge_is_not_forwarded_away(net, servers):
    web = with_web(net, servers, CONF + "forward udp 53 -> other:53\n")
    other = net.container(102)
    servers.enter_context(Server(other, "other", 53, socket.SOCK_DGRAM))
    servers.enter_context(Server(net.edge, "edge", 53, socket.SOCK_DGRAM))
    assert udp(web, "10.7.3.1", 53) == "edge 10.7.3.101"
    assert udp(net.wan, EDGE, 53) == f"other {WAN}"


def test_only_named_sources_may_use_a_forward(net, servers):
    net.wan.add_address("203.0.113.77/24")
    conf = CONF.replace("web:22", "web:22 from 203.0.113.77/32 2001:db8:113::/64")
    with_web(net, servers, conf)
    assert tcp(net.wan, EDGE, 2222, source="203.0.113.77") == "web 203.0.113.77"
    assert tcp(net.wan, EDGE, 2222, source=WAN, timeout=SHORT) is None
    assert tcp(net.wan, EDGE6, 2222) == f"web {WAN6}"
    assert udp(net.wan, EDGE, 5000, source=WAN) == f"web {WAN}"


def test_only_named_sources_may_use_a_forward_of_one_address_or_interface(net, servers):
    """The port of another address, or of another interface, is for all as before."""
    net.wan.add_address("203.0.113.77/24")
    net.edge.add_address("203.0.113.9/24")
    net.edge.add_address("2001:db8:113::9/64")
    conf = CONF + ("forward tcp 203.0.113.9:3000 -> web:22 from 203.0.113.77\n"
                   "forward tcp [2001:db8:113::9]:3000 -> web:22 from 2001:db8:7::/48\n"
                   "forward tcp 3001 on wan0 -> web:22 from 203.0.113.77 2001:db8:113::2\n")
    router = net.router(conf)
    web = net.container(101)
    servers.enter_context(Server(web, "web", 22))
    servers.enter_context(Server(net.edge, "edge", 3000))
    assert tcp(net.wan, "203.0.113.9", 3000, source="203.0.113.77") == "web 203.0.113.77"
    assert tcp(net.wan, "203.0.113.9", 3000, source=WAN, timeout=SHORT) is None
    assert tcp(net.wan, EDGE, 3000, source=WAN) == f"edge {WAN}"
    assert tcp(net.wan, "2001:db8:113::9", 3000, timeout=SHORT) is None
    assert tcp(net.wan, EDGE6, 3000) == f"edge {WAN6}"
    assert tcp(net.wan, EDGE, 3001, source=WAN, timeout=SHORT) is None
    assert tcp(net.wan, EDGE, 3001, source="203.0.113.77") == "web 203.0.113.77"
    assert tcp(net.wan, EDGE6, 3001) == f"web {WAN6}"
    # Who is no longer named is cut; who is goes on.
    with connect(net.wan, "203.0.113.9", 3000, source="203.0.113.77") as cut, \
            connect(net.wan, EDGE, 3001, source="203.0.113.77") as kept:
        assert ask(cut) and ask(kept)
        router.load(conf.replace(":22 from 203.0.113.77\n", ":22 from 203.0.113.78\n"))
        assert ask(kept) == "web 203.0.113.77"
        cut.settimeout(SHORT)
        with pytest.raises(OSError):
            ask(cut)


def test_a_shifted_range(net, servers):
    conf = CONF + "forward tcp 7000-7004 -> web:20-24\n"
    with_web(net, servers, conf)
    assert tcp(net.wan, EDGE, 7002) == f"web {WAN}"


def test_a_udp_flow_follows_its_container(net, servers):
    with_web(net, servers)
    other = net.container(109)
    servers.enter_context(Server(other, "other", 5001, socket.SOCK_DGRAM))
    router = net.routers[0]
    with datagrams(net.wan, EDGE, 5000) as s:
        assert wait_for(lambda: send(s), 5) == f"web {WAN}"
        # The container of the forward moves to another address.
        router.container("web", "10.7.3.109")
        assert wait_for(lambda: (answer := send(s)) and answer.startswith("other"), 5)
        assert send(s) == f"other {WAN}"
    assert router.stats()["conntrack_flushed"] >= 1


def test_a_udp_flow_from_before_its_forward(net, servers):
    router = net.router(CONF.replace("forward udp 5000 -> web:5001\n", ""))
    web = net.container(101)
    servers.enter_context(Server(web, "web", 5001, socket.SOCK_DGRAM))
    servers.enter_context(Server(net.edge, "edge", 5000, socket.SOCK_DGRAM))
    with datagrams(net.wan, EDGE, 5000) as s:
        assert wait_for(lambda: send(s), 5) == f"edge {WAN}"
        router.load(CONF)
        assert wait_for(lambda: (answer := send(s)) and answer.startswith("web"), 5)


@pytest.mark.usefixtures("unowned")
def test_a_udp_flow_that_began_while_the_table_was_away(net, servers):
    """The kernel has it down as one to the host itself, and its packets would go there for as long as they come."""
    with_web(net, servers)
    router = net.routers[0]
    # Somebody else has the kernel track connections, too.
    net.edge.run("nft", "-f", "-", input="table inet other {\n chain in {\n type filter hook input priority 0;\n"
                 "ct state new counter\n }\n }\n")
    os.kill(router.pid, signal.SIGSTOP)
    with datagrams(net.wan, EDGE, 5000) as s:
        net.edge.run("nft", "delete", "table", "inet", "sluice")
        assert not send(s)
        os.kill(router.pid, signal.SIGCONT)
        wait_for(lambda: router.stats()["ruleset_reinstalled"] == 1)
        assert wait_for(lambda: send(s), 3) == f"web {WAN}"


def test_a_router_that_died_before_it_forgot_flows(net, servers):
    """The new target is in the kernel already: the next router finds no difference there."""
    with_web(net, servers)
    other = net.container(102)
    servers.enter_context(Server(other, "other", 5001, socket.SOCK_DGRAM))
    with datagrams(net.wan, EDGE, 5000) as s, connect(net.wan, EDGE, 2222) as kept:
        assert ask(kept) and wait_for(lambda: send(s), 5) == f"web {WAN}"
        net.routers[0].kill()
        net.edge.run("nft", "-f", "-", input="delete element inet sluice fwd4 { udp . 5000 }\n"
                     "add element inet sluice fwd4 { udp . 5000 : 10.7.3.102 . 5001 }\n")
        assert send(s) == f"web {WAN}"
        net.router(CONF.replace("5000 -> web", "5000 -> other"))
        assert wait_for(lambda: (answer := send(s)) and answer.startswith("other"), 3)
        assert ask(kept) == f"web {WAN}"


def test_changes_of_one_forward_leave_other_flows_alone(net, servers):
    """Forwards, the host's own connections and a proxy's to a container: one changes, the rest
    goes on, with the same conntrack entries."""
    conf = CONF + "forward tcp 2223 -> other:22\n"
    router = net.router(conf)
    web, other = net.container(101), net.container(102)
    servers.enter_context(Server(web, "web", 22))
    servers.enter_context(Server(web, "web", 2222))
    servers.enter_context(Server(other, "other", 22))
    servers.enter_context(Server(net.edge, "edge", 8080))
    kept = {
        "another forward": connect(net.wan, EDGE, 2223),
        "the same over IPv6": connect(net.wan, EDGE6, 2223),
        "the host's own server": connect(net.wan, EDGE, 8080),
        "the host to the container's port": connect(net.edge, "10.7.3.101", 22),
        "the host to the forwarded number": connect(net.edge, "10.7.3.101", 2222),
        "container to container": connect(other, "10.7.3.101", 22),
    }
    cut = connect(net.wan, EDGE, 2222)
    assert ask(cut) == f"web {WAN}"
    before = {name: ask(s) for name, s in kept.items()}
    router.load(conf.replace("2222 -> web:22", "2222 -> other:22"))
    assert {name: ask(s) for name, s in kept.items()} == before
    assert not [f for f in flows(net.edge, "-p", "tcp") if "dport=2222 " in f
                and "src=10.7.3.101 " in f and "dst=203.0.113.1 " in f]
    assert tcp(net.wan, EDGE, 2222) == f"other {WAN}"
    for s in (*kept.values(), cut):
        s.close()


def test_a_source_that_is_no_longer_allowed_is_cut(net, servers):
    net.wan.add_address("203.0.113.77/24")
    with_web(net, servers)
    router = net.routers[0]
    with connect(net.wan, EDGE, 2222, source="203.0.113.77") as kept, \
            connect(net.wan, EDGE, 2222, source=WAN) as cut:
        assert ask(kept) and ask(cut)
        router.load(CONF.replace("web:22", "web:22 from 203.0.113.77/32"))
        assert ask(kept) == "web 203.0.113.77"
        cut.settimeout(SHORT)
        with pytest.raises(OSError):
            ask(cut)


@pytest.mark.usefixtures("unowned")
def test_flows_outlive_router_reload_repair_and_restart(net, servers):
    with_web(net, servers)
    router = net.routers[0]
    with connect(net.wan, EDGE, 2222) as s, datagrams(net.wan, EDGE, 5000) as d:
        assert ask(s) and wait_for(lambda: send(d), 5)
        router.load(CONF + "forward tcp 9 -> other:9\n")
        assert ask(s) and send(d)
        net.edge.run("nft", "flush", "ruleset")
        wait_for(lambda: router.stats()["ruleset_reinstalled"] == 1)
        assert ask(s) and send(d)
        router.kill()
        assert ask(s) and send(d)
        assert tcp(net.wan, EDGE, 2222) == f"web {WAN}"
        net.router(CONF)
        assert ask(s) and send(d)


def test_no_packet_gets_past_a_change_of_rules(net, servers):
    """Rules and what they look up change in place: a new connection meets the old ones or the new
    ones, never neither (it would reach the host itself and be refused)."""
    with_web(net, servers)
    router = net.routers[0]
    stop = threading.Event()
    answers = []

    def knock():
        while not stop.is_set():
            answers.append(tcp(net.wan, EDGE, 2222))

    thread = threading.Thread(target=knock)
    thread.start()
    for _ in range(20):
        router.load(CONF.replace("wan wan0\n", ""))
        router.load(CONF)
    stop.set()
    thread.join()
    assert len(answers) > 20 and set(answers) == {f"web {WAN}"}

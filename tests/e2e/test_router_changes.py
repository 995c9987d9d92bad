"""Changes while packets flow, and beside the tables of others."""

import contextlib
import shutil
import socket
import struct
import threading
import time

import pytest
from lab import wait_for
from router_lab import CONF, elements
from test_router_traffic import EDGE, WAN, Server, ask, connect, datagrams, tcp

pytestmark = pytest.mark.root
MOVES = 100
PAUSE = 0.002  # so that servers keep up and lose nothing
SECONDS_OF_A_CHANGE = 0.05
# linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h
NETLINK_NETFILTER, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES = 12, 270, 1, 7
NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM, NFT_MSG_NEWGEN = 12, 14, 15
# What docker makes for one container with a published port, its policy included.
DOCKER_FILTER = """*filter
:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -d 172.17.0.2/32 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A FORWARD -i docker0 -j ACCEPT
-A DOCKER-USER -i rtbr0 -j ACCEPT
-A DOCKER-USER -o rtbr0 -j ACCEPT
COMMIT
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.17.0.2:80
COMMIT
"""


class Place(Server):
    """A server of datagrams that keeps the numbers which came."""

    def __init__(self, host, name, port, kind):
        self.came = []
        super().__init__(host, name, port, kind)

    def _serve(self, s):
        with contextlib.suppress(OSError):
            while True:
                data, peer = s.recvfrom(64)
                if peer is None:
                    return
                self.came.append(int(data))
                s.sendto(data, peer)


class Stream(threading.Thread):
    """Numbered datagrams, in one flow and in new ones in turn."""

    def __init__(self, host):
        super().__init__(daemon=True)
        self.host, self.number, self.over = host, 0, threading.Event()

    def run(self):
        with datagrams(self.host, EDGE, 5000) as kept:
            while not self.over.is_set():
                with datagrams(self.host, EDGE, 5000) as fresh:
                    for s in (kept, kept, kept, fresh):
                        self.number += 1
                        with contextlib.suppress(OSError):
                            s.send(str(self.number).encode())
                time.sleep(PAUSE)


def test_an_address_changes_a_hundred_times_under_traffic(net, servers):
    """What is sent after a change goes to the new address, also of a flow that stood before."""
    router = net.router(CONF)
    hosts = [net.container(110 + i) for i in range(2)]
    places = [servers.enter_context(Place(h, h.name, 5001, kind=socket.SOCK_DGRAM)) for h in hosts]
    stream = Stream(net.wan)
    spans = []
    router.container("web", "10.7.3.110")
    stream.start()
    for i in range(MOVES):
        begin, at = stream.number + 1, i % 2
        assert wait_for(lambda: stream.number > begin + 4, 10)
        spans.append((1 - at if i else 0, begin, stream.number))
        router.container("web", f"10.7.3.{110 + at}")
    # What was sent while the last change was made may have gone to either.
    last = stream.number
    wait_for(lambda: stream.number > last + 1, 10)
    stream.over.set()
    stream.join()
    assert wait_for(lambda: stream.number in places[(MOVES - 1) % 2].came, 5)
    for at, begin, end in spans[1:]:
        sent = set(range(begin + 1, end))
        assert not sent & set(places[1 - at].came), f"{begin}-{end} reached the address of before"
        assert sent & set(places[at].came)
    assert router.stats()["conntrack_flushed"] >= MOVES - 1


def kernel_messages(sock):
    """(kind, bytes) of all that one packet says of nftables."""
    packet = sock.recv(65536)
    while packet:
        size, kind = struct.unpack_from("=IH", packet)
        yield kind & 0xff, packet[16:size]
        packet = packet[size + 3 & ~3:]


def test_a_changed_address_is_one_batch_within_fifty_milliseconds(net):
    router = net.router(CONF + "forward tcp 3000-3999 -> other:3000\n")
    router.container("web", "10.7.3.2")
    with net.edge.net():
        ears = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    took = []
    with ears:
        ears.bind((0, 0))
        ears.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
        ears.settimeout(5)
        for i in range(3, 8):
            start, seen = time.monotonic(), []
            router.say(f"container web 10.7.3.{i} - - -")
            while not seen or seen[-1][0] != NFT_MSG_NEWGEN:
                seen += kernel_messages(ears)
            took.append(time.monotonic() - start)
            assert [kind for kind, _ in seen].count(NFT_MSG_NEWGEN) == 1
            maps = sorted(kind for kind, data in seen if b"fwd4\0" in data)
            assert maps == [NFT_MSG_NEWSETELEM] * 2 + [NFT_MSG_DELSETELEM] * 2
            new = socket.inet_aton(f"10.7.3.{i}")
            assert all(new in data for kind, data in seen if kind == NFT_MSG_NEWSETELEM)
            router.stats()
    assert min(took) < SECONDS_OF_A_CHANGE, took


def test_what_targets_carried_is_forgotten_with_them(net, servers):
    """Their numbers are made by the first packet (by ICMP's answers none); few and many targets go, others keep theirs."""
    router = net.router(CONF + "forward udp 3000-3039 -> web:3000\nforward tcp 81 -> other:80\n")
    web, other = net.container(101), net.container(102)
    servers.enter_context(Server(web, "web", 22))
    servers.enter_context(Server(other, "other", 80))
    assert elements(net.edge, "targets4") == []
    assert tcp(net.wan, EDGE, 2222) == f"web {WAN}" and tcp(net.wan, EDGE, 81) == f"other {WAN}"
    assert elements(net.edge, "targets4") == ["tcp . 22 . 10.7.3.101", "tcp . 80 . 10.7.3.102"]
    router.load(CONF.replace("web:22", "other:22") +
                "forward udp 3000-3039 -> web:3000\nforward tcp 81 -> other:80\n")
    assert elements(net.edge, "targets4") == ["tcp . 80 . 10.7.3.102"]
    with net.wan.net():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        for port in range(3000, 3040):
            client.sendto(b"x", (EDGE, port))
    assert wait_for(lambda: len(elements(net.edge, "targets4")) == 41, 5)
    router.load(CONF + "forward tcp 81 -> other:80\n")
    assert elements(net.edge, "targets4") == ["tcp . 80 . 10.7.3.102"]
    assert "packets 0" not in net.edge.run("nft", "list", "set", "inet", "sluice", "targets4").stdout


@pytest.mark.parametrize("program", ["iptables-nft", "iptables-legacy"])
def test_docker_s_tables_and_ours_side_by_side(net, servers, box, program):
    """Each forwards its own; a change of ours cuts no flow of theirs, nor a flush of theirs ours."""
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    net.edge.run("ip", "link", "add", "docker0", "type", "bridge")
    net.edge.run("ip", "addr", "add", "172.17.0.1/16", "dev", "docker0")
    net.edge.run("ip", "link", "set", "docker0", "up")
    theirs = net.container(2, bridge="docker0", net="172.17.0", net6="fd00:17::")
    net.edge.run(f"{program}-restore", box.write("docker.iptables", DOCKER_FILTER))
    saved = net.edge.run(f"{program}-save").stdout
    router = net.router(CONF)
    web, other = net.container(101), net.container(102)
    for host, name, port in ((web, "web", 22), (other, "other", 22), (theirs, "docker", 80)):
        servers.enter_context(Server(host, name, port))
    assert tcp(net.wan, EDGE, 2222) == f"web {WAN}"
    with connect(net.wan, EDGE, 8081) as s:
        assert ask(s) == f"docker {WAN}"
        router.load(CONF.replace("web:22", "other:22"))
        assert ask(s) == f"docker {WAN}"
    assert tcp(net.wan, EDGE, 2222) == f"other {WAN}"
    assert [line for line in net.edge.run(f"{program}-save").stdout.splitlines() if line.startswith("-A")] == \
        [line for line in saved.splitlines() if line.startswith("-A")]
    net.edge.run(program, "-t", "nat", "-F")
    net.edge.run(program, "-F")
    net.edge.run(program, "-P", "FORWARD", "ACCEPT")
    assert tcp(net.wan, EDGE, 8081, timeout=0.4) is None
    assert tcp(net.wan, EDGE, 2222) == f"other {WAN}"
    assert len(elements(net.edge, "fwd4")) == 2

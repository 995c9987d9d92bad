"""Blocks: addresses, lists, exceptions; for the host and for forwarded ports, without a gap."""

import datetime
import re
import threading
import time

import pytest
from lab import wait_for
from router_lab import APPLY, CONF, Net, elements
from test_router_traffic import (EDGE, EDGE6, SHORT, WAN, WAN6, Server, connect, datagrams, send,
                                 tcp)

pytestmark = pytest.mark.root
OTHER = "203.0.113.77"


@pytest.fixture
def net(box):
    made = Net(box)
    made.wan.add_address(f"{OTHER}/24")
    yield made
    made.remove()


def with_servers(net, servers, conf):
    router = net.router(conf)
    web = net.container(101)
    servers.enter_context(Server(web, "web", 22))
    servers.enter_context(Server(net.edge, "edge", 8080))
    return router


def test_who_is_blocked_reaches_neither_host_nor_forward(net, servers):
    router = with_servers(net, servers, CONF)
    assert tcp(net.wan, EDGE, 8080) == f"edge {WAN}"
    router.load(CONF + f"block {WAN} 2001:db8:113::/64\n")
    for port in (2222, 8080):
        assert tcp(net.wan, EDGE, port, source=WAN, timeout=SHORT) is None
        assert tcp(net.wan, EDGE6, port, timeout=SHORT) is None
        assert tcp(net.wan, EDGE, port, source=OTHER) is not None
    router.load(CONF + f"block 203.0.113.0/24 2001:db8:113::/64\nunblock {WAN} {WAN6}\n")
    for port in (2222, 8080):
        assert tcp(net.wan, EDGE, port, source=WAN) is not None
        assert tcp(net.wan, EDGE6, port) is not None
        assert tcp(net.wan, EDGE, port, source=OTHER, timeout=SHORT) is None
    router.load(CONF)
    assert tcp(net.wan, EDGE, 2222, source=OTHER) == f"web {OTHER}"


def test_a_connection_that_stands_is_cut(net, servers):
    router = with_servers(net, servers, CONF)
    with connect(net.wan, EDGE, 2222, source=OTHER) as s:
        s.sendall(b"?")
        assert s.recv(100)
        router.load(CONF + f"block {OTHER}\n")
        s.settimeout(SHORT)
        s.sendall(b"?")
        with pytest.raises(OSError):
            s.recv(100)


def test_a_list_with_everything_that_lists_have(net, servers, box):
    text = f"# ours\n10.0.0.0/8 ; private\n\n{OTHER} \n198.51.100.3-198.51.100.9\n2001:db8:77::/48\n127.0.0.0/8\nfe80::/10\n"
    listed = box.write("blocked.txt", text)
    router = with_servers(net, servers, CONF + f"block-list {listed}\n")
    assert elements(net.edge, "block4") == ["10.0.0.0/8", "127.0.0.0/8", "198.51.100.3-198.51.100.9",
                                            OTHER]
    assert elements(net.edge, "block6") == ["2001:db8:77::/48"]
    assert tcp(net.wan, EDGE, 2222, source=OTHER, timeout=SHORT) is None
    assert tcp(net.wan, EDGE, 2222, source=WAN) == f"web {WAN}"
    assert tcp(net.wan, EDGE6, 2222) == f"web {WAN6}"  # neighbours still find each other
    # The bridge's network and loopback may stand in a list: they come from inside.
    other = net.container(102)
    assert tcp(other, EDGE, 2222) == "web 10.7.3.1"
    assert tcp(net.edge, "127.0.0.1", 8080) == "edge 127.0.0.1"
    # What the file says now counts from the next reload on.
    box.write("blocked.txt", f"{WAN}\n")
    router.load(CONF + f"block-list {listed}\n")
    assert tcp(net.wan, EDGE, 2222, source=OTHER) == f"web {OTHER}"
    assert tcp(net.wan, EDGE, 2222, source=WAN, timeout=SHORT) is None


def test_blocks_alone_touch_nothing_else(net, servers):
    net.router("listen 18080 plain\nsite * -> status 404\n" + f"block {WAN}\n")
    servers.enter_context(Server(net.edge, "edge", 8080))
    assert tcp(net.wan, EDGE, 8080, source=WAN, timeout=SHORT) is None
    assert tcp(net.wan, EDGE, 8080, source=OTHER) == f"edge {OTHER}"
    assert net.edge.sysctl("net/ipv4/ip_forward") == "0"
    assert "nat" not in net.edge.run("nft", "list", "chains").stdout


def test_a_list_is_replaced_without_a_gap(net, servers, box):
    """A blocked sender never gets an answer while the list changes around him."""
    listed = box.write("blocked.txt", f"{WAN}\n")
    router = with_servers(net, servers, CONF + f"block-list {listed}\n")
    got, stop = [], threading.Event()

    def knock():
        with datagrams(net.wan, EDGE, 5000, source=WAN) as s:
            s.settimeout(0.01)
            while not stop.is_set():
                got.append(send(s))

    servers.enter_context(Server(net.edge, "edge", 5000))
    thread = threading.Thread(target=knock)
    thread.start()
    texts = [f"{WAN}\n", "203.0.113.0/25\n", f"203.0.113.0-{WAN}\n", f"{WAN}-203.0.113.200\n10.0.0.0/8\n",
             "0.0.0.0-223.255.255.255\n", "\n".join(f"203.0.{n}.0/24" for n in range(0, 200)) + "\n"]
    for text in texts * 3:
        box.write("blocked.txt", text)
        router.load(CONF + f"block-list {listed} confirm\n")
        assert net.edge.run("nft", "get", "element", "inet", "sluice", "block4", f"{{ {WAN} }}")
    stop.set()
    thread.join()
    flows = net.edge.run("conntrack", "-L", "-p", "udp", check=False).stdout
    assert len(got) > 10 and set(got) == {None}
    assert f"src={WAN}" not in flows  # not even conntrack saw a packet


def test_who_administers_is_not_locked_out(net, servers, box):
    servers.enter_context(Server(net.edge, "edge", 22))
    router = net.router(CONF)
    listed = box.write("blocked.txt", f"192.0.2.1\n{OTHER}\n")
    with connect(net.wan, EDGE, 22, source=OTHER) as s:
        answer = router.offer(CONF + "block 203.0.113.0/24\n")
        assert answer.startswith("refused") and f"{OTHER} is connected to this host by SSH" in answer
        assert answer.split()[3] == str(CONF.count("\n") + 1)
        answer = router.offer(CONF + f"block-list {listed}\n")
        assert f"{listed}:2:1 blocks {OTHER}" in answer
        router.load(CONF + f"block 203.0.113.0/24\nunblock {OTHER}\n")
        s.sendall(b"?")
        assert s.recv(100) == f"edge {OTHER}".encode()
        router.load(CONF + "block 203.0.113.0/24 confirm\n")
        # Blocked he is now; the next process and the next generation do not mind.
        router.kill()
        again = net.router(CONF + "block 203.0.113.0/24\n")
        again.load(CONF + "block 203.0.113.0/24 198.51.100.0/24\n")


@pytest.mark.usefixtures("unowned")
def test_a_hundred_thousand_and_one_of_them(net, box):
    lines = [f"{10 + n // 50000}.{n // 250 % 200}.{n % 250}.{1 + n % 2}" for n in range(100000)]
    lines += [f"2001:db8:{n:x}::/48" for n in range(1000)]
    listed = box.write("blocked.txt", "\n".join(lines) + "\n")
    router = net.router(CONF + f"block-list {listed}\n")
    held = net.edge.run("nft", "-j", "list", "set", "inet", "sluice", "block4").stdout
    before = router.stats()
    assert held.count(".1\"") + held.count(".2\"") > 50000
    box.write("blocked.txt", "\n".join(lines + ["198.51.100.1"]) + "\n")
    router.load(CONF + f"block-list {listed}\n")
    assert "added=1 removed=0" in router.log
    assert "table read back" not in router.log
    net.edge.run("nft", "get", "element", "inet", "sluice", "block4", "{ 198.51.100.1 }")
    assert router.stats()["ruleset_reinstalled"] == before["ruleset_reinstalled"] == 0
    # Somebody else's change is still noticed after a batch that was sent with the ears shut.
    net.edge.run("nft", "flush", "set", "inet", "sluice", "block4")
    # (Maybe twice: what the kernel tells of so large a change comes in parts.)
    wait_for(lambda: router.stats()["ruleset_reinstalled"] >= 1, 20)
    net.edge.run("nft", "get", "element", "inet", "sluice", "block4", "{ 198.51.100.1 }")
    # Forwards do not wait for the blocks to be put back.
    took = [put_back(net.edge, router, "flush ruleset") for _ in range(2)]
    router.load(CONF + f"block-list {listed}\nforward tcp 2223 -> other:22\n")
    router.say("container other 10.7.3.9 - - -")
    took.append(put_back(net.edge, router, "flush ruleset"))
    assert min(took) < 0.1, took
    assert "tcp . 2223 : 10.7.3.9 . 22" in elements(net.edge, "fwd4")
    assert put_back(net.edge, router, "flush table inet sluice") < 5
    net.edge.run("nft", "get", "element", "inet", "sluice", "block4", "{ 10.0.0.1, 198.51.100.1 }")
    net.edge.run("nft", "get", "element", "inet", "sluice", "block6", "{ 2001:db8:3e7::1 }")


def put_back(host, router, command):
    """Seconds from the disturbance until forwards were there again; when this returns, the blocks are, too."""
    before = router.log.count("put back")
    host.run("nft", *command.split())
    done = time.time()
    wait_for(lambda: router.log.count("put back") > before, 20)
    said = re.findall(r"^(\S+) warn router .*put back", router.log, re.M)[before]
    host.run("nft", "get", "element", "inet", "sluice", "fwd4", "{ tcp . 2222 }")
    router.stats()  # it answers when it has done all
    return datetime.datetime.fromisoformat(said.replace("Z", "+00:00")).timestamp() - done


@pytest.mark.parametrize("seed", [11, 12])
def test_random_blocks_are_held_and_reached_by_differences(net, seed):
    net.edge.run(APPLY, "--random-blocks", seed, 40, timeout=120)

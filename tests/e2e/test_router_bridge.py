"""What containers may send on their bridge: table `bridge sluice`, with and without br_netfilter."""

import re
import socket

import bridge_frames as frames
import pytest
from bridge_frames import ARP, BROADCAST, IP4, IP6, VLAN, Wire
from lab import run, wait_for
from router_lab import CONF, Net, table
from test_router_traffic import EDGE, EDGE6, SHORT, WAN, WAN6, Server, datagrams, send, tcp, udp

pytestmark = pytest.mark.root
WEB, OTHER, GATEWAY = "10.7.3.101", "10.7.3.102", "10.7.3.1"
WEB6, OTHER6, GATEWAY6 = "fd00:7::101", "fd00:7::102", "fd00:7::1"
ALL_NODES = "ff02::1"


@pytest.fixture(params=["0", "1"], ids=["plain bridge", "br_netfilter"])
def net(box, request):
    made = Net(box)
    for family in ("ip", "ip6", "arp"):
        made.edge.sysctl(f"net/bridge/bridge-nf-call-{family}tables", request.param)
    yield made
    made.remove()


def tell(router, name, host, number):
    router.container(name, f"10.7.3.{number}", f"fd00:7::{number}", frames.mac_of(host), host.port)


def spoofed(net, host):
    """How many frames of this container's port were dropped."""
    text = net.edge.run("nft", "list", "set", "bridge", "sluice", "spoofed").stdout
    found = re.search(rf'"{host.port}" counter packets (\d+)', text)
    return int(found[1]) if found else None


def answers(host, address):
    return run(*host.prefix, "busybox", "ping", "-c1", "-W1", address, check=False).returncode == 0


def forged(own, other, gateway):
    """What a container with the MAC own must not send; the frames go to other's MAC or to all."""
    local, stranger = frames.local_address(own), "00:16:3e:99:99:99"
    na = b"\x20\0\0\0"
    return {
        "another container's address": frames.ether(own, other, IP4, frames.ip4(OTHER, OTHER)),
        "the gateway's address": frames.ether(own, other, IP4, frames.ip4(GATEWAY, OTHER)),
        "an unused address of the network": frames.ether(own, other, IP4, frames.ip4("10.7.3.250", OTHER)),
        "an address of elsewhere": frames.ether(own, other, IP4, frames.ip4("198.51.100.7", OTHER)),
        "another MAC": frames.ether(other, BROADCAST, IP4, frames.ip4(WEB, OTHER)),
        "an unknown MAC": frames.ether(stranger, other, IP4, frames.ip4(WEB, OTHER)),
        "ARP for another's address": frames.ether(own, other, ARP, frames.arp(own, OTHER, OTHER)),
        "ARP for the gateway": frames.ether(own, BROADCAST, ARP, frames.arp(own, GATEWAY, OTHER, 2)),
        "ARP with another MAC inside": frames.ether(own, other, ARP, frames.arp(stranger, WEB, OTHER)),
        "another's IPv6 address": frames.ether(own, other, IP6, frames.ip6(OTHER6, OTHER6)),
        "an unused IPv6 address": frames.ether(own, other, IP6, frames.ip6("fd00:7::250", OTHER6)),
        "an IPv6 address of elsewhere": frames.ether(own, other, IP6, frames.ip6("2001:db8:5::1", OTHER6)),
        "another's link-local address":
            frames.ether(own, other, IP6, frames.ip6(frames.local_address(other), OTHER6)),
        "the gateway's link-local address":
            frames.ether(own, other, IP6, frames.ip6(frames.local_address(gateway), OTHER6)),
        "an advertisement of the gateway's address": frames.ether(own, other, IP6, frames.icmp6(
            local, OTHER6, 136, na + frames.ip(GATEWAY6))),
        "an advertisement of another's link-local address": frames.ether(own, other, IP6, frames.icmp6(
            WEB6, ALL_NODES, 136, na + frames.ip(frames.local_address(other)))),
        "an advertisement of an unused address": frames.ether(own, other, IP6, frames.icmp6(
            WEB6, ALL_NODES, 136, na + frames.ip("fd00:7::250"))),
        "a probe for another's address": frames.ether(own, other, IP6, frames.icmp6(
            "::", ALL_NODES, 135, bytes(4) + frames.ip(OTHER6))),
        "a router's advertisement": frames.ether(own, other, IP6, frames.icmp6(
            local, ALL_NODES, 134, bytes.fromhex("4000070800000000000000000000"))),
        "a redirect": frames.ether(own, other, IP6, frames.icmp6(
            local, OTHER6, 137, bytes(4) + frames.ip(WEB6) + frames.ip(GATEWAY6))),
        "an answer of a DHCP server":
            frames.ether(own, other, IP4, frames.ip4(WEB, OTHER, frames.udp(67, 68), frames.UDP)),
        "an answer of a DHCPv6 server":
            frames.ether(own, other, IP6, frames.ip6(local, OTHER6, frames.udp(547, 546), frames.UDP)),
        "a tagged frame": frames.ether(own, other, VLAN, b"\0\1\x08\0" + frames.ip4(WEB, OTHER)),
        "another protocol": frames.ether(own, other, 0x88B5, bytes(50)),
    }


def honest(own, other):
    local = frames.local_address(own)
    return {
        "its address": frames.ether(own, other, IP4, frames.ip4(WEB, OTHER)),
        "its IPv6 address": frames.ether(own, other, IP6, frames.ip6(WEB6, OTHER6)),
        "its link-local address": frames.ether(own, other, IP6, frames.ip6(local, OTHER6)),
        "a link-local address of its choice": frames.ether(own, other, IP6, frames.ip6("fe80::1234", OTHER6)),
        "ARP for its address": frames.ether(own, BROADCAST, ARP, frames.arp(own, WEB, WEB)),
        "an ARP probe": frames.ether(own, BROADCAST, ARP, frames.arp(own, "0.0.0.0", WEB)),
        "an advertisement of its address": frames.ether(own, other, IP6, frames.icmp6(
            WEB6, ALL_NODES, 136, b"\x20\0\0\0" + frames.ip(WEB6))),
        "a probe for its address": frames.ether(own, other, IP6, frames.icmp6(
            "::", ALL_NODES, 135, bytes(4) + frames.ip(WEB6))),
        "a DHCP client's question": frames.ether(own, BROADCAST, IP4, frames.ip4(
            "0.0.0.0", "255.255.255.255", frames.udp(68, 67), frames.UDP)),
    }


def test_forged_frames_are_dropped_and_counted(net):
    router = net.router(CONF)
    web, other, unmanaged = net.container(101), net.container(102), net.container(103)
    tell(router, "web", web, 101)
    tell(router, "other", other, 102)
    own, target = frames.mac_of(web), frames.mac_of(other)
    bad = forged(own, target, frames.mac_of(net.edge, "rtbr0"))
    good = honest(own, target)
    listener, sender, stranger = Wire(other), Wire(web), Wire(unmanaged)
    before = spoofed(net, web)
    for frame in bad.values():
        sender.send(frame)
    came = listener.seen(*bad.values())
    assert not came, [list(bad)[i] for i in came]
    assert spoofed(net, web) - before == router.stats()["spoofed_dropped"] == len(bad)
    for name, frame in good.items():
        sender.send(frame)
        assert listener.seen(frame), name
    assert spoofed(net, web) - before == len(bad)
    # Who is no container of the file is not looked at.
    frame = frames.ether("00:16:3e:99:99:99", target, IP4, frames.ip4("198.51.100.7", OTHER))
    stranger.send(frame)
    assert listener.seen(frame)
    assert spoofed(net, unmanaged) is None
    for address in (OTHER, OTHER6, GATEWAY, GATEWAY6):
        assert wait_for(lambda a=address: answers(web, a), 5)
    for wire in (listener, sender, stranger):
        wire.close()


def test_a_container_without_an_address_may_take_a_free_one(net):
    router = net.router(CONF + "container free { }\ncontainer loose { spoofing allow }\n")
    free, loose, other = net.container(77), net.container(78), net.container(102)
    router.container("free", mac=frames.mac_of(free), port=free.port)
    router.container("loose", mac=frames.mac_of(loose), port=loose.port)
    tell(router, "other", other, 102)
    own, target = frames.mac_of(free), frames.mac_of(other)
    listener, sender, any_sender = Wire(other), Wire(free), Wire(loose)
    assert answers(free, OTHER) and answers(free, OTHER6)
    sender.send(taken := frames.ether(own, target, IP4, frames.ip4(WEB, OTHER)))
    sender.send(far := frames.ether(own, target, IP4, frames.ip4("198.51.100.7", OTHER)))
    assert not listener.seen(taken, far)
    # A container that its block lets do so sends as anybody.
    any_sender.send(taken)
    assert listener.seen(taken)
    for wire in (listener, sender, any_sender):
        wire.close()


@pytest.mark.usefixtures("unowned")
def test_the_rules_follow_their_containers(net):
    """Another address, another port, an end; a restart of the router, a flush by others."""
    router = net.router(CONF)
    web, other = net.container(101), net.container(102)
    tell(router, "web", web, 101)
    tell(router, "other", other, 102)
    assert answers(web, OTHER)
    web.run("ip", "addr", "del", "10.7.3.101/24", "dev", "eth0")
    web.run("ip", "addr", "add", "10.7.3.109/24", "dev", "eth0")
    assert not answers(web, OTHER)
    router.container("web", "10.7.3.109", "-", frames.mac_of(web), web.port)
    wait_for(lambda: answers(web, OTHER), 5)
    router.container("web", "-", "-", frames.mac_of(web), web.port)
    before = table(net.edge)
    net.edge.run("nft", "-c", "-f", net.box.write("saved.nft", before))
    net.edge.run("nft", "flush", "ruleset")
    wait_for(lambda: table(net.edge) == before, 2, "both tables")
    net.edge.run("nft", "delete", "table", "bridge", "sluice")
    wait_for(lambda: table(net.edge) == before, 2, "the second table")
    assert router.stats()["ruleset_reinstalled"] == 2
    # A new process knows no port before it is told; the old one's knowledge holds until then.
    router.kill()
    assert table(net.edge) == before
    router = net.router(CONF)
    assert table(net.edge) == before
    tell(router, "other", other, 102)
    router.container("web", "-", "-", frames.mac_of(web), "-")
    assert f'"{web.port}"' not in table(net.edge) and f'"{other.port}"' in table(net.edge)
    router.load("listen 18080 plain\nsite * -> status 404\nblock 192.0.2.0/24\n")
    assert "table bridge" not in net.edge.nft() and "table inet sluice" in net.edge.nft()
    router.load("listen 18080 plain\nsite * -> status 404\n")
    assert "sluice" not in net.edge.nft()


ISOLATED = CONF + "isolate\nlink web -> other:80 8080-8090\nlink web -> other:5353 udp\n"


def isolated(net, servers, conf=ISOLATED):
    """Two containers of the file and one that is not in it, with servers; all of them are told."""
    router = net.router(conf)
    web, other, unmanaged = net.container(101), net.container(102), net.container(103)
    tell(router, "web", web, 101)
    tell(router, "other", other, 102)
    for name, host in (("web", web), ("other", other), ("unmanaged", unmanaged)):
        for port in (22, 80, 8085, 81):
            servers.enter_context(Server(host, name, port))
        for port in (5001, 5353, 5354):
            servers.enter_context(Server(host, name, port, socket.SOCK_DGRAM))
    return router, web, other, unmanaged


def once_udp(host, address, port, source=None):
    with datagrams(host, address, port, source) as s:
        return send(s)


def test_isolated_containers_reach_each_other_by_links_alone(net, servers):
    router, web, other, unmanaged = isolated(net, servers)
    # What the link says, by both families, and answers.
    for address, peer in ((OTHER, WEB), (OTHER6, WEB6)):
        assert tcp(web, address, 80) == f"other {peer}" and tcp(web, address, 8085) == f"other {peer}"
        assert udp(web, address, 5353) == f"other {peer}"
    # Neither other ports, nor other protocols, nor the other way.
    before = router.stats()["isolated_dropped"]
    for address in (OTHER, OTHER6):
        assert tcp(web, address, 81, timeout=SHORT) is None and tcp(web, address, 5353, timeout=SHORT) is None
        assert once_udp(web, address, 5354) is None and once_udp(web, address, 80) is None
        assert not answers(web, address)
    for address in (WEB, WEB6):
        assert tcp(other, address, 80, timeout=SHORT) is None
        assert once_udp(other, address, 5353) is None
        assert not answers(other, address)
    assert router.stats()["isolated_dropped"] > before
    # A server cannot use its port to speak first.
    own, target = frames.mac_of(other), frames.mac_of(web)
    sender, listener = Wire(other), Wire(web)
    first = [frames.ether(own, target, IP4, frames.ip4(OTHER, WEB, frames.udp(5353, 5001), frames.UDP)),
             frames.ether(own, target, IP4, frames.ip4(OTHER, WEB, frames.syn(80, 22), frames.TCP))]
    for frame in first:
        sender.send(frame)
    assert not listener.seen(*first)
    sender.close()
    listener.close()
    # The world, the host and who is not of the file are as before.
    for peer, address in ((web, GATEWAY), (web, GATEWAY6), (net.edge, OTHER), (unmanaged, WEB), (web, WAN)):
        assert answers(peer, address)
    assert tcp(unmanaged, WEB, 22) == "web 10.7.3.103"
    assert tcp(web, "10.7.3.103", 22) == "unmanaged 10.7.3.101"


def test_isolated_containers_without_a_link_do_not_see_each_other(net, servers):
    router, web, other, _ = isolated(net, servers, CONF + "isolate\n")
    own, target = frames.mac_of(web), frames.mac_of(other)
    listener, sender = Wire(other), Wire(web)
    sent = [
        frames.ether(own, BROADCAST, ARP, frames.arp(own, WEB, OTHER)),
        frames.ether(own, target, ARP, frames.arp(own, WEB, OTHER)),
        frames.ether(own, "33:33:00:00:00:01", IP6, frames.ip6(frames.local_address(own), ALL_NODES)),
        frames.ether(own, target, IP6, frames.icmp6(
            frames.local_address(own), frames.local_address(target), 135,
            bytes(4) + frames.ip(frames.local_address(target)))),
        frames.ether(own, target, IP4, frames.ip4(WEB, OTHER, frames.udp(1000, 5001), frames.UDP)),
        frames.ether(own, BROADCAST, IP4, frames.ip4(WEB, "10.7.3.255", frames.udp(1000, 5001), frames.UDP)),
    ]
    for frame in sent:
        sender.send(frame)
    assert not listener.seen(*sent)
    sender.close()
    listener.close()
    assert not answers(web, f"{frames.local_address(target)}%eth0")
    assert tcp(web, OTHER, 80, timeout=SHORT) is None and tcp(web, OTHER6, 80, timeout=SHORT) is None
    # Nor the way by the host.
    for address, gateway in ((OTHER, GATEWAY), (OTHER6, GATEWAY6)):
        web.run("ip", "route", "add", address, "via", gateway)
        other.run("ip", "route", "add", WEB if gateway == GATEWAY else WEB6, "via", gateway)
        assert tcp(web, address, 80, timeout=SHORT) is None
        assert not answers(web, address)
    # What is published is published for them, too.
    assert tcp(other, EDGE, 2222) == "web 10.7.3.1" and tcp(other, EDGE6, 2222) == "web fd00:7::1"
    assert tcp(web, EDGE, 2222) == "web 10.7.3.1"
    assert udp(other, EDGE, 5000) == "web 10.7.3.1"
    assert tcp(net.wan, EDGE, 2222) == f"web {WAN}"
    router.load(CONF)
    web.run("ip", "route", "del", OTHER)
    other.run("ip", "route", "del", WEB)
    assert wait_for(lambda: tcp(web, OTHER, 81, timeout=1), 5) == "other 10.7.3.101"


def test_links_follow_their_containers(net, servers):
    router, web, other, _ = isolated(net, servers)
    assert tcp(web, OTHER, 80) == "other 10.7.3.101"
    other.run("ip", "addr", "del", f"{OTHER}/24", "dev", "eth0")
    other.run("ip", "addr", "add", "10.7.3.112/24", "dev", "eth0")
    router.container("other", "10.7.3.112", OTHER6, frames.mac_of(other), other.port)
    assert wait_for(lambda: tcp(web, "10.7.3.112", 80, timeout=1), 5) == "other 10.7.3.101"
    # It stops, and starts again with another port of the bridge.
    router.container("other", OTHER, OTHER6, frames.mac_of(other), "-")
    assert other.port not in net.edge.run("nft", "list", "set", "bridge", "sluice", "apart").stdout
    again = net.container(104)
    again.run("ip", "addr", "flush", "dev", "eth0", "scope", "global")
    again.run("ip", "addr", "add", f"{OTHER}/24", "dev", "eth0")
    servers.enter_context(Server(again, "again", 80))
    servers.enter_context(Server(again, "again", 81))
    router.container("other", OTHER, "-", frames.mac_of(again), again.port)
    web.run("ip", "neigh", "flush", "all")
    assert wait_for(lambda: tcp(web, OTHER, 80, timeout=1), 5) == "again 10.7.3.101"
    assert tcp(web, OTHER, 81, timeout=SHORT) is None
    router.load(ISOLATED.replace("link web -> other:80 8080-8090\n", ""))
    assert tcp(web, OTHER, 80, timeout=SHORT) is None


EGRESS = CONF.replace("container web { ", """container web {
    egress deny
    egress allow 203.0.113.9:80 [2001:db8:113::2]:81 10.7.3.1:8080 other:80
    """) + "forward tcp 2223 -> other:22\n"


def test_a_container_goes_where_it_is_allowed_alone(net, servers):
    router, web, other, _ = isolated(net, servers, EGRESS)
    net.wan.add_address("203.0.113.9/24")
    for port in (80, 81):
        servers.enter_context(Server(net.wan, "wan", port))
    for port in (8080, 8081):
        servers.enter_context(Server(net.edge, "edge", port))
    for host in (net.wan, net.edge):
        servers.enter_context(Server(host, "dns", 53, socket.SOCK_DGRAM))
    # To the world.
    assert tcp(web, "203.0.113.9", 80) == f"wan {EDGE}"
    assert tcp(web, WAN6, 81) == f"wan {EDGE6}"
    assert tcp(web, "203.0.113.9", 81, timeout=SHORT) is None and tcp(web, WAN, 80, timeout=SHORT) is None
    assert tcp(web, WAN6, 80, timeout=SHORT) is None
    assert once_udp(web, WAN, 53) is None and not answers(web, WAN) and not answers(web, WAN6)
    # To the host: names, and what is allowed.
    assert udp(web, GATEWAY, 53) == "dns 10.7.3.101"
    assert tcp(web, GATEWAY, 8080) == "edge 10.7.3.101"
    assert tcp(web, GATEWAY, 8081, timeout=SHORT) is None and tcp(web, EDGE, 8080, timeout=SHORT) is None
    # To others, directly and by the host's forwards.
    assert tcp(web, OTHER, 80) == "other 10.7.3.101"
    assert tcp(web, OTHER, 81, timeout=SHORT) is None and tcp(other, WEB, 22, timeout=SHORT) is None
    assert tcp(web, EDGE, 2223, timeout=SHORT) is None
    # What others begin is answered, and they are free themselves.
    assert tcp(net.wan, EDGE, 2222) == f"web {WAN}" and tcp(net.wan, EDGE6, 2222) == f"web {WAN6}"
    assert tcp(net.edge, WEB, 22) == "web 10.7.3.1" and tcp(other, EDGE, 2222) == "web 10.7.3.1"
    assert tcp(other, WAN, 81) == f"wan {EDGE}" and tcp(other, "10.7.3.103", 22) == "unmanaged 10.7.3.102"
    assert router.stats()["egress_dropped"] > 0
    # A process that begins again does not let it out before lxc speaks.
    router.kill()
    router = net.router(EGRESS)
    assert tcp(web, WAN, 80, timeout=SHORT) is None
    tell(router, "web", web, 101)
    tell(router, "other", other, 102)
    assert tcp(web, "203.0.113.9", 80) == f"wan {EDGE}" and tcp(web, WAN, 80, timeout=SHORT) is None
    router.load(CONF)
    assert tcp(web, WAN, 80) == f"wan {EDGE}"

"""`sluice trace`: what happens to a client's packet, in words."""

import contextlib
import socket
import subprocess

import bridge_frames as frames
import daemon
import pytest
from lab import wait_for
from router_lab import COMMON, Net

pytestmark = pytest.mark.root
CONF = COMMON + """\
wan wan0
bridge rtbr0 10.7.3.1/24
container web { address 10.7.3.101 }
forward tcp 2222 -> web:22
forward tcp 2223 -> web:22 from 198.51.100.0/24
block 203.0.113.3
open udp 5353
"""
CLIENT, BLOCKED = "203.0.113.2", "203.0.113.3"


@pytest.fixture
def net(box):
    made = Net(box)
    made.wan.add_address(f"{BLOCKED}/24")
    made.router(CONF)
    made.container(101)
    yield made
    made.remove()


def trace(net, port, source=CLIENT, proto="tcp", send=True, frame=None):
    """(exit status, text) of a trace during which packets are sent: frame by a container, or the client's."""
    p = net.edge.popen(daemon.BIN / "sluice", "trace", source, proto, port, "for", "20s" if send else "1s",
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def sent():
        if frame:
            frame()
            return p.poll() is not None
        with net.wan.net(), contextlib.suppress(OSError):
            kind = socket.SOCK_DGRAM if proto == "udp" else socket.SOCK_STREAM
            with socket.socket(socket.AF_INET, kind) as s:
                s.settimeout(0.2)
                s.bind((source, 0))
                s.connect(("203.0.113.1", port))
                s.send(b"x")
        return p.poll() is not None

    if send:
        wait_for(sent, 20, "the trace")
    out, errors = p.communicate(timeout=30)
    assert errors == "", errors
    assert "sluice_trace" not in net.edge.nft()
    return p.returncode, out


def test_a_forwarded_packet_is_followed_to_its_end(net):
    status, text = trace(net, 2222)
    assert status == 0 and text.startswith(f"a packet of {CLIENT} to tcp port 2222 came in by wan0\n"), text
    assert "dnat ip to meta l4proto . th dport map @fwd4\n" in text
    assert "inet sluice filter_fwd: ct status dnat accept\n" in text and "it passes all of nftables" in text


@pytest.mark.parametrize("port, source, why", [
    (2222, BLOCKED, "dropped: the client is blocked, by `block`"),
    (2223, CLIENT, "dropped: the port is forwarded for other sources only"),
    (2299, CLIENT, "dropped: it goes to the host itself, and no `open` of the file lets it in"),
])
def test_what_our_rules_drop(net, port, source, why):
    status, text = trace(net, port, source)
    assert status == 1 and text.splitlines()[-1].startswith(why), text


def test_a_table_of_others_is_named(net):
    net.edge.run("nft", "-f", "-", input="table ip filter {\n chain FORWARD {\n type filter hook forward priority 0; policy drop;\n}\n}\n")
    status, text = trace(net, 2222)
    assert status == 1 and "  ip filter FORWARD: policy drop\n" in text, text
    assert text.endswith("dropped by table ip filter of another program, chain FORWARD; `sluice doctor` says how to mend that\n")


@pytest.fixture(params=["0", "1"], ids=["plain bridge", "br_netfilter"])
def bridged(net, request):
    """Two containers whose ports are looked at, kept apart; the MACs of the first and of the host."""
    for family in ("ip", "ip6"):
        net.edge.sysctl(f"net/bridge/bridge-nf-call-{family}tables", request.param)
    net.routers[0].load(CONF + "container db { address 10.7.3.102 }\nisolate\n")
    hosts = {"web": net.hosts[-1], "db": net.container(102)}
    for name, number in (("web", 101), ("db", 102)):
        net.routers[0].container(name, f"10.7.3.{number}", "-", frames.mac_of(hosts[name]), hosts[name].port)
    wire = frames.Wire(hosts["web"])
    yield wire, {name: frames.mac_of(h) for name, h in hosts.items()} | {"host": frames.mac_of(net.edge, "rtbr0")}
    wire.close()


@pytest.mark.parametrize("to, source, target, last", [
    ("host", "10.7.3.102", "203.0.113.2", "dropped: a container sent it with a source that is not its own"),
    ("db", "10.7.3.101", "10.7.3.102", "dropped: a container sent it to another one; isolate forbids that"),
    ("host", "10.7.3.101", "203.0.113.2", "it passes all of nftables"),
])
def test_what_a_container_sends_is_followed_from_its_port(net, bridged, to, source, target, last):
    wire, macs = bridged
    packet = frames.ip4(source, target, frames.udp(1000, 7777), frames.UDP)
    status, text = trace(net, 7777, source, "udp",
                         frame=lambda: wire.send(frames.ether(macs["web"], macs[to], frames.IP4, packet)))
    assert text.startswith(f"a packet of {source} to udp port 7777 came in by veth101\n"), text
    assert text.splitlines()[-1].startswith(last) and status == ("passes" not in last), text
    assert "passes" not in last or "bridge sluice guard" in text and "inet sluice filter_fwd" in text, text


def test_udp_and_no_packet_at_all(net):
    assert trace(net, 5353, proto="udp")[0] == 0
    status, text = trace(net, 2222, source="192.0.2.9", send=False)
    assert status == 1 and text.startswith("no packet of 192.0.2.9 to tcp port 2222 came in 1 s")


@pytest.mark.parametrize("argv", [["nobody", "tcp", "22"], ["192.0.2.1", "icmp", "22"], ["192.0.2.1", "tcp", "0"],
                                  ["192.0.2.1", "tcp"], ["192.0.2.1", "tcp", "22", "for", "1y"]])
def test_wrong_words(net, argv):
    done = net.edge.run(daemon.BIN / "sluice", "trace", *argv, check=False)
    assert done.returncode == 2 and "usage: sluice trace ADDRESS tcp|udp PORT" in done.stderr

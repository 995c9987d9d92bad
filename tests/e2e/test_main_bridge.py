"""Real containers on the bridge: kept apart but for a link, shut in, and unable to forge."""

import contextlib
import os
import re

import appliance
import bridge_frames as frames
import client
import lab as lab_module
import pytest
from appliance import WAN
from bridge_frames import IP4, Wire
from lab import wait_for

pytestmark = pytest.mark.root
CONTAINER = """container %s {
    image     busybox
    address   10.0.3.%d
    mount     @tools@ opt ro
    autostart
    %s
}
"""
CONF = appliance.CONF + CONTAINER % ("db", 102, "egress deny") + CONTAINER % ("other", 103, "") + \
    "isolate\nlink web -> db:8080\n"
DB, OTHER = "10.0.3.102", "10.0.3.103"


class Inside:
    """A container's network, for sockets of the test's own."""

    def __init__(self, pid):
        self.path = f"/proc/{pid}/ns/net"

    @contextlib.contextmanager
    def net(self):
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(self.path, os.O_RDONLY)
        try:
            lab_module._setns(there)
            yield self
        finally:
            lab_module._setns(back)
            os.close(there)
            os.close(back)


def fetches(lab, name, address, port=8080):
    with Inside(lab.container_pid(name)).net():
        try:
            return client.fetch(f"http://{address}:{port}/text/hello", timeout=1).body == b"hello"
        except OSError:
            return False


def pings(lab, name, address):
    return lab.container_run(name, "/bin/busybox", "ping", "-c1", "-W1", address, check=False).returncode == 0


def check_policy(lab, s):
    assert wait_for(lambda: fetches(lab, "web", DB), 10)
    assert not fetches(lab, "db", appliance.ADDRESS) and not fetches(lab, "web", OTHER)
    assert not pings(lab, "other", DB) and not pings(lab, "other", appliance.ADDRESS)
    assert fetches(lab, "other", appliance.EDGE, 2222)  # a forward stays open
    assert pings(lab, "web", WAN) and pings(lab, "other", WAN) and not pings(lab, "db", WAN)
    assert lab.wan.fetch("http://203.0.113.1:2222/text/out").body == b"out"


def forge(lab, s):
    """web sends as db does: none of it comes, and it is counted."""
    web, other = (Inside(lab.container_pid(name)) for name in ("web", "other"))
    own, target = s.container("web")["mac"], s.container("other")["mac"]
    before = s.stats()["spoofed_dropped"]
    sender, listener = Wire(web), Wire(other)
    bad = [frames.ether(own, target, IP4, frames.ip4(DB, OTHER)),
           frames.ether(s.container("db")["mac"], target, IP4, frames.ip4(DB, OTHER)),
           frames.ether(own, frames.BROADCAST, frames.ARP, frames.arp(own, "10.0.3.1", OTHER, 2))]
    for frame in bad:
        sender.send(frame)
    assert not listener.seen(*bad)
    assert s.stats()["spoofed_dropped"] - before == len(bad)
    sender.close()
    listener.close()


def port_of(lab, s, name):
    """The container's port of the bridge, as the kernel's rules have it; "" for none."""
    text = lab.edge.run("nft", "list", "set", "bridge", "sluice", "macs").stdout
    found = re.search(rf'"(\S+)" \. {s.container(name)["mac"]}', text)
    return found[1] if found else ""


def note_guarded(s, box, name):
    """Has LXC write down, at each start and before the container's first program runs, whose frames are looked at."""
    seen = box.path("guarded")
    hook = box.write("hook", f"#!/bin/sh\nnft list set bridge sluice macs >{seen}\n", 0o755)
    with open(s.lxc_path / name / "config", "a", encoding="ascii") as config:
        config.write(f"lxc.hook.start-host = {hook}\n")
    return seen


@pytest.mark.usefixtures("unowned")
def test_policies_hold_for_real_containers(lab, sluice, box):
    s = appliance.start(sluice, lab, conf=CONF, names=("web", "db", "other"), boot=True)
    for netfilter in ("0", "1"):
        for family in ("ip", "ip6"):
            lab.edge.sysctl(f"net/bridge/bridge-nf-call-{family}tables", netfilter)
        check_policy(lab, s)
        forge(lab, s)
    # A container comes back with another port of the bridge, another address, and its links.
    port = port_of(lab, s, "db")
    s.write(CONF.replace(f"10.0.3.{102}", "10.0.3.112"))
    s.reload()
    guarded = note_guarded(s, box, "db")
    s.ctl("container", "restart", "db")
    wait_for(lambda: port_of(lab, s, "db") not in ("", port), 20, "another port")
    appliance.wait_address(lab, "db")
    assert f'"{port_of(lab, s, "db")}" . {s.container("db")["mac"]}' in guarded.read_text()
    assert wait_for(lambda: fetches(lab, "web", "10.0.3.112"), 10)
    assert not pings(lab, "db", WAN) and not pings(lab, "other", "10.0.3.112")
    # Somebody flushes everything, and the daemon dies: it holds.
    s.kill("router")
    lab.edge.run("nft", "flush", "ruleset")
    wait_for(lambda: "table bridge sluice" in lab.edge.nft(), 5, "the tables")
    wait_for(lambda: port_of(lab, s, "db"), 5, "the ports")
    assert not pings(lab, "other", "10.0.3.112") and fetches(lab, "web", "10.0.3.112")

"""`address auto`: a free address that the container keeps, and that routes, forwards and names follow."""

import ipaddress
import os
import pathlib
import signal
import socket
import threading

import appliance
import pytest
from lab import Host, wait_for
from test_daemon_names import A, AAAA, ask

pytestmark = pytest.mark.root
WEB = "container web {\n    image     busybox\n    address   auto\n    mount     @tools@ opt ro\n    autostart\n}\n"
HEAD = """\
wan wan0
bridge lxcbr0 10.0.3.1/24 fd00:3::1/64
listen 80 plain
site * {
    route / -> web:8080
}
forward tcp 2222 -> web:8080
"""
NETWORK = ipaddress.ip_network("10.0.3.0/24")


def hashed(name):
    """Where the search for a free address begins (daemon/address_plan.c)."""
    value = 2166136261
    for byte in name.encode():
        value = (value ^ byte) * 16777619 & 0xffffffff
    return f"10.0.3.{(value ^ value >> 16) % 256}"


def named(text):
    """A name whose search begins at a host's address."""
    return next(n for n in (f"{text}{i}" for i in range(99)) if 2 <= int(hashed(n).rpartition(".")[2]) <= 250)


def book(s):
    lines = (pathlib.Path(s.state_path) / "addresses").read_text().splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def address(s, name):
    wait_for(lambda: (s.container(name) or {}).get("address"), 20, f"an address of {name}")
    return s.container(name)["address"]


def auto(name):
    return f"container {name} {{ image busybox ; address auto }}\n"


def test_an_address_is_chosen_and_kept(lab, sluice):
    s = sluice(HEAD + WEB + auto("db"), where=lab.edge)
    s.wait_container("web")
    first = address(s, "web")
    assert ipaddress.ip_address(first) in NETWORK and first != address(s, "db")
    six = book(s)["web"][1]
    assert six == f"fd00:3::{first.rpartition('.')[2]}"
    assert f"address {first} {six}\n" in s.ctl("config", "show").stdout

    # Routes, forwards of both families and names know it, and so does the container.
    assert appliance.wait_address(lab, "web") == first
    lab.serve("web", tcp=8080)
    assert lab.wan.fetch("http://203.0.113.1/ip", timeout=20).status == 200
    assert lab.wan.fetch("http://203.0.113.1:2222/ip").status == 200
    assert lab.wan.fetch("http://[2001:db8:113::1]:2222/ip").status == 200
    assert ask(lab.edge, "web.lxc") == (0, [first])
    assert ask(lab.edge, "web.lxc", AAAA) == (0, [six])

    # The container reaches the world by IPv6 (NAT66), and has a route from our advertisements, too.
    with lab.wan.net():
        server = socket.create_server(("::", 8000), family=socket.AF_INET6)
    with server:
        server.settimeout(10)
        caller = threading.Thread(target=lab.container_run, daemon=True, kwargs={"check": False}, args=(
            "web", "/bin/busybox", "wget", "-q", "-O", "-", "http://[2001:db8:113::2]:8000/"))
        caller.start()
        connection, peer = server.accept()
        connection.close()
        caller.join()
    assert peer[0] == "2001:db8:113::1"
    wait_for(lambda: "via fe80::" in lab.container_run("web", "/bin/busybox", "ip", "-6", "route").stdout, 20,
             "a router advertisement")
    assert ask(lab.edge, "web.lxc", AAAA, server="fd00:3::1") == (0, [six])

    # A reload with the blocks in another order; a daemon that was killed; a book that is lost.
    s.write(HEAD + auto("db") + WEB)
    s.reload()
    assert address(s, "web") == first
    os.kill(s.pid, signal.SIGKILL)
    s.process.wait()
    s.start()
    s.wait_container("web")
    assert address(s, "web") == first
    assert lab.wan.fetch("http://203.0.113.1:2222/ip").status == 200
    s.stop()
    before = book(s)
    (pathlib.Path(s.state_path) / "addresses").unlink()
    s.start()
    assert book(s) == before


def told_at_start(s, name):
    """Whether the log has it of this start; if not, the container is started again."""
    told = f"container={name} address=10.0.3.251 mac=02:00:00:00:00:07"
    try:
        s.wait_log(told, 2)
    except AssertionError:
        s.ctl("container", "restart", name)
        return False
    return True


def test_what_others_use_is_not_chosen(lab, sluice):
    s = sluice(HEAD + WEB, where=lab.edge)
    s.wait_container("web")
    other, answers, six = named("other"), named("answers"), named("six")
    # A container that the file does not name has one in its configuration.
    config = pathlib.Path(s.lxc_path) / "unmanaged/config"
    config.parent.mkdir()
    config.write_text(f"lxc.net.0.ipv4.address = {hashed(other)}/24\n")
    # Somebody on the bridge has another, and the IPv6 address that goes with a third.
    intruder = Host(f"sle2e-intruder{os.getpid() % 100000}")
    try:
        intruder.run("ip", "link", "add", "eth0", "address", "02:00:00:00:00:07", "type", "veth",
                     "peer", "name", "veth7", "netns", f"/run/netns/{lab.edge.name}")
        intruder.add_address(f"{hashed(answers)}/24", "eth0")
        taken6 = f"fd00:3::{hashed(six).rpartition('.')[2]}"
        intruder.add_address(f"{taken6}/64", "eth0")
        intruder.add_address("10.0.3.251/24", "eth0")
        intruder.run("ip", "link", "set", "eth0", "up")
        lab.edge.run("ip", "link", "set", "veth7", "master", "lxcbr0", "up")
        wait_for(lambda: "state forwarding" in lab.edge.run("bridge", "-d", "link", "show", "dev", "veth7").stdout,
                 what="the bridge port forwards")
        # The kernel asks for an IPv6 neighbour from its link-local address, once that is its own.
        wait_for(lambda: "tentative" not in lab.edge.run("ip", "-6", "addr", "show", "dev", "lxcbr0").stdout,
                 what="the bridge's link-local address")
        late = "container late { image busybox ; address 10.0.3.251 ; autostart }\n"
        s.write(HEAD + WEB + auto(other) + auto(answers) + auto(six) + late)
        s.reload()
        # A fixed address that somebody else has is told when its container starts. The container
        # answers for it, too, and the kernel keeps who was first.
        s.wait_container("late")
        wait_for(lambda: told_at_start(s, "late"), 30, "the other one was first once")
    finally:
        intruder.remove()
    found = book(s)
    assert found[other][0] != hashed(other)
    assert found[answers][0] != hashed(answers)
    assert found[six][0] == hashed(six) and found[six][1] != taken6
    assert f"address={hashed(answers)} mac=02:00:00:00:00:07" in s.log
    assert ask(lab.edge, "web.lxc", A) == (0, [found["web"][0]])

    # A network that is full: the file is refused, with the place, and what runs goes on.
    s.write(HEAD + WEB + "".join(auto(f"c{i}") for i in range(260)))
    assert "no address of the bridge's network 10.0.3.0/24 is free for the container" in s.reload(ok=False)
    assert address(s, "web") == found["web"][0]

    # A fixed address that an unmanaged container has, too: a warning with both places.
    s.write(HEAD + WEB + f"container twin {{ image busybox ; address {hashed(other)} }}\n")
    s.reload()
    line = len((HEAD + WEB).splitlines()) + 1
    s.wait_log(f'sluice.conf:{line}:34: {hashed(other)} is also the address of the container')
    assert f"{config}" in s.log

    # Another container gets the address: dnsmasq does not insist on the lease of the first one.
    appliance.wait_address(lab, "web")
    s.ctl("container", "stop", "web")
    s.write((HEAD + WEB).replace("web", "heir").replace("auto", found["web"][0], 1))
    s.reload()
    s.wait_container("heir")
    assert appliance.wait_address(lab, "heir") == found["web"][0]

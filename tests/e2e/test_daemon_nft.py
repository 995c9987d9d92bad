"""`sluice nft show`: the table as it was planned, as the kernel has it, and in what they differ."""

import os
import re
import socket

import pytest
from lab import Host

pytestmark = pytest.mark.root
CONF = """\
listen 80 plain
wan wan0
bridge lxcbr0 10.0.3.1/24
forward tcp 2222 -> web:22
forward tcp 6000-6003 -> web:7000-7003 from 198.51.100.0/24 203.0.113.7
container web { image busybox ; address 10.0.3.101 }
site * -> status 204
"""


def show(s, *options, **kwargs):
    return s.ctl("nft", "show", *options, **kwargs)


def lines(table):
    """Without what changes by the second and has no order."""
    return sorted(line.split(" timeout")[0].strip(" \t,") for line in table.splitlines())


@pytest.fixture
def edge(lab, sluice):
    return lab.edge, sluice(CONF, where=lab.edge)


def test_planned_and_kernel_are_one_text_that_nft_reads_as_the_table(edge):
    host, s = edge
    s.ctl("ban", "add", "198.51.100.77", "for", "1h")
    planned, kernel = show(s, "--planned").stdout, show(s, "--kernel").stdout
    assert "tcp . 6003 : 10.0.3.101 . 7003" in planned
    assert "198.51.100.77 timeout 3600s" in planned.replace("3599s", "3600s")
    diff = show(s, "--diff")
    assert (diff.stdout, diff.returncode) == ("", 0)
    assert lines(show(s).stdout) == lines(kernel + "# this is what is planned\n")
    standing = host.run("nft", "-s", "list", "table", "inet", "sluice").stdout
    for text in (planned, kernel):
        loaded = s.box.write("loaded.nft", "flush ruleset\n" + text)
        again = Host(f"nft{os.getpid() % 100000}")
        try:
            again.run("nft", "-f", loaded)
            listed = again.run("nft", "-s", "list", "table", "inet", "sluice").stdout
        finally:
            again.remove()
        assert lines(listed) == lines(standing)


def test_without_a_router_it_says_so(lab, sluice):
    s = sluice("listen 80 plain\nsite * -> status 204\n", where=lab.edge)
    said = show(s, check=False)
    assert said.returncode == 1 and "the router process does not run" in said.stderr
    assert show(s, "--theirs", check=False).returncode == 2
    assert s.api("GET", "/v1/nft?view=theirs")[0] == 400


def test_forwards_are_counted(lab, sluice):
    wan = lab.wan
    s = sluice("listen 80 plain\nwan wan0\nforward tcp 2222 -> 203.0.113.2:8080 masquerade\n"
               "forward udp 2222-2224 on wan0 -> 203.0.113.2:9000\nsite * -> status 204\n", where=lab.edge)
    with wan.net():
        server = socket.create_server(("203.0.113.2", 8080))
    for _ in range(3):
        with wan.net():
            client = socket.create_connection(("203.0.113.1", 2222), timeout=3)
        peer, _ = server.accept()
        client.sendall(b"x" * 1000)
        assert len(peer.recv(1000, socket.MSG_WAITALL)) == 1000
        peer.close()
        client.close()
    tcp, udp = s.ctl("forward", "ls", json=True)
    assert (tcp["connections"], udp["connections"]) == (3, 0)
    assert tcp["bytes"] > 3000 and tcp["packets"] >= 3 * 6 and udp["bytes"] == 0
    assert udp["interface"] == "wan0" and udp["port"] == "2222-2224"
    assert re.search(r"^tcp +2222 .* 3 +\d+ +\d+$", s.ctl("forward", "ls").stdout, re.M)
    # What is not changed goes on counting.
    s.write("listen 80 plain\nwan wan0\nforward tcp 2222 -> 203.0.113.2:8080 masquerade\nsite * -> status 204\n")
    s.reload()
    assert s.ctl("forward", "ls", json=True)[0]["connections"] == 3
    server.close()

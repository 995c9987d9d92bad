"""`sluice nft show`: the table as it was planned, as the kernel has it, and in what they differ."""

import os
import re
import signal
import socket

import daemon
import pytest
from lab import Host, wait_for

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
    """Without what changes by the second, has no order, and is the owner's."""
    table = re.sub(r"^\tflags owner\n\n| # progname .*", "", table, flags=re.M)
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


def test_what_is_shown_says_how_to_check_it(edge):
    """Nobody but the owner may have the kernel look at a change of its tables, `nft -c` either."""
    host, s = edge
    for options in ((), ("--planned",), ("--kernel",)):
        text = show(s, *options).stdout
        first = text.splitlines()[0]
        refused = host.run("nft", "-c", "-f", "-", input=text, check=False)
        assert refused.returncode == 1 and "Operation not permitted" in refused.stderr
        assert first.startswith("# ") and first.endswith("sluice nft show | unshare -n nft -c -f -")
        host.run("unshare", "-n", "nft", "-c", "-f", "-", input=text)
    s.stop()
    assert host.run("nft", "-s", "list", "tables").stdout.count("table inet sluice") == 1


@pytest.mark.usefixtures("unowned")
def test_what_is_shown_of_unowned_tables_is_read_where_they_are(edge):
    host, s = edge
    text = show(s).stdout
    assert text.startswith("table inet sluice")
    host.run("nft", "-c", "-f", "-", input=text)


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


ROUTED = """listen 80 plain
wan wan0
forward tcp 2222 -> 203.0.113.2:8080 masquerade
site * -> status 204
"""


def stands(host):
    """The kernel's numbers of what our table is made of, and its flags."""
    listed = host.run("nft", "-a", "list", "table", "inet", "sluice").stdout.replace(" progname sluiced", "")
    return re.findall(r"^\t?(?:flags owner|(?:table|chain|set|map) .*)$", listed, re.M)


@pytest.mark.parametrize("owner", ["yes", "no"])
def test_the_tables_outlive_every_process(lab, sluice, monkeypatch, owner):
    """An upgrade, a router that dies, a daemon that ends and one that is killed: nothing is made anew."""
    monkeypatch.setenv("SLUICE_TABLE_OWNER", owner)
    s = sluice(ROUTED, where=lab.edge)
    before = stands(lab.edge)
    assert ("\tflags owner" in before) == (owner == "yes")

    def router():
        return [pid for pid, name in daemon.descendants(s.pid).items() if name == "sluiced: router"]

    old = router()
    s.ctl("upgrade")
    assert stands(lab.edge) == before and router() != old
    s.kill("router")
    wait_for(lambda: len(router()) == 1 and s.ctl("nft", "show", "--diff", check=False).returncode == 0, 20)
    assert stands(lab.edge) == before
    s.stop()
    assert [x for x in before if x != "\tflags owner"] == stands(lab.edge)
    s.start()
    assert stands(lab.edge) == before
    os.kill(s.pid, signal.SIGKILL)
    s.wait_end(-9)
    assert [x for x in before if x != "\tflags owner"] == stands(lab.edge)
    s.start()
    assert stands(lab.edge) == before and s.ctl("nft", "show", "--diff").stdout == ""
    s.write(ROUTED.replace("forward", "limit rate 100/s per source\nforward"))
    s.reload()
    assert ("\tflags owner" in stands(lab.edge)) == (owner == "yes") and stands(lab.edge) != before
    s.ctl("trace", "203.0.113.2", "tcp", "2222", "--for", "1s", check=False)
    assert s.ctl("nft", "show", "--diff").stdout == ""

"""The lab must be right before anything seen through it counts."""

import pytest


@pytest.mark.parametrize("there, here", [("203.0.113.1", "203.0.113.2"),
                                         ("2001:db8:113::1", "2001:db8:113::2")])
def test_wan_reaches_edge_with_its_own_address(lab, backend, there, here):
    b = backend.http(lambda r: (200, {}, r.peer[0].encode()), where=lab.edge, host=there)
    with lab.wan.client(there, b.port) as c:
        assert c.request("GET", "/").body.decode() == here


def test_edge_sees_its_own_links_and_the_cgroups(lab):
    assert "wan0" in lab.edge.run("ls", "/sys/class/net").stdout.split()
    assert "eth0" not in lab.edge.run("ls", "/sys/class/net").stdout.split()
    assert lab.edge.run("ls", "/sys/fs/cgroup").stdout.split()


def test_a_backend_records_what_it_was_asked(backend, lab):
    b = backend.http(lambda r: (200, {"X-A": "b"}, r.body[::-1]), where=lab.wan, host="203.0.113.2")
    with lab.edge.client("203.0.113.2", b.port) as c:
        r = c.request("POST", "/x?y", body=b"abc")
        assert (r.status, r.body, r.header("x-a")) == (200, b"cba", "b")
        c.request("GET", "/second", headers=[("X-Q", "1")])
    assert [q.target for q in b.requests()] == ["/x?y", "/second"]
    assert b.requests()[0].body == b"abc"
    assert b.connections() == 1

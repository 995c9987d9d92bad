"""`sluice conntrack`: the flows that the kernel remembers of containers."""

import socket

import prometheus
import pytest
from appliance import EDGE
from lab import wait_for

pytestmark = pytest.mark.root
CONF = """\
listen 80 plain
wan wan0
bridge lxcbr0 10.0.3.1/24
forward udp 5000 -> web:5001
container web { image busybox ; address 10.0.3.101 }
container idle { image busybox ; address 10.0.3.102 }
site * -> status 204
"""
MOST = 1000


def test_flows_of_a_container_are_shown_and_counted(lab, sluice):
    s = sluice(CONF, where=lab.edge)
    wait_for(lambda: "udp . 5000" in lab.edge.run("nft", "list", "map", "inet", "sluice", "fwd4").stdout)
    with lab.wan.net():
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with one:
        one.connect((EDGE, 5000))
        one.send(b"?")
        source = "{}:{}".format(*one.getsockname())
        flows = wait_for(lambda: s.ctl("conntrack", "web", json=True)["flows"], what="the flow")
    flow = next(f for f in flows if f["source"] == source)
    assert (flow["protocol"], flow["direction"], flow["state"]) == ("udp", "in", "unanswered")
    assert (flow["called"], flow["answers"]) == (f"{EDGE}:5000", "10.0.3.101:5001")
    assert 0 < flow["seconds"] <= 120
    assert source in s.ctl("conntrack", "web").stdout
    counts = {c["container"]: c for c in s.ctl("conntrack", json=True)["containers"]}
    assert counts["web"]["in"] >= 1 and counts["idle"]["in"] == 0
    samples = prometheus.check(s.api("GET", "/v1/metrics")[1])
    forward = (("protocol", "udp"), ("port", "5000"), ("on", ""), ("container", "web"), ("target", "5001"))
    assert samples["sluice_forward_connections_total", forward] == 1
    assert samples["sluice_forward_packets_total", forward] >= 1
    assert samples["sluice_forward_bytes_total", forward] >= 29
    assert samples["sluice_container_flows", (("container", "web"), ("direction", "in"))] >= 1
    assert samples["sluice_container_flows", (("container", "idle"), ("direction", "in"))] == 0
    # Many are counted, some are shown.
    for _ in range(MOST + 100):
        with lab.wan.net():
            other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with other:
            other.sendto(b"?", (EDGE, 5000))
    answer = s.ctl("conntrack", "web", json=True)
    assert len(answer["flows"]) == MOST and answer["in_all"] > MOST
    assert f"{MOST} of {answer['in_all']} flows" in s.ctl("conntrack", "web").stdout
    total = s.ctl("conntrack", json=True)
    assert answer["in_all"] <= total["entries"] <= total["max"]
    assert s.ctl("status", json=True)["counters"]["conntrack_entries"] > MOST
    unknown = s.ctl("conntrack", "nobody", check=False)
    assert unknown.returncode != 0 and "there is no such container" in unknown.stderr
    # What goes away is not shown any more.
    s.write(CONF.replace("forward udp 5000 -> web:5001\n", ""))
    s.reload()
    assert s.ctl("conntrack", "web", json=True)["in_all"] < MOST

"""A container restarted, by whom ever, under 200 busy connections: no request fails.

The client is tools/load.c, which retries nothing and compares every answer.
"""

import os
import signal

import appliance
import pytest
from appliance import EDGE
from lab import wait_for
from load import Load

pytestmark = [pytest.mark.root, pytest.mark.slow]
CONNECTIONS = 200
SECONDS = 10


def by_sluice(lab, s):
    s.ctl("container", "restart", "web")


def by_lxc(lab, s):
    lab.lxc("lxc-stop", "-n", "web")
    s.wait_container("web", "stopped")
    lab.lxc("lxc-start", "-n", "web")


def by_kill(lab, s):
    os.kill(lab.container_pid("web"), signal.SIGKILL)


def busy(lab, tools, **options):
    return Load(tools.load, EDGE, 443, where=lab.wan, tls="a.example", host="a.example",
                path="/text/whole-answer", text="whole-answer",
                **{"seconds": SECONDS, "connections": CONNECTIONS, **options})


@pytest.mark.parametrize("restart", [by_sluice, by_lxc, by_kill])
def test_container_restarts_under_load(lab, sluice, tools, restart):
    s = appliance.start(sluice, lab, boot=True)
    before = s.container("web")["pid"]
    with busy(lab, tools) as load:
        restart(lab, s)
        wait_for(lambda: s.container("web")["pid"] not in (0, before)
                 and s.container("web")["state"] == "running", 20, "the container is back")
        result = load.finish()
    assert result["failed"] == 0, result
    assert result["connects"] == CONNECTIONS, result
    assert result["answers"] > 5 * CONNECTIONS, result


def test_frozen_container_makes_requests_wait(lab, sluice, tools):
    s = appliance.start(sluice, lab)
    with busy(lab, tools, seconds=5) as load:
        s.ctl("container", "freeze", "web")
        s.wait_container("web", "frozen")
        s.ctl("container", "thaw", "web")
        result = load.finish()
    assert result["failed"] == 0, result


def test_five_upgrades_under_load(lab, sluice, tools):
    """The daemon's program is replaced under busy clients and new ones; the container and the
    kernel's rules stay as they are."""
    s = appliance.start(sluice, lab, boot=True)
    container, rules = s.container("web")["pid"], lab.edge.nft()
    resolver = s.processes()["dnsmasq"]["pid"]
    with busy(lab, tools, seconds=120) as load, \
            busy(lab, tools, seconds=120, connections=4, per_connection=1) as fresh:
        for number in range(5):
            s.ctl("upgrade", "--drain", "20s")
            s.wait_container("web")
            assert s.processes()["parent"]["restarts"] == number + 1
        result, new = load.finish(early=True), fresh.finish(early=True)
    assert result["failed"] == 0, result
    assert result["connects"] >= 2 * CONNECTIONS, "old connections had their last answer"
    assert new["failed"] == 0 and new["answers"] > 20, new
    assert s.container("web")["pid"] == container
    assert lab.edge.nft() == rules
    assert s.processes()["dnsmasq"]["pid"] == resolver
    s.ctl("container", "restart", "web")
    s.wait_container("web")

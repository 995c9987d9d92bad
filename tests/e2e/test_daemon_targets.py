"""What `sluice route ls` and /v1/routes say of the targets of routes."""

import time

import pytest
from daemon import free_port
from lab import wait_for

CONF = """listen 127.0.0.1:@port@ plain
site a.example {{
    route /pool/ -> http://{up} http://127.0.0.1:{down} {{
        check http /health every 100ms fall 1 rise 1
        passive fail 2 in 10s for 60s
    }}
    route / -> status 204
}}
"""


@pytest.fixture
def s(sluice, backend):
    up = backend.http(lambda r: (200, {}, b"ok"))
    daemon = sluice(CONF.format(up=up.address, down=free_port()))
    daemon.up = up
    return daemon


def targets(s):
    code, routes = s.api("GET", "/v1/routes")
    assert code == 200
    assert [r["path"] for r in routes] == ["/pool/", "/"]
    assert "targets" not in routes[1]
    return routes[0]["targets"]


def test_states_counts_and_checks(s):
    wait_for(lambda: targets(s)[1]["state"] == "down", what="the check")
    for _ in range(3):
        assert s.get("/pool/x").status == 200
    up, down = targets(s)
    assert up["target"] == f"http://{s.up.address}" and up["state"] == "up"
    assert up["requests"] == 3 and up["failures"] == 0 and up["active"] == 0
    assert up["failed"] is None and up["why"] == ""
    assert abs(up["checked"] / 1000 - time.time()) < 10
    assert down["requests"] == 0 and "refused" in down["why"]
    assert abs(down["failed"] / 1000 - time.time()) < 10
    shown = s.ctl("route", "ls").stdout
    assert "FAILURES" in shown and "down" in shown and f"http://{s.up.address}" in shown


def test_what_is_known_outlives_a_reload(s):
    wait_for(lambda: targets(s)[1]["state"] == "down", what="the check")
    assert s.get("/pool/x").status == 200
    s.write(s.text + "site b.example -> status 204\n")
    s.reload()
    code, routes = s.api("GET", "/v1/routes")
    assert code == 200 and len(routes) == 3
    up, down = routes[0]["targets"]
    assert up["requests"] == 1 and down["state"] == "down"


def test_more_targets_than_fit_in_one_message(sluice):
    routes = "".join(f"route /r{i}/ -> " + " ".join(f"http://127.0.0.1:{p}" for p in range(1, 61))
                     + "\n" for i in range(40))
    s = sluice("listen 127.0.0.1:@port@ plain\nsite a.example {\n" + routes + "}\n")
    code, got = s.api("GET", "/v1/routes")
    assert code == 200
    assert [len(r["targets"]) for r in got] == [60] * 40

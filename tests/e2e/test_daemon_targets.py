"""What `sluice route ls` and /v1/routes say of the targets of routes."""

import json
import os
import signal
import subprocess
import threading
import time

import prometheus
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


def follow(s):
    """The events from now on, as they come."""
    seen = []
    process = subprocess.Popen([s.exe.parent / "sluice", "-s", s.socket, "--json", "events"],
                               stdout=subprocess.PIPE, text=True)

    def read():
        for line in process.stdout:
            seen.append(json.loads(line))
    threading.Thread(target=read, daemon=True).start()
    s.box.defer(lambda: (os.kill(process.pid, signal.SIGKILL), process.wait()))
    wait_for(lambda: seen, what="the first event")
    return seen


def samples(s):
    code, text = s.api("GET", "/v1/metrics")
    assert code == 200
    return prometheus.parse(text)


def is_up(s, target):
    labels = (("site", "a.example"), ("route", "/pool/"), ("target", target))
    return samples(s)[("sluice_target_up", labels)]


def test_events_and_metrics_of_checks(sluice, backend):
    up, port = backend.http(lambda r: (200, {}, b"ok")), free_port()
    flaps = f"http://127.0.0.1:{port}"
    b = backend.http(lambda r: (200, {}, b"ok"), port=port)
    s = sluice(CONF.format(up=up.address, down=port))
    wait_for(lambda: targets(s)[1]["checked"], what="the first check")
    events = follow(s)
    assert is_up(s, f"http://{up.address}") == is_up(s, flaps) == 1
    b.stop()
    wait_for(lambda: any(e["event"] == "target down" for e in events), what="the event")
    down = next(e for e in events if e["event"] == "target down")
    assert (down["route"], down["target"]) == ("a.example /pool/", flaps) and down["why"]
    assert is_up(s, flaps) == 0 and is_up(s, f"http://{up.address}") == 1
    again = backend.http(lambda r: (200, {}, b"ok"), port=port)
    wait_for(lambda: any(e["event"] == "target up" for e in events), what="the event")
    wait_for(lambda: is_up(s, flaps) == 1, what="the metric")
    again.stop()


def test_events_of_requests_that_fail(sluice, backend):
    up, dead = backend.http(lambda r: (200, {}, b"ok")), f"http://127.0.0.1:{free_port()}"
    s = sluice(f"""listen 127.0.0.1:@port@ plain
site a.example {{ route /pool/ -> {dead} http://{up.address} {{ passive fail 2 in 10s for 60s }} }}
""")
    events = follow(s)
    for _ in range(6):
        assert s.get("/pool/x").status == 200
    wait_for(lambda: [e["target"] for e in events if e["event"] == "target down"] == [dead],
             what="the event")
    assert is_up(s, dead) == 0
    labels = (("site", "a.example"), ("route", "/pool/"), ("target", dead))
    assert samples(s)[("sluice_target_failures_total", labels)] == 2

"""Commit-confirm: what lets less in to the host itself is taken back unless somebody confirms it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
from appliance import EDGE
from lab import wait_for

pytestmark = pytest.mark.root
BASE = "wan wan0\nlisten 80 plain\nsite * -> status 204\n"
SHUT = BASE + "open tcp 2200 from 198.51.100.0/24\n"
QUICK, LONG = "confirm-within 2s\n", "confirm-within 10m\n"
PORT = 2222  # of a server that no line opens


@pytest.fixture
def edge(lab):
    with lab.edge.net():
        server = socket.create_server((EDGE, PORT))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                server.accept()[0].close()

    threading.Thread(target=serve, daemon=True).start()
    yield lab.edge
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def comes_in(lab, port=PORT):
    try:
        lab.wan.client(EDGE, port, timeout=0.4).close()
    except (TimeoutError, socket.timeout):
        return False
    return True


def policy(s):
    return s.status()["policy"]["state"]


def wait_state(s, state):
    wait_for(lambda: policy(s) == state, what=f"the policy to be {state}")


def reload_to(s, text):
    s.write(text)
    return s.reload()


def test_it_is_taken_back_unless_it_is_confirmed(lab, sluice, edge):
    s = sluice(BASE + "ban never 198.51.100.7\n", where=edge)
    assert policy(s) == "settled" and comes_in(lab)
    assert s.ctl("confirm", check=False).stderr == "nothing is on trial\n"
    # Nobody says anything: it holds, and is gone by itself.
    said = reload_to(s, SHUT + QUICK)
    assert "on trial: 2 s left; say `sluice confirm`" in said
    assert not comes_in(lab) and comes_in(lab, 80)
    wait_state(s, "rolled-back")
    assert comes_in(lab)
    assert "the file differs from what runs" in s.ctl("status").stdout
    refused = s.ctl("confirm", check=False)
    assert refused.returncode == 1 and "it was not confirmed in time" in refused.stderr
    assert s.stats()["policy_rollbacks"] == 1
    s.wait_log("nobody confirmed in time")
    # Another reload tries it again, and a confirmed one stays.
    reload_to(s, SHUT + LONG)
    status = s.status()["policy"]
    assert status["state"] == "trial" and 590_000 < status["left"] <= 600_000
    assert "on trial" in s.ctl("status").stdout and "left; say `sluice confirm`" in s.ctl("status").stdout
    assert "confirmed" in s.ctl("confirm").stdout
    assert policy(s) == "settled" and not comes_in(lab)
    # What opens more needs no word, and neither does a file without an open.
    reload_to(s, SHUT + f"open tcp {PORT}\n" + LONG)
    assert policy(s) == "settled" and comes_in(lab)
    assert "on trial" in reload_to(s, SHUT + LONG) and not comes_in(lab)
    # The file of before ends the trial.
    reload_to(s, SHUT + f"open tcp {PORT}\n" + LONG)
    assert policy(s) == "settled" and comes_in(lab)
    # Who knows what he does says so at once.
    s.write(SHUT + LONG)
    assert "confirmed" in s.ctl("reload", "--confirm").stdout
    assert policy(s) == "settled" and not comes_in(lab)
    # A service is what /etc/services says.
    s.write(SHUT + "open postgresql\n")
    s.reload()
    assert policy(s) == "settled" and "\nopen tcp 5432\n" in s.ctl("config", "show").stdout
    s.write(SHUT + "open postgresq\n")
    assert "is no service that /etc/services has" in s.reload(ok=False)
    reload_to(s, BASE)
    assert comes_in(lab) and policy(s) == "settled"
    wait_for(lambda: "router" not in s.children(), what="the router to end")
    assert s.ctl("confirm", check=False).stderr == "nothing is on trial\n"
    assert not (s.state_path / "policy").exists()


def test_events_tell_it(lab, sluice, edge):
    s = sluice(BASE, where=edge)
    with open(s.dir / "events", "wb") as out:
        events = subprocess.Popen([str(s.exe.parent / "sluice"), "-s", str(s.socket), "events"], stdout=out)
    seen = (s.dir / "events").read_text
    wait_for(lambda: "hello" in seen(), what="the stream")
    reload_to(s, SHUT + "confirm-within 1s\n")
    wait_for(lambda: "policy-rolled-back" in seen(), what="the rollback's event")
    assert "policy-trial seconds=1" in seen()
    reload_to(s, SHUT + LONG)
    s.ctl("confirm")
    wait_for(lambda: "policy-confirmed" in seen(), what="the event")
    events.terminate()
    events.wait()


def confirmed(lab, s):
    """A policy that lets PORT in, confirmed; then one on trial that does not."""
    assert policy(s) == "trial"  # also the first one of a first start
    s.ctl("confirm")
    reload_to(s, SHUT + LONG)
    assert policy(s) == "trial" and not comes_in(lab)


def start(sluice, edge):
    return sluice(SHUT + f"open tcp {PORT}\n" + LONG, where=edge)


@pytest.mark.usefixtures("unowned")
def test_a_router_that_dies_comes_back_with_what_was_confirmed(lab, sluice, edge):
    s = start(sluice, edge)
    confirmed(lab, s)
    s.kill("router")
    wait_state(s, "rolled-back")
    assert comes_in(lab) and not comes_in(lab, 2200)
    # control is told again what it asks the parent for.
    s.kill("control")
    wait_state(s, "rolled-back")
    # Flushed during a trial: the trial's policy is put back, and its time goes on.
    reload_to(s, SHUT + LONG)
    edge.run("nft", "flush", "ruleset")
    wait_for(lambda: "hook input" in edge.nft(), what="the table")
    assert policy(s) == "trial" and not comes_in(lab)
    # A reload of something else during it changes nothing about it.
    left = s.status()["policy"]["left"]
    reload_to(s, SHUT + LONG + "ban never 198.51.100.9\n")
    assert policy(s) == "trial" and s.status()["policy"]["left"] <= left
    # And the daemon is not replaced in the middle of one.
    refused = s.ctl("upgrade", check=False)
    assert refused.returncode == 1 and "on trial" in refused.stderr
    s.ctl("confirm")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_daemon_that_ends_leaves_what_was_confirmed(lab, sluice, edge, how):
    s = start(sluice, edge)
    confirmed(lab, s)
    below = s.children()
    os.kill(s.pid, how)
    s.wait_end(-9 if how == signal.SIGKILL else 0)
    # Before it is started again: whoever was shut out would have to start it.
    assert comes_in(lab) and not comes_in(lab, 2200), below
    s.start()
    assert policy(s) == "rolled-back" and comes_in(lab)
    assert "the file differs" in s.ctl("status").stdout
    reload_to(s, SHUT + LONG)
    s.ctl("confirm")
    os.kill(s.pid, signal.SIGKILL)
    s.wait_end(-9)
    # As after a reboot: nothing is left in the kernel.
    edge.run("nft", "delete", "table", "inet", "sluice")
    s.start()
    assert policy(s) == "settled" and not comes_in(lab)


def test_the_parent_hangs_during_a_trial(lab, sluice, edge):
    s = start(sluice, edge)
    confirmed(lab, s)
    reload_to(s, SHUT.replace("2200", "2201") + "confirm-within 1s\n")
    os.kill(s.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: comes_in(lab), what="the rollback")
    finally:
        os.kill(s.pid, signal.SIGCONT)
    wait_state(s, "rolled-back")


SSHD = """
import socket, sys, time
open("/proc/self/comm", "w").write("sshd")
server = socket.create_server(("0.0.0.0", 2200))
kept = []
print("ready", flush=True)
while True:
    kept.append(server.accept()[0])
"""
ADMIN = "203.0.113.77"


@pytest.fixture
def sshd(lab):
    """A server on another port than 22 that is called as SSH's are, and an administrator who is connected."""
    lab.wan.add_address(f"{ADMIN}/24")
    process = subprocess.Popen([*lab.edge.prefix, sys.executable, "-c", SSHD], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    with lab.wan.client(EDGE, 2200, source=(ADMIN, 0)):
        yield process
    process.kill()
    process.wait()


def test_who_administers_is_not_shut_out_unawares(lab, sluice, sshd):
    s = sluice(BASE + "ban never 198.51.100.7\n", where=lab.edge)
    # A block of the administrator, who is not on port 22.
    s.write(BASE + "block 203.0.113.0/24\n")
    said = s.reload(ok=False)
    assert f"sluice.conf:4:1: {ADMIN} is connected to this host by SSH" in said, said
    assert "write: block 203.0.113.0/24 confirm" in said
    assert "by SSH" in s.ctl("ban", "add", ADMIN, check=False).stderr
    # And of who says over the network that he asks, even though no server of his is seen.
    caller = {**s.environment(), "SSH_CONNECTION": "192.0.2.200 4711 203.0.113.1 22"}
    s.write(BASE + "block 192.0.2.0/24\n")
    refused = s.ctl("reload", check=False, env=caller)
    assert refused.returncode == 1 and "192.0.2.200 is connected to this host by SSH" in refused.stderr
    assert s.api("POST", "/v1/reload?from=nobody")[0] == 400
    s.reload()
    # A policy without him is tried, and says whom it would shut out.
    said = reload_to(s, BASE + LONG + "open tcp 2200 from 198.51.100.0/24\n")
    assert f"{ADMIN} is connected by SSH and could not connect anew\n" in said
    assert s.status()["policy"]["shut_out"] == [ADMIN]
    s.wait_log("could not connect anew")
    said = reload_to(s, BASE + LONG + f"open tcp 2200 from {ADMIN}\n")
    assert "on trial" in said and "could not connect anew" not in said

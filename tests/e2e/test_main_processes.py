"""The processes, seen from outside: who they are, what they may do, and that each may die."""

import os
import pathlib
import pwd
import re
import signal
import subprocess
import time

import appliance
import daemon
import pytest
from appliance import EDGE
from lab import run, wait_for
from load import Load

pytestmark = pytest.mark.root
CAP_NET_ADMIN = 1 << 12
BACK_WITHIN_SECONDS = 1.0
IDLE_CONNECTIONS = 1000
EXPECTED = {  # role: (user, capabilities)
    "proxy": ("sluice-proxy", 0),
    "router": ("sluice-router", CAP_NET_ADMIN),
    "control": ("sluice-control", 0),
}


def proc_status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_each_child_has_its_user_and_nothing_else(lab, sluice):
    s = appliance.start(sluice, lab)
    children = s.children()
    for role, (user, capabilities) in EXPECTED.items():
        for task in pathlib.Path(f"/proc/{children[role]}/task").iterdir():
            status = proc_status(int(task.name))
            assert set(status["Uid"].split()) == {str(pwd.getpwnam(user).pw_uid)}, role
            assert set(status["Gid"].split()) == {str(pwd.getpwnam(user).pw_gid)}, role
            assert int(status["CapEff"], 16) == capabilities, role
            assert int(status["CapPrm"], 16) == capabilities, role
            assert int(status["CapBnd"], 16) in (0, capabilities), role
            assert status["NoNewPrivs"] == "1", role
            assert status["Seccomp"] == "2", role


def test_the_names_of_the_processes(lab, sluice):
    s = appliance.start(sluice, lab)
    assert set(s.children()) >= {"proxy", "router", "lxc", "control"}
    line = pathlib.Path(f"/proc/{s.pid}/cmdline").read_bytes().split(b"\0")[0]
    assert line == b"sluiced: parent"


def test_only_what_the_file_uses_runs(sluice):
    s = sluice("listen 127.0.0.1:@port@ plain\nsite * -> status 204\n")
    assert set(s.children()) == {"proxy", "control"}


def test_the_probe_finds_every_attempt_refused():
    done = run(daemon.BIN / "sluiced", "--probe-sandbox")
    lines = [line.split() for line in done.stdout.splitlines()]
    # Without a sandbox every attempt succeeds: so the refusals below are the sandbox's doing.
    assert all(line[2] == "ALLOWED" for line in lines if line[0] == "none"), done.stdout
    assert all(line[2] == "refused" for line in lines if line[0] != "none"), done.stdout
    for role in ("none", *EXPECTED):
        attempts = [line[1] for line in lines if line[0] == role]
        assert len(attempts) >= 4, attempts


@pytest.mark.release
@pytest.mark.parametrize("role", ["proxy", "router", "lxc", "control"])
def test_a_killed_child_is_back_within_a_second(lab, sluice, tools, role):
    """Others' traffic goes on; the listeners refuse nobody, not even while there is no proxy."""
    s = appliance.start(sluice, lab)
    with Load(tools.load, EDGE, 443, where=lab.wan, tls="a.example", host="a.example",
              path="/text/whole-answer", text="whole-answer", connections=50,
              seconds=30, per_connection=20) as load, \
            Load(tools.load, EDGE, 2222, where=lab.wan, path="/text/forwarded",
                 text="forwarded", connections=10, seconds=30, per_connection=50) as forwarded:
        started = time.monotonic()
        s.kill(role, timeout=BACK_WITHIN_SECONDS)
        wait_for(lambda: _serves(s), BACK_WITHIN_SECONDS - (time.monotonic() - started) + 0.1,
                 "everything answers again")
        result, other = load.finish(early=True), forwarded.finish(early=True)
    assert other["failed"] == 0, other
    assert result["refused"] == 0, result
    if role == "proxy":
        assert result["wrong"] == 0, result
        assert result["failed"] <= 2 * 50, result
    else:
        assert result["failed"] == 0, result
    wait_for(lambda: s.processes()[role]["restarts"] == 1, 5, "the restart is counted")
    s.reload()


def _serves(s):
    try:
        return s.api("GET", "/v1/status")[0] == 200 and \
            s.get("/text/alive", tls=True, port=443).body == b"alive"
    except OSError:
        return False


def test_every_child_killed_again_and_again(lab, sluice):
    s = appliance.start(sluice, lab)
    for role in ("proxy", "router", "lxc", "control") * 2:
        s.kill(role, timeout=10)
        wait_for(lambda: _serves(s), 10, f"service after {role} was killed")
    assert s.container("web")["state"] == "running"


def test_two_daemons_on_one_file_are_refused(lab, sluice):
    s = appliance.start(sluice, lab)
    second = lab.edge.run(s.exe, "-f", s.conf_path, check=False, env=s.environment())
    assert second.returncode == 1
    assert str(s.state_path) in second.stderr and "lock" in second.stderr
    assert s.get("/text/unharmed", tls=True, port=443).body == b"unharmed"
    with lab.wan.client(EDGE, 2222) as c:
        assert c.request("GET", "/text/unharmed").body == b"unharmed"


def test_two_daemons_on_one_table_are_refused(lab, sluice):
    s = appliance.start(sluice, lab)
    other = sluice("wan wan0\nbridge br9 10.9.0.1/24\nlisten @port@ plain\n"
                   "site * -> status 204\n", where=lab.edge, wait=False)
    assert other.process.wait(15) == 1
    other.ended = True
    assert f"another sluiced (pid {s.pid}) already owns table inet sluice" in other.log
    assert s.get("/text/unharmed", tls=True, port=443).body == b"unharmed"


@pytest.mark.release
def test_memory_at_rest(lab, sluice):
    """All of ours together at most 24 MiB PSS; monitor and dnsmasq are told apart."""
    s = appliance.start(sluice, lab)
    for _ in range(3):
        s.get("/text/x", tls=True, port=443)
    ours = {"parent": s.pss_kib()}
    ours.update((name, s.pss_kib(name)) for name in s.children())
    print(ours)
    assert sum(ours.values()) <= 24 * 1024, ours


@pytest.mark.release
def test_memory_of_idle_tls_connections(sluice, backend):
    """At most 18 KiB each, after a request, when it waits for the next one."""
    b = backend.http(lambda r: (200, {}, b"x" * 1024))
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @cert@\n"
               "site * -> http://127.0.0.1:@port_back@\n", port_back=b.port)
    s.get("/", tls=True)
    before = s.pss_kib("proxy")
    held = []
    try:
        for _ in range(IDLE_CONNECTIONS):
            held.append(s.client(tls=True, sni="a.example"))
            assert held[-1].request("GET", "/").status == 200
        each = (s.pss_kib("proxy") - before) / IDLE_CONNECTIONS
    finally:
        for c in held:
            c.close()
    assert each <= 18, f"{each} KiB"


def test_containers_die_first_when_memory_is_short(lab, sluice):
    before = pathlib.Path("/proc/self/oom_score_adj")
    try:
        before.write_text("-1")
        before.write_text("0")
    except PermissionError:
        pytest.skip("this machine does not let root lower the score")
    s = appliance.start(sluice, lab)
    for pid in (s.pid, *s.children().values()):
        assert pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "-500"
    init = lab.container_pid("web")
    assert int(pathlib.Path(f"/proc/{init}/oom_score_adj").read_text()) >= 0


def test_an_ordinary_user_runs_what_needs_no_root(box, certs):
    """No bridge, forward or container: then no root either."""
    cert = certs.make("a.example")
    folder = box.path("user")
    folder.mkdir()
    for path, name in ((cert.chain, "chain"), (cert.key, "key")):
        (folder / name).write_bytes(path.read_bytes())
    port = daemon.free_port()
    (folder / "sluice.conf").write_text(
        f"listen 127.0.0.1:{port} tls\ncertificate default {folder}/chain {folder}/key\n"
        f"site * -> status 204\ncontrol {folder}/run/control.sock\nstate {folder}/state\n")
    run("chown", "-R", "nobody:nogroup", folder)
    process = subprocess.Popen(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
         daemon.BIN / "sluiced", "-f", folder / "sluice.conf"],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        def answer():
            import client
            try:
                return client.fetch(f"https://127.0.0.1:{port}/", host="a.example")
            except OSError:
                assert process.poll() is None, process.stderr.read()
                return None

        assert wait_for(answer, 10, "an answer").status == 204
        pids = [process.pid, *daemon.descendants(process.pid)]
        assert all(proc_status(p)["Uid"].split()[0] == str(pwd.getpwnam("nobody").pw_uid)
                   for p in pids)
        assert len(pids) == 3
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 0, err


def test_the_descriptor_limit_is_raised(sluice):
    s = sluice("listen 127.0.0.1:@port@ plain\nsite * -> status 204\n")
    text = pathlib.Path(f"/proc/{s.children()['proxy']}/limits").read_text()
    soft, hard = re.search(r"Max open files\s+(\S+)\s+(\S+)", text).groups()
    assert soft == hard


def test_sigusr1_reopens_the_access_log(sluice, box):
    s = sluice("listen 127.0.0.1:@port@ plain\nsite * -> status 204\nlog access @dir@/access.log\n")
    s.get("/first")
    log = box.path("access.log")
    wait_for(lambda: "/first" in log.read_text(), 5, "the first line")
    log.rename(box.path("access.log.1"))
    os.kill(s.pid, signal.SIGUSR1)
    wait_for(log.exists, 5, "a new access log")
    # The proxy gets the new one a moment after the parent has made it.
    wait_for(lambda: s.get("/between") and "/between" in log.read_text(), 5, "the switch")
    s.get("/second")
    wait_for(lambda: "/second" in log.read_text(), 5, "the second line")
    assert "/second" not in box.path("access.log.1").read_text()

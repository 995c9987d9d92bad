"""The parent: start, reload, children that die or freeze, a second daemon, an ordinary user."""

import os
import pathlib
import signal
import socket
import subprocess
import time

import daemon
import pytest
from lab import run, wait_for

CONF = "listen 127.0.0.1:@port@ plain\nsite a.example -> status 204\n"
TLS = "listen 127.0.0.1:@port@ tls\ncertificate default @cert@\nsite * -> status 204\n"


def test_start_and_stop(sluice):
    s = sluice(CONF)
    assert s.get("/").status == 204
    s.stop()
    assert not s.socket.exists() and not pathlib.Path(f"{s.socket}.exec").exists()


def test_a_file_that_does_not_parse_ends_the_start(sluice):
    s = sluice("listen 80 plian\n", wait=False)
    assert s.process.wait(10) == 1
    s.ended = True
    assert f"{s.conf_path}:1:11: " in s.log and "\n            ^" in s.log


def test_a_key_that_does_not_match_ends_the_start(sluice, certs):
    chain, key = certs.make("a.example").chain, certs.make("b.example").key
    s = sluice(f"listen 127.0.0.1:@port@ tls\nsite * -> status 204\n"
               f"certificate default {chain} {key}\n", wait=False)
    assert s.process.wait(20) == 1
    s.ended = True
    assert f"{s.conf_path}:3:1: " in s.log and f"certificate default {chain}" in s.log
    assert not s.socket.exists()


def test_an_address_that_is_taken_names_its_owner(sluice):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        s = sluice(CONF.replace("@port@", str(taken.getsockname()[1])), wait=False)
        assert s.process.wait(20) == 1
    s.ended = True
    assert f"{s.conf_path}:1:1: address 127.0.0.1:" in s.log
    assert f"already in use by python3 (pid {os.getpid()})" in s.log or \
        f"(pid {os.getpid()})" in s.log


def test_a_second_daemon_is_refused(sluice):
    s = sluice(CONF)
    done = run(s.exe, "-f", s.conf_path, check=False, env=s.environment())
    assert done.returncode == 1
    assert f"(pid {s.pid})" in done.stderr and "lock" in done.stderr
    assert s.get("/").status == 204


def test_a_second_daemon_on_the_same_socket_is_refused(sluice, box):
    s = sluice(CONF)
    other = box.write("other.conf", f"listen 127.0.0.1:{daemon.free_port()} plain\n"
                      f"site * -> status 204\ncontrol {s.socket}\nstate {box.path('other')}\n")
    done = run(s.exe, "-f", other, check=False, env=s.environment())
    assert done.returncode == 1 and "answers on" in done.stderr
    assert s.status()["pid"] == s.pid


def test_what_a_killed_daemon_left_does_not_hinder_the_next(sluice, box):
    (box.path("www")).mkdir()
    box.write("www/index.html", "hello")
    s = sluice("listen 127.0.0.1:@port@ plain\nsite * { route / -> dir @dir@/www }\n")
    children = s.children().values()
    s.process.kill()
    s.process.wait()
    wait_for(lambda: not any(pathlib.Path(f"/proc/{p}").exists() for p in children), 10,
             "the end of the children")
    assert s.socket.exists()
    s.start()
    assert s.get("/").body == b"hello"


def test_reload_of_a_key_that_does_not_match_names_its_line(sluice, certs):
    s = sluice(TLS)
    chain, key = certs.make("b.example").chain, certs.make("b.example").key
    s.write(TLS + f"site b.example {{\n  certificate b\n  route / -> status 200\n}}\n"
                  f"certificate b {chain} {key}\n")
    out = s.reload(ok=False)
    line = s.conf_path.read_text().splitlines().index(f"certificate b {chain} {key}") + 1
    assert f"{s.conf_path}:{line}:1: " in out, out
    assert s.status()["generation"] == 1
    assert s.get("/", tls=True).status == 204
    s.write(TLS)
    s.reload()


def test_reload_adds_and_drops_listeners(sluice):
    s = sluice(CONF)
    s.write(CONF + "listen 127.0.0.1:@port2@ plain\n")
    s.reload()
    assert s.get("/", port=s.ports["port2"]).status == 204
    s.write(CONF)
    s.reload()
    wait_for(lambda: _refused(s, s.ports["port2"]), 5, "the end of the dropped listener")
    assert s.get("/").status == 204


def _refused(s, port):
    try:
        s.client(port).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_listener_that_is_taken_refuses_the_reload(sluice):
    s = sluice(CONF)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        s.write(CONF + f"listen 127.0.0.1:{taken.getsockname()[1]} plain\n")
        assert "already in use" in s.reload(ok=False)
    assert s.get("/").status == 204
    s.reload()


@pytest.mark.parametrize("change", ["threads 1", "state @dir@/elsewhere",
                                    "control @dir@/run/control.sock group adm"])
def test_what_can_not_change_while_running(sluice, change):
    s = sluice(CONF)
    generation = s.status()["generation"]
    s.write(CONF + change + "\n")
    out = s.reload(ok=False)
    assert "restart sluiced" in out and f"`{change.split()[0]}`" in out
    assert s.status()["generation"] == generation


def test_folders_are_seen_after_a_reload(sluice, box):
    for name in ("one", "two"):
        box.path(name).mkdir()
        box.write(f"{name}/file", name)
    s = sluice("listen 127.0.0.1:@port@ plain\nsite * { route / -> dir @dir@/one }\n")
    assert s.get("/file").body == b"one"
    s.write("listen 127.0.0.1:@port@ plain\n"
            "site * {\n  route / -> dir @dir@/one\n  route /two/ -> dir @dir@/two\n}\n")
    s.reload()
    assert s.get("/two/file").body == b"two"
    # The folder that was replaced on disk, too.
    box.path("one").rename(box.path("old"))
    box.path("one").mkdir()
    box.write("one/file", "new")
    s.reload()
    assert s.get("/file").body == b"new"


def test_a_storm_of_sighups(sluice, box):
    s = sluice(CONF)
    for number in range(100):
        # As editors do it: the daemon never sees half a file.
        fresh = box.write("fresh.conf", s.expand(CONF + f"site s{number}.example -> status 204\n"))
        fresh.rename(s.conf_path)
        os.kill(s.pid, signal.SIGHUP)
    wait_for(lambda: s.get("/", host="s99.example").status == 204, 30, "the last file")
    s.reload()
    assert s.stats()["reloads_failed"] == 0


def test_reloads_at_the_same_time_are_all_answered(sluice):
    s = sluice(CONF)
    waiting = [subprocess.Popen([daemon.BIN / "sluice", "-s", s.socket, "reload"],
                                stdout=subprocess.PIPE) for _ in range(20)]
    assert [p.wait(30) for p in waiting] == [0] * 20


@pytest.mark.parametrize("role", ["proxy", "control"])
def test_a_killed_child_is_back_within_a_second(sluice, role):
    s = sluice(CONF)
    s.get("/")
    before = time.monotonic()
    s.kill(role)
    wait_for(lambda: _answers(s), 5, "answers")
    # A sanitized process takes longer to begin.
    assert time.monotonic() - before < (3 if daemon.sanitized() else 1)
    assert s.processes()[role]["restarts"] == 1
    assert s.stats()["child_restarts"] == 1


def _answers(s):
    try:
        return s.get("/").status == 204 and s.api("GET", "/v1/status")[0] == 200
    except OSError:
        return False


def test_a_killed_proxy_gets_what_runs_and_not_what_the_file_says(sluice):
    s = sluice(CONF)
    s.write("broken\n")
    s.kill("proxy")
    wait_for(lambda: _answers(s), 5, "answers")
    assert s.status()["generation"] == 1


def test_a_child_that_keeps_dying_does_not_stop_the_others(sluice):
    s = sluice(CONF)
    for _ in range(4):
        s.kill("control", timeout=10)
        assert s.get("/").status == 204
    wait_for(lambda: _answers(s), 15, "the control process")


def test_a_frozen_child_refuses_the_reload_and_nothing_else(sluice):
    s = sluice(CONF)
    proxy = s.children()["proxy"]
    os.kill(proxy, signal.SIGSTOP)
    try:
        s.write(CONF + "site b.example -> status 204\n")
        out = s.reload(ok=False)
        assert "proxy process did not answer within 5 seconds" in out
    finally:
        os.kill(proxy, signal.SIGCONT)
    assert s.get("/").status == 204
    s.reload()
    assert s.get("/", host="b.example").status == 204


def test_a_child_that_dies_during_a_reload(sluice):
    s = sluice(CONF)
    proxy = s.children()["proxy"]
    os.kill(proxy, signal.SIGSTOP)
    s.write(CONF + "site b.example -> status 204\n")
    with subprocess.Popen([daemon.BIN / "sluice", "-s", s.socket, "reload"],
                          stderr=subprocess.PIPE, text=True) as reload:
        s.expected_deaths.append("proxy")
        wait_for(lambda: _offered(proxy), 5, "the offer in the proxy's queue")
        os.kill(proxy, signal.SIGKILL)
        assert reload.wait(10) == 1
        assert "the proxy process killed by signal 9" in reload.stderr.read()
    wait_for(lambda: _answers(s), 5, "answers")
    s.reload()
    assert s.get("/", host="b.example").status == 204


def _offered(pid):
    """Whether bytes wait in the socket of the process's channel."""
    done = run("ss", "-xpH", check=False)
    return any(f"pid={pid},fd=3)" in line and int(line.split()[2]) > 0
               for line in done.stdout.splitlines())


def test_the_log_in_json(sluice):
    import json
    s = sluice(CONF + "log format json\n")
    s.reload()
    wait_for(lambda: "generation committed" in s.log.splitlines()[-1], 5, "the last line")
    assert json.loads(s.log.splitlines()[-1])


def test_what_the_service_manager_is_told(sluice, box):
    path = box.path("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(30)
        s = sluice(CONF, env={"NOTIFY_SOCKET": str(path)})
        assert manager.recv(4096).startswith(b"READY=1\n")
        s.reload()
        assert manager.recv(4096).startswith(b"RELOADING=1\n")
        assert manager.recv(4096).startswith(b"READY=1\n")
        s.stop()
        assert manager.recv(4096).startswith(b"STOPPING=1\n")


@pytest.mark.root
def test_an_ordinary_user(box, certs):
    cert = certs.make("a.example")
    folder = box.path("user")
    folder.mkdir()
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text("mine")
    for path, name in ((cert.chain, "chain"), (cert.key, "key")):
        (folder / name).write_bytes(path.read_bytes())
    port = daemon.free_port()
    conf = folder / "sluice.conf"
    conf.write_text(f"listen 127.0.0.1:{port} plain\nsite * {{ route / -> dir {folder}/www }}\n"
                    f"control {folder}/run/control.sock\nstate {folder}/state\nthreads 1\n")
    run("chown", "-R", "nobody:nogroup", folder)
    user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    with subprocess.Popen([*user, daemon.BIN / "sluiced", "-f", conf], stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as process:
        ctl = [*user, daemon.BIN / "sluice", "-s", folder / "run/control.sock"]
        try:
            wait_for(lambda: run(*ctl, "status", check=False).returncode == 0, 15, "an answer")
            assert "mine" in run("curl", "-s", f"http://127.0.0.1:{port}/").stdout
            conf.write_text(conf.read_text() + "site b.example -> status 204\n")
            assert run(*ctl, "reload", check=False).returncode == 0
            conf.write_text(conf.read_text() + "bridge br7 10.7.0.1/24\n")
            refused = run(*ctl, "reload", check=False)
            assert refused.returncode == 1 and f"{conf}:7:1: a bridge needs root" in refused.stderr
            run(*ctl, "quit")
            assert process.wait(10) == 0
        finally:
            process.kill()


@pytest.mark.root
def test_processes_come_and_go_with_the_file(lab, sluice):
    plain = "listen @port@ plain\nsite * -> status 204\n"
    s = sluice(plain, where=lab.edge)
    assert set(s.children()) == {"proxy", "control"}
    s.write(plain + "wan wan0\nbridge lxcbr0 10.0.3.1/24\n")
    s.reload()
    assert set(s.children()) == {"proxy", "control", "router"}
    assert "table inet sluice" in lab.edge.nft()
    s.write(plain)
    s.reload()
    wait_for(lambda: set(s.children()) == {"proxy", "control"}, 10, "the router's end")
    assert "dnat" not in lab.edge.nft()


@pytest.mark.root
def test_undo_puts_back_what_was_changed(lab, sluice):
    names = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")
    before = [lab.edge.sysctl(name) for name in names]
    s = sluice("listen @port@ plain\nsite * -> status 204\nwan wan0\n"
               "bridge lxcbr0 10.0.3.1/24 fd00:3::1/64\n", where=lab.edge)
    assert lab.edge.sysctl("net.ipv4.ip_forward") == "1"
    undo = [s.exe, "--undo", "-f", s.conf_path]
    refused = lab.edge.run(*undo, check=False, env=s.environment())
    assert refused.returncode == 1 and f"(pid {s.pid})" in refused.stderr
    assert "table inet sluice" in lab.edge.nft()
    s.stop()
    assert "table inet sluice" in lab.edge.nft()
    assert (s.state_path / "router.records").exists()
    lab.edge.run(*undo, env=s.environment())
    assert "table inet sluice" not in lab.edge.nft()
    assert [lab.edge.sysctl(name) for name in names] == before
    assert lab.edge.run("ip", "link", "show", "lxcbr0", check=False).returncode != 0
    assert not (s.state_path / "router.records").exists()
    lab.edge.run(*undo, env=s.environment())

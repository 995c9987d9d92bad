"""The control API and the command `sluice`, with independent clients where it matters."""

import grp
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess

import daemon
import pytest
from lab import run, wait_for

CONF = "listen 127.0.0.1:@port@ plain\nsite a.example -> status 204\nsite * -> status 404\n"


@pytest.fixture
def box_daemon(sluice):
    return sluice(CONF)


def curl(s, path, *options):
    done = run("curl", "-s", "-S", "--unix-socket", s.socket, *options, "-w", "\n%{http_code}",
               f"http://localhost{path}")
    body, _, code = done.stdout.rpartition("\n")
    return int(code), json.loads(body)


def test_status(box_daemon):
    s = box_daemon
    code, status = curl(s, "/v1/status")
    assert code == 200
    assert status["pid"] == s.pid and status["generation"] == 1
    names = {p["name"]: p for p in status["processes"]}
    assert set(names) == {"parent", "proxy", "control"}
    assert names["proxy"]["pid"] == s.children()["proxy"] and names["proxy"]["restarts"] == 0
    assert status["counters"]["reloads"] == 0 and "requests" in status["counters"]


def test_what_runs_is_shown_and_parses_again(box_daemon, box):
    s = box_daemon
    code, config = curl(s, "/v1/config")
    assert code == 200 and config["generation"] == 1
    text = s.ctl("config", "show").stdout
    assert text == config["text"] and "site a.example" in text
    copy = box.write("copy.conf", text)
    run(daemon.BIN / "sluiced", "-n", "-f", copy)


@pytest.mark.parametrize("method, path, code", [
    ("GET", "/", 404), ("GET", "/v1", 404), ("GET", "/v1/status/", 404), ("GET", "/v1/nothing", 404),
    ("POST", "/v1/status", 405), ("GET", "/v1/reload", 405), ("DELETE", "/v1/config", 405),
    ("PUT", "/v1/containers/a", 405), ("POST", "/v1/containers/a/destroy", 404),
    ("GET", "/v1/containers/none", 404), ("POST", "/v1/containers/none/start", 404),
])
def test_what_the_api_does_not_have(box_daemon, method, path, code):
    got, answer = curl(box_daemon, path, "-X", method)
    assert got == code
    assert answer["error"]


def test_routes(box_daemon):
    code, routes = curl(box_daemon, "/v1/routes")
    assert code == 200
    assert [(r["hosts"], r["path"], r["target"]) for r in routes] == [
        (["a.example"], "/", "status 204"), (["*"], "/", "status 404")]
    assert curl(box_daemon, "/v1/forwards") == (200, [])
    assert curl(box_daemon, "/v1/containers") == (200, [])


def test_reload_answers_after_commit(box_daemon):
    s = box_daemon
    s.write(CONF + "site b.example -> status 204\n")
    assert curl(s, "/v1/reload", "-X", "POST") == (200, {"ok": True, "generation": 2, "errors": [], "warnings": []})
    assert s.get("/", host="b.example").status == 204


def test_reload_that_is_refused(box_daemon):
    s = box_daemon
    s.write(CONF + "sight x\n")
    code, answer = curl(s, "/v1/reload", "-X", "POST")
    assert code == 422 and answer["ok"] is False and answer["generation"] == 1
    assert answer["errors"][0].startswith(f"{s.conf_path}:4:1: ")
    done = s.ctl("reload", check=False)
    assert done.returncode == 1
    assert f"{s.conf_path}:4:1: " in done.stderr and "  sight x\n  ^" in done.stderr


def test_reload_that_is_warned_of(box, sluice):
    """Who types it is told what the log says, with the place and the line of the file."""
    s = sluice("listen 127.0.0.1:@port@ tls\ncertificate default @cert@\nsite a.example -> status 204\n")
    quiet = s.ctl("reload")
    assert quiet.stdout == "reloaded (generation 2 runs)\n" and quiet.stderr == ""
    text = s.conf_path.read_text() + "site other.org -> status 204\nsite third.org -> status 204\n"
    s.conf_path.write_text(text)
    code, answer = curl(s, "/v1/reload", "-X", "POST")
    at = f"{s.conf_path}:2:1: warning: certificate default does not name "
    assert (code, answer["ok"], answer["errors"]) == (200, True, [])
    assert sorted(answer["warnings"]) == [at + "other.org", at + "third.org"]
    done = s.ctl("reload")
    assert done.stdout == "reloaded (generation 4 runs)\n"
    assert at + "other.org" in done.stderr and f"  {text.splitlines()[1]}\n  ^" in done.stderr


def test_check_of_the_file_and_of_a_text(box_daemon):
    s = box_daemon
    assert curl(s, "/v1/check", "-X", "POST")[1]["ok"] is True
    s.write(CONF + "sight x\n")
    assert curl(s, "/v1/check", "-X", "POST")[1]["ok"] is False
    assert s.ctl("check", check=False).returncode == 1
    assert s.status()["generation"] == 1
    code, answer = curl(s, "/v1/check", "--data-binary", "listen 1 plain\nsite * -> status 204\n")
    assert code == 200 and answer["ok"] is True
    code, answer = curl(s, "/v1/check", "--data-binary", "include /etc/shadow\n")
    assert code == 200 and answer["ok"] is False and "root:" not in str(answer)


def test_events_as_they_happen(box_daemon):
    s = box_daemon
    with subprocess.Popen([daemon.BIN / "sluice", "-s", s.socket, "--json", "events"],
                          stdout=subprocess.PIPE, text=True) as stream:
        assert json.loads(stream.stdout.readline())["event"] == "hello"
        s.reload()
        event = json.loads(stream.stdout.readline())
        assert (event["event"], event["generation"]) == ("reloaded", "2")
        s.write("nonsense\n")
        s.reload(ok=False)
        event = json.loads(stream.stdout.readline())
        assert event["event"] == "reload-refused" and "nonsense" in event["error"]
        s.kill("proxy")
        event = json.loads(stream.stdout.readline())
        assert (event["event"], event["name"]) == ("process-ended", "proxy")
        stream.terminate()


def test_a_reader_of_events_that_sleeps_is_cut(box_daemon):
    s = box_daemon
    with socket.socket(socket.AF_UNIX) as sleeper:
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.connect(str(s.socket))
        sleeper.sendall(b"GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n")
        s.write(CONF + "x" * 400 + "\n")
        for _ in range(3000):
            if s.api("POST", "/v1/reload")[0] == 422 and "reader is too slow" in s.log[-4000:]:
                break
        s.wait_log("event reader is too slow")
    assert s.status()["generation"] == 1


def test_readers_of_events_are_limited(box_daemon):
    s = box_daemon
    readers = []
    try:
        codes = set()
        for _ in range(20):
            reader = socket.socket(socket.AF_UNIX)
            readers.append(reader)
            reader.settimeout(5)
            reader.connect(str(s.socket))
            reader.sendall(b"GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n")
            codes.add(reader.recv(12))
        assert codes == {b"HTTP/1.1 200", b"HTTP/1.1 503"}
    finally:
        for reader in readers:
            reader.close()

    def free_again():
        with socket.socket(socket.AF_UNIX) as again:
            again.settimeout(5)
            again.connect(str(s.socket))
            again.sendall(b"GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n")
            return again.recv(12) == b"HTTP/1.1 200"

    wait_for(free_again, 5, "room for a reader")


def test_nonsense_on_the_socket_harms_nothing(box_daemon):
    s = box_daemon
    for nonsense in (b"\0" * 100, b"GET / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
                     b"POST /v1/check HTTP/1.1\r\nContent-Length: 17000000\r\n\r\n",
                     b"GET /" + b"a" * 100000, b"GET /v1/status HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n"):
        with socket.socket(socket.AF_UNIX) as c:
            c.settimeout(5)
            c.connect(str(s.socket))
            try:
                c.sendall(nonsense)
                c.shutdown(socket.SHUT_WR)
                while c.recv(4096):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
    assert s.status()["generation"] == 1


def test_exit_statuses(box_daemon, box):
    s = box_daemon
    assert s.ctl("status").returncode == 0
    assert s.ctl("container", "start", "none", check=False).returncode == 1
    assert s.ctl("frobnicate", check=False).returncode == 2
    assert s.ctl("status", "now", check=False).returncode == 2
    done = run(daemon.BIN / "sluice", "-s", box.path("none.sock"), "status", check=False)
    assert done.returncode == 3 and "sluiced does not run" in done.stderr
    done = s.ctl("container", "exec", "none", "--", "true", check=False)
    assert done.returncode == 255 and done.stderr
    assert s.ctl("help").stdout.startswith("usage: ")
    assert s.ctl("version").stdout.startswith("sluice ")


@pytest.mark.root
def test_who_may_use_the_sockets(sluice):
    group = grp.getgrnam("adm")
    s = sluice(CONF + "control @dir@/run/control.sock group adm\n")
    for path in (s.socket, pathlib.Path(f"{s.socket}.exec")):
        mode = path.stat()
        assert stat.S_IMODE(mode.st_mode) == 0o660
        assert (mode.st_uid, mode.st_gid) == (0, group.gr_gid)

    def status_as(*groups):
        command = ["setpriv", "--reuid=nobody", "--regid=nogroup",
                   f"--groups={','.join(groups)}" if groups else "--clear-groups",
                   daemon.BIN / "sluice", "-s", s.socket, "status"]
        return run(*command, check=False)

    done = status_as()
    assert done.returncode == 4 and "adm" in done.stderr
    assert status_as("adm").returncode == 0
    # The mode alone does not decide.
    s.socket.chmod(0o666)
    done = status_as()
    assert done.returncode == 4, done
    pathlib.Path(f"{s.socket}.exec").chmod(0o666)
    done = run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
               daemon.BIN / "sluice", "-s", s.socket, "container", "exec", "x", "--", "true",
               check=False)
    assert done.returncode == 255 and "only root" in done.stderr
    assert status_as("adm").returncode == 0


def test_without_a_group_the_sockets_are_the_owners(box_daemon):
    assert stat.S_IMODE(box_daemon.socket.stat().st_mode) == 0o600


@pytest.mark.parametrize("command", ["quit", "shutdown"])
def test_the_end(box_daemon, command):
    s = box_daemon
    s.ctl(command)
    # The command has waited: nobody answers any more.
    assert s.ctl("status", check=False).returncode == 3
    s.wait_end()
    assert not s.socket.exists()


def test_ctrl_c_reaches_the_parent_alone(sluice, box):
    """A terminal sends SIGINT to its whole process group."""
    s = sluice(CONF, wait=False)
    s.wait_ready()
    assert {os.getpgid(pid) for pid in s.children().values()}.isdisjoint({os.getpgid(s.pid)})
    s.stop(signal.SIGINT)


@pytest.mark.root
def test_completion(sluice):
    s = sluice(CONF)
    script = f"""
        . {daemon.TOP}/daemon/sluice.bash
        COMP_WORDS=({daemon.BIN}/sluice -s {s.socket} container st) COMP_CWORD=4
        _sluice
        echo "${{COMPREPLY[@]}}"
    """
    assert run("bash", "-c", script).stdout.split() == ["start", "stop"]


def test_tables_for_people(box_daemon):
    lines = box_daemon.ctl("route", "ls").stdout.splitlines()
    assert lines[0].split() == ["SITE", "PATH", "EXACT", "TARGET", "STATE", "ADDRESS"]
    assert lines[1].split()[:2] == ["a.example", "/"]
    assert lines[0].index("PATH") == lines[1].index("/")

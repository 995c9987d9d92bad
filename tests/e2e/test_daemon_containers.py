"""The parent's part in containers: dnsmasq, exec and console, shutdown, a restarted lxc process."""

import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import appliance
import daemon
import pytest
from lab import wait_for

pytestmark = pytest.mark.root


def dnsmasq(s):
    return next((p for p, name in daemon.descendants(s.pid).items() if name == "dnsmasq"), None)


def test_dnsmasq_is_started_again(lab, sluice):
    s = appliance.start(sluice, lab)
    old = dnsmasq(s)
    assert s.processes()["dnsmasq"]["pid"] == old
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: dnsmasq(s) not in (None, old), 5, "a new dnsmasq")
    wait_for(lambda: s.processes()["dnsmasq"]["restarts"] == 1, 5, "its restart is counted")
    assert s.processes()["dnsmasq"]["pid"] == dnsmasq(s)


def test_dnsmasq_knows_a_container_of_a_later_reload(lab, sluice):
    s = appliance.start(sluice, lab)
    before = dnsmasq(s)
    s.write(appliance.CONF + "container two { image busybox ; address 10.0.3.102 ; autostart }\n")
    s.reload()
    s.wait_container("two")
    hosts = pathlib.Path(s.socket).parent / "dnsmasq.hosts"
    wait_for(lambda: ",10.0.3.102,two,infinite\n" in hosts.read_text(), 5, "its line")
    assert dnsmasq(s) == before
    out = lab.container_run("two", "/bin/busybox", "udhcpc", "-n", "-q", "-i", "eth0",
                            "-s", "/bin/true", check=False)
    assert "10.0.3.102" in out.stdout + out.stderr


def test_dnsmasq_ends_with_the_daemon(lab, sluice):
    s = appliance.start(sluice, lab)
    pid = dnsmasq(s)
    s.stop()
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_dnsmasq_of_a_daemon_that_was_killed_makes_way(lab, sluice):
    s = appliance.start(sluice, lab)
    pid = dnsmasq(s)
    s.process.kill()
    s.process.wait()
    s.start()
    s.wait_container("web")
    wait_for(lambda: dnsmasq(s), 5, "a new dnsmasq")
    assert not daemon._alive(pid)
    assert s.processes()["dnsmasq"]["restarts"] == 0


def test_exec_hands_over_descriptors_and_the_status(lab, sluice):
    s = appliance.start(sluice, lab)
    done = s.ctl("container", "exec", "web", "--", "/bin/busybox", "sh", "-c", "cat; echo err >&2; exit 7",
                 input="through the pipe", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "through the pipe", "err\n")
    done = s.ctl("container", "exec", "web", "--", "/bin/busybox", "sh", "-c", "kill -9 $$", check=False)
    assert done.returncode == 128 + 9
    done = s.ctl("container", "exec", "web", "--", "/no/such/program", check=False)
    assert done.returncode in (126, 127, 255) and done.stderr
    done = s.ctl("container", "exec", "web", "--", "/bin/busybox", "echo", "--json", check=False)
    assert done.stdout == "--json\n"


class Terminal:
    """`sluice …` on a pseudo-terminal of its own."""

    def __init__(self, s, *argv, rows=33, columns=99):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            command = [*map(str, s.where.prefix), str(daemon.BIN / "sluice"), "-s", str(s.socket),
                       *argv]
            os.execvpe(command[0], command, s.environment())
        self.text = ""

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern, timeout=10):
        end = time.monotonic() + timeout
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < end, f"{pattern!r} not in {self.text!r}"
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.fd, 4096).decode(errors="replace")
                except OSError:
                    break
        assert found or re.search(pattern, self.text), f"{pattern!r} not in {self.text!r}"
        self.text = self.text[re.search(pattern, self.text).end():]

    def wait(self):
        """The rest of the output is read: a process may wait for that to end."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.text += os.read(self.fd, 4096).decode(errors="replace")
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("sluice did not end")

    def settings(self):
        return termios.tcgetattr(self.fd)


def test_exec_on_a_terminal(lab, sluice):
    s = appliance.start(sluice, lab)
    t = Terminal(s, "container", "exec", "web", "--", "/bin/busybox", "sh")
    t.expect(r"[#$] ")
    t.send("busybox stty size\n")
    t.expect(r"33 99")
    t.resize(20, 60)
    t.send("busybox stty size; busybox tty\n")
    t.expect(r"20 60")
    t.expect(r"/dev/\S+")
    # Ctrl-C is for the command in the container, not for sluice.
    t.expect(r"[#$] ")
    t.send("busybox sh -c 'echo sleeps-$((6 * 7)); exec busybox sleep 1000'\n")
    t.expect(r"sleeps-42")
    t.send("\x03")
    t.expect(r"[#$] ")
    t.send("echo still-$((40 + 2))\n")
    t.expect(r"still-42")
    t.send("exit 5\n")
    assert t.wait() == 5


def test_the_terminal_is_put_back(lab, sluice):
    s = appliance.start(sluice, lab)
    for how in ("exit", "term"):
        t = Terminal(s, "container", "exec", "web", "--", "/bin/busybox", "sh")
        before = None
        t.expect(r"[#$] ")
        raw = t.settings()
        assert not raw[3] & termios.ICANON
        if how == "exit":
            t.send("exit\n")
            assert t.wait() == 0
        else:
            os.kill(t.pid, signal.SIGTERM)
            assert t.wait() == 128 + signal.SIGTERM
        before = t.settings()
        assert before[3] & termios.ICANON and before[3] & termios.ECHO


def test_a_console_and_its_escape(lab, sluice):
    s = appliance.start(sluice, lab)
    t = Terminal(s, "container", "console", "web")
    t.send("\r")
    t.expect(r"(?i)login|[#$] |activate")
    t.send("\x01q")
    assert t.wait() == 0


def test_shutdown_stops_the_containers_and_ends(lab, sluice):
    s = appliance.start(sluice, lab)
    init = lab.container_pid("web")
    s.ctl("shutdown")
    s.wait_end()
    assert not pathlib.Path(f"/proc/{init}").exists()


@pytest.mark.parametrize("how", ["quit", "sigterm"])
def test_quit_leaves_containers_and_rules(lab, sluice, how):
    s = appliance.start(sluice, lab)
    init = lab.container_pid("web")
    if how == "quit":
        s.ctl("quit")
        s.wait_end()
    else:
        s.stop()
    assert pathlib.Path(f"/proc/{init}").exists()
    with lab.wan.client(appliance.EDGE, 2222) as c:
        assert c.request("GET", "/text/forwarded").body == b"forwarded"
    s.start()
    assert s.wait_container("web")["pid"] == init


def test_a_job_whose_process_dies_is_answered(lab, sluice):
    s = appliance.start(sluice, lab)
    lxc = s.children()["lxc"]
    os.kill(lxc, signal.SIGSTOP)
    with subprocess.Popen([daemon.BIN / "sluice", "-s", s.socket, "container", "restart", "web"],
                          stderr=subprocess.PIPE, text=True) as job:
        s.kill("lxc", wait=False)
        assert job.wait(10) == 1
        assert "lxc process" in job.stderr.read()
    s.wait_container("web")


def test_a_container_by_sluice(lab, sluice):
    s = appliance.start(sluice, lab)
    s.ctl("container", "stop", "web")
    assert s.container("web")["state"] == "stopped"
    s.ctl("container", "start", "web")
    assert s.container("web")["state"] == "running"
    s.ctl("container", "freeze", "web")
    assert s.container("web")["state"] == "frozen"
    s.ctl("container", "thaw", "web")
    assert s.container("web")["state"] == "running"
    table = s.ctl("container", "ls").stdout.splitlines()
    assert table[1].split()[:3] == ["web", "running", "10.0.3.101"]
    forwards = s.ctl("forward", "ls", json=True)
    assert {(f["protocol"], f["port"], f["address"], f["state"]) for f in forwards} == {
        ("tcp", "2222", "10.0.3.101", "running"), ("udp", "5353", "10.0.3.101", "running")}

"""`exec` and `console` from the connection on: commands in a real container."""

import contextlib
import os
import pty
import select
import signal
import time
import tty

import pytest

from lab import wait_for
from lxc_lab import Lxc, Session, execute

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def lxc(request, session_folder, tools):
    from conftest import Box
    folder = session_folder / "lxc-exec"
    folder.mkdir()
    (folder / "sanitizer").mkdir()
    one = Lxc(Box(folder, lambda: tools))
    try:
        one.name = f"slxe{os.getpid() % 100000}"
        one.offer(f"container {one.name} {{ image busybox ; autostart }}\n")
        one.wait_state(one.name, "running")
        yield one
    finally:
        one.remove()
    assert one.reports() == []


@contextlib.contextmanager
def terminal():
    """A raw terminal: the client's side has the slave's descriptor."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        yield master, slave
    finally:
        os.close(master)
        os.close(slave)


def expect(master, word, timeout=15):
    """Reads until word came; returns all that was read."""
    end, seen = time.monotonic() + timeout, b""
    while word not in seen:
        ready, _, _ = select.select([master], [], [], max(0, end - time.monotonic()))
        assert ready, f"{word!r} not within {timeout} s: {seen!r}"
        seen += os.read(master, 4096)
    return seen


def test_output_input_and_status(lxc):
    status, why, out = execute(lxc.exec_socket, lxc.name, "sh", "-c", "id -u; tty; pwd; exit 7")
    assert (status, why, out) == (7, "", "0\nnot a tty\n/root\n")
    text = b"x" * 60000
    assert execute(lxc.exec_socket, lxc.name, "wc", "-c", stdin=text)[2].strip() == "60000"


def test_a_signal_is_128_and_its_number(lxc):
    assert execute(lxc.exec_socket, lxc.name, "sh", "-c", "kill -9 $$")[0] == 128 + signal.SIGKILL
    assert execute(lxc.exec_socket, lxc.name, "sh", "-c", "kill -TERM $$")[0] == 128 + signal.SIGTERM


def test_a_command_that_is_not_there(lxc):
    status, _, out = execute(lxc.exec_socket, lxc.name, "nosuch")
    assert status == 127 and "nosuch" in out


def test_a_clean_environment(lxc):
    out = execute(lxc.exec_socket, lxc.name, "env")[2].splitlines()
    assert "TERM=xterm" in out and "HOME=/root" in out and "container=lxc" in out
    assert not [line for line in out if "SLUICE" in line or "ASAN" in line]


def test_who_may_not(lxc):
    status, why, _ = execute(lxc.exec_socket, "nosuch", "true")
    assert (status, why) == (255, "container nosuch: no such container")
    assert lxc.job("freeze", lxc.name)[0]
    status, why, _ = execute(lxc.exec_socket, lxc.name, "true")
    assert lxc.job("thaw", lxc.name)[0]
    assert status == 255 and "frozen" in why


def test_nonsense_is_refused(lxc):
    with open(os.devnull, "rb+", buffering=0) as null:
        session = Session(lxc.exec_socket, lxc.name, [], (null.fileno(),) * 3)
        status, why = session.status()
        assert status == 255 and "without a command" in why
        session.close()


def test_a_terminal_of_the_container(lxc):
    with terminal() as (master, slave):
        session = Session(lxc.exec_socket, lxc.name, ["sh"], (slave,) * 3, tty=True, size=(33, 99))
        os.write(master, b"stty size; tty\n")
        assert b"33 99" in expect(master, b"/dev/pts/")
        session.resize(40, 120)
        os.write(master, b"stty size\n")
        expect(master, b"40 120")
        # Ctrl-C reaches the command, not us.
        os.write(master, b"echo be''gun; sleep 1000\n")
        expect(master, b"begun")
        os.write(master, b"\x03")
        os.write(master, b"echo then $?\n")
        expect(master, b"then 130")
        os.write(master, b"exit 5\n")
        assert session.status() == (5, "")
        session.close()


@pytest.mark.parametrize("with_tty", [False, True])
def test_a_client_that_hangs_up(lxc, with_tty):
    mark = f"/tmp/hung-up-{int(with_tty)}"
    script = f"trap 'echo yes > {mark}; exit' HUP; echo ready; while :; do sleep 0.1; done"
    with terminal() as (master, slave):
        session = Session(lxc.exec_socket, lxc.name, ["sh", "-c", script], (slave,) * 3, tty=with_tty)
        expect(master, b"ready")
        session.close()
        wait_for(lambda: execute(lxc.exec_socket, lxc.name, "cat", mark)[2] == "yes\n", 5)
    wait_for(lambda: not [1 for _, line in lxc.helpers() if "exec" in line], 5, "its helper gone")


def test_the_console_and_its_way_out(lxc):
    with terminal() as (master, slave):
        session = Session(lxc.exec_socket, lxc.name, [], (slave,) * 3, kind=2, tty=True, size=(24, 80))

        def prompt():
            os.write(master, b"\r")
            ready, _, _ = select.select([master], [], [], 0.5)
            return ready and b"login:" in os.read(master, 4096)

        wait_for(prompt, 20, "getty's prompt")
        os.write(master, b"\x01q")
        assert session.status() == (0, "")
        session.close()

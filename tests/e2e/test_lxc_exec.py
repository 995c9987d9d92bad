"""`exec` and `console` from the connection on: commands in a real container."""

import contextlib
import os
import pathlib
import pty
import select
import signal
import time
import tty

import pytest

from lab import wait_for
from lxc_lab import Lxc, Session, alive, execute

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


def expect(master, word, session, timeout=30):
    """Reads until word came, or the session's end; returns all that was read."""
    end, seen = time.monotonic() + timeout, b""
    while word not in seen:
        ready, _, _ = select.select([master, session.sock], [], [], max(0, end - time.monotonic()))
        assert ready, f"{word!r} not within {timeout} s: {seen!r}"
        assert master in ready, f"ended with {session.status()} before {word!r} came: {seen!r}"
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
        assert b"33 99" in expect(master, b"/dev/pts/", session)
        session.resize(40, 120)
        os.write(master, b"stty size\n")
        expect(master, b"40 120", session)
        # Ctrl-C reaches the command, not us. What says "begun" has the foreground by then.
        os.write(master, b"sh -c \"echo be''gun; exec sleep 1000\"\n")
        expect(master, b"begun", session)
        os.write(master, b"\x03")
        os.write(master, b"echo then $?\n")
        expect(master, b"then 130", session)
        os.write(master, b"exit 5\n")
        assert session.status() == (5, "")
        session.close()


def test_a_terminal_that_takes_little_at_a_time(lxc):
    """Whoever shares the client's descriptors may have made them non-blocking."""
    with terminal() as (master, slave):
        os.set_blocking(slave, False)
        session = Session(lxc.exec_socket, lxc.name, ["seq", "1", "30000"], (slave,) * 3, tty=True)
        time.sleep(0.5)  # its buffers are full by now
        seen = expect(master, b"30000\r\n", session)
        assert seen.split() == [b"%d" % i for i in range(1, 30001)]
        assert session.status() == (0, "")
        session.close()


def test_output_that_nobody_takes(lxc):
    reader, writer = os.pipe()
    os.close(reader)
    with terminal() as (_, slave):
        session = Session(lxc.exec_socket, lxc.name, ["sh", "-c", "while echo more; do :; done"],
                          (slave, writer, writer), tty=True)
        assert session.status() == (128 + signal.SIGPIPE, "")
        session.close()
    os.close(writer)


def test_no_terminal_of_ours_is_the_helpers(lxc):
    """Or a daemon in the background of a terminal would be stopped when its helper reads there."""
    with terminal() as (master, slave):
        session = Session(lxc.exec_socket, lxc.name, ["sh", "-c", "echo ready; cat"], (slave,) * 3,
                          tty=True)
        expect(master, b"ready", session)
        pid, _ = next(one for one in lxc.helpers() if "exec" in one[1])
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        assert (int(stat[2]), int(stat[3]), int(stat[4])) == (pid, pid, 0)  # group, session, terminal
        session.close()


def test_a_container_that_does_not_answer(lxc):
    monitor, = alive(f"[lxc monitor] {lxc.path} {lxc.name}")
    os.kill(monitor, signal.SIGSTOP)
    try:
        with terminal() as (_, slave):
            session = Session(lxc.exec_socket, lxc.name, ["true"], (slave,) * 3, tty=True)
            assert session.status() == (255, f"container {lxc.name} does not answer")
            session.close()
    finally:
        os.kill(monitor, signal.SIGCONT)
    wait_for(lambda: not [1 for _, line in lxc.helpers() if "exec" in line], 5, "its helper gone")
    assert execute(lxc.exec_socket, lxc.name, "true")[0] == 0


@pytest.mark.parametrize("with_tty", [False, True])
def test_a_client_that_hangs_up(lxc, with_tty):
    mark = f"/tmp/hung-up-{int(with_tty)}"
    script = f"trap 'echo yes > {mark}; exit' HUP; echo ready; while :; do sleep 0.1; done"
    with terminal() as (master, slave):
        session = Session(lxc.exec_socket, lxc.name, ["sh", "-c", script], (slave,) * 3, tty=with_tty)
        expect(master, b"ready", session)
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

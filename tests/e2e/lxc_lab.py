"""The lxc process alone: an edge host with a bridge and a DHCP server, and lxc_host, which plays the
parent. Needs root; the containers are real.
"""

import array
import contextlib
import itertools
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import threading
import time

import daemon
from lab import EdgeHost, give_back_subids, run, wait_for

HOST = daemon.BIN / "lxc_host"
TEMPLATES = pathlib.Path("/usr/share/lxc/templates")
HEAD = """\
listen 127.0.0.1:18080 plain
site * -> status 204
bridge lxcbr0 10.0.3.1/24
state @dir@/state
lxc-path @dir@/lxc
control @dir@/run/control.sock
"""
FIELDS = ("name", "state", "managed", "changed", "pid", "restarts", "address", "address6", "mac",
          "veth", "job", "notes")
_numbers = itertools.count(1)


class Lxc:
    """lxc_host in edge: commands in, messages out."""

    def __init__(self, box):
        self.box = box
        self.dir = box.dir
        self.path = box.dir / "lxc"
        self.state_dir = box.dir / "state"
        self.exec_socket = str(box.dir / "exec.sock")
        self.messages = []
        self._changed = threading.Condition()
        self._jobs = itertools.count(1)
        self._templates = []
        self.edge = EdgeHost(f"sllxc{os.getpid() % 100000}n{next(_numbers)}", box.dir)
        self.edge.run("ip", "link", "add", "lxcbr0", "type", "bridge")
        self.edge.run("ip", "addr", "add", "10.0.3.1/24", "dev", "lxcbr0")
        self.edge.run("ip", "link", "set", "lxcbr0", "up")
        # The busybox image's first script waits for an answer.
        self._dhcp = self.edge.popen(
            "dnsmasq", "-k", "-C", "/dev/null", "--bind-interfaces", "-i", "lxcbr0", "--port=0",
            "--dhcp-range=10.0.3.2,10.0.3.254,1h", "--dhcp-authoritative", "--pid-file=",
            f"--dhcp-leasefile={box.dir}/leases", stderr=subprocess.DEVNULL)
        reports = box.dir / "sanitizer" / "lxc"
        env = dict(os.environ, SLUICE_LOG="debug,text",
                   ASAN_OPTIONS=f"log_path={reports}:detect_stack_use_after_return=1",
                   UBSAN_OPTIONS=f"log_path={reports}:print_stacktrace=1:halt_on_error=1")
        self.log_path = box.dir / "lxc.log"
        with open(self.log_path, "wb") as log:
            self.process = self.edge.popen(HOST, self.exec_socket, stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE, stderr=log, text=True, env=env)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self.messages.append((time.monotonic(), line.rstrip("\n").split("\t")))
                self._changed.notify_all()

    # --- what is said to it ---

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def offer(self, text, wait=True):
        """Offers the head and this text; waits until it is committed. Returns the last answer."""
        since = self.mark()
        path = self.box.write(f"conf-{since}", (HEAD + text).replace("@dir@", str(self.dir)))
        self.say(f"offer {path}")
        if wait:
            return self.wait(lambda m: m[0] in ("COMMITTED", "REFUSED"), since)[1]
        return None

    def job(self, verb, name, timeout=40):
        """Runs a job; returns (succeeded, why)."""
        number = str(next(self._jobs))
        since = self.mark()
        self.say(f"job {number} {verb} {name}")
        done = self.wait(lambda m: m[0] == "JOB_DONE" and m[1] == number, since, timeout)[1]
        return done[2] == "1", done[3]

    def kill(self):
        """kill -9 of the lxc process; waits until the next one has committed."""
        since = self.mark()
        self.say("kill")
        self.wait(lambda m: m[0] == "COMMITTED", since)

    def stop_all(self, timeout=40):
        since = self.mark()
        self.say("stop_all")
        return int(self.wait(lambda m: m[0] == "STOPPED_ALL", since, timeout)[1][1])

    # --- what it says ---

    def mark(self):
        return len(self.messages)

    def wait(self, condition, since=0, timeout=20, what=None):
        """The first message from `since` on that fulfils the condition, as (time, fields)."""
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                for one in self.messages[since:]:
                    if condition(one[1]):
                        return one
                left = end - time.monotonic()
                if left <= 0:
                    seen = "\n".join("\t".join(m) for _, m in self.messages[since:])
                    raise AssertionError(f"not within {timeout} s: {what}; seen:\n{seen}")
                self._changed.wait(left)

    def wait_state(self, name, state, since=0, timeout=30):
        """Waits for a CONTAINER with this state; returns when it came."""
        return self.wait(lambda m: m[:3] == ["CONTAINER", name, state], since, timeout,
                         f"{name} {state}")[0]

    def wait_event(self, text, name, since=0, timeout=20):
        return self.wait(lambda m: m[:2] == ["EVENT", text] and name in m, since, timeout, text)

    def states(self, name, since=0):
        """Every state told of, in order, without repetitions."""
        told = [m[2] for _, m in self.messages[since:] if m[:2] == ["CONTAINER", name]]
        return [s for s, _ in itertools.groupby(told)]

    def container(self, name):
        """The last CONTAINER of that name as a dict; {} when there is none."""
        for _, m in reversed(self.messages):
            if m[:2] == ["CONTAINER", name]:
                return dict(zip(FIELDS, m[1:]))
        return {}

    def wait_note(self, name, text, timeout=10):
        wait_for(lambda: text in self.container(name).get("notes", ""), timeout,
                 f"a note of {name} with {text!r}")

    def helpers(self):
        """Command lines of helpers that run below the lxc process."""
        found = []
        for pid in descendants(self.process.pid):
            with contextlib.suppress(OSError):
                line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()
                if line.startswith("sluiced: helper"):
                    found.append((pid, line))
        return found

    # --- containers, seen from outside ---

    def lxc(self, program, name, *argv, check=True):
        return self.edge.run(program, "-P", self.path, "-n", name, *argv, check=check)

    def init_pid(self, name):
        return int(self.lxc("lxc-info", name, "-p", "-H").stdout)

    def is_running(self, name):
        return "RUNNING" in self.lxc("lxc-info", name, "-s", check=False).stdout

    def config(self, name):
        return (self.path / name / "config").read_text()

    def limit(self, name, controller, file):
        """What a v1 cgroup file of the container says."""
        for line in pathlib.Path(f"/proc/{self.init_pid(name)}/cgroup").read_text().splitlines():
            _, controllers, folder = line.split(":", 2)
            if controller in controllers.split(","):
                return pathlib.Path(f"/sys/fs/cgroup/{controller}{folder}/{file}").read_text().strip()
        raise AssertionError(f"{name} is in no cgroup of {controller}")

    def template(self, script):
        """Installs a template; returns the name to write behind `image template`."""
        name = f"sltest-{os.getpid()}-{next(_numbers)}"
        path = TEMPLATES / f"lxc-{name}"
        path.write_text(script)
        path.chmod(0o755)
        self._templates.append(path)
        return name

    def remove(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            for folder in self.path.iterdir() if self.path.is_dir() else ():
                self.lxc("lxc-stop", folder.name, "-k", "-W", check=False)
            self._dhcp.kill()
            self._dhcp.wait()
            self.edge.remove()
            for path in self._templates:
                path.unlink()
            give_back_subids(self.state_dir)
            shutil.rmtree(self.path, ignore_errors=True)
            shutil.rmtree(f"/run/lxc/{self.path}", ignore_errors=True)
            shutil.rmtree(f"/run/lxc/lock/{self.path}", ignore_errors=True)

    def reports(self):
        """Reports of the sanitizers."""
        return [p.read_text() for p in (self.dir / "sanitizer").glob("lxc*")]


def descendants(pid):
    found = []
    with contextlib.suppress(OSError):
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def alive(text):
    """Pids of processes whose command line contains text."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if text.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


class Session:
    """The client of an exec connection, as core/exec_wire.h describes it."""

    def __init__(self, path, container, argv, fds, kind=1, tty=False, size=(0, 0), term="xterm"):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(30)
        self.sock.connect(path)
        words = b"".join(self._string(w) for w in argv)
        packet = (struct.pack("<BBBHH", 1, kind, tty, *size) + self._string(container)
                  + self._string(term) + struct.pack("<H", len(argv)) + words)
        self.sock.sendmsg([packet], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])

    @staticmethod
    def _string(text):
        return struct.pack("<H", len(text.encode())) + text.encode()

    def resize(self, rows, columns):
        self.sock.send(struct.pack("<BHH", 2, rows, columns))

    def status(self):
        """(exit status, why)"""
        packet = self.sock.recv(65536)
        kind, status, length = struct.unpack("<BBH", packet[:4])
        assert kind == 3 and len(packet) == 4 + length, packet
        return status, packet[4:].decode()

    def close(self):
        self.sock.close()


def execute(path, container, *argv, stdin=b""):
    """Runs a command without a terminal: (status, why, output)."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    session = Session(path, container, argv, (in_read, out_write, out_write))
    os.close(in_read)
    os.close(out_write)
    with contextlib.suppress(BrokenPipeError):
        os.write(in_write, stdin)
    os.close(in_write)
    with os.fdopen(out_read, "rb") as out:
        text = out.read()
    status, why = session.status()
    session.close()
    return status, why, text.decode()


__all__ = ["Lxc", "Session", "alive", "execute", "run", "wait_for"]

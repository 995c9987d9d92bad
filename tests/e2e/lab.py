"""Hosts made of network namespaces: `edge`, where the appliance runs, and `wan`, the internet.

Owns namespaces, the veth pair between them, edge's mount namespace and the removal of all of it,
containers included. Never touches the machine's own network.

`ip netns exec` would hide the cgroups and `nsenter --net` alone would show the wrong /sys, so edge
has a holder process: in a mount namespace of its own, with the new network's sysfs and the old
cgroups below it. Everything that runs in edge enters the holder's two namespaces.
"""

import contextlib
import ctypes
import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import client

CLONE_NEWNET = 0x40000000
POLL_SECONDS = 0.01
SUBIDS = ("/etc/subuid", "/etc/subgid")
_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


def wait_for(condition, timeout=5.0, what=None):
    """Polls until condition() is true and returns its value; fails after timeout seconds."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what or condition}")
        time.sleep(POLL_SECONDS)


def run(*argv, check=True, timeout=60, **kwargs):
    """subprocess.run with text output and a message that shows both streams."""
    kwargs.setdefault("stdin", None if "input" in kwargs else subprocess.DEVNULL)
    if kwargs["stdin"] is None:
        del kwargs["stdin"]
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True,
                          timeout=timeout, **kwargs)
    if check and done.returncode != 0:
        raise AssertionError(f"{argv} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Host:
    """One network namespace, by name."""

    made = []  # and not removed yet

    def __init__(self, name):
        self.name = name
        self.made.append(self)
        self.prefix = ("nsenter", f"--net=/run/netns/{name}", "--")
        self._forwarding = {}
        run("ip", "netns", "add", name)
        self.run("ip", "link", "set", "lo", "up")
        # A new namespace takes this over from a machine that forwards itself.
        self.sysctl("net/ipv4/ip_forward", 0)

    def run(self, *argv, **kwargs):
        return run(*self.prefix, *argv, **kwargs)

    def popen(self, *argv, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([str(a) for a in (*self.prefix, *argv)], **kwargs)

    @contextlib.contextmanager
    def net(self):
        """The calling thread, and what it starts, is in this host's network."""
        back = os.open(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            _setns(there)
            yield self
        finally:
            _setns(back)
            os.close(there)
            os.close(back)

    def client(self, addr, port, **kwargs):
        with self.net():
            return client.RawClient(addr, port, **kwargs)

    def fetch(self, url, method="GET", **kwargs):
        with self.net():
            return client.fetch(url, method=method, **kwargs)

    def add_address(self, address, dev=None):
        self.run("ip", "addr", "add", address, "dev", dev or self.device,
                 *(("nodad",) if ":" in address else ()))

    def nft(self):
        return self.run("nft", "list", "ruleset").stdout

    def sysctl(self, name, value=None):
        """By path below /proc/sys, so that a dot in an interface's name does no harm."""
        path = "/proc/sys/" + (name if "/" in name else name.replace(".", "/"))
        if value is None:
            return self.run("cat", path).stdout.strip()
        return self.run("tee", path, input=f"{value}\n")

    def links(self):
        lines = self.run("ip", "-o", "link").stdout.splitlines()
        return {line.split(":")[1].strip().split("@")[0] for line in lines}

    def pids(self):
        return [int(p) for p in run("ip", "netns", "pids", self.name, check=False).stdout.split()]

    def remove(self):
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run("ip", "netns", "del", self.name, check=False)
        if self in self.made:
            self.made.remove(self)


class EdgeHost(Host):
    """The appliance's host: also has a mount namespace with its own /sys."""

    HOLD = r"""set -e
mkdir -p "$1"
mount --rbind /sys/fs/cgroup "$1"
umount -R -l /sys
mount -t sysfs sysfs /sys
mount --rbind "$1" /sys/fs/cgroup
umount -R -l "$1"
echo ready
exec sleep infinity
"""

    holder = None

    def __init__(self, name, folder):
        super().__init__(name)
        aside = folder / "cgroup-aside"
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "--",
             "nsenter", f"--net=/run/netns/{name}", "--",
             "sh", "-c", self.HOLD, "hold", str(aside)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            raise AssertionError("edge's holder process did not get ready")
        self.prefix = ("nsenter", f"--target={self.holder.pid}", "--mount", "--net", "--")

    def mounts(self):
        """The mount points that edge sees, but for the names of network namespaces: another lab
        that ends removes those everywhere."""
        text = pathlib.Path(f"/proc/{self.holder.pid}/mountinfo").read_text()
        points = (line.split()[4] for line in text.splitlines())
        return sorted(p for p in points if not p.startswith("/run/netns"))

    def remove(self):
        super().remove()
        if self.holder:
            self.holder.kill()
            self.holder.wait()
            self.holder.stdout.close()


class Lab:
    """edge 203.0.113.1 (wan0) --- (eth0) 203.0.113.2 wan."""

    def __init__(self, folder, tools):
        tag = f"{os.getpid() % 100000}n{next(_numbers)}"
        self.folder = folder
        self.tools = tools
        self.daemons = []
        self.wan = Host(f"sle2e-wan{tag}")
        self.edge = EdgeHost(f"sle2e-edge{tag}", folder)
        self.wan.device, self.edge.device = "eth0", "wan0"
        self.wan.run("ip", "link", "add", "eth0", "type", "veth",
                     "peer", "name", "wan0", "netns", f"/run/netns/{self.edge.name}")
        for host, number in ((self.edge, 1), (self.wan, 2)):
            host.add_address(f"203.0.113.{number}/24")
            host.add_address(f"2001:db8:113::{number}/64")
            host.run("ip", "link", "set", host.device, "up")
        wait_for(lambda: "state UP" in self.wan.run("ip", "link", "show", "eth0").stdout,
                 what="the link between wan and edge")

    @property
    def lxc_path(self):
        return self.daemons[-1].lxc_path

    def lxc(self, program, *argv, **kwargs):
        return self.edge.run(program, "-P", self.lxc_path, *argv, **kwargs)

    def container_run(self, name, *argv, **kwargs):
        return self.lxc("lxc-attach", "-n", name, "--clear-env", "--", *argv, **kwargs)

    def container_pid(self, name):
        """The host's pid of the container's init, asked from LXC itself."""
        return int(self.lxc("lxc-info", "-n", name, "-p", "-H").stdout.strip())

    def serve(self, name, tcp=8080, udp=None, boot=False):
        """Starts tools.serve in a container that has @tools@ mounted at /opt."""
        line = f"/opt/serve --tcp {tcp}" + (f" --udp {udp}" if udp else "")
        if boot:
            self.at_boot(name, line)
        self.container_run(name, *line.split(), "--detach")

    def at_boot(self, name, line):
        """Adds a line to the start script of a busybox container."""
        script = pathlib.Path(self.lxc_path) / name / "rootfs/etc/init.d/rcS"
        script.write_text(script.read_text() + f"{line} --detach\n")

    def names(self):
        done = self.lxc("lxc-ls", "-1", check=False)
        return done.stdout.split()

    def remove(self):
        for daemon in self.daemons:
            daemon.end()
            folder = pathlib.Path(daemon.lxc_path)
            names = [p.name for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []
            for name in names:
                self.edge.run("lxc-stop", "-P", folder, "-n", name, "-k", "-W", check=False)
            wait_for(lambda: not self.edge.run("lxc-ls", "-P", folder, "--active", "-1", check=False)
                     .stdout.split(), timeout=15, what="containers stopped")
            wait_for(lambda: not _monitors(folder), timeout=15, what="container monitors gone")
        self.edge.remove()
        self.wan.remove()
        for daemon in self.daemons:
            give_back_subids(pathlib.Path(daemon.state_path))
            shutil.rmtree(daemon.lxc_path, ignore_errors=True)


def _monitors(folder):
    """Processes whose command line is that of a monitor of a container below folder."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes()
                if line.startswith(b"[lxc monitor] " + str(folder).encode()):
                    found.append(int(entry.name))
    return found


@contextlib.contextmanager
def locked(path):
    """The lock of shadow's own tools."""
    lock = f"{path}.lock"

    def take():
        with contextlib.suppress(FileExistsError):
            return os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        return None

    fd = wait_for(take, 10, lock)
    os.write(fd, str(os.getpid()).encode())
    os.close(fd)
    try:
        yield
    finally:
        os.unlink(lock)


def give_back_subids(state):
    """Takes out of /etc/subuid and /etc/subgid what the record says was put in."""
    record = state / "containers" / ".subids"
    if not record.exists():
        return
    ours = {tuple(line.split(" ", 1)) for line in record.read_text().splitlines()}
    for path in SUBIDS:
        with locked(path):
            lines = pathlib.Path(path).read_text().splitlines()
            kept = [line for line in lines if (path, line) not in ours]
            pathlib.Path(path).write_text("".join(line + "\n" for line in kept))

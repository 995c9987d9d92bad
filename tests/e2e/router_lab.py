"""The router alone: namespaces for outside, appliance and containers, and the router process under
router_host, which plays its parent. Needs root, and no containers: a "container" is a namespace
with a veth pair into the bridge.
"""

import contextlib
import itertools
import os
import queue
import re
import subprocess
import threading

import daemon
from lab import Host, run, wait_for

HOST = daemon.BIN / "router_host"
APPLY = daemon.BIN / "router_apply"
COMMON = "listen 18080 plain\nsite * -> status 404\n"
CONF = COMMON + """\
wan wan0
bridge rtbr0 10.7.3.1/24 fd00:7::1/64
container web { address 10.7.3.101 fd00:7::101 }
container other { address 10.7.3.102 fd00:7::102 }
forward tcp 2222 -> web:22
forward udp 5000 -> web:5001
"""
ANSWER_SECONDS = 10


class Router:
    """router_host in a namespace: commands in, lines out."""

    def __init__(self, host, box, log="router.log", wrap=()):
        self.host = host
        self.box = box
        self.log_path = box.path(log)
        self._number = 0
        self.seen = []
        self._lines = queue.Queue()
        reports = box.path("sanitizer") / "router"
        # LeakSanitizer is a tracer itself and dies under another.
        options = f"log_path={reports}:detect_stack_use_after_return=1:detect_leaks={int(not wrap)}"
        env = dict(os.environ, SLUICE_LOG="debug,text", ASAN_OPTIONS=options,
                   UBSAN_OPTIONS=f"log_path={reports}:print_stacktrace=1:halt_on_error=1")
        with open(self.log_path, "wb") as log_file:
            self.process = subprocess.Popen(
                [*host.prefix, *map(str, wrap), str(HOST)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=log_file, text=True, env=env)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.pid = int(self.expect("hello").split()[1])

    def _read(self):
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def next_line(self):
        """None: there are no more."""
        try:
            return self._lines.get(timeout=ANSWER_SECONDS)
        except queue.Empty:
            raise AssertionError(f"no line; seen {self.seen}\n{self.log}") from None

    def expect(self, *words):
        """The next line that begins with one of the words; the others are kept in seen."""
        while True:
            line = self.next_line()
            assert line is not None, f"router_host ended; seen {self.seen}\n{self.log}"
            self.seen.append(line)
            if line.split(" ", 1)[0] in words:
                return line

    def offer(self, conf):
        self._number += 1
        path = self.box.write(f"conf{self._number}-{id(self)}.conf", conf)
        self.say(f"offer {path}")
        return self.expect("ready", "refused", "error")

    def commit(self):
        self.say("commit")
        return self.expect("committed", "refused")

    def load(self, conf):
        answer = self.offer(conf)
        assert answer.startswith("ready"), answer
        answer = self.commit()
        assert answer.startswith("committed"), answer
        return self

    def stats(self):
        self.say("stats")
        words = self.expect("stats").split()[1:]
        return {k: int(v) for k, v in (w.split("=") for w in words)}

    def container(self, name, v4="-", v6="-", mac="-", port="-"):
        """Tells an address and waits until the router has worked it in."""
        self.say(f"container {name} {v4} {v6} {mac} {port}")
        self.stats()

    @property
    def records(self):
        return [line.removeprefix("record ") for line in self.seen if line.startswith("record ")]

    @property
    def events(self):
        return [line.removeprefix("event ") for line in self.seen if line.startswith("event ")]

    @property
    def log(self):
        return self.log_path.read_text()

    def end(self):
        if self.process.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                self.say("quit")
        self.process.stdin.close()
        status = self.process.wait(timeout=ANSWER_SECONDS)
        self._reader.join()
        self.process.stdout.close()
        return status

    def kill(self):
        """The router dies; its host with it. The kernel's rules stay."""
        os.kill(self.pid, 9)
        self.process.stdin.close()
        self.process.wait(timeout=ANSWER_SECONDS)
        self._reader.join()
        self.process.stdout.close()


_numbers = itertools.count(1)


class Net:
    """wan (203.0.113.2) --- wan0 edge (203.0.113.1) --- containers on the bridge."""

    def __init__(self, box):
        # A net that is made again must not meet what is left of the one before it.
        tag = f"{os.getpid() % 100000}n{next(_numbers)}"
        self.box = box
        self.tag = tag
        self.edge = Host(f"rt-edge{tag}")
        self.wan = Host(f"rt-wan{tag}")
        self.hosts = [self.edge, self.wan]
        self.routers = []
        self.wan.run("ip", "link", "add", "eth0", "type", "veth",
                     "peer", "name", "wan0", "netns", f"/run/netns/{self.edge.name}")
        self._up(self.edge, "wan0", "203.0.113.1/24", "2001:db8:113::1/64")
        self._up(self.wan, "eth0", "203.0.113.2/24", "2001:db8:113::2/64")

    @staticmethod
    def _up(host, device, v4, v6):
        host.device = device
        host.add_address(v4)
        host.add_address(v6)
        host.run("ip", "link", "set", device, "up")

    def router(self, conf=None, wrap=()):
        one = Router(self.edge, self.box, f"router{len(self.routers)}.log", wrap)
        self.routers.append(one)
        return one.load(conf) if conf else one

    def container(self, number, bridge="rtbr0", net="10.7.3", net6="fd00:7::"):
        """A host behind the bridge (None: behind a link of its own), with address NET.number."""
        host = Host(f"rt-c{number}-{self.tag}")
        self.hosts.append(host)
        port = f"veth{number}"
        host.run("ip", "link", "add", "eth0", "type", "veth",
                 "peer", "name", port, "netns", f"/run/netns/{self.edge.name}")
        self._up(host, "eth0", f"{net}.{number}/24", f"{net6}{number}/64")
        host.run("ip", "route", "add", "default", "via", f"{net}.1")
        host.run("ip", "-6", "route", "add", "default", "via", f"{net6}1")
        host.port = port
        if not bridge:
            self.edge.run("ip", "link", "set", port, "up")
            return host
        self.edge.run("ip", "link", "set", port, "master", bridge, "up")
        wait_for(lambda: "state forwarding" in
                 self.edge.run("bridge", "-d", "link", "show", "dev", port).stdout,
                 what="the bridge port forwards")
        return host

    def remove(self):
        problems = []
        try:
            for router in self.routers:
                if router.process.poll() is None and router.end() != 0:
                    problems.append(router.log[-3000:])
        finally:
            for host in reversed(self.hosts):
                host.remove()
        reports = list(self.box.path("sanitizer").iterdir())
        problems += [r.read_text()[:6000] for r in reports]
        assert not problems, "\n".join(problems)


def table(host):
    """Our tables as nft shows them, without counters, handles and owner; "" when there is none."""
    text = "".join(run(*host.prefix, "nft", "-s", "list", "table", family, "sluice", check=False).stdout
                   for family in ("inet", "bridge"))
    return re.sub(r"^\tflags (owner)?\n\n| # progname .*", "", text, flags=re.M)


def elements(host, name):
    """The elements of a set or map, as a sorted list of lines."""
    kind = "map" if name.startswith("fwd") else "set"
    text = host.run("nft", "list", kind, "inet", "sluice", name).stdout
    if "elements" not in text:
        return []
    text = re.sub(r" counter( packets \d+ bytes \d+)?", "", text)
    inner = text.split("elements = {", 1)[1].split("}", 1)[0]
    return sorted(" ".join(e.split()) for e in inner.split(","))

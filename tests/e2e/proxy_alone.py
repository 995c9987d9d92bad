"""The proxy process alone (tools/proxy_host.c): the test says what parent and lxc would say."""

import os
import resource
import signal
import subprocess
import threading

import client
from daemon import BIN, free_port
from lab import wait_for

STATES = ("absent", "stopped", "starting", "running", "frozen", "stopping")


class Host:
    def __init__(self, box, text, descriptors=None, wrapper=(), stores="", port=None, program=BIN, clock=""):
        self.port = port or free_port()
        conf = box.write("proxy.conf", text.replace("@port@", str(self.port)))

        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.errors = open(box.path("proxy.log"), "wb")
        self.process = subprocess.Popen([*wrapper, program / "tests/proxy_host", conf, "2"], text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, preexec_fn=limit,
                                        env={**os.environ, "SLUICE_LOG": "info,text",
                                             "SLUICE_STORES": str(stores),
                                             **({"SLUICE_CLOCK": str(clock)} if clock else {})})
        self.lines = []
        threading.Thread(target=self._read, daemon=True).start()
        wait_for(lambda: "committed 1" in self.lines, what="the first generation")

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def kill(self):
        """With -9, the proxy; its host ends by itself."""
        pid = next(int(line.split()[1]) for line in list(self.lines) if line.startswith("proxy "))
        os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        self.process.stdin.close()
        self.errors.close()

    def say(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")

    def container(self, state, pid=0, address=""):
        self.say("container", "web", STATES.index(state), pid, address)

    def stats(self):
        before = self.lines.count(".")
        self.say("stats")
        wait_for(lambda: self.lines.count(".") > before, what="the counters")
        lines = [line.split() for line in list(self.lines)]
        return {w[0]: int(w[1]) for w in lines if len(w) == 2 and w[1].isdigit()}

    def client(self, **options):
        return client.RawClient("127.0.0.1", self.port, **options)

    def ask(self, method="GET"):
        """A request under way: call the result to get its answer."""
        c = self.client(timeout=20)
        c.send(f"{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode())
        return c.response

    def wait_waiting(self, n):
        wait_for(lambda: self.stats()["requests_waiting"] == n, what=f"{n} waiting requests")

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.errors.close()

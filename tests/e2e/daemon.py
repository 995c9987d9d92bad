"""One running sluiced: its file, its folder, its control socket, and what must hold when it ends.

Owns the process and nothing that the process made: what is left behind is a failure, not cleaned.
"""

import contextlib
import functools
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

import client
from lab import run, wait_for

TOP = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", TOP / "build/dev")).resolve()
START_TIMEOUT = 30
STOP_TIMEOUT = 10
DEFAULTS = ("control @dir@/run/control.sock", "state @dir@/state", "lxc-path @dir@/lxc",
            "threads 2")


@functools.cache
def sanitized():
    """Whether the programs under test were built with a sanitizer: slower, and larger."""
    program = BIN / "sluiced"
    return program.exists() and any(
        word in program.read_bytes() for word in (b"__asan_init", b"__tsan_init"))


def free_port(kind=socket.SOCK_STREAM):
    """A port that the kernel chose and nobody listens on, neither on IPv4 nor on IPv6."""
    with socket.socket(socket.AF_INET6, kind) as s:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind(("::", 0))
        return s.getsockname()[1]


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def descendants(pid):
    """{pid: argv[0]} of all processes below pid."""
    parents, names = {}, {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            stat = (entry / "stat").read_text()
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
            line = (entry / "cmdline").read_bytes()
            names[int(entry.name)] = line.split(b"\0")[0].decode("latin-1")
    found = {}
    level = {pid}
    while level:
        level = {p for p, parent in parents.items() if parent in level}
        found.update((p, names.get(p, "")) for p in level)
    return found


class Sluice:
    """Made by the fixture `sluice`; see the fixture for the substitutions in conf."""

    def __init__(self, conf, box, certs, where=None, args=(), env=None, wrap=(), **variables):
        self.box = box
        self.certs = certs
        self.where = where
        self.args = args
        self.wrap = wrap
        self.number = len(box.daemons)
        self.dir = box.path("" if self.number == 0 else f"daemon{self.number}")
        self.dir.mkdir(exist_ok=True)
        self.dir.chmod(0o755)
        self.sanitizer_dir = box.path("sanitizer")
        self.variables = {"dir": self.dir, **variables}
        self.ports = {k: v for k, v in variables.items() if k.startswith("port")}
        self.expected_deaths = []
        self.env = env or {}
        self.exe = BIN / "sluiced"
        self.conf_path = self.dir / "sluice.conf"
        self.log_path = self.dir / "sluiced.log"
        self.process = None
        self.ended = False
        self.write(conf)

    # the file

    def expand(self, conf):
        def value(match):
            name = match[1]
            if name.startswith("port") and name not in self.ports:
                self.ports[name] = free_port()
            if name == "cert" and "cert" not in self.variables:
                self.variables["cert"] = self.certs.default().pair
            if name == "tools" and "tools" not in self.variables:
                self.variables["tools"] = self.box.tools().folder
            return str(self.ports.get(name, self.variables.get(name, match[0])))

        words = {line.split()[0] for line in conf.splitlines() if line.split()}
        conf = conf.rstrip("\n") + "\n"
        conf += "".join(line + "\n" for line in DEFAULTS if line.split()[0] not in words)
        return re.sub(r"@([a-z0-9_]+)@", value, conf)

    def write(self, conf):
        self.text = self.expand(conf)
        self.conf_path.write_text(self.text)

    def _word(self, directive):
        return pathlib.Path(re.search(rf"(?m)^\s*{directive}\s+(\S+)", self.text)[1])

    @property
    def socket(self):
        return self._word("control")

    @property
    def lxc_path(self):
        return self._word("lxc-path")

    @property
    def state_path(self):
        return self._word("state")

    @property
    def port(self):
        return self.ports["port"]

    # the process

    def environment(self):
        report = f"log_path={self.sanitizer_dir}/report"
        return {**os.environ,
                "SLUICE_SANITIZER_DIR": str(self.sanitizer_dir),
                "ASAN_OPTIONS": f"{report}:detect_stack_use_after_return=1:strict_string_checks=1",
                "UBSAN_OPTIONS": f"{report}:print_stacktrace=1:halt_on_error=1",
                "LSAN_OPTIONS": f"{report}",
                "TSAN_OPTIONS": f"{report}:halt_on_error=0:second_deadlock_stack=1",
                **self.env}

    def start(self, wait=True):
        argv = [str(self.exe), *self.args, "-f", str(self.conf_path)]
        prefix = self.where.prefix if self.where else ()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*map(str, (*prefix, *self.wrap)), *argv], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=self.environment(),
                                            cwd=self.dir)
        self.ended = False
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"sluiced ended with {self.process.returncode}\n{self.log}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.api("GET", "/v1/status")[0] == 200

        try:
            wait_for(ready, START_TIMEOUT, "answer of the control socket")
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.log[-8000:]}") from None

    @property
    def pid(self):
        """The daemon's pid: nsenter execs it, so it is the started process in every case."""
        return self.process.pid

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_log(self, text, timeout=5.0):
        wait_for(lambda: text in self.log, timeout, f"{text!r} in the log")

    def children(self):
        found = {}
        for pid, name in descendants(self.pid).items():
            if name.startswith("sluiced: "):
                found.setdefault(name[len("sluiced: "):], pid)
        return found

    def processes(self):
        """{name: object} of GET /v1/status."""
        return {p["name"]: p for p in self.status()["processes"]}

    def kill(self, name, number=signal.SIGKILL, wait=True, timeout=5.0):
        """Kills the child and, with wait, returns when another one has taken its place."""
        old = self.children()[name]
        self.expected_deaths.append(name)
        os.kill(old, number)
        if wait:
            wait_for(lambda: self.children().get(name, old) != old, timeout, f"a new {name}")
        return old

    def pss_kib(self, name=None):
        pid = self.children()[name] if name else self.pid
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(re.search(r"(?m)^Pss:\s+(\d+)", text)[1])

    # talking to it

    def api(self, method, path, body=None):
        connection = UnixHTTP(self.socket)
        try:
            connection.request(method, path, body=body)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        with contextlib.suppress(ValueError):
            return answer.status, json.loads(text)
        return answer.status, text

    def status(self):
        code, value = self.api("GET", "/v1/status")
        assert code == 200, value
        return value

    def stats(self):
        return self.status()["counters"]

    def ctl(self, *argv, json=False, check=True, user=None, **kwargs):
        command = [BIN / "sluice", "-s", self.socket, *(["--json"] if json else []), *argv]
        if user:
            command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *command]
        if self.where:
            command = [*self.where.prefix, *command]
        kwargs.setdefault("env", self.environment())
        done = run(*command, check=check, **kwargs)
        return _json(done.stdout) if json else done

    def reload(self, ok=True):
        done = self.ctl("reload", check=False)
        assert done.returncode == (0 if ok else 1), f"{done}\n{self.log[-4000:]}"
        return done.stdout + done.stderr

    def sighup(self, ok=True):
        counter = "reloads" if ok else "reloads_failed"
        before = self.stats()[counter]
        os.kill(self.pid, signal.SIGHUP)
        wait_for(lambda: self.stats()[counter] > before, 15, counter)

    def container(self, name):
        code, value = self.api("GET", f"/v1/containers/{name}")
        return value if code == 200 else None

    def wait_container(self, name, state="running", timeout=30):
        def reached():
            value = self.container(name)
            return value and value["state"] == state and value

        try:
            return wait_for(reached, timeout, f"{name} {state}")
        except AssertionError as e:
            raise AssertionError(f"{e}: {self.container(name)}\n{self.log[-4000:]}") from None

    def client(self, port=None, host="127.0.0.1", **kwargs):
        with self.where.net() if self.where else contextlib.nullcontext():
            return client.RawClient(host, port or self.port, **kwargs)

    def get(self, path, host="a.example", tls=False, headers=(), method="GET", body=None,
            port=None, **kwargs):
        with self.client(port, tls=tls, sni=host.split(":")[0] if tls else None, **kwargs) as c:
            return c.request(method, path, host=host, headers=headers, body=body)

    # the end

    def stop(self, how=signal.SIGTERM):
        """Ends the daemon and returns when it has; asserts a clean end."""
        self.check_children()
        os.kill(self.pid, how)
        self.wait_end()

    def wait_end(self, status=0, timeout=STOP_TIMEOUT):
        below = descendants(self.pid)
        try:
            got = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"sluiced did not end within {timeout} s\n{self.log[-8000:]}"
                                 ) from None
        self.ended = True
        assert got == status, f"sluiced ended with {got}\n{self.log[-8000:]}"
        ours = [p for p, name in below.items() if name.startswith("sluiced: ")]
        wait_for(lambda: not any(_alive(p) for p in ours), STOP_TIMEOUT,
                 f"the children's end: {ours}")

    def check_children(self):
        """No child died but those that the test killed."""
        expected = sorted(self.expected_deaths)
        died = sorted(re.findall(r' error \S+ "child ended".*?\bname=(\w+)', self.log))
        assert died == expected, f"children died: {died}, expected {expected}\n{self.log[-8000:]}"

    def check_sanitizers(self):
        reports = sorted(self.sanitizer_dir.glob("*"))
        text = "\n".join(f"{p}:\n{p.read_text(errors='replace')[:12000]}" for p in reports)
        assert not reports, f"sanitizer reports\n{text}"

    def end(self):
        """Whatever state it is in: no process of it is left. Not a check."""
        if self.process is None or self.ended:
            return
        below = [p for p, n in descendants(self.pid).items() if n.startswith("sluiced")]
        self.process.kill()
        self.process.wait()
        self.ended = True
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not hasattr(self.where, "mounts"):  # a namespace's go with it
            for mount in self._mounts():
                subprocess.run(["umount", "-l", mount], check=False)

    def finish(self):
        """What the fixture does at the end of a test that passed so far."""
        if self.process is None:
            return
        if not self.ended:
            if self.process.poll() is not None:
                self.ended = True
                raise AssertionError(f"sluiced had ended with {self.process.returncode}\n"
                                     f"{self.log[-8000:]}")
            self.stop()
        self.check_sanitizers()
        self.check_left_behind()

    def check_left_behind(self):
        assert not self.socket.exists(), f"{self.socket} is left behind"
        ours = self._mounts()
        assert not ours, f"mounts left behind: {ours}"

    def _mounts(self):
        mounts = self.where.mounts() if hasattr(self.where, "mounts") else [
            line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").open()]
        return [m for m in mounts if m.startswith(str(self.socket.parent))]


def _alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _json(text):
    try:
        return json.loads(text)
    except ValueError:
        raise AssertionError(f"not JSON: {text[:2000]!r}") from None

"""Fixtures of the end-to-end tests: a folder, daemons, a lab, backends, certificates, tools.

Each fixture checks at its end that nothing went wrong unseen: see daemon.Sluice.finish().
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import tempfile

import pytest

import certificates
import daemon
import lab as lab_module
import router_lab
import servers

HERE = pathlib.Path(__file__).resolve().parent
# Runs beside each other share the tests by this folder: one file in it is one file of tests taken.
SHARE = os.environ.get("SLUICE_E2E_SHARE")
_taken = {}
STOPPING = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """The first signal ends the run, but neither while fixtures are made nor while they clean up:
    a half made one would leave its namespaces behind. A second one is not heard."""

    held = asked = False

    def __call__(self, _number, _frame):
        for number in STOPPING:
            signal.signal(number, lambda *_: None)
        if not self.held:
            raise KeyboardInterrupt
        self.asked = True

    def hold(self):
        self.held = True
        yield
        self.held = False
        if self.asked:
            raise KeyboardInterrupt


interrupt = Interrupt()


def pytest_configure(config):
    # In the background of a shell SIGINT is ignored, and would be for what the tests start too.
    # Until the first test there is nothing to clean up, and pytest takes an interrupt of a file's
    # import for an error of that file.
    for number in STOPPING:
        signal.signal(number, signal.SIG_DFL)
    config.addinivalue_line("filterwarnings", "ignore:ssl.TLSVersion:DeprecationWarning")
    config.addinivalue_line("markers", "root: needs root (namespaces, containers)")
    config.addinivalue_line("markers", "slow: takes more than half a minute")
    config.addinivalue_line("markers", "release: measures; needs a build without sanitizers")
    config.addinivalue_line("markers", "threads: also run with ThreadSanitizer (all test_http_*)")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.name.startswith("test_http_"):
            item.add_marker(pytest.mark.threads)
        if os.geteuid() != 0 and ("root" in item.keywords or "lab" in item.fixturenames):
            item.add_marker(pytest.mark.skip(reason="needs root"))
        if "release" in item.keywords and daemon.sanitized():
            item.add_marker(pytest.mark.skip(reason="needs a build without sanitizers"))


def pytest_collection_finish():
    for number in STOPPING:
        signal.signal(number, interrupt)


def pytest_unconfigure():
    """Ctrl-C also ends the programs with which a fixture just makes its hosts: it fails half way."""
    for host in list(lab_module.Host.made):
        host.remove()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup():
    yield from interrupt.hold()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown():
    yield from interrupt.hold()


def ours(path):
    """Whether this run is the one to run a file of tests: the first that comes to it is."""
    if path not in _taken:
        try:
            os.close(os.open(pathlib.Path(SHARE) / path.name, os.O_CREAT | os.O_EXCL, 0o644))
            _taken[path] = True
        except FileExistsError:
            _taken[path] = False
    return _taken[path]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    """A file of tests that another run has taken is passed over, and stands in its results."""
    return None if not SHARE or ours(item.path) else True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Lets fixtures see whether the test itself failed, and shows the daemons' logs when so."""
    report = (yield).get_result()
    setattr(item, f"report_{report.when}", report)
    box = getattr(item, "funcargs", {}).get("box")
    if report.failed and box:
        for number, one in enumerate(box.daemons):
            if one.log_path.exists():
                report.sections.append((f"log of sluiced {number}", one.log[-12000:]))


class Box:
    """A test's own folder."""

    def __init__(self, folder, tools):
        self.dir = folder
        self.tools = tools
        self.daemons = []
        self._deferred = []

    def path(self, name):
        return self.dir / name

    def write(self, name, data, mode=0o644):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)
        return path

    def defer(self, function):
        self._deferred.append(function)

    def close(self):
        while self._deferred:
            self._deferred.pop()()


@pytest.fixture(scope="session")
def session_folder():
    """Not pytest's own: that one is closed to the users that the daemon's children run as."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
    folder.chmod(0o755)
    yield folder
    if not os.environ.get("SLUICE_E2E_KEEP"):
        shutil.rmtree(folder, ignore_errors=True)


class Tools:
    """C helpers, compiled once a run: for containers statically, whatever their C library."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self._made = set()

    def _build(self, name, *options):
        if name not in self._made:
            lab_module.run("gcc", "-O2", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-std=gnu17",
                           HERE / "tools" / f"{name}.c", "-o", self.folder / name, *options)
            self._made.add(name)
        return self.folder / name

    @property
    def serve(self):
        return self._build("serve", "-static", "-pthread", "-lcrypto")

    @property
    def load(self):
        return self._build("load", "-pthread", "-lssl", "-lcrypto")


@pytest.fixture(scope="session")
def tools(session_folder):
    return Tools(session_folder / "tools")


@pytest.fixture(scope="session")
def certs(session_folder):
    folder = session_folder / "certificates"
    folder.mkdir()
    return certificates.Factory(folder)


@pytest.fixture
def box(request, session_folder, tools):
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name).removeprefix("test-")[:24].strip("-")
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=session_folder))
    folder.chmod(0o755)
    (folder / "sanitizer").mkdir()
    (folder / "sanitizer").chmod(0o1777)

    def built():
        assert tools.serve
        return tools

    one = Box(folder, built)
    yield one
    one.close()
    failed = any(getattr(request.node, f"report_{when}", None)
                 and getattr(request.node, f"report_{when}").failed for when in ("setup", "call"))
    if not failed and not os.environ.get("SLUICE_E2E_KEEP"):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def net(box):
    """The router alone: see router_lab.py."""
    made = router_lab.Net(box)
    yield made
    made.remove()


@pytest.fixture
def unowned(monkeypatch):
    """Tables that anybody may change, as on kernels before 6.9: for tests that change them behind the router's back."""
    monkeypatch.setenv("SLUICE_TABLE_OWNER", "no")


@pytest.fixture(name="servers")
def open_servers():
    """Takes servers (context managers) that shall end with the test."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def lab(box, tools):
    made = lab_module.Lab(box.dir, tools)
    yield made
    made.remove()


@pytest.fixture
def sluice(request, box, certs):
    def make(conf, where=None, wait=True, args=(), env=None, wrap=(), **variables):
        one = daemon.Sluice(conf, box, certs, where, args, env, wrap, **variables)
        box.daemons.append(one)
        if "lab" in request.fixturenames and where is not None:
            request.getfixturevalue("lab").daemons.append(one)
        return one.start(wait)

    yield make
    report = getattr(request.node, "report_call", None)
    try:
        if report is not None and report.passed:
            for one in box.daemons:
                one.finish()
    finally:
        for one in box.daemons:
            one.end()


@pytest.fixture
def backend(box):
    factory = servers.Factory(box.dir)
    yield factory
    factory.stop()
    factory.check()


def pytest_sessionstart(session):
    """The programs must be there: a wrong SLUICE_BIN is told once, not by every test."""
    if not session.config.option.collectonly and not (daemon.BIN / "sluiced").exists():
        pytest.exit(f"{daemon.BIN}/sluiced does not exist; build it or set SLUICE_BIN", 2)

"""A real browser without a window: Debian's Chromium, told what to do over its DevTools protocol.

The protocol runs on two pipes (file descriptors 3 and 4 of the browser), one JSON object and a NUL
a message: no port that others could reach, and the browser may sit in any network namespace. A
Visitor is a browser context of its own: no cookie and no cached file is shared with another one.
"""

import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import time

PROGRAM = "chromium-headless-shell"
# As root Chromium cannot use its own sandbox. Nothing but the page may be asked for.
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--no-pings",
           "--remote-debugging-pipe", "--ignore-certificate-errors")
READ_MAX = 1 << 16


class Browser:
    """One browser process in host's network; a name resolves as hosts says: {name: address}."""

    def __init__(self, host, folder, hosts):
        assert shutil.which(PROGRAM), f"{PROGRAM} is not installed"
        folder.mkdir()
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        rules = ", ".join(f"MAP {name} {address}" for name, address in hosts.items())
        # The shell gives the pipes the numbers that the protocol fixes.
        line = f'exec "$@" 3</proc/self/fd/{to_browser} 4>/proc/self/fd/{from_browser}'
        self.log_path = folder / "log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*host.prefix, "sh", "-c", line, "sh", PROGRAM, *OPTIONS,
                 f"--user-data-dir={folder}/profile", f"--host-resolver-rules={rules}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=(to_browser, from_browser), env={**os.environ, "HOME": str(folder)})
        os.close(to_browser)
        os.close(from_browser)
        self._numbers = itertools.count(1)
        self._text = b""
        self.events = []

    def _read(self, end):
        """The next message."""
        while b"\0" not in self._text:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._in], [], [], left)[0]:
                raise AssertionError(f"the browser says nothing; last: {self.events[-3:]}")
            data = os.read(self._in, READ_MAX)
            if not data:
                raise AssertionError(f"the browser ended\n{self.log_path.read_text()[-2000:]}")
            self._text += data
        message, _, self._text = self._text.partition(b"\0")
        return json.loads(message)

    def call(self, method, session=None, timeout=30, **params):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + timeout
        while (got := self._read(end)).get("id") != number:
            self.events.append(got)
        if "error" in got:
            raise AssertionError(f"{method}: {got['error']}")
        return got["result"]

    def wait_event(self, method, session, since, timeout=30):
        end = time.monotonic() + timeout
        while True:
            for event in self.events[since:]:
                if event.get("method") == method and event.get("sessionId") == session:
                    return event["params"]
            self.events.append(self._read(end))

    def visitor(self):
        return Visitor(self)

    def close(self):
        with contextlib.suppress(OSError, AssertionError):
            self.call("Browser.close", timeout=5)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self._in)
        os.close(self._out)


class Visitor:
    """A tab with cookies and cached files of its own."""

    def __init__(self, browser):
        self.browser = browser
        context = browser.call("Target.createBrowserContext")["browserContextId"]
        target = browser.call("Target.createTarget", url="about:blank", browserContextId=context)
        self.session = browser.call("Target.attachToTarget", targetId=target["targetId"],
                                    flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def open(self, url):
        """Loads the page and all that it refers to. Returns its answers: {URL: response}."""
        return self._loads(lambda: self.call("Page.navigate", url=url))

    def act(self, script):
        """The same for a script that leads to another page: a click on a button."""
        return self._loads(lambda: self.evaluate(script))

    def _loads(self, begin):
        since = len(self.browser.events)
        begin()
        self.browser.wait_event("Page.loadEventFired", self.session, since)
        mine = [e for e in self.browser.events[since:] if e.get("sessionId") == self.session]
        failed = [e["params"] for e in mine if e.get("method") == "Network.loadingFailed"]
        assert not failed, failed
        return {e["params"]["response"]["url"]: e["params"]["response"] for e in mine
                if e.get("method") == "Network.responseReceived"}

    def evaluate(self, script):
        got = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in got, got
        return got["result"].get("value")

    def text(self):
        """What a person reads."""
        return self.evaluate("document.body.innerText")

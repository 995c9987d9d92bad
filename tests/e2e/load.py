"""Runs tools/load.c: 200 busy connections whose every answer is compared."""

import contextlib
import json
import signal
import subprocess


class Load:
    """Start it, wait until every connection had an answer, disturb, finish() and compare."""

    def __init__(self, program, address, port, where=None, **options):
        words = [w for k, v in options.items() for w in (f"--{k.replace('_', '-')}", str(v))]
        argv = [*(where.prefix if where else ()), program, address, port, *words]
        self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.seconds = options.get("seconds", 1)

    def wait_ready(self):
        line = self.process.stdout.readline()
        if line != "ready\n":
            raise AssertionError(f"the load client did not get ready: {line}"
                                 f"{self.process.communicate()}")
        return self

    def finish(self, early=False):
        """Its counters, when its time is over; early: now."""
        if early:
            self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=self.seconds + 120)
        result = json.loads(out.splitlines()[-1])
        result["examples"] = err
        return result

    def __enter__(self):
        return self.wait_ready()

    def __exit__(self, *_):
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            self.process.communicate()

"""What `./setup demo` and `install` build needs no library that only the tests need.

Configures the tree where pkg-config does not know cmocka, and asks ninja for the plan of the
programs: a target that only the unit tests define would be missing from it."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
TESTS_ONLY = "cmocka"


def hide(folder):
    """The path of a pkg-config that does not know what only tests need."""
    path = folder / "pkg-config"
    path.write_text(f'#!/bin/sh\ncase "$*" in *{TESTS_ONLY}*) exit 1 ;; esac\n'
                    f'exec {shutil.which("pkg-config")} "$@"\n')
    path.chmod(0o755)
    return path


def main():
    with tempfile.TemporaryDirectory(prefix="sluice-fresh.") as name:
        folder = pathlib.Path(name)
        env = dict(os.environ, PKG_CONFIG=str(hide(folder)))
        build = folder / "build"
        for command in (["cmake", "--preset", "release", "-B", build],
                        ["ninja", "-C", build, "-n", "programs"]):
            done = subprocess.run(command, cwd=TOP, env=env, text=True, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode:
                sys.exit(f"without {TESTS_ONLY}: {command[0]} failed\n{done.stdout[-4000:]}")
        if "unit tests are left out" not in subprocess.run(
                ["cmake", build], env=env, text=True, capture_output=True, check=True).stdout:
            sys.exit(f"the configuration found {TESTS_ONLY} all the same")


main()

#!/usr/bin/python3
"""Enforces the arrows of docs/architecture.md: which folder includes which, that a .c includes its
own header first, that headers compile alone and twice, and that no header hides one of liblxc's.

usage: layers.py [FOLDER...]"""
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import tree

ARROWS = {
    "core": {"core"},
    "conf": {"conf", "core"},
    "proxy": {"proxy", "conf", "core"},
    "router": {"router", "conf", "core"},
    "lxc": {"lxc", "conf", "core"},
    "daemon": {"daemon", "conf", "core"},
    "tests": {"tests", "daemon", "lxc", "router", "proxy", "conf", "core"},
    "bench": {"bench", "daemon", "lxc", "router", "proxy", "conf", "core"},
}
# The only doors to a module.
DOORS = {"proxy/proxy.h", "router/router.h", "lxc/module.h"}
# With the top folder on the include path, these would stand before liblxc's own.
HIDING = {"lxc/lxccontainer.h", "lxc/version.h", "lxc/attach_options.h"}
LIBRARIES = ["libxcrypt", "libevent", "openssl", "lxc", "libnftnl", "libmnl", "libseccomp", "libcap",
             "jansson", "cmocka"]
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def includes(path):
    """(line number, kind, name) of each include."""
    for number, line in enumerate(tree.read_lines(path), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def check_arrows(path):
    owner = tree.folder(path)
    for number, kind, name in includes(path):
        if kind == "<":
            continue
        if not os.path.exists(os.path.join(tree.ROOT, name)):
            yield f'{path}:{number}: "{name}" is no path from the top'
            continue
        if owner == "daemon" and name in DOORS:
            continue
        if tree.folder(name) not in ARROWS.get(owner, set()):
            yield f"{path}:{number}: {owner}/ must not include {name}"


def check_own_header(path):
    own = path[:-2] + ".h"
    first = next(includes(path), None)
    if os.path.exists(os.path.join(tree.ROOT, own)) and (first is None or first[2] != own):
        yield f'{path}: its own header "{own}" must be included first'


def compiler_flags():
    flags = subprocess.run(["pkg-config", "--cflags", *LIBRARIES], capture_output=True, text=True,
                           check=True).stdout.split()
    return ["-std=gnu17", "-D_GNU_SOURCE", '-DSLUICE_VERSION="0"', "-I" + tree.ROOT, *flags]


def check_alone(path, flags):
    """A header compiles as the only include, and twice."""
    unit = f'#include "{path}"\n#include "{path}"\n'
    done = subprocess.run(["cc", "-fsyntax-only", *flags, "-x", "c", "-"], input=unit,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"{path}: does not compile alone:\n{done.stderr}"


def main():
    folders = sys.argv[1:] or [*tree.CODE, "tests", "bench"]
    errors = []
    if not shutil.which("pkg-config"):
        tree.finish(["pkg-config is missing"])
    for path in tree.files((".c", ".h"), folders):
        errors += check_arrows(path)
        if path.endswith(".c"):
            errors += check_own_header(path)
        elif path in HIDING:
            errors.append(f"{path}: a header of liblxc's has this name")
    flags = compiler_flags()
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda h: list(check_alone(h, flags)), tree.files((".h",), folders)):
            errors += found
    tree.finish(errors)


main()

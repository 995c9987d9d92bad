#!/usr/bin/python3
"""Runs one of the lints that are programs of their own over the project's files.

usage: tools.py format|cppcheck|shellcheck|codespell [FOLDER...]
       tools.py tidy BUILD_FOLDER [FOLDER...]

clang-tidy takes seconds a file: what it found clean is remembered in BUILD_FOLDER/tidy.clean by a
hash of the file, of the headers it includes and of the configuration."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import tree

JOBS = 2
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
# Warnings of gcc that clang has never heard of are no finding.
TIDY = ["clang-tidy", "--quiet", "--extra-arg=-Wno-unknown-warning-option"]


def run(command, **how):
    """Prints what the tool says and returns 1 when it complains."""
    done = subprocess.run(command, cwd=tree.ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **how)
    if done.returncode:
        print(done.stdout)
    return 1 if done.returncode else 0


def lint_format(folders):
    return run(["clang-format", "--dry-run", "-Werror", *tree.files((".c", ".h"), folders)])


def lint_cppcheck(folders):
    sources = tree.files((".c",), folders or tree.CODE)
    return run(["cppcheck", "--quiet", "--enable=warning,performance,portability",
                "--inline-suppr", "--error-exitcode=1", "--std=c11", "--max-configs=1",
                "-D_GNU_SOURCE", '-DSLUICE_VERSION="0"', "-I.", "--suppress=missingInclude",
                "--suppressions-list=tests/lint/cppcheck.suppress", f"-j{JOBS}", *sources])


def lint_shellcheck(folders):
    scripts = tree.files((".sh",), folders, ("setup", ".ci/run", "bench/run"))
    # Only what a shell runs: bench/run might be another language's.
    scripts = [s for s in scripts if re.match(r"#!.*\bsh\b", tree.read_lines(s)[0])]
    return run(["shellcheck", *scripts]) if scripts else 0


def lint_codespell(folders):
    paths = tree.files((".c", ".h", ".md", ".py", ".sh", ".1", ".5", ".8", ".conf"), folders,
                       ("setup", ".ci/run"))
    # The tests misspell on purpose.
    paths = [p for p in paths if not p.startswith("tests/")]
    return run(["codespell", "--ignore-words=tests/lint/codespell.words", *paths])


def digest(paths):
    total = hashlib.sha256()
    for path in paths:
        with open(os.path.join(tree.ROOT, path), "rb") as data:
            total.update(hashlib.sha256(data.read()).digest())
    return total.hexdigest()


def with_headers(path, seen):
    """The file and all of ours that it includes, directly or not."""
    if path not in seen and os.path.exists(os.path.join(tree.ROOT, path)):
        seen.add(path)
        for line in tree.read_lines(path):
            match = INCLUDE.match(line)
            if match:
                with_headers(match.group(1), seen)
    return sorted(seen)


def tidy_one(build, path):
    done = subprocess.run([*TIDY, "-p", build, path], cwd=tree.ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    # Only errors of the compilation itself come on standard error.
    failed = done.returncode != 0
    return done.stdout + ("" if not failed else done.stderr) if failed or done.stdout else ""


def lint_tidy(arguments):
    build, folders = os.path.abspath(arguments[0]), arguments[1:] or tree.CODE
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as text:
        known = {os.path.relpath(c["file"], tree.ROOT) for c in json.load(text)}
    sources = sorted(p for p in known if p.endswith(".c") and tree.folder(p) in folders)
    memory = os.path.join(build, "tidy.clean")
    clean = set()
    if os.path.exists(memory):
        with open(memory, encoding="utf-8") as text:
            clean = set(text.read().split())
    work = [(p, digest([".clang-tidy", *with_headers(p, set())])) for p in sources]
    work = [(p, key) for p, key in work if key not in clean]
    failed = 0
    with ThreadPoolExecutor(JOBS) as pool:
        results = pool.map(lambda w: (w[1], tidy_one(build, w[0])), work)
        with open(memory, "a", encoding="utf-8") as text:
            for key, found in results:
                if found:
                    print(found, flush=True)
                    failed = 1
                else:
                    print(key, file=text, flush=True)
    return failed


LINTS = {
    "format": lint_format,
    "cppcheck": lint_cppcheck,
    "shellcheck": lint_shellcheck,
    "codespell": lint_codespell,
    "tidy": lint_tidy,
}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in LINTS:
        sys.exit(__doc__)
    tool = {"format": "clang-format", "tidy": "clang-tidy"}.get(sys.argv[1], sys.argv[1])
    if not shutil.which(tool):
        sys.exit(f"{tool} is missing")
    sys.exit(LINTS[sys.argv[1]](sys.argv[2:]))


main()

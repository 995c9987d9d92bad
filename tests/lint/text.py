#!/usr/bin/python3
"""What no compiler complains about: blanks at line ends, a missing last newline, carriage returns,
calls that this project does not make, and words that promise work instead of doing it.

usage: text.py [FOLDER...]"""
import os
import re
import sys

import tree

# Each with what to do instead. Not in comments, not in strings.
CALLS = {
    r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|mktemp|tmpnam)\s*\(":
        "unbounded or unsafe: use core/buf.h, snprintf or memcpy",
    r"\b(atoi|atol|atoll|strtol|strtoul|strtoll|strtoull|sscanf)\s*\(":
        "numbers from outside are parsed by core/num.h",
    r"\b(sleep|usleep)\s*\(": "wait for a condition, not for a duration",
    r"\b(system|popen)\s*\(": "no shell: core/proc.h",
    r"(?<![\w>.])signal\s*\((?!.*, SIG_(IGN|DFL)\))": "sigaction, or the loop's signal events",
}
WORDS = re.compile(r"\b(TODO|FIXME|HACK)\b")
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                               re.DOTALL)
TEXT = (".c", ".h", ".py", ".sh", ".md", ".txt", ".cmake", ".conf", ".1", ".5", ".8", ".json",
        ".service", ".in")
BAD_ON_PURPOSE = ("tests/golden/",)


def check_bytes(path, data):
    if path.startswith(BAD_ON_PURPOSE):
        return
    if data and not data.endswith("\n"):
        yield f"{path}: no newline at the end"
    if data.endswith("\n\n"):
        yield f"{path}: an empty line at the end"
    for number, line in enumerate(data.split("\n"), 1):
        if line.endswith((" ", "\t")):
            yield f"{path}:{number}: blank at the end of the line"
        if "\r" in line:
            yield f"{path}:{number}: carriage return"
        if WORDS.search(line) and not path.startswith("tests/lint/"):
            yield f"{path}:{number}: \"{WORDS.search(line).group(1)}\": do it, or leave it out"


def blank_out(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def check_calls(path, data):
    for number, line in enumerate(COMMENT_OR_STRING.sub(blank_out, data).split("\n"), 1):
        for pattern, advice in CALLS.items():
            if "system" in pattern and path.startswith("tests/"):
                continue
            match = re.search(pattern, line)
            if match:
                yield f"{path}:{number}: {match.group(0)}): {advice}"


def main():
    errors = []
    names = ("setup", ".ci/run", "LICENSE", "CMakeLists.txt", ".clang-format", ".clang-tidy")
    for path in tree.files(TEXT, sys.argv[1:], names):
        with open(os.path.join(tree.ROOT, path), encoding="utf-8", errors="replace",
                  newline="") as text:
            data = text.read()
        errors += check_bytes(path, data)
        # The programs of bench/ and tests/e2e/ stand alone, without core/.
        if path.endswith((".c", ".h")) and not path.startswith(("bench/", "tests/e2e/")):
            errors += check_calls(path, data)
    tree.finish(errors)


main()

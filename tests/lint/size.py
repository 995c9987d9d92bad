#!/usr/bin/python3
"""The size budget: no function above 80 lines, no file above 800. size.allow lists what may be
larger, one "PATH" or "PATH FUNCTION" a line; it only shrinks: an entry without need is an error.

usage: size.py [FOLDER...]"""
import os
import re
import sys

import tree

FUNCTION_MAX = 80
FILE_MAX = 800
# The style puts a function's name at the start of a line and its braces alone in column 0.
NAME = re.compile(r"^([A-Za-z_]\w*)\(")


def functions(path):
    """(name, first line, number of lines) of each function defined in a .c or .h."""
    name, start = None, 0
    for number, line in enumerate(tree.read_lines(path), 1):
        match = NAME.match(line)
        if match:
            name, start = match.group(1), number
        elif line.startswith(("#", "static", "struct", "enum")) or line.endswith(";"):
            if not line.startswith(("\t", " ")):
                name = None
        if line == "}" and name:
            yield name, start, number - start + 1
            name = None


def allowed():
    path = os.path.join(tree.ROOT, "tests/lint/size.allow")
    with open(path, encoding="utf-8") as text:
        return {line.strip() for line in text if line.strip() and not line.startswith("#")}


def main():
    permitted, used, errors = allowed(), set(), []

    def complain(entry, error):
        if entry in permitted:
            used.add(entry)
        else:
            errors.append(error)

    for path in tree.files((".c", ".h", ".py", ".sh"), sys.argv[1:], ("setup", ".ci/run")):
        lines = len(tree.read_lines(path))
        if lines > FILE_MAX:
            complain(path, f"{path}: {lines} lines, {FILE_MAX} are the limit")
        if not path.endswith((".c", ".h")):
            continue
        for name, start, length in functions(path):
            if length > FUNCTION_MAX:
                complain(f"{path} {name}", f"{path}:{start}: {name}() has {length} lines, "
                         f"{FUNCTION_MAX} are the limit")
    if not sys.argv[1:]:
        errors += [f"size.allow: no need for \"{entry}\"" for entry in sorted(permitted - used)]
    tree.finish(errors)


main()

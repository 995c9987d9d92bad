#!/usr/bin/python3
"""Lints that find nothing prove nothing: in a small tree of its own each of them must complain
about what is wrong there, and must be silent once that is gone."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GOOD = {
    "core/good.h": "#ifndef GOOD_H\n#define GOOD_H\n\n#include <stddef.h>\n\nsize_t good(void);\n\n"
                   "#endif\n",
    "core/good.c": '#include "core/good.h"\n\nsize_t\ngood(void)\n{\n\treturn 1;\n}\n',
    "conf/a.h": "typedef int a;\n",
}
# (lint, file, its text, what the lint must say)
BAD = [
    ("layers.py", "core/a.c", '#include "conf/a.h"\n', "core/ must not include conf/a.h"),
    ("layers.py", "core/a.h", "size_t a(void);\n", "does not compile alone"),
    ("layers.py", "core/good.c", '#include <stddef.h>\n#include "core/good.h"\n', "included first"),
    ("layers.py", "daemon/a.c", '#include "core/none.h"\n', "is no path from the top"),
    ("layers.py", "lxc/version.h", "\n", "a header of liblxc's has this name"),
    ("size.py", "core/a.c", "int\na(int b)\n{\n" + "\tb++;\n" * 90 + "\treturn b;\n}\n", "a() has"),
    ("size.py", "core/a.c", "int a;\n" * 801, "801 lines"),
    ("size.py", "tests/lint/size.allow", "core/none.c\n", "no need for"),
    ("text.py", "core/a.c", "int a; \n", "blank at the end"),
    ("text.py", "core/a.c", "int a;\r\n", "carriage return"),
    ("text.py", "core/a.c", "int a;", "no newline"),
    ("text.py", "core/a.c", "int a = atoi(b);\n", "core/num.h"),
    ("text.py", "core/a.c", "/* TO" "DO: b */\n", "do it, or leave it out"),
    ("tools.py format", "core/a.c", "int  a;\n", "clang-format"),
    ("tools.py cppcheck", "core/a.c", "int\na(void)\n{\n\tchar *p = 0;\n\n\treturn *p;\n}\n",
     "nullPointer"),
    ("tools.py codespell", "README.md", "rec" "ieve\n", "receive"),
    ("tools.py shellcheck", "setup", "#!/bin/sh\nrm $1/*\n", "SC2"),
]


def write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def lint(root, command):
    script, *arguments = command.split()
    done = subprocess.run([sys.executable, f"{root}/tests/lint/{script}", *arguments],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def prepare(root):
    shutil.copytree(HERE, f"{root}/tests/lint", ignore=shutil.ignore_patterns("__pycache__"))
    write(root, "tests/lint/size.allow", "")
    shutil.copy(f"{HERE}/../../.clang-format", root)
    for path, text in GOOD.items():
        write(root, path, text)


def main():
    failures = 0
    for command, path, text, expected in BAD:
        with tempfile.TemporaryDirectory(prefix="test-lint-") as root:
            prepare(root)
            status, said = lint(root, command)
            if status != 0:
                failures += 1
                print(f"{command} complains about a good tree:\n{said}")
            write(root, path, text)
            status, said = lint(root, command)
            if status == 0 or expected not in said:
                failures += 1
                print(f"{command} with {path}: status {status}, expected \"{expected}\":\n{said}")
    print(f"{len(BAD)} cases, {failures} failures")
    sys.exit(1 if failures else 0)


main()

#!/usr/bin/python3
"""Checks that the manual pages know every command, counter, endpoint and option of the tables in the sources, and no other
command or counter. Prints what is missing; exit status 1 then."""

import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]


def source(path):
    return (TOP / path).read_text()


def page(name):
    done = subprocess.run(["mandoc", "-Tascii", TOP / "docs" / name], capture_output=True, text=True,
                          check=True)
    plain = re.sub(r".\x08", "", done.stdout)
    return re.sub(r"\s+", " ", plain)


def section(name, marker):
    """The part of a page's source from a marker to the end of its list."""
    return source(f"docs/{name}").split(marker, 1)[1].split(".El", 1)[0]


def commands():
    rows = re.findall(r'X\(\w+,\s+"([^"]*)",\s+"[^"]*",\s+"([^"]*)"\)', source("daemon/ctl/ctl_commands.h"))
    return [(words, what) for words, what in rows if words != "complete"]


def counters():
    return re.findall(r'X\(\w+, "(\w+)", (\w+), \w+, "([^"]*)"\)', source("core/stats_table.h"))


def endpoints():
    rows = re.findall(r'X\(\w+,\s+"(\w+)",\s+"([^"]*)",', source("daemon/control/control_route.h"))
    return [f"{method} {path.replace('*', 'NAME').replace('!', 'VERB')}" for method, path in rows]


def check(problems):
    sluice, sluiced = page("sluice.1"), page("sluiced.8")
    listed = re.findall(r"^\.It Ic ([a-z ]+?)(?= Ar| Op| Ic|$)", section("sluice.1", "commands:"), re.M)
    if listed != [words for words, _ in commands()]:
        problems.append(f"sluice.1: commands are {listed}")
    for words, what in commands():
        if re.sub(r"\W+", " ", what.lower()) not in re.sub(r"\W+", " ", sluice.lower()):
            problems.append(f"sluice.1: {words}: {what!r} is missing")
    rows = re.findall(r"^\.It (\w+) Ta (\w+) Ta (.*)$", section("sluiced.8", "counters:"), re.M)
    wanted = [(name, process.lower(), meaning) for name, process, meaning in counters()]
    for row in set(rows) ^ set(wanted):
        problems.append(f"sluiced.8: counter {row} is {'missing' if row in wanted else 'unknown'}")
    for endpoint in endpoints():
        if endpoint not in sluiced:
            problems.append(f"sluiced.8: {endpoint} is missing")
    for option in re.findall(r'\{"([a-z-]+)", no_argument', source("daemon/main.c")):
        if f"--{option}" not in sluiced:
            problems.append(f"sluiced.8: --{option} is missing")


def main():
    problems = []
    check(problems)
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

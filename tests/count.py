#!/usr/bin/python3
"""Adds up JUnit files of ctest and pytest and ends with one line: N passed, N failed.

A file that is missing or unreadable counts as a failure: a run that broke off is not green.
"""

import sys
import xml.etree.ElementTree as ElementTree


def count(path):
    """(passed, failed, skipped) of one file."""
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main(paths):
    total = [0, 0, 0]
    for path in paths:
        try:
            total = [a + b for a, b in zip(total, count(path))]
        except (OSError, ElementTree.ParseError) as e:
            print(f"{path}: {e}")
            total[1] += 1
    if total[2]:
        print(f"{total[2]} skipped")
    print(f"{total[0]} passed, {total[1]} failed")
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The files of the project, for the lints: what is where, without asking a version control."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CODE = ("core", "conf", "proxy", "router", "lxc", "daemon")
SKIPPED = {"build", ".git", "node_modules", "__pycache__", ".pytest_cache", "corpus"}


def files(endings=(), folders=(), names=()):
    """Paths relative to ROOT, sorted: those with an ending or a whole name given, in the folders
    given (all when none is)."""
    found = []
    for start in folders or (".",):
        for path, subfolders, leaves in os.walk(os.path.join(ROOT, start)):
            subfolders[:] = [s for s in subfolders if s not in SKIPPED]
            for leaf in leaves:
                relative = os.path.relpath(os.path.join(path, leaf), ROOT)
                if leaf.endswith(tuple(endings)) or relative in names:
                    found.append(relative)
    return sorted(found)


def folder(path):
    """The first folder of a relative path."""
    return path.split("/", 1)[0]


def read_lines(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as text:
        return text.read().splitlines()


def finish(errors):
    """Prints the errors and ends: 1 when there was any."""
    for error in errors:
        print(error)
    if errors:
        print(f"{len(errors)} errors")
    sys.exit(1 if errors else 0)

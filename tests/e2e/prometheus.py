"""A strict reader of the Prometheus text format 0.0.4: what it accepts, promtool accepts too.

Own code because promtool is not everywhere; where it is, check() asks it as well.
"""

import re
import shutil
import subprocess

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL})(?:,{LABEL})*)\}})? (\S+)$")
SUFFIXES = ("_bucket", "_sum", "_count")


def _family(name, types):
    """The family that a sample belongs to: a histogram's have a suffix."""
    for suffix in SUFFIXES:
        base = name.removesuffix(suffix)
        if base != name and types.get(base) == "histogram":
            return base
    return name


def _check_histogram(name, series):
    """series: {labels without le: [(le, value), …]} of one family's buckets, and its counts."""
    for labels, buckets in series["bucket"].items():
        bounds = [float("inf") if le == "+Inf" else float(le) for le, _ in buckets]
        values = [value for _, value in buckets]
        assert bounds == sorted(set(bounds)) and bounds[-1] == float("inf"), (name, labels, bounds)
        assert values == sorted(values), (name, labels, values)
        assert series["count"][labels] == values[-1], (name, labels)
        assert labels in series["sum"], (name, labels)


def parse(text):
    """{(name, ((label, value), …)): number}; raises AssertionError for what is not the format."""
    assert text.endswith("\n"), "the last line must end"
    types, helps, samples, histograms, done = {}, {}, {}, {}, []
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, meaning = line[7:].partition(" ")
            assert re.fullmatch(NAME, name) and meaning and name not in helps, line
            helps[name] = meaning
            continue
        if line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert kind in ("counter", "gauge", "histogram") and name not in types, line
            assert kind != "counter" or name.endswith("_total"), line
            assert name in helps, f"TYPE before HELP: {line}"
            types[name] = kind
            continue
        match = SAMPLE.match(line)
        assert match, f"no sample: {line!r}"
        name, value = match[1], float(match[match.lastindex])
        labels = tuple(re.findall(LABEL, match[2] or ""))
        assert len({n for n, _ in labels}) == len(labels), line
        family = _family(name, types)
        assert family in types, f"sample without TYPE: {line}"
        if not done or done[-1] != family:
            assert family not in done, f"family in two places: {line}"
            done.append(family)
        assert (name, labels) not in samples, f"sample twice: {line}"
        samples[name, labels] = value
        if types[family] == "histogram":
            series = histograms.setdefault(family, {"bucket": {}, "sum": {}, "count": {}})
            rest = tuple(pair for pair in labels if pair[0] != "le")
            if name.endswith("_bucket"):
                series["bucket"].setdefault(rest, []).append((dict(labels)["le"], value))
            else:
                series[name.rpartition("_")[2]][rest] = value
        else:
            assert types[family] != "counter" or value >= 0, line
    for name, series in histograms.items():
        _check_histogram(name, series)
    return samples


def check(text):
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                              text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return parse(text)

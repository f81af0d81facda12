# SPDX-License-Identifier: GPL-2.0
"""Reads what l1tune export writes, strictly and by itself: nothing of it is shared with the tool."""
import re

SAMPLE = re.compile(r'([a-z0-9_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
NUMBER = re.compile(r"(?:\d+(?:\.\d{9})?|\+Inf)$")


def unescape(text):
    return re.sub(r'\\(.)', lambda m: {"n": "\n"}.get(m[1], m[1]), text)


def parse(text):
    """{(name, frozenset of labels): value as text} and {family: type}; AssertionError if it is wrong."""
    samples, types, seen, family = {}, {}, set(), None
    for line in text.split("\n")[:-1]:
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family not in types, f"a family twice: {line}"
            types[family] = kind
            continue
        if line.startswith("#"):
            continue
        m = SAMPLE.match(line)
        assert m, f"no sample: {line!r}"
        name, labels, value = m.groups()
        assert name.startswith(family), f"a sample outside its family: {line!r}"
        assert NUMBER.match(value), f"no number, or a timestamp: {line!r}"
        pairs = [(k, unescape(v)) for k, v in LABEL.findall(labels or "")]
        assert len(dict(pairs)) == len(pairs), f"a label twice: {line!r}"
        key = name, frozenset(pairs)
        assert key not in seen, f"a series twice: {line!r}"
        seen.add(key)
        samples[key] = value
    assert text.endswith("\n"), "the last line ends"
    return samples, types


def value(samples, name, /, **labels):
    return samples.get((name, frozenset((k, str(v)) for k, v in labels.items())))


def labels_of(samples, name):
    """The labels of each series of a name."""
    return [dict(labels) for sample, labels in samples if sample == name]

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune diff of two directories: fleets that are made here, and recorded ones (tests/fleet).
Usage: test-fleet.py L1TUNE"""
import copy
import json
import os
import random
import subprocess

from bench import Bench, equal, finish, ok
from fake import hist, split, write

US = 1000


class Fleets(Bench):
    """Directories of documents that differ from one that stat --json printed."""

    def __enter__(self):
        write(self.machine.sys + "/class/dmi/id/product_name", "m8i.large")
        self.machine.guest(1, [split(2, 10, "CPUID", 1000, 9, hist(b12=1000), kernel=4),
                               split(2, 30, "IO_INSTRUCTION", 100, 9, hist(b15=100), kernel=1, vmm=2)])
        self.machine.guest(2, [split(2, 10, "CPUID", 1000, 9, hist(b12=1000), kernel=4)])
        self.document = self.json("stat", "-J")
        self.files = 0
        return self

    def save(self, directory, cost=1.0, io=1.0, machine=None, **l1):
        """A file of a machine on which CPUID costs so many times as much."""
        document = copy.deepcopy(self.document)
        self.files += 1
        document["boot_id"] = f"00000000-0000-4000-8000-{machine or self.files:012d}"
        document["l1"] |= l1
        for guest in document["l2"]:
            for reason in guest["reasons"]:
                reason["kernel_ns"] = int(reason["kernel_ns"] * (cost if reason["reason"] == "CPUID" else io))
        path = os.path.join(self.directory, directory, f"{self.files}.json")
        write(path, json.dumps(document))
        return document

    def diff(self, *args, a="a", b="b"):
        return subprocess.run([*self.command("diff"), *args, self.directory + "/" + a, self.directory + "/" + b],
                              capture_output=True, text=True, env=os.environ | {"LC_ALL": "C.UTF-8"}, check=False)

    def rows(self, **kwargs):
        return json.loads(self.diff("-J", **kwargs).stdout)["fleet"]["rows"]


def verdicts(rows, measure="busy_ns_per_exit"):
    return {row["reason"]: row["verdict"] for row in rows if row["measure"] == measure}


def test_difference():
    rng = random.Random(1)
    with Fleets() as b:
        for _ in range(8):
            b.save("a", rng.gauss(1, 0.02), rng.gauss(1, 0.02), kernel="6.1")
            b.save("b", rng.gauss(1.2, 0.02), rng.gauss(1, 0.02), kernel="6.12")
        rows = b.rows()
        equal(verdicts(rows), {"CPUID": "higher", "IO_INSTRUCTION": "same"},
              "diff of two fleets of 8 finds 20 % more for CPUID, and no change for IO_INSTRUCTION")
        cpuid = next(row for row in rows if row["reason"] == "CPUID")
        # Two guests with 4 ms in 1000 exits each: 4 us per exit, and 20 % more.
        ok(abs(cpuid["a"]["median"] - 4 * US) < 100 and abs(cpuid["b"]["median"] - 4.8 * US) < 100,
           "diff of two fleets has the median cost of an exit of each", cpuid)
        ok(abs(cpuid["change_ratio"] - 0.2) < 0.03, "diff of two fleets has the ratio of the change", cpuid)
        # All of A below all of B: 2 of 12870 ways, corrected for four rows.
        ok(abs(cpuid["p"] - 2 / 12870 * 4) < 1e-9,
           "diff of two fleets has the p-value, corrected for the number of rows", cpuid)
        lines = b.diff().stdout.splitlines()
        equal([line.split(": ", 1)[1] for line in lines[:2]], ["8 loads of the module; Linux 6.1; type m8i.large", "8 loads of the module; Linux 6.12; type m8i.large"],
              "diff of two fleets shows loads, kernel and type of each")
        equal(lines[2].split(),
              "MEASURE REASON FILES_A MEDIAN_A SPREAD_A FILES_B MEDIAN_B SPREAD_B DIFF CHANCE VERDICT".split(),
              "diff of two fleets prints its columns")
        equal([line.split()[1] for line in lines[3:5]], ["CPUID", "IO_INSTRUCTION"],
              "diff of two fleets sorts significant rows first")
        equal(set(verdicts(b.rows(b="a")).values()), {"same"}, "diff of a fleet with itself finds no difference")


def test_by_chance():
    """Of 200 pairs of equal fleets, about one in 20 may show any difference."""
    rng = random.Random(2)
    wrong = 0
    with Fleets() as b:
        for n in range(60):
            for _ in range(6):
                b.save(f"a{n}", rng.gauss(1, 0.1), rng.gauss(1, 0.1))
                b.save(f"b{n}", rng.gauss(1, 0.1), rng.gauss(1, 0.1))
            wrong += any(v in ("higher", "lower") for v in verdicts(b.rows(a=f"a{n}", b=f"b{n}")).values())
    ok(wrong <= 6, "diff of 60 pairs of fleets that differ by noise finds a difference in at most 6", wrong)


def test_few():
    with Fleets() as b:
        for _ in range(3):
            b.save("a")
            b.save("b", 2)
        r = b.diff()
        equal({line.split()[-2] + " " + line.split()[-1] for line in r.stdout.splitlines()[3:]}, {"too few"},
              "diff of two fleets of three files has too few files for a verdict")
        equal(r.stderr, "l1tune: too few files to tell 4 differences from chance: 5 loads on each side are enough\n",
              "diff of two fleets says how many files are enough")
        b.save("a", machine=1)
        found = json.loads(b.diff("-J").stdout)["fleet"]
        equal([found["a"]["loads"], found["a"]["earlier_files"]], [3, 1],
              "diff of two fleets counts two files of one load as one")


def test_types():
    with Fleets() as b:
        for _ in range(8):
            for directory, cost in ("a", 1), ("b", 1.5):
                b.save(directory, cost if directory == "b" else 1, type="m8i.large")
                b.save(directory, 3, type="c8i.large")
        b.save("b", type="r8i.large")
        rows = b.rows()
        equal({(row["type"], row["verdict"]) for row in rows if row["reason"] == "CPUID" and row["measure"] == "busy_ns_per_exit"},
              {("m8i.large", "higher"), ("c8i.large", "same"), ("r8i.large", "one_side")},
              "diff of two fleets compares each instance type with itself")
        equal(b.diff().stdout.splitlines()[2].split()[0], "TYPE",
              "diff of two fleets of several types has a column TYPE")


def test_wrong():
    with Fleets() as b:
        os.mkdir(b.directory + "/a")
        b.save("b")
        r = b.diff()
        equal([r.returncode, r.stderr], [1, f"l1tune: {b.directory}/a: no file *.json of l1tune stat --json\n"],
              "diff of two fleets exits with 1 for an empty directory")
        b.save("a")
        write(b.directory + "/a/other.json", "{}")
        r = b.diff("-J")
        equal([json.loads(r.stdout)["fleet"]["a"]["loads"], r.stderr], [1, f"l1tune: {b.directory}/a/other.json: not a document of l1tune stat --json\n"],
              "diff of two fleets names a file that is not of l1tune stat --json, and leaves it out")
        b.document["l2"][0] |= {"comm": "l1tune-canary", "uid": 1000}
        b.save("other")
        b.document["l2"][0]["uid"] = 0
        b.save("canary")
        rates = [row["a"]["median"] for a in ("other", "canary") for row in b.rows(a=a)
                 if (row["reason"], row["measure"]) == ("IO_INSTRUCTION", "exits_per_second")]
        equal([rate > 0 for rate in rates], [True, False],
              "diff of two fleets leaves out the canary's guest if it is root's, and no other of that name")


# What the guest that selftests/fleet records must have taken (selftests/vmm/README.md).
COUNTS = {"cpuid": 5000, "io": 1000 + 2, "npf": 2000 + 5, "hypercall": 1000}


class Recorded(Bench):
    """Files that selftests/fleet recorded: in each the costs of round trips, and documents of stat --json."""

    def __enter__(self):
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fleet")
        self.costs, self.documents = {}, {}
        for boot in sorted(os.listdir(here)):
            with open(os.path.join(here, boot), encoding="utf-8") as f:
                lines = f.read().splitlines()
            costs = [line.split() for line in lines if line.startswith("cost ")]
            self.costs[boot] = {kind: float(instructions) for _, _, kind, _, instructions, _ in costs}
            self.documents[boot] = [line for line in lines if line.startswith("{")]
            for number, line in enumerate(self.documents[boot]):
                write(f"{self.directory}/{boot}/{number}.json", line)
        return self

    def rows(self, a, b):
        r = self.run("diff", "-J", self.directory + "/" + a, self.directory + "/" + b)
        return {(row["measure"], row["reason"]): row for row in json.loads(r.stdout)["fleet"]["rows"]}


def test_recorded():
    """Eight loads on each of two boots of one kernel, and on a boot of another."""
    with Recorded() as b:
        equal({boot: len(documents) for boot, documents in b.documents.items()},
              {"6.1-first": 8, "6.1-second": 8, "6.12": 8},
              "the recorded fleets have 8 loads for each of three boots")
        counts = [{r["reason"]: r["count"] for r in json.loads(line)["l2"][0]["reasons"] if r["reason"] in COUNTS}
                  for documents in b.documents.values() for line in documents]
        equal([c for c in counts if c != COUNTS], [], "each guest of the recorded fleets has the expected exit counts")
        for a, other in ("6.1-first", "6.1-second"), ("6.1-second", "6.1-first"):
            equal({row["verdict"] for row in b.rows(a, other).values()}, {"same"},
                  f"diff of the recorded fleets {a} and {other}, which have one kernel, finds no difference")
        # Counted in instructions by the guest's clock, without the module: the whole round trip.
        change = b.costs["6.12"]["ept"] - b.costs["6.1-first"]["ept"]
        ok(change < -300, "recorded fleets: a page fault's round trip takes fewer instructions on 6.12", b.costs)
        for first in "6.1-first", "6.1-second":
            rows = b.rows(first, "6.12")
            row = rows["busy_ns_per_exit", "npf"]
            found = row["b"]["median"] - row["a"]["median"]
            equal(row["verdict"], "lower", f"diff of the recorded fleets {first} and 6.12 finds cheaper page faults")
            ok(change <= found <= change / 2,
               f"recorded fleets {first} and 6.12: KVM's part is between half and all of the change", [change, found])


print("KTAP version 1")
test_difference()
test_by_chance()
test_few()
test_types()
test_wrong()
test_recorded()
finish()

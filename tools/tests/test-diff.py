#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune diff of files and of guests. Usage: test-diff.py L1TUNE"""
import json
import os
import subprocess

from bench import Bench, equal, finish, ok, on_terminal, wait_for_look
import fake
from fake import cell, hist

MS = 1_000_000
COLUMNS = "LEVEL,REASON,RATE_A,RATE_B,TIME_A,TIME_B,AVG_A,AVG_B,P99_A,P99_B,CHANGE,IN"


def split(level, code, reason, count, bucket, **parts):
    """A cell with its parts, in ms."""
    return fake.split(level, code, reason, count, 9 * MS, hist(**{f"b{bucket}": count}), **parts)


HEALTHY = [split(2, 10, "CPUID", 1000, 10, kernel=1), split(2, 30, "IO_INSTRUCTION", 100, 18, kernel=5, vmm=5),
           split(2, 12, "HLT", 100, 33, kernel=10, halted=9_000), split(2, 28, "CR_ACCESS", 7, 10)]
SICK = [split(2, 10, "CPUID", 1000, 22, kernel=1, runq=800),
        split(2, 30, "IO_INSTRUCTION", 500, 20, kernel=25, vmm=225, vmm_sleep=900),
        split(2, 12, "HLT", 10, 33, kernel=1, halted=1_000), split(3, 10, "CPUID", 10, 10, kernel=2)]


def save(bench, name, cells, interval_ns=10**9, **changes):
    """A document of stat --json about one guest, as if it were of an interval."""
    bench.machine.guest(9, cells)
    document = bench.json("stat", "-J", "9")
    document["l2"][0]["interval_ns"] = interval_ns
    document["interval_ns"] = interval_ns
    document |= changes
    path = os.path.join(bench.directory, name)
    with open(path, "w", encoding="ascii") as f:
        json.dump(document, f)
    bench.remove(9)
    return path


def rows(result):
    return [line.split() for line in result.stdout.splitlines()]


def test_files():
    with Bench() as b:
        healthy, sick = save(b, "healthy.json", HEALTHY), save(b, "sick.json", SICK, 2 * 10**9)
        r = b.run("diff", "--noheadings", "-o", COLUMNS, healthy, sick)
        equal(rows(r), [
            "2 CPUID 1000 500 0.1% 40.1% 1.00\u00b5s 801\u00b5s 1.02\u00b5s 4.19ms +40.0% runq".split(),
            "2 IO_INSTRUCTION 100 250 1.0% 57.5% 100\u00b5s 1.05ms 262\u00b5s 1.05ms +11.5% vmm"
            .split(),
            "2 HLT 100 5.00 901% 50.0% 9.00ms 9.00ms >4.29s >4.29s -0.9% kernel".split(),
            "3 L3 CPUID 0.00 5.00 0.0% 0.1% - 1.02\u00b5s - 1.02\u00b5s +0.1% kernel".split(),
            "2 CR_ACCESS 7.00 0.00 0.0% 0.0% 0ns - 0ns - 0.0% -".split(),
        ], "diff of two files sorts by change and leaves out halted and VMM sleep time")
        r = b.run("diff", healthy, sick)
        equal(rows(r)[0], "REASON RATE_A RATE_B TIME_A TIME_B AVG_A AVG_B P99_A P99_B CHANGE IN"
              .split(), "diff of two files has its columns")
        text = on_terminal(b.command("diff", healthy, sick), NO_COLOR="1")
        ok(max(map(len, text.splitlines())) <= 80 and "+40.0%" in text,
           "diff of two files is at most 80 columns wide on a terminal", text)
        r = b.run("diff", "--noheadings", "-o", "REASON,CHANGE", sick, healthy)
        equal(rows(r)[0], ["CPUID", "-40.0%"], "diff of two files in the other order has a negative change")
        r = b.run("diff", "--noheadings", "-o", "CHANGE,IN", healthy, healthy)
        equal(set(map(tuple, rows(r))), {("0.0%", "-")}, "diff of a file with itself shows no change")
        d = b.json("diff", "-J", healthy, sick)["diff"]
        cpuid = d["reasons"][0]
        equal([cpuid["reason"], cpuid["level"], cpuid["a"]["per_second"], cpuid["b"]["per_second"],
               cpuid["b"]["runq_ns"], cpuid["b"]["avg_ns"], cpuid["b"]["p99_le_ns"],
               cpuid["change_in"], round(cpuid["change_per_second"], 4)],
              ["CPUID", 2, 1000, 500, 800 * MS, 801_000, 2**22, "runq_ns", 0.3995],
              "diff --json has rates, times, averages and the change of each reason")
        equal([d["a"], d["b"]["ids"]], [{"file": healthy, "ids": [9]}, [9]],
              "diff --json names both files and the ids of their guests")
        with open(healthy, encoding="ascii") as f:
            document = json.load(f)
        document["l2"] *= 2
        both = os.path.join(b.directory, "both.json")
        with open(both, "w", encoding="ascii") as f:
            json.dump(document, f)
        r = b.run("diff", "--noheadings", "-o", "REASON,RATE_B,TIME_B", healthy, both)
        ok(["CPUID", "2000", "0.2%"] in rows(r), "diff sums all guests of a file", r.stdout)
        old = save(b, "old.json", [cell(2, 12, "HLT", 5, 900 * MS, 1, hist(b9=5)),
                                   cell(2, 10, "CPUID", 5, 3 * MS, 1, hist(b9=5))])
        r = b.run("diff", "--noheadings", "-o", "REASON,CHANGE,IN", old, healthy)
        ok(["HLT", "+1.0%", "-"] in rows(r) and ["CPUID", "-0.2%", "-"] in rows(r),
           "diff with a file of an older module shows no part for a change", r.stdout)
    with Bench(load=False) as b:
        b.machine.load()
        paths = save(b, "a.json", HEALTHY), save(b, "b.json", SICK)
        os.rename(b.machine.sys, b.machine.sys + "-away")
        r = b.run("diff", "--noheadings", "-o", "REASON,CHANGE", *paths)
        equal([r.returncode, r.stderr, rows(r)[:1]], [0, "", [["CPUID", "+80.0%"]]], "diff of two files works without the module")
        os.rename(b.machine.sys + "-away", b.machine.sys)


def test_wrong_files():
    with Bench() as b:
        good = save(b, "good.json", HEALTHY)
        with open(good, encoding="ascii") as f:
            text = f.read()
        document = json.loads(text)
        guest = document["l2"][0]
        reason = guest["reasons"][0]

        def changed(**changes):
            return json.dumps(document | {"l2": [guest | {"reasons": [reason | changes]}]})
        for content, expected in (
                ("", "bad.json"), (text[:-9], "bad.json"), (text + "\n" + text, "a single line"),
                ("[]", "not a document"), ('"x"', "bad.json"), ("{}", "not a document"),
                (json.dumps(document | {"schema": 1}), "unsupported schema version"),
                (json.dumps(document | {"l2": None}), "no guests in it"),
                (json.dumps(document | {"l2": [3]}), "no valid reasons"),
                (json.dumps(document | {"l2": [{k: guest[k] for k in guest if k != "reasons"}]}),
                 "save l1tune stat --json"),
                (json.dumps(document | {"l2": [guest | {"interval_ns": 0}]}), "no valid reasons"),
                (changed(reason="x" * 48), "no valid reasons"), (changed(level=4), "no valid reasons"),
                (changed(count=-1), "no valid reasons"), (changed(code=2**32), "no valid reasons"),
                (changed(hist=[0] * 65), "no valid reasons"), (changed(hist=["x"]), "no valid reasons"),
                (changed(hist=None), "no valid reasons"), (changed(reason=7), "no valid reasons")):
            bad = os.path.join(b.directory, "bad.json")
            with open(bad, "w", encoding="ascii") as f:
                f.write(content)
            r = b.run("diff", good, bad)
            ok(r.returncode == 1 and expected in r.stderr and "bad.json" in r.stderr and
               not r.stdout, f"diff refuses a file that begins with {content[:20]!r} and says: {expected}", r)
        r = b.run("diff", good, b.directory + "/nosuch.json")
        ok(r.returncode == 1 and "nosuch.json" in r.stderr, "diff names a file that does not exist", r)
        for args, said in (([], "too few arguments"), ([good], "too few arguments"), ([good, good, good], "too many arguments"),
                           ([good, "pid:x"], "'pid:x' is neither a file nor a guest"), (["-o", "NOSUCH", good, good], "unknown column 'NOSUCH'"),
                           (["-c", "1", good, good], "unknown option '-c'")):
            r = b.run("diff", *args)
            ok(r.returncode == 2 and said in r.stderr and not r.stdout,
               f"diff {' '.join(map(os.path.basename, args))} exits with 2 and says: {said}", r)


def test_guests():
    with Bench() as b:
        b.machine.guest(1, HEALTHY)
        b.machine.guest(2, HEALTHY)
        b.machine.process(1001, ["qemu", "-name", "web"])
        p = subprocess.Popen(b.command("diff", "-J", "-i", "1", "web", "2"), text=True,
                             stdout=subprocess.PIPE)
        wait_for_look(p)
        b.machine.guest(1, [split(2, 10, "CPUID", 1100, 10, kernel=1)] + HEALTHY[1:])
        b.machine.guest(2, [split(2, 10, "CPUID", 1200, 10, kernel=101)] + HEALTHY[1:])
        d = json.loads(p.communicate(timeout=20)[0])["diff"]
        equal([p.returncode, d["a"], d["b"]], [0, {"guest": "web", "ids": [1]},
                                               {"guest": "2", "ids": [2]}],
              "diff --json of two guests names both guests and their ids")
        cpuid = d["reasons"][0]
        equal([cpuid["reason"], cpuid["a"]["count"], cpuid["b"]["count"], cpuid["change_in"]],
              ["CPUID", 100, 200, "kernel_ns"], "diff --json of two guests counts the exits of the interval")
        ok(0.08 < cpuid["change_per_second"] < 0.11,
           "diff --json of two guests has the change per second", cpuid["change_per_second"])
        equal(len(d["reasons"]), 1, "diff --json of two guests has only reasons with exits in the interval")
        path = save(b, "saved.json", SICK)
        r = b.run("diff", "--noheadings", "-i", "0.1", "-o", "REASON,RATE_A,RATE_B", path, "1")
        ok(["CPUID", "1000", "0.00"] in rows(r), "diff compares a file and a guest", r)
        r = b.run("diff", "-i", "0.1", "1", "nosuch")
        ok(r.returncode == 4 and "nosuch" in r.stderr, "diff exits with 4 for a guest that does not exist", r)
        r = b.run("diff", "-i", "0.1", "1", "uid:0")
        ok(r.returncode == 2 and "2 guests" in r.stderr and not r.stdout,
           "diff exits with 2 if one argument matches two guests", r)


print("KTAP version 1")
for test in test_files, test_wrong_files, test_guests:
    test()
finish()

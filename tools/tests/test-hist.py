#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The pictures that l1tune hist draws. Usage: test-hist.py L1TUNE"""
import json
import os
import re
import subprocess

from bench import Bench, end_of, equal, finish, ok, on_terminal, wait_for_look
from fake import cell, hist, split

MS = 1_000_000
IO = split(2, 30, "IO_INSTRUCTION", 1000, 30 * MS, hist(b10=20, b11=600, b13=300, b24=80),
           kernel=50, vmm=150, vmm_sleep=50, blocked=50, runq=100)
CPUID = split(2, 10, "CPUID", 10, MS, hist(b10=10), kernel=1)
NESTED = cell(3, 10, "CPUID", 5, MS, MS, hist(b11=5))

PICTURE = """\
IO_INSTRUCTION of vmm (l2-1): 1000 exits
avg 400us  p50 <=2.05us  p90 <=8.19us  p99 <=16.8ms  max 30.0ms

    0ns - 1.02us         20 #                 kernel     50.0ms  12.5% #
 1.02us - 2.05us        600 ################  vmm         150ms  37.5% ###
 2.05us - 4.10us          0                   vmm_sleep  50.0ms  12.5% #
 4.10us - 8.19us        300 ########          halted        0ns   0.0%
 8.19us - 16.4us          0                   blocked    50.0ms  12.5% #
 16.4us - 32.8us          0                   runq        100ms  25.0% ##
 32.8us - 65.5us          0                   throttled     0ns   0.0%
 65.5us - 131us           0                   total       400ms
  131us - 262us           0
  262us - 524us           0
  524us - 1.05ms          0
 1.05ms - 2.10ms          0
 2.10ms - 4.19ms          0
 4.19ms - 8.39ms          0
 8.39ms - 16.8ms         80 ##
"""


def without_rate(text):
    """Since the start the rate depends on the machine's uptime."""
    first, rest = text.split("\n", 1)
    return first.rsplit(",", 1)[0] + "\n" + rest


def test_picture():
    with Bench() as b:
        b.machine.guest(1, [IO, CPUID, NESTED])
        for reason in "IO_INSTRUCTION", "io_instruction", "30":
            r = b.run("hist", "1", reason, locale="C")
            equal(without_rate(r.stdout), PICTURE, f"hist 1 {reason} prints the histogram and the parts of the time")
        r = b.run("hist", "1", "30")
        lines = r.stdout.splitlines()
        ok("\u2588" * 16 + "  vmm" in lines[4] and "\u00b5s" in lines[4] and "#" not in r.stdout,
           "hist draws block characters in a UTF-8 locale", r.stdout)
        ok(lines[3].split("20 ")[1].startswith("\u258c"), "hist draws a part of a block for a short bar", lines[3])
        for width in 72, 80, 120:
            text = on_terminal(b.command("hist", "1", "30"), columns=width, NO_COLOR="1")
            widest = max(map(len, text.splitlines()))
            ok(width - 12 < widest <= width, f"hist fills a terminal of {width} columns", text)
        for width in 40, 60, 71:
            text = on_terminal(b.command("hist", "1", "30"), columns=width, NO_COLOR="1")
            _, picture, parts = text.replace("\r", "").split("\n\n")
            widest = max(map(len, picture.splitlines()))
            ok(widest == width and [line.split()[0] for line in parts.splitlines()] ==
               ["kernel", "vmm", "vmm_sleep", "halted", "blocked", "runq", "throttled", "total"],
               f"hist at a width of {width} prints the parts of the time below the histogram", text)
        r = b.run("hist", "1", "cpuid", locale="C")
        titles = [line.split(":")[0] for line in r.stdout.splitlines() if " of " in line]
        equal(titles, ["CPUID of vmm (l2-1)", "L3 CPUID of vmm (l2-1)"], "hist shows exits of both levels")
        r = b.run("hist", "-l", "3", "1", "cpuid", locale="C")
        ok(r.stdout.startswith("L3 CPUID of vmm (l2-1): 5 exits") and "total" in r.stdout and
           "kernel" not in r.stdout,
           "hist -l 3 prints that level only, and no parts if its time is not split", r.stdout)
        r = b.run("hist", "--bytes", "1", "30", locale="C")
        ok("p99 <=16777216" in r.stdout and "150000000" in r.stdout, "hist --bytes prints plain nanoseconds", r.stdout)
        r = b.run("hist", "1", locale="C")
        equal([line.split() for line in r.stdout.splitlines()], [
            ["REASON", "COUNT", "AVG", "P99", "MAX"], ["IO_INSTRUCTION", "1000", "400us", "16.8ms", "30.0ms"],
            ["CPUID", "10", "1.02us", "1.02us", "1.00ms"], ["L3", "CPUID", "5", "200us", "2.05us", "1.00ms"]],
              "hist GUEST lists the guest's reasons, the most frequent first")
        ok("CPUID" in b.run("hist", "-l", "3", "1").stdout and "IO_" not in b.run("hist", "-l", "3", "1").stdout,
           "hist -l 3 GUEST lists the reasons of that level only")
        equal([r["reason"] for r in b.json("hist", "-J", "1")["hist"]["reasons"]], ["CPUID", "IO_INSTRUCTION", "CPUID"],
              "hist --json GUEST has the histograms of all reasons")
        b.machine.guest(1, [split(2, 12, "HLT", 100, 9_000 * MS, hist(b32=50, b33=50), halted=600_000)])
        text = b.run("hist", "1", "hlt", locale="C").stdout
        ok("p50 <=4.29s  p90 >4.29s  p99 >4.29s  max 9.00s" in text and "  4.29s - 9.00s " in text,
           "hist prints a percentile in the last bucket as above its lower bound", text)
        text = b.run("hist", "--bytes", "1", "hlt", locale="C").stdout
        ok("\n2147483648 - 4294967296        50 #" in text and "\n4294967296 - 9000000000        50 #" in text,
           "hist --bytes prints bounds of ten digits in full", text)
        b.machine.guest(1, [IO, CPUID, NESTED])
        d = b.json("hist", "-J", "1", "cpuid")
        equal([d["schema"], d["hist"]["id"], [r["level"] for r in d["hist"]["reasons"]],
               d["hist"]["reasons"][0]["hist"]], [2, 1, [2, 3], hist(b10=10)],
              "hist --json GUEST REASON has the reason's histogram at each level")


def test_errors():
    with Bench() as b:
        b.machine.guest(1, [IO, CPUID])
        b.machine.guest(2, [IO])
        for args, status, words in (
                ([], 2, "GUEST"), (["1", "-i", "1"], 2, "-i needs a REASON"), (["1", "30", "x"], 2, "too many arguments"),
                (["1", "nope"], 1, "no exit 'nope': l1tune hist 1 lists"), (["-l", "4", "1", "30"], 2, "2"),
                (["-l", "3", "1", "30"], 1, "at level 3"), (["9", "30"], 4, "'9'"),
                (["name:*", "30"], 2, "2 guests"), (["1", "30\x1b"], 1, "30\\x1b")):
            r = b.run("hist", *args)
            ok(r.returncode == status and words in r.stderr and not r.stdout,
               f"hist {args!r} prints an error and exits with {status}", r)


def test_intervals():
    with Bench() as b:
        b.machine.guest(1, [IO])
        p = subprocess.Popen(b.command("hist", "-J", "-i", "1", "-c", "2", "1", "30"), text=True,
                             stdout=subprocess.PIPE)
        wait_for_look(p)
        b.machine.guest(1, [split(2, 30, "IO_INSTRUCTION", 1003, 30 * MS, hist(b10=20, b11=603, b13=300, b24=80),
                                  kernel=50, vmm=150, vmm_sleep=50, blocked=50, runq=101)])
        first, second = (json.loads(p.stdout.readline())["hist"]["reasons"][0] for _ in range(2))
        equal(end_of(p), 0, "hist -c 2 exits with 0 after two intervals")
        p.stdout.close()
        equal([first["count"], first["hist"], first["runq_ns"], second["count"]],
              [3, hist(b11=3), MS, 0], "hist --interval has the difference of counts, histogram and parts")
        r = b.run("hist", "-i", "0.1", "-c", "1", "1", "30", locale="C")
        ok(r.returncode == 0 and ": 0 exits, 0.00/s\navg -  p50 -  p90 -  p99 -\n" in r.stdout,
           "hist --interval prints - for average and percentiles without exits", r)


HEAT = """\
io_instruction of vmm (l2-1)
exits in each bucket:  .. 1+  :: 10+  ** 100+  ## 1000+

TIME         EXITS     P99  0         16.4us    524us     16.8ms    537ms
TIME      1113  2.05us  ##**
TIME        11  33.6ms  ..                            ::
TIME         0       -
"""


def test_heat():
    with Bench() as b:
        b.machine.guest(1, [IO, CPUID])
        with subprocess.Popen(b.command("hist", "--heat", "-i", "1", "-c", "3", "1", "io_instruction"), text=True,
                              stdout=subprocess.PIPE, env=os.environ | {"LC_ALL": "C"}) as p:
            wait_for_look(p)
            lines = []
            for more in (hist(b10=1020, b11=713, b13=300, b24=80), hist(b10=1021, b11=713, b13=300, b24=80, b25=10), None):
                if more:
                    b.machine.guest(1, [split(2, 30, "IO_INSTRUCTION", sum(more), 30 * MS, more, kernel=50), CPUID])
                lines += [p.stdout.readline() for _ in range(1 if lines else 5)]
        text = re.sub(r"^\d\d:\d\d:\d\d", "TIME", "".join(lines), flags=re.M)
        equal([text, p.returncode], [HEAT, 0], "hist --heat prints a line for each interval")
        r = b.run("hist", "--heat", "-i", "0.1", "-c", "1", "1")
        ok(r.stdout.startswith("all exits but HLT of vmm (l2-1)\n") and "\u2588\u2588 1000+" in r.stdout and r.returncode == 0,
           "hist --heat GUEST counts all exits but HLT, and draws block characters in UTF-8", r)
        text = on_terminal(b.command("hist", "--heat", "-i", "0.1", "-c", "1", "1"))
        ok("\033[31m" in text, "hist --heat prints colours on a terminal", text)
        r = b.run("hist", "--heat", "1")
        ok(r.returncode == 2 and "--heat needs --interval" in r.stderr,
           "hist --heat without --interval exits with 2", r)


print("KTAP version 1")
for test in test_picture, test_errors, test_intervals, test_heat:
    test()
finish()

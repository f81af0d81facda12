#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune about guests that end while it observes them. Usage: test-ended.py L1TUNE"""
import json
import os
import subprocess
import time

from bench import Bench, equal, finish, ok, wait_for_look
from fake import cell, hist

MS = 1_000_000


def cpuid(count, kernel=10):
    """A cell with its parts, in ms."""
    return [cell(2, 10, "CPUID", count, kernel * MS, 9 * MS, hist(b10=count), kernel_ns=kernel * MS,
                 vmm_ns=0, vmm_sleep_ns=0, halted_ns=0, blocked_ns=0, runq_ns=0, throttled_ns=0)]


def machine_of(bench, *numbers):
    for number in numbers:
        bench.machine.guest(number, cpuid(1000), exits=1000)
        bench.machine.process(1000 + number, ["qemu", "-name", f"web{number}"])


def observe(bench, *args, after=0.4, ends=(1,), count=1500):
    """Guests exit more often and, so many seconds later, end while the tool observes them."""
    with subprocess.Popen(bench.command(*args), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=os.environ | {"LC_ALL": "C.UTF-8"}) as p:
        wait_for_look(p)
        for number in ends:
            bench.machine.exits(number, cpuid(count, kernel=20))
        time.sleep(after)
        for number in ends:
            bench.remove(number)
        out, err = p.communicate(timeout=30)
        return subprocess.CompletedProcess(args, p.returncode, out, err)


def sentence(text):
    """How long a guest lived, in tenths of a second, by what is said of it; None if nothing is."""
    words = text.split()
    if "after" not in words or "what follows is for that time" not in text:
        return None
    return round(float(words[words.index("after") + 1]) * 10)


def test_others_go_on():
    with Bench() as b:
        machine_of(b, 1, 2)
        r = observe(b, "list", "-J", "-i", "1.2", "-c", "1")
        guests = {g["id"]: g for g in json.loads(r.stdout)["l2"]}
        ok(r.stderr.startswith("l1tune: guest 1 (web1) ended after ") and 2 <= sentence(r.stderr) <= 5 and
           r.returncode == 0, "list says which guest ended, and when", r)
        equal([guests[1]["ended"], guests[2]["ended"], 2e8 < guests[1]["interval_ns"] < 5e8,
               guests[2]["interval_ns"] > 1e9, guests[1]["kernel_ns"]], [True, False, True, True, 10 * MS],
              "JSON has the part of the interval that the guest lived")
        machine_of(b, 1)
        r = observe(b, "stat", "--noheadings", "-o", "GUEST,REASON,COUNT", "-i", "1.2", "-c", "1", "1", "2")
        ok(r.stdout.split() == ["1", "CPUID", "500"] and sentence(r.stderr) and r.returncode == 0,
           "stat counts what the guest did before it ended", r)
        machine_of(b, 1)
        r = observe(b, "stat", "--noheadings", "-o", "GUEST,COUNT", "-i", "0.7", "-c", "2")
        ok(r.stdout.split() == ["1", "500"] and r.stderr.count("ended") == 1 and r.returncode == 0,
           "the interval after it knows nothing of it", r)


def test_the_only_one():
    with Bench() as b:
        machine_of(b, 1, 2)
        r = observe(b, "hist", "-i", "1.2", "-c", "1", "web1", "CPUID")
        ok("CPUID of web1 (l2-1): 500 exits" in r.stdout and sentence(r.stderr) and r.returncode == 0,
           "hist shows the guest's exits before it ended", r)
        machine_of(b, 1)
        r = observe(b, "stat", "-i", "1.2", "web1")
        ok("500" in r.stdout and r.returncode == 0 and r.stderr.count("\n") == 1,
           "stat ends when all guests that it is to show have ended", r)
        machine_of(b, 1)
        r = observe(b, "diff", "--noheadings", "-o", "REASON,RATE_A,RATE_B", "-i", "1.2", "1", "2")
        rate = float(r.stdout.split()[1]) if r.stdout else 0
        ok(1000 < rate < 2600 and r.stdout.split()[2] == "0.00" and r.returncode == 0,
           "diff takes the rate of the time that the guest lived", r)


def test_nothing_learned():
    with Bench() as b:
        for args in (["stat", "-i", "0.1", "1"], ["hist", "-i", "0.1", "1", "CPUID"],
                     ["list", "-i", "0.1", "web1"], ["diff", "-i", "0.1", "1", "2"]):
            machine_of(b, 1, 2)
            r = observe(b, *args, after=0)
            ok(r.returncode == 4 and not r.stdout and
               r.stderr == "l1tune: guest 1 (web1) ended in the interval; its exits in it are unknown\n",
               f"{args[0]}: a guest that ended before it was seen again is said to be unknown", r)
        machine_of(b, 1)
        r = observe(b, "list", "-J", "-i", "0.1", "-c", "1", "1", "2", after=0)
        ok(r.returncode == 0 and [g["id"] for g in json.loads(r.stdout)["l2"]] == [2] and "are unknown" in r.stderr,
           "the other guest is shown", r)


def test_restart():
    with Bench() as b:
        machine_of(b, 1)
        with subprocess.Popen(b.command("hist", "-i", "1", "-c", "2", "name:web*", "CPUID"), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
            wait_for_look(p)
            time.sleep(0.4)
            machine_of(b, 2)
            b.remove(1)
            out, err = p.communicate(timeout=30)
        ok("web1 (l2-1): 0 exits" in out and "web2 (l2-2): 0 exits" in out and "guest 1 (web1) ended" in err and
           p.returncode == 0, "the guest that takes the place of one that ended is shown from the next interval on",
           out + err)
        with subprocess.Popen(b.command("list", "-J", "-i", "0.5", "-c", "1"), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
            wait_for_look(p)
            b.machine.load(loaded_ns=6_000_000_000)
            b.remove(2)
            out, err = p.communicate(timeout=30)
        ok("loaded again" in err and "ended" not in err and json.loads(out)["l2"] == [] and p.returncode == 0,
           "after the module was loaded again no guest is said to have ended", out + err)


print("KTAP version 1")
for test in test_others_go_on, test_the_only_one, test_nothing_learned, test_restart:
    test()
finish()

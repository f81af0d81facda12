#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
VMMs that keep files of theirs in /proc from being read, as one whose memory map is locked
while a page fault waits for FUSE does: others are shown all the same. A FIFO without a
writer stands for such a file. Usage: test-withheld.py L1TUNE
"""
import json
import os
import time

from advised import Advised, exits
from bench import Bench, equal, finish, ok
from fake import fixed
from world import SECOND, Steps, World

# All waits together take ten seconds, each at most two, and after that a tenth of a second.
MANY = 9


def withhold(bench, pid, name="cmdline"):
    """Its file is a FIFO from now on."""
    path = f"{bench.machine.proc}/{pid}/{name}"
    if os.path.exists(path):
        os.unlink(path)
    os.mkfifo(path)
    return path


def vmm(bench, number):
    bench.machine.guest(number)
    bench.machine.process(1000 + number, ["/usr/bin/qemu-system-x86_64", "-name", f"web{number}"])


def timed(bench, *args):
    start = time.monotonic()
    r = bench.run(*args)
    return r, time.monotonic() - start


def names_of(document):
    return {guest["id"]: guest["name"] for guest in document["l2"]}


def test_names():
    with Bench() as b:
        for number in range(1, MANY + 3):
            vmm(b, number)
        for number in range(2, MANY + 2):
            withhold(b, 1000 + number)
        r, seconds = timed(b, "list", "--json")
        guests = json.loads(r.stdout)["l2"]
        expected = {number: "vmm" for number in range(2, MANY + 2)} | {1: "web1", MANY + 2: f"web{MANY + 2}"}
        equal((r.returncode, names_of(json.loads(r.stdout))), (0, expected),
              "list names guests by their comm whose command lines cannot be read, and others as always")
        equal({guest["name_source"] for guest in guests if guest["name"] == "vmm"}, {"comm"}, "list --json says where these names are from")
        ok(seconds < 2 * MANY - 4, f"many such guests do not take list as many times as long: {seconds:.1f} s", seconds)
        ok(r.stderr.count("\n") == 1 and "PID 1002: its command line cannot be read" in r.stderr, "list says so once", r.stderr)
    with Bench() as b:
        vmm(b, 1)
        vmm(b, 2)
        withhold(b, 1001)
        r, seconds = timed(b, "export")
        ok(r.returncode == 0 and 'l1tune_guest_info{guest="web2"' in r.stdout and 'l1tune_guest_info{guest="vmm#1"' in r.stdout,
           f"export has such a guest and the others: {seconds:.1f} s", r)


def test_advice():
    with Advised(exits("EPT_VIOLATION", 1000, blocked=0.5)) as b:
        withhold(b, 1001, "smaps")
        r, seconds = timed(b, "advise", "-J", "--since-start", "--state", b.state)
        ok("smaps cannot be used: the kernel waits for the process" in r.stdout, f"advise says why it does not know what backs memory: {seconds:.1f} s", r)
        open_causes = [cause["cause"] for cause in json.loads(r.stdout)["advice"][0]["causes"] if cause["verdict"] == "not_ruled_out"]
        ok("waiting for swap" in open_causes, "causes that smaps would show are neither shown nor ruled out", r.stdout)


def test_doctor():
    with Bench() as b:
        b.machine.process(4711, ["sh"])
        withhold(b, 4711)
        b.machine.process(4712, ["/usr/bin/qemu-system-x86_64"])
        os.makedirs(f"{b.machine.proc}/4712/fd")
        r = b.run("doctor", "--json")
        rows = [row["text"] for row in json.loads(r.stdout)["rows"] if row["row"] == "emulated"]
        equal([part in text for part, text in zip(("PID 4712", "ps hangs too): 1"), rows)], [True, True],
              "doctor finds QEMU behind another process that cannot be read, and counts that one")


def test_later():
    with World() as w:
        w.machine.guest(1, [fixed(exits=1)], created_ns=500 * SECOND)
        w.machine.process(1001, ["/usr/bin/qemu-system-x86_64", "-name", "late"])
        os.link(withhold(w, 1001), w.directory + "/fifo")
        with open(w.directory + "/output", "w+", encoding="utf-8") as output:
            steps = Steps(w, "-J", stdout=output)
            steps.step()
            w.machine.process(1001, ["/usr/bin/qemu-system-x86_64", "-name", "late"])
            with open(w.directory + "/fifo", "wb"):
                pass
            # The thread that waited for it has to end.
            for _ in range(20):
                time.sleep(0.05)
                steps.step()
            errors = steps.end()
            output.seek(0)
            names = [names_of(json.loads(line))[1] for line in output]
        equal((names[:2], names[-1]), (["vmm"] * 2, "late"), "record names a guest once its VMM lets its command line be read")
        equal(errors.count("cannot be read"), 1, "record says so once")


print("KTAP version 1")
test_names()
test_advice()
test_doctor()
test_later()
finish()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune try: what it measures, and that the value is back however it ends. Usage: test-try.py L1TUNE"""
import json
import os
import signal
import subprocess
import threading
import time

from bench import Bench, equal, finish, ok, within
from fake import write

POLL = "halt_poll_ns"


class Tried(Bench):
    """Two guests; that of number 1 exits ten times as often while it does not poll."""

    def __init__(self):
        super().__init__()
        m = self.machine
        m.tune(params={"kvm/halt_poll_ns": 200000}, fixed={"kvm_intel/ple_gap": 128})
        for number in 1, 2:
            m.guest(number)
            write(f"{m.device(f'l2-{number}')}/tune/{POLL}", "default", 0o640)
        m.process(1001, ["vmm", "-name", "guest=web"])
        self.stop = threading.Event()
        self.thread = None

    def __exit__(self, *what):
        self.stop.set()
        if self.thread:
            self.thread.join()
        super().__exit__(*what)

    def exits(self):
        path, count = self.machine.device("l2-1") + "/exits", 10**6
        fd = os.open(path, os.O_WRONLY)
        while not self.stop.is_set():
            count += 100 if self.value() == "0" else 10
            os.pwrite(fd, f"{count}\n".encode(), 0)
            time.sleep(0.01)
        os.close(fd)

    def run_guest(self):
        self.machine.guest(1, exits=10**6)
        self.thread = threading.Thread(target=self.exits)
        self.thread.start()

    def value(self, path=f"../l2-1/tune/{POLL}"):
        return self.machine.limit(path)

    def start(self, *args):
        """Until the value is the one that is tried."""
        p = subprocess.Popen(self.command("try", *args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             start_new_session=True)
        if not within(10, lambda: self.value() == "0"):
            p.kill()
        return p


def test_result():
    with Tried() as b:
        b.run_guest()
        r = b.run("try", "-J", f"{POLL}=0", "--for", "1s", "--l2", "web")
        ok(r.returncode == 0 and not r.stderr, "try --json exits with 0 and prints no error", r)
        d = json.loads(r.stdout)
        equal([d["name"], d["value"], d["before"], d["interval_ns"]], [POLL, "0", "default", 10**9],
              "try --json has the setting, its new and old value and the interval")
        exits = d["try"][0]
        ratio = exits["with"]["mean"] / exits["before"]["mean"]
        ok(exits["metric"] == "exits_per_sec" and 5 < ratio < 20 and exits["clear"],
           "try --json has a clear change of exits_per_sec", exits)
        ok(all(side["least"] <= side["mean"] <= side["most"] for m in d["try"] for side in (m["before"], m["with"])),
           "try --json has each mean between its least and its most", d)
        equal([m["clear"] for m in d["try"][1:]], [False] * 5, "try --json has no clear change of the other metrics")
        equal(b.value(), "default", "try restores the old value")
        r = b.run("try", f"{POLL}=default", "--for", "0.5", "--l2", "1", "--noheadings", "-o", "METRIC,CLEAR")
        equal([line.split() for line in r.stdout.splitlines()][0], ["exits_per_sec", "no"],
              "try with the current value prints no clear change")
        r = b.run("try", "kvm.halt_poll_ns=0", "--for", "0.3")
        ok(r.returncode == 0 and b.value("../../../../module/kvm/parameters/halt_poll_ns") == "200000",
           "try measures a parameter of KVM on all guests and restores it", r)


def test_killed():
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL:
        with Tried() as b:
            p = b.start(f"{POLL}=0", "--for", "4", "--l2", "1")
            was = b.value()
            # The whole group, as a terminal or a supervisor does.
            os.killpg(p.pid, number)
            back = within(5, lambda: b.value() == "default")
            equal([was, back, b.value()], ["0", True, "default"], f"try restores the old value on {number.name}")
            out, err = p.communicate(timeout=10)
            said = "" if number == signal.SIGKILL else "l1tune: interrupted before the measurement was complete\n"
            equal([p.returncode, out, err], [-number if number == signal.SIGKILL else 1, "", said],
                  f"try prints no result on {number.name}, and says why if it can")


def test_others():
    with Tried() as b:
        p = b.start(f"{POLL}=0", "--for", "1", "--l2", "1")
        write(b.machine.device("l2-1") + f"/tune/{POLL}", "7777", 0o640)
        _, err = p.communicate(timeout=20)
        ok(p.returncode == 1 and "by another process" in err and b.value() == "7777",
           "try keeps a value that another process sets meanwhile, and exits with 1", err)
    with Tried() as b:
        p = b.start(f"{POLL}=0", "--for", "1", "--l2", "1")
        b.remove(1)
        _, err = p.communicate(timeout=10)
        equal([p.returncode, err], [4, "l1tune: no guest matches '1': l1tune list -a shows all guests\n"],
              "try exits with 4 and a single error if the guest ends")


def start_guest(b):
    b.machine.guest(3, exits=5)


def restart_guest(b):
    b.machine.guest(2, created_ns=77_000_000_000)


def start_canary(b):
    b.machine.guest(3, comm="l1tune-canary", uid=0)


def test_other_guests():
    """While a parameter of KVM is tried other guests end and start."""
    for change, clear in ((lambda b: b.remove(2), None), (start_guest, None), (restart_guest, None), (start_canary, False)):
        with Tried() as b:
            p = subprocess.Popen(b.command("try", "-J", "kvm.halt_poll_ns=0", "--for", "1"), stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
            within(10, lambda b=b: b.value("../../../../module/kvm/parameters/halt_poll_ns") == "0")
            change(b)
            out, err = p.communicate(timeout=20)
            said = "guests started or ended" in err
            equal([p.returncode, {m["clear"] for m in json.loads(out)["try"]}, said], [0, {clear}, clear is None],
                  f"try of a KVM parameter has clear {clear} if "
                  f"{'a canary starts' if clear is False else 'guests start or end'}")


def test_refusals():
    with Tried() as b:
        for args, text in (
                ([], "too few arguments"), ([f"{POLL}=1", "uid=1"], "too many arguments"), (["halt_poll_ns"], "NAME=VALUE expected"), (["max_vms=1"], "unknown setting"),
                ([f"{POLL}=1"], "--l2 GUEST"), (["hlt_in_guest=1", "--l2", "1"], "fixed when a guest starts"),
                ([f"{POLL}=x", "--l2", "1"], "neither default nor"), ([f"{POLL}=1", "--l2", "name:*"], "exactly one"),
                ([f"{POLL}=1", "--l2", "1", "--for", "1m"], "number of seconds")):
            r = b.run("try", *args)
            ok(r.returncode == 2 and text in r.stderr and not r.stdout,
               f"try {' '.join(args) or 'without arguments'} exits with 2 and says: {text}", r)
        r = b.run("try", "kvm_intel.ple_gap=0", "--for", "1")
        ok(r.returncode == 1 and "options kvm_intel ple_gap=0" in r.stderr,
           "try exits with 1 for a parameter that needs a reload, and says how to set it", r)
        r = b.run("try", "kvm_amd.avic=1", "--for", "0.2")
        ok(r.returncode == 1 and "its module is not loaded" in r.stderr,
           "try exits with 1 if the module of a parameter is not loaded", r)
        r = b.run("try", f"{POLL}=1", "--l2", "9")
        ok(r.returncode == 4 and "no guest matches '9'" in r.stderr and not r.stdout, "try exits with 4 and names the guest if no guest matches", r)


print("KTAP version 1")
test_result()
test_killed()
test_others()
test_other_guests()
test_refusals()
finish()

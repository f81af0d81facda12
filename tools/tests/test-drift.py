#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune drift, and what record and events say of a canary: from samples that are made here.
Usage: test-drift.py L1TUNE"""
import calendar
import json
import os
import random
import select
import subprocess

from bench import Bench, equal, finish, ok, wait_for_look, within
from fake import CANARY_SLOT as SLOT, UNKNOWN, canary_slot as slot

MINUTE = 60
START = calendar.timegm((2026, 11, 26, 1, 0, 0))


class Canary(Bench):
    """A history with samples, of which the n-th is at START + n minutes."""

    def __enter__(self):
        self.records = self.directory + "/state/record"
        os.makedirs(self.records)
        self.path = self.records + "/canary"
        self.state = ["--state", self.directory + "/state"]
        return self

    def write(self, slots, places=100):
        data = bytearray(places * SLOT.size)
        for number, one in enumerate(slots, 1):
            at = number % places * SLOT.size
            data[at:at + SLOT.size] = one
        with open(self.path, "wb") as f:
            f.write(data)

    def drift(self, *args):
        return subprocess.run(self.command("drift", *self.state, *args), capture_output=True, text=True,
                              env=os.environ | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}, check=False)

    def found(self):
        return json.loads(self.drift("-J").stdout)["drift"]


def series(*levels, noise=0.01):
    """So many samples of a level each: (number, exit_ns, what differs of the others)."""
    rng, slots = random.Random(1), []
    for num, exit_ns, other in levels:
        for _ in range(num):
            seq = len(slots) + 1
            slots.append(slot(seq, START + seq * MINUTE, int(exit_ns * rng.gauss(1, noise)), **other))
    return slots


def change_text(b):
    return [change["text"] for change in b.found()["changes"]]


def test_words():
    with Canary() as b:
        b.write(series((1, 2000, {}), noise=0))
        equal(b.drift().stdout.splitlines()[2:], ["changes   0 in 1 sample since 2026-11-26 01:01:00"],
              "drift has the singular for one sample")
        b.write(series((60, 2000, {}), noise=0))
        equal(b.drift().stdout.splitlines(), [
            "canary    at 2026-11-26 02:00:00 an exit cost 2.00\u00b5s, 1.00\u00b5s of it outside KVM; 0.0 % of the CPUs' time stolen",
            "baseline  2.00\u00b5s, median of 57 samples; a change is more than 200ns in each of 3 samples",
            "changes   0 in 60 samples since 2026-11-26 01:01:00"],
              "drift prints the last sample, the baseline and no change for an hour without change")
        b.write(series((60, 2000, {}), (3, 2760, {"rest_ns": 1760}), noise=0))
        equal(change_text(b), ["since 02:01 an exit costs 38 % more (2.76\u00b5s, before 2.00\u00b5s), stolen time did not change: "
                               "L0 changed"],
              "drift: an exit that costs 38 % more with equal stolen time is a change of L0")
        equal(b.drift().stdout.splitlines()[2:], [
            "changes   1 in 63 samples since 2026-11-26 01:01:00",
            "          2026-11-26 02:03:00: " + change_text(b)[0]],
              "drift lists each change with the time when it was found")
        b.write(series((60, 2000, {"stolen": None, "rest_ns": UNKNOWN}), (3, 2760, {"stolen": None, "rest_ns": UNKNOWN}), noise=0))
        equal(change_text(b), ["since 02:01 an exit costs 38 % more (2.76\u00b5s, before 2.00\u00b5s): L0 changed, or takes CPU time from "
                               "this machine (stolen time is not known here); not ruled out: perf or BPF on KVM's events in this machine"],
              "drift: without stolen time and KVM's part it names the causes that are not ruled out")
        b.write(series((60, 2000, {}), (3, 3000, {"rest_ns": 2000, "stolen": 0.41}), noise=0))
        equal(change_text(b), ["since 02:01 an exit costs 50 % more (3.00\u00b5s, before 2.00\u00b5s), stolen time went from 0 % to 41 %: "
                               "L0 gives this machine less CPU time"],
              "drift: much more stolen time means that L0 gives less CPU time, not that L0 changed")
        b.write(series((60, 2000, {"stolen": 0.01}), (3, 3000, {"rest_ns": 2000, "stolen": 0.04}), noise=0))
        equal(change_text(b), ["since 02:01 an exit costs 50 % more (3.00\u00b5s, before 2.00\u00b5s), stolen time went from 1 % to 4 %, "
                               "which does not explain it: L0 changed"],
              "drift: a little more stolen time does not explain a large change")
        b.write(series((60, 2000, {}), (3, 2600, {"rest_ns": 1300, "work_ns": 26000}), noise=0))
        equal(change_text(b), ["since 02:01 an exit costs 30 % more (2.60\u00b5s, before 2.00\u00b5s), and work without exits takes 30 % more: "
                               "the CPUs became slower"],
              "drift: exits and other work that take 30 % more mean slower CPUs")
        b.write(series((60, 2000, {}), (3, 2600, {}), noise=0))
        equal(change_text(b), ["since 02:01 an exit costs 30 % more (2.60\u00b5s, before 2.00\u00b5s), the part outside KVM did not change: "
                               "this machine's KVM takes longer, as when perf or BPF traces it"],
              "drift: an equal part outside KVM means that this machine's KVM takes longer")
        slots = series((60, 2000, {}), noise=0) + [slot(61 + n, START + (600 + n) * MINUTE, 1000, rest_ns=500) for n in range(3)]
        b.write(slots)
        equal(change_text(b), ["since a time between 02:00 and 11:00 an exit costs 50 % less (1.00\u00b5s, before 2.00\u00b5s), stolen time did "
                               "not change: L0 changed"],
              "drift: a change while no canary ran has the time of the last and of the first sample around it")


def test_json():
    with Canary() as b:
        b.write(series((60, 2000, {}), (40, 2760, {"rest_ns": 1760}), noise=0), places=200)
        found = b.found()
        equal([found["samples"], found["first"], found["threshold_ns"], found["baseline"]["exit_ns"]],
              [100, "2026-11-26T01:01:00.000000000Z", 276, 2760],
              "drift --json has samples, first, threshold and baseline")
        equal(found["last"], {"exit_ns": 2760, "outside_kvm_ns": 1760, "work_ns": 20000, "stolen_ratio": 0.0,
                              "time": "2026-11-26T02:40:00.000000000Z", "cpu_ns": 5_000_000},
              "drift --json has the values of the last sample")
        change, = found["changes"]
        equal([change[key] for key in ("before", "since", "found", "cause")],
              [f"2026-11-26T{t}:00.000000000Z" for t in ("02:00", "02:01", "02:03")] + ["l0"],
              "drift --json has before, since, found and cause of a change")
        ok(abs(change["change_ratio"] - 0.38) < 1e-9, "drift --json has the ratio of a change", change)
        equal(change["from"], {"exit_ns": 2000, "outside_kvm_ns": 1000, "work_ns": 20000, "stolen_ratio": 0.0},
              "drift --json has the baseline before a change")


def test_noise():
    with Canary() as b:
        b.write(series((95, 2000, {}), noise=0.03))
        equal(b.found()["changes"], [], "drift finds no change in noise of 3 %")
        b.write(series((60, 2000, {"stolen": 0}), (35, 2000, {"stolen": 0.5})))
        equal(b.found()["changes"], [], "drift finds no change if stolen time grows and an exit's cost does not")


def test_file():
    with Canary() as b:
        slots = series((60, 2000, {}), noise=0)
        b.write(slots, places=20)
        found = b.found()
        equal([found["samples"], found["first"]], [20, "2026-11-26T01:41:00.000000000Z"],
              "drift reads a ring of samples whose newest replaced the oldest")
        damaged = slots[:29] + [slots[29][:40] + b"\1" + slots[29][41:]] + slots[30:]
        b.write(damaged)
        equal(b.found()["samples"], 59, "drift leaves out a sample that was not written completely, and no other")
        taken = []
        for cut in range(0, SLOT.size):
            b.write(slots[:2] + [slots[2][:cut] + b"\xff" * (SLOT.size - cut)])
            taken += [cut] if b.found()["samples"] != 2 else []
        equal(taken, [], "drift leaves out a sample that was cut at any byte")
        with open(b.path, "r+b") as f:
            f.truncate(2 * SLOT.size + 7)
        equal(b.found()["samples"], 1, "drift reads the complete samples of a truncated file")
        with open(b.path, "wb") as f:
            f.write(os.urandom(5000))
        r = b.drift()
        ok(r.returncode == 1 and not r.stdout and "no canary samples: run l1tune record --canary" in r.stderr,
           "drift exits with 1 and names record --canary for a file without samples", r)


def test_record():
    with Canary() as b:
        r = b.run("record", *b.state, "--canary", "-i", "0.2", "-c", "3", "--dev", b.directory + "/none")
        equal(r.returncode, 0, "record --canary without /dev/kvm exits with 0")
        equal(r.stderr.splitlines(), [f"l1tune: canary: {b.directory}/none/kvm: No such file or directory: l1tune doctor says what is missing: "
                                      "the cost of an exit is unknown until this is fixed"],
              "record --canary without /dev/kvm says once that there is no canary")
        size = sum(os.path.getsize(os.path.join(b.records, name)) for name in os.listdir(b.records) if name == "canary")
        equal(size // SLOT.size, (256 << 20) // 256 // SLOT.size, "record gives the canary samples 1/256 of its size")
        b.write(series((60, 2000, {}), noise=0))
        b.run("record", *b.state, "--canary", "-c", "1", "--size", "1M", "--dev", b.directory + "/none")
        found = b.found()
        equal([found["samples"], found["last"]["time"]], [(1 << 20) // 256 // SLOT.size, "2026-11-26T02:00:00.000000000Z"],
              "record --canary with a smaller --size keeps the newest samples")
        r = b.run("record", *b.state, "-c", "1", "--every", "5")
        ok(r.returncode == 2 and "--every needs --canary" in r.stderr and not r.stdout,
           "record --every without --canary exits with 2 and names --canary", r)


def test_events():
    with Canary() as b:
        b.write(series((60, 2000, {}), (3, 1000, {"rest_ns": 500}), (20, 1000, {"rest_ns": 500}), noise=0))
        command = b.command("events", *b.state, "-J", "-c", "1")
        with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
            wait_for_look(p)
            with open(b.path, "r+b", buffering=0) as f:
                for seq in range(84, 87):
                    f.seek(seq * SLOT.size)
                    f.write(slot(seq, START + seq * MINUTE, 1380, rest_ns=880))
            event = json.loads(p.stdout.readline())
        equal([p.returncode, event["time"], event["event"]["kind"], event["event"]["drift"]["cause"]],
              [0, "2026-11-26T02:26:00.000000000Z", "drift", "l0"],
              "events --json shows a drift when it is found, and no earlier ones")
        ok("an exit costs 38 % more" in event["event"]["drift"]["text"], "events --json has the text of a drift", event)
        with subprocess.Popen(b.command("events", *b.state), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
            wait_for_look(p)
            with open(b.path, "r+b", buffering=0) as f:
                f.seek(87 * SLOT.size)
                f.write(slot(87, START + 87 * MINUTE, 1380, rest_ns=880))
            ok(not within(1, lambda: select.select([p.stdout], [], [], 0)[0]) and p.poll() is None,
               "events shows no drift, and continues, while nothing changes")
            p.terminate()
            out, err = p.communicate(timeout=20)
            equal([p.returncode, out, err], [0, "", ""], "SIGTERM ends events of a history without a message")


print("KTAP version 1")
test_words()
test_json()
test_noise()
test_file()
test_record()
test_events()
finish()

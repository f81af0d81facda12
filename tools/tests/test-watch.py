#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
l1tune watch on a made-up machine: what is reported of slow exits and hanging vCPUs,
and what is done about it. Usage: test-watch.py L1TUNE
"""
import glob
import json
import os
import signal
import subprocess
import tempfile

from bench import Bench, equal, finish, is_waiting, ok, within
from fake import cell, fixed, now, update, write

MS = 1_000_000
UNKNOWN = ", or L0 had the CPU (stolen time is unknown)"
NAME = "web;$(touch owned)\x1b[2J"


def slow_line(vcpu=0, number=1, time_ms=20, end_ns=60_000_000_000, reason="IO_INSTRUCTION", code=30, ran=None,
              stolen_ms=None, before="2/10:2000,2/30:3000", **parts):
    """As the module writes it."""
    words = {"vcpu": vcpu, "number": number, "end_ns": end_ns, "level": 2, "code": code, "reason": reason, "tid": 77,
             "time_ns": time_ms * MS}
    for part in "vmm vmm_sleep halted blocked runq throttled".split():
        words[part + "_ns"] = parts.get(part, 0) * MS
    words["rest_ns"] = (time_ms - sum(parts.values())) * MS
    if stolen_ms is not None:
        words["stolen_ns"] = stolen_ms * MS
    if ran:
        words |= {"ran_pid": ran[0], "ran_ns": 9 * MS, "ran_threads": 2, "ran_comm": ran[1]}
    words["before"] = before
    return " ".join(f"{k}={v}" for k, v in words.items()).ljust(1023) + "\n"


def machine(bench, *lines, state=None, stack=None, process="S"):
    exits = cell(2, 30, "IO_INSTRUCTION", 100, 50 * MS, 20 * MS, {20: 100}, vmm=40 * MS)
    others = [cell(2, 10, "CPUID", 5, 1 * MS, 1 * MS, {20: 5}), cell(2, 48, "EPT_VIOLATION", 5, 1 * MS, 1 * MS, {20: 5})]
    bench.machine.guest(1, [fixed(exits=105), exits, *others],
                        {0: [[*fixed(exits=105, tid=77), *(state or now(1, 1))], exits, *others]})
    bench.machine.process(1001, ["vmm", "-name", f"guest={NAME}"], state=process)
    write(f"{bench.machine.proc}/1001/task/77/stack", stack or "[<0>] handle_userfault+0x1/0x2\n[<0>] kvm_vcpu_ioctl+0x3/0x4\n")
    device = bench.machine.device("l1")
    write(f"{device}/slow/over_ns", 10 * MS, 0o644)
    write(f"{device}/slow/watch_over_ns", "max", 0o644)
    write(f"{device}/slow/exits", 0, 0o440)
    write(slow_file(bench), "".join(lines).encode(), 0o440)


def slow_file(bench):
    return f"{bench.machine.device('l2-1')}/slow"


class Watch:
    """l1tune watch, which has looked once."""

    def __init__(self, bench, *args):
        self.process = subprocess.Popen(bench.command("watch", *args), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=os.environ | {"LC_ALL": "C.UTF-8"})
        within(30, lambda: is_waiting(self.process))

    def end(self):
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=30)
        return out, err, self.process.returncode


def happen(bench, *lines):
    text = "".join(lines).encode()
    update(slow_file(bench), text)
    os.truncate(slow_file(bench), len(text))


def reported(bench, lines, *args, over="5ms"):
    """The documents of what happens while it watches."""
    process = subprocess.Popen(bench.command("watch", "--json", "--over", over, *args), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    within(30, lambda: is_waiting(process))
    happen(bench, *lines)
    try:
        out, err = process.communicate(timeout=1.5)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    return [json.loads(line)["watch"] for line in out.splitlines()], err


OLD = slow_line(number=1)

with Bench() as b:
    machine(b, OLD)
    equal(b.run("watch").returncode, 2, "neither --over nor --hang is an error of usage")
    for words in (["--over", "5"], ["--over", "1us"], ["--over", "5ms", "--part", "halted"], ["--reason", "CPUID"],
                  ["--over", "5ms", "--on-threshold", "explode"], ["--over", "5ms", "--on-threshold", "signal,num=99"]):
        r = b.run("watch", *words)
        ok(r.returncode == 2 and r.stderr, f"usage: {words}", r)

    got, err = reported(b, [OLD, slow_line(number=2, vmm=19), slow_line(number=3, time_ms=4, vmm=4)])
    equal([e["event"] for e in got], ["slow", "summary"], "what was there before, and what is shorter, is not reported")
    equal([got[0][k] for k in ("reason", "time_ns", "vmm_ns", "kernel_ns", "culprit", "culprit_part", "tid", "stolen_ns")],
          ["IO_INSTRUCTION", 20 * MS, 19 * MS, 1 * MS, "the VMM ran, for IO_INSTRUCTION" + UNKNOWN, "vmm", 77, None],
          "a slow exit with its parts and its culprit")
    equal([(e["reason"], e["time_ns"]) for e in got[0]["before"]], [("CPUID", 2000), ("IO_INSTRUCTION", 3000)],
          "the exits before it, by their names")
    equal(got[-1], {"event": "summary", "slow": 1, "hangs": 0, "missed": 0,
                    "culprits": [{"culprit": "the VMM ran, for IO_INSTRUCTION" + UNKNOWN, "count": 1}]}, "the summary")
    with open(b.machine.device("l1") + "/slow/watch_over_ns", encoding="ascii") as f:
        equal(f.read().strip(), str(5 * MS), "the module is told what is watched for")

with Bench() as b:
    machine(b)
    lines = [slow_line(number=1, runq=18, ran=(104, "vhost-104")), slow_line(number=2, runq=18, ran=(104, "vhost-104")),
             slow_line(number=3, runq=18, ran=(0, "swapper/0")), slow_line(number=4, runq=18),
             slow_line(number=5, blocked=15), slow_line(number=6, stolen_ms=15), slow_line(number=7, throttled=20),
             slow_line(number=8), slow_line(number=9, time_ms=40, halted=30, reason="EPT_VIOLATION", code=48)]
    got, err = reported(b, lines)
    equal([c["count"] for c in got[-1]["culprits"]], [2, 1, 1, 1, 1, 1, 1, 1], "the summary is by culprit, most first")
    equal([e["culprit"] for e in got[:-1]],
          ["vhost-104 (104) had the CPU"] * 2 +
          ["waited for a CPU that was idle: a CPU quota (cpu.max), or an idle CPU that was slow to wake", "waited for a CPU; who had it is not known",
           "asleep in KVM, in IO_INSTRUCTION: a page, a lock or a penalty", "L0 took the CPU from this machine",
           "throttled by max_exits_per_sec", "KVM handled IO_INSTRUCTION" + UNKNOWN,
           "halted by KVM in EPT_VIOLATION until a page was there"], "culprits in words")

for virtualized, stolen_ms in (0, None), (1, 0):
    with Bench(virtualized=virtualized) as b:
        machine(b)
        got, err = reported(b, [slow_line(number=1, stolen_ms=stolen_ms)])
        equal(got[0]["culprit"], "KVM handled IO_INSTRUCTION", f"virtualized {virtualized}, stolen {stolen_ms}: that L0 had the CPU is no question")

with Bench() as b:
    machine(b)
    got, err = reported(b, [slow_line(number=5)])
    ok(got[-1]["missed"] == 4 and "missed 4" in err, "what was overwritten is counted and said", (got, err))

with Bench() as b:
    machine(b)
    got, err = reported(b, [slow_line(number=1), slow_line(number=3)])
    equal(([e.get("number") for e in got], got[-1]["missed"]), ([1, None], 0),
          "one that is just being written is waited for, with those behind it")

with Bench() as b:
    machine(b)
    lines = [slow_line(number=1, vmm=18), slow_line(number=2, runq=18), slow_line(number=3, reason="CPUID", code=10)]
    equal([e["number"] for e in reported(b, lines, "--part", "runq")[0][:-1]], [2], "--part")

with Bench() as b:
    machine(b)
    equal([e["number"] for e in reported(b, lines, "--reason", "cpuid")[0][:-1]], [3], "--reason")

with Bench() as b:
    machine(b)
    equal([e["event"] for e in reported(b, lines, "-c", "2")[0]], ["slow", "slow", "summary"], "-c ends it")

with Bench() as b:
    machine(b)
    watch = Watch(b, "--over", "5ms")
    happen(b, slow_line(number=1, vmm_sleep=18))
    within(1, lambda: False)
    out, err, status = watch.end()
    ok("vcpu0: 20.0ms IO_INSTRUCTION: the VMM slept, in IO_INSTRUCTION" in out and
       "1 of 1 exits over 5.00ms: the VMM slept, in IO_INSTRUCTION" in out, "in words", out)
    ok("\x1b" not in out, "a guest's name is escaped", out)
    equal(status, 0, "an interrupt ends it well")

with Bench() as b, tempfile.TemporaryDirectory() as directory:
    machine(b)
    command = f'env > {directory}/env; cd {directory}; eval ": $L1TUNE_EVENT"'
    got, err = reported(b, [slow_line(number=1, vmm=18), slow_line(number=2)], "--on-threshold", f"shell,command={command}",
                        "--on-threshold", f"snapshot,dir={directory}")
    with open(directory + "/env", encoding="utf-8") as f:
        env = dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
    equal([env.get("L1TUNE_" + k) for k in "EVENT GUEST PID VCPU TID REASON TIME_NS CULPRIT".split()],
          ["slow", "1", "1001", "0", "77", "IO_INSTRUCTION", str(20 * MS), "the VMM ran, for IO_INSTRUCTION" + UNKNOWN],
          "a command has the facts in its environment")
    equal(env.get("L1TUNE_NAME"), r"web;$(touch owned)\x1b[2J", "a name there is escaped, and is not run")
    ok(not os.path.exists(directory + "/owned"), "nothing of it is run")
    files = glob.glob(directory + "/slow-l2-1-vcpu0-*")
    ok(len(files) == 1 and os.stat(files[0]).st_mode & 0o77 == 0, "a snapshot is its owner's", files)
    with open(files[0], encoding="utf-8") as f:
        equal(json.load(f)["watch"]["number"], 1, "a snapshot has all of it")
    equal(len(got), 1, "without continue the first one ends it, and without print it is not printed")

with Bench() as b, tempfile.TemporaryDirectory() as directory:
    machine(b)
    b.machine.process(1001, ["vmm", "-name", "guest=" + "\udc80" * 40000])
    reported(b, [slow_line(number=1)], "--on-threshold", f"shell,command=touch {directory}/ran")
    ok(os.path.exists(directory + "/ran"), "a guest cannot prevent a command by a long name")

with Bench() as b, tempfile.TemporaryDirectory() as directory:
    machine(b)
    got, err = reported(b, [slow_line(number=n) for n in range(1, 1011)], "--on-threshold", f"snapshot,dir={directory}",
                        "--on-threshold", "continue")
    equal([len(glob.glob(directory + "/slow-*")), err.count("1000 snapshots were written, no more will be")], [1000, 1],
          "a guest cannot fill a directory: a thousand snapshots are the most, and that is said once")

with Bench() as b, tempfile.TemporaryDirectory() as directory:
    machine(b)
    state, log = ["--state", directory], directory + "/watch.log"
    reported(b, [slow_line(number=1, vmm=18)], *state)
    ok(not os.path.exists(log), "without a history nothing is left for one")
    assert b.run("record", *state, "-c", "1").returncode == 0

    def events():
        assert b.run("record", *state, "-c", "1").returncode == 0
        r = b.run("replay", *state, "--from", "-10m", "events", "-J")
        found = [json.loads(line)["event"] for line in r.stdout.splitlines()]
        return [e for e in found if e["kind"] != "loaded"]

    reported(b, [slow_line(number=2, vmm=18), slow_line(number=3, runq=18, ran=(104, "vhost=4"))], *state)
    equal(os.stat(log).st_mode & 0o777, 0o600, "what is left for the history is root's")
    equal([[e[k] for k in ("kind", "id", "vcpu", "for_ns", "reason", "culprit")] for e in events()],
          [["slow", 1, 0, 20 * MS, "IO_INSTRUCTION", "the VMM ran, for IO_INSTRUCTION" + UNKNOWN],
           ["slow", 1, 0, 20 * MS, "IO_INSTRUCTION", "vhost=4 (104) had the CPU"]], "the history has what was reported, in its words")
    equal(os.path.getsize(log), 0, "and takes it once")
    r = b.run("replay", *state, "--from", "-10m", "events")
    ok("slow        l2-1" in r.stdout and "vcpu0: 20.0ms in IO_INSTRUCTION: the VMM ran" in r.stdout, "as text", r)
    reported(b, [slow_line(number=n, vmm=18) for n in range(4, 400)], *state)
    ok(os.path.getsize(log) < 20000, "of too many for one record some are left out", os.path.getsize(log))
    found = events()
    ok(50 < len(found) < 200 and [e["kind"] for e in found].count("lost") == 1, "and that there were more is said", (len(found), found[-1:]))
    num = len(found)
    # A recorder that is killed before its record is on the disk: here there is no room for one.
    reported(b, [slow_line(number=400, vmm=18)], *state)
    left = os.path.getsize(log)
    r = subprocess.run(["sh", "-c", 'ulimit -f 0; trap "" XFSZ; exec "$@"', "sh", *b.command("record", *state, "-c", "1")],
                       capture_output=True, text=True, check=False)
    equal([r.returncode != 0, os.path.getsize(log)], [True, left], "what could not be recorded is left for the next recorder")
    with open(log, "ab") as f:
        f.write(b"1 5 EVENT=watch BOOT=")
    reported(b, [slow_line(number=401, vmm=18)], *state)
    found = events()
    equal([len(found), [e["kind"] for e in found[-2:]]], [num + 2, ["slow", "slow"]],
          "which has it, and of half a line that was left nothing else is lost")
    num += 2
    reported(b, [slow_line(number=402, vmm=18)], *state)
    os.chmod(log, 0o622)
    equal(len(events()), num, "what others may write to is not taken")
    os.chmod(log, 0o600)
    os.link(log, directory + "/another")
    equal(len(events()), num, "nor a file with another name")
    os.unlink(directory + "/another")
    num += 1
    equal(len(events()), num, "it is once it has one")
    write(log, b"1 5 EVENT=watch BOOT=another ACTION=slow L2=l2-1\n\xff\n1 2 EVENT=guest\n" + b"x" * 100000)
    equal(len(events()), num, "what is of another boot, or no such line, is dropped")
    os.unlink(log)
    os.symlink(directory + "/elsewhere", log)
    write(directory + "/elsewhere", b"")
    reported(b, [slow_line(number=400, vmm=18)], *state)
    equal([len(events()), os.path.getsize(directory + "/elsewhere")], [num, 0], "a link in its place is not followed")

with Bench() as b, tempfile.TemporaryDirectory() as directory:
    machine(b)
    got, err = reported(b, [slow_line(number=1)], "--on-threshold", "shell,command=exit 3")
    ok("exit 3: it failed with exit status 3" in err, "of a command that failed the exit status is said", err)

with Bench() as b:
    machine(b)
    got, err = reported(b, [slow_line(number=1, time_ms=20, halted=21), slow_line(number=2)])
    equal([e["number"] for e in got if e["event"] == "slow"], [2], "a halt that is longer than its exit is no time beside it")

for unloaded in True, False:
    for words in ["--over", "5ms"], ["--hang", "1s"]:
        with Bench() as b:
            machine(b)
            watch = Watch(b, "--json", *words)
            device = b.machine.device("l1")
            if unloaded:
                os.unlink(b.machine.sys + "/class/l1tune/l1")
            else:
                write(f"{device}/loaded_ns", 77)
            ended = within(10, lambda p=watch.process: p.poll() is not None)
            out, err, status = watch.end() if not ended else (*watch.process.communicate(), watch.process.returncode)
            equal([ended, status, json.loads(out.splitlines()[-1])["watch"]["event"]], [True, 3 if unloaded else 1, "summary"],
                  f"{words[0]} ends with its summary when the module is {'unloaded' if unloaded else 'loaded again'}")
            ok("run modprobe l1tune" in err if unloaded else "start l1tune watch again" in err, "and says what to do", err)

STATES = {"vmm": 3, "vmm_sleep": 4, "halted": 5, "blocked": 6, "runq": 7, "throttled": 8, "kernel": 2}


def hang(state, process="S", code=30):
    with Bench() as bench:
        machine(bench, state=now(STATES[state], 1, 2, code), process=process)
        process = subprocess.Popen(bench.command("watch", "--json", "--hang", "1s"), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        try:
            out, _ = process.communicate(timeout=1)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=30)
        return [e for e in (json.loads(line)["watch"] for line in out.splitlines()) if e["event"] == "hang"]


for state in "vmm vmm_sleep blocked runq kernel".split():
    equal([(e["hang"], e["is_suspect"], e["reason"], e["stack"]) for e in hang(state)],
          [(state, state == "vmm_sleep", "IO_INSTRUCTION", "handle_userfault kvm_vcpu_ioctl")],
          f"a vCPU in state {state} for long hangs, and is reported once")
equal([e["rips"] for e in hang("kernel")], [None], "where a vCPU is in the guest is not asked of one that is not there")
for state in "halted throttled".split():
    equal(hang(state), [], f"one that is {state} does not hang")
equal([(e["hang"], e["reason"]) for e in hang("halted", code=48)], [("blocked", "EPT_VIOLATION")],
      "one that KVM has halted until a page is there, which nobody brings, hangs")
equal(hang("vmm_sleep", process="T"), [], "one whose process is stopped does not hang")
finish()

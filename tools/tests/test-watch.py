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
import time

from bench import Bench, equal, finish, is_waiting, ok, wait_for_look, within
from fake import cell, fixed, now, parts_ns, stats_file, update, write

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

print("KTAP version 1")
with Bench() as b:
    machine(b, OLD)
    for words, said in (([], "--over TIME or --hang TIME is missing"), (["--over", "5"], "'5' is not a time"), (["--over", "1us"], "'1us' is not a time"),
                        (["--over", "5ms", "--part", "halted"], "'halted' is not one of kernel"), (["--reason", "CPUID"], "--reason needs --over"),
                        (["--over", "5ms", "--on-threshold", "explode"], "'explode' is not one of print"),
                        (["--over", "5ms", "--on-threshold", "signal,num=99"], "'signal,num=99' is not one of print")):
        r = b.run("watch", *words)
        ok(r.returncode == 2 and said in r.stderr and not r.stdout, f"{' '.join(['watch', *words])} exits with 2 and says: {said}", r)

    got, err = reported(b, [OLD, slow_line(number=2, vmm=19), slow_line(number=3, time_ms=4, vmm=4)])
    equal([e["event"] for e in got], ["slow", "summary"],
          "watch reports neither earlier exits nor exits that are shorter than --over")
    equal([got[0][k] for k in ("reason", "time_ns", "vmm_ns", "kernel_ns", "culprit", "culprit_part", "tid", "stolen_ns")],
          ["IO_INSTRUCTION", 20 * MS, 19 * MS, 1 * MS, "the VMM ran, for IO_INSTRUCTION" + UNKNOWN, "vmm", 77, None],
          "watch --json has a slow exit with its parts and its culprit")
    equal([(e["reason"], e["time_ns"]) for e in got[0]["before"]], [("CPUID", 2000), ("IO_INSTRUCTION", 3000)],
          "watch --json names the exits before a slow exit")
    equal(got[-1], {"event": "summary", "slow": 1, "hangs": 0, "missed": 0,
                    "culprits": [{"culprit": "the VMM ran, for IO_INSTRUCTION" + UNKNOWN, "count": 1}]},
          "watch --json ends with a summary of counts and culprits")
    with open(b.machine.device("l1") + "/slow/watch_over_ns", encoding="ascii") as f:
        equal(f.read().strip(), str(5 * MS), "watch writes the value of --over to slow/watch_over_ns")

with Bench() as b:
    machine(b)
    lines = [slow_line(number=1, runq=18, ran=(104, "vhost-104")), slow_line(number=2, runq=18, ran=(104, "vhost-104")),
             slow_line(number=3, runq=18, ran=(0, "swapper/0")), slow_line(number=4, runq=18),
             slow_line(number=5, blocked=15), slow_line(number=6, stolen_ms=15), slow_line(number=7, throttled=20),
             slow_line(number=8), slow_line(number=9, time_ms=40, halted=30, reason="EPT_VIOLATION", code=48)]
    got, err = reported(b, lines)
    equal([c["count"] for c in got[-1]["culprits"]], [2, 1, 1, 1, 1, 1, 1, 1],
          "watch --json has a count for each culprit in the summary, the largest first")
    equal([e["culprit"] for e in got[:-1]],
          ["vhost-104 (104) had the CPU"] * 2 +
          ["waited for a CPU that was idle: a CPU quota (cpu.max), core scheduling, or an idle CPU that was slow to wake", "waited for a CPU; the task that had it is not known",
           "asleep in KVM, in IO_INSTRUCTION: a page, a lock or a penalty", "L0 took the CPU from this machine",
           "throttled by max_exits_per_sec", "KVM handled IO_INSTRUCTION" + UNKNOWN,
           "halted by KVM in EPT_VIOLATION until a page was there"],
          "watch --json describes the culprit of each kind of slow exit")

for virtualized, stolen_ms in (0, None), (1, 0):
    with Bench(virtualized=virtualized) as b:
        machine(b)
        got, err = reported(b, [slow_line(number=1, stolen_ms=stolen_ms)])
        equal(got[0]["culprit"], "KVM handled IO_INSTRUCTION",
              f"watch does not mention L0 with virtualized {virtualized} and stolen time {stolen_ms}")

with Bench() as b:
    machine(b)
    got, err = reported(b, [slow_line(number=5)])
    ok(got[-1]["missed"] == 4 and "missed 4" in err,
       "watch counts and reports slow exits that were overwritten", (got, err))

with Bench() as b:
    machine(b)
    got, err = reported(b, [slow_line(number=1), slow_line(number=3)])
    equal(([e.get("number") for e in got], got[-1]["missed"]), ([1, None], 0),
          "watch waits for a slow exit that is being written, and holds back those after it")

with Bench() as b:
    machine(b)
    lines = [slow_line(number=1, vmm=18), slow_line(number=2, runq=18), slow_line(number=3, reason="CPUID", code=10)]
    equal([e["number"] for e in reported(b, lines, "--part", "runq")[0][:-1]], [2],
          "watch --part runq reports only exits that are slow in that part")

with Bench() as b:
    machine(b)
    equal([e["number"] for e in reported(b, lines, "--reason", "cpuid")[0][:-1]], [3],
          "watch --reason reports only exits of that reason")

with Bench() as b:
    machine(b)
    equal([e["event"] for e in reported(b, lines, "-c", "2")[0]], ["slow", "slow", "summary"],
          "watch -c 2 ends after two slow exits, with the summary")

with Bench() as b:
    machine(b)
    watch = Watch(b, "--over", "5ms")
    happen(b, slow_line(number=1, vmm_sleep=18))
    within(1, lambda: False)
    out, err, status = watch.end()
    ok("vcpu0: 20.0ms IO_INSTRUCTION: the VMM slept, in IO_INSTRUCTION" in out and
       "1 of 1 exits over 5.00ms: the VMM slept, in IO_INSTRUCTION" in out,
       "watch prints a slow exit and the summary as text", out)
    ok("\x1b" not in out, "watch escapes control characters in a guest's name", out)
    equal(status, 0, "watch exits with 0 on SIGINT")

with Bench() as b, tempfile.TemporaryDirectory() as directory:
    machine(b)
    command = f'env > {directory}/env; cd {directory}; eval ": $L1TUNE_EVENT"'
    got, err = reported(b, [slow_line(number=1, vmm=18), slow_line(number=2)], "--on-threshold", f"shell,command={command}",
                        "--on-threshold", f"snapshot,dir={directory}")
    with open(directory + "/env", encoding="utf-8") as f:
        env = dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
    equal([env.get("L1TUNE_" + k) for k in "EVENT GUEST PID VCPU TID REASON TIME_NS CULPRIT".split()],
          ["slow", "1", "1001", "0", "77", "IO_INSTRUCTION", str(20 * MS), "the VMM ran, for IO_INSTRUCTION" + UNKNOWN],
          "watch passes a slow exit to a shell action in its environment")
    equal(env.get("L1TUNE_NAME"), r"web;$(touch owned)\x1b[2J", "watch escapes the guest's name in L1TUNE_NAME")
    ok(not os.path.exists(directory + "/owned"), "watch with a shell action runs no command in a guest's name")
    files = glob.glob(directory + "/slow-l2-1-vcpu0-*")
    ok(len(files) == 1 and os.stat(files[0]).st_mode & 0o77 == 0,
       "watch writes one snapshot, which only its owner can read", files)
    with open(files[0], encoding="utf-8") as f:
        equal(json.load(f)["watch"]["number"], 1, "watch writes the slow exit to a snapshot")
    equal(len(got), 1, "watch ends at the first slow exit without continue, and does not print it without print")

with Bench() as b, tempfile.TemporaryDirectory() as directory:
    machine(b)
    b.machine.process(1001, ["vmm", "-name", "guest=" + "\udc80" * 40000])
    reported(b, [slow_line(number=1)], "--on-threshold", f"shell,command=touch {directory}/ran")
    ok(os.path.exists(directory + "/ran"), "watch runs a shell action in spite of a very long guest name")

with Bench() as b, tempfile.TemporaryDirectory() as directory:
    machine(b)
    got, err = reported(b, [slow_line(number=n) for n in range(1, 1011)], "--on-threshold", f"snapshot,dir={directory}",
                        "--on-threshold", "continue")
    equal([len(glob.glob(directory + "/slow-*")), err.count("1000 snapshots were written, no more will be")], [1000, 1],
          "watch writes at most 1000 snapshots, and says so once")

with Bench() as b, tempfile.TemporaryDirectory() as directory:
    machine(b)
    state, log = ["--state", directory], directory + "/watch.log"
    reported(b, [slow_line(number=1, vmm=18)], *state)
    ok(not os.path.exists(log), "watch writes no watch.log without a history")
    assert b.run("record", *state, "-c", "1").returncode == 0

    def events():
        assert b.run("record", *state, "-c", "1").returncode == 0
        r = b.run("replay", *state, "--from", "-10m", "events", "-J")
        found = [json.loads(line)["event"] for line in r.stdout.splitlines()]
        return [e for e in found if e["kind"] != "loaded"]

    reported(b, [slow_line(number=2, vmm=18), slow_line(number=3, runq=18, ran=(104, "vhost=4"))], *state)
    equal(os.stat(log).st_mode & 0o777, 0o600, "watch writes watch.log with mode 0600")
    equal([[e[k] for k in ("kind", "id", "vcpu", "for_ns", "reason", "culprit")] for e in events()],
          [["slow", 1, 0, 20 * MS, "IO_INSTRUCTION", "the VMM ran, for IO_INSTRUCTION" + UNKNOWN],
           ["slow", 1, 0, 20 * MS, "IO_INSTRUCTION", "vhost=4 (104) had the CPU"]],
          "replay events has the slow exits that watch reported, with their culprits")
    equal(os.path.getsize(log), 0, "record empties watch.log")
    r = b.run("replay", *state, "--from", "-10m", "events")
    ok("slow        l2-1" in r.stdout and "vcpu0: 20.0ms in IO_INSTRUCTION: the VMM ran" in r.stdout,
       "replay events prints a slow exit as text", r)
    reported(b, [slow_line(number=n, vmm=18) for n in range(4, 400)], *state)
    ok(os.path.getsize(log) < 20000, "watch limits the size of watch.log", os.path.getsize(log))
    found = events()
    ok(50 < len(found) < 200 and [e["kind"] for e in found].count("lost") == 1,
       "replay events has one event for the slow exits that were lost", (len(found), found[-1:]))
    num = len(found)
    # A recorder that is killed before its record is on the disk: here there is no room for one.
    reported(b, [slow_line(number=400, vmm=18)], *state)
    left = os.path.getsize(log)
    r = subprocess.run(["sh", "-c", 'ulimit -f 0; trap "" XFSZ; exec "$@"', "sh", *b.command("record", *state, "-c", "1")],
                       capture_output=True, text=True, check=False)
    equal([r.returncode != 0, os.path.getsize(log)], [True, left],
          "record leaves watch.log as it is if no record can be written")
    with open(log, "ab") as f:
        f.write(b"1 5 EVENT=watch BOOT=")
    reported(b, [slow_line(number=401, vmm=18)], *state)
    found = events()
    equal([len(found), [e["kind"] for e in found[-2:]]], [num + 2, ["slow", "slow"]],
          "record takes what an earlier record left in watch.log, and skips a partial line only")
    num += 2
    reported(b, [slow_line(number=402, vmm=18)], *state)
    os.chmod(log, 0o622)
    equal(len(events()), num, "record ignores a watch.log that others may write to")
    os.chmod(log, 0o600)
    os.link(log, directory + "/another")
    equal(len(events()), num, "record ignores a watch.log with a second hard link")
    os.unlink(directory + "/another")
    num += 1
    equal(len(events()), num, "record reads watch.log once its second hard link is removed")
    write(log, b"1 5 EVENT=watch BOOT=another ACTION=slow L2=l2-1\n\xff\n1 2 EVENT=guest\n" + b"x" * 100000)
    equal(len(events()), num, "record drops lines of watch.log that are invalid or of another boot")
    os.unlink(log)
    os.symlink(directory + "/elsewhere", log)
    write(directory + "/elsewhere", b"")
    reported(b, [slow_line(number=400, vmm=18)], *state)
    equal([len(events()), os.path.getsize(directory + "/elsewhere")], [num, 0],
          "watch and record do not follow a symbolic link in place of watch.log")

with Bench() as b, tempfile.TemporaryDirectory() as directory:
    machine(b)
    got, err = reported(b, [slow_line(number=1)], "--on-threshold", "shell,command=exit 3")
    ok("exit 3: it failed with exit status 3" in err,
       "watch reports the exit status of a shell action that failed", err)

with Bench() as b:
    machine(b)
    got, err = reported(b, [slow_line(number=1, time_ms=20, halted=21), slow_line(number=2)])
    equal([e["number"] for e in got if e["event"] == "slow"], [2],
          "watch does not report an exit whose halted time exceeds its time")

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
                  f"watch {words[0]} ends with its summary when the module is "
                  f"{'unloaded' if unloaded else 'loaded again'}")
            ok("run l1tune apply --load" in err if unloaded else "start l1tune watch again" in err,
               f"watch {words[0]} says what to run when the module is "
               f"{'unloaded' if unloaded else 'loaded again'}", err)

STATES = {"vmm": 3, "vmm_sleep": 4, "halted": 5, "blocked": 6, "runq": 7, "throttled": 8, "kernel": 2}


def hang(state, vmm="S", code=30):
    with Bench() as bench:
        machine(bench, state=now(STATES[state], 1, 2, code), process=vmm)
        process = subprocess.Popen(bench.command("watch", "--json", "--hang", "1s"), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        # It looks more than once in that time.
        wait_for_look(process)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        events = [json.loads(line)["watch"] for line in out.splitlines()]
        hangs = [e for e in events if e["event"] == "hang"]
        equal([process.returncode, err, [(e["event"], e["hangs"]) for e in events if e not in hangs]], [0, "", [("summary", len(hangs))]],
              f"watch --hang ends with a summary that counts the hangs: a vCPU in state {state}, code {code}")
        return hangs


for state in "vmm vmm_sleep blocked runq kernel".split():
    equal([(e["hang"], e["is_suspect"], e["reason"], e["stack"]) for e in hang(state)],
          [(state, state == "vmm_sleep", "IO_INSTRUCTION", "handle_userfault kvm_vcpu_ioctl")],
          f"watch --hang reports a vCPU that stays in state {state}, once")
equal([e["rips"] for e in hang("kernel")], [None], "watch --hang has no guest RIPs of a vCPU in state kernel")
for state in "halted throttled".split():
    equal(hang(state), [], f"watch --hang does not report a vCPU in state {state}")
equal([(e["hang"], e["reason"]) for e in hang("halted", code=48)], [("blocked", "EPT_VIOLATION")],
      "watch --hang reports a vCPU that KVM has halted for a page fault as blocked")
equal(hang("vmm_sleep", vmm="T"), [], "watch --hang does not report a vCPU of a stopped process")


def spin(reason, in_guest=1.0):
    """The hangs of a vCPU that exits for the reason every 50 ms, and is in its guest for that part of the time."""
    with Bench() as bench:
        machine(bench)
        path = f"{bench.machine.device('l2-1')}/vcpu0/stats"
        start = time.clock_gettime_ns(time.CLOCK_BOOTTIME)

        def stats(turn):
            ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            times = [fixed(exits=105, tid=77, guest_time_ns=int((ns - start) * in_guest)), now(1, ns - MS),
                     cell(2, 1, "EXTERNAL_INTERRUPT", turn, MS, MS, {20: 1}, **parts_ns(1, kernel=MS)),
                     cell(2, 0, reason, turn, MS, MS, {20: 1}, **parts_ns(1, kernel=MS))]
            return stats_file("l1tune-1/vcpu-0", [stat for part in times for stat in part])

        write(path, stats(1), 0o644)
        with subprocess.Popen(bench.command("watch", "--json", "--hang", "1s"), stdout=subprocess.PIPE, text=True) as process:
            wait_for_look(process)
            for turn in range(2, 42):
                update(path, stats(turn))
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            events = [json.loads(line)["watch"] for line in process.stdout]
        return [e["hang"] for e in events if e["event"] == "hang"]


for name in "EXTERNAL_INTERRUPT", "EXCEPTION_NMI", "nmi":
    equal(spin(name), ["spin"], f"watch --hang reports a vCPU that spins, whatever the host makes of it: {name}")
equal(spin("CPUID"), [], "watch --hang reports no vCPU that exits by itself")
equal(spin("EXCEPTION_NMI", 0.5), [], "watch --hang reports no vCPU that is busy with exceptions")
finish()

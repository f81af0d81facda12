#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What l1tune finds beside a guest's exits: CPU quotas, helper threads. Usage: test-beside.py L1TUNE"""
import json
import os
import re
import subprocess
import time

from bench import Bench, end_of, equal, finish, ok, on_terminal, skip, wait_for_look
from fake import cell, hist, write
from host import KTHREAD, MS, TICK, Host, runq

def qemu(host, cpu_ns=3000 * MS, vcpu_ns=2000 * MS, **more):
    host.vmm(1001, cpu_ns, t1001=("qemu", 500 * MS, 0), t1002=("CPU 0/KVM", vcpu_ns, 1000 * MS), **more)


def of_guest(bench, number=1):
    guest = {g["id"]: g for g in bench.json("list", "-J")["l2"]}[number]
    return guest["quota_ns"], guest["helpers_ns"]


def quota_of(bench, number=1):
    return of_guest(bench, number)[0]


def helpers_of(bench, number=1):
    return of_guest(bench, number)[1]


def test_quota():
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(900))
        qemu(host)
        host.throttled("/machine.slice", 100_000)
        host.throttled("/machine.slice/web.scope", 200_000)
        equal(quota_of(b), 300 * MS, "the times of all cgroups up to the root count")
        host.throttled("/machine.slice/web.scope", 5_000_000)
        equal(quota_of(b), 900 * MS, "the quota's part of RUNQ is at most RUNQ")
        host.throttled("/machine.slice/web.scope")
        equal(quota_of(b), 100 * MS, "a cgroup without the CPU controller has no quota")
        host.throttled("/machine.slice", 0)
        equal(quota_of(b), 0, "where no quota held anything back its part is known to be 0")
        host.vmm(1001, 3000 * MS, cgroup="0::/\n", t1002=("CPU 0/KVM", 2000 * MS, 1000 * MS))
        equal(quota_of(b), 0, "the root cgroup has no quota")
        b.machine.guest(1, runq(900), vcpus=2)
        host.vmm(1001, 3000 * MS, t1002=("CPU 0/KVM", 1000 * MS, 9 * TICK), t1003=("CPU 1/KVM", 1000 * MS, 9 * TICK))
        host.throttled("/machine.slice", 100_000)
        equal(quota_of(b), 200 * MS, "two vCPUs on a CPU that is held back wait both")
        write(f"{host.proc}/1001/task/1003/cgroup", "0::/machine.slice/web.scope/vcpu1")
        host.throttled("/machine.slice/web.scope/vcpu1", 50_000)
        equal(quota_of(b), 250 * MS, "a vCPU in a cgroup of its own is held back by that, too")
        write(f"{host.proc}/1001/cgroup", "0::/other")
        host.throttled("/other", 10_000)
        b.machine.guest(1, runq(900), vcpus=5)
        equal(quota_of(b), 280 * MS, "vCPUs whose threads are not found are taken to be in the process's cgroup, each")
        b.machine.guest(1, runq(900), vcpus=2)
        equal(quota_of(b), 250 * MS, "where the threads of vCPUs are known the process's cgroup does not matter")


def test_version_1():
    with Bench() as b:
        host = Host(b)
        host.mounts("cgroup", "rw,cpu,cpuacct")
        b.machine.guest(1, runq(900))
        qemu(host, cgroup="12:pids:/x\n8:cpuset:/x\n4:cpuacct,cpu:/docker/web\n0::/system.slice\n")
        host.throttled("/docker", text="nr_periods 10\nnr_throttled 2\nthrottled_time 30000000\n")
        host.throttled("/docker/web", text="nr_periods 10\nnr_throttled 2\nthrottled_time 4000000\n")
        equal(quota_of(b), 34 * MS, "with version 1 the time is of the hierarchy that has the CPU controller")
        host.mounts("cgroup", "rw,cpuset")
        equal(quota_of(b), None, "a hierarchy with another controller is not taken for it")
        host.mounts("cgroup2")
        equal(quota_of(b), None, "version 2 is not taken for it while version 1 has the controller")


def test_quota_unknown():
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(900))
        qemu(host)
        host.throttled("/machine.slice", 100_000)
        equal(quota_of(b), None, "a cgroup that cannot be read makes the quota's part unknown, not 0")
        r = b.run("list", "--noheadings", "-o", "ID,RUNQ,QUOTA")
        equal(r.stdout.split(), ["1", "900ms", "?"], "list shows ? for it")
        host.throttled("/machine.slice/web.scope", 200_000)
        host.mounts("cgroup2", root="/machine.slice")
        equal(quota_of(b), None, "a mount of a part of the hierarchy is not used")
        host.mounts("cgroup2")
        for text in "0::/../web.scope\n", "4:memory:/machine.slice\n", "":
            write(f"{host.proc}/1001/task/1002/cgroup", text.encode())
            equal(quota_of(b), None, f"the quota's part is unknown in the cgroup {text!r}")
        qemu(host)
        equal(quota_of(b), 300 * MS, "the quota's part is known again when the cgroup can be read")
        write(host.proc + "/self/ns/cgroup", "")
        equal(quota_of(b), None, "in another cgroup namespace paths mean something else")
        os.unlink(host.proc + "/self/ns/cgroup")
        os.unlink(host.proc + "/self/mountinfo")
        equal(quota_of(b), None, "without mountinfo the quota's part is unknown")
        host.mounts("cgroup2")
        b.machine.guest(1, [cell(2, 10, "CPUID", 10, 5 * MS, 5 * MS, hist(b10=10))])
        equal(quota_of(b), None, "without the time in RUNQ its part is unknown")


def test_helpers():
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(0))
        qemu(host)
        equal(helpers_of(b), 1000 * MS, "the CPU time of the VMM's threads that are no vCPUs counts")
        qemu(host, vcpu_ns=2003 * MS)
        equal(helpers_of(b), 997 * MS, "a vCPU's time is known in ns")
        os.unlink(host.proc + "/1001/task/1002/schedstat")
        equal(helpers_of(b), 1000 * MS, "without schedstat a vCPU's time is known in clock ticks")
        for comm, guest_ns in ("vcpu", TICK), ("fc_vcpu 0", 0), ("vcpu0", 0), ("crosvm_vcpu0", 0), ("kvm-vcpu-0", 0):
            host.task("1001/task/1002", comm, 2000 * MS, guest_ns)
            equal(helpers_of(b), 1000 * MS, f"a thread called {comm} with {guest_ns} ns in the guest runs a vCPU")
        host.task(1001, "q) 1 (emu", 3000 * MS)
        host.task("1001/task/1002", "CPU) 0 (KVM", 2000 * MS, TICK)
        equal(helpers_of(b), 1000 * MS, "names may have parentheses and blanks")
        for comm in "vcpu_setup", "CPU 0/KVMx", "vcpux0", "worker":
            host.task("1001/task/1002", comm, 2000 * MS)
            equal(helpers_of(b), None, f"if {comm} is none and no thread runs a vCPU, it is unknown")


def reads_of_crowd(num):
    """Read calls of l1tune list, for so many VMs with a thread each that are one process."""
    with Bench() as b:
        host = Host(b)
        for number in range(1, num + 1):
            b.machine.guest(number, runq(0), pid=1001)
        host.vmm(1001, 3000 * MS, t1001=("crowd", 500 * MS, 0),
                 **{f"t{1001 + n}": ("CPU 0/KVM", 20 * MS, 10 * MS) for n in range(1, num + 1)})
        script = '"$@" > /dev/null && while read -r name value; do echo "$name $value"; done < /proc/$$/io'
        r = subprocess.run(["sh", "-c", script, "sh"] + b.command("list", "-J"), capture_output=True, text=True, check=True)
        return int(re.search(r"^syscr: (\d+)$", r.stdout, re.M)[1])


def test_crowd():
    if not os.path.exists("/proc/self/io"):
        skip("a process of many VMs is looked at once", "this kernel does not count reads")
        return
    few, many = reads_of_crowd(50), reads_of_crowd(200)
    ok(many < few * 5, "a process of four times as many VMs takes four times as many reads, not sixteen", [few, many])


def test_kernel_threads():
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(0))
        qemu(host)
        host.task(70, "kvm-pit/1001", 300 * MS, flags=KTHREAD)
        host.task(71, "vhost-1002", 40 * MS, flags=KTHREAD)
        write(host.proc + "/1002/status", "Name:\tCPU 0/KVM\nTgid:\t1001\nPid:\t1002")
        host.task(72, "kvm-nx-lpage-recovery-1001", 5 * MS, flags=KTHREAD)
        equal(helpers_of(b), 1345 * MS, "kernel threads that work for the VMM count")
        host.task(73, "kvm-pit/1001", 7000 * MS)
        host.task(74, "kvm-nx-lpage-re", 7000 * MS, flags=KTHREAD)
        host.task(75, "vhost-77", 7000 * MS, flags=KTHREAD)
        host.task(76, "kvm-pit/1001x", 7000 * MS, flags=KTHREAD)
        host.task(77, "kworker/0:1", 7000 * MS, flags=KTHREAD)
        equal(helpers_of(b), 1345 * MS, "processes that only have such a name and threads of others do not count")
        host.task(70, "kvm-pit/7", 300 * MS, flags=KTHREAD)
        equal(helpers_of(b), 1045 * MS, "a PIT thread of another PID does not count")
        qemu(host, own_pid=7)
        equal(helpers_of(b), 1345 * MS, "in a container the PIT thread has the PID that the VMM has in there")


def test_helpers_unknown():
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(900))
        qemu(host)
        r = b.run("list", "--noheadings", "-o", "ID,BUSY,HELPERS")
        equal(r.stdout.split(), ["1", "5.00ms", "1.00s"], "list shows them, and BUSY is without them")
        host.task(2, "init")
        equal(helpers_of(b), None, "where no kernel threads are to be seen the helpers are unknown")
        host.task(2, "kthreadd", flags=KTHREAD)
        host.task(1001, "qemu", 3000 * MS, start_ticks=9000)
        equal(of_guest(b), (None, None), "a later process with the same PID is not the guest's")
        qemu(host)
        b.machine.guest(2, runq(0), pid=1001)
        equal([helpers_of(b, 1), helpers_of(b, 2)], [None, None], "of two VMs in one process nobody knows whose they are")
        b.machine.guest(2, runq(0), pid=1001, vcpus=0)
        equal(helpers_of(b), 1000 * MS, "a VM without vCPUs in it is a probe, and makes no difference")
        os.unlink(host.proc + "/1001/stat")
        equal(of_guest(b), (None, None), "without the process's file all is unknown")
        r = b.run("list", "--noheadings", "--sort", "HELPERS", "-o", "ID,HELPERS", "-a")
        ok(r.stdout.split() == ["1", "?", "2", "?"] and not r.stderr, "list shows ? without a complaint", r)
        qemu(host)
        for tid in range(2000, 2000 + 4100):
            os.mkdir(f"{host.proc}/1001/task/{tid}")
        b.machine.guest(1, runq(0), vcpus=2)
        equal(of_guest(b), (None, None), "no more than 4096 threads are looked at")


def test_older_than_module():
    """Its process and its cgroup are older than what the module counts."""
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(900), adopted=1)
        qemu(host)
        host.throttled("/machine.slice", 0)
        host.throttled("/machine.slice/web.scope", 0)
        equal(of_guest(b), (0, None), "what the helpers of a guest that is older than the module did since its load is unknown")
        host.throttled("/machine.slice", 250_000)
        equal(of_guest(b), (None, None), "so is the quota's part, unless nothing was ever held back")
        r = b.run("list", "--noheadings", "-o", "ID,QUOTA,HELPERS,COST,AGE")
        equal(r.stdout.split(), ["1", "?", "?", "?", "?"], "list shows ? for what is not known of it, also since when it lives")
        r = b.run("stat", "-o", "GUEST,REASON,RUNQ")
        ok("cpu.max" not in r.stdout and not r.returncode, "stat says nothing of a quota then", r)
        account = b.json("list", "-J", "--by", "cgroup")["cgroups"][0]
        equal([account[key] for key in ("helpers_ns", "cost_ns", "guests_without_helpers")], [None, None, 1],
              "a control group with such guests only has an unknown cost, and not that of the rest")
        b.machine.guest(2, runq(900))
        b.machine.process(1002, ["qemu", "-name", "web2"], "0::/machine.slice/web.scope\n")
        host.vmm(1002, 3000 * MS, t2002=("CPU 0/KVM", 2000 * MS, 1000 * MS))
        account = b.json("list", "-J", "--by", "cgroup")["cgroups"][0]
        equal([account[key] for key in ("helpers_ns", "guests_without_helpers")], [1000 * MS, 1], "with other guests it is theirs")
        with subprocess.Popen(b.command("list", "-J", "-i", "0.5", "-c", "1"), text=True, stdout=subprocess.PIPE) as p:
            wait_for_look(p)
            b.machine.exits(1, runq(1000))
            qemu(host, cpu_ns=3500 * MS, vcpu_ns=2100 * MS)
            host.throttled("/machine.slice/web.scope", 30_000)
            guest = {g["id"]: g for g in json.loads(p.stdout.read())["l2"]}[1]
            equal(end_of(p), 0, "list ends")
        equal((guest["quota_ns"], guest["helpers_ns"]), (30 * MS, 400 * MS), "in an interval all is known")
        state = b.directory + "/state"
        first, last = (json.loads(b.run("record", "-J", "--state", state, "-c", "1").stdout)["time"] for _ in range(2))

        def replayed(*times):
            return {g["id"]: g for g in json.loads(b.run("replay", "--state", state, *times, "list", "-J").stdout)["l2"]}[1]

        guest = replayed("--at", last)
        equal((guest["quota_ns"], guest["helpers_ns"]), (None, None), "a record shows it as unknown, too")
        guest = replayed("--from", first, "--to", last)
        equal((guest["quota_ns"], guest["helpers_ns"]), (0, 0), "and what was between two records is known")


def test_intervals():
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(900))
        qemu(host)
        host.throttled("/machine.slice", 100_000)
        host.throttled("/machine.slice/web.scope", 200_000)

        def observe(change, number=1):
            """What list says of the interval in which something changes."""
            with subprocess.Popen(b.command("list", "-J", "-i", "0.5", "-c", "1"), text=True,
                                  stdout=subprocess.PIPE) as p:
                wait_for_look(p)
                change()
                guest = {g["id"]: g for g in json.loads(p.stdout.read())["l2"]}[number]
                equal(end_of(p), 0, "list ends")
                return guest["quota_ns"], guest["helpers_ns"]

        def go_on():
            b.machine.exits(1, runq(1000))
            qemu(host, cpu_ns=3500 * MS, vcpu_ns=2100 * MS)
            host.throttled("/machine.slice/web.scope", 230_000)
        equal(observe(go_on), (30 * MS, 400 * MS), "with -i both are of the interval")

        def replace_thread():
            host.task("1001/task/1000", "CPU 1/KVM", 9 * MS, TICK)
            write(host.proc + "/1001/task/1000/cgroup", "0::/machine.slice/web.scope")
        equal(observe(replace_thread), (0, None),
              "with other vCPU threads than before the helpers' time in the interval is unknown")

        def move():
            write(host.proc + "/1001/task/1000/cgroup", "0::/machine.slice")
        equal(observe(move), (None, 0), "in another cgroup than before the quota's part of the interval is unknown")

        def start(**process):
            b.machine.guest(2, runq(900), created_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME))
            host.vmm(1002, 3000 * MS, cgroup="0::/machine.slice\n", t2002=("CPU 0/KVM", 2000 * MS, 1000 * MS), **process)

        equal(observe(start, 2), (None, None),
              "of a guest that starts in an interval it is not known what its process and cgroup did before")
        b.remove(2)
        host.throttled("/machine.slice", 0)

        def start_process():
            # The kernel rounds a start down, to before the interval in its first tick.
            time.sleep(2 * TICK / 10 ** 9)
            start(start_ticks=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // TICK)
        equal(observe(start_process, 2), (0, 1000 * MS),
              "QUOTA of a guest that starts in an interval is known if its process is new and its cgroup was never held back")


def test_stat_and_top():
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(900))
        b.machine.guest(2, runq(800))
        qemu(host)
        host.throttled("/machine.slice", 0)
        host.throttled("/machine.slice/web.scope", 0)
        equal(b.run("stat").stdout.count("cpu.max"), 0, "stat is silent about quotas that held nothing back")
        host.throttled("/machine.slice", 250_000)
        r = b.run("stat", "-o", "GUEST,REASON,RUNQ")
        equal(r.stdout.split("\n\n")[1].splitlines()[1:],
              ["    1 web1: at most 250ms of 900ms", "    2 vmm: unknown of 800ms"],
              "stat says how much of RUNQ is due to a quota, and of which guest that is unknown")
        guests = {g["id"]: g["quota_ns"] for g in b.json("stat", "-J")["l2"]}
        equal(guests, {1: 250 * MS, 2: None}, "stat --json has it for each guest")
        wide = on_terminal(b.command("top", "--once", "-d", "0.2"), columns=160, NO_COLOR="1")
        heading = next((line for line in wide.splitlines() if "HELPERS" in line), "")
        rows = {line.split()[0]: line for line in wide.splitlines() if line.split()[:1] in (["1"], ["2"])}
        end = heading.index("HELPERS") + len("HELPERS") if heading else 0
        equal([rows[number][:end].split()[-1] for number in ("1", "2")], ["0.0%", "-"],
              "top has a column HELPERS on a wide terminal")
        ok("HELPERS" not in on_terminal(b.command("top", "--once", "-d", "0.2"), columns=120, NO_COLOR="1"),
           "top has no such column on a narrower one")


print("KTAP version 1")
for test in (test_quota, test_version_1, test_quota_unknown, test_helpers, test_crowd, test_kernel_threads,
             test_helpers_unknown, test_older_than_module, test_intervals, test_stat_and_top):
    test()
finish()

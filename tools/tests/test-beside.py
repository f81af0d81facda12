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
        equal(quota_of(b), 300 * MS, "QUOTA sums the throttled times of all cgroups up to the root")
        host.throttled("/machine.slice/web.scope", 5_000_000)
        equal(quota_of(b), 900 * MS, "QUOTA is at most RUNQ")
        host.throttled("/machine.slice/web.scope")
        equal(quota_of(b), 100 * MS, "QUOTA leaves out a cgroup without the CPU controller")
        host.throttled("/machine.slice", 0)
        equal(quota_of(b), 0, "QUOTA is 0, not unknown, if no quota throttled anything")
        host.vmm(1001, 3000 * MS, cgroup="0::/\n", t1002=("CPU 0/KVM", 2000 * MS, 1000 * MS))
        equal(quota_of(b), 0, "QUOTA is 0 in the root cgroup")
        b.machine.guest(1, runq(900), vcpus=2)
        host.vmm(1001, 3000 * MS, t1002=("CPU 0/KVM", 1000 * MS, 9 * TICK), t1003=("CPU 1/KVM", 1000 * MS, 9 * TICK))
        host.throttled("/machine.slice", 100_000)
        equal(quota_of(b), 200 * MS, "QUOTA counts a cgroup's throttled time once for each vCPU in it")
        write(f"{host.proc}/1001/task/1003/cgroup", "0::/machine.slice/web.scope/vcpu1")
        host.throttled("/machine.slice/web.scope/vcpu1", 50_000)
        equal(quota_of(b), 250 * MS, "QUOTA includes the throttled time of a vCPU's own cgroup")
        write(f"{host.proc}/1001/cgroup", "0::/other")
        host.throttled("/other", 10_000)
        b.machine.guest(1, runq(900), vcpus=5)
        equal(quota_of(b), 280 * MS, "QUOTA takes the process's cgroup for each vCPU whose thread is not found")
        b.machine.guest(1, runq(900), vcpus=2)
        equal(quota_of(b), 250 * MS, "QUOTA ignores the process's cgroup if the threads of all vCPUs are known")


def test_version_1():
    with Bench() as b:
        host = Host(b)
        host.mounts("cgroup", "rw,cpu,cpuacct")
        b.machine.guest(1, runq(900))
        qemu(host, cgroup="12:pids:/x\n8:cpuset:/x\n4:cpuacct,cpu:/docker/web\n0::/system.slice\n")
        host.throttled("/docker", text="nr_periods 10\nnr_throttled 2\nthrottled_time 30000000\n")
        host.throttled("/docker/web", text="nr_periods 10\nnr_throttled 2\nthrottled_time 4000000\n")
        equal(quota_of(b), 34 * MS, "cgroup v1: QUOTA is of the hierarchy with the CPU controller")
        host.mounts("cgroup", "rw,cpuset")
        equal(quota_of(b), None,
              "cgroup v1: QUOTA is unknown if only a hierarchy without the CPU controller is mounted")
        host.mounts("cgroup2")
        equal(quota_of(b), None, "cgroup v1: QUOTA is unknown if only cgroup v2 is mounted")


def test_quota_unknown():
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(900))
        qemu(host)
        host.throttled("/machine.slice", 100_000)
        equal(quota_of(b), None, "QUOTA is unknown, not 0, for a cgroup that cannot be read")
        r = b.run("list", "--noheadings", "-o", "ID,RUNQ,QUOTA")
        equal(r.stdout.split(), ["1", "900ms", "?"], "list shows ? for an unknown QUOTA")
        host.throttled("/machine.slice/web.scope", 200_000)
        host.mounts("cgroup2", root="/machine.slice")
        equal(quota_of(b), None, "QUOTA is unknown if only a part of the cgroup hierarchy is mounted")
        host.mounts("cgroup2")
        for text in "0::/../web.scope\n", "4:memory:/machine.slice\n", "":
            write(f"{host.proc}/1001/task/1002/cgroup", text.encode())
            equal(quota_of(b), None, f"QUOTA is unknown if the vCPU thread's cgroup is {text!r}")
        qemu(host)
        equal(quota_of(b), 300 * MS, "QUOTA is known again when the cgroup can be read")
        write(host.proc + "/self/ns/cgroup", "")
        equal(quota_of(b), None, "QUOTA is unknown if l1tune runs in another cgroup namespace")
        os.unlink(host.proc + "/self/ns/cgroup")
        os.unlink(host.proc + "/self/mountinfo")
        equal(quota_of(b), None, "QUOTA is unknown without mountinfo")
        host.mounts("cgroup2")
        b.machine.guest(1, [cell(2, 10, "CPUID", 10, 5 * MS, 5 * MS, hist(b10=10))])
        equal(quota_of(b), None, "QUOTA is unknown if the module does not count RUNQ")


def test_helpers():
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(0))
        qemu(host)
        equal(helpers_of(b), 1000 * MS, "HELPERS is the CPU time of the VMM's threads that are not vCPUs")
        qemu(host, vcpu_ns=2003 * MS)
        equal(helpers_of(b), 997 * MS, "HELPERS: a vCPU's time is read in ns from schedstat")
        os.unlink(host.proc + "/1001/task/1002/schedstat")
        equal(helpers_of(b), 1000 * MS, "HELPERS: without schedstat a vCPU's time is read in clock ticks")
        for comm, guest_ns in ("vcpu", TICK), ("fc_vcpu 0", 0), ("vcpu0", 0), ("crosvm_vcpu0", 0), ("kvm-vcpu-0", 0):
            host.task("1001/task/1002", comm, 2000 * MS, guest_ns)
            equal(helpers_of(b), 1000 * MS,
                  f"HELPERS: a thread called {comm} with {guest_ns} ns in the guest is a vCPU")
        host.task(1001, "q) 1 (emu", 3000 * MS)
        host.task("1001/task/1002", "CPU) 0 (KVM", 2000 * MS, TICK)
        equal(helpers_of(b), 1000 * MS, "HELPERS: thread names may contain parentheses and blanks")
        for comm in "vcpu_setup", "CPU 0/KVMx", "vcpux0", "worker":
            host.task("1001/task/1002", comm, 2000 * MS)
            equal(helpers_of(b), None, f"HELPERS is unknown if the only other thread is {comm}, which is not a vCPU")


def reads_of_crowd(num, comm="CPU 0/KVM", guest_ns=10 * MS):
    """Read calls of l1tune list --json, for so many VMs with a thread each that are one process."""
    with Bench() as b:
        host = Host(b)
        for number in range(1, num + 1):
            b.machine.guest(number, runq(0), pid=1001)
        host.vmm(1001, 3000 * MS, t1001=("crowd", 500 * MS, 0),
                 **{f"t{1001 + n}": (comm, 20 * MS, guest_ns) for n in range(1, num + 1)})
        script = '"$@" > /dev/null && while read -r name value; do echo "$name $value"; done < /proc/$$/io'
        r = subprocess.run(["sh", "-c", script, "sh"] + b.command("list", "-J"), capture_output=True, text=True, check=True)
        return int(re.search(r"^syscr: (\d+)$", r.stdout, re.M)[1])


def test_crowd():
    if not os.path.exists("/proc/self/io"):
        skip("a process of many VMs is looked at once", "this kernel does not count reads")
        return
    few, many = reads_of_crowd(50), reads_of_crowd(200)
    ok(many < few * 5, "list --json reads the threads of a process with many VMs once, not once a VM", [few, many])
    few, many = (reads_of_crowd(num, "worker", 0) for num in (200, 800))
    ok(many < few * 5, "list --json looks at a bounded number of threads for the thread of a vCPU", [few, many])


def test_kernel_threads():
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(0))
        qemu(host)
        host.task(70, "kvm-pit/1001", 300 * MS, flags=KTHREAD)
        host.task(71, "vhost-1002", 40 * MS, flags=KTHREAD)
        write(host.proc + "/1002/status", "Name:\tCPU 0/KVM\nTgid:\t1001\nPid:\t1002")
        host.task(72, "kvm-nx-lpage-recovery-1001", 5 * MS, flags=KTHREAD)
        equal(helpers_of(b), 1345 * MS, "HELPERS includes kernel threads that work for the VMM")
        host.task(73, "kvm-pit/1001", 7000 * MS)
        host.task(74, "kvm-nx-lpage-re", 7000 * MS, flags=KTHREAD)
        host.task(75, "vhost-77", 7000 * MS, flags=KTHREAD)
        host.task(76, "kvm-pit/1001x", 7000 * MS, flags=KTHREAD)
        host.task(77, "kworker/0:1", 7000 * MS, flags=KTHREAD)
        equal(helpers_of(b), 1345 * MS,
              "HELPERS excludes kernel threads of other VMMs and processes with the name of such a thread")
        host.task(70, "kvm-pit/7", 300 * MS, flags=KTHREAD)
        equal(helpers_of(b), 1045 * MS, "HELPERS excludes a PIT thread of another PID")
        qemu(host, own_pid=7)
        equal(helpers_of(b), 1345 * MS, "HELPERS includes a PIT thread named by the VMM's PID inside its container")


def test_helpers_unknown():
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(900))
        qemu(host)
        r = b.run("list", "--noheadings", "-o", "ID,BUSY,HELPERS")
        equal(r.stdout.split(), ["1", "5.00ms", "1.00s"], "list shows HELPERS, and BUSY does not include them")
        host.task(2, "init")
        equal(helpers_of(b), None, "HELPERS is unknown if kernel threads are not visible")
        host.task(2, "kthreadd", flags=KTHREAD)
        host.task(1001, "qemu", 3000 * MS, start_ticks=9000)
        equal(of_guest(b), (None, None), "QUOTA and HELPERS are unknown if a later process has the VMM's PID")
        qemu(host)
        b.machine.guest(2, runq(0), pid=1001)
        equal([helpers_of(b, 1), helpers_of(b, 2)], [None, None], "HELPERS is unknown for two VMs in one process")
        b.machine.guest(2, runq(0), pid=1001, vcpus=0)
        equal(helpers_of(b), 1000 * MS, "HELPERS ignores a VM without vCPUs in the same process")
        os.unlink(host.proc + "/1001/stat")
        equal(of_guest(b), (None, None), "QUOTA and HELPERS are unknown without /proc/PID/stat")
        r = b.run("list", "--noheadings", "--sort", "HELPERS", "-o", "ID,HELPERS", "-a")
        ok(r.stdout.split() == ["1", "?", "2", "?"] and not r.stderr,
           "list shows ? for unknown HELPERS and prints no message", r)
        qemu(host)
        for tid in range(2000, 2000 + 4100):
            os.mkdir(f"{host.proc}/1001/task/{tid}")
        b.machine.guest(1, runq(0), vcpus=2)
        equal(of_guest(b), (None, None), "QUOTA and HELPERS are unknown if no vCPU is found among the first threads of thousands")


def test_older_than_module():
    """Its process and its cgroup are older than what the module counts."""
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(900), adopted=1)
        qemu(host)
        host.throttled("/machine.slice", 0)
        host.throttled("/machine.slice/web.scope", 0)
        equal(of_guest(b), (0, None), "HELPERS is unknown for a guest that is older than the module")
        host.throttled("/machine.slice", 250_000)
        equal(of_guest(b), (None, None),
              "QUOTA is unknown for a guest that is older than the module if anything was ever throttled")
        r = b.run("list", "--noheadings", "-o", "ID,QUOTA,HELPERS,COST,AGE")
        equal(r.stdout.split(), ["1", "?", "?", "?", "?"],
              "list shows ? for QUOTA, HELPERS, COST and AGE of a guest that is older than the module")
        r = b.run("stat", "-o", "GUEST,REASON,RUNQ")
        ok("cpu.max" not in r.stdout and not r.returncode,
           "stat does not mention cpu.max for a guest that is older than the module", r)
        account = b.json("list", "-J", "--by", "cgroup")["cgroups"][0]
        equal([account[key] for key in ("helpers_ns", "cost_ns", "guests_without_helpers")], [None, None, 1],
              "list --by cgroup: helpers and cost are unknown if all guests are older than the module")
        b.machine.guest(2, runq(900))
        b.machine.process(1002, ["qemu", "-name", "web2"], "0::/machine.slice/web.scope\n")
        host.vmm(1002, 3000 * MS, t2002=("CPU 0/KVM", 2000 * MS, 1000 * MS))
        account = b.json("list", "-J", "--by", "cgroup")["cgroups"][0]
        equal([account[key] for key in ("helpers_ns", "guests_without_helpers")], [1000 * MS, 1],
              "list --by cgroup: helpers are those of the guests for which they are known")
        with subprocess.Popen(b.command("list", "-J", "-i", "0.5", "-c", "1"), text=True, stdout=subprocess.PIPE) as p:
            wait_for_look(p)
            b.machine.exits(1, runq(1000))
            qemu(host, cpu_ns=3500 * MS, vcpu_ns=2100 * MS)
            host.throttled("/machine.slice/web.scope", 30_000)
            guest = {g["id"]: g for g in json.loads(p.stdout.read())["l2"]}[1]
            equal(end_of(p), 0, "list -i 0.5 -c 1 ends with exit status 0")
        equal((guest["quota_ns"], guest["helpers_ns"]), (30 * MS, 400 * MS),
              "list -i knows QUOTA and HELPERS of the interval for a guest that is older than the module")
        state = b.directory + "/state"
        first, last = (json.loads(b.run("record", "-J", "--state", state, "-c", "1").stdout)["time"] for _ in range(2))

        def replayed(*times):
            return {g["id"]: g for g in json.loads(b.run("replay", "--state", state, *times, "list", "-J").stdout)["l2"]}[1]

        guest = replayed("--at", last)
        equal((guest["quota_ns"], guest["helpers_ns"]), (None, None),
              "replay --at shows QUOTA and HELPERS as unknown for a guest that is older than the module")
        guest = replayed("--from", first, "--to", last)
        equal((guest["quota_ns"], guest["helpers_ns"]), (0, 0),
              "replay --from --to knows QUOTA and HELPERS between two records")


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
                equal(end_of(p), 0, "list -i 0.5 -c 1 ends with exit status 0")
                return guest["quota_ns"], guest["helpers_ns"]

        def go_on():
            b.machine.exits(1, runq(1000))
            qemu(host, cpu_ns=3500 * MS, vcpu_ns=2100 * MS)
            host.throttled("/machine.slice/web.scope", 230_000)
        equal(observe(go_on), (30 * MS, 400 * MS), "list -i shows QUOTA and HELPERS of the interval")

        def replace_thread():
            host.task("1001/task/1000", "CPU 1/KVM", 9 * MS, TICK)
            write(host.proc + "/1001/task/1000/cgroup", "0::/machine.slice/web.scope")
        equal(observe(replace_thread), (0, None),
              "list -i: HELPERS is unknown if the vCPU threads changed in the interval")

        def move():
            write(host.proc + "/1001/task/1000/cgroup", "0::/machine.slice")
        equal(observe(move), (None, 0), "list -i: QUOTA is unknown if the vCPU's cgroup changed in the interval")

        def start(**process):
            b.machine.guest(2, runq(900), created_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME))
            host.vmm(1002, 3000 * MS, cgroup="0::/machine.slice\n", t2002=("CPU 0/KVM", 2000 * MS, 1000 * MS), **process)

        equal(observe(start, 2), (None, None),
              "list -i: QUOTA and HELPERS are unknown for a new guest whose process existed before the interval")
        b.remove(2)
        host.throttled("/machine.slice", 0)

        def start_process():
            # The kernel rounds a start down, to before the interval in its first tick.
            time.sleep(2 * TICK / 10 ** 9)
            start(start_ticks=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // TICK)
        equal(observe(start_process, 2), (0, 1000 * MS),
              "list -i: QUOTA and HELPERS are known for a new guest of a new process in a cgroup never throttled")


def test_stat_and_top():
    with Bench() as b:
        host = Host(b)
        b.machine.guest(1, runq(900))
        b.machine.guest(2, runq(800))
        qemu(host)
        host.throttled("/machine.slice", 0)
        host.throttled("/machine.slice/web.scope", 0)
        equal(b.run("stat").stdout.count("cpu.max"), 0, "stat does not mention cpu.max if no quota throttled anything")
        host.throttled("/machine.slice", 250_000)
        r = b.run("stat", "-o", "GUEST,REASON,RUNQ")
        equal(r.stdout.split("\n\n")[1].splitlines()[1:],
              ["    1 web1: at most 250ms of 900ms", "    2 vmm: unknown of 800ms"],
              "stat says how much of RUNQ is due to a quota, and for which guests this is unknown")
        guests = {g["id"]: g["quota_ns"] for g in b.json("stat", "-J")["l2"]}
        equal(guests, {1: 250 * MS, 2: None}, "stat --json has quota_ns of each guest")
        wide = on_terminal(b.command("top", "--once", "-d", "0.2"), columns=160, NO_COLOR="1")
        heading = next((line for line in wide.splitlines() if "HELPERS" in line), "")
        rows = {line.split()[0]: line for line in wide.splitlines() if line.split()[:1] in (["1"], ["2"])}
        end = heading.index("HELPERS") + len("HELPERS") if heading else 0
        equal([rows[number][:end].split()[-1] for number in ("1", "2")], ["0.0%", "-"],
              "top has a column HELPERS on a terminal of 160 columns")
        ok("HELPERS" not in on_terminal(b.command("top", "--once", "-d", "0.2"), columns=120, NO_COLOR="1"),
           "top has no column HELPERS on a terminal of 120 columns")


print("KTAP version 1")
for test in (test_quota, test_version_1, test_quota_unknown, test_helpers, test_crowd, test_kernel_threads,
             test_helpers_unknown, test_older_than_module, test_intervals, test_stat_and_top):
    test()
finish()

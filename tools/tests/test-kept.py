#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
What l1tune record finds beside a guest's exits from one record to the next, while it keeps files
of /proc and of cgroups open. Usage: test-kept.py L1TUNE
"""
import json
import os
import shutil

from bench import equal, finish, ok
from fake import write
from host import KTHREAD, MS, Host, runq
from world import Steps, World


class Live(Host):
    """Files that exist are written in place, as a file that is kept open sees it."""

    def __init__(self, world):
        self.world = world
        super().__init__(world)
        world.machine.guest(1, runq(900))
        self.qemu()
        self.steps = self.output = None

    def set(self, path, content):
        write(path, content) if not os.path.exists(path) else self.overwrite(path, content)

    @staticmethod
    def overwrite(path, content):
        with open(path, "r+", encoding="utf-8") as f:
            f.truncate(0)
            f.write(content + "\n" if content else "")

    def stat(self, name, comm, cpu_ns, guest_ns=0, flags=0):
        """As task(), in place where the file exists."""
        kept = {file: f"{self.proc}/{name}/{file}" for file in ("stat", "comm", "schedstat")}
        kept = {file: path for file, path in kept.items() if os.path.exists(path)}
        for path in kept.values():
            os.rename(path, path + ".kept")
        self.task(name, comm, cpu_ns, guest_ns, flags)
        for path in kept.values():
            with open(path, encoding="utf-8") as f:
                self.overwrite(path + ".kept", f.read().rstrip("\n"))
            os.rename(path + ".kept", path)

    def qemu(self, cpu_ns=3000 * MS, vcpu_ns=2000 * MS):
        self.vmm(1001, cpu_ns, t1001=("qemu", 500 * MS, 0), t1002=("CPU 0/KVM", vcpu_ns, 1000 * MS))

    def ends(self, tid):
        """Reading the kept file of a thread that ended fails in the kernel; here it is empty."""
        for name in os.listdir(f"{self.proc}/1001/task/{tid}"):
            self.overwrite(f"{self.proc}/1001/task/{tid}/{name}", "")
        shutil.rmtree(f"{self.proc}/1001/task/{tid}")

    def start(self):
        self.output = open(self.world.directory + "/output", "w+", encoding="utf-8")
        self.steps = Steps(self.world, "-J", stdout=self.output)

    def last(self):
        with open(self.output.name, encoding="utf-8") as f:
            return json.loads(f.read().splitlines()[-1])["l2"][0]

    def step(self):
        """Quota and helpers since the guest's start, as the next record has them."""
        self.steps.step()
        guest = self.last()
        return guest["quota_ns"], guest["helpers_ns"]

    def end(self):
        equal(self.steps.end(), "", "record ends without a complaint")
        self.output.close()


def test_values():
    with World() as w:
        host = Live(w)
        host.throttled("/machine.slice", 100_000)
        host.throttled("/machine.slice/web.scope", 200_000)
        host.start()
        equal(host.last()["quota_ns"], 300 * MS, "the first record has the quota's part")
        host.stat(1001, "qemu", 5000 * MS)
        host.stat("1001/task/1002", "CPU 0/KVM", 2500 * MS, 1000 * MS)
        host.overwrite(f"{host.cgroups}/machine.slice/cpu.stat", "throttled_usec 350000")
        equal(host.step(), (550 * MS, 2500 * MS), "the next one has the values of its time")
        host.overwrite(f"{host.proc}/1001/task/1002/cgroup", "0::/machine.slice")
        equal(host.step(), (350 * MS, 2500 * MS), "a vCPU's thread that moves to another cgroup has the time of that one")
        fds = set(os.readlink(f"/proc/{host.steps.process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{host.steps.process.pid}/fd"))
        ok(not any("web.scope" in path for path in fds), "the file of the cgroup that nobody is in any more is closed", fds)
        host.end()


def test_threads():
    with World() as w:
        host = Live(w)
        host.start()
        host.stat("1001/task/1001", "CPU 1/KVM", 900 * MS, 1000 * MS)
        equal(host.step()[1], 1000 * MS, "while each vCPU has its thread no other one is taken for a vCPU's")
        host.overwrite(w.machine.device("l2-1") + "/vcpus", "2")
        equal(host.step()[1], 100 * MS, "a second vCPU's thread is found when the guest has two")
        host.ends(1002)
        host.stat("1001/task/1003", "CPU 0/KVM", 50 * MS, 1000 * MS)
        equal(host.step()[1], 2050 * MS, "a thread that took the place of one that ended is found")
        host.end()


def test_kernel_threads():
    with World() as w:
        host = Live(w)
        host.task(60, "sh", 7000 * MS)
        host.start()
        host.task(70, "kvm-pit/1001", 300 * MS, flags=KTHREAD)
        host.task(71, "kthreadd", 40 * MS, flags=KTHREAD)
        equal(host.step()[1], 1300 * MS, "a kernel thread that is new counts")
        host.stat(70, "kvm-pit/1001", 310 * MS, flags=KTHREAD)
        host.stat(71, "kvm-nx-lpage-recovery-1001", 40 * MS, flags=KTHREAD)
        equal(host.step()[1], 1350 * MS, "one that has its name only now counts, and a known one with its time of now")
        os.rename(f"{host.proc}/60", f"{host.proc}/ended")
        host.task(60, "kvm-pit/1001", 5 * MS, flags=KTHREAD)
        equal(host.step()[1], 1355 * MS, "one with the PID of a process that ended counts")
        for file in "stat", "schedstat":
            host.overwrite(f"{host.proc}/70/{file}", "")
        shutil.rmtree(f"{host.proc}/70")
        equal(host.step()[1], 1045 * MS, "one that ended does not count")
        host.end()


def test_same_pid():
    with World() as w:
        host = Live(w)
        host.start()
        w.machine.guest(2, runq(900), pid=1001, created_ns=500_000_000_000)
        shutil.rmtree(w.machine.device("l2-1"))
        os.unlink(f"{w.machine.sys}/class/l1tune/l2-1")
        for file in "stat", "task/1002/schedstat":
            host.overwrite(f"{host.proc}/1001/{file}", "")
        shutil.rmtree(f"{host.proc}/1001")
        host.qemu(cpu_ns=90 * MS, vcpu_ns=20 * MS)
        equal(host.step()[1], 70 * MS, "a later process with the PID of one that ended is looked at anew")
        host.end()


print("KTAP version 1")
test_values()
test_threads()
test_kernel_threads()
test_same_pid()
finish()

# SPDX-License-Identifier: GPL-2.0
"""What stands beside a guest on its host: threads of its VMM and of the kernel, cgroups."""
import os

from fake import cell, hist, write

MS = 1_000_000
TICK = 10 * MS
KTHREAD = 0x00200000


def runq(milliseconds):
    return [cell(2, 10, "CPUID", 1000, (5 + milliseconds) * MS, 9 * MS, hist(b10=1000), kernel_ns=5 * MS,
                 vmm_ns=0, vmm_sleep_ns=0, halted_ns=0, blocked_ns=0, runq_ns=milliseconds * MS, throttled_ns=0)]


class Host:
    """Processes, threads and cgroups of a machine."""

    def __init__(self, bench):
        self.machine = bench.machine
        self.proc = bench.machine.proc
        self.cgroups = bench.directory + "/cgroup"
        os.makedirs(self.cgroups)
        self.task(2, "kthreadd", flags=KTHREAD)
        self.mounts("cgroup2")

    def mounts(self, kind, options="rw", root="/"):
        write(self.proc + "/self/mountinfo",
              f"22 1 0:21 / /sys rw shared:1 - sysfs sysfs rw\n36 22 0:30 {root} {self.cgroups} rw - {kind} {kind} {options}")

    def task(self, name, comm, cpu_ns=0, guest_ns=0, flags=0, schedstat=True, start_ticks=100):
        """name: PID, or PID/task/TID; its CPU time is user time for a third."""
        ticks = cpu_ns // TICK
        fields = ["S", "1", "1", "1", "0", "-1", str(flags), "0", "0", "0", "0", str(ticks // 3),
                  str(ticks - ticks // 3), "0", "0", "20", "0", "1", "0", str(start_ticks)]
        fields += ["0"] * 20 + [str(guest_ns // TICK), "0", "0"]
        number = str(name).rsplit("/", maxsplit=1)[-1]
        write(f"{self.proc}/{name}/stat", f"{number} ({comm}) {' '.join(fields)}")
        write(f"{self.proc}/{name}/comm", comm)
        if schedstat:
            write(f"{self.proc}/{name}/schedstat", f"{cpu_ns} 0 0")

    def vmm(self, pid, cpu_ns, cgroup="0::/machine.slice/web.scope\n", own_pid=None, start_ticks=100, **threads):
        """vmm(1001, 10**9, t1001=("qemu", 0, 0), …): name, CPU time and guest time of its threads."""
        self.machine.process(pid, ["qemu", "-name", f"web{pid - 1000}"], cgroup)
        self.task(pid, "qemu", cpu_ns, start_ticks=start_ticks)
        write(f"{self.proc}/{pid}/status", f"Name:\tqemu\nTgid:\t{pid}\nNSpid:\t{pid}" + (f"\t{own_pid}" if own_pid else ""))
        for tid, (comm, thread_ns, guest_ns) in threads.items():
            self.task(f"{pid}/task/{tid[1:]}", comm, thread_ns, guest_ns)
            write(f"{self.proc}/{pid}/task/{tid[1:]}/cgroup", cgroup.encode())

    def throttled(self, path, usec=None, text=None):
        text = text or "usage_usec 9000000\nuser_usec 1\nsystem_usec 1\n" + (
            "" if usec is None else f"nr_periods 10\nnr_throttled 3\nthrottled_usec {usec}")
        write(f"{self.cgroups}{path}/cpu.stat", text)

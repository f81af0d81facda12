# SPDX-License-Identifier: GPL-2.0
"""A machine with a guest that has lived for a while, for tests of what l1tune advises."""
import json
import os
import subprocess
import time

from bench import Bench, end_of, equal, ok
from fake import VERSION, fixed, hist, split, write

SECOND = 1_000_000_000
LOADED, CREATED = 5 * SECOND, 10 * SECOND
# The statistics of a guest that has lived so long.
SECONDS = 10


def exits(reason, rate, level=2, code=1, **parts):
    """So many a second; in the parts, seconds of a CPU in each second."""
    return split(level, code, reason, rate * SECONDS, 0, hist(), SECONDS * SECOND, **parts)


def created_ns():
    """SECONDS ago, by the clock that the tool reads."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - SECONDS * SECOND


TICK = 10_000_000


def task(bench, name, comm, cpu_ns, flags=0, guest_ns=0, policy=0, nice=0):
    """A process, or thread PID/task/TID, that has had a CPU for so long."""
    fields = ["S"] + ["0"] * 5 + [str(flags)] + ["0"] * 4 + [str(cpu_ns // TICK), "0"]
    fields += ["0"] * 3 + [str(nice), "0", "0", "100"] + ["0"] * 18 + [str(policy), "0", str(guest_ns // TICK), "0"]
    write(f"{bench.machine.proc}/{name}/stat", f"1 ({comm}) " + " ".join(fields))
    write(f"{bench.machine.proc}/{name}/comm", comm)


# A hierarchy of version 2 in which no cgroup has a limit
NO_LIMITS = {"self/mountinfo": "36 22 0:30 / /nonexistent rw - cgroup2 none rw"}

KTHREAD = 0x00200000


class Advised(Bench):
    """A machine with one guest of one vCPU that has lived for SECONDS. If allowed, its
    vCPUs' threads are known, may use these CPUs, and are in a cgroup without a quota."""

    def __init__(self, *cells, cpus=2, vcpus=1, saved=True, kvm=None, params=None, offered=(),
                 argv=("vmm", "-name", "guest=web"), sys=None, proc=None, guest=None, shadowed="unknown", allowed=None, **l1):
        super().__init__(**{"usage": {"vms": 1, "vcpus": vcpus, "memory_bytes": 0, "nested_vms": 0}} | l1)
        m = self.machine
        self.lived = set()
        self.created_ns = created_ns()
        self.guest(1, *cells, argv=argv, **{"vcpus": vcpus} | (guest or {}))
        flags = "flags\t\t: vmx hypervisor\n"
        write(m.proc + "/cpuinfo", "".join(f"processor\t: {n}\n{flags}\n" for n in range(cpus)))
        self.kvm(1001, **kvm or {})
        if allowed:
            self.allow(1, vcpus, allowed)
            proc = NO_LIMITS | (proc or {})
        for name, value in (params or {}).items():
            write(f"{m.sys}/module/{name.replace('.', '/parameters/')}", value)
            write(f"{m.sys}/module/{name.split('.')[0]}/initstate", "live")
        for name in offered:
            write(f"{m.device('l1')}/vmx/{name}", 1)
        write(m.sys + "/kernel/mm/transparent_hugepage/enabled", "always madvise [never]")
        write(m.sys + "/devices/system/cpu/isolated", "")
        write(m.sys + "/devices/system/cpu/smt/active", 0)
        for root, files in (m.sys, sys), (m.proc, proc):
            for name, value in (files or {}).items():
                write(f"{root}/{name}", value)
        self.state = self.directory + "/state"
        self.shadowed = shadowed
        if saved:
            self.save()

    def guest(self, number, *cells, argv=("vmm",), **values):
        """One more that has lived as long; its PID is 1000 more than its number."""
        self.machine.guest(number, [*cells, fixed(exits=1, guest_time_ns=0)],
                           **{"uid": 107, "created_ns": self.created_ns} | values)
        if "created_ns" not in values:
            self.lived.add(number)
        self.machine.process(values.get("pid", 1000 + number), argv)

    def allow(self, number, vcpus, cpus, cgroup="0::/"):
        """The threads of a guest's vCPUs, which may use these CPUs; its PID is 1000 more than its number."""
        for i in range(vcpus):
            thread = f"{1000 + number}/task/{2000 + 100 * number + i}"
            task(self, thread, f"CPU {i}/KVM", SECOND, guest_ns=SECOND)
            write(f"{self.machine.proc}/{thread}/status", f"Name:\tvcpu\nCpus_allowed_list:\t{cpus}")
            write(f"{self.machine.proc}/{thread}/cgroup", cgroup)

    def process_ran(self, cpu_ns, threads=("1002",), allowed="0-7"):
        """All threads of guest 1's process have had a CPU for so long, those of its vCPUs for a second each."""
        task(self, 2, "kthreadd", 0, KTHREAD)
        write(self.machine.proc + "/1001/status", f"Name:\tvmm\nTgid:\t1001\nCpus_allowed_list:\t{allowed}")
        task(self, 1001, "vmm", cpu_ns)
        for number, thread in enumerate(threads):
            task(self, f"1001/task/{thread}", f"CPU {number}/KVM", SECOND, guest_ns=SECOND)

    def run(self, *args, **options):
        """However long the test has taken so far, guests have lived for SECONDS when advice begins."""
        if args[0] == "advise":
            self.created_ns = created_ns()
            for number in self.lived:
                write(f"{self.machine.device(f'l2-{number}')}/created_ns", self.created_ns, 0o440)
        return super().run(*args, **options)

    def kvm(self, pid, fd=11, mode=0o444, **files):
        """What KVM counts of one VM, in debugfs."""
        for name, value in files.items():
            write(f"{self.machine.sys}/kernel/debug/kvm/{pid}-{fd}/{name}", value, mode)

    def save(self):
        """What bench --save keeps: 10 us to L0 and back, waking takes 50 us more than an exit."""
        def kind(name, ns, kvm_ns):
            cycles = ns * 2
            return {"kind": name, "count": 100, "median_cycles": cycles, "mean_cycles": cycles,
                    "median_low95_cycles": cycles, "median_high95_cycles": cycles,
                    "min_cycles": cycles, "p99_cycles": cycles,
                    "split": kvm_ns and {"kvm_ns": kvm_ns, "vmm_ns": 0}, "skipped": None}

        def line(path):
            if not os.path.exists(path):
                return ""
            with open(path, encoding="ascii") as f:
                return f.read().strip()

        os.makedirs(self.state, exist_ok=True)
        boot_id, kernel = (line(f"{self.machine.proc}/sys/kernel/{name}") for name in ("random/boot_id", "osrelease"))
        vendor, product = (line(f"{self.machine.sys}/class/dmi/id/{name}") for name in ("sys_vendor", "product_name"))
        document = {"schema": 2, "tool": VERSION, "module": VERSION, "boot_id": boot_id, "bench": {
            "machine": {"kernel": kernel, "microcode": "", "vendor": vendor, "instance_type": product, "cpu": "",
                        "virtualized": True},
            "taken": 1, "tsc_khz": 2000000, "clock_cycles": 0, "halt_delay_ns": 0,
            "kinds": [kind("cpuid", 11000, 1000), kind("hlt_timer", 61000, None)],
            "vmcs_shadowing": {"shadowed": self.shadowed}}}
        write(self.state + "/bench.json", json.dumps(document), 0o644)

    def advice(self, *options):
        r = self.run("advise", "-J", "--since-start", "--state", self.state, *options)
        ok(r.returncode == 0 and not r.stderr, "advise exits with 0 and prints no error", r)
        return json.loads(r.stdout)["advice"]

    def rules(self):
        return [a["rule"] for a in self.advice()]


def smaps(path="", perms="rw-p", flags="rd wr mr mw me ac", swapped_kb=0, size=512 << 20):
    """/proc/PID/smaps of a VMM: its program, the guest's memory and its stack."""
    start = 0x7f0000000000
    device, inode = ("00:01", 77) if path else ("00:00", 0)
    return f"""55d0c0000000-55d0c0200000 r-xp 00000000 fe:01 1234                       /usr/bin/vmm
Size:               2048 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me sd
{start:x}-{start + size:x} {perms} 00000000 {device} {inode}                          {path}
Size:             {size >> 10} kB
KernelPageSize:        4 kB
Swap:             {swapped_kb} kB
VmFlags: {flags}
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]
Size:                132 kB
Swap:                  0 kB
VmFlags: rd wr mr mw me gd ac"""


def advise_meanwhile(bench, reason, *options, rate=10, vmm=True, each_turn=None):
    """What it says of a guest that exits for one reason, twenty times rate a second and more."""
    command = bench.command("advise", "-i", "1", "--state", bench.state, *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as p:
        turn = 0
        while p.poll() is None and turn < 400:
            turn += 1
            bench.machine.exits(1, [exits(reason, rate * turn, vmm=vmm * turn / 1000, kernel=turn / 1000), fixed(exits=1, guest_time_ns=0)])
            if each_turn:
                each_turn(turn)
            time.sleep(0.05)
        equal(end_of(p), 0, f"it ends: {reason}")
        return p.stdout.read()


# Causes whose gains are tested in test-advise, and those that a sample shows, in test-access and test-msrs.
# The others are in test-causes.
WITH_GAINS = ("guest-limit tenant-limit host-limit cpu-baseline stolen poll-down poll-up hlt-in-guest pause-in-guest pause-preempted "
              "devices apicv x2apic level-interrupts ept npt no-nested-paging unrestricted-guest evmcs vmcs-shadowing l1d-flush vmm-halts "
              "vmm-kicks vmm-windows vmm-debugger vmm-msrs vmm-hypercalls").split()
SAMPLED = ("clock-hyperv clock-linux clock rtc serial-port display ide i8042 pci-configuration firmware vmm-irqchip "
           "legacy-device virtio-interrupts iommu acpi unknown-device pit pic io-apic apic-page apicv-msrs eoi hyperv-eoi guest-timers ipis clock-msrs "
           "reference-counter inner-switches page-ready messages sensors speculation pmu branches modes svm-on-and-off other-msrs vcpu-wakeups nesting ioeventfd-kicks").split()


def listing(bench):
    """The lines of advise --help that have a name and a title."""
    return bench.run("advise", "--help").stdout.split("Causes:\n")[1].split("\n\n")[0].splitlines()


def listed(bench):
    """The names of advice that --help has."""
    return {line.split()[0] for line in listing(bench)}

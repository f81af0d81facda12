#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune advise: guests that look alike by their exits, and what each one's cause is.
Usage: test-causes.py L1TUNE"""
import json
import os
import re
import threading
import time

from advised import KTHREAD, NO_LIMITS, SAMPLED, SECOND, SECONDS, WITH_GAINS, Advised, advise_meanwhile, exits, listed, listing, smaps, task
from bench import equal, finish, ok
from fake import fixed, hist, split, update, write

FAULTS = exits("EPT_VIOLATION", 1024, kernel=0.01)
SMALL, LARGE = ({"pages_4k": 100000, "pages_2m": number, "pages_1g": 0} for number in (10, 1000))
# All that rules causes out but the one that is looked for.
QUIET = {"pf_fast": 0, "nx_lpage_splits": 0}
THP = "kernel/mm/transparent_hugepage/"
NEVER = {THP + "enabled": "always madvise [never]", THP + "shmem_enabled": "always within_size advise [never] deny force",
         "kernel/mm/ksm/run": "0"}
MADVISE = {THP + "enabled": "always [madvise] never", THP + "shmem_enabled": "always within_size [advise] never deny force"}
ALWAYS = {THP + "enabled": "[always] madvise never", THP + "shmem_enabled": "[always] within_size advise never deny force"}
ANONYMOUS = smaps()
MEMFD = smaps("/memfd:ram (deleted)", "rw-s")
ADVISED = "rd wr mr mw me ac hg"


def slots(mb, logged_mb, flags=0, hva=0x7f0000000000):
    """The guest's memory in two slots, of which KVM logs one."""
    rest = mb - logged_mb
    return "\n".join([f"0 0 0x0 {rest << 20} {hva:#x} {flags:#06x} 2"] * bool(rest) +
                     [f"0 1 {rest << 20:#x} {logged_mb << 20} {hva + (rest << 20):#x} 0x0001 2"] * bool(logged_mb))


def memory(text=ANONYMOUS, kvm=None, sys=NEVER, **values):
    """With slots of which little is logged, a display say: whether writes are logged is told by the faults then."""
    return {"guest": {"memslots": slots(512, 16)}, "proc": {"1001/smaps": text} if text else {}, "kvm": SMALL | QUIET | (kvm or {}), "sys": sys} | values


def in_tmpfs(options="rw,inode64", mount="/dev/shm", **values):
    """A file in a tmpfs, which is mounted with these options, below another one."""
    one = memory(smaps(mount + "/ram", "rw-s").replace(" 00:01 ", " 00:1a "), **values)
    one["proc"]["1001/mountinfo"] = f"""22 1 0:5 / /dev rw - devtmpfs udev rw
30 22 0:26 / {mount} rw,nosuid shared:4 - tmpfs tmpfs {options}
31 1 0:27 / /dev/shmem rw - tmpfs tmpfs rw,huge=within_size"""
    return one


def blocked(text):
    return {"proc": {"1001/smaps": text} | NO_LIMITS}


BLOCKED_FAULTS = exits("EPT_VIOLATION", 300, blocked=0.5)
HYPERV = ("/usr/bin/kvm", "-name", "win11,debug-threads=on", "-cpu", "host,hv_ipi,hv_relaxed,hv_stimer,hv_time")
NESTED = (exits("CPUID", 500, kernel=0.1, level=3), exits("VMRESUME", 1000, kernel=0.2))



def inside(paging, *counts):
    """A guest of SVM whose vCPU ran a guest inside it; counts are "REASON COUNT REFLECTED"."""
    text = f"offered yes\nstate running\nin_l3_ns none\nentries 9\npaging {paging}\nfailed 0\nunkept 0"
    text += "".join(f"\nexits {count} 0 0 0" for count in counts)
    return {"isa": "svm", "argv": ("qemu", "-cpu", "host"),
            "guest": {"vcpu_cells": {0: [fixed(tid=2001)]}, "vcpu0/nested": text}}


APICV = ["virtual_interrupt_delivery", "apic_register_virtualization", "posted_interrupts"]
RUNQ = (exits("EXTERNAL_INTERRUPT", 10, runq=0.3),)
ON_ALL = {"1001/status": "Name:\tvmm\nCpus_allowed_list:\t0-1"}

UNPOLLED = {"halt_poll_fail_ns": 0, "halt_poll_success_ns": 0}


def polling(vcpus=1, offered="0x1000", host_poll=1, async_pf=0):
    """A guest whose vCPUs are offered to turn KVM's polling off, and did or did not."""
    text = f"offered {offered}\nkvmclock 0\nasync_pf {async_pf}\nsteal_time 0\npv_eoi 0\nhost_poll {host_poll}"
    return {"vcpus": vcpus, "vcpu_cells": {i: [fixed(tid=2100 + i)] for i in range(vcpus)}} | {f"vcpu{i}/paravirt": text for i in range(vcpus)}


CPUIDLE = "devices/system/cpu/cpuidle/current_driver"
CPU_BUGS = "devices/system/cpu/vulnerabilities/"
VULNERABLE = {CPU_BUGS + "mds": "Not affected", CPU_BUGS + "retbleed": "Mitigation: Enhanced IBRS", CPU_BUGS + "spec_rstack_overflow": "Mitigation: Safe RET"}

# Situation: exits, machine, what is advised, with a word of the change, and how sure that is.
SITUATIONS = {
    "anonymous memory, huge pages off":
        ([FAULTS], memory(), "small-pages", "l1tune tune 1 huge_pages=collapse", "high"),
    "anonymous memory, huge pages off, of a guest with a device that is passed through":
        ([FAULTS], memory() | {"argv": ("qemu", "-device", "vfio-pci,host=0000:00:05.0")}, "small-pages", "Not huge_pages=collapse: its memory is pinned", "high"),
    "a file in tmpfs, of a guest with a device that is passed through":
        ([FAULTS], in_tmpfs() | {"argv": ("cloud-hypervisor", "--device", "path=/sys/bus/pci/devices/0000:00:05.0/")},
         "small-pages-tmpfs", "hugetlbfs. Not huge_pages=collapse", "high"),
    "anonymous memory, the VMM does not advise":
        ([FAULTS], memory(sys=MADVISE), "small-pages", "transparent_hugepage/enabled", "high"),
    "anonymous memory, the VMM advises in vain":
        ([FAULTS], memory(smaps(flags=ADVISED), sys=MADVISE), "small-pages-scattered", "hugetlbfs", "high"),
    "anonymous memory, huge pages allowed":
        ([FAULTS], memory(sys=ALWAYS), "small-pages-scattered", "hugetlbfs", "high"),
    "anonymous memory, huge pages on, but not those of 2 MB":
        ([FAULTS], memory(sys=ALWAYS | {THP + "hugepages-2048kB/enabled": "always inherit madvise [never]"}),
         "small-pages", "echo always > /sys/kernel/mm/transparent_hugepage/hugepages-2048kB/enabled", "high"),
    "anonymous memory, huge pages off, but not those of 2 MB":
        ([FAULTS], memory(sys=NEVER | {THP + "hugepages-2048kB/enabled": "[always] inherit madvise never"}),
         "small-pages-scattered", "hugetlbfs", "high"),
    "memfd, huge pages on, but not those of 2 MB":
        ([FAULTS], memory(MEMFD, sys=ALWAYS | {THP + "hugepages-2048kB/shmem_enabled": "always inherit within_size advise [never]"}),
         "small-pages-shmem", "hugepages-2048kB/shmem_enabled", "high"),
    "hugetlbfs that KVM maps in small pages":
        ([FAULTS], memory(smaps("/anon_hugepage (deleted)", flags="rd wr ht")), "small-pages-scattered", "agree modulo", "high"),
    "memfd, huge pages of shared memory off":
        ([FAULTS], memory(MEMFD, sys=ALWAYS | {THP + "shmem_enabled": NEVER[THP + "shmem_enabled"]}),
         "small-pages-shmem", "shmem_enabled", "high"),
    "memfd, the VMM does not advise":
        ([FAULTS], memory(MEMFD, sys=MADVISE), "small-pages-shmem", "shmem_enabled", "high"),
    "a file in tmpfs":
        ([FAULTS], in_tmpfs(), "small-pages-tmpfs", "mount -o remount,huge=always /dev/shm, then", "high"),
    "a file in a tmpfs that only its device tells":
        ([FAULTS], in_tmpfs(mount="/srv/ram"), "small-pages-tmpfs", "mount -o remount,huge=always /srv/ram, then", "high"),
    "a file in a tmpfs whose name is a shell's command":
        ([FAULTS], in_tmpfs(mount="/dev/shm/$(reboot)"), "small-pages-tmpfs", "mount -o remount,huge=always MOUNT, then", "high"),
    "a file in a tmpfs that has huge pages":
        ([FAULTS], in_tmpfs("rw,size=8388608k,huge=always,inode64"), "small-pages-scattered", "hugetlbfs", "high"),
    "a file in a tmpfs that has huge pages on advice only":
        ([FAULTS], in_tmpfs("rw,huge=advise"), "small-pages-tmpfs", "huge=always", "high"),
    "a file in a tmpfs, though all are denied huge pages":
        ([FAULTS], in_tmpfs("rw,huge=always", sys=NEVER | {THP + "shmem_enabled": "always within_size advise never [deny] force"}),
         "small-pages-tmpfs", "which denies it for all mounts", "high"),
    "a file in a tmpfs whose mount is not known":
        ([FAULTS], memory(smaps("/dev/shm/ram", "rw-s")), "memory-faults", "find out first", "low"),
    "a snapshot mapped from a file":
        ([FAULTS], memory(smaps("/srv/snapshots/base.mem", "rw-p")), "small-pages-file", "userfaultfd", "high"),
    "a file that is shared with helpers of the VMM":
        ([FAULTS], memory(smaps("/var/lib/libvirt/qemu/ram/1-web/pc.ram", "rw-s")), "small-pages-file", "<source type='memfd'/>", "high"),
    "a snapshot in a tmpfs that is mapped privately":
        ([FAULTS], memory(smaps("/dev/shm/base.mem", "rw-p"), sys=ALWAYS), "small-pages-file", "so that huge= of the tmpfs decides", "high"),
    "a memfd that is mapped privately, huge pages of shared memory off":
        ([FAULTS], memory(smaps("/memfd:ram (deleted)", "rw-p")), "small-pages-file", "so that shmem_enabled decides", "high"),
    "a memfd that is mapped privately, huge pages allowed":
        ([FAULTS], memory(smaps("/memfd:ram (deleted)", "rw-p"), sys=ALWAYS), "small-pages-file", "map it shared", "high"),
    "/dev/zero, private, huge pages off":
        ([FAULTS], memory(smaps("/dev/zero", "rw-p")), "small-pages", "transparent_hugepage/enabled", "high"),
    "hugetlbfs of 1G, and small pages beside it":
        ([FAULTS], memory(smaps("/anon_hugepage (deleted)", flags="rd wr ht"), kvm={"pages_4k": 3000, "pages_2m": 0, "pages_1g": 4}),
         "memory-faults", "find out first", "low"),
    "a guest_memfd, huge pages off for what the guest shares":
        ([FAULTS], memory(guest={"memslots": slots(512, 0, flags=4)}), "small-pages-guest-memfd", "guest_memfd has large pages", "high"),
    "a guest_memfd, huge pages refused and watched for what the guest shares":
        ([FAULTS], memory(smaps(flags="rd wr nh um"), sys=ALWAYS, guest={"memslots": slots(512, 0, flags=4)}),
         "small-pages-guest-memfd", "guest_memfd has large pages", "high"),
    "anonymous memory, huge pages off, at addresses that KVM cannot map at once":
        ([FAULTS], memory(guest={"memslots": slots(510, 0, hva=0x7f0000001000)}), "small-pages-misaligned", "modulo 2M", "high"),
    "hugetlbfs at addresses that KVM cannot map at once":
        ([FAULTS], memory(smaps("/anon_hugepage (deleted)", flags="rd wr ht"), guest={"memslots": slots(510, 0, hva=0x7f0000001000)}),
         "small-pages-misaligned", "modulo 2M", "high"),
    "a log of writes to memory at such addresses":
        ([FAULTS], memory(guest={"memslots": slots(510, 510, hva=0x7f0000001000)}), "dirty-log", "end the migration", "high"),
    "a VMM that refuses huge pages":
        ([FAULTS], memory(smaps(flags="rd wr nh"), sys=ALWAYS), "small-pages-vmm", "MADV_NOHUGEPAGE", "high"),
    "a process without huge pages":
        ([FAULTS], memory(sys=ALWAYS) | {"proc": {"1001/smaps": ANONYMOUS, "1001/status": "Name:\tvmm\nTHP_enabled:\t0"}},
         "small-pages-vmm", "PR_SET_THP_DISABLE", "high"),
    "dirty logging with PML":
        ([exits("PML_FULL", 100, kernel=0.05)], memory(), "dirty-log", "end the migration", ""),
    "dirty logging without PML":
        ([FAULTS], memory(kvm={"pf_fast": 10000}), "dirty-log", "huge pages do not help", ""),
    "dirty logging while the guest touches fresh pages, too":
        ([FAULTS], memory(kvm={"pf_fast": 4400}), "dirty-log", "huge pages do not help", ""),
    "vCPUs that race for fresh pages":
        ([FAULTS], memory(kvm={"pf_fast": 900}), "small-pages", "transparent_hugepage/enabled", "high"),
    "some dirty logging, or a race":
        ([FAULTS], memory(kvm={"pf_fast": 1500}), "small-pages", "transparent_hugepage/enabled", "medium: shown; not"),
    "a log of writes by the slots' flags, while the guest touches fresh pages":
        ([FAULTS], memory(guest={"memslots": slots(512, 512)}), "dirty-log", "huge pages do not help", "high"),
    "mapped pages that fault, though no slot is logged":
        ([FAULTS], memory(kvm={"pf_fast": 10000}, guest={"memslots": slots(512, 0)}), "small-pages", "transparent_hugepage/enabled", "medium: shown; not"),
    "mapped pages that fault, no slot logged, and accessed bits that KVM does not use":
        ([FAULTS], memory(kvm={"pf_fast": 10000}, guest={"memslots": slots(512, 0)}, offered=["ept_ad"], params={"kvm_intel.eptad": "N"}),
         "small-pages", "transparent_hugepage/enabled", "medium: shown; not"),
    "mapped pages that fault, no slot logged, and accessed bits that KVM uses":
        ([FAULTS], memory(kvm={"pf_fast": 10000}, guest={"memslots": slots(512, 0)}, offered=["ept_ad"], params={"kvm_intel.eptad": "Y"}),
         "small-pages", "transparent_hugepage/enabled", "high"),
    "a display that is logged, and fresh pages":
        ([FAULTS], memory(guest={"memslots": slots(512, 16)}), "small-pages", "transparent_hugepage/enabled", "high"),
    "a display that is logged, and its faults":
        ([FAULTS], memory(kvm={"pf_fast": 10000}, guest={"memslots": slots(512, 16)}), "dirty-log", "a VGA display", ""),
    "aging of pages without accessed bits":
        ([FAULTS], memory(None, kvm={"pf_fast": 10000}), "dirty-log", "end the migration", "medium: shown; not"),
    "nx_huge_pages":
        ([FAULTS], memory(kvm={"nx_lpage_splits": 300}, sys=NEVER | {"module/kvm/parameters/nx_huge_pages": "Y"}),
         "nx-huge-pages", "recovery_ratio=0", ""),
    "nx_huge_pages on a CPU that is not affected":
        ([FAULTS], memory(kvm={"nx_lpage_splits": 300}, sys=NEVER | {
            "module/kvm/parameters/nx_huge_pages": "Y",
            "devices/system/cpu/vulnerabilities/itlb_multihit": "Not affected"}), "nx-huge-pages", "nx_huge_pages=N", ""),
    "userfaultfd":
        ([FAULTS], memory(smaps(flags="rd wr um")), "userfaultfd", "fill more at a time", "medium: the other"),
    "a userfaultfd of a postcopy migration":
        ([FAULTS], memory(smaps(flags="rd wr um")) | {"argv": ("/usr/bin/qemu-system-x86_64", "-incoming", "defer")}, "userfaultfd", "it ends when all memory is copied", "medium: the other"),
    "a userfaultfd with hugetlbfs behind it":
        ([FAULTS], memory(smaps("/anon_hugepage (deleted)", flags="rd wr ht um")), "userfaultfd", "will touch next", "medium: the other"),
    "a userfaultfd that protects pages from writes while a snapshot is taken":
        ([FAULTS], memory(smaps(flags="rd wr uw")), "userfaultfd", "it ends with the snapshot", "medium: the other"),
    "a wait for such a page":
        ([BLOCKED_FAULTS], blocked(smaps(flags="rd wr uw")), "userfaultfd-wait", "UFFD_FEATURE_WP_ASYNC", "medium: shown; not"),
    "a userfaultfd that protects pages and serves missing ones":
        ([FAULTS], memory(smaps(flags="rd wr um uw")), "userfaultfd", "fill more at a time", "medium: the other"),
    "a wait for a page that a postcopy migration brings":
        ([BLOCKED_FAULTS], blocked(smaps(flags="rd wr um")) | {"argv": ("/usr/bin/qemu-system-x86_64", "-incoming", "defer")}, "userfaultfd-wait", "postcopy-preempt", "medium: shown; not"),
    "small pages, and swap that may have been read or not":
        ([FAULTS, exits("EPT_VIOLATION", 10, blocked=0.04, code=2)], memory(smaps(swapped_kb=90000)), "small-pages", "transparent_hugepage/enabled", "medium: shown; not"),
    "a balloon that takes back what the guest frees":
        ([FAULTS], memory(kvm={"pages_4k": 0, "pages_2m": 100}, sys=ALWAYS)
         | {"argv": ("qemu", "-device", "virtio-balloon-pci,free-page-reporting=on")},
         "memory-faults", "find out first", "low"),
    "first touch of memory in large pages":
        ([FAULTS], memory(kvm={"pages_4k": 0, "pages_2m": 10000}, sys=ALWAYS), "first-touch", "it ends when", "high"),
    "large pages that fault again and again":
        ([FAULTS], memory(kvm={"pages_4k": 0, "pages_2m": 100}, sys=ALWAYS), "memory-faults", "find out first", "low"),
    "nothing can be read":
        ([FAULTS], {}, "memory-faults", "find out first", "low"),
    "a guest that polls by itself":
        ([exits("HLT", 12000, kernel=0.2, halted=1.2)],
         {"kvm": {"halt_poll_fail_ns": 0, "halt_poll_success_ns": 0}, "params": {"kvm.halt_poll_ns": 200000}, "vcpus": 4, "allowed": "0-1",
          "guest": polling(4, host_poll=0)},
         "guest-haltpoll", "guest_halt_poll_ns", "medium"),
    "a vCPU that KVM keeps awake though it is halted":
        ([exits("HLT", 20, kernel=0.9), fixed(stolen_ns=0)], {"kvm": UNPOLLED, "guest": polling(offered="0x10", async_pf=1), "proc": {"sys/kernel/osrelease": "5.10.0-30-amd64"}},
         "halt-loop", "from Linux 5.13 on", "medium: shown; not"),
    "a guest whose halts end at once":
        ([exits("HLT", 30000, kernel=0.6), fixed(stolen_ns=0)], {"kvm": UNPOLLED, "allowed": "0-1"}, "halt-loop", "no-kvmapf", "medium: shown; not"),
    "the same on a kernel without that fault of asynchronous page faults":
        ([exits("HLT", 30000, kernel=0.6), fixed(stolen_ns=0)], {"kvm": UNPOLLED, "guest": polling(offered="0x10", async_pf=1)},
         "halt-loop", "shows a guest without them", "medium: shown; not"),
    "a guest whose sleeps are too long to poll for":
        ([exits("HLT", 1500, kernel=0.02, halted=0.9, runq=0.03)],
         {"kvm": {"halt_poll_fail_ns": 0, "halt_poll_success_ns": 0}, "params": {"kvm.halt_poll_ns": 200000}, "allowed": "0-1"},
         "hlt-in-guest", "hlt_in_guest=1", "medium"),
    "a CPU that exits for HLT only if no interrupt is pending":
        ([exits("idle-halt", 1500, kernel=0.02, halted=0.9, code=166)],
         {"kvm": {"halt_poll_fail_ns": 0, "halt_poll_success_ns": 0}, "params": {"kvm.halt_poll_ns": 200000}, "allowed": "0-1", "isa": "svm"},
         "hlt-in-guest", "hlt_in_guest=1", "medium"),
    "spinning, with a window that does not grow":
        ([exits("PAUSE_INSTRUCTION", 2000, kernel=0.01)], {"params": {"kvm_intel.ple_window_grow": 0}, "allowed": "0-1"},
         "pause-in-guest", "pause_in_guest=1", "medium: 2 causes"),
    "spinning on SVM of a kernel that has kvm_intel, too":
        ([exits("pause", 2000, kernel=0.01, runq=0.04)], {"isa": "svm", "params": {"kvm_amd.pause_filter_count_grow": 0, "kvm_intel.ple_window_grow": 2}},
         "pause-preempted", "Not pause_in_guest", "medium: 2 causes"),
    "spinning for a vCPU that L0 does not run":
        ([exits("PAUSE_INSTRUCTION", 2000, kernel=0.01), fixed(stolen_ns=SECOND // 5)], {"params": {"kvm_intel.ple_window_grow": 2}},
         "pause-stolen", "Not pause_in_guest", "high"),
    "spinning where L0 takes nothing":
        ([exits("PAUSE_INSTRUCTION", 2000, kernel=0.01), fixed(stolen_ns=0)], {"params": {"kvm_intel.ple_window_grow": 2}, "allowed": "0-1"},
         "pause-in-guest", "pause_in_guest=1", "high"),
    "spinning where stolen time is not counted":
        ([exits("PAUSE_INSTRUCTION", 2000, kernel=0.01)], {"params": {"kvm_intel.ple_window_grow": 2}, "allowed": "0-1"},
         "pause-in-guest", "pause_in_guest=1", "medium: shown; not"),
    "spinning without an L0":
        ([exits("PAUSE_INSTRUCTION", 2000, kernel=0.02)], {"params": {"kvm_intel.ple_window_grow": 2}, "virtualized": 0, "allowed": "0-1"},
         "pause-in-guest", "pause_in_guest=1", "high"),
    "spinning while many other guests are idle, of which it is not known which CPUs they use":
        ([exits("PAUSE_INSTRUCTION", 2000, kernel=0.01), fixed(stolen_ns=0)], {"params": {"kvm_intel.ple_window_grow": 2},
                                                                            "usage": {"vms": 9, "vcpus": 9}, "allowed": "0-1"},
         "pause-in-guest", "only if each of its vCPUs has a CPU of its own: l1tune tune uid=107 pause_in_guest=1", "medium: the other"),
    "spinning for a vCPU that waits for a CPU inside":
        ([exits("PAUSE_INSTRUCTION", 2000, kernel=0.01), exits("EXTERNAL_INTERRUPT", 10, runq=0.04, level=3)], {},
         "pause-preempted", "Not pause_in_guest", "medium: shown; not"),
    "a guest that may be debugged":
        ([exits("EXCEPTION_NMI", 3000, kernel=0.1)],
         {"argv": ("qemu", "-s"), "params": {"kvm_intel.ept": "Y", "kvm_intel.unrestricted_guest": "Y"},
          "offered": ["ept", "unrestricted_guest"]}, "exceptions", "find out first", "low"),
    "exceptions for a reason that is not known":
        ([exits("EXCEPTION_NMI", 3000, kernel=0.1)],
         {"params": {"kvm_intel.ept": "Y", "kvm_intel.unrestricted_guest": "Y"}, "offered": ["ept", "unrestricted_guest"]},
         "exceptions", "find out first", "low"),
    "control registers that a guest with EPT writes":
        ([exits("CR_ACCESS", 3000, kernel=0.1), exits("EXCEPTION_NMI", 200)],
         {"params": {"kvm_intel.ept": "Y", "kvm_intel.unrestricted_guest": "Y"}, "offered": ["ept", "unrestricted_guest"]},
         "own-exceptions", "kvm:kvm_cr", "medium: the other"),
    "writes to the APIC by a guest with x2APIC":
        ([exits("APIC_WRITE", 8000, kernel=0.03)], {"params": {"kvm_intel.enable_apicv": "Y"}, "offered": APICV},
         "apic-writes", "fewer IPIs", "high"),
    "accesses to the APIC's page though KVM uses APICv":
        ([exits("APIC_ACCESS", 8000, kernel=0.03)], {"params": {"kvm_intel.enable_apicv": "Y"}, "offered": APICV},
         "x2apic", "offer x2APIC", "medium: shown; not ruled out: 1"),
    "Windows that spins":
        ([exits("PAUSE_INSTRUCTION", 3000, kernel=0.02, runq=0.04)], {"argv": HYPERV}, "pause-preempted", "hv-spinlocks=0x1fff", "medium"),
    "Windows that is offered to yield":
        ([exits("PAUSE_INSTRUCTION", 3000, kernel=0.02, runq=0.04)], {"argv": ("qemu", "-cpu", "host,hv_spinlocks=0x1fff")},
         "pause-preempted", "hv-spinlocks is offered already", "medium"),
    "Windows that spins for a vCPU that L0 does not run":
        ([exits("PAUSE_INSTRUCTION", 2000, kernel=0.01), fixed(stolen_ns=SECOND // 5)], {"argv": HYPERV, "params": {"kvm_intel.ple_window_grow": 2}},
         "pause-stolen", "hv-spinlocks=0x1fff", "high"),
    "level-triggered interrupts of a VMM with an I/O APIC of its own":
        ([exits("EOI_INDUCED", 300, vmm=0.2)], {"argv": ("cloud-hypervisor", "--cpus", "boot=1")}, "vmm-eois", "devices with MSIs", "high"),
    "the same by the APIC's page":
        ([exits("APIC_ACCESS", 300, vmm=0.2)], {}, "vmm-eois", "kernel-irqchip=on", "high"),
    "MSRs that take the VMM time and may be ends of interrupts":
        ([exits("MSR_WRITE", 300, vmm=0.2)], {}, "vmm-time", "find out first", "low"),
    "HLT that reaches QEMU":
        ([exits("HLT", 3000, kernel=0.03, vmm=0.4)], {"argv": ("/usr/bin/qemu-system-x86_64", "-machine", "kernel-irqchip=off")}, "vmm-halts", "kernel-irqchip=on (split with -M microvm, an emulated IOMMU", "high"),
    "gVisor, whose sentry leaves for its host by HLT, and for interrupts now and then":
        ([exits("HLT", 3000, kernel=0.03, vmm=0.4), exits("INTERRUPT_WINDOW", 10)], {"argv": ("runsc-sandbox", "--platform=kvm", "boot")}, "vmm-time", "find out first", "low"),
    "bus locks that QEMU limits":
        ([exits("BUS_LOCK", 10, vmm_sleep=0.9)], {}, "vmm-bus-locks", "bus-lock-ratelimit", "medium: shown; not"),
    "interrupts within which this machine works":
        ([exits("EXTERNAL_INTERRUPT", 3000, kernel=0.6), fixed(stolen_ns=0)], {}, "softirqs", "rps_cpus", "medium: shown; not"),
    "interrupts within which this machine works without an L0":
        ([exits("EXTERNAL_INTERRUPT", 3000, kernel=0.6)], {"virtualized": 0}, "softirqs", "rps_cpus", "medium: shown; not"),
    "interrupts that take long, of a machine whose CPUs L0 does not run for as long":
        ([exits("EXTERNAL_INTERRUPT", 3000, kernel=0.6), fixed(stolen_ns=4 * SECOND)], {}, "interrupts", "find out first", "low"),
    "interrupts that take long where stolen time is not counted":
        ([exits("EXTERNAL_INTERRUPT", 3000, kernel=0.6)], {}, "interrupts", "find out first", "low"),
    "interrupts within which this machine works while a guest inside runs":
        ([exits("EXTERNAL_INTERRUPT", 3000, kernel=0.6, level=3), fixed(stolen_ns=0)], {}, "softirqs", "rps_cpus", "medium: shown; not"),
    "interrupts that are only many":
        ([exits("EXTERNAL_INTERRUPT", 9000, kernel=0.05)], {}, "interrupts", "find out first", "low"),
    "bus locks that QEMU limits on SVM":
        ([exits("buslock", 10, vmm_sleep=0.9)], {"isa": "svm"}, "vmm-bus-locks", "bus-lock-ratelimit", "medium: shown; not"),
    "NMIs of a machine with SVM":
        ([exits("nmi", 20000, kernel=0.2)], {"isa": "svm", "params": {"kvm_amd.npt": "Y"}}, "host-nmis", "perf top", "medium: shown; not"),
    "branch predictions that are flushed at each exit, as Zen 5 does":
        ([exits("cpuid", 30000)], {"isa": "svm", "kvm": {"l1d_flush": 0}, "sys": VULNERABLE | {CPU_BUGS + "spec_rstack_overflow": "Mitigation: IBPB on VMEXIT only",
                                                                                        CPU_BUGS + "vmscape": "Mitigation: IBPB on VMEXIT"}},
         "ibpb", "spec_rstack_overflow=safe-ret", "high"),
    "branch predictions that are flushed at each entry into the kernel":
        ([exits("cpuid", 30000)], {"isa": "svm", "kvm": {"l1d_flush": 0}, "sys": VULNERABLE | {CPU_BUGS + "retbleed": "Mitigation: IBPB; SMT disabled"}},
         "ibpb", "retbleed=unret", "high"),
    "IBRS that the kernel switches":
        ([exits("CPUID", 30000)], {"kvm": {"l1d_flush": 0}, "shadowed": "yes", "sys": VULNERABLE | {CPU_BUGS + "retbleed": "Mitigation: IBRS", CPU_BUGS + "spectre_v2": "Mitigation: IBRS; IBPB: conditional"}},
         "ibrs", "retbleed=stuff", "high"),
    "buffers that L0 and L1 both clear":
        ([exits("CPUID", 30000)],
         {"sys": VULNERABLE | {CPU_BUGS + "mds": "Mitigation: Clear CPU buffers; SMT Host state unknown",
                               CPU_BUGS + "vmscape": "Mitigation: IBPB before exit to userspace"},
          "kvm": {"l1d_flush": 0}, "shadowed": "yes"}, "cpu-buffers", "ask whoever runs L0", "medium: the other"),
    "more vCPUs than CPUs":
        ([exits("EXTERNAL_INTERRUPT", 10, kernel=2.4, runq=0.6)], {"vcpus": 4}, "overcommit", "fewer vCPUs than CPUs", "medium"),
    "wake-ups that each take time, of an instance with a CPU baseline":
        ([exits("HLT", 1500, halted=0.5, runq=0.07)], {"sys": {"class/dmi/id/sys_vendor": "Amazon EC2", "class/dmi/id/product_name": "t3.large"}},
         "wake-ups", "No polling, neither KVM's nor of idle CPUs: instance type t3.large has a CPU baseline", "medium: shown; not"),
    "wake-ups of idle CPUs that have a driver, which does not give way to another one":
        ([exits("HLT", 1500, halted=0.5, runq=0.07)], {"sys": {CPUIDLE: "intel_idle"}}, "wake-ups", "cpupower idle-set -D", "medium: shown; not"),
    "wake-ups of idle CPUs that poll, though not for long":
        ([exits("HLT", 1500, halted=0.5, runq=0.07)], {"sys": {CPUIDLE: "haltpoll"}}, "wake-ups", "guest_halt_poll_ns", "medium: shown; not"),
    "wake-ups that each take time":
        ([exits("HLT", 1500, halted=0.5, runq=0.07)], {}, "wake-ups", "cpuidle_haltpoll", "medium: shown; not"),
    "more vCPUs than CPUs, which run little":
        (RUNQ, {"vcpus": 4}, "no-cpu", "find out first", "low"),
    "fewer CPUs allowed than vCPUs":
        (RUNQ, {"vcpus": 2, "proc": {"1001/status": "Name:\tvmm\nCpus_allowed_list:\t1"}}, "confined", "as many CPUs", "medium"),
    "too many vCPUs, or not, or a quota":
        (RUNQ, {}, "no-cpu", "find out first", "low"),
    "interrupts of which nothing is known":
        ([exits("EXTERNAL_INTERRUPT", 9000, kernel=0.1)], {}, "interrupts", "find out first", "low"),
    "split locks":
        ([exits("EXCEPTION_NMI", 40, blocked=0.5)], {"proc": NO_LIMITS}, "split-lock", "split_lock_mitigate", "high"),
    "waiting for a userfaultfd":
        ([BLOCKED_FAULTS], blocked(smaps(flags="rd wr um")), "userfaultfd-wait", "its handler hangs, or has ended", "medium: shown; not"),
    "split locks of a guest inside":
        ([exits("EXCEPTION_NMI", 40, blocked=0.5, level=3)], {"proc": NO_LIMITS}, "split-lock", "split_lock_mitigate", "high"),
    "a guest inside that waits for a userfaultfd":
        ([exits("EPT_VIOLATION", 300, blocked=0.5, level=3)], blocked(smaps(flags="rd wr um")), "userfaultfd-wait", "serve pages faster", "medium: shown; not"),
    "waiting for swap, perhaps":
        ([BLOCKED_FAULTS], blocked(smaps(swapped_kb=90000)), "blocked", "find out first", "low"),
    "waiting for a file, perhaps":
        ([BLOCKED_FAULTS], blocked(smaps("/srv/base.mem")), "blocked", "find out first", "low"),
    "waiting for what is not known":
        ([BLOCKED_FAULTS], {}, "blocked", "find out first", "low"),
    "Windows with its own hypervisor":
        (NESTED, {"argv": HYPERV}, "windows-hypervisor", "hv-evmcs", "medium: shown; not"),
    "Windows that has the enlightened VMCS":
        (NESTED, {"argv": ("qemu", "-cpu", "host,hv-time=on,hv-evmcs=on")}, "windows-hypervisor", "CPU without VMX: QEMU -cpu MODEL,vmx=off",
         "medium: shown; not"),
    "Windows with its own hypervisor in Cloud Hypervisor":
        (NESTED, {"argv": ("cloud-hypervisor", "--cpus", "boot=4,kvm_hyperv=on,max=8")}, "windows-hypervisor", "hv-evmcs", "medium: shown; not"),
    "the same with one word for the option":
        (NESTED, {"argv": ("cloud-hypervisor", "--cpus=boot=4,kvm_hyperv=on")}, "windows-hypervisor", "hv-evmcs", "medium: shown; not"),
    "a guest of Cloud Hypervisor that is denied Hyper-V's interface":
        (NESTED, {"argv": ("cloud-hypervisor", "--cpus", "boot=4,kvm_hyperv=off", "--disk", "path=kvm_hyperv=on")}, "nested-hypervisor",
         "Not Windows: run the inner guest as a guest", "medium: shown; not"),
    "a disk that is called so":
        (NESTED, {"argv": ("qemu", "-cpu", "host", "-drive", "file=/srv/hv_images/lab.img")}, "nested-hypervisor", "Not Windows: run the inner guest as a guest", "medium: shown; not"),
    "a guest whose name begins as Hyper-V's properties do":
        (NESTED, {"argv": ("qemu", "-name", "hv-prod-7", "-cpu", "host", "-smbios", "type=1,hv-time=on")}, "nested-hypervisor",
         "Not Windows: run the inner guest as a guest", "medium: shown; not"),
    "a guest that is denied Hyper-V's interface":
        (NESTED, {"argv": ("qemu", "-cpu", "host,hv-time=off,hv_relaxed=no")}, "nested-hypervisor",
         "Not Windows: run the inner guest as a guest", "medium: shown; not"),
    "Windows with its own hypervisor on SVM":
        ((exits("npf", 900, kernel=0.1, level=3), exits("vmrun", 900, kernel=0.2)), inside("nested") | {"argv": HYPERV}, "windows-hypervisor",
         "CPU without SVM: QEMU -cpu MODEL,svm=off; if it must stay: QEMU -cpu MODEL,hv-vapic,hv-emsr-bitmap,hv-tlbflush-direct", "medium: shown; not"),
    "Windows whose enlightened VMCS is off":
        (NESTED, {"argv": ("qemu", "-cpu", "qemu64,+hv-time,hv-evmcs=off")}, "windows-hypervisor", "hv-evmcs", "medium: shown; not"),
    "Linux with KVM inside, or Windows that is offered nothing of Hyper-V's":
        (NESTED, {"argv": ("qemu", "-cpu", "host")}, "nested-hypervisor", "Not Windows: run the inner guest as a guest", "medium: shown; not"),
    "a guest inside a guest whose VMM's command line is not there":
        (NESTED, {"argv": ()}, "nested-exits", "find out first", "low"),
    "a guest inside on shadow page tables":
        ((exits("PF_excp", 900, kernel=0.1, level=3), exits("cpuid", 300, level=3), exits("vmrun", 1500, kernel=0.2)),
         inside("shadow"), "inner-shadow-paging", "npt=1", "medium: 2 causes"),
    "a guest inside on shadow page tables that exits for something else, too":
        ((exits("PF_excp", 150, kernel=0.1, level=3), exits("cpuid", 900, level=3), exits("vmrun", 1500, kernel=0.2)),
         inside("shadow"), "nested-hypervisor", "Not Windows", "medium: shown; not"),
    "memory that guests inside touch, which KVM maps for both layers":
        ((exits("EPT_VIOLATION", 6000, kernel=0.5, level=3), exits("CPUID", 600, level=3), exits("VMRESUME", 900, kernel=0.02)),
         inside("nested", "EPT_VIOLATION 60000 3000", "CPUID 6000 6000") | {"isa": "vmx"}, "inner-faults", "huge pages in both layers", "medium: 2 causes"),
    "faults of guests inside that their hypervisor serves":
        ((exits("EPT_VIOLATION", 6000, kernel=0.5, level=3), exits("VMRESUME", 6000, kernel=0.2)),
         inside("nested", "EPT_VIOLATION 60000 58000") | {"isa": "vmx"}, "nested-hypervisor", "Not Windows", "medium: shown; not"),
    "a hypervisor inside whose guests hardly exit": ((exits("INVEPT", 9000, kernel=0.2),), {}, "nested-hypervisor", "Not Windows", "medium: shown; not"),
    "devices that a hypervisor inside leaves to its guest":
        ([exits("io", 500, kernel=0.01, vmm=0.2, level=3)], inside("nested", "io 5000 0"), "devices", "find out first", "low"),
    "a guest inside on NPT":
        ((exits("npf", 900, kernel=0.1, level=3), exits("vmrun", 900, kernel=0.2)), inside("nested"),
         "nested-hypervisor", "Not Windows", "medium: shown; not"),
    "vCPUs that wait for their VMM, and nothing is known of its other threads":
        ([exits("IO_INSTRUCTION", 300, vmm=0.01, vmm_sleep=0.4)], {}, "vmm-sleep", "find out first", "low"),
    "CPU time that L0 took of a machine whose type DMI does not say":
        ([fixed(stolen_ns=2 * SECOND)], {"sys": {"class/dmi/id/sys_vendor": "Google", "class/dmi/id/product_name": "Google Compute Engine"}},
         "stolen-time", "find out first", "low"),
    "CPUID in a loop": ([exits("CPUID", 20000, kernel=0.5)], {}, "cpuid", "less CPUID in the guest", "high"),
    "CPUID in a loop on SVM": ([exits("cpuid", 20000, kernel=0.5)], {"isa": "svm"}, "cpuid", "less CPUID in the guest", "high"),
    "many hypercalls": ([exits("VMCALL", 30000, kernel=0.1)], {}, "hypercalls", "find out which", "high"),
    "a few flushes of caches that take long": ([exits("WBINVD", 100, kernel=0.9)], {}, "cache-flushes", "less WBINVD", "high"),
    "UMIP that KVM emulates": ([exits("GDTR_IDTR", 20000, kernel=0.2)], {}, "descriptor-tables", "umip=off", "high"),
    "interrupts that wait for the guest": ([exits("INTERRUPT_WINDOW", 20000, kernel=0.2)], {}, "interrupt-windows", "or APICv, if l1tune caps", "high"),
    "interrupts that wait for the guest where L0 offers APICv":
        ([exits("INTERRUPT_WINDOW", 20000, kernel=0.2)], {"params": {"kvm_intel.enable_apicv": "N"}, "offered": APICV}, "interrupt-windows", "options kvm_intel enable_apicv=1", "high"),
    "interrupts that wait for the guest where KVM uses AVIC":
        ([exits("vintr", 20000, kernel=0.2)], {"isa": "svm", "params": {"kvm_amd.avic": "Y"}, "sys": {"devices/virtual/l1tune/l1/svm/avic": 1}}, "interrupt-windows", "KVM_REINJECT_CONTROL", "high"),
    "the preemption timer": ([exits("PREEMPTION_TIMER", 20000, kernel=0.2)], {}, "timer-expiries", "fewer timers", "high"),
    "the preemption timer of Windows": ([exits("PREEMPTION_TIMER", 20000, kernel=0.2)], {"argv": HYPERV}, "timer-expiries", "powercfg", "high"),
    "a guest that lowers its task priority": ([exits("TPR_BELOW_THRESHOLD", 20000, kernel=0.2)], {}, "task-priority", "or APICv, if l1tune caps", "high"),
    "bus locks, and less that exits for notify windows":
        ([exits("BUS_LOCK", 5000, kernel=0.2), exits("NOTIFY", 5000, kernel=0.15)], {}, "bus-locks", "across cache lines", "medium: 2 causes"),
    "notify windows": ([exits("NOTIFY", 5000, kernel=0.2)], {}, "notify-windows", "notify-vmexit", "high"),
    "macOS that waits by MWAIT": ([exits("MWAIT_INSTRUCTION", 20000, kernel=0.2)], {}, "mwait", "cpu-pm=on", "high"),
    "a monitor in the guest that reads performance counters": ([exits("RDPMC", 20000, kernel=0.2)], {}, "performance-counters", "pmu=off", "high"),
    "IPIs that AVIC cannot deliver": ([exits("avic_incomplete_ipi", 20000, kernel=0.2)], {"isa": "svm"}, "avic-exits", "fewer IPIs", "high"),
    "bus locks on SVM": ([exits("buslock", 5000, kernel=0.2)], {"isa": "svm"}, "bus-locks", "across cache lines", "high"),
    "a hypervisor inside whose guests have another XCR0":
        ([exits("XSETBV", 20000, kernel=0.3), exits("CPUID", 90, level=3), exits("VMRESUME", 9000)], {}, "xcr0", "XSAVE features of their hypervisor", "high"),
    "more XSETBV than a hypervisor inside needs":
        ([exits("xsetbv", 20000, kernel=0.3), exits("cpuid", 90, level=3), exits("vmrun", 900)], {"isa": "svm"}, "other-reasons", "find out what the guest does", "medium"),
    "XSETBV without a guest inside": ([exits("XSETBV", 20000, kernel=0.3)], {}, "other-reasons", "find out what the guest does", "medium"),
    "hardware breakpoints in the guest": ([exits("DR_ACCESS", 20000, kernel=0.3)], {}, "debug-registers", "perf record -e mem:", "high"),
    "hardware breakpoints in the guest on SVM": ([exits("write_dr7", 20000, kernel=0.3)], {"isa": "svm"}, "debug-registers", "perf record -e mem:", "high"),
    "a guest with encrypted registers": ([exits("vmgexit", 20000, kernel=0.3)], {"isa": "svm"}, "protected-guest", "kvm:kvm_vmgexit_enter", "high"),
    "a guest with encrypted registers whose devices are the VMM's":
        ([exits("vmgexit", 300, vmm=0.3)], {"isa": "svm"}, "vmm-protected", "kvm:kvm_vmgexit_enter", "high"),
    "SMIs of this machine": ([exits("smi", 2000, kernel=0.3)], {"isa": "svm"}, "host-smis", "firmware", "high"),
    "a reason that there is no advice on": ([exits("RDTSC", 20000, kernel=0.2)], {}, "other-reasons", "find out what the guest does", "medium"),
    "accesses to devices that take the VMM no time, and no sample":
        ([exits("EPT_MISCONFIG", 50000, kernel=0.15)], {}, "other-exits", "find out first", "low"),
    "device accesses of SVM that take the VMM no time":
        ([exits("npf", 50000, kernel=0.15)], {"isa": "svm", "kvm": {"pf_taken": 0, "pf_emulate": 0, "mmio_exits": 0}}, "other-exits", "find out first", "low"),
}

# Healthy guests that do a little of everything.
HEALTHY = {
    "a guest whose hypervisor emulates the devices of a guest inside":
        ([exits("io", 90, kernel=0.001, level=3), exits("io", 90, kernel=0.01, vmm=0.03)], inside("nested", "io 900 900")),
    "a guest that its VMM has paused by a signal": ([exits("EXTERNAL_INTERRUPT", 1, vmm_sleep=0.9)], {}),
    "a guest that a VMM without KVM's interrupt controllers halts":
        ([exits("HLT", 3000, kernel=0.02, vmm=0.002, vmm_sleep=0.9)],
         {"kvm": {"halt_poll_fail_ns": 0, "halt_poll_success_ns": 0}, "params": {"kvm.halt_poll_ns": 200000}}),
    "an idle guest with many vCPUs":
        ([exits("PREEMPTION_TIMER", 1500, kernel=0.02), exits("CPUID", 128)], {"guest": {"vcpus": 64}}),
    "a guest whose VMM has written to devices of the guest by an ioeventfd now and then":
        ([exits("EPT_MISCONFIG", 900, kernel=0.003)], {"guest": {"vcpus": 2}}),
    "a guest in large pages": ([exits("EPT_VIOLATION", 100, kernel=0.001)], memory(kvm=LARGE, sys=ALWAYS)),
    "a guest that waits a little": ([exits("EXTERNAL_INTERRUPT", 10, runq=0.01, blocked=0.01)], {"vcpus": 4}),
    "a guest whose guest inside computes, while this machine's timers interrupt it":
        ([exits("EXTERNAL_INTERRUPT", 1000, kernel=0.03, level=3), exits("CPUID", 10, kernel=0.001, level=3)], {}),
    "a guest with an idle guest inside": ([exits("CPUID", 10, kernel=0.001, level=3)], {}),
    "an idle Linux server": (
        [exits("HLT", 60, kernel=0.001, halted=0.99), exits("MSR_WRITE", 150, kernel=0.001), exits("CPUID", 2),
         exits("EXTERNAL_INTERRUPT", 20, kernel=0.0005), exits("PREEMPTION_TIMER", 10, kernel=0.0002)],
        memory(kvm=LARGE | {"halt_poll_success_ns": SECOND // 300, "halt_poll_fail_ns": SECOND // 200}, sys=ALWAYS)),
    "a database whose polling is well spent": (
        [exits("HLT", 400, kernel=0.05, halted=0.6), exits("EPT_MISCONFIG", 900, kernel=0.004),
         exits("MSR_WRITE", 800, kernel=0.004), exits("EPT_VIOLATION", 30, kernel=0.001)],
        memory(kvm=LARGE | {"halt_poll_success_ns": int(0.44 * SECOND), "halt_poll_fail_ns": SECOND // 20}, sys=ALWAYS)),
    "a web server with vhost on shared CPUs": (
        [exits("HLT", 2000, kernel=0.006, halted=0.5), exits("EXTERNAL_INTERRUPT", 2000, kernel=0.01),
         exits("MSR_WRITE", 400, kernel=0.002), exits("EPT_MISCONFIG", 500, kernel=0.003)],
        memory(kvm=LARGE | {"halt_poll_success_ns": SECOND // 50, "halt_poll_fail_ns": SECOND // 100}, sys=ALWAYS)
        | {"vcpus": 4}),
    "a computation": (
        [exits("EXTERNAL_INTERRUPT", 260, kernel=0.003), exits("PREEMPTION_TIMER", 250, kernel=0.002),
         exits("EPT_VIOLATION", 150, kernel=0.003)],
        memory(kvm=LARGE | {"halt_poll_success_ns": 0, "halt_poll_fail_ns": 0}, sys=ALWAYS)),
    "an idle Windows desktop": (
        [exits("HLT", 250, kernel=0.003, halted=0.97), exits("MSR_WRITE", 700, kernel=0.003), exits("MSR_READ", 100),
         exits("IO_INSTRUCTION", 40, kernel=0.001, vmm=0.004), exits("EPT_MISCONFIG", 50, kernel=0.001, vmm=0.002)],
        memory(kvm=LARGE | {"halt_poll_success_ns": SECOND // 100, "halt_poll_fail_ns": SECOND // 100}, sys=ALWAYS)
        | {"argv": HYPERV}),
    "a microVM that waits for requests": (
        [exits("HLT", 4, kernel=0.0001, halted=0.99), exits("MSR_WRITE", 8)],
        memory(kvm={"pages_4k": 20000, "pages_2m": 0, "halt_poll_success_ns": 0, "halt_poll_fail_ns": SECOND // 1000})
        | {"argv": ("firecracker", "--id", "fn-1")}),
}


def test_situations():
    for name, (cells, values, rule, change, confidence) in SITUATIONS.items():
        with Advised(*cells, **values) as b:
            advice = b.advice()
            mine = [a for a in advice if a["rule"] == rule]
            ok(len(mine) == 1 and change in mine[0]["change"] and mine[0]["confidence"].startswith(confidence),
               f"advise finds {rule} for this guest: {name}", advice)
            if not mine:
                continue
            causes = {c["cause"]: c for c in mine[0]["causes"]}
            ok(causes and all(c["how_to_find_out"] for c in causes.values()) and
               all(c["seen"] for c in causes.values() if c["verdict"] != "not_ruled_out"),
               f"each cause of {rule} says what was seen and how to find out: {name}", causes)
            others = [a["rule"] for a in advice if a["symptom"] == mine[0]["symptom"] and a != mine[0]]
            equal(others, [], f"advise has one piece of advice for the symptom of {rule}: {name}")
    cells, values = SITUATIONS["a guest that polls by itself"][:2]
    with Advised(*cells, **values) as b:
        causes = {c["cause"]: c["verdict"] for a in b.advice() if a["symptom"] == "halts" for c in a["causes"]}
        equal(causes.get("exits for HLT on dedicated CPUs"), "ruled_out",
              "halts: more vCPUs than CPUs rule out that a guest has dedicated CPUs")
    for name, (cells, values) in HEALTHY.items():
        with Advised(*cells, **values) as b:
            equal(b.rules(), [], f"advise has no advice for a healthy guest: {name}")


def test_other_vmms():
    for argv, has in (("/usr/bin/qemu-system-x86_64", "-name", "web"), False), (("cloud-hypervisor", "--cpus", "boot=2"), True), ((), False):
        with Advised(exits("PAUSE_INSTRUCTION", 2000, kernel=0.01, runq=0.04), argv=argv) as b:
            change = [a["change"] for a in b.advice() if a["rule"] == "pause-preempted"]
            ok(len(change) == 1 and ("does not appear to be QEMU" in change[0]) == has,
               f"advise says that options of QEMU may have other names in a VMM {argv[:1]}: {has}", change)
    spins = exits("PAUSE_INSTRUCTION", 2000, kernel=0.01, runq=0.04)
    for argv, word in (("cloud-hypervisor", "--cpus", "boot=2"), "offer hv-spinlocks"), (("qemu", "-cpu", "host,hv_spinlocks=0x1fff"), "hv-spinlocks is offered"), ((), "offer hv-spinlocks"):
        with Advised(spins, argv=argv) as b:
            change = [a["change"] for a in b.advice() if a["rule"] == "pause-preempted"]
            ok(len(change) == 1 and "Windows: " + word in change[0] and "Not Windows: in the guest PV spinlocks" in change[0],
               f"pauses: advice is for Windows and for others if the guest's interface is not known: {argv}", change)
    with Advised(exits("BUS_LOCK", 5000, kernel=0.2, throttled=0.1), argv=("cloud-hypervisor",)) as b:
        change = [a["change"] for a in b.advice() if a["symptom"] == "throttled"]
        ok(change and "QEMU" not in change[0], "advise does not mention QEMU where no option of it is named", change)


def times(number, *cells):
    """So many vCPUs that each do this."""
    return [part for name, rate, parts in cells for part in [exits(name, rate * number, **{k: v * number for k, v in parts.items()})]]


IDLE = (("HLT", 60, {"kernel": 0.001, "halted": 0.99}), ("MSR_WRITE", 150, {"kernel": 0.001}), ("CPUID", 2, {}),
        ("EXTERNAL_INTERRUPT", 90, {"kernel": 0.0005}), ("PREEMPTION_TIMER", 10, {"kernel": 0.0002}),
        ("PAUSE_INSTRUCTION", 20, {"kernel": 0.0002}), ("APIC_WRITE", 20, {"kernel": 0.0002}), ("CR_ACCESS", 40, {"kernel": 0.0002}))


def large(*cells, vcpus=64, cpus=96, busy=(), **values):
    """Of a guest with many vCPUs, one of them as busy as this and the others unknown."""
    with Advised(*cells, cpus=cpus, vcpus=vcpus, allowed="0-95", kvm={"halt_poll_success_ns": vcpus * SECOND // 300,
                                                                  "halt_poll_fail_ns": vcpus * SECOND // 200} | values,
                 guest={"vcpu_cells": {0: [fixed(tid=2100), *busy]}} if busy else None) as b:
        return b.advice()


def test_large_guests():
    """What each of many vCPUs does a little of is not more than it is for one of them."""
    equal(large(*times(64, *IDLE)), [], "advise has no advice for an idle guest of 64 vCPUs")
    equal([a["rule"] for a in large(*times(64, *IDLE), halt_poll_fail_ns=SECOND)], ["poll-down"],
          "poll-down: 10 % of a CPU is worth it for any number of vCPUs")
    many = times(64, ("HLT", 600, {"kernel": 0.002, "halted": 0.45}))
    equal([[a["rule"] for a in large(*many, cpus=cpus)] for cpus in (96, 32)], [["hlt-in-guest"], []],
          "halts: 600 exits a second of each of 64 vCPUs are many on 96 CPUs, and as it should be on 32 CPUs")
    for name, rate, symptom in (("MSR_WRITE", 2000, "msrs"), ("EXTERNAL_INTERRUPT", 9000, "interrupts"), ("APIC_WRITE", 900, "apic"),
                                ("PAUSE_INSTRUCTION", 900, "pauses"), ("CR_ACCESS", 2000, "exceptions"), ("HLT", 600, "halts")):
        cells = exits(name, rate, kernel=0.2, halted=0.4 if name == "HLT" else 0)
        equal([a["symptom"] for a in large(cells)], [], f"{symptom}: {rate} exits a second of 64 vCPUs are not many")
        equal([a["symptom"] for a in large(cells, busy=[cells])], [symptom], f"{symptom}: {rate} exits a second are many for one of 64 vCPUs")


def test_few_that_take_long():
    """What takes a twentieth of a vCPU's time is a symptom, however seldom it is."""
    for name, rate, parts, symptom in (
            ("EPT_VIOLATION", 100, {"kernel": 0.6}, "memory-faults"), ("npf", 60, {"kernel": 0.9}, "memory-faults"),
            ("EXTERNAL_INTERRUPT", 3000, {"kernel": 0.6}, "interrupts"), ("MSR_WRITE", 800, {"kernel": 0.4}, "msrs"),
            ("CR_ACCESS", 200, {"kernel": 0.5}, "exceptions"), ("APIC_WRITE", 300, {"kernel": 0.3}, "apic"),
            ("PAUSE_INSTRUCTION", 300, {"kernel": 0.3}, "pauses"), ("IO_INSTRUCTION", 60, {"vmm": 0.5}, "devices"),
            ("CPUID", 50, {"kernel": 0.1}, "other-exits"), ("HLT", 50, {"vmm": 0.1}, "vmm-time")):
        cells = exits(name, rate, **parts)
        with Advised(cells, isa="svm" if name.islower() else "vmx") as b:
            found = [a["symptom"] for a in b.advice()]
            equal(found, [symptom], f"{symptom}: advise has it for {rate} exits a second that take {parts}")
        if "kernel" in parts:
            equal(large(exits(name, rate, **{part: cpus / 20 for part, cpus in parts.items()})), [],
                  f"{symptom}: advise has nothing for 64 vCPUs whose {rate} exits a second take a twentieth of {parts}")


def test_long_sleeps():
    for asleep_us, verdict in ((900, "shown"), (1400, "ruled_out")):
        with Advised(exits("HLT", 600, kernel=0.03, halted=600 * asleep_us / 10**6), allowed="0-1", kvm={"halt_poll_success_ns": 0, "halt_poll_fail_ns": 0}) as b:
            found = {c["cause"]: c["verdict"] for a in b.advice() for c in a["causes"]}
            equal(found.get("exits for HLT on dedicated CPUs"), verdict, f"hlt-in-guest: {verdict} for a vCPU that sleeps {asleep_us} us at a time")


def verdicts(bench, rule):
    return {c["cause"]: c["verdict"] for a in bench.advice() if a["rule"] == rule for c in a["causes"]}


def test_ruled_out():
    with Advised(FAULTS, **memory(kvm={"pf_fast": 10000})) as b:
        found = verdicts(b, "dirty-log")
        ok(found["anonymous memory in small pages"] == "ruled_out",
           "dirty-log: small pages are ruled out as a cause, because KVM has to map small pages", found)
        text = b.run("advise", "--since-start", "--state", b.state).stdout
        ok("\n  shown       dirty logging: " in text and
           "\n  ruled out   shared memory in small pages, a file in tmpfs, in small pages, memory mapped from a file, a guest_memfd, in small pages: the guest's"
           " memory is anonymous memory" in text,
           "advise prints as text what was shown and what was ruled out", text)
    steady = memory(kvm={"pages_4k": 0, "pages_2m": 100}, sys=ALWAYS)
    for argv, verdict in ((("qemu", "-device", "virtio-balloon,free-page-reporting=on"), "not_ruled_out"),
                          (("qemu", "-device", '{"driver":"virtio-balloon-pci","free-page-reporting":true}'), "not_ruled_out"),
                          (("/usr/bin/qemu-system-x86_64", "-device", "virtio-net"), "ruled_out"),
                          (("vmm", "--memory", "1024"), "not_ruled_out"),
                          (("/usr/bin/krun", "web"), "not_ruled_out"),
                          (("crosvm", "run", "vmlinux"), "not_ruled_out"),
                          (("firecracker", "--api-sock", "/run/fc.sock"), "not_ruled_out")):
        with Advised(FAULTS, **steady, argv=argv) as b:
            equal(verdicts(b, "memory-faults").get("memory that a balloon takes back"), verdict,
                  f"memory-faults: a balloon is {verdict} for {' '.join(argv)}")
    with Advised(FAULTS, **memory(None)) as b:
        found = verdicts(b, "memory-faults")
        ok(found["anonymous memory in small pages"] == found["memory mapped from a file"] == "not_ruled_out",
           "memory-faults: no kind of backing is ruled out if smaps cannot be read", found)
        text = b.run("advise", "--since-start", "--state", b.state).stdout
        ok("(not ruled out; to find out: /proc/PID/smaps" in text,
           "advise says how to find out a backing that it could not read", text)


def test_inside():
    """A vCPU waits and sleeps also while it runs a guest inside its guest."""
    waiting = exits("EXTERNAL_INTERRUPT", 10, runq=0.04, level=3)
    with Advised(exits("HLT", 3000, kernel=0.05, halted=0.3), waiting, kvm=dict.fromkeys(("halt_poll_fail_ns", "halt_poll_success_ns"), 0)) as b:
        looked = [c for a in b.advice() if a["symptom"] == "halts" for c in a["causes"] if c["cause"] == "exits for HLT on dedicated CPUs"]
        ok(len(looked) == 1 and looked[0]["verdict"] == "ruled_out" and re.search("for a CPU for 0[.]0[34] s", looked[0]["seen"]),
           "halts: dedicated CPUs are ruled out if a vCPU waits for a CPU at level 3", looked)
    with Advised(exits("CPUID", 200, throttled=0.1), exits("CPUID", 300, throttled=0.4, level=3)) as b:
        evidence = [a["evidence"] for a in b.advice() if a["symptom"] == "throttled"]
        ok(len(evidence) == 1 and re.search("slept 0[.](49|50) s .* exited (4[89].|500) times", evidence[0]),
           "throttled: the evidence counts the exits of levels 2 and 3", evidence)


def test_svm():
    clears = {"devices/system/cpu/vulnerabilities/tsa": "Mitigation: Clear CPU buffers"}
    with Advised(exits("cpuid", 30000), isa="svm", sys=clears, kvm={"l1d_flush": 0}, shadowed="not_applicable") as b:
        causes = {c["cause"]: c for a in b.advice() for c in a["causes"]}
        found = causes["L0 does not shadow the VMCS"]
        equal([found["verdict"], found["seen"]], ["ruled_out", "SVM has no VMCS"],
              "SVM: a VMCS that L0 does not shadow is ruled out as a cause")
    with Advised(exits("cpuid", 30000), isa="svm", kvm={"l1d_flush": 50000}) as b:
        causes = {c["cause"]: c["verdict"] for a in b.advice() for c in a["causes"]}
        equal(causes["CPU buffers that L1 and L0 both clear"], "not_ruled_out",
              "CPU buffers cleared by L1 and L0 are not ruled out without the vulnerabilities files")
    with Advised(exits("DB_excp", 2000, kernel=0.04), exits("write_cr3", 10), isa="svm", params={"kvm_amd.npt": "Y"}) as b:
        found = verdicts(b, "exceptions")
        equal([found["NPT is not used"], found["a debugger of the guest"]], ["ruled_out", "not_ruled_out"],
              "SVM exceptions: breakpoints leave a debugger as a cause and rule out unused NPT")
    with Advised(exits("PF_excp", 2000, kernel=0.04), isa="svm", params={"kvm_amd.npt": "Y"}) as b:
        found = verdicts(b, "exceptions")
        equal([found["L0 offers no EPT or NPT"], found["a debugger of the guest"]], ["not_ruled_out", "ruled_out"],
              "SVM exceptions: page faults rule out a debugger; NPT not offered by L0 is not ruled out")
    with Advised(*(exits(name, 700, kernel=0.04) for name in ("PF_excp", "write_cr3", "invlpg")), isa="svm") as b:
        advice = [a for a in b.advice() if a["symptom"] == "exceptions"]
        ok(len(advice) == 1 and "exits per second for exceptions" in advice[0]["evidence"],
           "SVM: exceptions, CR accesses and INVLPG add up to one symptom", advice)


def test_evmcs():
    """Where Hyper-V is L0, and something else makes exits expensive."""
    for title, verdict, values in (("that does not offer it", "ruled_out", {"sys": {"devices/virtual/l1tune/l1/vmx/enlightened_vmcs": 0}}),
                                   ("of a CPU with SVM", "ruled_out", {"isa": "svm"}),
                                   ("that offers it to a KVM without the parameter", "not_ruled_out", {"offered": ["enlightened_vmcs"]}),
                                   ("that offers it to a KVM that uses it", "ruled_out", {"offered": ["enlightened_vmcs"],
                                                                                          "params": {"kvm_intel.enlightened_vmcs": "Y"}})):
        with Advised(exits("CPUID", 2000), hypervisor="Microsoft Hv", kvm={"l1d_flush": 50000}, **values) as b:
            found = {c["cause"]: c["verdict"] for a in b.advice() for c in a["causes"]}
            equal(found.get("Hyper-V's enlightened VMCS is not used"), verdict, f"evmcs: {verdict} under a Hyper-V {title}")


def cgroups(bench, files, text="0::/machine.slice/web.scope\n", kind="cgroup2", options="rw"):
    """Mounts a hierarchy, with so much in its files, in which the VMM is."""
    root = bench.directory + "/cgroup"
    write(bench.machine.proc + "/self/mountinfo", f"36 22 0:30 / {root} rw - {kind} {kind} {options}")
    write(bench.machine.proc + "/1001/cgroup", text.encode())
    os.makedirs(bench.machine.proc + "/1001/task", exist_ok=True)
    for name, value in files.items():
        write(f"{root}/{name}", value)


HELD_BACK = "usage_usec 1\nnr_throttled 30\nthrottled_usec 2700000"
FREE = "usage_usec 1\nnr_throttled 1\nthrottled_usec 1000"


def test_quota():
    idle = {"cpus": 4, "proc": ON_ALL}
    with Advised(*RUNQ, **idle) as b:
        cgroups(b, {"machine.slice/cpu.stat": FREE, "machine.slice/cpu.max": "max 100000",
                    "machine.slice/web.scope/cpu.stat": HELD_BACK, "machine.slice/web.scope/cpu.max": "20000 100000"})
        advice = b.advice()
        ok([a["rule"] for a in advice] == ["quota"] and "cpu.max of /machine.slice/web.scope is 0.20 CPUs" in advice[0]["change"]
           and "a cpuset does not help" in advice[0]["change"],
           "quota: advise names the quota and its cgroup as the cause of waiting for a CPU", advice)
        ok(advice[0]["gain"]["kind"] == "at_most" and 0.26 < advice[0]["gain"]["high_cpus"] < 0.3,
           "quota: the gain is at most the time that the quota can have throttled", advice[0]["gain"])
    with Advised(*RUNQ, **idle) as b:
        cgroups(b, {"machine.slice/cpu.stat": FREE,
                    "machine.slice/web.scope/cpu.stat": "usage_usec 1\nnr_throttled 3\nthrottled_usec 1600000",
                    "machine.slice/web.scope/cpu.max": "200000 1000000"})
        gain = b.advice()[0]["gain"]
        ok(0.24 < gain["high_cpus"] < 0.265, "quota: the gain includes a period that has not ended yet", gain)
    with Advised(*RUNQ, **idle) as b:
        cgroups(b, {"machine.slice/cpu.stat": FREE,
                    "machine.slice/web.scope/cpu.stat": "usage_usec 1\nnr_throttled 9\nthrottled_usec 5000000",
                    "machine.slice/web.scope/cpu.max": "500000 1000000"})
        gain = b.advice()[0]["gain"]
        ok(0.37 < gain["high_cpus"] < 0.4,
           "quota: the gain includes one more period than the kernel counted as throttled", gain)
    with Advised(*RUNQ, **idle) as b:
        cgroups(b, {"machine.slice/cpu.stat": HELD_BACK, "machine.slice/cpu.max": "50000 100000",
                    "machine.slice/web.scope/cpu.stat": FREE, "machine.slice/web.scope/cpu.max": "max 100000"})
        ok("/machine.slice is 0.50 CPUs" in b.advice()[0]["change"],
           "quota: advise names a parent cgroup that has the quota", b.advice())
    with Advised(*RUNQ, **idle) as b:
        cgroups(b, {"kata_overhead/cpu.stat": FREE, "pod/cpu.stat": HELD_BACK, "pod/cpu.max": "40000 100000"},
                "0::/kata_overhead\n")
        thread = b.machine.proc + "/1001/task/1002/"
        write(thread + "stat", "1002 (vcpu0) " + " ".join(["S"] + ["0"] * 49))
        write(thread + "cgroup", "0::/pod")
        ok("cpu.max of /pod is 0.40 CPUs" in b.advice()[0]["change"] and "systemctl set-property" in b.advice()[0]["change"],
           "quota: advise names the cgroup of the vCPU's thread, not of the process", b.advice())
    with Advised(*RUNQ, **idle) as b:
        of_libvirt = "machine.slice/machine-qemu.scope/libvirt/"
        above = {f"{name}/cpu.stat": FREE for name in ("machine.slice", "machine.slice/machine-qemu.scope", of_libvirt.rstrip("/"), of_libvirt + "emulator")}
        cgroups(b, above | {of_libvirt + "vcpu0/cpu.stat": HELD_BACK, of_libvirt + "vcpu0/cpu.max": "33000 100000"}, f"0::/{of_libvirt}emulator\n")
        task(b, "1001/task/1002", "CPU 0/KVM", SECOND, guest_ns=SECOND)
        write(b.machine.proc + "/1001/task/1002/cgroup", f"0::/{of_libvirt}vcpu0")
        change = b.advice()[0]["change"]
        ok("libvirt/vcpu0 is 0.33 CPUs (virsh schedinfo DOMAIN vcpu_quota=-1" in change and "systemctl" not in change,
           "quota: advise names libvirt's setting for a quota of a cgroup that is no unit of systemd", change)
    with Advised(*RUNQ, **idle) as b:
        cgroups(b, {"docker/web/cpu.stat": "nr_periods 9\nnr_throttled 30\nthrottled_time 2700000000",
                    "docker/web/cpu.cfs_quota_us": 30000, "docker/web/cpu.cfs_period_us": 100000,
                    "docker/cpu.stat": "nr_periods 0\nnr_throttled 0\nthrottled_time 0", "docker/cpu.cfs_quota_us": -1},
                "4:cpu,cpuacct:/docker/web\n0::/system.slice/docker.service\n", "cgroup", "rw,cpu,cpuacct")
        ok("cpu.cfs_quota_us of /docker/web is 0.30 CPUs" in b.advice()[0]["change"],
           "quota: advise names a quota of cgroup v1", b.advice())
    for virtualized, rules, confidence in (0, ["neighbours"], "medium: the other"), (1, ["no-cpu"], "low"):
        with Advised(*RUNQ, **idle, virtualized=virtualized) as b:
            cgroups(b, {"machine.slice/cpu.stat": FREE, "machine.slice/web.scope/cpu.stat": FREE})
            b.process_ran(SECOND)
            write(b.machine.proc + "/1001/task/1002/status", "Name:\tCPU 0/KVM\nCpus_allowed_list:\t1")
            write(b.machine.proc + "/1001/task/1002/cgroup", "0::/machine.slice/web.scope\n")
            advice = b.advice()
            ok([a["rule"] for a in advice] == rules and advice[0]["confidence"].startswith(confidence),
               f"no-cpu: {rules} without a quota, a cpuset or too many vCPUs, if it is not known what {virtualized} L0 took", advice)


def test_quota_of_many():
    """A CPU that is held back is counted once, however many vCPUs wait for it."""
    own = {f"web.scope/vcpu{i}": "usage_usec 1\nnr_throttled 5\nthrottled_usec 3000000" for i in range(4)}
    shared = {"web.scope": "usage_usec 1\nnr_throttled 5\nthrottled_usec 3000000"}
    for title, throttled, vcpus, verdict in (("of its vCPUs together", shared, 4, "not_ruled_out"), ("of each of its vCPUs", own, 4, "shown"),
                                             ("of its only vCPU", shared, 1, "shown"), ("that is not used up", {"web.scope": FREE}, 4, "ruled_out")):
        wait = exits("EXTERNAL_INTERRUPT", 50, runq=0.3 * vcpus)
        with Advised(wait, cpus=8, vcpus=vcpus, allowed="0-7") as b:
            cgroups(b, {f"{name}/cpu.stat": throttled.get(name, FREE) for name in ("web.scope", *own)}, "0::/web.scope\n")
            for i in range(vcpus):
                write(f"{b.machine.proc}/1001/task/{2100 + i}/cgroup", f"0::/web.scope/vcpu{i}" if throttled is own else "0::/web.scope")
            found = {c["cause"]: c["verdict"] for a in b.advice() for c in a["causes"]}
            equal(found["an exhausted CPU quota"], verdict, f"quota: {verdict} for a quota {title}")


def test_pinned():
    for cpus, online, verdict in ((("1", "1"), 4, "shown"), (("0", "1"), 4, "ruled_out"), ((None, None), 4, "not_ruled_out"), (("1",), 4, "not_ruled_out"),
                                  (("0-63", "0-63"), 1, "ruled_out"), ((None, None), 1, "not_ruled_out")):
        with Advised(*RUNQ, vcpus=2, cpus=online, proc=ON_ALL) as b:
            b.guest(1, *RUNQ, pid=1001, vcpus=2)
            for i, cpu in enumerate(cpus):
                if cpu:
                    task(b, f"1001/task/{1002 + i}", f"CPU {i}/KVM", SECOND, guest_ns=SECOND)
                    write(f"{b.machine.proc}/1001/task/{1002 + i}/status", f"Name:\tvcpu\nCpus_allowed_list:\t{cpu}")
            found = {c["cause"]: c["verdict"] for a in b.advice() for c in a["causes"]}
            equal(found["fewer CPUs allowed than it has vCPUs"], verdict,
                  f"confined: a VMM on 2 of {online} CPUs whose 2 vCPU threads are pinned to {cpus}: {verdict}")


# Halts that are short and many, and spinning: on CPUs of its own they need not exit.
SPINS = (exits("HLT", 12000, kernel=0.5, halted=2.4), exits("PAUSE_INSTRUCTION", 8000, kernel=0.16), fixed(stolen_ns=0))
ON_OWN_CPUS = "exits for HLT on dedicated CPUs", "exits for PAUSE on dedicated CPUs", "short sleeps"


def own_cpus(title, verdict, allowed, cpus=64, quota="max 100000", cgroup="/web.scope", cells=SPINS, usage=None, dmi=("", "")):
    """Of the first of guests of 4 vCPUs, whose threads may use these CPUs; None: it is not known which."""
    usage = {"vms": len(allowed), "vcpus": 4 * len(allowed)} if usage is None else usage
    sys = {f"class/dmi/id/{name}": value for name, value in zip(("sys_vendor", "product_name"), dmi)}
    with Advised(*cells, cpus=cpus, guest={"vcpus": 4}, usage=usage, sys=sys, kvm={"halt_poll_fail_ns": 0, "halt_poll_success_ns": SECOND // 10},
                 params={"kvm_intel.ple_window_grow": 2, "kvm.halt_poll_ns": 200000}) as b:
        if quota:
            cgroups(b, {"web.scope/cpu.max": quota})
        for number, its in enumerate(allowed, 1):
            if number > 1:
                b.guest(number, vcpus=4)
            if its:
                b.allow(number, 4, its, "0::" + cgroup if cgroup else "")
        for guests in (), ("1",):
            advice = b.advice(*guests)
            found = {c["cause"]: c["verdict"] for a in advice for c in a["causes"] if a["id"] == 1}
            equal([found.get(cause) for cause in ON_OWN_CPUS], [verdict] * 3, f"dedicated CPUs: {verdict} {title}, {'alone' if guests else 'all'} asked for")
            if verdict == "ruled_out":
                ok(not any(f"{key}=1" in a["change"] for a in advice for key in ("hlt_in_guest", "pause_in_guest")),
                   f"no advice keeps exits from a guest {title}", advice)


def test_own_cpus():
    own_cpus("that has its CPUs for itself", "shown", ("0-3", "4-7", "8-63"))
    own_cpus("of guests that may use all of enough CPUs", "shown", ("0-15", "0-15"), cpus=16)
    own_cpus("whose CPUs other guests may use", "ruled_out", ("0-3", "0-3", "0-3", "0-3"))
    own_cpus("of which another guest may use one CPU", "ruled_out", ("0-3", "3-6"))
    own_cpus("with fewer CPUs than vCPUs", "ruled_out", ("0-2",))
    own_cpus("that may use more CPUs than are online", "ruled_out", ("0-255", "0-255"), cpus=4)
    own_cpus("with a CPU quota", "ruled_out", ("0-3",), quota="100000 100000")
    own_cpus("in the root of cgroups that are not mounted", "shown", ("0-3",), quota=None, cgroup="/")
    own_cpus("of a machine on which cgroups never were mounted", "shown", ("0-3",), quota=None, cgroup=None)
    own_cpus("in a cgroup that is not mounted", "not_ruled_out", ("0-3",), quota=None)
    own_cpus("of an instance with a CPU baseline", "ruled_out", ("0-3",), dmi=("Amazon EC2", "m8i-flex.xlarge"))
    own_cpus("of an instance without a CPU baseline", "shown", ("0-3",), dmi=("Amazon EC2", "m8i.xlarge"))
    own_cpus("that waited for a CPU", "ruled_out", ("0-3",), cells=(*SPINS, exits("EXTERNAL_INTERRUPT", 10, runq=0.02)))
    own_cpus("whose threads are not known", "not_ruled_out", (None,))
    own_cpus("beside another whose threads are not known", "not_ruled_out", ("0-3", None))
    own_cpus("beside another whose threads are not known, with enough CPUs for both", "shown", ("0-7", None))
    own_cpus("of a machine that does not say how many vCPUs it has", "not_ruled_out", ("0-3",), usage={"vcpus": "unknown"})


def waiting(title, verdict, allowed, seconds, cpus=64, known=True):
    """Of the first of guests of 4 vCPUs that waited so long, whose threads may use these CPUs."""
    wait = exits("EXTERNAL_INTERRUPT", 50, runq=seconds)
    with Advised(wait, cpus=cpus, guest={"vcpus": 4}, usage={"vms": len(allowed), "vcpus": 4 * len(allowed)}) as b:
        cgroups(b, {"web.scope/cpu.stat": FREE}, "0::/web.scope\n")
        for number, its in enumerate(allowed, 1):
            if number > 1:
                b.guest(number, wait, vcpus=4)
            if known or number == 1:
                b.allow(number, 4, its, "0::/web.scope")
        for guests in (), ("1",):
            advice = [a for a in b.advice(*guests) if a["symptom"] == "no-cpu" and a["id"] in (1, None)]
            found = {c["cause"]: c["verdict"] for a in advice for c in a["causes"]}
            equal(found.get("guests that share too few of the CPUs"), verdict,
                  f"shared-set: {verdict} for guests {title}, {'alone' if guests else 'all'} asked for")
            equal("shared-set" in [a["rule"] for a in advice], verdict == "shown",
                  f"no-cpu: whether more CPUs for the set are advised to guests {title}, {'alone' if guests else 'all'} asked for")


def test_shared_set():
    waiting("in one cpuset", "shown", ["0-3"] * 6, 1)
    waiting("in one cpuset that wait less than it has CPUs", "not_ruled_out", ["0-3"] * 6, 0.5)
    waiting("one of which is confined", "not_ruled_out", ["0-3"] + ["0-63"] * 5, 1)
    waiting("in a cpuset that others may be in", "not_ruled_out", ["0-3"] * 6, 1, known=False)
    waiting("in cpusets of their own", "ruled_out", [f"{n * 4}-{n * 4 + 3}" for n in range(6)], 1)
    waiting("of which there is one", "ruled_out", ["0-1"], 3)
    waiting("that may use all CPUs", "ruled_out", ["0-3"] * 6, 1, cpus=4)


def test_reverted():
    """What is set for a uid is for all later guests: the change says how to end that, and what else is for one guest."""
    for argv in ("vmm",), ("/usr/bin/qemu-system-x86_64", "-name", "web"), ("/usr/bin/kvm",):
        with Advised(exits("HLT", 1000, kernel=0.1, halted=0.8), exits("PAUSE_INSTRUCTION", 2000, kernel=0.04), fixed(stolen_ns=0), argv=argv, allowed="0-1",
                     kvm={"halt_poll_fail_ns": 0, "halt_poll_success_ns": 0}, params={"kvm_intel.ple_window_grow": 2}) as b:
            found = {a["rule"]: a for a in b.advice()}
            hlt, pause = found["hlt-in-guest"], found["pause-in-guest"]
            ok("l1tune tune uid=107 hlt_in_guest=1, start it again, then l1tune tune uid=any:" in hlt["change"]
               and "l1tune tune uid=107 pause_in_guest=1, start it again, then l1tune tune pause_in_guest=default, and l1tune tune uid=any:" in pause["change"],
               f"hlt-in-guest and pause-in-guest say how to revert what is for all guests of a uid: {argv[0]}", found)
            equal(["-overcommit cpu-pm=on" in a["change"] for a in (hlt, pause)], [argv != ("vmm",)] * 2,
                  f"hlt-in-guest and pause-in-guest name QEMU's own switch if the VMM is QEMU: {argv[0]}")
            equal(hlt["change"].startswith("QEMU"), argv != ("vmm",), f"hlt-in-guest names the VMM's switch first if it has one: {argv[0]}")
            ok("reset while it is halted stays halted" in hlt["risk"] and "PV_UNHALT" in hlt["risk"],
               f"hlt-in-guest warns of what it does to resets and spinlocks: {argv[0]}", hlt["risk"])


def test_own_threads():
    """Threads of the VMM that have the CPUs for which its vCPUs wait."""
    for ran, allowed, process, rule, verdict in ((6, "3", "3", "own-threads", "shown"), (6, "3", "0-2", "neighbours", "ruled_out"), (1, "3", "3", "neighbours", "ruled_out"),
                                                 (2, "3", "3", "no-cpu", "not_ruled_out"), (6, "0-3", "0-3", "no-cpu", "not_ruled_out")):
        with Advised(exits("EXTERNAL_INTERRUPT", 250, kernel=0.5, runq=0.45), cpus=4, allowed=allowed, virtualized=0) as b:
            cgroups(b, {"web.scope/cpu.stat": FREE}, "0::/web.scope\n")
            b.process_ran(ran * SECOND, threads=("2100",), allowed=process)
            write(b.machine.proc + "/1001/task/2100/cgroup", "0::/web.scope")
            advice = {a["symptom"]: a for a in b.advice()}["no-cpu"]
            found = {c["cause"]: c["verdict"] for c in advice["causes"]}
            equal([advice["rule"], found["other threads of the VMM on its vCPUs' CPUs"]], [rule, verdict],
                  f"no-cpu: advise finds {rule} for a vCPU on CPUs {allowed} whose VMM ran for {ran - 1} s besides, its main thread on CPUs {process}")


def test_no_apicv():
    for offered, named in (0, False), (1, True):
        with Advised(exits("write_cr8", 20000, kernel=0.2), isa="svm", params={"kvm_amd.avic": "N"}, sys={"devices/virtual/l1tune/l1/svm/avic": offered}) as b:
            change = {a["rule"]: a["change"] for a in b.advice()}["task-priority"]
            equal(["fewer interrupts" in change, "AVIC" in change], [True, named], f"task-priority: advise names AVIC if L0 offers it: {offered}")


def test_low_weight():
    """A guest that gets less of its CPUs than others, if these have the default."""
    for files, said in (({"machine.slice/cpu.weight": 50, "machine.slice/web.scope/cpu.weight": 4}, "cpu.weight of /machine.slice/web.scope is 4, by default it is 100"),
                        ({"machine.slice/cpu.weight": 20, "machine.slice/web.scope/cpu.weight": 100}, "cpu.weight of /machine.slice is 20, by default"),
                        ({"machine.slice/cpu.weight": 0, "machine.slice/cpu.idle": 1, "machine.slice/web.scope/cpu.weight": 4}, "cpu.idle of /machine.slice is 1, by default it is 0"),
                        ({"machine.slice/cpu.weight": 200, "machine.slice/cpu.idle": 0, "machine.slice/web.scope/cpu.weight": 100}, None), ({}, None)):
        with Advised(exits("EXTERNAL_INTERRUPT", 250, kernel=0.5, runq=0.45), cpus=4, allowed="3", virtualized=0) as b:
            cgroups(b, {"machine.slice/web.scope/cpu.stat": FREE, "machine.slice/cpu.stat": FREE} | files)
            b.process_ran(SECOND, threads=("2100",), allowed="0-2")
            write(b.machine.proc + "/1001/task/2100/cgroup", "0::/machine.slice/web.scope")
            advice = {a["symptom"]: a for a in b.advice()}["no-cpu"]
            seen = {c["cause"]: c["seen"] for c in advice["causes"]}["other tasks on its CPUs"]
            equal([advice["rule"], "set the default, or keep other tasks off" in advice["change"], said is None or (said in advice["change"] and said in seen)],
                  ["neighbours", said is not None, True], f"neighbours: advise names a low weight of a cgroup with {files}: {said}")
    for how, said in ({"policy": 5}, "SCHED_IDLE, by default it is SCHED_OTHER (chrt"), ({"nice": 19}, "has nice 19, by default it is 0 (renice"), ({"nice": -5}, None):
        with Advised(exits("EXTERNAL_INTERRUPT", 250, kernel=0.5, runq=0.45), cpus=4, allowed="3", virtualized=0) as b:
            b.process_ran(SECOND, threads=(), allowed="0-2")
            task(b, "1001/task/2100", "CPU 0/KVM", SECOND, guest_ns=SECOND, **how)
            advice = {a["symptom"]: a for a in b.advice()}["no-cpu"]
            equal([advice["rule"], "set the default" in advice["change"], (said or "") in advice["change"]], ["neighbours", said is not None, True],
                  f"neighbours: advise names the scheduling of a vCPU's thread with {how}: {said}")


def test_hlt_refused():
    """What the module refuses, for the reason that the CPU has."""
    qemu, smt = ("/usr/bin/qemu-system-x86_64",), {"devices/system/cpu/smt/control": "on"}
    off = {"devices/system/cpu/smt/control": "forceoff"}
    for title, flags, bugs, sys, argv, verdict, changes in (
            ("without SEV", "svm hypervisor", "spectre_v2", {}, ("vmm",), "shown", (False, True)),
            ("with SEV", "svm hypervisor sev", "spectre_v2", {}, ("vmm",), "ruled_out", (False, False)),
            ("with SEV and QEMU", "svm hypervisor sev", "spectre_v2", {}, qemu, "shown", (True, False)),
            ("with SEV-ES only by name", "svm hypervisor sev_es", "", {}, qemu, "shown", (True, True)),
            ("with smt_rsb and SMT", "svm hypervisor", "spectre_v2 smt_rsb", smt, qemu, "ruled_out", (False, False)),
            ("with smt_rsb and without SMT", "svm hypervisor", "spectre_v2 smt_rsb", off, qemu, "shown", (True, True)),
            ("with smt_rsb, of which SMT is not known", "svm hypervisor", "smt_rsb", {}, ("vmm",), "shown", (False, True))):
        with Advised(exits("hlt", 1000, kernel=0.1, halted=0.8), exits("pause", 2000, kernel=0.04), fixed(stolen_ns=0), isa="svm", argv=argv, allowed="0-1",
                     kvm={"halt_poll_fail_ns": 0, "halt_poll_success_ns": 0}, sys=sys, params={"kvm_amd.pause_filter_count_grow": 2},
                     proc={"cpuinfo": "".join(f"processor\t: {i}\nflags\t\t: {flags}\nbugs\t\t: {bugs}\n" for i in range(2))}) as b:
            advice = b.advice()
            found = {c["cause"]: c["verdict"] for a in advice for c in a["causes"]}
            equal(found.get("exits for HLT on dedicated CPUs"), verdict, f"hlt-in-guest: {verdict} on a CPU {title}")
            text = " ".join(a["change"] for a in advice)
            equal(("cpu-pm=on" in text, "hlt_in_guest=1" in text), changes,
                  f"hlt-in-guest: whether QEMU's and the module's switches are advised on a CPU {title}")


def test_hlt_exits_required():
    """No advice with which a guest would not start."""
    hyperv, required = {"hypervisor": "Microsoft Hv"}, {"sys": {"devices/virtual/l1tune/l1/vmx/msr_0x48e": "0x00000000040061f2"}}
    older = {"sys": {"devices/virtual/l1tune/l1/vmx/msr_0x48e": "0x0000000000000000", "devices/virtual/l1tune/l1/vmx/msr_0x482": "0xf7f9fffe040061f2"}}
    for title, argv, values, verdict in (
            ("Hyper-V on an Intel CPU", "/usr/bin/qemu-system-x86_64", hyperv, "ruled_out"), ("Hyper-V on an AMD CPU", "/usr/bin/qemu-system-x86_64", hyperv | {"isa": "svm"}, "shown"),
            ("an L0 that requires exits for HLT", "vmm", required, "ruled_out"), ("the same on an older CPU", "vmm", older, "ruled_out"), ("KVM", "vmm", {}, "shown")):
        hlt, pause, mwait = ("hlt", "pause", "mwait") if values.get("isa") == "svm" else ("HLT", "PAUSE_INSTRUCTION", "MWAIT_INSTRUCTION")
        with Advised(exits(hlt, 1000, kernel=0.1, halted=0.8), exits(pause, 2000, kernel=0.04), exits(mwait, 20000, kernel=0.2), fixed(stolen_ns=0), argv=(argv,), allowed="0-1",
                     kvm=UNPOLLED, **values) as b:
            advice = b.advice()
            found = {c["cause"]: c["verdict"] for a in advice for c in a["causes"]}
            equal(found.get("exits for HLT on dedicated CPUs"), verdict, f"hlt-in-guest: {verdict} under {title}")
            text = " ".join(a["change"] for a in advice)
            equal(["cpu-pm=on" in text or "hlt_in_guest=1" in text, "pause_in_guest=1" in text, "wait by HLT" in text], [verdict == "shown", True, True],
                  f"advise has changes that keep exits for HLT under {title}")


def test_real_time():
    for policy, runtime, kernel, cause, verdict in (
            (0, 950000, "6.1.0-57", "neighbours", "ruled_out"), (1, 950000, "6.1.0-57", "no-cpu", "not_ruled_out"), (2, 950000, "6.1.0-57", "no-cpu", "not_ruled_out"),
            (3, 950000, "6.1.0-57", "neighbours", "ruled_out"), (1, -1, "6.1.0-57", "neighbours", "ruled_out"), (1, -1, "6.12.95", "no-cpu", "not_ruled_out")):
        with Advised(exits("EXTERNAL_INTERRUPT", 250, runq=0.2), cpus=8, vcpus=4, allowed="0-7", virtualized=0,
                     proc={"sys/kernel/sched_rt_runtime_us": runtime, "sys/kernel/osrelease": kernel}) as b:
            cgroups(b, {"web.scope/cpu.stat": FREE}, "0::/web.scope\n")
            b.process_ran(4 * SECOND, threads=())
            for i in range(4):
                task(b, f"1001/task/{2100 + i}", f"CPU {i}/KVM", SECOND, guest_ns=SECOND, policy=policy if i == 3 else 0)
                write(f"{b.machine.proc}/1001/task/{2100 + i}/cgroup", "0::/web.scope")
            advice = b.advice()
            found = {c["cause"]: c for a in advice for c in a["causes"]}
            held_back = found["the part of a CPU that the kernel keeps from real-time tasks"]
            equal([advice[0]["rule"], held_back["verdict"], f"sched_rt_runtime_us is {runtime}" in held_back["seen"]], [cause, verdict, policy in (1, 2)],
                  f"no-cpu: advise finds {cause} for a guest with a vCPU of scheduling policy {policy}, a runtime of {runtime} and Linux {kernel}")


def test_unpolled():
    """KVM does not poll for short sleeps: by what it is told of why."""
    for title, guest, params, haltpoll, up in (
            ("that turned KVM's polling off", polling(host_poll=0), {}, "shown", "ruled_out"),
            ("that did not", polling(), {}, "ruled_out", "not_ruled_out"),
            ("that is not offered to", polling(offered="0x0"), {}, "ruled_out", "not_ruled_out"),
            ("of which that is not known", {}, {}, "not_ruled_out", "not_ruled_out"),
            ("of a KVM whose polling does not grow", polling(host_poll=0), {"kvm.halt_poll_ns_grow": 0}, "not_ruled_out", "ruled_out"),
            ("of a KVM that does not poll as long", polling(host_poll=0), {"kvm.halt_poll_ns": 50000}, "ruled_out", "shown")):
        with Advised(exits("HLT", 3000, kernel=0.05, halted=0.3), kvm={"halt_poll_fail_ns": 0, "halt_poll_success_ns": 0}, guest=guest, allowed="0-1",
                     params={"kvm.halt_poll_ns": 200000, "kvm.halt_poll_ns_grow": 2} | params) as b:
            found = {c["cause"]: c["verdict"] for a in b.advice() if a["symptom"] == "halts" for c in a["causes"]}
            equal([found.get("guest halt polling"), found.get("short sleeps")], [haltpoll, up],
                  f"halts: guest-haltpoll is {haltpoll}, poll-up {up} for a guest {title}")


def test_kept_awake():
    """Halted vCPUs for which KVM works and does not sleep."""
    for title, cells, kvm, verdict in (
            ("one exit that has not ended", [exits("HLT", 0, kernel=0.9), fixed(stolen_ns=0)], UNPOLLED, "shown"),
            ("few exits", [exits("HLT", 100, kernel=0.3), fixed(stolen_ns=0)], UNPOLLED, "shown"),
            ("as many exits as KVM has time for", [exits("HLT", 4000, kernel=0.8, halted=0.1)], UNPOLLED, "ruled_out"),
            ("many exits that end at once", [exits("HLT", 4000, kernel=0.9), fixed(stolen_ns=0)], UNPOLLED, "shown"),
            ("many exits that poll", [exits("HLT", 4000, kernel=0.9)], {"halt_poll_fail_ns": 0, "halt_poll_success_ns": SECOND}, "ruled_out"),
            ("few exits, and polling as long", [exits("HLT", 100, kernel=0.3)], {"halt_poll_fail_ns": 3 * SECOND, "halt_poll_success_ns": 0}, "ruled_out"),
            ("few exits where stolen time is not counted", [exits("HLT", 100, kernel=0.3)], UNPOLLED, "not_ruled_out"),
            ("few exits, and polling of which nothing is known", [exits("HLT", 100, kernel=0.3), fixed(stolen_ns=0)], {}, "not_ruled_out"),
            ("few exits of a vCPU that L0 does not run", [exits("HLT", 100, kernel=0.3), fixed(stolen_ns=2 * SECOND)], UNPOLLED, "not_ruled_out")):
        with Advised(*cells, kvm=kvm, allowed="0-1") as b:
            found = {c["cause"]: c["verdict"] for a in b.advice() if a["symptom"] == "halts" for c in a["causes"]}
            equal(found.get("halted vCPUs that KVM does not put to sleep"), verdict, f"halt-loop: {verdict} for {title}")


def test_memory_high():
    directory = "machine.slice/web.scope/"
    for used, verdict in ((70, "shown"), (60, "not_ruled_out"), (50, "ruled_out")):
        with Advised(BLOCKED_FAULTS, proc={"1001/smaps": ANONYMOUS}) as b:
            cgroups(b, {directory + "memory.high": "max", directory + "memory.current": 70 << 20,
                        "machine.slice/memory.high": 64 << 20, "machine.slice/memory.current": used << 20})
            advice = b.advice()
            found = {c["cause"]: c["verdict"] for c in advice[0]["causes"]}
            equal(found["a cgroup above its memory.high"], verdict,
                  f"memory-high: {verdict} if {used}M of a parent cgroup's memory.high of 64M are used")
            if verdict == "shown":
                ok(advice[0]["rule"] == "memory-high" and advice[0]["confidence"].startswith("medium: shown; not")
                   and "memory.high of /machine.slice is 64M, of which 70M are used" in advice[0]["change"],
                   "memory-high: advise names the cgroup, its memory.high and its use", advice)
    for text, verdict in (("0::/", "not_ruled_out"), ("10:memory:/web\n1:name=systemd:/web", "ruled_out")):
        with Advised(BLOCKED_FAULTS, proc={"1001/smaps": ANONYMOUS}) as b:
            write(b.machine.proc + "/1001/cgroup", text)
            found = {c["cause"]: c["verdict"] for c in b.advice()[0]["causes"]}
            equal(found["a cgroup above its memory.high"], verdict,
                  f"memory-high: {verdict} if /proc/PID/cgroup is {text.split()[0]} and no cgroup is mounted")


HALTS = exits("HLT", 1500, kernel=0.12, halted=0.85)


def test_unknown_counts():
    polls = {"halt_poll_success_ns": 0, "halt_poll_fail_ns": SECOND}
    with Advised(HALTS, allowed="0-1", sys={"kernel/security/lockdown": "none [integrity] confidentiality"}) as b:
        b.kvm(1001, pages_4k=10, pages_2m=5, pages_1g=0)
        # Opening one of these would wait for ever, as nobody writes to it.
        for name in polls:
            os.mkfifo(f"{b.machine.sys}/kernel/debug/kvm/1001-11/{name}", 0o644)
        r = b.run("advise", "--since-start", "--state", b.state)
        ok("unknown for 1 guest: KVM's halt_poll_success_ns, halt_poll_fail_ns: the kernel is locked down" in r.stdout,
           "under lockdown advise opens no file of KVM's debugfs that is locked down, and says so", r)
        advice = {a["rule"]: a for a in b.advice()}
        gain = advice["hlt-in-guest"]["gain"]
        ok("poll-down" not in advice and gain["low_cpus"] < 0.02 and 0.12 < gain["high_cpus"] < 0.15,
           "hlt-in-guest: the gain has none or all of KVM's time if it is unknown which part is polling", advice)
    with Advised(exits("HLT", 900, kernel=0.2, halted=0.7), saved=False) as b:
        advice = b.advice()
        ok([(a["symptom"], a["gain"]["kind"]) for a in advice] == [("halts", "unknown")] and "which part of that is polling cannot be read" in advice[0]["evidence"],
           "halts: KVM's time counts if it is unknown which part is polling, and so is the gain", advice)
    with Advised(HALTS) as b:
        equal([u["why_not"] for u in b.json("advise", "-J", "--since-start")["unknown"]],
              ["debugfs has no directory for the VM: mount -t debugfs none /sys/kernel/debug"],
              "advise --json says that debugfs is not mounted")
        b.kvm(1001, **polls)
        advice = {a["rule"]: a for a in b.advice()}
        ok(0.08 < advice["poll-down"]["gain"]["high_cpus"] < 0.101,
           "poll-down: the gain comes from KVM's counts in debugfs", advice)


def test_older_than_module():
    """What counts since a VM's start says nothing of the time since the module's load."""
    polls = {"halt_poll_success_ns": 0, "halt_poll_fail_ns": 20000 * SECOND}
    for adopted, rules in (1, {"hlt-in-guest"}), (0, {"poll-down", "helpers"}):
        with Advised(HALTS, kvm=polls, guest={"adopted": adopted}, allowed="0-1") as b:
            task(b, 2, "kthreadd", 0, KTHREAD)
            write(b.machine.proc + "/1001/status", "Name:\tvmm\nTgid:\t1001")
            task(b, 1001, "vmm", 30000 * SECOND)
            found = set(b.rules())
            ok(rules == found, f"a guest with adopted={adopted} gets only this advice: {rules}", found)
            unknown = b.json("advise", "-J", "--since-start")["unknown"]
            ok(any("before the module was loaded" in u["why_not"] and polls.keys() <= set(u["counts"].split(", "))
                   for u in unknown) == bool(adopted),
               f"advise --json says if counts include time before the module was loaded: adopted={adopted}", unknown)
    with Advised(*RUNQ, guest={"adopted": 1}, cpus=4, proc=ON_ALL) as b:
        cgroups(b, {"machine.slice/cpu.stat": FREE, "machine.slice/web.scope/cpu.stat": HELD_BACK})
        causes = {c["cause"]: c["verdict"] for c in b.advice()[0]["causes"]}
        equal(causes["an exhausted CPU quota"], "not_ruled_out",
              "quota: not ruled out and not shown for a guest that is older than the module")


def test_bounds():
    with Advised(FAULTS, **memory()) as b:
        gain = b.advice()[0]["gain"]
        ok(gain["kind"] == "at_least" and gain["low_cpus"] > 0.01 and not gain["lacks_transit"],
           "small-pages: the gain has a lower bound and no upper bound", gain)
    with Advised(exits("EPT_VIOLATION", 1024, kernel=0.02), saved=False, virtualized=0, **memory()) as b:
        text = b.run("advise", "--since-start", "--state", b.state).stdout
        ok("  gain        at least 0.02 CPUs\n" in text,
           "advise on bare metal does not mention the cost of an exit to L0", text)
    with Advised(exits("CPUID", 30000), sys={"devices/system/cpu/vulnerabilities/mds": "Mitigation: Clear CPU buffers; SMT Host state unknown"}) as b:
        gains = {a["rule"]: a["gain"]["kind"] for a in b.advice()}
        equal(gains.get("entries"), "unknown", "entries: the gain stays unknown if the cause is unknown")


def boottime():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def test_several_vms():
    polls = {"halt_poll_success_ns": 0, "halt_poll_fail_ns": SECOND}
    none = dict.fromkeys(polls, 0)
    with Advised(HALTS) as b:
        b.guest(2, exits("CPUID", 500, kernel=0.02), pid=1001, vcpus=2)
        b.kvm(1001, fd=11, **polls)
        b.kvm(1001, fd=12, **none)
        ok("poll-down" not in b.rules(),
           "advise does not attribute KVM's counts among several alike VMs of one process", b.rules())
        text = b.run("advise", "--since-start", "--state", b.state).stdout
        ok("unknown for 2 guests: " in text and "its process has several VMs" in text,
           "advise says that counts are unknown because a process has several VMs", text)
        b.kvm(1001, fd=11, **{"vcpu0/tsc-offset": 0})
        b.kvm(1001, fd=12, **{"vcpu0/tsc-offset": 0, "vcpu1/tsc-offset": 0})
        equal([(a["rule"], a["id"]) for a in b.advice() if a["rule"] == "poll-down"], [("poll-down", 1)],
              "KVM's counts are attributed to the only VM of a process with that number of vCPUs")
    # Alike but for their threads: Linux 6.4 and later.
    with Advised(HALTS, guest={"vcpu_cells": {0: [fixed(tid=2001)]}}) as b:
        b.guest(2, exits("CPUID", 500, kernel=0.02), pid=1001, vcpu_cells={0: [fixed(tid=2002)]})
        b.kvm(1001, fd=11, **none, **{"vcpu0/pid": 2002})
        b.kvm(1001, fd=12, **polls, **{"vcpu0/pid": 2001})
        equal([(a["rule"], a["id"]) for a in b.advice() if a["rule"] == "poll-down"], [("poll-down", 1)],
              "KVM's counts are attributed to a VM of a process by the thread of its vCPU")
        b.kvm(1001, fd=11, **{"vcpu0/pid": 0})
        b.kvm(1001, fd=12, **{"vcpu0/pid": 0})
        ok("poll-down" not in b.rules(), "KVM's counts are not attributed to a VM whose vCPUs have not run", b.rules())
    # Alike but for the time of their creation.
    with Advised(HALTS, guest={"created_ns": boottime()}) as b:
        b.kvm(1001, fd=11, **polls, **{"vcpu0/tsc-offset": 0})
        write(f"{b.machine.device('l2-1')}/created_ns", boottime(), 0o440)
        time.sleep(0.2)
        b.guest(2, HALTS, pid=1001, created_ns=boottime())
        b.kvm(1001, fd=12, **none, **{"vcpu0/tsc-offset": 0})
        equal([a["id"] for a in b.advice() if a["rule"] == "poll-down"], [1],
              "KVM's counts are attributed to a VM of a process by its creation time")
    # The second of two guests has its memory in the smaller mapping.
    two = ANONYMOUS + smaps("/memfd:ram (deleted)", "rw-s", size=256 << 20).replace("7f00", "7e00")
    with Advised(FAULTS, **memory(two, sys=NEVER)) as b:
        write(f"{b.machine.device('l2-1')}/memslots", f"0 0 0x0 {128 << 20} {0x7e0000000000:#x} 0x0000 2\n", 0o440)
        equal(b.rules(), ["small-pages-shmem"],
              "small-pages-shmem: the memory of one of several VMs is found by its memslots")


def fleet(bench, number, miss_ns):
    for i in range(1, number + 1):
        bench.guest(i, exits("HLT", 50, kernel=0.010, halted=0.9))
        bench.kvm(1000 + i, halt_poll_success_ns=0, halt_poll_fail_ns=int(miss_ns * 10))


def test_all_together():
    with Advised() as b:
        fleet(b, 40, 0.009 * SECOND)
        advice = b.advice()
        ok([(a["rule"], a["id"], a["guests"]) for a in advice] == [("poll-down", None, 40)] and
           0.25 < advice[0]["gain"]["high_cpus"] < 0.361 and "kvm.halt_poll_ns" in advice[0]["change"],
           "small costs in each of many guests are one piece of advice with the sum as gain", advice)
        text = b.run("advise", "--since-start", "--state", b.state).stdout
        ok(text.startswith("40 guests: unsuccessful halt polling (poll-down)\n"),
           "advise for many guests at once has their number in its title", text)
    with Advised() as b:
        fleet(b, 12, 0.02 * SECOND)
        equal([(a["rule"], a["guests"]) for a in b.advice()], [("poll-down", 12)],
              "the same advice for many guests is given once")
    with Advised() as b:
        fleet(b, 4, 0.009 * SECOND)
        equal(b.rules(), [], "small costs in each of a few guests get no advice")
    with Advised(usage={"vms": 100, "vcpus": 100}) as b:
        for i in range(1, 101):
            b.guest(i, exits("HLT", 4, kernel=0.0001, halted=0.99), exits("MSR_WRITE", 8, kernel=0.0001))
            b.kvm(1000 + i, halt_poll_success_ns=0, halt_poll_fail_ns=SECOND // 1000)
        equal(b.rules(), [], "many idle guests get no advice")
    with Advised(usage={"vms": 20, "vcpus": 20}) as b:
        for i in range(1, 21):
            b.guest(i, exits("HLT", 100, kernel=0.09, runq=0.03))
            write(f"{b.machine.proc}/{1000 + i}/status", "Name:\tvmm\nCpus_allowed_list:\t0-1")
        advice = b.advice()
        ok([(a["rule"], a["guests"]) for a in advice] == [("overcommit", 20)] and
           0.5 < advice[0]["gain"]["high_cpus"] < 0.6 and "move a guest away" in advice[0]["change"],
           "causes of waiting for a CPU are summed over many guests", advice)
    for num in 8, 9:
        with Advised(shadowed="no", usage={"vms": num, "vcpus": num}) as b:
            for i in range(1, num + 1):
                b.guest(i, exits("CPUID", 2000, kernel=0.02))
            advice = [(a["guests"], a["gain"]["kind"]) for a in b.advice() if a["rule"] == "vmcs-shadowing"]
            equal(advice, [(1, "unknown")] * 8 if num == 8 else [(9, "unknown")], f"advice without a known gain is there for {num} guests, too")
    with Advised(shadowed="no", usage={"vms": 20, "vcpus": 20}) as b:
        for i in range(1, 21):
            b.guest(i, exits("CPUID", 200, kernel=0.001))
        equal(b.rules(), [], "what is too little for one guest is not summed if its gain is not known")
    with Advised() as b:
        for i in range(1, 21):
            b.guest(i, exits("EPT_VIOLATION", 50, blocked=0.03))
        equal(b.rules(), [], "symptoms without a known cause are not summed over many guests")
    with Advised(usage={"vms": 20, "vcpus": 20}, sys=NEVER) as b:
        for i in range(1, 21):
            b.guest(i, exits("EPT_VIOLATION", 250, kernel=0.004))
            write(f"{b.machine.proc}/{1000 + i}/smaps", ANONYMOUS)
            b.kvm(1000 + i, **QUIET | (SMALL if i > 5 else {}))
        advice = b.advice()
        gain = advice[0]["gain"]
        ok([(a["rule"], a["guests"]) for a in advice] == [("small-pages", 20)] and
           gain["kind"] == "at_least" and 0.08 < gain["low_cpus"] < 0.1,
           "a sum with guests whose gain has no bounds is a lower bound", advice)
    with Advised() as b:
        fleet(b, 30, 0.009 * SECOND)
        b.kvm(1001, halt_poll_fail_ns=SECOND)
        b.guest(1, exits("HLT", 50, kernel=0.11, halted=0.8))
        equal([(a["id"], a["guests"]) for a in b.advice()], [(None, 29), (1, 1)],
              "a guest that deserves advice of its own is not in the sum of the others")


def interrupts(bench, name, turn, devices=1):
    """A machine of two CPUs on which one line grows, and the device's by so much."""
    lines = {"HYP": "Hypervisor callback interrupts", "HVS": "Hyper-V stimer0 interrupts", "LOC": "Local timer interrupts", "RES": "Rescheduling interrupts", "CAL": "Function call interrupts",
             "24": "IR-PCI-MSI 524288-edge      nvme0q1", "PIN": "Posted-interrupt notification event", "ERR": None}
    text = "            CPU0       CPU1\n"
    for line, what in lines.items():
        count = 100000 + (4000 * turn if line == name else devices * turn if line == "24" else turn)
        text += f"{line:>4}: {count:>10}" + (f" {count:>10}   {what}" if what else "") + "\n"
    path = bench.machine.proc + "/interrupts"
    if turn:
        update(path, text.encode())
    else:
        write(path, text.encode(), 0o644)


def test_interrupts():
    for line, rule, change in (("24", "device-interrupts", "interrupt 24 (nvme0q1)"), ("LOC", "host-timers", "only of guests that have APICv or AVIC"), ("HVS", "host-timers", "nohz_full"),
                               ("HYP", "device-interrupts", "vmbus"), ("CAL", "host-ipis", "emulatorpin"), ("PIN", "posted-interrupts", "ethtool")):
        with Advised(exits("EXTERNAL_INTERRUPT", 0), allowed="0-1") as b:
            interrupts(b, line, 0)
            document = json.loads(advise_meanwhile(b, "EXTERNAL_INTERRUPT", "-J", rate=200, vmm=False,
                                                   each_turn=lambda turn, b=b, line=line: interrupts(b, line, turn)))
            advice = document["advice"]
            confidence = "medium: shown" if line == "HYP" else "high"
            ok([a["rule"] for a in advice] == [rule] and change in advice[0]["change"] and
               advice[0]["confidence"].startswith(confidence),
               f"external interrupts: advise finds {rule} if line {line} of /proc/interrupts grows", advice)
    with Advised(exits("EXTERNAL_INTERRUPT", 0), allowed="0-1") as b:
        interrupts(b, "LOC", 0)
        document = json.loads(advise_meanwhile(b, "EXTERNAL_INTERRUPT", "-J", rate=30, vmm=False,
                                               each_turn=lambda turn: interrupts(b, "LOC", turn, devices=100)))
        found = {c["cause"]: c["verdict"] for a in document["advice"] for c in a["causes"]}
        ok(found["timers of this machine"] == "shown" and found["interrupts of this machine's devices"] == "not_ruled_out" and
           found["interrupts from CPU to CPU"] == "ruled_out",
           "external interrupts: a few device interrupts are not ruled out, interrupts between CPUs are",
           document["advice"])




def test_helpers():
    for comm, rule in (("kvm-pit/1001", "kvm-pit"), ("vhost-1001", "vhost"),
                       ("kvm-nx-lpage-recovery-1001", "nx-recovery"), ("other", "vmm-threads")):
        with Advised(exits("HLT", 100, kernel=0.01, halted=0.9), kvm=SMALL) as b:
            b.process_ran(SECOND + (4 * SECOND if comm == "other" else 0))
            task(b, 77, comm, 4 * SECOND, KTHREAD)
            advice = b.advice()
            ok([a["rule"] for a in advice] == [rule] and re.search("work 0[.](4|3[5-9])", advice[0]["evidence"]),
               f"helpers: advise finds {rule} if {comm} uses the CPU", advice)
            if rule == "vmm-threads":
                ok("vhost-user" in advice[0]["change"] and "in no count of l1tune" in advice[0]["risk"],
                   "helpers: advise that names vhost-user says that its work is not counted", advice)
    for comm, rule in ("vhost-1001", "vhost"), ("kvm-nx-lpage-re", "nx-recovery"), ("virtiofsd", "vmm-threads"):
        with Advised(exits("HLT", 100, kernel=0.01, halted=0.9), kvm=SMALL) as b:
            b.process_ran(6 * SECOND)
            task(b, "1001/task/1003", comm, 4 * SECOND)
            advice = b.advice()
            ok([a["rule"] for a in advice] == [rule] and re.search("work 0[.](4[5-9]|50) s", advice[0]["evidence"]),
               f"helpers: advise finds {rule} for a thread {comm} of the VMM, as from Linux 6.4 on", advice)
    tap, xhci = ("-netdev", "tap,id=n"), ("-device", "qemu-xhci,id=usb")
    for argv, named in ((("qemu", "-usb", "-device", "usb-tablet", *tap), ["tablet"]),
                        (("qemu", "-device", '{"driver":"piix3-usb-uhci","id":"usb"}', "-device", '{"driver":"usb-tablet"}', *tap), ["tablet"]),
                        (("qemu", "-usbdevice", "tablet", *tap), ["tablet"]),
                        (("qemu", *xhci, "-device", "usb-tablet,bus=usb.0", *tap), []),
                        (("qemu", "-netdev", "user,id=n"), ["network"]), (("qemu", "-nic", "user"), ["network"]),
                        (("qemu", "-netdev", '{"type":"user","id":"hostnet0"}'), ["network"]),
                        (("qemu",), ["network"]), (("qemu", "-nodefaults"), []), (("qemu", *tap, "-name", "user"), []),
                        (("vmm", "-device", "usb-tablet", "-netdev", "user"), []), ((), [])):
        with Advised(exits("HLT", 100, kernel=0.01, halted=0.9), kvm=SMALL, argv=argv) as b:
            task(b, 2, "kthreadd", 0, KTHREAD)
            write(b.machine.proc + "/1001/status", "Name:\tvmm\nTgid:\t1001")
            task(b, 1001, "vmm", 5 * SECOND)
            task(b, "1001/task/1002", "CPU 0/KVM", SECOND, guest_ns=SECOND)
            change = "".join(a["change"] for a in b.advice() if a["rule"] == "vmm-threads")
            equal(["perf top" in change, [name for name, word in (("tablet", "qemu-xhci"), ("network", "passt")) if word in change]], [True, named],
                  f"helpers: vmm-threads names {named} of the command line {' '.join(argv)}")
    for argv, has in ((("qemu",), True), (("qemu", "-machine", "q35,accel=kvm"), True), (("qemu", "-M", "q35,hpet=off"), False), (("qemu", "-no-hpet"), False),
                      (("qemu", "-machine", "q35", "-machine", "hpet=off"), False), (("qemu", "-M", "microvm"), False), (("qemu", "-machine", "accel=kvm,type=microvm"), False),
                      (("qemu", "-name", "microvm"), True), (("vmm",), False)):
        with Advised(exits("HLT", 100, kernel=0.01, halted=0.9), kvm=SMALL, argv=argv) as b:
            b.process_ran(5 * SECOND)
            change = "".join(a["change"] for a in b.advice() if a["rule"] == "vmm-threads")
            equal(["perf top" in change, "hpet=off" in change], [True, has], f"helpers: whether vmm-threads names an HPET of the command line {' '.join(argv)}")
    for tid, rules in (1002, ["vmm-threads"]), (0, []):
        with Advised(exits("HLT", 100, kernel=0.01, halted=0.9), kvm=SMALL,
                     guest={"vcpu_cells": {0: [fixed(tid=tid)]}}) as b:
            task(b, 2, "kthreadd", 0, KTHREAD)
            write(b.machine.proc + "/1001/status", "Name:\tvmm\nTgid:\t1001")
            task(b, 1001, "vmm", 5 * SECOND)
            task(b, "1001/task/1002", "worker", SECOND)
            equal([a["rule"] for a in b.advice()], rules,
                  f"helpers: advise finds {rules} for a thread without guest time if the module's vCPU tid is {tid}")
    with Advised(exits("HLT", 0)) as b:
        b.kvm(1001, mode=0o644, pages_4k=200000, pages_2m=0, pages_1g=0)
        task(b, 2, "kthreadd", 0, KTHREAD)
        write(b.machine.proc + "/1001/status", "Name:\tvmm\nTgid:\t1001")
        task(b, 1001, "vmm", 0)
        task(b, "1001/task/1002", "CPU 0/KVM", 0, guest_ns=0)

        def turn_over(turn):
            update(f"{b.machine.sys}/kernel/debug/kvm/1001-11/pages_4k", str(200000 - 1000 * turn).encode())
            task(b, 1001, "vmm", 40_000_000 * turn)

        advice = json.loads(advise_meanwhile(b, "HLT", "-J", rate=1, vmm=False, each_turn=turn_over))["advice"]
        ok("balloon-work" in [a["rule"] for a in advice],
           "helpers: advise finds balloon-work for a VMM that takes memory from its guest", advice)
    with Advised(exits("HLT", 0)) as b:
        b.process_ran(0)

        def show(turn):
            task(b, 1001, "vmm", 2 * SECOND + 40_000_000 * turn)
            task(b, "1001/task/1003", "vnc_worker", 30_000_000 * turn)
            task(b, "1001/task/1004", "idle", SECOND)

        show(0)
        advice = json.loads(advise_meanwhile(b, "HLT", "-J", rate=1, vmm=False, each_turn=show))["advice"]
        evidence = [a["evidence"] for a in advice if a["symptom"] == "helpers"]
        ok(len(evidence) == 1 and re.search("the busiest of the VMM's after that: vnc_worker [0-9.]+$", evidence[0]),
           "helpers: the evidence names the VMM's busiest threads", advice)
    with Advised(exits("HLT", 100, kernel=0.3, halted=0.5)) as b:
        task(b, 2, "kthreadd", 0, KTHREAD)
        task(b, 1001, "vmm", 3 * SECOND)
        task(b, "1001/task/1002", "CPU 0/KVM", SECOND, guest_ns=SECOND)
        equal([r for r in b.rules() if r == "vmm-threads"], [],
              "helpers: advise has no vmm-threads for a guest that is busy itself")


def test_vmm_sleep():
    with Advised(exits("IO_INSTRUCTION", 300, vmm=0.01, vmm_sleep=0.4), exits("EXTERNAL_INTERRUPT", 300, vmm_sleep=0.2), exits("HLT", 9, vmm_sleep=0.2)) as b:
        b.process_ran(4 * SECOND)
        advice = {a["symptom"]: a for a in b.advice()}.get("vmm-sleep")
        ok(advice and advice["rule"] == "vmm-lock" and advice["confidence"].startswith("medium: shown; not") and
           "0.40 s of each second while the VMM slept, most of it in IO_INSTRUCTION" in advice["evidence"],
           "vmm-lock: advise finds vCPUs that wait for a VMM whose other threads are busy", advice)
    with Advised(exits("IO_INSTRUCTION", 300, vmm_sleep=0.4)) as b:
        b.machine.process(1001, ["vmm"], state="T")
        equal(b.rules(), [], "vmm-sleep: a stopped VMM gets no advice")

    def kicks(number, ran_ns, reason="EXTERNAL_INTERRUPT", bucket="b24"):
        return [split(2, 1, reason, 250 * SECONDS, 0, hist(b13=240 * SECONDS, **{bucket: number * SECONDS}), SECONDS * SECOND,
                      vmm_sleep=0.6, kernel=0.001)], ran_ns * SECONDS

    for (cells, ran_ns), found, what in (
            (kicks(10, SECOND // 3), "not_ruled_out", "a guest that auto-converge puts to sleep again and again"),
            (kicks(10, 0), None, "kicks of a guest that does not run meanwhile"),
            (kicks(1, SECOND // 3), None, "a pause each second"),
            (kicks(10, SECOND // 3, bucket="b19"), None, "kicks that take less than a millisecond")):
        with Advised(*cells) as b:
            b.machine.exits(1, [*cells, fixed(exits=1, guest_time_ns=ran_ns)])
            verdict = verdicts(b, "vmm-sleep")
            equal(verdict.get("a guest that its VMM slows for a migration"), found, f"vmm-sleep: {what}")
            equal(verdict.get("a disk or network that the VMM waits for"), found and "ruled_out", f"vmm-sleep: a disk is none of the causes of {what}")
    with Advised(exits("EPT_VIOLATION", 300, kernel=0.001, vmm_sleep=0.6)) as b:
        equal(verdicts(b, "vmm-sleep").get("a guest that its VMM slows for a migration"), "not_ruled_out",
              "vmm-sleep: a full ring of dirty pages is left where the VMM sleeps in faults")
    for vcpus, each, verdict in (1, 3, "not_ruled_out"), (2, 3, "ruled_out"), (1, 30, "ruled_out"):
        with Advised(exits("IO_INSTRUCTION", each, kernel=0.001, vmm_sleep=0.97), guest={"vcpus": vcpus}) as b:
            equal(verdicts(b, "vmm-sleep").get("a VMM that waits for its next request"), verdict,
                  f"vmm-sleep: a VMM that waits for its next request is {verdict} for {vcpus} vCPUs that sleep {each} times a second")


def asleep_in(calls, target="", status="Name:\tvmm\nTracerPid:\t0"):
    """vCPUs that wait for their VMM, asleep in these system calls, and what the verdicts are then."""
    proc = {f"1001/task/{2100 + i}/syscall": call for i, call in enumerate(calls)} | {"1001/status": status}
    with Advised(exits("IO_INSTRUCTION", 300, vmm=0.01, vmm_sleep=0.8), proc=proc, allowed="0-1", vcpus=len(calls),
                 guest={"vcpu_cells": {i: [fixed(tid=2100 + i)] for i in range(len(calls))}}) as b:
        os.makedirs(b.machine.proc + "/1001/fd", exist_ok=True)
        os.symlink(target or "/dev/null", b.machine.proc + "/1001/fd/1")
        advice = [a for a in b.advice() if a["symptom"] == "vmm-sleep"]
        return advice[0]["rule"], advice[0]["change"], {c["cause"]: c["verdict"] for c in advice[0]["causes"]}


def test_vmm_calls():
    """What the threads of vCPUs sleep in."""
    write_to, lock, run = (f"{number} 0x1 {arg} 0x1 0x0 0x0 0x0 0x7ffe 0x7f00" for number, arg in ((1, "0x55"), (202, "0x80"), (16, "0xae80")))
    for calls, target, rule, word, pauses, locks in (
            ([write_to], "pipe:[77]", "vmm-console", "pipe:[77]", "ruled_out", "ruled_out"),
            ([write_to, lock, write_to], "/dev/pts/3", "vmm-console", "/dev/pts/3", "ruled_out", "ruled_out"),
            ([write_to], "/srv/images/web.raw", "vmm-disk", "storage", "ruled_out", "ruled_out"),
            (["74 0x1 0x0 0x0 0x0 0x0 0x0 0x7ffe 0x7f00"], "/mnt/nfs/web.qcow2", "vmm-disk", "storage", "ruled_out", "ruled_out"),
            ([lock], "", "vmm-sleep", "find out first", "not_ruled_out", "not_ruled_out"),
            ([run], "", "vmm-sleep", "find out first", "not_ruled_out", "not_ruled_out"),
            (["running"], "", "vmm-sleep", "find out first", "not_ruled_out", "not_ruled_out"),
            (["-1 0x7ffe 0x7f00"], "", "vmm-sleep", "find out first", "not_ruled_out", "not_ruled_out")):
        got, change, verdict = asleep_in(calls, target)
        equal([got, word in change, verdict["a guest that its VMM pauses"], verdict["waiting for the VMM's other threads"]], [rule, True, pauses, locks],
              f"vmm-sleep: advise finds {rule} for threads of vCPUs in {calls} {target}")
    got, _, verdict = asleep_in([lock], status="Name:\tvmm\nTracerPid:\t4711")
    equal([got, verdict["a debugger or strace on the VMM"]], ["vmm-traced", "shown"], "vmm-sleep: advise finds a VMM that is traced")
    for status, found in ("Name:\tvmm\nTracerPid:\t0", "ruled_out"), ("Name:\tvmm", "not_ruled_out"):
        equal(asleep_in([lock], status=status)[2]["a debugger or strace on the VMM"], found, f"vmm-sleep: tracing is {found} for {status.split()[-1]}")


def test_starved_vmm():
    """The thread that vCPUs wait for waits for a CPU itself."""
    def show_waits(bench, share):
        write(f"{bench.machine.proc}/1001/task/1001/schedstat", f"5000000 {int(share * time.monotonic_ns())} 7")

    def others_wait(bench, share, ended):
        while not ended.wait(0.005):
            show_waits(bench, share)

    lock, to_file = ("202 0x1 0x80 0x1 0x0 0x0 0x0 0x7ffe 0x7f00"), ("1 0x1 0x55 0x1 0x0 0x0 0x0 0x7ffe 0x7f00")
    # Far from the thresholds, 0.4 and 0.08: a busy machine may stop who writes.
    for share, call, rule, verdict in (4, lock, "vmm-starved", "shown"), (0.2, lock, "vmm-sleep", "not_ruled_out"), (0, lock, "vmm-sleep", "ruled_out"), (4, to_file, "vmm-disk", "ruled_out"):
        proc = {"1001/task/2100/syscall": call, "1001/task/1001/stat": "1 (vmm) S " + " ".join(["0"] * 50), "1001/status": "Name:\tvmm\nTracerPid:\t0"}
        with Advised(exits("IO_INSTRUCTION", 300, vmm=0.01, vmm_sleep=0.8), proc=proc, allowed="0-1", guest={"vcpu_cells": {0: [fixed(tid=2100)]}}) as b:
            os.makedirs(b.machine.proc + "/1001/fd", exist_ok=True)
            os.symlink("/srv/images/web.raw", b.machine.proc + "/1001/fd/1")
            show_waits(b, share)
            ended = threading.Event()
            waiting = threading.Thread(target=others_wait, args=(b, share, ended), daemon=True)
            waiting.start()
            advice = [a for a in b.advice() if a["symptom"] == "vmm-sleep"][0]
            ended.set()
            waiting.join()
            equal([advice["rule"], {c["cause"]: c["verdict"] for c in advice["causes"]}["other threads of the VMM that wait for a CPU"]], [rule, verdict],
                  f"vmm-sleep: advise finds {rule} if other threads wait for {share} CPUs while its vCPUs sleep in {call.split()[0]}")


def test_vmm_time():
    for reason, rule, confidence in (("EXTERNAL_INTERRUPT", "vmm-kicks", "high"), ("INTERRUPT_WINDOW", "vmm-windows", "high"),
                                     ("vintr", "vmm-windows", "high"), ("EXCEPTION_NMI", "vmm-debugger", "medium"),
                                     ("BP_excp", "vmm-debugger", "medium")):
        with Advised(exits(reason, 300, vmm=0.2)) as b:
            advice = [(a["rule"], a["confidence"].split(":")[0]) for a in b.advice()]
            equal(advice, [(rule, confidence)],
                  f"advise finds {rule}, confidence {confidence}, if the VMM's time is in {reason}")
    with Advised(exits("interrupt", 300, vmm=0.2, level=3), isa="svm") as b:
        equal(b.rules(), ["vmm-kicks"], "advise finds vmm-kicks if signals end KVM_RUN while a nested guest runs")


def test_all_listed():
    with Advised() as b:
        # Of these no count is enough to show them: they are left, or not.
        elimination = {"page-aging", "stuck-faults", "balloon", "balloon-work", "numa-balancing", "migration", "ksm", "neighbours", "debugger", "own-exceptions",
                       "timers", "device-wakeups", "halt-calls", "access-calls", "apicv-inhibited", "apicv-inhibited-msrs"}
        # Names of symptoms are for advice on finding out: of most there is one situation.
        elimination |= {"throttled", "halts", "pauses", "kvm-devices", "msrs", "apic", "entries",
                        "vmm-time", "pause-window"}
        elimination |= {"vmm-traced", "vmm-console", "vmm-starved", "vmm-lock", "vmm-disk", "vmm-paused", "vmm-slows", "vmm-awaits-request", "swap", "slot-changes", "reclaim", "swap-wait", "file-wait", "reclaim-wait", "quota", "shared-set", "isolated", "core-scheduling", "own-threads", "stolen-cpus", "real-time", "passthrough-interrupts", "device-interrupts", "host-timers", "host-ipis", "posted-interrupts",
                        "kvm-pit", "vhost", "nx-recovery", "vmm-threads", "helpers", "memory-high"}  # Tests of their own
        equal({rule for _, _, rule, _, _ in SITUATIONS.values()} | set(WITH_GAINS) | set(SAMPLED) | elimination, listed(b),
              "this test has a situation for each cause that advise --help lists")
        docs = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/explain.md")
        with open(docs, encoding="utf-8") as f:
            text = f.read()
        titled = dict(line.split(None, 1) for line in listing(b))
        tables = []
        for section in text.split("\n### `")[1:]:
            symptom, title = re.match("(.*?)`: (.*)", section).groups()
            equal(title, titled.get(symptom), f"docs/explain.md has the title of {symptom} as advise --help")
            rows = [line for line in section.split("\n## ")[0].splitlines() if line.startswith("| `")]
            tables += [name for row in rows for name in re.findall("`(.*?)`", row.split("|")[1])] + [symptom]
        equal(tables, list(titled), "docs/explain.md has all symptoms and causes in the order of advise --help")


print("KTAP version 1")
test_situations()
test_other_vmms()
test_large_guests()
test_few_that_take_long()
test_long_sleeps()
test_ruled_out()
test_svm()
test_evmcs()
test_inside()
test_quota()
test_quota_of_many()
test_pinned()
test_own_cpus()
test_unpolled()
test_kept_awake()
test_own_threads()
test_real_time()
test_reverted()
test_hlt_refused()
test_low_weight()
test_no_apicv()
test_hlt_exits_required()
test_shared_set()
test_memory_high()
test_unknown_counts()
test_older_than_module()
test_several_vms()
test_bounds()
test_all_together()
test_interrupts()
test_helpers()
test_vmm_sleep()
test_vmm_calls()
test_starved_vmm()
test_vmm_time()
test_all_listed()
finish()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune advise: guests that look alike by their exits, and what each one's cause is.
Usage: test-causes.py L1TUNE"""
import os

from advised import ALONE, SECOND, Advised, exits, listed, smaps
from bench import equal, finish, ok
from fake import write

FAULTS = exits("EPT_VIOLATION", 1024, kernel=0.01)
SMALL, LARGE = {"pages_4k": 100000, "pages_2m": 10}, {"pages_4k": 100000, "pages_2m": 1000}
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


def memory(text=ANONYMOUS, kvm=None, sys=NEVER, **values):
    return {"proc": {"1001/smaps": text} if text else {}, "kvm": SMALL | QUIET | (kvm or {}), "sys": sys} | values


BLOCKED_FAULTS = exits("EPT_VIOLATION", 300, blocked=0.5)
HYPERV = ("/usr/bin/kvm", "-name", "win11,debug-threads=on", "-cpu", "host,hv_ipi,hv_relaxed,hv_stimer,hv_time")
NESTED = (exits("CPUID", 500, kernel=0.1, level=3), exits("VMRESUME", 1000, kernel=0.2))
RUNQ = (exits("EXTERNAL_INTERRUPT", 10, runq=0.3),)
ON_ALL = {"1001/status": "Name:\tvmm\nCpus_allowed_list:\t0-1"}

# Situation: exits, machine, what is advised, with a word of the change, and how sure that is.
SITUATIONS = {
    "anonymous memory, huge pages off":
        ([FAULTS], memory(), "small-pages", "transparent_hugepage/enabled", "high"),
    "anonymous memory, the VMM does not advise":
        ([FAULTS], memory(sys=MADVISE), "small-pages", "transparent_hugepage/enabled", "high"),
    "anonymous memory, the VMM advises in vain":
        ([FAULTS], memory(smaps(flags=ADVISED), sys=MADVISE), "small-pages-scattered", "hugetlbfs", "high"),
    "anonymous memory, huge pages allowed":
        ([FAULTS], memory(sys=ALWAYS), "small-pages-scattered", "hugetlbfs", "high"),
    "hugetlbfs that KVM maps in small pages":
        ([FAULTS], memory(smaps("/anon_hugepage (deleted)", flags="rd wr ht")), "small-pages-scattered", "agree modulo", "high"),
    "memfd, huge pages of shared memory off":
        ([FAULTS], memory(MEMFD, sys=ALWAYS | {THP + "shmem_enabled": NEVER[THP + "shmem_enabled"]}),
         "small-pages-shmem", "shmem_enabled", "high"),
    "memfd, the VMM does not advise":
        ([FAULTS], memory(MEMFD, sys=MADVISE), "small-pages-shmem", "shmem_enabled", "high"),
    "a file in tmpfs":
        ([FAULTS], memory(smaps("/dev/shm/ram", "rw-s")), "small-pages-tmpfs", "huge=always", "medium"),
    "a snapshot mapped from a file":
        ([FAULTS], memory(smaps("/srv/snapshots/base.mem", "rw-p")), "small-pages-file", "userfaultfd", "high"),
    "a VMM that refuses huge pages":
        ([FAULTS], memory(smaps(flags="rd wr nh"), sys=ALWAYS), "small-pages-vmm", "MADV_NOHUGEPAGE", "high"),
    "a process without huge pages":
        ([FAULTS], memory(sys=ALWAYS) | {"proc": {"1001/smaps": ANONYMOUS, "1001/status": "Name:\tvmm\nTHP_enabled:\t0"}},
         "small-pages-vmm", "PR_SET_THP_DISABLE", "high"),
    "dirty logging with PML":
        ([exits("PML_FULL", 100, kernel=0.05)], memory(), "dirty-log", "end the migration", ""),
    "dirty logging without PML":
        ([FAULTS], memory(kvm={"pf_fast": 10000}), "dirty-log", "huge pages do not help", ""),
    "aging of pages without accessed bits":
        ([FAULTS], memory(None, kvm={"pf_fast": 10000}), "dirty-log", "end the migration", "medium: shown, and"),
    "nx_huge_pages":
        ([FAULTS], memory(kvm={"nx_lpage_splits": 300}, sys=NEVER | {"module/kvm/parameters/nx_huge_pages": "Y"}),
         "nx-huge-pages", "recovery_ratio=0", ""),
    "nx_huge_pages on a CPU that is not affected":
        ([FAULTS], memory(kvm={"nx_lpage_splits": 300}, sys=NEVER | {
            "module/kvm/parameters/nx_huge_pages": "Y",
            "devices/system/cpu/vulnerabilities/itlb_multihit": "Not affected"}), "nx-huge-pages", "nx_huge_pages=N", ""),
    "userfaultfd":
        ([FAULTS], memory(smaps(flags="rd wr um")), "userfaultfd", "fill more at a time", ""),
    "swap":
        ([FAULTS, exits("EPT_VIOLATION", 10, blocked=0.04, code=2)], memory(smaps(swapped_kb=90000)), "swap", "memory.swap.max", ""),
    "first touch of memory in large pages":
        ([FAULTS], memory(kvm={"pages_4k": 0, "pages_2m": 10000}, sys=ALWAYS), "first-touch", "it ends when", "high"),
    "large pages that fault again and again":
        ([FAULTS], memory(kvm={"pages_4k": 0, "pages_2m": 100}, sys=ALWAYS), "memory-faults", "NUMA balancing: sysctl", "low"),
    "nothing can be read":
        ([FAULTS], {}, "memory-faults", "smaps", "low"),
    "more vCPUs than CPUs":
        (RUNQ, {"vcpus": 4}, "overcommit", "fewer vCPUs than CPUs", "medium"),
    "fewer CPUs allowed than vCPUs":
        (RUNQ, {"vcpus": 2, "proc": {"1001/status": "Name:\tvmm\nCpus_allowed_list:\t1"}}, "confined", "as many CPUs", "medium"),
    "too many vCPUs, or not, or a quota":
        (RUNQ, {}, "no-cpu", "cpu.stat", "low"),
    "split locks":
        ([exits("EXCEPTION_NMI", 40, blocked=0.5)], {}, "split-lock", "split_lock_mitigate", "high"),
    "waiting for a userfaultfd":
        ([BLOCKED_FAULTS], memory(smaps(flags="rd wr um")), "userfaultfd-wait", "faster pages", "high"),
    "waiting for swap":
        ([BLOCKED_FAULTS], memory(smaps(swapped_kb=90000)), "swap-wait", "memory.swap.max", "high"),
    "waiting for a file":
        ([BLOCKED_FAULTS], memory(smaps("/srv/base.mem")), "file-wait", "page cache", "high"),
    "waiting for what is not known":
        ([BLOCKED_FAULTS], {}, "blocked", "VmFlags", "low"),
    "Windows with its own hypervisor":
        (NESTED, {"argv": HYPERV}, "windows-hypervisor", "hv-evmcs", "high"),
    "Linux with KVM inside":
        (NESTED, {"argv": ("qemu", "-cpu", "host")}, "nesting", "beside it", "medium"),
}

# Healthy guests that do a little of everything.
HEALTHY = {
    "a guest in large pages": ([exits("EPT_VIOLATION", 100, kernel=0.001)], memory(kvm=LARGE, sys=ALWAYS)),
    "a guest that waits a little": ([exits("EXTERNAL_INTERRUPT", 10, runq=0.01, blocked=0.01)], {"vcpus": 4}),
    "a guest with an idle guest inside": ([exits("CPUID", 10, kernel=0.001, level=3)], {}),
}


def test_situations():
    for name, (cells, values, rule, change, confidence) in SITUATIONS.items():
        with Advised(*cells, **values) as b:
            advice = b.advice()
            mine = [a for a in advice if a["rule"] == rule]
            ok(len(mine) == 1 and change in mine[0]["change"] and mine[0]["confidence"].startswith(confidence),
               f"{name}: {rule}", advice)
            if not mine:
                continue
            causes = {c["cause"]: c for c in mine[0]["causes"]}
            ok(all(c["how_to_find_out"] for c in causes.values()) and
               all(c["seen"] for c in causes.values() if c["verdict"] != "not_ruled_out"),
               f"{name}: what was looked at is said", causes)
            others = [a["rule"] for a in advice if a["symptom"] == mine[0]["symptom"] and a != mine[0]]
            equal(others, [], f"{name}: one piece of advice for one symptom")
    for name, (cells, values) in HEALTHY.items():
        with Advised(*cells, **values) as b:
            equal(b.rules(), [], f"{name} gets no advice")


def verdicts(bench, rule):
    return {c["cause"]: c["verdict"] for a in bench.advice() if a["rule"] == rule for c in a["causes"]}


def test_ruled_out():
    with Advised(FAULTS, **memory(kvm={"pf_fast": 10000})) as b:
        found = verdicts(b, "dirty-log")
        ok(found["anonymous memory in small pages"] == "ruled_out",
           "small pages are no cause where KVM has to map small ones", found)
        text = b.run("advise", "--since-start", "--state", b.state).stdout
        ok("\n  shown       dirty logging: " in text and "\n  ruled out   anonymous memory in small pages: " in text,
           "what was shown and ruled out is in the text", text)
    with Advised(FAULTS, **memory(None)) as b:
        found = verdicts(b, "memory-faults")
        ok(found["anonymous memory in small pages"] == found["memory mapped from a file"] == "not_ruled_out",
           "a backing that cannot be read is not taken for any", found)
        text = b.run("advise", "--since-start", "--state", b.state).stdout
        ok("(not ruled out; to find out: " in text, "and how to find out is said", text)


def test_all_listed():
    with Advised() as b:
        # Of these no count is enough to show them: they are left, or not.
        elimination = {"page-aging", "numa-balancing", "migration", "ksm", "neighbours", "nested-exits", "quota"}
        equal({rule for _, _, rule, _, _ in SITUATIONS.values()} | set(ALONE) | elimination, listed(b),
              "each cause that --help lists has a situation")


print("KTAP version 1")
test_situations()
test_ruled_out()
test_all_listed()
finish()

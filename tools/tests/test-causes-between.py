#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
l1tune advise: causes that only an interval tells apart, by what the machine did meanwhile.
Usage: test-causes-between.py L1TUNE
"""
import json
import subprocess

from advised import NO_LIMITS, SECOND, Advised, exits, smaps
from bench import Bench, equal, finish, ok
from fake import fixed, split, hist, write
from world import Steps, World


class Still(Advised, World):
    """The same in a world whose clock the test moves."""


def in_second(reason, rate, level=2, code=1, **parts):
    """So many exits in one second, and in each part so many seconds of it."""
    return split(level, code, reason, rate, 0, hist(), SECOND, **parts)


def none_of(cell):
    """The same before anything has happened."""
    return [(name, flags, exponent, [0] * len(values)) for name, flags, exponent, values in cell]


def advise(*cells, before=None, after=None, guest_after=None, kvm_after=None, files_after=None, others=(), options=(), guest_ns=0, **values):
    """What it says of a second in which files of /proc and the guest change; others are guests with one cell each."""
    stats = fixed(exits=1, guest_time_ns=guest_ns)
    values["proc"] = NO_LIMITS | (values.get("proc") or {}) | (before or {})
    with Still(*map(none_of, cells), seconds=1000, **{"guest": {"created_ns": 990 * SECOND}} | values) as w:
        for number, cell in enumerate(others, 2):
            w.guest(number, none_of(cell), created_ns=990 * SECOND)
        steps = Steps(w, "-i", "1", "-J", *options, command="advise", stdout=subprocess.PIPE)
        w.machine.exits(1, [*cells, stats])
        for number, cell in enumerate(others, 2):
            w.machine.exits(number, [cell, stats])
        for name, value in (after or {}).items():
            write(f"{w.machine.proc}/{name}", value)
        for name, value in (guest_after or {}).items():
            write(f"{w.machine.device('l2-1')}/{name}", value, 0o440)
        for name, value in (files_after or {}).items():
            write(name, value)
        w.kvm(1001, **kvm_after or {})
        while steps.step():
            pass
        equal(steps.end(), "", f"advise prints no message in a second with these values: {values.keys()}")
        return json.loads(steps.printed)["advice"]


def vmstat(**values):
    return {"vmstat": "\n".join(f"{name} {value}" for name, value in ({"nr_free_pages": 9} | values).items())}


def found(advice, symptom):
    """Name, confidence, and what each cause was found to be."""
    mine = [a for a in advice if a["symptom"] == symptom]
    ok(len(mine) <= 1, f"advise has at most one piece of advice for the symptom {symptom}", mine)
    return (mine[0]["rule"], mine[0]["confidence"], {c["cause"]: c["verdict"] for c in mine[0]["causes"]}) if mine else (None, "", {})


def test_swap_and_files():
    asleep = in_second("EPT_VIOLATION", 300, blocked=0.5)
    for name, memory, counts, rule, confidence in (
            ("memory that swap has a part of, and swap is read", smaps(swapped_kb=90000), {"pswpin": 900}, "swap-wait", "high"),
            ("swapped memory that is read from zswap", smaps(swapped_kb=90000), {"zswpin": 900}, "swap-wait", "high"),
            ("memory that swap has a part of, which nobody reads", smaps(swapped_kb=90000), {"pswpin": 0}, "blocked", "low"),
            ("a file that is read", smaps("/srv/base.mem"), {"pgmajfault": 300}, "file-wait", "high"),
            ("a file whose pages are in memory", smaps("/srv/base.mem"), {"pgmajfault": 0}, "blocked", "low")):
        got = found(advise(asleep, before=vmstat(), after=vmstat(**counts) if counts else None, proc={"1001/smaps": memory}), "blocked")
        equal((got[0], got[1].split(":")[0]), (rule, confidence),
              f"blocked: advise finds {rule}, confidence {confidence}, for {name}")


# Most of a guest's memory, and the rest of it at higher addresses, as of a second node or an image.
def in_two(rest, kb=64 << 10, **values):
    return smaps() + "\n" + smaps(rest, "rw-s" if rest else "rw-p", size=kb << 10, **values).replace("7f00", "7f80")


TWO_SLOTS = {"created_ns": 990 * SECOND, "memslots": f"0 0 0x0 {512 << 20} 0x7f0000000000 0x0000 2\n0 1 {512 << 20:#x} {64 << 20} 0x7f8000000000 0x0000 2\n"}


def test_all_mappings():
    """What is so of a part of the guest's memory makes it wait as well."""
    asleep = in_second("EPT_VIOLATION", 300, blocked=0.5)
    for name, memory, counts, rule in (
            ("a second node that swap has a part of", in_two("", swapped_kb=9000), {"pswpin": 900}, "swap-wait"),
            ("an image that is its pmem device", in_two("/opt/kata/rootfs.img"), {"pgmajfault": 300}, "file-wait"),
            ("a part that a userfaultfd serves", in_two("", flags="rd wr um"), {}, "userfaultfd-wait")):
        got = found(advise(asleep, before=vmstat(), after=vmstat(**counts), guest=TWO_SLOTS, proc={"1001/smaps": memory}), "blocked")
        equal((got[0], got[1].split(":")[0]), (rule, "high"), f"blocked: advise finds {rule} for {name}")


def test_reclaim():
    asleep = in_second("EPT_VIOLATION", 300, blocked=0.5)
    for counts, rule, verdict in (({"allocstall_normal": 900}, "reclaim-wait", "not_ruled_out"), ({"compact_stall": 900}, "reclaim-wait", "not_ruled_out"),
                                  ({"allocstall_normal": 0}, "blocked", "ruled_out")):
        advice = advise(asleep, before=vmstat(), after=vmstat(**counts), proc={"1001/smaps": smaps()})
        got = found(advice, "blocked")
        equal((got[0], got[2]["waiting for memory to be freed"]), (rule, verdict),
              f"blocked: advise finds {rule} for anonymous memory if vmstat grew by {counts}")
        ok(got[1].startswith("medium: the other" if rule == "reclaim-wait" else "low"),
           f"blocked: {rule} has its confidence for anonymous memory if vmstat grew by {counts}", advice)


def at_limit(bench, used_mb):
    """A VMM whose cgroup of version 1 may have 256 MB, of which so many are used: files of /proc."""
    root = bench.directory + "/memory"
    write(root + "/docker/web/memory.limit_in_bytes", 256 << 20)
    write(root + "/docker/web/memory.usage_in_bytes", used_mb << 20)
    write(root + "/docker/memory.limit_in_bytes", 9223372036854771712)
    write(root + "/docker/memory.usage_in_bytes", used_mb << 20)
    return {"self/mountinfo": f"36 22 0:30 / {root} rw - cgroup cgroup rw,memory\n37 22 0:31 / /nonexistent rw - cgroup2 cgroup2 rw",
            "1001/smaps": smaps(), "1001/cgroup": "9:memory:/docker/web\n0::/docker.service"}


def test_limit_of_version_1():
    """A cgroup frees memory of its own at its limit, and no count of the machine has that."""
    asleep = in_second("EPT_VIOLATION", 300, blocked=0.5)
    working = in_second("EPT_VIOLATION", 3000, kernel=0.3)
    for used, verdict in (250, "not_ruled_out"), (100, "ruled_out"):
        with Bench() as b:
            for cell, symptom, cause, values in (
                    (asleep, "blocked", "waiting for memory to be freed", {}),
                    (working, "memory-faults", "pages that are freed or moved first for each fault", {"kvm": SMALL, "sys": OFF})):
                advice = [a for a in advise(cell, before=vmstat(), proc=at_limit(b, used), **values) if a["symptom"] == symptom]
                found_of = {c["cause"]: c for c in advice[0]["causes"]}[cause]
                ok(found_of["verdict"] == verdict and f"memory.limit_in_bytes of /docker/web is 256M, of which {used}M are used" in found_of["seen"],
                   f"{symptom}: reclaim is {verdict} if {used}M of a limit of cgroup version 1 of 256M are used", found_of)


def test_async_page_faults():
    """KVM halts a vCPU until a page is there, which is no HLT."""
    halted = in_second("EPT_VIOLATION", 300, halted=0.5)
    advice = advise(halted, before=vmstat(), after=vmstat(pswpin=900), proc={"1001/smaps": smaps(swapped_kb=90000)})
    got = found(advice, "blocked")
    equal((got[0], got[1].split(":")[0]), ("swap-wait", "high"),
          "blocked: advise finds swap-wait for a vCPU that KVM halts until swap is read")
    ok("0.50 s of it halted by KVM until a page was there" in advice[0]["evidence"],
       "blocked: the evidence has the time that KVM halted a vCPU until a page was there", advice)
    equal(found(advise(in_second("HLT", 30, halted=0.9)), "blocked")[0], None, "blocked: HLT by the guest is no advice")
    got = found(advise(in_second("npf", 300, halted=0.5, level=3), isa="svm", proc={"1001/smaps": smaps(flags="rd wr um")}), "blocked")
    equal(got[0], "userfaultfd-wait",
          "blocked: advise finds userfaultfd-wait for a vCPU that KVM halts in faults of a nested guest")


SMALL = {"pages_4k": 100000, "pages_2m": 10, "pages_1g": 0, "pf_fast": 0, "nx_lpage_splits": 0}
OFF = {"kernel/mm/transparent_hugepage/enabled": "always madvise [never]", "kernel/mm/ksm/run": "0"}


def test_userfaultfd():
    """It stays registered when all pages are there."""
    watched = {"kvm": SMALL, "sys": OFF, "proc": {"1001/smaps": smaps(flags="rd wr um")}}
    got = found(advise(in_second("EPT_VIOLATION", 1000, kernel=0.02, blocked=0.04), **watched), "memory-faults")
    equal((got[0], got[2]["a userfaultfd that serves page by page"]), ("userfaultfd", "shown"),
          "memory-faults: faults that sleep show a userfaultfd")
    got = found(advise(in_second("EPT_VIOLATION", 1000, kernel=0.02), **watched), "memory-faults")
    equal(got[2]["a userfaultfd that serves page by page"], "not_ruled_out",
          "memory-faults: faults that do not sleep leave a userfaultfd not ruled out")
    equal(got[2]["anonymous memory in small pages"], "ruled_out",
          "memory-faults: a userfaultfd rules out anonymous memory in small pages")


def slots(generation):
    return {"memslots": f"0 0 0x0 {128 << 20} 0x7f0000000000 0x0000 {generation}\n1 0 0x0 {128 << 20} 0x7f0000000000 0x0000 5\n"}


def test_slot_changes():
    """A removed slot makes KVM forget what is mapped; an added one does not."""
    changing = 1 << 63
    for what, pages, generation, rule, verdict in (
            ("slots that do not change", 4000, 40, "small-pages", "ruled_out"),
            ("a slot that is being changed", 4000, 40 + changing, "small-pages", "ruled_out"),
            ("a slot that is removed and added for each 4000 faults", 4000, 55, "slot-changes", "shown"),
            ("the same while a slot is changed", 4000, 55 + changing, "slot-changes", "shown"),
            ("pages that stay mapped while slots are added", 100000, 55, "small-pages", "ruled_out"),
            ("more pages than were forgotten for each change", 10000, 55, "small-pages", "not_ruled_out"),
            ("fewer pages than changes could make fault", 100, 55, "small-pages", "not_ruled_out"),
            ("slots that are unknown", 4000, None, "small-pages", "not_ruled_out")):
        guest = {"created_ns": 990 * SECOND} | (slots(40) if generation else {})
        got = found(advise(in_second("EPT_VIOLATION", 10000, kernel=0.1), kvm=SMALL | {"pages_4k": pages, "pages_2m": 0}, sys=OFF, proc={"1001/smaps": smaps()},
                           guest=guest, guest_after=slots(generation) if generation else None), "memory-faults")
        equal((got[0], got[2]["memory slots that the VMM removes or moves"]), (rule, verdict),
              f"memory-faults: advise finds {rule}, and slot changes are {verdict}, for {what}")


def faults(*cells, counts, **values):
    """What is found about faults for anonymous memory in small pages while vmstat grows by these counts."""
    values = {"argv": ("qemu", "-nodefaults"), "kvm": SMALL, "sys": OFF, "proc": {"1001/smaps": smaps()}, "guest": {"created_ns": 990 * SECOND} | slots(40)} | values
    return found(advise(*cells, before=vmstat() | values.pop("before", {}), after=vmstat(**counts), **values), "memory-faults")


def test_taken_pages():
    cheap = in_second("EPT_VIOLATION", 3000, kernel=0.2)
    for swapped_kb, reads, rule, verdict in ((900000, 2800, "swap", "shown"), (900000, 600, "small-pages", "not_ruled_out"),
                                             (4, 2, "small-pages", "ruled_out"), (0, 2800, "small-pages", "ruled_out")):
        got = faults(cheap, counts={"pswpin": reads}, proc={"1001/smaps": smaps(swapped_kb=swapped_kb)})
        equal((got[0], got[2]["swapped-out memory"]), (rule, verdict),
              f"memory-faults: advise finds {rule}, and swap is {verdict}, for {swapped_kb} kB in swap and {reads} pages read for 3000 faults")
    mergeable, merging = {"1001/smaps": smaps(flags="rd wr mg")}, OFF | {"kernel/mm/ksm/run": "1"}
    for copies, proc, run, rule, verdict in ((2000, mergeable, merging, "ksm", "shown"), (500, mergeable, merging, "small-pages", "not_ruled_out"),
                                             (2000, {"1001/smaps": smaps()}, merging, "small-pages", "ruled_out"), (2000, mergeable, OFF, "small-pages", "ruled_out")):
        got = faults(cheap, counts={"cow_ksm": copies}, proc=proc, sys=run)
        equal((got[0], got[2]["pages merged by KSM"]), (rule, verdict),
              f"memory-faults: advise finds {rule}, and KSM is {verdict}, for {copies} copies of merged pages, {proc}, {run['kernel/mm/ksm/run']}")
    advice = advise(cheap, argv=("qemu", "-nodefaults"), kvm=SMALL, sys=merging, proc=mergeable, before=vmstat(), after=vmstat(cow_ksm=2000))
    ok("systemctl disable --now ksmtuned" in advice[0]["change"], "ksm: the change names what switches KSM on again", advice)
    stalled = "pages that are freed or moved first for each fault"
    for rate, kernel, counts, rule, verdict in ((100, 0.6, {"compact_stall": 90}, "reclaim", "shown"), (100, 0.6, {"allocstall_normal": 20}, "reclaim", "not_ruled_out"),
                                                (100, 0.6, {"compact_stall": 1}, "memory-faults", "ruled_out"), (3000, 0.03, {"compact_stall": 3000}, "small-pages", "ruled_out")):
        got = faults(in_second("EPT_VIOLATION", rate, kernel=kernel), counts=counts)
        equal((got[0], got[2][stalled]), (rule, verdict), f"memory-faults: advise finds {rule}, and reclaim is {verdict}, for {rate} faults that take {kernel} s and {counts}")
    advice = advise(cheap, kvm=SMALL | {"pages_2m": 0}, kvm_after={"pages_4k": 5}, sys=OFF, proc={"1001/smaps": smaps()}, guest={"created_ns": 990 * SECOND} | slots(40))
    equal([(a["rule"], a["gain"]["kind"]) for a in advice], [("small-pages", "at_least")], "small-pages: the gain has a bound if the pages have just been dropped")
    for fixed, verdict in (60, "ruled_out"), (2900, "shown"):
        got = faults(cheap, counts={}, kvm=SMALL | {"pf_taken": 0, "pf_emulate": 0, "pf_fixed": 0},
                     kvm_after={"pf_taken": 3000, "pf_fixed": fixed})
        equal(got[2]["anonymous memory in small pages"], verdict, f"memory-faults: small pages are {verdict} if {fixed} of 3000 faults map a page")


def test_stuck_faults():
    """A vCPU that does nothing but fault at one page, which KVM never maps."""
    stuck = in_second("EPT_VIOLATION", 150000, kernel=0.7)
    for title, release, fixed, counts, rule, verdict in (
            ("that map nothing", "6.1.0-56-amd64", 9, {}, "stuck-faults", "not_ruled_out"),
            ("that map nothing while pages are unmapped for NUMA balancing", "6.1.0-56-amd64", 9, {"numa_pte_updates": 90000}, "memory-faults", "not_ruled_out"),
            ("that map nothing on a kernel without the bug", "6.12.0", 9, {"numa_pte_updates": 90000}, "numa-balancing", "ruled_out"),
            ("that map nothing on a kernel before it", "5.10.0-46-amd64", 9, {"numa_pte_updates": 90000}, "numa-balancing", "ruled_out"),
            ("that map pages", "6.1.0-56-amd64", 140000, {"numa_pte_updates": 90000}, "numa-balancing", "ruled_out")):
        got = faults(stuck, counts=counts, before={"sys/kernel/osrelease": release},
                     kvm=SMALL | {"pages_4k": 4000, "pages_2m": 900, "pf_taken": 0, "pf_emulate": 0, "pf_fixed": 0},
                     kvm_after={"pf_taken": 150000, "pf_fixed": fixed})
        equal((got[0], got[2]["faults that KVM retries without end"]), (rule, verdict),
              f"memory-faults: advise finds {rule}, and faults without end are {verdict}, for faults {title}")


def test_hugetlbfs_is_not_balanced():
    for backing, flags, verdict in ("", "rd wr", "not_ruled_out"), ("/anon_hugepage (deleted)", "rd wr ht", "ruled_out"):
        got = faults(in_second("EPT_VIOLATION", 3000, kernel=0.2), counts={"numa_pte_updates": 90000}, proc={"1001/smaps": smaps(backing, flags=flags)},
                     kvm=SMALL | {"pages_4k": 4000, "pages_2m": 900})
        equal(got[2]["NUMA balancing"], verdict, f"memory-faults: NUMA balancing is {verdict} for memory in {backing or 'small pages'}")


def test_few_waits():
    """A wait for each of some hundred faults is not of a few pages or allocations."""
    slept = split(2, 48, "EPT_VIOLATION", 900, 1 << 20, hist(b20=900), SECOND, blocked=0.9)
    for counts, rule, swap, reclaim in (({"pswpin": 2, "allocstall_normal": 900}, "reclaim-wait", "ruled_out", "not_ruled_out"),
                                        ({"pswpin": 900, "allocstall_normal": 1}, "swap-wait", "shown", "ruled_out"),
                                        ({"pswpin": 500, "allocstall_normal": 1}, "swap-wait", "not_ruled_out", "ruled_out"),
                                        ({"pswpin": 2, "allocstall_normal": 1}, "blocked", "ruled_out", "ruled_out")):
        advice = advise(slept, before=vmstat(), after=vmstat(**counts), proc={"1001/smaps": smaps(swapped_kb=90000)})
        got = found(advice, "blocked")
        equal((got[0], got[2]["waiting for swap"], got[2]["waiting for memory to be freed"]), (rule, swap, reclaim),
              f"blocked: advise finds {rule} for 900 faults that sleep 1 ms each, and {counts}")
    how = {c["cause"]: c["how_to_find_out"] for c in advice[0]["causes"]}["a cause unknown to l1tune"]
    ok("watch --over 1ms --part blocked" in how and "smaps" in how, "blocked: advise says how to find out a sleep that no known cause explains", advice)


BUSY, IDLE = "cpu  100 0 100 1000 0 0", {10: "cpu  290 0 100 1005 5 0", 90: "cpu  210 0 100 1080 10 0"}


def test_idle_cpus():
    """vCPUs that wait beside idle CPUs do not wait because there are too few."""
    for ticks, rule, verdict in (10, "overcommit", "shown"), (90, "no-cpu", "not_ruled_out"):
        waiting = in_second("EXTERNAL_INTERRUPT", 100, kernel=1.8, runq=0.3)
        got = found(advise(waiting, vcpus=4, before={"stat": BUSY}, after={"stat": IDLE[ticks]}), "no-cpu")
        equal((got[0], got[2]["more vCPUs than CPUs"]), (rule, verdict),
              f"overcommit: {verdict} for 4 vCPUs on 2 CPUs that were idle for {ticks} ticks")


def test_nmis():
    """VMX has one exit reason for exceptions of the guest and NMIs of the host."""
    def lines(count):
        return {"interrupts": f"            CPU0       CPU1\n NMI: {count:>10} {count:>10}   Non-maskable interrupts\n LOC:          9          9   Local timer interrupts\n"}

    for number, guest_ns, rule, verdict, how in ((4000, SECOND, "host-nmis", "shown", "as many as its exits"),
                                                 (4000, SECOND // 5, "exceptions", "not_ruled_out", "most of them while it did not run"),
                                                 (50, SECOND, "exceptions", "ruled_out", "few")):
        got = found(advise(in_second("EXCEPTION_NMI", 4000, kernel=0.03), before=lines(0), after=lines(number), guest_ns=guest_ns,
                           params={"kvm_intel.ept": "Y", "kvm_intel.unrestricted_guest": "Y"}, offered=["ept", "unrestricted_guest"]), "exceptions")
        equal((got[0], got[2]["NMIs of this machine"]), (rule, verdict), f"exceptions: NMIs of this machine are {verdict} if there are {how}")


def grown(cpus, counts):
    """/proc/interrupts in which lines have grown, each by so many on a CPU."""
    what = {"LOC": "Local timer interrupts", "CAL": "Function call interrupts", "24": "IR-PCI-MSI 524288-edge      eth0-rx",
            "45": "PCI-MSIX-0000:00:05.0   0-edge      vfio-msix[0](0000:00:05.0)"}
    rows = ["".join(f"{f'CPU{i}':>11}" for i in cpus)]
    rows += [f"{name:>4}: " + " ".join(f"{counts.get(name, {}).get(i, 0):>10}" for i in cpus) + f"   {text}" for name, text in what.items()]
    return {"interrupts": "\n".join(rows + [" ERR:          7"])}


KINDS = {"interrupts of this machine's devices": "devices", "timers of this machine": "timers", "interrupts from CPU to CPU": "ipis",
         "interrupts of devices passed through to guests": "vfio"}


def test_interrupts():
    """Interrupts on CPUs that the guest does not use take no vCPU out of it."""
    cpus = [i for i in range(65) if i != 1]
    ticks = {i: 250 for i in cpus}
    network = {"LOC": ticks, "24": {3: 9000}}
    for title, counts, values, rule, shown, left in (
            ("of a device, on its CPU", network, {"allowed": "3"}, "device-interrupts", ["devices"], []),
            ("of a device, on a CPU that it may use", network, {"allowed": "0-64"}, "device-interrupts", [], ["devices"]),
            ("of a device, on CPUs that are not known", network, {}, "device-interrupts", [], ["devices"]),
            ("of a device, on another CPU", {"LOC": {i: 9000 for i in cpus}, "24": {3: 90000}}, {"allowed": "4"}, "host-timers", ["timers"], []),
            ("of its timers, on any CPU", {"LOC": {i: 9000 for i in cpus}}, {}, "host-timers", [], ["timers"]),
            ("of its timers, on few of the CPUs for many vCPUs", {"LOC": {i: 1000 for i in cpus}, "CAL": {i: 9000 for i in cpus[:4]}}, {"vcpus": 4, "allowed": "0-64"},
             "interrupts", [], ["timers", "ipis"]),
            ("of a device of the guest", {"LOC": ticks, "45": {3: 9000}}, {"allowed": "3"}, "passthrough-interrupts", ["vfio"], [])):
        advice = advise(in_second("EXTERNAL_INTERRUPT", 9000 * values.get("vcpus", 1), kernel=0.1), before=grown(cpus, {}), after=grown(cpus, counts),
                        cpus=64, **values)
        got = found(advice, "interrupts")
        verdicts = [[kind for cause, kind in KINDS.items() if got[2].get(cause) == verdict] for verdict in ("shown", "not_ruled_out")]
        equal([got[0], *verdicts], [rule, shown, left], f"interrupts: advise finds {rule} for interrupts {title}")
        if rule in ("device-interrupts", "passthrough-interrupts"):
            name = "vfio-msix[0](0000:00:05.0)" if rule == "passthrough-interrupts" else "move interrupt 24 (eth0-rx)"
            ok(name in advice[0]["change"] and ("managed_irq" in advice[0]["change"]) == (rule == "device-interrupts"),
               f"interrupts: the change names the device for interrupts {title}", advice)


def test_busy_host():
    """Guests that run little have no CPU because others have it, however many vCPUs they have."""
    for kernel, guest_ns, verdict in (0.1, 0, "not_ruled_out"), (1.8, 0, "shown"), (0.1, int(1.7 * SECOND), "shown"):
        got = found(advise(in_second("EXTERNAL_INTERRUPT", 100, kernel=kernel, runq=0.3), guest_ns=guest_ns, vcpus=4,
                           before={"stat": BUSY}, after={"stat": IDLE[10]}), "no-cpu")
        equal(got[2]["more vCPUs than CPUs"], verdict,
              f"overcommit: {verdict} for vCPUs that wait for 0.3 of 2 CPUs, and run for {kernel} in KVM and for {guest_ns} ns")


def test_others_have_cpus():
    """CPUs that are in use for others are not the vCPUs', however many of these wait."""
    for kernel, verdict in (0.2, "not_ruled_out"), (1.2, "shown"):
        got = found(advise(in_second("EXTERNAL_INTERRUPT", 100, kernel=kernel, runq=1.9), vcpus=4, before={"stat": BUSY}, after={"stat": IDLE[10]}), "no-cpu")
        equal(got[2]["more vCPUs than CPUs"], verdict, f"overcommit: {verdict} for vCPUs that wait for 1.9 of 2 CPUs, and run for {kernel}")


def test_stolen_cpus():
    """A vCPU waits for a CPU of this machine that L0 does not run, too."""
    before = "cpu  100 0 100 1000 0 0 0 50 0 0"
    for title, ticks, values, verdict in (
            ("and L0 took as much", 30, {}, "shown"), ("and L0 took a little", 10, {}, "not_ruled_out"), ("and L0 took nothing", 0, {"steal_clock": "ok"}, "ruled_out"),
            ("and L0 may have a steal clock or not", 0, {}, "not_ruled_out"), ("without an L0", 0, {"virtualized": 0}, "ruled_out")):
        advice = advise(in_second("EXTERNAL_INTERRUPT", 100, kernel=0.2, runq=0.3), before={"stat": before},
                        after={"stat": f"cpu  120 0 100 1090 0 0 0 {50 + ticks} 0 0"}, **values)
        got = found(advice, "no-cpu")
        equal([got[2]["CPUs that L0 does not run"], got[0] == "stolen-cpus"], [verdict, verdict == "shown"], f"stolen-cpus: {verdict} for a vCPU that waits for a CPU, {title}")
    busy = "cpu  {0} 0 100 1000 0 0 0 {1} 0 0"
    for stolen, verdict in (100, "shown"), (0, "not_ruled_out"):
        got = found(advise(in_second("EXTERNAL_INTERRUPT", 100, kernel=0.7, runq=1.9), vcpus=4, before={"stat": busy.format(100, 0)},
                           after={"stat": busy.format(300 - stolen, stolen)}), "no-cpu")
        equal(got[2]["more vCPUs than CPUs"], verdict, f"overcommit: {verdict} for vCPUs that run for 0.7 of 2 CPUs, of which L0 took {stolen / 100:.0f}")


def test_others_ran():
    """Other tasks that ran while vCPUs waited, and no CPU was idle."""
    threads = {"1001/status": "Name:\tvmm\nTgid:\t1001", "2/stat": "2 (kthreadd) S " + " ".join(["0"] * 5 + ["2097152"] + ["0"] * 44)}
    threads |= {f"1001/{name}stat": "1 (vmm) S " + " ".join(["0"] * 50) for name in ("", "task/1001/", "task/2100/")}
    for title, ran, idle, verdict in (("that had its CPU", 150, 5, "shown"), ("that ran a little", 60, 5, "not_ruled_out"), ("that ran beside idle CPUs", 150, 50, "not_ruled_out")):
        got = found(advise(in_second("EXTERNAL_INTERRUPT", 100, kernel=0.5, runq=0.4), proc=threads, before={"stat": BUSY}, after={"stat": f"cpu  {100 + ran} 0 100 {1000 + idle} 0 0"},
                           guest={"created_ns": 990 * SECOND, "vcpu_cells": {0: [fixed(tid=2100)]}}), "no-cpu")
        equal([got[2]["other tasks on its CPUs"], got[0] == "neighbours"], [verdict, verdict == "shown"], f"neighbours: {verdict} for a vCPU that waits beside tasks {title}")


def test_isolated_cpus():
    """The scheduler moves no task from one of them to another."""
    def thread(number, allowed):
        name = f"1001/task/{2100 + number}"
        return {name + "/status": f"Name:\tvcpu\nCpus_allowed_list:\t{allowed}", name + "/stat": "1 (vcpu) S " + " ".join(["0"] * 50)}

    for isolated, allowed, idle, verdict in (("0-1", ("0-1", "0-1"), 90, "shown"), ("0-1", ("0-1", "0-1"), 10, "ruled_out"), ("", ("0-1", "0-1"), 90, "ruled_out"),
                                             ("0-1", ("0", "1"), 90, "ruled_out"), ("0-1", ("2-3", "2-3"), 90, "ruled_out"), ("1", ("0-1", "0-1"), 90, "not_ruled_out")):
        threads = {name: text for number, cpus in enumerate(allowed) for name, text in thread(number, cpus).items()}
        got = found(advise(in_second("EXTERNAL_INTERRUPT", 100, kernel=0.2, runq=0.3), vcpus=2, sys={"devices/system/cpu/isolated": isolated}, proc=threads,
                           guest={"created_ns": 990 * SECOND, "vcpu_cells": {n: [fixed(tid=2100 + n)] for n in range(2)}},
                           before={"stat": BUSY}, after={"stat": IDLE[idle]}), "no-cpu")
        equal(got[2]["isolated CPUs, between which no task is moved"], verdict,
              f"isolated: {verdict} for vCPUs on CPUs {allowed}, if CPUs {isolated or 'none'} are isolated and CPUs were idle for {idle} ticks")


def test_isolated_partition():
    """A partition of cpusets, which the list of isolated CPUs may lack."""
    for title, partitions, allowed, idle, verdict in (
            ("in an isolated one", {"vms.slice": "isolated"}, "0-1", 90, "shown"), ("in a part of one", {"vms.slice": "isolated", "vms.slice/web.scope": "member"}, "0-1", 90, "shown"),
            ("beside busy CPUs", {"vms.slice": "isolated"}, "0-1", 10, "ruled_out"), ("that is pinned", {"vms.slice": "isolated"}, "0", 90, "ruled_out"),
            ("in one that is balanced", {"vms.slice": "root"}, "0-1", 90, "ruled_out"), ("in a balanced one of an isolated one", {"vms.slice": "isolated", "vms.slice/web.scope": "root"}, "0-1", 90, "ruled_out"),
            ("in one that is not in force", {"vms.slice": "isolated invalid (Cpu list in cpuset.cpus not exclusive)"}, "0-1", 90, "ruled_out"), ("in none", {}, "0-1", 90, "ruled_out")):
        with Bench() as b:
            for name, partition in partitions.items():
                write(f"{b.directory}/cgroup/{name}/cpuset.cpus.partition", partition)
            got = found(advise(in_second("EXTERNAL_INTERRUPT", 100, kernel=0.2, runq=0.3),
                               proc={"self/mountinfo": f"36 22 0:30 / {b.directory}/cgroup rw - cgroup2 none rw", "1001/task/2100/cgroup": "0::/vms.slice/web.scope",
                                     "1001/task/2100/status": f"Name:\tvcpu\nCpus_allowed_list:\t{allowed}", "1001/task/2100/stat": "1 (vcpu) S " + " ".join(["0"] * 50)},
                               guest={"created_ns": 990 * SECOND, "vcpu_cells": {0: [fixed(tid=2100)]}}, before={"stat": BUSY}, after={"stat": IDLE[idle]}), "no-cpu")
            equal(got[2]["isolated CPUs, between which no task is moved"], verdict, f"isolated: {verdict} for a vCPU {title}")


def test_core_scheduling():
    """A sibling thread stays idle while vCPUs of another group wait."""
    for title, smt, ticks, counted, forced, verdict in (
            ("and siblings were kept idle as long", 1, 90, 1, 250000, "shown"), ("and siblings were kept idle a little", 1, 90, 1, 100000, "not_ruled_out"),
            ("and none was kept idle", 1, 90, 1, 0, "ruled_out"), ("and nothing counts that", 1, 90, 0, 0, "not_ruled_out"),
            ("and CPUs were not idle", 1, 1, 0, 0, "ruled_out"), ("and cores have one thread", 0, 90, 1, 250000, "ruled_out")):
        with Bench() as b:
            stat = b.directory + "/cgroup/cpu.stat"
            write(stat, "usage_usec 1\ncore_sched.force_idle_usec 5\n")
            got = found(advise(in_second("EXTERNAL_INTERRUPT", 100, kernel=0.2, runq=0.3), vcpus=2, sys={"devices/system/cpu/smt/active": smt},
                               proc={"self/mountinfo": f"36 22 0:30 / {b.directory}/cgroup rw - cgroup2 none rw", "sys/kernel/sched_schedstats": counted},
                               before={"stat": BUSY}, after={"stat": f"cpu  290 0 100 {1000 + ticks} 0 0"},
                               files_after={stat: f"usage_usec 1\ncore_sched.force_idle_usec {5 + forced}\n"}), "no-cpu")
            equal([got[2]["sibling threads that core scheduling keeps idle"], got[0] == "core-scheduling"], [verdict, verdict == "shown"],
                  f"core-scheduling: {verdict} for vCPUs that wait, {title}")


def test_one_of_the_guests():
    """What others wait for counts, too, if one guest is asked for."""
    waiting = in_second("EXTERNAL_INTERRUPT", 100, kernel=1.8, runq=0.3)
    for others, verdict in ((), "not_ruled_out"), ((in_second("EXTERNAL_INTERRUPT", 100, runq=0.8),), "shown"):
        got = found(advise(waiting, others=others, options=("1",), vcpus=4, before={"stat": BUSY},
                           after={"stat": "cpu  250 0 100 1050 0 0"}), "no-cpu")
        equal(got[2]["more vCPUs than CPUs"], verdict,
              f"overcommit: {verdict} for CPUs that were idle for 0.5 s while one guest waited for 0.3 s and {len(others)} others")


def advise_on_young(**counts):
    """Of a second in whose last half a guest runs, by symptom; vmstat and the time that CPUs are idle grow in it."""
    with Still(seconds=1000, guest={"created_ns": 990 * SECOND}, vcpus=4, usage={"vms": 2, "vcpus": 20},
               proc={"self/mountinfo": NO_LIMITS, "stat": "cpu  100 0 100 1000 0 0"} | vmstat()) as w:
        steps = Steps(w, "-i", "1", "-J", command="advise", stdout=subprocess.PIPE)
        w.guest(2, in_second("EPT_VIOLATION", 600, blocked=0.3, kernel=0.02), in_second("EXTERNAL_INTERRUPT", 50, runq=0.1, kernel=1.0),
                created_ns=1000 * SECOND + SECOND // 2, vcpus=4)
        write(w.machine.proc + "/1002/smaps", smaps(swapped_kb=90000))
        for name, value in ({"stat": "cpu  100 0 100 1060 0 0"} | vmstat(**counts)).items():
            write(f"{w.machine.proc}/{name}", value)
        while steps.step():
            pass
        equal(steps.end(), "", "advise prints no message on a guest that began in the interval")
        return {a["symptom"]: {c["cause"]: c for c in a["causes"]} for a in json.loads(steps.printed)["advice"] if a["id"] == 2}


def test_young_guest():
    """What the machine did is of its own interval, though the guest was there for less of it."""
    for count, verdict in (12, "shown"), (1, "not_ruled_out"), (0, "ruled_out"):
        advice = advise_on_young(pswpin=count, pgmigrate_success=100)
        swap = advice["blocked"]["waiting for swap"]
        ok(swap["verdict"] == verdict and f"this machine read a page from swap {count} times per second" in swap["seen"],
              f"advise: swap is {verdict} for a guest that ran for half of a second in which {count} pages were read", swap)
    ok("idle for 0.60 s of each second" in advice["no-cpu"]["more vCPUs than CPUs"]["seen"],
       "advise has the CPUs' idle time of the machine's interval for a guest that ran for half of it", advice["no-cpu"])
    moved = advice["memory-faults"]["pages moved by compaction"]
    ok(moved["verdict"] == "not_ruled_out" and "this machine moved a page 100 times per second" in moved["seen"],
       "advise does not rule out what may all have been in the half of the interval in which the guest ran", moved)


print("KTAP version 1")
for test in test_swap_and_files, test_all_mappings, test_reclaim, test_limit_of_version_1, test_async_page_faults, test_userfaultfd, test_slot_changes, test_taken_pages, test_stuck_faults, test_hugetlbfs_is_not_balanced, test_few_waits, test_idle_cpus, test_busy_host, test_others_have_cpus, test_stolen_cpus, test_others_ran, test_isolated_cpus, test_isolated_partition, test_core_scheduling, test_one_of_the_guests, test_nmis, test_interrupts, test_young_guest:
    test()
finish()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune replay: a record is shown as it was, and nothing of the machine as it is now.
Usage: test-replay.py L1TUNE"""
import collections
import contextlib
import json
import os
import pty
import select
import shutil
import subprocess

from advised import Advised, exits, smaps
from bench import TOOL, equal, finish, ok, skip
from fake import fixed, hist, split, write
from world import PLAIN, SECOND, Steps, World, time_of

THP = "kernel/mm/transparent_hugepage/"
SYS = {THP + "enabled": "always madvise [never]", THP + "shmem_enabled": "always within_size advise [never] deny force",
       "kernel/mm/ksm/run": "0", "devices/system/cpu/vulnerabilities/itlb_multihit": "Not affected",
       "module/kvm/parameters/nx_huge_pages": "Y", "module/kvm/initstate": "live"}
PROC = {"sys/kernel/numa_balancing": "0", "sys/kernel/split_lock_mitigate": "1",
        "vmstat": "numa_pte_updates 5\npgmigrate_success 5\npswpin 5",
        "interrupts": "           CPU0       CPU1\nLOC:   900000   900000   Local timer interrupts"}
COUNTS = {"pages_4k": 100000, "pages_2m": 10, "pages_1g": 0, "pf_fast": 0, "nx_lpage_splits": 0,
          "halt_poll_success_ns": 0, "halt_poll_fail_ns": 90 * 10**9}
# A guest for each way of reading: of which VMM, KVM, cgroup, CPU and command line there is something to find.
GUESTS = {
    1: (exits("EPT_VIOLATION", 1024, kernel=0.01),),
    2: (exits("EXTERNAL_INTERRUPT", 10, runq=0.3),),
    3: (exits("EXTERNAL_INTERRUPT", 9000, kernel=0.1),),
    4: (exits("CPUID", 500, kernel=0.1, level=3), exits("VMRESUME", 1000, kernel=0.2)),
    5: (exits("EPT_VIOLATION", 300, blocked=0.5),),
    6: (exits("HLT", 2000, kernel=0.1, halted=0.5),),
}
HYPERV = ("/usr/bin/kvm", "-cpu", "host,hv_ipi,hv_relaxed")
AT = (["stat"], ["stat", "-J"], ["list"], ["list", "-J", "-a"], ["hist", "1", "EPT_VIOLATION"], ["stat", "--transit"],
      ["advise", "--since-start"], ["advise", "--since-start", "-J"])
BETWEEN = (["stat"], ["diff", "1", "2"], ["advise"], ["advise", "-J"])


def doubled(stats):
    return [(name, flags, exponent, [2 * value for value in values]) for name, flags, exponent, values in stats]


class Past(Advised):
    """A machine of which everything that advice looks at can be read, with a record."""

    def __init__(self):
        super().__init__(*GUESTS[1], vcpus=6, kvm=COUNTS, sys=SYS, guest={"vcpus": 1},
                         proc=PROC | {"1001/smaps": smaps()})
        for number in list(GUESTS)[1:]:
            self.guest(number, *GUESTS[number], argv=HYPERV if number == 4 else ("vmm",))
            self.kvm(1000 + number, **COUNTS)
            write(f"{self.machine.proc}/{1000 + number}/smaps", smaps(swapped_kb=90000))
            write(f"{self.machine.proc}/{1000 + number}/status", "Name:\tvmm\nCpus_allowed_list:\t0-1")
        self.then = self.advice()
        first = self.recorded()
        for number, cells in GUESTS.items():
            self.machine.exits(number, [*map(doubled, cells), fixed(exits=2, guest_time_ns=0)])
        last = self.recorded()
        self.commands = [["--at", last, *args] for args in AT] + [["--from", first, "--to", last, *args] for args in BETWEEN]

    def recorded(self):
        """The time of one more record."""
        r = self.run("record", "--state", self.state, "-J", "-c", "1")
        assert not r.returncode, r
        return json.loads(r.stdout)["time"]

    def replays(self, *prefix):
        """What each command prints of then; (output, errors, exit status) by command."""
        found = {}
        for args in self.commands:
            command = self.command("replay", "--state", self.state, *args)
            # The sanitizers need /proc, which the prefix may take away.
            command[0] = PLAIN if prefix else TOOL
            r = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False,
                               env=os.environ | {"LC_ALL": "C.UTF-8"})
            found[" ".join(args)] = r.stdout, r.stderr, r.returncode
        return found


def verdicts(advice):
    return {(a["id"], c["cause"]): c["verdict"] for a in advice for c in a["causes"]}


def test_verdicts():
    with Past() as b:
        replayed = next(json.loads(r[0]) for args, r in b.replays().items() if args.endswith("advise --since-start -J"))
        then, now = verdicts(b.then), verdicts(replayed["advice"])
        ok(len([v for v in then.values() if v != "not_ruled_out"]) > 20,
           "advise reaches a verdict on more than 20 causes of the machine itself", then)
        wrong = {key: (then.get(key), v) for key, v in now.items() if v not in (then.get(key), "not_ruled_out")}
        equal(wrong, {}, "replay advise has the verdict of that time on each cause, or leaves it open")
        ok(any(v == "not_ruled_out" and then[key] != v for key, v in now.items() if key in then),
           "replay advise leaves causes open of which no record tells", now)
        seen = {c["cause"]: c["seen"] for a in replayed["advice"] for c in a["causes"]}
        ok("not recorded" in seen["swapped-out memory"],
           "replay advise says that a cause was not recorded", seen)
        equal({u["why_not"] for u in replayed["unknown"]}, {"not recorded"},
              "replay advise --json says that KVM's counts were not recorded")
        ok("KSM does not run" in str(seen) and "kernel.numa_balancing is 0" in str(seen),
           "replay advise uses the settings that the machine had then", seen)


def poison(bench):
    """Each file of the machine has another value, and each process is another."""
    for root in bench.machine.sys, bench.machine.proc:
        for directory, _, names in os.walk(root):
            for name in names:
                path = os.path.join(directory, name)
                if os.path.islink(path):
                    continue
                with open(path, "rb") as f:
                    text = f.read()
                other = {b"0": b"1", b"N": b"Y", b"Y": b"N"}.get(text.strip())
                if other is None:
                    other = text.translate(bytes.maketrans(b"0123456789[]", b"9876543210()")).rstrip(b"\n")
                os.unlink(path)
                write(path, other + b"\n")
    write(f"{bench.machine.proc}/1001/smaps", smaps("/dev/shm/ram", "rw-s", swapped_kb=1))
    write(f"{bench.state}/bench.json", "{}")


def test_sources_of_names():
    """Of guests of each kind: VMMs choose their command lines."""
    with open(os.path.dirname(os.path.abspath(__file__)) + "/names.json", encoding="utf-8") as f:
        rows = json.load(f)["guests"]
    with World() as w:
        for number, row in enumerate(rows, 1):
            w.machine.guest(number, pid=2000 + number, comm=row.get("comm", "newvmm"))
            w.machine.process(2000 + number, row["argv"], row["cgroup"])
        printed = w.record("-J", "-c", "1").stdout
        found = [{guest["id"]: guest["name_source"] for guest in json.loads(text)["l2"]} for text in (printed, w.stat_at(printed))]
        ok(len(set(found[0].values())) > 40, "record has guests with names from more than 40 sources", found[0])
        equal(found[1], found[0], "replay has the source of each name")


def test_only_records():
    """The rule for all that reads /sys, /proc and debugfs: what no record has is unknown."""
    with Past() as b:
        first = b.replays()
        equal({args: r for args, r in first.items() if r[1] or r[2] or not r[0]}, {},
              "replay --at and --from --to exit with 0 and show a record")
        poison(b)
        second = b.replays()
        equal([c for c in first if second[c] != first[c]], [],
              "replay does not depend on values in files of the machine")
        shutil.rmtree(b.machine.sys)
        shutil.rmtree(b.machine.proc)
        second = b.replays()
        equal([c for c in first if second[c] != first[c]], [],
              "replay does not depend on the directories of the machine")
        empty = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /sys && mount -t tmpfs none /proc && exec \"$@\"", "sh"]
        if subprocess.run([*empty, "true"], capture_output=True, check=False).returncode:
            skip("with nothing in /sys and /proc it is the same", "cannot mount here")
            return
        second = b.replays(*empty)
        equal([c for c in first if second[c] != first[c]], [], "replay does not depend on /sys and /proc")


CPUID = [split(2, 10, "CPUID", 5, 1000, hist(b10=5), kernel=3)]
DENIED = {"EVENT": "limit", "LIMIT": "max_vms", "VALUE": 20, "USE": 20, "PID": 77, "UID": 5,
          "COMM": "a b EVENT=x", "ACTION_TAKEN": "denied", "ERRNO": "EDQUOT", "COUNT": 1}


def test_events():
    """What happens at which second is what the replay shows, whichever records have it."""
    with World(seconds=1000) as w:
        happened = []

        def happen(kind, seconds, **keys):
            w.machine.event(time_ns=seconds * SECOND, **keys)
            happened.append((kind, time_of(seconds * SECOND)))

        w.machine.process(1001, ["qemu", "-name", "web"])
        w.machine.guest(1, CPUID)
        steps = Steps(w)
        steps.step()
        happen("added", 1013, EVENT="guest", ACTION="add", L2="l2-2", PID=1002, UID=0, COMM="vmm")
        w.machine.process(1002, ["qemu", "-name", "short"])
        w.machine.guest(2, CPUID)
        steps.step()
        happen("denied", 1024, **DENIED)
        happen("removed", 1025, EVENT="guest", ACTION="remove", L2="l2-2", PID=1002, UID=0, COMM="vmm",
               EXITS=77, EXIT_TIME_NS=5, GUEST_TIME_NS=6)
        w.remove(2)
        for _ in range(10):
            steps.step()
        # More than the file keeps, between two records.
        for n in range(15):
            w.machine.event(time_ns=(1120 + n // 2) * SECOND, **DENIED)
        happened += [("lost", time_of(1122 * SECOND))] + [("denied", time_of((1120 + n // 2) * SECOND)) for n in range(5, 15)]
        for _ in range(10):
            steps.step()
        w.machine.load(loaded_ns=1228 * SECOND)
        happened.append(("loaded", time_of(1228 * SECOND)))
        happen("added", 1229, EVENT="guest", ACTION="add", L2="l2-1", PID=1001, UID=0, COMM="vmm")
        for _ in range(3):
            steps.step()
        equal(steps.end(), "", "record of events ends without an error")
        since, until = ["--from", time_of(1001 * SECOND)], ["--to", time_of(1300 * SECOND)]
        r = w.replay(*since, *until, "events", "-J")
        found = [json.loads(line) for line in r.stdout.splitlines()]
        equal([(e["event"]["kind"], e["time"]) for e in found], happened,
              "replay events shows each event once, in order, with its time")
        equal([e["event"]["name"] for e in found if e["event"]["id"]][:2], ["short", "short"],
              "replay events shows the name that a guest had")
        removed = next(e["event"] for e in found if e["event"]["kind"] == "removed")
        equal([removed[key] for key in ("exits", "exit_time_ns", "guest_time_ns")], [77, 5, 6],
              "replay events shows the exits and times of a guest that ended")
        equal(found[1]["event"]["comm"], "a b EVENT=x", "replay events shows a process name that has spaces and a =")
        lost = next(e["event"] for e in found if e["event"]["kind"] == "lost")
        equal(lost["count"], 5, "replay events counts events that came too fast as lost")
        equal([found[0]["loaded_ns"], found[-1]["loaded_ns"]], [5 * SECOND, 1228 * SECOND],
              "replay events shows each event with the module load that it belongs to")
        text = w.replay(*since, *until, "events").stdout
        ok("removed" in text and "short" in text and len(text.splitlines()) == len(happened),
           "replay events shows a line of text for each event", text)
        r = w.replay("--from", time_of(1024 * SECOND), "--to", time_of(1025 * SECOND), "events", "-J")
        equal([json.loads(line)["event"]["kind"] for line in r.stdout.splitlines()], ["denied", "removed"],
              "replay --from --to events shows the events of both bounds and in between")
        whole, epoch = (w.replay("--from", start, *until, "events").stdout for start in (time_of(0), EPOCH))
        ok(whole and epoch == whole, "replay --from 1970-01-01 events shows all events", epoch)
        equal(len(w.replay(*since, *until, "events", "-c", "2").stdout.splitlines()), 2,
              "replay events -c 2 shows two events")
        r = w.replay("--at", time_of(1100 * SECOND), "events")
        ok(r.returncode == 2 and "use --from TIME" in r.stderr,
           "replay --at events exits with 2 and asks for --from", r)
        for name in os.listdir(w.records):
            if name.startswith("fine"):
                os.unlink(f"{w.records}/{name}")
        r = w.replay(*since, *until, "events", "-J")
        kinds = [json.loads(line)["event"]["kind"] for line in r.stdout.splitlines()]
        equal(kinds, [kind for kind, at in happened if at <= time_of(1240 * SECOND)],
              "replay events shows all events if only the coarser tiers are left")
        only(w, "ten-minutes")
        found = [json.loads(line)["event"] for line in w.replay(*since, *until, "events", "-J").stdout.splitlines()]
        equal([e["name"] for e in found if e["id"]][:2], ["short", "short"],
              "replay events shows the name of a guest that no record has")


EPOCH = "1970-01-01T00:00:00Z"


def only(world, *tiers):
    """Removes the files of the other tiers."""
    for name in os.listdir(world.records):
        if name != "lock" and not name.startswith(tiers):
            os.unlink(f"{world.records}/{name}")


def kinds_in(world, *more):
    """How many events of each kind the history has."""
    r = world.replay("--from", time_of(0), "--to", time_of(world.now() + 1), "events", "-J", *more)
    return collections.Counter(json.loads(line)["event"]["kind"] for line in r.stdout.splitlines())


def gone_in(world):
    """The guests that ended of which the history has records."""
    r = world.replay("--from", time_of(1), "--to", time_of(world.now()), "gone", "-J")
    return [g["id"] for g in json.loads(r.stdout)["gone"]]


def peak_kb(world, *args):
    """The most memory that a replay takes."""
    with subprocess.Popen(world.plain("replay", "--state", world.state, *args), stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss


def test_stopped():
    """Each tier has all events, also those since its last record when the recorder is stopped."""
    with World(seconds=1000) as w:
        w.machine.guest(1, CPUID)
        steps = Steps(w)
        for n in range(100):
            w.machine.event(keep=20, time_ns=w.now() - SECOND, **DENIED | {"USE": n})
            if n % 20 == 19:
                steps.step()
        w.machine.process(1002, ["qemu", "-name", "db"])
        w.machine.guest(2, CPUID)
        steps.step()
        equal(steps.end(), "", "record that is stopped within its first minute ends without an error")
        w.machine.event(keep=21, time_ns=w.now() - SECOND, EVENT="guest", ACTION="remove", L2="l2-2", PID=1002, UID=0, COMM="vmm",
                        EXITS=77, EXIT_TIME_NS=5, GUEST_TIME_NS=6)
        w.remove(2)
        steps = Steps(w)
        equal(steps.end(), "", "record that is started again ends without an error")
        r = w.replay("--from", time_of(0), "--to", time_of(w.now()), "events", "-J")
        equal([e["name"] for e in (json.loads(line)["event"] for line in r.stdout.splitlines()) if e["kind"] == "removed"], ["db"],
              "replay events shows the name of a guest that ended while record was stopped")
        equal(kinds_in(w), {"loaded": 1, "denied": 100, "removed": 1},
              "replay events shows each event once from all tiers after a restart of record")
        at = time_of(1030 * SECOND)
        r = w.replay("--at", at, "list", "--noheadings", "-o", "ID")
        equal([r.returncode, r.stdout.split()], [0, ["1"]], "replay --at list shows the guest and exits with 0 after a restart of record")
        only(w, "minute", "ten-minutes")
        equal(kinds_in(w), {"loaded": 1, "denied": 100, "removed": 1},
              "replay events shows each event once without the fine tier after a restart of record")
        only(w, "ten-minutes")
        equal(kinds_in(w), {"loaded": 1, "denied": 100, "removed": 1},
              "replay events shows each event once from the ten-minute tier alone after a restart of record")


def records_of(world, tier):
    num = 0
    for name in os.listdir(world.records):
        if name.startswith(tier):
            with open(f"{world.records}/{name}", "rb") as f:
                num += f.read().count(b"L1T\2")
    return num


def test_killed():
    """A recorder that is killed loses nothing that it has written: the next one completes the rarer records."""
    with World(seconds=100000) as w:
        w.machine.process(1001, ["qemu", "-name", "web"])
        w.machine.guest(1, CPUID)
        steps = Steps(w)

        def happen(use):
            w.machine.event(keep=20, time_ns=w.now() - SECOND, **DENIED | {"USE": use})
            steps.step()

        for use in range(8):
            happen(use)
        # And while the clock is wrong, before the last record of ten minutes.
        back = -3600 * SECOND
        w.set_clock(w.now(), back)
        for use in range(8, 12):
            happen(use)
        w.machine.event(time_ns=w.now() - SECOND, EVENT="guest", ACTION="remove", L2="l2-1", PID=1001, UID=0, COMM="vmm",
                        EXITS=77, EXIT_TIME_NS=5, GUEST_TIME_NS=6)
        w.remove(1)
        steps.step()
        steps.process.kill()
        steps.end()
        whole = w.replay("--from", time_of(0), "--to", time_of(w.now()), "events", "-J").stdout
        for name in os.listdir(w.records):
            # As if it had been killed while it wrote.
            if name.startswith("fine"):
                with open(f"{w.records}/{name}", "ab") as f:
                    f.write(b"L1T\2" + bytes(30))
        # The machine boots again, and the module has forgotten what was.
        elapsed = w.now() - 50 * SECOND
        w.set_clock(50 * SECOND, elapsed + back)
        write(w.machine.proc + "/sys/kernel/random/boot_id", "another-boot")
        w.machine.load(loaded_ns=40 * SECOND)
        steps = Steps(w)
        num = records_of(w, "ten-minutes")
        steps.process.kill()
        steps.end()
        steps = Steps(w)
        equal([steps.end(), records_of(w, "ten-minutes") - num], ["", 1],
              "record does not complete a tier again that is complete")
        for tiers in (("fine", "minute", "ten-minutes"), ("minute",), ("ten-minutes",)):
            copy = w.records + ".all"
            shutil.copytree(w.records, copy)
            only(w, *tiers)
            r = w.replay("--from", time_of(0), "--to", time_of(w.now() + elapsed), "events", "-J")
            found = [json.loads(line) for line in r.stdout.splitlines()]
            uses = [e["event"]["use"] for e in found if e["event"]["kind"] == "denied"]
            equal(sorted(uses), list(range(12)),
                  f"replay events shows each event once after record was killed: {' '.join(tiers)}")
            ended = [(e["event"]["name"], e["loaded_ns"]) for e in found if e["event"]["kind"] == "removed"]
            equal(ended, [("web", 5 * SECOND)],
                  "replay events shows a guest with its name and module load after record was killed: "
                  f"{' '.join(tiers)}")
            then = {e["event"]["use"]: e["time"] for e in map(json.loads, whole.splitlines()) if e["event"]["kind"] == "denied"}
            equal({e["event"]["use"]: e["time"] for e in found if e["event"]["kind"] == "denied" and e["event"]["use"] > 7},
                  {use: at for use, at in then.items() if use > 7},
                  f"replay events shows each event with its time after record was killed: {' '.join(tiers)}")
            shutil.rmtree(w.records)
            os.rename(copy, w.records)


def in_one_file(world):
    """As older versions wrote them."""
    for tier in "fine-", "minute-", "ten-minutes-":
        first, *rest = sorted((n for n in os.listdir(world.records) if n.startswith(tier)), key=lambda n: int(n.rpartition("-")[2]))
        with open(f"{world.records}/{first}", "ab") as to:
            for name in rest:
                with open(f"{world.records}/{name}", "rb") as f:
                    shutil.copyfileobj(f, to)
                os.unlink(f"{world.records}/{name}")


DAY = 86400 * SECOND


def test_clock_set():
    """A wall clock that is wrong for a record or more hides none of the others."""
    for wrong, ahead_ns, what in (([3], DAY, "a day ahead for one record"), ([0, 1], DAY, "a day ahead at first"),
                                  ([7], -DAY, "a day behind for one record"), ([3, 70], 5 * 3600 * SECOND, "ahead twice"),
                                  ([40], -205 * SECOND, "some minutes behind for one record")):
        with World(seconds=100000) as w:
            w.machine.process(1001, ["qemu", "-name", "web"])
            w.machine.guest(1, CPUID)
            live, total = {}, 5
            w.set_clock(w.now(), ahead_ns if 0 in wrong else 0)
            steps = Steps(w)
            for n in range(1, 80):
                total += n
                w.machine.exits(1, [split(2, 10, "CPUID", total, 1000, hist(b10=total), kernel=total)])
                w.machine.event(keep=20, time_ns=w.now() - SECOND, **DENIED | {"USE": n})
                w.set_clock(w.now(), ahead_ns if n in wrong else 0)
                if n not in wrong:
                    live[time_of(w.now())] = w.in_world("stat", "-J").stdout
                steps.step()
            last = w.now() - 10 * SECOND
            equal(steps.end(), "", f"record ends without an error if the clock is {what}")
            for form in "as it is written", "in one file, as older versions wrote it":
                lost = [at for at, output in live.items() if not output or w.replay("--at", at, "stat", "-J").stdout != output]
                equal(lost, [], f"replay --at finds each other record if the clock is {what}: {form}")
                between = ["--from", time_of(100100 * SECOND), "--to", time_of(last)]
                r = w.replay(*between, "events", "-J")
                found = [json.loads(line)["event"] for line in r.stdout.splitlines()]
                uses = [e["use"] for e in found if e["kind"] == "denied"]
                equal(sorted(set(range(12, 80)) - set(uses) - set(wrong)), [],
                      f"replay events finds all events if the clock is {what}: {form}")
                equal(len(uses), len(set(uses)), f"replay events shows each event once if the clock is {what}: {form}")
                r = w.replay(*between, "stat", "-i", "100", "-J")
                equal([r.returncode, len(r.stdout.splitlines())], [0, 6],
                      f"replay stat -i 100 shows 6 intervals if the clock is {what}: {form}")
                in_one_file(w)


def test_advice_events():
    with World(seconds=1000) as w:
        count, ticks = 0, 0

        def guest(rate):
            nonlocal count, ticks
            count, ticks = count + 10 * rate, ticks + 10 * rate * 10**6 // 100
            w.machine.exits(1, [split(2, 1, "EXTERNAL_INTERRUPT", count, 0, hist(), 1, kernel=1000 * count), fixed(exits=count, guest_time_ns=0)])

        w.machine.process(1001, ["qemu", "-name", "web"])
        w.machine.guest(1, [split(2, 1, "EXTERNAL_INTERRUPT", 0, 0, hist(), 1), fixed(exits=0, guest_time_ns=0)], created_ns=900 * SECOND)
        write(w.machine.proc + "/cpuinfo", "processor\t: 0\nflags\t\t: vmx\n")
        steps = Steps(w)
        # Interrupts that take half a CPU, in the third minute only.
        for step in range(6 * 20):
            guest(500000 if 12 <= step < 18 else 10)
            steps.step()
        equal(steps.end(), "", "record of advice ends without an error")
        r = w.replay("--from", time_of(1000 * SECOND), "--to", time_of(3000 * SECOND), "events", "-J")
        found = [(e["event"]["kind"], e["event"].get("rule"), e["event"]["id"], e["time"]) for e in map(json.loads, r.stdout.splitlines())]
        equal(found, [("advised", "interrupts", 1, time_of(1180 * SECOND)), ("resolved", "interrupts", 1, time_of(1780 * SECOND))],
              "record writes an event if there is advice, and one if there was none for ten minutes")
        r = w.replay("--from", time_of(1120 * SECOND), "--to", time_of(1180 * SECOND), "advise", "-J")
        equal([a["rule"] for a in json.loads(r.stdout)["advice"]], ["interrupts"],
              "replay advise shows the advice of the minute before the event advised")
        text = w.replay("--from", time_of(1000 * SECOND), "--to", time_of(3000 * SECOND), "events").stdout
        ok("l2-1 web: interrupts" in text, "replay events shows advice as text with the guest's name", text)


def test_short_lives():
    """A record may be late: guests that only such a one has are seen, too."""
    with World(seconds=1000) as w:
        w.machine.process(1001, ["qemu", "-name", "web"])
        w.machine.guest(1, CPUID)
        steps = Steps(w)
        for number in range(2, 8):
            w.machine.process(1000 + number, ["qemu", "-name", f"short{number}"])
            w.machine.guest(number, CPUID)
            w.set_clock(w.now() + number % 3 * SECOND)
            steps.step()
            w.remove(number)
        steps.step()
        equal(steps.end(), "", "record that is late ends without an error")
        r = w.replay("--from", time_of(1001 * SECOND), "--to", time_of(w.now()), "stat", "-J")
        found = {g["name"]: g["reasons"][0]["count"] for g in json.loads(r.stdout)["l2"] if g["ended"]}
        equal(found, {f"short{number}": 5 for number in range(2, 8)},
              "replay --from --to stat shows each guest that only one record has")


def gone_record(number, ended_ns, num_exits=3, vcpus=1):
    lines = [f"id {number}", f"pid {1000 + number}", "uid 5", "comm a\\040b", f"created_ns {ended_ns - 3 * SECOND}", f"ended_ns {ended_ns}",
             f"first_exit_ns {ended_ns - 2 * SECOND}", "end killed", "vmm exited 9 0", "denied -", "memory_bytes 4096", f"vcpus {vcpus} {vcpus}",
             "exits 1000"]
    for vcpu in range(vcpus):
        lines += [f"vcpu {vcpu}", *(f"exit 2 10 CPUID {ended_ns - 1000 * n} 500" for n in range(num_exits, 0, -1))]
    return "".join(f"{line:<127}\n" for line in lines)


def test_gone():
    """At each moment what l1tune gone printed then, to the byte; between two times all that ended."""
    with World(seconds=1000) as w:
        directory = f"{w.machine.sys}/class/l1tune/l1/gone"
        w.machine.process(1001, ["qemu", "-name", "web"])
        w.machine.guest(1, CPUID)
        write(f"{directory}/2", gone_record(2, 900 * SECOND), 0o440)
        steps, live, kept = Steps(w), {}, [2]

        def end(number, ended_ns):
            write(f"{directory}/{number}", gone_record(number, ended_ns), 0o440)
            kept.append(number)
            if len(kept) > 4:
                os.unlink(f"{directory}/{kept.pop(0)}")
            live[time_of(w.now())] = [(args, w.in_world("gone", *args).stdout) for args in ([], ["-J"], [str(number)])]
            steps.step()

        for number in range(3, 13):
            end(number, w.now() - SECOND)
        loaded = w.now()
        w.machine.load(loaded_ns=loaded)
        while kept:
            os.unlink(f"{directory}/{kept.pop()}")
        end(1, loaded)
        # Users decide how much there is of it: 40 guests of 16 vCPUs at once.
        for number in range(20, 60):
            write(f"{directory}/{number}", gone_record(number, w.now() - SECOND, 64, 16), 0o440)
        many = time_of(w.now())
        steps.step()
        equal(steps.end(), "", "record of guests that ended ends without an error")
        wrong = [(at, args, output) for at, outputs in live.items() for args, output in outputs
                 if not output or w.replay("--at", at, "gone", *args).stdout != output]
        equal(wrong, [], "replay --at gone shows what gone showed then, as table, as JSON and for one guest")
        since = ["--from", time_of(1001 * SECOND), "--to", time_of(loaded)]
        r = w.replay(*since, "gone", "-J")
        equal([g["id"] for g in json.loads(r.stdout)["gone"]], [1, *range(3, 13)],
              "replay --from --to gone shows all guests that ended, also before a new load of the module")
        r = w.replay("--from", EPOCH, *since[2:], "gone", "-J")
        equal([g["id"] for g in json.loads(r.stdout)["gone"]], [1, *range(2, 13)],
              "replay --from 1970-01-01 gone shows all guests that ended")
        r = w.replay(*since, "events")
        ok("gone" not in r.stdout and not r.returncode, "replay events does not show records of gone", r)
        found = json.loads(w.replay("--from", time_of(loaded), "--to", many, "gone", "-J").stdout)["gone"]
        equal([g["id"] for g in found if g["id"] >= 20], list(range(20, 60)),
              "replay gone shows each of 40 guests that ended at once")
        whole = sorted(len(g["vcpus"]) for g in found if g["id"] >= 20)
        ok(whole[-1] > 8 and whole[0] == 1 and sum(whole) < 100,
           "replay gone shows most of 40 guests that ended at once without all their vCPUs", whole)


def test_many_gone():
    """Who starts and ends guests all the time does not push out what else happened."""
    with World(seconds=1000) as w:
        directory = f"{w.machine.sys}/class/l1tune/l1/gone"
        w.machine.guest(1, CPUID)
        w.machine.event(time_ns=999 * SECOND, **DENIED)
        steps = Steps(w)
        w.machine.event(time_ns=1001 * SECOND, **DENIED)
        for first in range(10, 10 + 58 * 100, 100):
            shutil.rmtree(directory, ignore_errors=True)
            for number in range(first, first + 100):
                write(f"{directory}/{number}", gone_record(number, w.now() - SECOND, 64, 4), 0o440)
            steps.step()
        w.machine.event(time_ns=w.now() - SECOND, **DENIED)
        steps.step()
        equal(steps.end(), "", "record ends without an error if thousands of guests end within ten minutes")
        equal(kinds_in(w), {"loaded": 1, "denied": 3},
              "replay events loses none from the fine tier if thousands of guests end")
        between = ["--from", time_of(0), "--to", time_of(w.now())]
        peaks = [peak_kb(w, "--at", time_of(w.now() - 10 * SECOND), "list"), peak_kb(w, *between, "events")]
        ok(peaks[1] < peaks[0] + 8192, "replay events takes no memory for records of guests that ended", peaks)
        fine = len(gone_in(w))
        only(w, "ten-minutes")
        equal(kinds_in(w), {"loaded": 1, "denied": 3, "lost": 1},
              "replay events shows each event and a lost one from the ten-minute tier if thousands of guests end")
        found = gone_in(w)
        ok(fine == 5800 and 1000 < len(found) < fine and 5809 in found,
           "replay gone shows those of thousands of guests that ended last from the ten-minute tier",
           [fine, len(found)])
        size = sum(os.path.getsize(f"{w.records}/{name}") for name in os.listdir(w.records))
        ok(size < 8 << 20, "record keeps the ten-minute tier below 8M if thousands of guests end", size)


def test_full_for_long():
    """While nothing can be written the newest events are kept, and that there were more."""
    with World(seconds=1000) as w:
        os.makedirs(w.records)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", w.records], capture_output=True, check=False).returncode:
            skip("a disk that is full for long", "cannot mount a tmpfs")
            return
        try:
            w.machine.guest(1, CPUID)
            steps = Steps(w)
            with open(w.records + "/ballast", "wb") as f, contextlib.suppress(OSError):
                f.write(bytes(1 << 16))
            for n in range(260):
                write(f"{w.machine.device('l1')}/events", "".join(
                    f"{50 * n + i + 1} {w.now() - SECOND} EVENT=limit LIMIT=max_vms UID={n} ACTION_TAKEN=denied\n" for i in range(50)), 0o440)
                steps.step()
            os.unlink(w.records + "/ballast")
            # The recorder is stopped before it has made another record.
            ok("No space left" in steps.end(), "record says that the disk is full if it is full until record ends")
            r = w.replay("--from", time_of(1500 * SECOND), "--to", time_of(w.now()), "events", "-J")
            found = [json.loads(line)["event"] for line in r.stdout.splitlines()]
            denied = [e["uid"] for e in found if e["kind"] == "denied"]
            equal([len(denied) > 5000, denied[-1]], [True, 259],
                  "record keeps the events until its end on a disk that was full")
            r = w.replay("--from", time_of(1), "--to", time_of(w.now()), "events", "-J")
            found = [json.loads(line)["event"] for line in r.stdout.splitlines()]
            lost = [e["count"] for e in found if e["kind"] == "lost"]
            ok(None in lost and sum(filter(None, lost)) > 1000 and len(denied) < 10000,
               "record keeps the newest events and counts the lost ones on a disk that was full", [lost, len(denied)])
            equal(sum(e["kind"] == "denied" for e in found) + sum(filter(None, lost)), 260 * 50,
                  "record keeps or counts as lost each event on a disk that was full")
        finally:
            subprocess.run(["umount", w.records], check=True)


def test_gone_restarted():
    """A recorder that starts again finds guests that it has recorded; the module chooses whom it keeps, by user."""
    with World(seconds=1000) as w:
        directory = f"{w.machine.sys}/class/l1tune/l1/gone"
        w.machine.guest(1, CPUID)
        steps = Steps(w)
        for number in range(2, 22):
            write(f"{directory}/{number}", gone_record(number, w.now() - SECOND, 64, 16), 0o440)
            steps.step()
        earlier = ["--at", time_of(w.now() - SECOND), "gone", "-J"]
        then = w.replay(*earlier).stdout
        equal(steps.end(), "", "record of guests that ended ends without an error before a restart")
        steps = Steps(w)
        # Not the one that ended first.
        for number in (7, 12):
            os.unlink(f"{directory}/{number}")
        live = w.in_world("gone", "-J").stdout
        now = time_of(w.now())
        steps.step()
        equal(steps.end(), "", "record of guests that ended ends without an error after a restart")
        found = json.loads(w.replay("--from", time_of(1001 * SECOND), "--to", now, "gone", "-J").stdout)["gone"]
        equal([(g["id"], len(g["vcpus"])) for g in found], [(number, 16) for number in range(2, 22)],
              "replay --from --to gone shows each guest once after a restart of record")
        equal(w.replay("--at", now, "gone", "-J").stdout, live,
              "replay --at gone shows the guests that the module kept then")
        equal([w.replay(*earlier).stdout, len(json.loads(then)["gone"])], [then, 20],
              "replay --at gone shows the guests of an earlier time after a restart of record")


def press(command, keys):
    """What a terminal shows after each key: the screen's text since the key before."""
    child, fd = pty.fork()
    if not child:
        os.environ.update({"LC_ALL": "C.UTF-8", "TERM": "xterm", "TZ": "UTC"})
        subprocess.run(["stty", "cols", "120", "rows", "30"], check=False)
        os.execv(command[0], command)

    def shown():
        text = b""
        while select.select([fd], [], [], 20 if not text else 0.4)[0]:
            try:
                text += os.read(fd, 65536)
            except OSError:
                break
        return text.decode(errors="replace")

    screens = [shown()]
    for key in keys:
        os.write(fd, key)
        screens.append(shown())
    os.write(fd, b"q")
    status = os.waitpid(child, 0)[1]
    os.close(fd)
    return screens, status


LEFT, RIGHT = b"\033OD", b"\033OC"


def test_top():
    with World(seconds=100000) as w:
        w.machine.process(1001, ["qemu", "-name", "web"])
        w.machine.guest(1, CPUID, created_ns=900 * SECOND)
        steps = Steps(w)
        total = 5
        for step in range(1, 400):
            total += 10 * step
            w.machine.exits(1, [split(2, 10, "CPUID", total, 1000, hist(b10=total), kernel=total)])
            steps.step()
        equal(steps.end(), "", "record of 399 intervals ends without an error")

        def at(step):
            return time_of((100000 + 10 * step) * SECOND)

        def clock(step):
            return at(step)[:19].replace("T", " ")

        def exits_in(step, *args):
            r = w.replay("--at", at(step), "top", "--json", "--once", *args)
            return [x["count"] for x in json.loads(r.stdout)["l2"][0]["reasons"]]

        equal([exits_in(step) for step in (7, 200, 399)], [[70], [2000], [3990]],
              "replay --at top --json has the interval that ended then")
        r = w.replay("--at", at(200), "top", "--once")
        ok("CPUID" in r.stdout and "web" in r.stdout and not r.returncode,
           "replay --at top --once shows the interval as text", r)
        command = w.plain("replay", "--state", w.state, "--at", at(380), "top")
        keys = [LEFT, LEFT, RIGHT, b"[", b"[", LEFT, b"]", b"]", RIGHT]
        # A terminal gets only what changes: the help and back, and the title is drawn anew.
        screens, status = press(command, [part for key in keys for part in (key, b"h", b" ")])
        step, wrong = 380, []
        for key, message, title in zip(keys, screens[1::3], screens[3::3]):
            step = min(max(step + {LEFT: -1, RIGHT: 1, b"[": -360, b"]": 360}[key], 0), 399)
            if clock(step) not in title and step:
                wrong.append((key, step, title[:300]))
        equal([status, wrong], [0, []],
              "replay top moves by an interval with arrow keys and by an hour with [ and ], and ends with q")
        ok(clock(380) in screens[0] and "CPUID" in screens[0], "replay --at top begins at that time", screens[0])
        ok("no records before" in screens[1::3][5],
           "replay top says that there are no records before the first one", screens[1::3][5])
        ok("no records after" in screens[1::3][8],
           "replay top says that there are no records after the last one", screens[1::3][8])
        first, _ = press(w.plain("replay", "--state", w.state, "--at", at(0), "top"), [RIGHT])
        ok("there is no record" in first[0], "replay --at top says that the first record ends no interval", first[0])


print("KTAP version 1")
for test in (test_verdicts, test_sources_of_names, test_only_records, test_events, test_stopped, test_killed, test_clock_set, test_advice_events, test_short_lives, test_gone, test_many_gone, test_full_for_long, test_gone_restarted, test_top):
    test()
finish()

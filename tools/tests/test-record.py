#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune record and replay: what was recorded is shown as it was, whatever happened to the writer.
Usage: test-record.py L1TUNE"""
import json
import os
import random
import shutil
import signal
import subprocess
import time

from bench import Bench, equal, finish, ok, skip, within
from busy import Busy
from fake import hist, split, update, write

HEADER_BYTES = 24
MAGIC = b"L1T\x02"
DAY = 86400
TIERS = {"fine": (10, 50), "minute": (60, 25), "ten-minutes": (600, 25)}


def cells_of(number, step):
    """Reasons of a guest after so many steps: they grow, and new ones come."""
    grown = number * step
    return [split(2, 10, "CPUID", 5 + grown, 1000, hist(b10=5 + grown), kernel=3 + grown),
            split(2, 12, "HLT", 7 + step, 1000, hist(b12=5, b30=2 + step), kernel=3, halted=100 * step),
            *([split(3, 30, "IO_INSTRUCTION", step, 1000, hist(b14=step), vmm=step, runq=2)] if step > 4 else [])]


class Recorded(Bench):
    """A machine with a history."""

    def __enter__(self):
        self.state = ["--state", self.directory + "/state"]
        self.records = self.directory + "/state/record"
        return self

    def guests(self, step, numbers=(1, 2, 3)):
        for number in numbers:
            self.machine.process(1000 + number, ["qemu", "-name", f"web{number}"])
            self.machine.guest(number, cells_of(number, step), exits=12 + number * step + step)

    def record(self, *args, **options):
        return self.run("record", *self.state, *args, **options)

    def recorded(self, interval=10):
        """One more record: what stat --json would have printed."""
        r = self.record("-J", "-c", "1", "-i", str(interval))
        assert not r.returncode and not r.stderr, r
        return r.stdout

    def replay(self, *args, env=None):
        return subprocess.run(self.command("replay", *self.state, *args), capture_output=True, text=True,
                              env=os.environ | {"LC_ALL": "C.UTF-8"} | (env or {}), check=False)

    def stat(self, line, *args):
        """stat --json as of the time of a document."""
        return self.replay("--at", json.loads(line)["time"], "stat", "-J", *args)

    def files(self, tier="fine"):
        names = [name for name in os.listdir(self.records) if name.startswith(tier)]
        return [os.path.join(self.records, name) for name in sorted(names, key=lambda n: int(n.rpartition("-")[2]))]

    def start(self, *args):
        return subprocess.Popen(self.command("record", *self.state, "-J", *args), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def later(line, seconds):
    """A time so long after that of a document."""
    whole, fraction = json.loads(line)["time"].rstrip("Z").split(".")
    ns = int(fraction) + int(seconds * 1e9)
    t = time.strptime(whole, "%Y-%m-%dT%H:%M:%S")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.mktime(t) - time.timezone + ns // 10**9)) + f".{ns % 10**9:09d}Z"


def records_in(path):
    with open(path, "rb") as f:
        return f.read().count(MAGIC)


def test_equal():
    rng = random.Random(1)
    with Recorded() as b:
        b.guests(0)
        lines = []
        with b.start("-i", "0.2", "-c", "20") as p:
            for step, line in enumerate(p.stdout, 1):
                lines.append(line)
                if step == 8:
                    b.remove(2)
                b.guests(step, (1, 3) if step >= 8 else (1, 2, 3))
                if step == 12:
                    b.guests(1, (4,))
        equal([p.returncode, len(lines)], [0, 20], "record -c 20 makes 20 records")
        equal([b.stat(line).stdout == line for line in lines], [True] * 20,
              "replay --at the time of each record: stat --json is equal to the byte")
        times = [(rng.randrange(len(lines) - 1), rng.random() * 0.1) for _ in range(30)]
        equal([b.replay("--at", later(lines[i], more), "stat", "-J").stdout == lines[i] for i, more in times], [True] * 30,
              "replay --at a time between two records shows the earlier one")
        equal([records_in(path) for tier in TIERS for path in b.files(tier)], [20, 1, 1],
              "record -c 20 writes one record to each of the coarser tiers")
        # Without the fine tier, the records of which the others have the first only.
        for path in b.files():
            os.unlink(path)
        equal(b.stat(lines[0]).stdout, lines[0], "replay --at finds a record that only a coarser tier has")


def test_commands():
    with Recorded() as b:
        b.guests(1)
        first = b.recorded()
        b.guests(9)
        last = b.recorded()
        at = ["--at", json.loads(last)["time"]]
        between = ["--from", json.loads(first)["time"], "--to", json.loads(last)["time"]]
        b.guests(20)
        equal([guest["id"] for guest in json.loads(b.replay(*at, "list", "-J").stdout)["l2"]], [3, 2, 1],
              "replay --at list shows the guests of that time")
        now, then = b.run("list").stdout.splitlines(), b.replay(*at, "list").stdout.splitlines()
        equal([then[0].split(), [row.split()[:3] for row in then[1:]]],
              [now[0].split(), [[str(n), f"web{n}", str(1000 + n)] for n in (3, 2, 1)]],
              "replay --at list shows the same columns as list, and the guests")
        r = b.replay(*between, "stat", "--noheadings", "-o", "GUEST,REASON,COUNT")
        equal(sorted(row.split() for row in r.stdout.splitlines()),
              [[str(g), reason, str(count)] for g in (1, 2, 3)
               for reason, count in (("CPUID", 8 * g), ("HLT", 8), ("IO_INSTRUCTION", 9))],
              "replay --from --to stat counts the exits between the two times")
        document = json.loads(b.replay(*between, "stat", "-J").stdout)
        a, z = json.loads(first)["l2"][0], json.loads(last)["l2"][0]
        equal(document["l2"][0]["interval_ns"], z["interval_ns"] - a["interval_ns"],
              "replay --from --to stat --json has the length of the interval")
        r = b.replay(*at, "hist", "1", "CPUID")
        ok("CPUID of web1 (l2-1): 14 exits" in r.stdout, "replay --at hist shows the exits until that time", r)
        r = b.replay(*between, "hist", "name:web1", "CPUID")
        ok("CPUID of web1 (l2-1): 8 exits" in r.stdout,
           "replay --from --to hist shows the exits between the two times", r)
        r = b.replay(*between, "hist", "--heat", "-i", "0.01", "-c", "1", "1")
        ok(r.stdout.startswith("all exits but HLT of web1") and not r.returncode,
           "replay --from --to hist --heat shows the exits of a guest", r)
        r = b.replay(*between, "diff", "-J", "1", "2")
        reasons = {x["reason"]: x for x in json.loads(r.stdout)["diff"]["reasons"]}
        equal([reasons["CPUID"][side]["count"] for side in "ab"], [8, 16],
              "replay --from --to diff compares two guests between the two times")
        r = b.replay(*between, "advise", "-J")
        equal([r.returncode, json.loads(r.stdout)["time"], r.stderr], [0, json.loads(last)["time"], ""],
              "replay --from --to advise --json has the second time and exits with 0")
        equal(json.loads(b.replay(*at, "-J", "list", "web2").stdout)["l2"][0]["name"], "web2",
              "replay accepts -J before the command and a guest after it")


def test_advise():
    with Recorded() as b:
        with open("/proc/uptime", encoding="ascii") as f:
            started_ns = int((float(f.read().split()[0]) - 10) * 1e9)
        b.machine.guest(1, [split(2, 28, "CR_ACCESS", 30000, 1000, hist(), kernel=2000)], created_ns=started_ns)
        ept = b.machine.sys + "/module/kvm_intel/parameters/ept"
        write(ept, "N")
        write(b.machine.sys + "/module/kvm_intel/initstate", "live")
        write(b.machine.device("l1") + "/vmx/ept", 1)
        cpuinfo = b.machine.proc + "/cpuinfo"
        write(cpuinfo, "processor\t: 0\nflags\t\t: vmx hypervisor")
        then = b.run("advise", *b.state, "--since-start").stdout
        line = b.recorded()
        write(ept, "Y")
        write(cpuinfo, "processor\t: 0\nflags\t\t: vmx")
        now = b.run("advise", *b.state, "--since-start").stdout
        tmp = os.path.join(b.directory, "tmp")
        os.mkdir(tmp)
        r = b.replay("--at", json.loads(line)["time"], "advise", "--since-start", env={"TMPDIR": tmp})
        ok(then and "ept=1" in then and "ept=1" not in now,
           "advise depends on the parameters of the machine", then + now)
        equal([line for line in r.stdout.splitlines() if "change" in line], [line for line in then.splitlines() if "change" in line],
              "replay --at advise uses the parameters that the machine had then")
        equal(os.listdir(tmp), [], "replay --at advise leaves no files in TMPDIR")
        r = b.replay("--at", json.loads(line)["time"], "advise", "--since-start", env={"TMPDIR": b.directory + "/none"})
        ok(r.returncode == 1 and "use another TMPDIR" in r.stderr,
           "replay --at advise fails and asks for another TMPDIR if it does not exist", r)


def test_wrong():
    with Recorded() as b:
        b.guests(1)
        r = b.replay("--at", "-1m", "list")
        ok(r.returncode == 1 and "l1tune-record" in r.stderr and b.records in r.stderr,
           "replay without a history fails and names l1tune-record and the directory", r)
        line = b.recorded(0.01)
        at = ["--at", json.loads(line)["time"]]
        for args, text, status in (
                (["list"], "--at TIME", 2), (["--at", "noon", "list"], "'noon' is not a time", 2),
                (["--at", "2600-01-01 00:00", "list"], "is not a time", 2),
                (["--from", "-1m", "--to", "-2m", "list"], "--from is not before --to", 2),
                ([*at, "limits"], "limits cannot show records: use one of list", 2), ([*at, "lst"], "did you mean list?", 2),
                ([*at, "stat", "--vcpus"], "omit --vcpus", 2), ([*at, "list", "9"], "no guest matches '9'", 4),
                ([*at, "--from", "-1m", "list"], "mutually exclusive", 2), (["--to", "-1m", "list"], "--to needs --from", 2)):
            r = b.replay(*args)
            ok(r.returncode == status and text in r.stderr and not r.stdout,
               f"replay {' '.join(args).replace(at[1], 'TIME')} exits with {status} and says: {text}", r)
        r = b.replay("--at", "-1h", "list")
        ok(r.returncode == 1 and "there is no record of" in r.stderr and "the first one is of" in r.stderr and not r.stdout,
           "replay --at a time before the first record fails and names the time of the first one", r)
        for path in b.files("minute") + b.files("ten-minutes"):
            os.unlink(path)
        time.sleep(0.1)
        r = b.replay("--at", later(line, 0.05), "list")
        ok(r.returncode == 1 and "the last one before is of" in r.stderr and not r.stdout,
           "replay --at a time without records fails and names the time of the last one before", r)
        for size in "1", "max", "12x", "1.5G":
            r = b.record("--size", size, "-c", "1")
            ok(r.returncode == 2 and "is not a size of at least 1M" in r.stderr,
               f"record --size {size} exits with 2 and asks for a size of at least 1M", r)
        with b.start("-i", "5") as p:
            p.stdout.readline()
            r = b.record("-c", "1")
            ok(r.returncode == 1 and "another l1tune record writes" in r.stderr,
               "record fails if another l1tune record writes the history", r)
            p.send_signal(signal.SIGTERM)
        equal(p.returncode, 0, "record exits with 0 on SIGTERM")
        equal([oct(os.stat(path).st_mode & 0o777) for path in (b.records, b.files()[0])], ["0o700", "0o600"],
              "only the owner may read the history of record")


def test_truncated():
    with Recorded() as b:
        b.guests(1)
        first = b.recorded()
        for path in b.files("minute") + b.files("ten-minutes"):
            os.unlink(path)
        lines = []
        with b.start("-i", "0.3", "-c", "3") as p:
            for step, line in enumerate(p.stdout, 2):
                lines.append(line)
                b.guests(step)
        for path in b.files("minute") + b.files("ten-minutes"):
            os.unlink(path)
        path = b.files()[-1]
        with open(path, "rb") as f:
            whole = f.read()
        start = whole.rindex(MAGIC)
        ok(0 < start < len(whole) - HEADER_BYTES,
           "the last file of the history has a whole record at its end", [start, len(whole)])
        at = ["--at", json.loads(lines[-1])["time"], "stat", "-J"]
        wrong = []
        for end in range(start, len(whole)):
            with open(path, "wb") as f:
                f.write(whole[:end])
            if b.replay(*at).stdout != lines[-2]:
                wrong.append(end)
        equal(wrong, [],
              f"replay shows the record before one that is truncated at any of its {len(whole) - start} bytes")
        for i in range(start, len(whole)):
            with open(path, "wb") as f:
                f.write(whole[:i] + bytes([whole[i] ^ 0x55]) + whole[i + 1:])
            if b.replay(*at).stdout not in (lines[-2], ""):
                wrong.append(i)
        equal(wrong, [], "replay shows no wrong record if any byte of a record is corrupted")
        with open(path, "wb") as f:
            f.write(whole[:start + 30])
        more = b.recorded()
        equal([b.stat(line).stdout for line in (first, *lines[:-1], more)], [first, *lines[:-1], more],
              "record appends after a truncated record, and replay shows all others")


def test_killed():
    rng = random.Random(2)
    with Recorded() as b:
        lines = []
        for _ in range(12):
            with b.start("-i", "0.01") as p:
                time.sleep(0.05 + rng.random() * 0.15)
                p.kill()
                out = p.stdout.read()
            # Without what was being written.
            lines += [line + "\n" for line in out.rpartition("\n")[0].splitlines()]
        chosen = lines[:: max(1, len(lines) // 60)]
        equal([b.stat(line).stdout == line for line in chosen], [True] * len(chosen) or ["a record"],
              f"replay shows all records written before record was killed at 12 random times ({len(lines)} records)")


def test_restart():
    with Recorded() as b:
        b.guests(3)
        first = b.recorded()
        b.machine.load(loaded_ns=6_000_000_000)
        b.guests(1)
        second = b.recorded()
        equal([b.stat(line).stdout for line in (first, second)], [first, second],
              "replay --at tells guests of the same id from different loads of the module apart")
        r = b.replay("--from", json.loads(first)["time"], "--to", json.loads(second)["time"], "stat", "--noheadings", "-o", "GUEST,REASON,COUNT", "1")
        ok(["1", "CPUID", "6"] in [row.split() for row in r.stdout.splitlines()] and "loaded again" in r.stderr,
           "replay --from --to stat counts from 0 if the module was loaded again, and says so", r)
        shutil.move(b.machine.sys + "/class/l1tune", b.directory + "/gone")
        with b.start("-i", "0.05") as p:
            message = p.stderr.readline()
            ok("is missing" in message or "not loaded" in message, "record says that the module is missing", message)
            shutil.move(b.directory + "/gone", b.machine.sys + "/class/l1tune")
            line = p.stdout.readline()
            p.terminate()
            rest = p.stderr.read()
        equal([b.stat(line).stdout == line, rest, p.returncode], [True, "", 0],
              "record resumes when the module is loaded again, and reports the missing module once")


def test_closed_streams():
    """A file of the history must not be stdout or stderr, to which messages are printed."""
    with Recorded() as b:
        b.guests(1)
        closed = [f"{fd}>&-" for fd in range(3)]
        p = subprocess.Popen(["sh", "-c", f"exec \"$@\" {' '.join(closed)}", "sh", *b.command("record", *b.state, "-i", "60")])
        ok(within(20, lambda: os.path.isdir(b.records) and any(name.startswith("fine") for name in os.listdir(b.records))),
           "record writes a history if stdin, stdout and stderr are closed")
        targets = [os.readlink(f"/proc/{p.pid}/fd/{fd}") for fd in range(3) if os.path.lexists(f"/proc/{p.pid}/fd/{fd}")]
        equal([name for name in targets if name.startswith(b.directory)], [],
              "record opens no file of its own as stdin, stdout or stderr if these are closed")
        p.terminate()
        p.wait()


def test_full_disk():
    with Recorded() as b:
        b.guests(1)
        os.makedirs(b.records)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", b.records], capture_output=True, check=False).returncode:
            skip("a full disk: it says so, and goes on when there is space", "cannot mount a tmpfs")
            return
        try:
            with open(b.records + "/ballast", "wb", buffering=0) as f:
                while within(0, lambda: True):
                    try:
                        f.write(bytes(4096))
                    except OSError:
                        break
            with b.start("-i", "0.05") as p:
                message = p.stderr.readline()
                ok("No space left" in message and "free some space" in message,
                   "record says that the disk is full", message)
                os.unlink(b.records + "/ballast")
                line = p.stdout.readline()
                p.terminate()
                rest = p.stderr.read()
            equal([b.stat(line).stdout == line, rest], [True, ""],
                  "record resumes when the disk has space, and reports the full disk once")
            # The tier that was written to first, in vain.
            for path in b.files("fine") + b.files("ten-minutes"):
                os.unlink(path)
            equal(b.stat(line).stdout, line,
                  "record writes a whole record after a full disk, so that replay needs no lost one")
        finally:
            subprocess.run(["umount", b.records], check=True)


def test_too_large():
    """Any user can have so many VMs, with names that do not compress."""
    rng = random.Random(5)
    with Recorded() as b:
        b.guests(1)
        first = b.recorded()
        files = b.files("minute")
        for number in range(100, 1000):
            text = "".join(rng.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=510))
            b.machine.process(number, ["qemu", "-name", text[:255], "-uuid", text[255:]])
            b.machine.guest(number, pid=number)
        for _ in range(2):
            r = b.record("-J", "-c", "1", "-i", "60", "--size", "1M")
        ok("larger than the history may be" in r.stderr, "record says that a record is larger than the history may be", r.stderr[:200])
        equal([[os.path.exists(path) for path in files], b.stat(first).stdout == first], [[True] * len(files), True],
              "a record that is larger than the history may be removes none of those before it")


def check_size(bench):
    """The whole of a history of 1M is written again and again."""
    bench.recorded()
    [first] = bench.files()
    r = bench.record("-J", "-i", "0.01", "-c", "15", "--size", "1M")
    last = r.stdout.splitlines(True)[-1]
    total = sum(os.path.getsize(os.path.join(bench.records, name)) for name in os.listdir(bench.records))
    ok(1 << 19 < total <= 1 << 20, "record --size 1M writes a history of no more than 1M", total)
    equal([os.path.exists(first), bench.stat(last).stdout == last], [False, True],
          "record --size 1M removes the first record, and replay shows the last one")
    shutil.rmtree(bench.records)


def test_week():
    """How far 256 MB reach: from the size of records that are so far apart as each tier's."""
    rng = random.Random(3)
    with Recorded() as b:
        guests = [Busy(rng, number) for number in range(1, 101)]
        for guest in guests:
            b.machine.guest(guest.number, stats=guest.stats())
            b.machine.process(1000 + guest.number, ["qemu", "-name", f"web{guest.number}"])
        check_size(b)
        sizes = []
        with b.start("-i", "3", "-c", "4") as p:
            for _, seconds in zip(p.stdout, (10, 60, 600, 0)):
                sizes.append(os.path.getsize(b.files()[0]))
                for guest in guests:
                    guest.run_for(seconds)
                    update(f"{b.machine.device(f'l2-{guest.number}')}/stats", guest.stats())
        key, *deltas = [after - before for before, after in zip([0] + sizes, sizes)]
        reach = {}
        for (tier, (seconds, percent)), delta in zip(TIERS.items(), deltas):
            average = delta + (key - delta) / 64
            # One file of 32 may have just been removed.
            reach[tier] = 256 * 2**20 * percent / 100 * 31 / 32 / average * seconds
            print(f"# 100 guests, 30 reasons each, all of them in each interval: {average / 1024:.1f} KiB for each record "
                  f"every {seconds} s; {percent} % of 256 MB reach back {reach[tier] / DAY:.1f} days")
        ok(reach["ten-minutes"] >= 7 * DAY and reach["minute"] >= DAY / 2 and reach["fine"] >= DAY / 4,
           "record fits a week of 100 guests with 30 busy reasons each into 256 MB", reach)


print("KTAP version 1")
for test in (test_equal, test_commands, test_advise, test_wrong, test_truncated, test_killed, test_restart, test_closed_streams, test_full_disk,
             test_too_large, test_week):
    test()
finish()

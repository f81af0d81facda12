#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune top in a terminal, which is tmux's. Usage: test-top.py L1TUNE"""
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from bench import Bench, equal, finish, ok, on_terminal, wait_for_look
from charged import charge, tenant
from fake import cell, fixed, hist, parts_ns, split

MS = 1_000_000
NAMES = {1: "web", 2: "gr\u00fcn", 3: "db\x1b[2J"}


def exits(number, n):
    """What guest number has done after n rounds; each is busier than the next."""
    io = n * 100 // number
    return [split(2, 30, "IO_INSTRUCTION", io, 9 * MS, hist(b19=io), kernel=io * 0.05, vmm=io * 0.15,
                  blocked=io * 0.05, runq=io * 0.05),
            split(2, 12, "HLT", n, 99 * MS, hist(b33=n), kernel=n, vmm_sleep=n * 9, halted=n * 90),
            split(3, 10, "CPUID", n * number * number * 50, 9000, hist(b10=n * number * number * 50), kernel=n / 1000),
            fixed(exits=io + n + n * number * number * 50, exit_time_ns=io * 300_000 + n * 100 * MS,
                  guest_time_ns=n * 50 * MS)]


def guests(bench, number=3):
    for n in range(1, number + 1):
        bench.machine.guest(n, exits(n, 1), vcpus=n, nested="running")
        if n in NAMES:
            bench.machine.process(1000 + n, ["qemu", "-name", NAMES[n]])


class Running(threading.Thread):
    """Keeps the guests going; more(number, n) has cells that a guest has besides."""

    def __init__(self, bench, more=lambda number, n: []):
        super().__init__()
        self.bench = bench
        self.more = more
        self.is_over = threading.Event()

    def run(self):
        n = 1
        while not self.is_over.wait(0.05):
            n += 1
            for number in 1, 2, 3:
                self.bench.machine.exits(number, [*self.more(number, n), *exits(number, n)])

    def __enter__(self):
        self.start()

    def __exit__(self, *_):
        self.is_over.set()
        self.join()


class Terminal:
    """l1tune top in a terminal of its own."""

    def __init__(self, bench, *args, columns=80, lines=24, locale="C.UTF-8", before="", **env):
        self.socket = tempfile.mktemp(prefix="tmux-", dir=bench.directory)
        command = shlex.join(bench.command("top", *args))
        env = " ".join(f"{k}={shlex.quote(v)}" for k, v in env.items())
        script = f"{before} {env} {command}; echo status=$?; exec sleep 60"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines),
                  f"LC_ALL={locale} sh -c {shlex.quote(script)}")

    def tmux(self, *args):
        return subprocess.run(["tmux", "-u", "-S", self.socket, *args], capture_output=True,
                              text=True, check=False, timeout=20,
                              env=os.environ | {"LC_ALL": "C.UTF-8"}).stdout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # What loses its terminal looks for leaks of memory for ever.
        try:
            os.kill(self.pid(), signal.SIGKILL)
        except (OSError, ValueError, IndexError):
            pass
        self.tmux("kill-server")

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def screen(self, *args):
        """When it has been the same for a moment: one may be half drawn."""
        before = None
        for _ in range(20):
            now = self.tmux("capture-pane", "-p", *args)
            if now == before:
                break
            before = now
            time.sleep(0.05)
        return now

    def shows(self, pattern, name, *args, seconds=10):
        """Waits for it; what there is instead goes into the report."""
        end = time.time() + seconds
        while not (found := re.search(pattern, screen := self.screen(*args), re.M | re.S)):
            if time.time() > end:
                break
            time.sleep(0.05)
        ok(found, name, screen)
        return screen

    def pid(self):
        shell = self.tmux("list-panes", "-F", "#{pane_pid}").strip()
        with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as f:
            return int(f.read().split()[0])


def order(screen):
    """The guests from the top."""
    return re.findall(r"^ *(\d+) ", screen, re.M)


def test_once():
    with Bench() as b:
        guests(b)
        p = subprocess.Popen(b.command("top", "--once", "-d", "1"), stdout=subprocess.PIPE,
                             text=True, env=os.environ | {"LC_ALL": "C.UTF-8"})
        wait_for_look(p)
        for n in 1, 2, 3:
            b.machine.exits(n, exits(n, 2))
        text = p.communicate(timeout=20)[0]
        equal(p.returncode, 0, "--once")
        lines = re.sub(r"\d\d:\d\d:\d\d  1\.0\ds", "TIME", text).splitlines()
        # An interval is a little longer than it should be: so are rates smaller.
        rates = [re.sub(r"\d+(\.\d+)?%|\d+(\.\d+)?/s|(?<= )\d\d+(?= )|(?<= )\d\.\d\d(?= )",
                        "N", line)
                 for line in lines]
        equal([re.sub(" +", " ", line) for line in rates], [
            "l1tune top TIME 3 guests, 6 vCPUs",
            "exits N kernel N vmm N blocked N runq N guest N",
            " ID NAME VCPU EXITS/S KERNEL VMM BLOCK RUNQ GUEST BUSY",
            " 1 web 1 N N N N N N N \u258f",
            " 2 gr\u00fcn 2 N N N N N N N",
            " 3 db\\x1b[2J 3 N N N N N N N",
            "",
            "REASON (all) EXITS/S AVG P99 KERNEL VMM BLOCK RUNQ SHARE",
            "IO_INSTRUCTION N 300\u00b5s 524\u00b5s N N N N N \u2588\u2588\u2588\u2588\u258b",
            "HLT N 100ms >4.29s N N N N N \u258d",
            "L3 CPUID N 4ns 1.02\u00b5s N N N N N",
        ], "--once: the text")
        numbers = lines[3].split()
        ranges = (140, 151), (0.5, 0.6), (1.4, 1.5), (0.4, 0.5), (0.4, 0.5), (4.6, 5), (1.9, 2.1)
        ok(all(low <= float(x.rstrip("%")) <= high for x, (low, high) in zip(numbers[3:], ranges)),
           "--once: rates of a guest", lines[3])
        ok(max(map(len, lines)) <= 80, "--once: 80 columns", text)
        r = b.run("top", "--once", "-d", "0.1", "web", locale="C")
        ok("3 guests" not in r.stdout and " web " in r.stdout and "\u2588" not in r.stdout,
           "--once: one guest, in ASCII", r)
        r = subprocess.run(b.command("top", "--once", "-d", "0.1"), capture_output=True, text=True,
                           check=False, env=os.environ | {"COLUMNS": "120"})
        ok("NESTED" in r.stdout and "running" in r.stdout and
           80 < max(map(len, r.stdout.splitlines())) <= 120, "--once: COLUMNS", r.stdout)
        r = b.run("top", "--once", "-d", "0.1", "nosuch")
        equal([r.returncode, r.stdout], [4, ""], "--once: no such guest")
        r = b.run("top", "-J", "--once", "-d", "0.1")
        equal(len(json.loads(r.stdout)["l2"]), 3, "--json --once is an interval of stat")
        r = b.run("top", stdin=subprocess.DEVNULL)
        ok(r.returncode == 1 and "--once" in r.stderr and not r.stdout, "not a terminal", r)
        for args in (["-d", "0"], ["-n", "0"], ["-i", "1"], ["--vcpus"]):
            equal(b.run("top", *args).returncode, 2, f"usage: top {' '.join(args)}")
    with Bench() as b:
        b.machine.guest(1, [cell(2, 12, "HLT", 1, 1, 1, hist(b9=1))])
        r = b.run("top", "--once", "-d", "0.1")
        ok(" busy 0.0%" in r.stdout and re.search(r"vmm .* - +- +- +- ", r.stdout),
           "--once: an older module", r.stdout)
    with Bench() as b:
        r = b.run("top", "--once", "-d", "0.1")
        ok(r.returncode == 0 and "no guests" in r.stdout, "--once: no guests", r)
    with Bench(load=False) as b:
        r = b.run("top", "--once")
        ok(r.returncode == 3 and "modprobe" in r.stderr and not r.stdout, "--once: no module", r)


def test_paused():
    with Bench() as b:
        def round_(n):
            return ([split(2, 30, "IO_INSTRUCTION", 1, MS, hist(b33=1), vmm_sleep=n * 900)],
                    [split(2, 10, "CPUID", n, MS, hist(b20=n), kernel=n)], exits(3, n))
        for number, cells in enumerate(round_(1), 1):
            b.machine.guest(number, cells)
        p = subprocess.Popen(b.command("top", "--once", "-d", "1"), stdout=subprocess.PIPE, text=True)
        wait_for_look(p)
        for number, cells in enumerate(round_(2), 1):
            b.machine.exits(number, cells)
        text = p.communicate(timeout=20)[0]
        equal(order(text), ["3", "2", "1"], "a paused guest is last, however long it has been paused")


def panels(text):
    """(columns, rows of numbers) of the guests' panel and of the reasons'; a first column may have blanks."""
    lines, found = text.splitlines(), []
    for i, line in enumerate(lines):
        if re.match(r" *ID NAME|REASON ", line):
            names = re.sub(r"^( *ID NAME|REASON \([^)]*\))", "", line).split()
            rows = []
            for row in lines[i + 1:]:
                if not row:
                    break
                rows.append(re.sub("[\u2588-\u258f]+$", "", row).split()[-len(names):])
            found.append((names, rows))
    return found


def test_narrow():
    with Bench() as b:
        guests(b)
        long = "payments-" + "x" * 60 + "-eu-west-1"
        b.machine.process(1001, ["qemu", "-name", long])
        seen = {}
        for width in 200, 110, 109, 96, 80, 76, 60, 50, 40, 30, 20:
            p = subprocess.Popen(b.command("top", "--once", "-d", "0.3"), stdout=subprocess.PIPE, text=True,
                                 env=os.environ | {"LC_ALL": "C.UTF-8", "COLUMNS": str(width)})
            text = p.communicate(timeout=20)[0]
            seen[width] = text
            number = r"\d+(\.\d+)?%?|>?\d+(\.\d+)?(ns|\u00b5s|ms|s)|-|running"
            cut = [row for names, rows in panels(text) for row in rows
                   if len(row) != len(names) or not all(re.fullmatch(number, value) for value in row)]
            ok(max(map(len, text.splitlines())) <= width and not cut,
               f"{width} columns: no line is longer, and each number is whole", (cut, text))
        ok(all("hidden" not in seen[width] for width in (200, 110, 109, 96, 80, 76)) and
           all(re.search(r"^l1tune top  \d+ columns hidden", seen[width]) for width in (60, 50, 40, 30)),
           "columns are left out below 76 columns only, and a word says so", seen[60])
        ok(all(" pay" in seen[width] and re.search("\u2026\\S*-1 ", seen[width]) for width in (80, 76, 60, 50)) and
           long[:14] not in seen[76], "a long name loses its middle before columns are left out", seen[76])
        ok("NAME" in seen[60] and "EXITS/S" in seen[60] and "BUSY" in seen[60] and 
           "BLOCK" not in seen[60].split("REASON")[0], "at 60 columns exits and busy time are shown, BLOCK is not", seen[60])
        names = {width: [names for names, _ in panels(seen[width])] for width in seen}
        equal(names[80], ["VCPU EXITS/S KERNEL VMM BLOCK RUNQ GUEST BUSY".split(),
                          "EXITS/S AVG P99 KERNEL VMM BLOCK RUNQ SHARE".split()], "columns at 80")
        equal([names[109], names[96]], [names[80]] * 2, "the same ones up to 109")
        equal(names[110], ["VCPU NESTED EXITS/S KERNEL VMM SLEEP HALTED BLOCK RUNQ THROT GUEST BUSY".split(),
                           "EXITS/S AVG P50 P99 KERNEL VMM SLEEP HALTED BLOCK RUNQ THROT SHARE".split()],
              "from 110 on all parts, P50 and NESTED")
        r = subprocess.run(b.command("top", "--once", "-d", "0.1"), capture_output=True, text=True, check=False,
                           env=os.environ | {"LC_ALL": "C", "COLUMNS": "60"})
        ok(re.search(r" pay\S*~\S*-1 ", r.stdout), "in ASCII a ~ stands for the middle of a name", r.stdout)
        shown = on_terminal(b.command("top", "-d", "0.1", "-n", "2"), 60, TERM="dumb")
        ok(shown.count("l1tune top") == 2 and "\x1b" not in shown and max(map(len, shown.splitlines())) <= 60,
           "a dumb terminal gets each interval as text", shown)
    with Bench() as b:
        b.machine.guest(1, exits(1, 1), vcpus=128)
        b.machine.process(1001, ["qemu", "-name", "\u6f22" * 30])
        r = subprocess.run(b.command("top", "--once", "-d", "0.1"), capture_output=True, text=True, check=False,
                           env=os.environ | {"LC_ALL": "C.UTF-8", "COLUMNS": "60"})
        line = [line for line in r.stdout.splitlines() if "\u6f22" in line][0]
        ok("\u2026" in line and " 128 " not in line and r.returncode == 0, "a name of wide characters is shortened too", r)


def test_keys():
    with Bench() as b:
        guests(b)
        with Running(b), Terminal(b, "-d", "0.5") as t:
            t.shows("3 guests, 6 vCPUs", "the first interval")
            screen = t.shows(r"IO_INSTRUCTION +[1-9]", "exits")
            equal(order(screen), ["1", "2", "3"], "by busy time")
            for keys, expected, name in ((["i", "R"], "321", "i and R: numbers, the other way"),
                                         (["R", "e"], "321", "e: by exits"),
                                         (["n"], "321", "n: by name"), (["m"], "123", "m: by vmm"),
                                         (["i"], "123", "i: by number")):
                t.keys(*keys)
                time.sleep(0.4)
                equal("".join(order(t.screen())), expected, name)
            t.tmux("resize-window", "-x", "120", "-y", "24")
            for key, heading in zip("ebkmzlortgni", "EXITS/S BUSY KERNEL VMM SLEEP HALTED BLOCK RUNQ THROT GUEST NAME ID".split()):
                t.keys(key)
                t.shows(r"\x1b\[(\d+;)*4(;\d+)*m(\x1b\[[\d;]*m)* *" + heading, f"{key}: by {heading}", "-e")
            t.tmux("resize-window", "-x", "80", "-y", "24")
            t.keys("Down", "Down")
            t.shows(r"REASON \(gr\u00fcn\)", "down: the second guest's reasons")
            t.keys("Up", "Up")
            t.shows(r"REASON \(all\)", "up: those of all")
            t.keys("Up")
            t.shows(r"REASON \(db\\", "up: the last guest's")
            t.keys("Escape")
            t.shows(r"REASON \(all\)", "Escape: those of all")
            t.keys("/", "w", "e", "x")
            t.shows(r"filter: wex_", "/ asks for a filter")
            t.keys("BSpace", "Enter")
            screen = t.shows("1 guest, 1 vCPU +filter: we$", "part of a name")
            equal(order(screen), ["1"], "it filters")
            t.keys("/", "BSpace", "BSpace", "p", "i", "d", ":", "1", "0", "0", "2", "Enter")
            equal(order(t.shows("filter: pid:1002", "a process")), ["2"], "it filters too")
            t.keys("/", *["BSpace"] * 8, "Z", "Z", "Enter")
            t.shows("no guest matches", "none is like that")
            t.keys("/", "BSpace", "BSpace", "Enter")
            t.shows("3 guests", "an empty filter")
            t.keys("v")
            ok("VCPU" in t.shows(r"\A(?!.*REASON)", "v: without reasons"), "guests")
            t.keys("v")
            ok("VCPU" not in t.shows("REASON", "v: reasons"), "without guests")
            t.keys("v", "h")
            t.shows("Any key returns", "h: help")
            t.keys("x")
            t.shows("3 guests", "and back")
            t.tmux("resize-window", "-x", "120", "-y", "40")
            t.shows("NESTED.*THROT", "a larger terminal")
            equal(len(t.screen().splitlines()), 40, "all of its lines")
            t.tmux("resize-window", "-x", "30", "-y", "5")
            t.shows("l1tune top", "a tiny one")
            t.tmux("resize-window", "-x", "80", "-y", "24")
            screen = t.shows("h help", "and back")
            ok(max(map(len, screen.splitlines())) <= 80, "80 columns", screen)
            t.keys("q")
            screen = t.shows("status=0", "q: the terminal is given back")
            ok("l1tune top" not in screen, "as it was", screen)


def charge_all(bench):
    """Guests 1 and 2 to tenant 7, guest 1 also to tenant 12 in it, guest 3 to none."""
    for number, cgroup, *numbers in (1, "/a/x", 7, 12), (2, "/a/y", 7), (3, "/free"):
        charge(bench.machine, number, cgroup, *numbers)
    tenant(bench.machine, 7, "/a")
    tenant(bench.machine, 12, "/a/x")


def cgroups(text):
    """Of each row its tenant and numbers; of each reason its exits."""
    upper, _, lower = text.partition("\n\n")
    rows = {words[1]: [words[0], *words[2:]] for words in map(str.split, upper.splitlines()[3:])}
    reasons = {re.split("  +", line)[0]: line.split()[-8] for line in lower.splitlines()[1:4]}
    return rows, reasons


def test_by_cgroup():
    with Bench() as b:
        guests(b)
        charge_all(b)
        p = subprocess.Popen(b.command("top", "--once", "-d", "1", "--by", "cgroup"), stdout=subprocess.PIPE, text=True,
                             env=os.environ | {"LC_ALL": "C"})
        wait_for_look(p)
        for n in 1, 2, 3:
            b.machine.exits(n, exits(n, 2))
        text = p.communicate(timeout=20)[0]
        rows, _ = cgroups(text)
        equal({name: row[:2] for name, row in rows.items()}, {"/a": ["7", "3"], "/a/x": ["12", "1"], "/free": ["-", "3"]},
              "--by cgroup: tenants, and what no tenant has, with their vCPUs")
        # What guests did in a second, which takes a little longer.
        did = {"/a": 151 + 251, "/a/x": 151, "/free": 484}
        ok(all(0.93 * did[name] <= float(row[2]) <= did[name] for name, row in rows.items()), "with the exits of their guests", text)
        total = float(re.search(r"exits (\d+)/s", text)[1])
        ok(0.93 * 886 <= total <= 886 and "3 guests, 6 vCPUs" in text, "a guest of two tenants is counted once in the total", text)
        r = subprocess.run(b.command("top", "--once", "-d", "0.1", "--by", "cgroup"), capture_output=True, text=True, check=False,
                           env=os.environ | {"LC_ALL": "C", "COLUMNS": "150"})
        equal([(words[0], words[1], words[2]) for words in map(str.split, r.stdout.partition("\n\n")[0].splitlines()[3:])],
              [("7", "/a", "2"), ("12", "/a/x", "1"), ("-", "/free", "1")], "a wide terminal has how many guests each has")
        r = b.run("top", "--once", "-d", "0.1", "--by", "cgroup", "2")
        equal(list(cgroups(r.stdout)[0]), ["/a"], "of one guest those that have it")
        d = json.loads(b.run("top", "-J", "--once", "-d", "0.1", "--by", "cgroup").stdout)
        equal([(c["tenant"], c["cgroup"], c["guests"]) for c in d["cgroups"]], [(7, "/a", 2), (12, "/a/x", 1), (None, "/free", 1)],
              "--json has them as stat has")
        r = b.run("top", "--once", "--by", "user")
        ok(r.returncode == 2 and "--by: invalid value 'user': use cgroup" in r.stderr, "usage: top --by user", r)
    with Bench() as b:
        guests(b)
        r = b.run("top", "--once", "-d", "0.1", "--by", "cgroup")
        ok(r.returncode == 0 and "tenants are unknown here" in r.stderr, "a module without tenants", r)


def test_by_cgroup_keys():
    with Bench() as b:
        guests(b)
        charge_all(b)
        with Running(b), Terminal(b, "-d", "0.5") as t:
            t.shows(r"ID NAME.* web ", "guests")
            t.keys("Down", "c")
            t.shows(r"TENANT CGROUP.* 7 /a .* - /free .*REASON \(all\)", "c: by control group, of all")
            t.keys("n", "Down")
            t.shows(r"REASON \(/a\).*IO_INSTRUCTION +[1-9]", "down: the reasons of the first one's guests")
            t.keys("Down", "Down")
            t.shows(r"REASON \(/free\)", "of one without a number, too")
            t.keys("Up")
            t.shows(r"REASON \(/a/x\)", "up")
            t.keys("/", "y", "Enter")
            screen = t.shows("1 guest, 2 vCPUs +filter: y$", "a part of the path of guests")
            ok(re.search(r"^ +7 /a +2 ", screen, re.M) and "/free" not in screen, "a tenant has only those then", screen)
            t.keys("c", "/", "BSpace", "Enter")
            t.shows(r"ID NAME.* web ", "c: by guest again")


def test_ends():
    with Bench() as b:
        guests(b)
        with Terminal(b, "-d", "0.2", "-n", "2") as t:
            t.shows("status=0", "-n 2 ends after two")
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        with Bench() as b:
            guests(b)
            with Terminal(b) as t:
                t.shows("3 guests", "it runs")
                os.kill(t.pid(), number)
                screen = t.shows("status=0", f"signal {number}: the terminal is given back")
                ok("l1tune top" not in screen, "as it was", screen)
    with Bench() as b:
        with Terminal(b, TERM="nosuch") as t:
            t.shows("'nosuch' is not supported.*--once.*status=1", "a terminal that is not known")
    with Bench() as b:
        guests(b)
        for n in 1, 2, 3:
            b.machine.exits(n, exits(n, 1))
        for env, colors in (({}, True), ({"NO_COLOR": "1"}, False)):
            with Terminal(b, **env) as t:
                t.shows("3 guests", "it runs")
                escapes = re.findall(r"\x1b\[[0-9;]*m", t.screen("-e"))
                equal(any(re.search(r"\b3[1-6]m", e) for e in escapes), colors, f"colours: {env}")


def test_new_reason():
    with Bench() as b:
        guests(b)
        is_faulting = threading.Event()

        def faults(number, n):
            if number != 1 or not is_faulting.is_set():
                return []
            return [cell(2, 48, "EPT_VIOLATION", n * 10, n * 10_000, 9000, hist(b10=n * 10), **parts_ns(kernel=n * 10_000))]

        # It exits until the end: a reason that had no exits in an interval is not shown.
        with Running(b, faults), Terminal(b, "-d", "0.3") as t:
            t.shows(r"REASON \(all\)", "guests whose statistics are kept open")
            is_faulting.set()
            screen = t.shows(r"^EPT_VIOLATION +[1-9]", "a reason that appears while it runs is shown")
            ok(re.search(r"^IO_INSTRUCTION +[1-9]", screen, re.M), "the other reasons are still counted right", screen)
            t.keys("q")
            t.shows("status=0", "it ends without an error of memory")


def test_gone():
    with Bench() as b:
        guests(b, 20)
        with Terminal(b, "-d", "0.2") as t:
            t.shows("20 guests", "20 guests")
            fds = f"/proc/{t.pid()}/fd"
            before = len(os.listdir(fds))
            for n in range(2, 21):
                b.remove(n)
            t.shows("1 guest, 1 vCPU\n", "19 of them go")
            after = len(os.listdir(fds))
            ok(before - after == 5 * 19, "files of guests that went are closed", (before, after))


def test_changes():
    with Bench() as b:
        guests(b)
        with Terminal(b, "-d", "1") as t:
            t.shows("3 guests", "three guests")
            b.remove(2)
            b.machine.guest(7, exits(7, 1))
            screen = t.shows(r"3 guests, .* 1 ended", "one goes and one comes")
            ok(re.search(r"^ +2 gr\u00fcn +2 +ended", screen, re.M), "the one that went is marked",
               screen)
            ok(re.search("^ +7 vmm ", screen, re.M), "the one that came is there", screen)
            screen = t.shows(r"3 guests, \d+ vCPUs\n", "an interval later")
            ok(not re.search("^ +2 ", screen, re.M), "it is gone", screen)
            b.machine.guest(8, stats=b"damaged")
            t.shows("l2-8/stats: the file ends too early", "a damaged file is named")
            b.remove(8)
            t.shows("q quit", "and forgotten")
            class_ = b.machine.sys + "/class/l1tune"
            shutil.rmtree(class_)
            screen = t.shows("the module (was unloaded|is not loaded)", "the module goes")
            t.shows("no guests", "and with it the guests")
            for n in 1, 3, 7:
                b.remove_device(n)
            b.machine.load(loaded_ns=6_000_000_000)
            b.machine.guest(1, exits(1, 1))
            screen = t.shows("1 guest, ", "it comes again")
            equal(order(screen), ["1"], "with another guest of the same number")
            b.machine.process(1001, ["qemu", "-name", "reborn"])
            b.machine.guest(1, exits(1, 1))
            b.machine.load(loaded_ns=7_000_000_000)
            t.shows("^ *1 reborn ", "and again, within an interval")
            t.keys("q")
            t.shows("status=0", "q")
    with Bench(load=False) as b:
        with Terminal(b) as t:
            t.shows("modprobe l1tune.*status=3", "no module")
    with Bench() as b:
        with Terminal(b, "-d", "0.2") as t:
            t.shows("0 guests.*no guests; l1tune list -a", "no guests")
            guests(b)
            t.shows("3 guests", "some come")
    with Bench() as b:
        guests(b)
        with Terminal(b, "-d", "0.2", "web") as t:
            t.shows("1 guest, 1 vCPU", "one guest")
            b.remove(1)
            t.shows("no guest matches 'web'", "a guest that ends is reported as missing")
    with Bench() as b:
        guests(b, 200)
        with Terminal(b, "-d", "0.5", before="ulimit -Sn 64;") as t:
            t.shows("200 guests", "200 guests, and 64 open files at first")
            t.keys("i", "R")
            time.sleep(0.2)
            equal(order(t.screen())[:3], ["200", "199", "198"], "the last ones first")
            t.keys(*["Down"] * 40)
            t.shows("^ *161 ", "down beyond the last line")
            t.keys("q")
            t.shows("status=0", "q")


print("KTAP version 1")
for test in test_once, test_paused, test_narrow, test_by_cgroup:
    test()
if shutil.which("tmux"):
    for test in test_keys, test_by_cgroup_keys, test_ends, test_new_reason, test_gone, test_changes:
        test()
else:
    print("# no tmux: the tests on a terminal are left out")
finish()

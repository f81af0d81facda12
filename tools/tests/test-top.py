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
        equal(p.returncode, 0, "top --once exits with 0")
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
        ], "top --once prints the table without a terminal")
        numbers = lines[3].split()
        ranges = (140, 151), (0.5, 0.6), (1.4, 1.5), (0.4, 0.5), (0.4, 0.5), (4.6, 5), (1.9, 2.1)
        ok(all(low <= float(x.rstrip("%")) <= high for x, (low, high) in zip(numbers[3:], ranges)),
           "top --once prints a guest's exit rate and the shares of its time", lines[3])
        ok(max(map(len, lines)) <= 80, "top --once fits into 80 columns by default", text)
        r = b.run("top", "--once", "-d", "0.1", "web", locale="C")
        ok("3 guests" not in r.stdout and " web " in r.stdout and "\u2588" not in r.stdout,
           "top --once GUEST shows that guest only, in ASCII in the C locale", r)
        r = subprocess.run(b.command("top", "--once", "-d", "0.1"), capture_output=True, text=True,
                           check=False, env=os.environ | {"COLUMNS": "120"})
        ok("NESTED" in r.stdout and "running" in r.stdout and
           80 < max(map(len, r.stdout.splitlines())) <= 120, "top --once uses the width that COLUMNS sets", r.stdout)
        r = b.run("top", "--once", "-d", "0.1", "nosuch")
        equal([r.returncode, r.stdout], [4, ""], "top --once exits with 4 if no guest matches")
        r = b.run("top", "-J", "--once", "-d", "0.1")
        equal(len(json.loads(r.stdout)["l2"]), 3, "top --json --once lists all guests")
        r = b.run("top", stdin=subprocess.DEVNULL)
        ok(r.returncode == 1 and "--once" in r.stderr and not r.stdout,
           "top without a terminal exits with 1 and refers to --once", r)
        for args, said in ((["-d", "0"], "--delay: '0' is not a number of seconds"), (["-n", "0"], "--count: '0' is not a whole number"),
                           (["-i", "1"], "unknown option '-i'"), (["--vcpus"], "unknown option '--vcpus'")):
            r = b.run("top", *args)
            ok(r.returncode == 2 and said in r.stderr and not r.stdout, f"top {' '.join(args)} exits with 2 and says: {said}", r)
    with Bench() as b:
        b.machine.guest(1, [cell(2, 12, "HLT", 1, 1, 1, hist(b9=1))])
        r = b.run("top", "--once", "-d", "0.1")
        ok(" busy 0.0%" in r.stdout and re.search(r"vmm .* - +- +- +- ", r.stdout),
           "top --once prints - for the parts of time if an older module has none", r.stdout)
    with Bench() as b:
        r = b.run("top", "--once", "-d", "0.1")
        ok(r.returncode == 0 and "no guests" in r.stdout, "top --once without guests exits with 0 and says so", r)
    with Bench(load=False) as b:
        r = b.run("top", "--once")
        ok(r.returncode == 3 and "modprobe" in r.stderr and not r.stdout,
           "top --once without the module exits with 3 and says how to load it", r)


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
        equal(order(text), ["3", "2", "1"], "top puts a paused guest last, however long it has been paused")


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
        # Only a reason that exits has a row.
        with Running(b):
            for width in 200, 110, 109, 96, 80, 76, 60, 50, 40, 30, 20:
                p = subprocess.Popen(b.command("top", "--once", "-d", "0.3"), stdout=subprocess.PIPE, text=True,
                                     env=os.environ | {"LC_ALL": "C.UTF-8", "COLUMNS": str(width)})
                text = p.communicate(timeout=20)[0]
                seen[width] = text
                number = r"\d+(\.\d+)?%?|>?\d+(\.\d+)?(ns|\u00b5s|ms|s)|-|running"
                found = panels(text)
                cut = [row for names, rows in found for row in rows
                       if len(row) != len(names) or not all(re.fullmatch(number, value) for value in row)]
                ok(max(map(len, text.splitlines())) <= width and [len(rows) for _, rows in found] == [3, 3] and not cut,
                   f"top at a width of {width} columns has the rows of all guests and reasons, no longer line, and cuts no number", (cut, text))
        ok(all("hidden" not in seen[width] for width in (200, 110, 109, 96, 80, 76)) and
           all(re.search(r"^l1tune top  \d+ columns hidden", seen[width]) for width in (60, 50, 40, 30)),
           "top hides columns only at a width below 76, and prints how many", seen[60])
        ok(all(" pay" in seen[width] and re.search("\u2026\\S*-1 ", seen[width]) for width in (80, 76, 60, 50)) and
           long[:14] not in seen[76], "top shortens a long name in the middle before it hides columns", seen[76])
        ok("NAME" in seen[60] and "EXITS/S" in seen[60] and "BUSY" in seen[60] and 
           "BLOCK" not in seen[60].split("REASON")[0],
           "top at a width of 60 shows NAME, EXITS/S and BUSY, but not BLOCK", seen[60])
        names = {width: [names for names, _ in panels(seen[width])] for width in seen}
        equal(names[80], ["VCPU EXITS/S KERNEL VMM BLOCK RUNQ GUEST BUSY".split(),
                          "EXITS/S AVG P99 KERNEL VMM BLOCK RUNQ SHARE".split()],
              "top at a width of 80 shows the default columns of guests and reasons")
        equal([names[109], names[96]], [names[80]] * 2, "top at widths of 96 and 109 shows the same columns as at 80")
        equal(names[110], ["VCPU NESTED EXITS/S KERNEL VMM SLEEP HALTED BLOCK RUNQ THROT GUEST BUSY".split(),
                           "EXITS/S AVG P50 P99 KERNEL VMM SLEEP HALTED BLOCK RUNQ THROT SHARE".split()],
              "top at a width of 110 adds NESTED, P50 and all parts of time")
        r = subprocess.run(b.command("top", "--once", "-d", "0.1"), capture_output=True, text=True, check=False,
                           env=os.environ | {"LC_ALL": "C", "COLUMNS": "60"})
        ok(re.search(r" pay\S*~\S*-1 ", r.stdout),
           "top in the C locale prints ~ for the middle of a long name", r.stdout)
        shown = on_terminal(b.command("top", "-d", "0.1", "-n", "2"), 60, TERM="dumb")
        ok(shown.count("l1tune top") == 2 and "\x1b" not in shown and max(map(len, shown.splitlines())) <= 60,
           "top on a dumb terminal prints each interval as plain text", shown)
    with Bench() as b:
        b.machine.guest(1, exits(1, 1), vcpus=128)
        b.machine.process(1001, ["qemu", "-name", "\u6f22" * 30])
        r = subprocess.run(b.command("top", "--once", "-d", "0.1"), capture_output=True, text=True, check=False,
                           env=os.environ | {"LC_ALL": "C.UTF-8", "COLUMNS": "60"})
        line = [line for line in r.stdout.splitlines() if "\u6f22" in line][0]
        ok("\u2026" in line and " 128 " not in line and r.returncode == 0,
           "top shortens a name of double-width characters", r)


def test_keys():
    with Bench() as b:
        guests(b)
        with Running(b), Terminal(b, "-d", "0.5") as t:
            t.shows("3 guests, 6 vCPUs", "top shows the number of guests and vCPUs")
            screen = t.shows(r"IO_INSTRUCTION +[1-9]", "top shows the exits of a reason")
            equal(order(screen), ["1", "2", "3"], "top sorts guests by busy time by default")
            # Each key changes the order that the one before has left.
            for keys, expected, name in ((["i", "R"], "321", "top keys i and R sort guests by number in reverse"),
                                         (["R"], "123", "top key R pressed twice restores the order"),
                                         (["e"], "321", "top key e sorts guests by exit rate"),
                                         (["m"], "123", "top key m sorts guests by VMM time"),
                                         (["n"], "321", "top key n sorts guests by name"),
                                         (["i"], "123", "top key i sorts guests by number")):
                t.keys(*keys)
                time.sleep(0.4)
                equal("".join(order(t.screen())), expected, name)
            t.tmux("resize-window", "-x", "120", "-y", "24")
            for key, heading in zip("ebkmzlortgni", "EXITS/S BUSY KERNEL VMM SLEEP HALTED BLOCK RUNQ THROT GUEST NAME ID".split()):
                t.keys(key)
                t.shows(r"\x1b\[(\d+;)*4(;\d+)*m(\x1b\[[\d;]*m)* *" + heading,
                        f"top key {key} underlines {heading} as the sort column", "-e")
            t.tmux("resize-window", "-x", "80", "-y", "24")
            t.keys("Down", "Down")
            t.shows(r"REASON \(gr\u00fcn\)", "top key Down pressed twice shows the reasons of the second guest")
            t.keys("Up", "Up")
            t.shows(r"REASON \(all\)", "top key Up above the first guest shows the reasons of all guests")
            t.keys("Up")
            t.shows(r"REASON \(db\\", "top key Up without a selection shows the reasons of the last guest")
            t.keys("Escape")
            t.shows(r"REASON \(all\)", "top key Escape shows the reasons of all guests")
            t.keys("/", "w", "e", "x")
            t.shows(r"filter: wex_", "top key / prompts for a filter")
            t.keys("BSpace", "Enter")
            screen = t.shows("1 guest, 1 vCPU +filter: we$", "top accepts a part of a name as a filter")
            equal(order(screen), ["1"], "top with a filter by name lists the matching guest only")
            t.keys("/", "BSpace", "BSpace", "p", "i", "d", ":", "1", "0", "0", "2", "Enter")
            equal(order(t.shows("filter: pid:1002", "top accepts pid:PID as a filter")), ["2"],
                  "top with a filter by PID lists the matching guest only")
            t.keys("/", *["BSpace"] * 8, "Z", "Z", "Enter")
            t.shows("no guest matches", "top says so if no guest matches the filter")
            t.keys("/", "BSpace", "BSpace", "Enter")
            t.shows("3 guests", "top shows all guests after the filter is emptied")
            t.keys("v")
            ok("VCPU" in t.shows(r"\A(?!.*REASON)", "top key v hides the reasons"),
               "top key v still shows the guests")
            t.keys("v")
            ok("VCPU" not in t.shows("REASON", "top key v pressed twice shows the reasons"),
               "top key v pressed twice hides the guests")
            t.keys("v", "h")
            t.shows("Any key returns", "top key h shows the help")
            t.keys("x")
            t.shows("3 guests", "top leaves the help on any key")
            t.tmux("resize-window", "-x", "120", "-y", "40")
            t.shows("NESTED.*THROT", "top shows more columns after the terminal is enlarged")
            ok("h help" in t.screen().splitlines()[39], "top uses all lines of an enlarged terminal", t.screen())
            t.tmux("resize-window", "-x", "30", "-y", "5")
            t.shows("l1tune top", "top still draws after the terminal shrinks to 30 by 5")
            t.tmux("resize-window", "-x", "80", "-y", "24")
            screen = t.shows("h help", "top draws the whole screen again after a tiny terminal is enlarged")
            ok(max(map(len, screen.splitlines())) <= 80, "top fits into 80 columns after resizes", screen)
            t.keys("q")
            screen = t.shows("status=0", "top key q exits with 0")
            ok("l1tune top" not in screen, "top key q restores the screen", screen)


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
              "top --by cgroup lists tenants, and cgroups without a tenant, with their vCPUs")
        # What guests did in a second, which takes a little longer.
        did = {"/a": 151 + 251, "/a/x": 151, "/free": 484}
        ok(all(0.93 * did[name] <= float(row[2]) <= did[name] for name, row in rows.items()),
           "top --by cgroup sums the exit rates of each cgroup's guests", text)
        total = float(re.search(r"exits (\d+)/s", text)[1])
        ok(0.93 * 886 <= total <= 886 and "3 guests, 6 vCPUs" in text,
           "top --by cgroup counts a guest of two tenants once in the total", text)
        r = subprocess.run(b.command("top", "--once", "-d", "0.1", "--by", "cgroup"), capture_output=True, text=True, check=False,
                           env=os.environ | {"LC_ALL": "C", "COLUMNS": "150"})
        equal([(words[0], words[1], words[2]) for words in map(str.split, r.stdout.partition("\n\n")[0].splitlines()[3:])],
              [("7", "/a", "2"), ("12", "/a/x", "1"), ("-", "/free", "1")],
              "top --by cgroup on a wide terminal prints the number of guests of each cgroup")
        r = b.run("top", "--once", "-d", "0.1", "--by", "cgroup", "2")
        equal(list(cgroups(r.stdout)[0]), ["/a"], "top --by cgroup GUEST lists the cgroup of that guest only")
        d = json.loads(b.run("top", "-J", "--once", "-d", "0.1", "--by", "cgroup").stdout)
        equal([(c["tenant"], c["cgroup"], c["guests"]) for c in d["cgroups"]], [(7, "/a", 2), (12, "/a/x", 1), (None, "/free", 1)],
              "top --json --by cgroup has tenant, cgroup and number of guests")
        r = b.run("top", "--once", "--by", "user")
        ok(r.returncode == 2 and "--by: invalid value 'user': use cgroup" in r.stderr,
           "top --by user exits with 2 and says to use cgroup", r)
    with Bench() as b:
        guests(b)
        r = b.run("top", "--once", "-d", "0.1", "--by", "cgroup")
        ok(r.returncode == 0 and "tenants are unknown here" in r.stderr,
           "top --by cgroup says that tenants are unknown if the module has none", r)


def test_by_cgroup_keys():
    with Bench() as b:
        guests(b)
        charge_all(b)
        with Running(b), Terminal(b, "-d", "0.5") as t:
            t.shows(r"ID NAME.* web ", "top shows the table of guests at first")
            t.keys("Down", "c")
            t.shows(r"TENANT CGROUP.* 7 /a .* - /free .*REASON \(all\)",
                    "top key c shows the table of cgroups and the reasons of all")
            t.keys("n", "Down")
            t.shows(r"REASON \(/a\).*IO_INSTRUCTION +[1-9]",
                    "top key Down in the table of cgroups shows the reasons of the first cgroup")
            t.keys("Down", "Down")
            t.shows(r"REASON \(/free\)", "top key Down in the table of cgroups reaches a cgroup without a tenant")
            t.keys("Up")
            t.shows(r"REASON \(/a/x\)", "top key Up in the table of cgroups selects the cgroup above")
            t.keys("/", "y", "Enter")
            screen = t.shows("1 guest, 2 vCPUs +filter: y$",
                             "top in the table of cgroups accepts a part of a path as a filter")
            ok(re.search(r"^ +7 /a +2 ", screen, re.M) and "/free" not in screen,
               "top with a filter counts only the matching guests of a tenant", screen)
            t.keys("c", "/", "BSpace", "Enter")
            t.shows(r"ID NAME.* web ", "top key c pressed twice shows the table of guests")


def test_ends():
    with Bench() as b:
        guests(b)
        with Terminal(b, "-d", "0.2", "-n", "2") as t:
            t.shows("status=0", "top -n 2 exits with 0 after two intervals")
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP:
        with Bench() as b:
            guests(b)
            with Terminal(b) as t:
                t.shows("3 guests", f"top draws before it gets signal {number}")
                os.kill(t.pid(), number)
                screen = t.shows("status=0", f"top exits with 0 on signal {number}")
                ok("l1tune top" not in screen, f"top restores the screen on signal {number}", screen)
    with Bench() as b:
        with Terminal(b, TERM="nosuch") as t:
            t.shows("'nosuch' is not supported.*--once.*status=1",
                    "top with an unknown TERM exits with 1 and refers to --once")
    with Bench() as b:
        guests(b)
        for n in 1, 2, 3:
            b.machine.exits(n, exits(n, 1))
        for env, colors in (({}, True), ({"NO_COLOR": "1"}, False)):
            with Terminal(b, **env) as t:
                t.shows("3 guests", f"top draws with environment {env}")
                escapes = re.findall(r"\x1b\[[0-9;]*m", t.screen("-e"))
                equal(any(re.search(r"\b3[1-6]m", e) for e in escapes), colors,
                      f"top draws {'with' if colors else 'without'} colours with environment {env}")


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
            t.shows(r"REASON \(all\)", "top draws before a new reason appears")
            is_faulting.set()
            screen = t.shows(r"^EPT_VIOLATION +[1-9]", "top shows a reason that appears while top runs")
            ok(re.search(r"^IO_INSTRUCTION +[1-9]", screen, re.M),
               "top still counts the other reasons after a new one appears", screen)
            t.keys("q")
            t.shows("status=0", "top exits with 0, without a memory error, after a new reason appeared")


def test_gone():
    with Bench() as b:
        guests(b, 20)
        with Terminal(b, "-d", "0.2") as t:
            t.shows("20 guests", "top shows 20 guests")
            fds = f"/proc/{t.pid()}/fd"
            before = len(os.listdir(fds))
            for n in range(2, 21):
                b.remove(n)
            t.shows("1 guest, 1 vCPU\n", "top shows one guest after 19 of 20 ended")
            after = len(os.listdir(fds))
            ok(before - after == 5 * 19, "top closes the files of guests that ended", (before, after))


def test_changes():
    with Bench() as b:
        guests(b)
        with Terminal(b, "-d", "1") as t:
            t.shows("3 guests", "top shows three guests before one ends")
            b.remove(2)
            b.machine.guest(7, exits(7, 1))
            screen = t.shows(r"3 guests, .* 1 ended", "top counts one guest as ended when one ends and another starts")
            ok(re.search(r"^ +2 gr\u00fcn +2 +ended", screen, re.M), "top marks a guest that ended",
               screen)
            ok(re.search("^ +7 vmm ", screen, re.M), "top lists a guest that started", screen)
            screen = t.shows(r"3 guests, \d+ vCPUs\n", "top counts no guest as ended in the next interval")
            ok(not re.search("^ +2 ", screen, re.M), "top removes an ended guest in the next interval", screen)
            b.machine.guest(8, stats=b"damaged")
            t.shows("l2-8/stats: the file ends too early", "top names a truncated stats file")
            b.remove(8)
            t.shows("q quit", "top removes the error once the damaged file is gone")
            class_ = b.machine.sys + "/class/l1tune"
            shutil.rmtree(class_)
            screen = t.shows("the module (was unloaded|is not loaded)", "top says that the module was unloaded")
            t.shows("no guests", "top shows no guests after the module was unloaded")
            for n in 1, 3, 7:
                b.remove_device(n)
            b.machine.load(loaded_ns=6_000_000_000)
            b.machine.guest(1, exits(1, 1))
            screen = t.shows("1 guest, ", "top shows a guest after the module was loaded again")
            equal(order(screen), ["1"], "top lists a new guest with a reused number after the module was loaded again")
            b.machine.process(1001, ["qemu", "-name", "reborn"])
            b.machine.guest(1, exits(1, 1))
            b.machine.load(loaded_ns=7_000_000_000)
            t.shows("^ *1 reborn ", "top shows the new guest after the module was loaded again within an interval")
            t.keys("q")
            t.shows("status=0", "top key q exits with 0 after the module was loaded again")
    with Bench(load=False) as b:
        with Terminal(b) as t:
            t.shows("modprobe l1tune.*status=3", "top without the module exits with 3 and says how to load it")
    with Bench() as b:
        with Terminal(b, "-d", "0.2") as t:
            t.shows("0 guests.*no guests; l1tune list -a", "top without guests keeps running and refers to list -a")
            guests(b)
            t.shows("3 guests", "top started without guests shows those that start later")
    with Bench() as b:
        guests(b)
        with Terminal(b, "-d", "0.2", "web") as t:
            t.shows("1 guest, 1 vCPU", "top GUEST shows that guest only")
            b.remove(1)
            t.shows("no guest matches 'web'", "top GUEST says that no guest matches after the guest ended")
    with Bench() as b:
        guests(b, 200)
        with Terminal(b, "-d", "0.5", before="ulimit -Sn 64;") as t:
            t.shows("200 guests", "top shows 200 guests with a soft limit of 64 open files")
            t.keys("i", "R")
            time.sleep(0.2)
            equal(order(t.screen())[:3], ["200", "199", "198"], "top keys i and R show the last of 200 guests first")
            t.keys(*["Down"] * 40)
            t.shows("^ *161 ", "top key Down scrolls beyond the last line of the screen")
            t.keys("q")
            t.shows("status=0", "top key q exits with 0 after scrolling 200 guests")


print("KTAP version 1")
for test in test_once, test_paused, test_narrow, test_by_cgroup:
    test()
if shutil.which("tmux"):
    for test in test_keys, test_by_cgroup_keys, test_ends, test_new_reason, test_gone, test_changes:
        test()
else:
    print("# no tmux: the tests on a terminal are left out")
finish()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs l1tune on trees that stand for /sys and /proc. Usage: test-tool.py L1TUNE"""
import json
import os
import re
import shutil
import signal
import subprocess
import time

from bench import TOOL, Bench, end_of, equal, finish, ok, on_terminal, wait_for_look
from fake import BOOT_ID, VERSION, cell, fixed, hist, parts_ns, split, stats_file

KEYS = ["schema", "tool", "module", "boot_id", "loaded_ns", "time", "interval_ns", "l1", "l2"]
CPUID = cell(2, 10, "CPUID", 60000, 90_000_000, 2_000_000, hist(b10=30000, b11=30000))
IO = cell(2, 30, "IO_INSTRUCTION", 1000, 270_000_000, 9_000_000, hist(b15=999, b20=1))
HLT = cell(2, 12, "HLT", 11, 900_000_000_000, 99_000_000_000, hist(b33=10))
NESTED = cell(3, 10, "CPUID", 500, 40_000_000, 90_000, hist(b17=500))

def three_guests(bench):
    m = bench.machine
    m.guest(1, [IO, CPUID, HLT, NESTED, fixed(exits=61511, exit_time_ns=900_400_000_000,
                                              guest_time_ns=8_000_000_000, untraced=0)],
            vcpus=2, vcpu_cells={0: [CPUID], 10: [IO, HLT], 9: [NESTED]})
    m.guest(2, [CPUID], pid=2002, uid=1000, exits=60000, comm="a\nb\x1b[2J", memory_bytes=1 << 30)
    m.guest(3, vcpus=0)
    m.process(1001, ["/usr/bin/qemu-system-x86_64", "-name", "guest=web,debug-threads=on"],
              "0::/machine.slice/web.scope\n")


def test_errors():
    with Bench(load=False) as b:
        for command in "status", "list", "stat":
            r = b.run(command)
            ok(r.returncode == 3 and "modprobe l1tune" in r.stderr and not r.stdout,
               f"{command} without the module exits with 3 and says how to load it", r)
    with Bench(load=False) as b:
        b.machine.load(abi=3)
        r = b.run("list")
        ok(r.returncode == 1 and "has abi 3, this l1tune needs 2" in r.stderr and
           "rmmod l1tune && l1tune apply --load" in r.stderr and not r.stdout,
           "a module with another interface is not read: the message says how to load its own", r)
    with Bench() as b:
        three_guests(b)
        for selector in "9", "l2-9", "pid:9", "uid:9", "name:x*", "cgroup:/x*", "we":
            r = b.run("stat", selector)
            ok(r.returncode == 4 and f"no guest matches '{selector}'" in r.stderr and not r.stdout,
               f"stat {selector} exits with 4 and names the selector that matches no guest", r)
        r = b.run("stat", "web", "9")
        ok(r.returncode == 4 and "no guest matches '9'" in r.stderr and not r.stdout,
           "stat with two selectors exits with 4 and names the one that matches no guest", r)
        for args, said in ((["stta"], "unknown command 'stta': did you mean stat?"),
                           (["zzz"], "unknown command 'zzz': l1tune help lists"),
                           (["help", "limit"], "did you mean limits?"),
                           (["list", "-o", "VCPU_"], "unknown column 'VCPU_': did you mean VCPUS?"),
                           (["list", "-o", ""], "unknown column ''"), (["list", "-o", "NOSUCH"], "unknown column 'NOSUCH'"),
                           (["stat", "-i", "0"], "'0' is not a number of seconds"), (["stat", "-i", "nan"], "'nan' is not a number of seconds"),
                           (["stat", "-i", "1", "-c", "0"], "--count: '0' is not a whole number from 1"), (["list", "pid:x"], "'pid:x' is not a guest"),
                           (["list", "--nonsense"], "unknown option '--nonsense'"), (["nonsense"], "unknown command 'nonsense'"),
                           (["stat", "--sort", "zzzzzz"], "unknown column 'zzzzzz': --help lists"),
                           (["stat", "--vcpsu"], "unknown option '--vcpsu': did you mean --vcpus?"),
                           (["list", "-x"], "unknown option '-x'"), (["list", "--json=1"], "--json takes no value"),
                           (["list", "-i"], "--interval needs a value: --interval SEC"),
                           (["stat", "-c", "1"], "--count needs --interval"),
                           (["stat", "--sum", "--vcpus"], "--sum and --vcpus are mutually exclusive"),
                           (["hist", "-l", "4", "1", "30"], "--level: '4' is not one of 2|3"),
                           (["stat", "-i", "1x"], "--interval: '1x' is not a number of seconds"),
                           (["status", "web"], "status takes no arguments")):
            r = b.run(*args)
            equal([r.returncode, r.stdout, said in r.stderr, r.stderr.count("\n")], [2, "", True, 2],
                  f"l1tune {' '.join(args)} exits with 2 and says: {said}")
        for args in ["help"], ["version"], ["--help"], ["--version"], ["help", "stat"], ["stat", "--help"]:
            r = subprocess.run([TOOL, *args], capture_output=True, text=True, check=False)
            ok(r.returncode == 0 and r.stdout and not r.stderr,
               f"l1tune {' '.join(args)} prints to stdout and exits with 0", r)
        for command in re.findall(r"^  ([a-z]+) ", b.run("help").stdout.partition("Commands:\n")[2], re.M):
            piped = subprocess.run([TOOL, command, "--help"], capture_output=True, text=True, check=True).stdout
            shown = on_terminal([TOOL, command, "--help"], columns=76)
            ok(shown.split() == piped.split() and all(len(line.rstrip()) <= 76 for line in shown.splitlines()
                                                      if "l1tune" not in line),
               f"{command} --help has the same words on a terminal of 76 columns, and no longer line", shown)
        with open("/dev/full", "w", encoding="ascii") as full:
            for command in "list", "stat", "export", "status", "version":
                r = subprocess.run(b.command(command)[:1 if command == "version" else None] +
                                   ["version"] * (command == "version"), stdout=full, stderr=subprocess.PIPE,
                                   text=True, check=False)
                equal([r.returncode, r.stderr], [1, "l1tune: cannot write: No space left on device\n"],
                      f"{command} reports once that its output cannot be written, and exits with 1")
        r = subprocess.run(b.command("stat", "-J"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, check=False,
                           preexec_fn=lambda: os.close(1))
        equal([r.returncode, r.stderr], [1, "l1tune: cannot write: Bad file descriptor\n"],
              "stat --json with stdout closed says once that it cannot write, and exits with 1")


def test_damage():
    image = stats_file("l1tune-4", CPUID)
    with Bench() as b:
        three_guests(b)
        b.machine.guest(4, stats=image[:-1])
        r = b.run("stat")
        ok(r.returncode == 1 and "l2-4/stats: the file ends too early" in r.stderr and
           "IO_INSTRUCTION" in r.stdout, "stat names a truncated stats file and shows the other guests", r)
        b.machine.guest(4, stats=image, vcpus="many")
        r = b.run("list")
        ok(r.returncode == 1 and "l2-4/vcpus" in r.stderr, "list names a file whose value is not a number", r)
    with Bench() as b:
        three_guests(b)
        os.unlink(b.machine.sys + "/devices/virtual/l1tune/l2-1/stats")
        r = b.run("stat")
        ok(r.returncode == 0 and not r.stderr and "web" not in r.stdout and "CPUID" in r.stdout,
           "stat leaves out a guest that ends while it is read", r)
        r = b.run("stat", "1")
        ok(r.returncode == 4 and "no guest matches '1'" in r.stderr and not r.stdout,
           "stat GUEST exits with 4 and names the guest if it ends while it is read", r)


def test_permissions():
    if os.geteuid():
        print("# not root: the tests of permissions are left out")
        return
    with Bench(totals={"vms": 7}, usage={"vms": 3, "vcpus": 4, "memory_bytes": 2 << 30}) as b:
        three_guests(b)
        for path in os.listdir(b.directory):
            os.chmod(os.path.join(b.directory, path), 0o755)
        tool = os.path.join(b.directory, "l1tune")
        shutil.copy(TOOL, tool)

        def nobody(*args):
            command = b.command(*args)
            return subprocess.run([tool, *command[1:]], capture_output=True, text=True,
                                  user=65534, group=65534, extra_groups=[], check=False)
        r = nobody("list")
        ok(r.returncode == 5 and "l2-1/pid" in r.stderr and "gid" in r.stderr and not r.stdout,
           "list without permission exits with 5 and names the file and the gid parameter", r)
        r = nobody("status")
        ok(r.returncode == 5 and "hooks     10 ok\n" in r.stdout and "gid" in r.stderr,
           "status without permission exits with 5 and still shows the hooks", r)
        ok("guests    3 with 4 vCPUs and 2G of memory\n" in r.stdout and "since load" not in r.stdout and
           "exits     not shown: only root and the group" in r.stdout,
           "status without permission shows the host's usage and says that exits are not shown", r)
        r = nobody("status", "-J")
        document = json.loads(r.stdout)
        ok(r.returncode == 5 and document["l2"] is None and document["l1"]["totals"] is None and
           document["l1"]["usage"]["vms"] == 3,
           "status --json without permission has usage, and null for totals and guests", r)
        for number_ in 1, 2, 3:
            b.remove(number_)
        r = nobody("status")
        ok(r.returncode == 0 and "hooks     10 ok\n" in r.stdout and not r.stderr,
           "status without permission exits with 0 and prints no message if there are no guests", r)


def test_one_unreadable():
    with Bench() as b:
        three_guests(b)
        b.machine.guest(0, stats=b"damaged")
        for command in "list", "stat":
            r = b.run(command, "--noheadings")
            ok(r.returncode == 1 and "l2-0/stats" in r.stderr and {line.split()[0] for line in r.stdout.splitlines()} >= {"1", "2"},
               f"{command} names a guest that cannot be read and shows the others", r)


def test_unreadable_in_an_interval():
    with Bench() as b:
        b.machine.guest(1, [fixed(exits=1000)])
        b.machine.guest(2, [fixed(exits=500)])
        p = subprocess.Popen(b.command("list", "-J", "-i", "1", "-c", "3"), text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for_look(p)
        b.machine.guest(1, stats=b"damaged")
        first = json.loads(p.stdout.readline())
        b.machine.guest(1, [fixed(exits=1100)])
        second = json.loads(p.stdout.readline())
        rest, complaints = p.communicate()
        ok([guest["id"] for guest in first["l2"]] == [2] and complaints.count("l2-1/stats") == 1 and "ended" not in complaints,
           "list --interval names an unreadable guest once and does not report it as ended", complaints)
        guests = {guest["id"]: guest for guest in second["l2"]}
        ok(guests[1]["exits"] == 100 and guests[1]["interval_ns"] > 1.5e9 > guests[2]["interval_ns"],
           "list --interval shows the exits since the last read once a guest can be read again", second)
        ok(len(rest.splitlines()) == 1 and p.returncode == 1,
           "list --interval continues after an unreadable guest and exits with 1", [rest, p.returncode])


def test_long_name():
    with Bench() as b:
        three_guests(b)
        name = "begin-" + "x" * 131_000 + "-end"
        b.machine.process(1001, ["qemu-system-x86_64", "-name", name])
        for args in ["list"], ["stat"], ["status"]:
            r = b.run(*args)
            widest = max(map(len, r.stdout.splitlines()))
            ok(r.returncode == 0 and widest < 400 and "begin-" in r.stdout and "x-end" in r.stdout,
               f"{args[0]} shortens a name of 131,000 characters in its table", widest)
        short = name[:200] + "..." + name[-52:]
        equal([guest["name"] for guest in b.json("list", "-J")["l2"] if guest["id"] == 1], [short],
              "list --json has 255 characters of a name of 131,000 characters")
        b.machine.process(1001, ["qemu-system-x86_64", "-name", "\u20ac" * 200])
        equal([guest["name"] for guest in b.json("list", "-J")["l2"] if guest["id"] == 1], ["\u20ac" * 66 + "..." + "\u20ac" * 17],
              "a long name is not cut within a character")
        b.machine.process(1001, ["qemu-system-x86_64", "-name", "\x80" * 300 + "end"])
        ok("end" in b.run("list").stdout, "a long name that is not UTF-8 is not cut to nothing")


def test_costly_names():
    """Names that take long to look at: any user can start such a VMM, with as many VMs as they like."""
    with Bench() as b:
        for number in range(1, 101):
            b.machine.guest(number, [CPUID], pid=1001)

        def computes(path):
            b.machine.process(1001, ["qemu-system-x86_64", "-qmp", path, "-monitor", path])
            before = os.times().children_user
            equal(b.run("list").returncode, 0, f"list of 100 VMs whose paths have {len(path):,} characters ends with 0")
            return os.times().children_user - before

        short, long = computes("/run/vm.sock"), computes("/" * 131_000)
        ok(long < 2 * short + 0.1, "list computes for paths of 131,000 slashes about as long as for short ones", (short, long))
        b.machine.process(1001, ["qemu-system-x86_64", "-name", "\u0378" + "x" * 200])
        widest = max(map(len, b.run("list").stdout.splitlines()))
        ok(widest < 200, "a character that the system does not know does not keep a name from being shortened", widest)


def test_status():
    with Bench(totals={"vms": 9, "exits": 1234, "unattributed": 5},
               usage={"vms": 3, "vcpus": 3, "memory_bytes": 3 << 30}) as b:
        three_guests(b)
        bare = subprocess.run([TOOL, "--sysfs", b.machine.sys, "--proc", b.machine.proc],
                              capture_output=True, text=True, check=False,
                              env=os.environ | {"LC_ALL": "C.UTF-8"})
        r = b.run("status")
        equal(re.sub("loaded .* ago", "", bare.stdout), re.sub("loaded .* ago", "", r.stdout),
              "l1tune without a command prints what status prints")
        ok("guest of KVM (KVMKVMKVM), isa vmx, Linux 6.1.0-56-amd64\n" in r.stdout and
           "hooks     10 ok\n" in r.stdout and "3 with 3 vCPUs and 3G of memory; 9 since load\n" in
           r.stdout and "lost      5 unattributed\n" in r.stdout,
           "status prints the hypervisor, hooks, guest counts and unattributed exits", r.stdout)
        ok(re.search(r"^ 1 web +2 +512M +61511 +400ms IO_INSTRUCTION 68%, CPUID 22%, L3 CPUID 10%$",
                     r.stdout, re.M), "status prints a guest with its counts and top exit reasons", r.stdout)
    with Bench(hooks={"kvm_exit": "waiting", "kvm_entry": "waiting", "memory": "off"},
               isa="none", hypervisor="none", virtualized=0, version="0.0.9") as b:
        r = b.run("status")
        ok(r.returncode == 0 and "modprobe kvm_intel" in r.stdout and "bare metal" in r.stdout and
           "7 ok, kvm_entry waiting, kvm_exit waiting\n" in r.stdout,
           "status without KVM names the waiting hooks and says to run modprobe kvm_intel",
           r.stdout)
        ok("0.0.9 (the tool is " in r.stdout,
           "status prints both versions if those of module and tool differ", r.stdout)
    with Bench(hooks={"memory": "unavailable"}) as b:
        r = b.run("status")
        ok("9 ok, memory unavailable\n" in r.stdout and "dmesg" in r.stdout,
           "status names an unavailable hook and refers to dmesg", r.stdout)


def test_list():
    with Bench() as b:
        three_guests(b)
        r = b.run("list")
        equal(r.stdout, "ID NAME           PID VCPUS MEMORY EXITS   BUSY\n"
                        " 1 web           1001     2   512M 61511  400ms\n"
                        " 2 a\\x0ab\\x1b[2J 2002     1     1G 60000 90.0ms\n",
              "list prints its default columns and escapes control characters in names")
        r = b.run("list", "-a", "--noheadings", "-o", "id,name")
        equal(r.stdout.split(), ["1", "web", "2", "a\\x0ab\\x1b[2J", "3", "vmm"],
              "list -a --noheadings shows all guests without headings, with columns in lower case")
        r = b.run("list", "-o", "+UID", "--sort", "uid", "web", "2")
        equal([line.split()[-1] for line in r.stdout.splitlines()], ["UID", "1000", "0"],
              "list -o +UID --sort uid adds the column and sorts by it")
        r = b.run("list", "--noheadings", "-o", "ID", "--sort", "-exits")
        equal(r.stdout.split(), ["2", "1"], "list --sort -exits reverses the order")
        r = b.run("list", "--noheadings", "--bytes", "-o", "MEMORY,BUSY,EXIT_TIME", "1")
        equal(r.stdout.split(), ["536870912", "400000000", "900400000000"],
              "list --bytes prints plain bytes and nanoseconds")
        r = b.run("list", "--noheadings", "-o", "NAME_SOURCE,CGROUP", "1")
        equal(r.stdout.strip(), "qemu -name  /machine.slice/web.scope",
              "list -o NAME_SOURCE,CGROUP prints the source of the name and the cgroup")
        r = b.run("list", "--noheadings", "-o", "ID", "pid:2002", "2", "cgroup:*/web.scope")
        equal(r.stdout.split(), ["1", "2"],
              "list with several selectors shows each guest that matches one of them once")
        r = b.run("list", "--noheadings", "-o", "ID", "3")
        equal(r.stdout.split(), ["3"], "list NUMBER shows a guest without vCPUs")
        hz = os.sysconf("SC_CLK_TCK")
        for late, expected in ((0, ["other", "/"]), (1, ["vmm", "-"]), (2 * hz, ["vmm", "-"])):
            b.machine.process(1001, ["/usr/bin/qemu-system-x86_64", "-name", "other"],
                              start_ticks=hz * 10 + late)
            r = b.run("list", "--noheadings", "-o", "NAME,CGROUP", "1")
            equal(r.stdout.split(), expected,
                  f"list names a guest {expected[0]} if its process started {late} ticks after it")
        b.machine.process(2002, ["firecracker", "--id=gr\u00fcn"])
        for locale, name in ("C.UTF-8", "gr\u00fcn"), ("C", "gr\\xc3\\xbcn"):
            r = b.run("list", "--noheadings", "-o", "NAME", "2", locale=locale)
            equal(r.stdout.strip(), name, f"list prints a non-ASCII name correctly in locale {locale}")
    with Bench() as b:
        r = b.run("list")
        ok(r.returncode == 0 and not r.stdout and "no guests" in r.stderr,
           "list without guests exits with 0 and says so on stderr", r)
        equal(b.json("list", "-J")["l2"], [], "list --json without guests has an empty list of guests")
        os.unlink(f"{b.machine.device('l1')}/abi")
        for words in ["list"], ["list", "-J"], ["stat"], ["nested"], ["limits"], ["start"]:
            r = b.run(*words)
            equal([r.returncode, r.stdout, r.stderr], [1, "", f"l1tune: the loaded module has no {b.machine.sys}/class/l1tune/l1/abi: "
                                                              "load the module that came with this l1tune: rmmod l1tune && l1tune apply --load\n"],
                  f"{' '.join(words)} prints a single error if the module lacks l1/abi")
    with Bench() as b:
        for n in range(12):
            b.machine.guest(n, [CPUID])
        r = b.run("list", "--noheadings", "-o", "ID")
        equal(r.stdout.split(), [str(n) for n in range(12)], "list sorts guests with equal values by number")


def test_stat():
    with Bench() as b:
        three_guests(b)
        r = b.run("stat", "-o", "GUEST,LEVEL,REASON,COUNT,TOTAL,AVG,MAX,P50,P90,P99,SHARE", "1")
        equal([line.split() for line in r.stdout.splitlines()], [
            "GUEST LEVEL REASON COUNT TOTAL AVG MAX P50 P90 P99 SHARE".split(),
            "1 2 IO_INSTRUCTION 1000 270ms 270\u00b5s 9.00ms 32.8\u00b5s 32.8\u00b5s 32.8\u00b5s 67.5%"
            .split(),
            "1 2 CPUID 60000 90.0ms 1.50\u00b5s 2.00ms 1.02\u00b5s 2.05\u00b5s 2.05\u00b5s 22.5%".split(),
            "1 3 CPUID 500 40.0ms 80.0\u00b5s 90.0\u00b5s 131\u00b5s 131\u00b5s 131\u00b5s 10.0%".split(),
            "1 2 HLT 11 15m00s 90.0s 99.0s >4.29s >4.29s >4.29s -".split()],
              "stat GUEST prints times, percentiles and shares, HLT last and without a share")
        r = b.run("stat")
        equal(r.stdout.split("\n")[0].split(),
              "GUEST NAME LEVEL REASON COUNT RATE TOTAL AVG MAX P50 P99 SHARE".split(),
              "stat prints its default columns")
        r = b.run("stat", "--noheadings", "--vcpus", "-o", "VCPU,REASON", "1")
        equal(r.stdout.split(), "0 CPUID 9 CPUID 10 IO_INSTRUCTION 10 HLT".split(),
              "stat --vcpus prints the reasons of each vCPU, sorted by vCPU")
        r = b.run("stat", "--noheadings", "-o", "GUEST,REASON", "--sort", "count")
        equal(r.stdout.split(), "1 CPUID 2 CPUID 1 IO_INSTRUCTION 1 CPUID 1 HLT".split(),
              "stat --sort count sorts across guests")
        r = b.run("stat", "--noheadings", "-o", "REASON", "--sort", "share", "1")
        equal(r.stdout.split()[-1], "HLT", "stat --sort share puts an unknown share last")
        r = b.run("stat", "--noheadings", "-o", "REASON", "--sort", "-share", "1")
        equal(r.stdout.split()[-1], "HLT", "stat --sort -share puts an unknown share last")
        b.machine.guest(4, [split(2, 12, "HLT", 1, 1000, hist(b10=1), 1, kernel=100, vmm=90, vmm_sleep=80, halted=600,
                                  blocked=70, runq=40, throttled=20), CPUID])
        r = b.run("stat", "--noheadings", "-o", "REASON,SHARE", "4")
        equal(r.stdout.split(), ["CPUID", "100%", "HLT", "0.0%"],
              "stat prints a share of HLT if its time is split into parts")
        reason = b.json("stat", "-J", "4")["l2"][0]["reasons"][1]
        equal([reason[part] for part in parts_ns()], [100, 90, 80, 600, 70, 40, 20],
              "stat --json has the parts of a reason's time")
    with Bench() as b:
        b.machine.guest(1, [cell(2, code, f"R{code}", code, code * 1000, 1000, hist(b10=code))
                            for code in range(1, 125)])
        r = b.json("stat", "-J")
        equal([c["count"] for c in r["l2"][0]["reasons"]], list(range(124, 0, -1)),
              "stat --json has all reasons of a stats file of many pages")


def test_json():
    with Bench(totals={"exits": 2**63 - 1}) as b:
        three_guests(b)
        for command in "status", "list", "stat":
            r = b.run(command, "--json")
            ok(r.stdout.count("\n") == 1 and r.stdout.isascii(), f"{command} --json prints one line of ASCII", r)
            d = json.loads(r.stdout)
            equal(list(d), KEYS, f"{command} --json has the keys of the document in order")
            equal([g["id"] for g in d["l2"]], [1, 2], f"{command} --json lists its guests")
        equal([d["schema"], d["module"], d["boot_id"], d["loaded_ns"], d["interval_ns"]],
              [2, VERSION, BOOT_ID, 5_000_000_000, None],
              "stat --json has the schema, module version, boot ID and load time, and no interval")
        ok(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", d["time"]),
           "stat --json has the time in UTC with nanoseconds", d["time"])
        equal(d["l1"]["totals"]["exits"], 2**63 - 1, "stat --json has the host's total of exits")
        web, other = d["l2"]
        equal([web[k] for k in ("name", "pid", "vcpus", "exits", "busy_ns", "untraced", "lost_cells")],
              ["web", 1001, 2, 61511, 400_000_000, 0, None], "stat --json has a guest's name, PID, vCPUs and counts")
        equal([r["reason"] for r in web["reasons"]], ["IO_INSTRUCTION", "CPUID", "CPUID", "HLT"],
              "stat --json has a guest's reasons")
        equal(web["reasons"][1],
              {"reason": "CPUID", "code": 10, "level": 2, "count": 60000, "time_ns": 90_000_000,
               **dict.fromkeys(parts_ns()), "stolen_ns": None, "max_ns": 2_000_000, "p50_le_ns": 1024, "p90_le_ns": 2048,
               "p99_le_ns": 2048, "hist": hist(b10=30000, b11=30000)}, "stat --json has all keys of a reason")
        b.machine.guest(3, [cell(2, 10, "CPUID", 100, 100_000, 9000, hist(b10=60, b11=35, b12=5))])
        [reason] = b.json("stat", "-J", "3")["l2"][0]["reasons"]
        equal([reason[key] for key in ("p50_le_ns", "p90_le_ns", "p99_le_ns")], [1024, 2048, 4096],
              "stat --json has P50, P90 and P99 of a reason, each from its bucket")
        b.remove(3)
        equal(web["reasons"][3]["p99_le_ns"], None, "stat --json has null for a percentile in the last bucket")
        equal([other["name"], other["comm"]], ["a\nb\x1b[2J"] * 2, "stat --json keeps control characters of a name")
        d = b.json("stat", "-J", "--vcpus", "1")
        equal([v["id"] for v in d["l2"][0]["vcpu"]], [0, 9, 10],
              "stat --json --vcpus lists the guest's vCPUs by number")
        equal(d["l2"][0]["vcpu"][2]["reasons"][1]["reason"], "HLT", "stat --json --vcpus lists the reasons of a vCPU")
        b.machine.process(2002, ["firecracker", "--id=gr\u00fcn\u202e"])
        r = b.run("list", "-J", "2")
        ok(r.stdout.isascii() and json.loads(r.stdout)["l2"][0]["name"] == "gr\u00fcn\u202e",
           "list --json prints a non-ASCII name as ASCII escapes", r)
        b.machine.process(2002, ["firecracker", "--id=a\udcffb"])
        equal(b.json("list", "-J", "2")["l2"][0]["name"], "a\\xffb",
              "list --json escapes a byte of a name that is not UTF-8")
        b.machine.guest(2, [cell(2, 10, "CPUID", 2**64 - 1, 2**64 - 1, 1, hist(b10=2**64 - 1))])
        reason = b.json("stat", "-J", "2")["l2"][0]["reasons"][0]
        equal(reason["count"], 2**63 - 1, "stat --json limits a count to 2^63-1")


def test_stop():
    with Bench() as b:
        three_guests(b)
        with subprocess.Popen(b.command("stat", "-J", "-i", "0.3", "-c", "4"), stdout=subprocess.PIPE, text=True) as p:
            lines = [p.stdout.readline()]
            p.send_signal(signal.SIGSTOP)
            time.sleep(1.5)
            p.send_signal(signal.SIGCONT)
            lines += p.stdout.read().splitlines()
            intervals = [json.loads(line)["interval_ns"] / 1e9 for line in lines]
            ok(end_of(p) == 0 and intervals[1] > 1 and all(interval > 0.2 for interval in intervals),
               "stat --interval continues after SIGSTOP and SIGCONT without short intervals", intervals)


def test_intervals():
    with Bench() as b:
        three_guests(b)
        p = subprocess.Popen(b.command("stat", "-J", "-i", "1", "-c", "3"),
                             stdout=subprocess.PIPE, text=True)
        wait_for_look(p)
        more = cell(2, 10, "CPUID", 60010, 90_050_000, 3_000_000, hist(b10=30000, b11=30008, b33=2))
        b.machine.guest(1, [IO, more, HLT, NESTED, fixed(exits=61521)], vcpus=2)
        b.machine.guest(4, [CPUID], created_ns=12_000_000_000)
        first = json.loads(p.stdout.readline())
        b.remove(1)
        # The same number and another guest, as after the module was loaded anew.
        b.machine.guest(4, [cell(2, 10, "CPUID", 7, 70, 9, hist(b10=7))], created_ns=13_000_000_000)
        second = json.loads(p.stdout.readline())
        b.machine.guest(4, [cell(2, 10, "CPUID", 3, 30, 9, hist(b10=3))], created_ns=13_000_000_000)
        third = json.loads(p.stdout.readline())
        equal(end_of(p), 0, "stat -c 3 exits with 0 after three intervals")
        ok(0.9e9 < first["interval_ns"] < 1.8e9,
           "stat -i 1 --json has an interval of about one second", first["interval_ns"])
        guests = {g["id"]: g for g in first["l2"]}
        web = {(r["level"], r["reason"]): r for r in guests[1]["reasons"]}
        equal([guests[1]["exits"], guests[1]["busy_ns"]], [10, 50_000],
              "stat --interval has the difference of a guest's exits and busy time")
        cpuid = web[2, "CPUID"]
        equal([cpuid["count"], cpuid["time_ns"], cpuid["hist"]], [10, 50_000, hist(b11=8, b33=2)],
              "stat --interval has the difference of a reason's count, time and histogram")
        equal([cpuid["max_ns"], cpuid["p50_le_ns"], cpuid["p99_le_ns"]], [None, 2048, None],
              "stat --interval has null for the maximum and for a percentile in the last bucket")
        equal(web[2, "IO_INSTRUCTION"]["count"], 0,
              "stat --interval has count 0 for a reason without exits in the interval")
        equal(guests[4]["reasons"][0]["count"], 60000, "stat --interval counts a new guest from its start")
        guests = {g["id"]: g for g in second["l2"]}
        ok(1 not in guests, "stat --interval leaves out a guest that ended")
        equal(guests[4]["reasons"][0]["count"], 7,
              "stat --interval counts a new guest with a reused number from its start")
        guests = {g["id"]: g for g in third["l2"]}
        equal(guests[4]["reasons"][0]["count"], 0, "stat --interval has 0 for a count that decreased")
    with Bench() as b:
        three_guests(b)
        p = subprocess.Popen(b.command("stat", "-J", "--vcpus", "-i", "1", "-c", "2", "1", "2"),
                             stdout=subprocess.PIPE, text=True)
        wait_for_look(p)
        more = cell(2, 10, "CPUID", 60003, 90_000_000, 2_000_000, hist(b10=30003, b11=30000))
        b.machine.guest(1, [CPUID], vcpus=4, vcpu_cells={0: [CPUID], 7: [IO], 9: [NESTED],
                                                         10: [more, IO, HLT]})
        first = json.loads(p.stdout.readline())
        vcpus = [[v["id"], [r["count"] for r in v["reasons"]]]
                 for v in next(g for g in first["l2"] if g["id"] == 1)["vcpu"]]
        equal(vcpus, [[0, [0]], [7, [1000]], [9, [0]], [10, [60003, 0, 0]]],
              "stat --vcpus --interval has the difference of each vCPU, a new one from its start")
        # Loaded anew: the same guests are found again, and counted from 0.
        b.machine.load(loaded_ns=20_000_000_000)
        b.machine.guest(2, [cell(2, 10, "CPUID", 60007, 70, 9, hist(b10=7))])
        second = json.loads(p.stdout.readline())
        counts = [r["count"] for g in second["l2"] if g["id"] == 2 for r in g["reasons"]]
        equal([end_of(p), counts], [0, [60007]], "stat --interval counts from 0 after the module was loaded again")
        p.stdout.close()
    with Bench() as b:
        three_guests(b)
        p = subprocess.Popen(b.command("stat", "-i", "1", "-o", "REASON,COUNT,MAX,P99"),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for_look(p)
        b.machine.guest(1, [IO, HLT, cell(2, 10, "CPUID", 60002, 90_050_000, 3_000_000,
                                          hist(b10=30000, b11=30000, b33=2))])
        lines = [p.stdout.readline() for _ in range(2)]
        equal([line.split() for line in lines],
              [["REASON", "COUNT", "MAX", "P99"], ["CPUID", "2", "-", ">4.29s"]],
              "stat --interval prints only the reasons with exits in the interval")
        p.send_signal(signal.SIGINT)
        equal(end_of(p), 0, "stat --interval exits with 0 on SIGINT")
        r = b.run("list", "-i", "0.05", "-c", "2", "-o", "ID")
        equal(r.stdout.split("\n"), ["ID", " 1", " 2", "", "ID", " 1", " 2", ""],
              "list --interval prints an empty line between intervals")
        p = subprocess.Popen(b.command("stat", "-J", "-i", "0.01"), stdout=subprocess.PIPE)
        time.sleep(1.5)
        p.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        ok(p.poll() is None, "stat --interval with blocked output keeps running on the first SIGTERM")
        p.send_signal(signal.SIGTERM)
        equal(end_of(p), -signal.SIGTERM, "stat --interval with blocked output is ended by the second SIGTERM")
        p.stdout.close()
        p = subprocess.Popen(b.command("stat", "-J", "-i", "0.01"), stdout=subprocess.PIPE,
                             text=True)
        p.stdout.readline()
        p.send_signal(signal.SIGTERM)
        rest = p.stdout.read()
        ok(end_of(p) == 0 and (not rest or rest.endswith("\n")),
           "stat --interval exits with 0 on SIGTERM and leaves no partial line")
        p.stdout.close()
        p = subprocess.Popen(b.command("list", "-J", "-i", "0.05"), stdout=subprocess.PIPE)
        p.stdout.readline()
        p.stdout.close()
        equal(end_of(p), -signal.SIGPIPE, "list --interval is ended by SIGPIPE if its reader closes the pipe")
        p = subprocess.Popen(b.command("stat", "-J", "-i", "0.05", "web"), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        p.stdout.readline()
        b.remove(1)
        equal([end_of(p), "web" in p.stderr.read()], [4, True],
              "stat GUEST --interval exits with 4 and names the guest when it ends")
        p.stdout.close()
        p = subprocess.Popen(b.command("list", "-J", "-i", "0.05"), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        p.stdout.readline()
        shutil.rmtree(b.machine.sys + "/class/l1tune")
        equal([end_of(p), "unloaded" in p.stderr.read()], [3, True],
              "list --interval exits with 3 when the module is unloaded")
        p.stdout.close()


def test_terminal():
    with Bench(totals={"vms": 3}) as b:
        three_guests(b)
        b.machine.process(1001, ["qemu", "-name", "a-name-that-is-" + "very-" * 10 + "long-17"])
        for command in "status", "list", "stat":
            colored = on_terminal(b.command(command))
            plain = on_terminal(b.command(command), NO_COLOR="1")
            ok("\x1b[1m" in colored, f"{command} prints colours on a terminal", colored)
            ok("\x1b" not in plain, f"{command} prints no colours if NO_COLOR is set", plain)
            equal(on_terminal(b.command(command), TERM="dumb").replace("\r", ""), plain.replace("\r", ""),
                  f"{command} prints the same text, without colours, if TERM is dumb")
            piped = b.run(command).stdout
            ok("17 " in piped and "\x1b" not in piped, f"{command} prints no colours without a terminal", piped)
            ok(max(map(len, plain.splitlines())) <= 80, f"{command} fits into a terminal of 80 columns", plain)
            ok("\u2026" in plain and re.search("\u2026\\S*-17 ", plain),
               f"{command} shortens a long name in the middle and keeps its last digits", plain)


print("KTAP version 1")
for test in (test_errors, test_damage, test_permissions, test_status, test_one_unreadable,
             test_unreadable_in_an_interval, test_long_name, test_costly_names, test_list, test_stat, test_json, test_stop, test_intervals, test_terminal):
    test()
finish()

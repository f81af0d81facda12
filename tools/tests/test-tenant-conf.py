#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""l1tune apply and save: tenants of /etc/l1tune.conf. Usage: test-tenant-conf.py L1TUNE"""
import os
import re
import resource
import signal
import subprocess
import threading

from bench import end_of, equal, finish, ok
from configured import Configured
from fake import write
from tenants import LIMITS, Module, defined, remove, tenant, v2, value

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../l1tune.conf")
CONF = """\
max_vms = 50
# One customer
tenant:/machine.slice max_vms = 20	# as many as fit
  tenant:/machine.slice	max_memory_bytes=64G
tenant:/kube/*/pod* audit.max_vcpus = 4
"""
NEW = {"/machine.slice": {"limits/max_vms": "20", "limits/max_memory_bytes": str(64 << 30)}, "/kube/*/pod*": {"audit/max_vcpus": "4"}}


class Config(Configured):
    """A machine whose module has tenants, and a configuration for it."""

    def __init__(self, text=None):
        super().__init__()
        self.machine.limits()
        write(self.machine.sys + "/module/l1tune/parameters/gid", 0)
        v2(self.machine)
        self.module = Module(self.machine)
        if text is not None:
            self.write(text)

    def tenant(self, cgroup, **files):
        """One more, as it was defined before."""
        self.module.add(cgroup)
        self.module.written = []
        number = self.module.next - 1
        for directory, values in files.items():
            for name, limit in values.items():
                write(f"{self.machine.device(f'tenant-{number}')}/{directory}/{name}", limit, 0o640)
        return number

    def tenants(self):
        """What is set of each: not max. In the order in which they were defined."""
        self.settled = self.module.settle()
        found = {}
        for number, cgroup in defined(self.machine):
            values = {f"{d}/{name}": value(self.machine, number, f"{d}/{name}") for d in ("limits", "audit") for name in LIMITS}
            found[cgroup] = {path: text for path, text in values.items() if text != "max"}
        return found


def test_apply():
    with Config(CONF) as b:
        r = b.apply("--check")
        equal([r.returncode, r.stderr, r.stdout.splitlines(), b.tenants()],
              [0, "", ["max_vms: max -> 50", "tenant:/machine.slice: is defined", "tenant:/machine.slice max_vms: max -> 20",
                       f"tenant:/machine.slice max_memory_bytes: max -> {64 << 30}", "tenant:/kube/*/pod*: is defined",
                       "tenant:/kube/*/pod* audit.max_vcpus: max -> 4"], {}],
              "apply --check shows which tenants would be defined, and changes nothing")
        r = b.apply()
        equal([r.returncode, r.stdout, r.stderr, b.tenants(), b.machine.limit("limits/max_vms")], [0, "", "", NEW, "50"],
              "apply defines tenants with their limits, and sets the limits of the host")
        equal(b.settled, [("add", "/machine.slice"), ("add", "/kube/*/pod*")],
              "apply defines tenants in the order of the file")
        r = b.apply()
        equal([r.returncode, r.stdout, r.stderr, b.tenants(), b.settled], [0, "", "", NEW, []],
              "apply changes nothing if it is run twice")
        equal(b.apply("--check").stdout, "", "apply --check has nothing to show after apply")
        number = b.tenant("/old", limits={"max_vms": 3})
        write(f"{b.machine.device('tenant-1')}/limits/max_vcpus", 9, 0o640)
        tenant(b.machine, 70, "/kube/a/pod1", pattern=2, usage={"vms": 1})
        r = b.apply("--check")
        equal(r.stdout.splitlines(), ["tenant:/machine.slice max_vcpus: 9 -> max", "tenant:/old: is removed"],
              "apply --check shows limits and tenants that no line sets")
        r = b.apply()
        ok(r.returncode == 0 and "tenant:/machine.slice max_vcpus is 9 and no line of" in r.stderr and
           "tenant:/old has no line in" in r.stderr and r.stderr.count("\n") == 2,
           "apply reports limits and tenants that no line sets", r)
        remove(b.machine, 70)
        equal([b.tenants(), b.settled], [NEW, [("remove", "/old")]],
              f"apply removes a tenant without a line (tenant-{number}), and keeps a match of a pattern")
        b.write("# nothing\n")
        r = b.apply()
        equal([r.returncode, b.tenants(), b.machine.limit("limits/max_vms")], [0, {}, "max"],
              "apply removes all tenants if the file has no lines")
    with Config("tenant:/a max_vms = 2\n") as b:
        b.tenant("/a")
        write(b.machine.device("tenant-1") + "/usage/vms", 3)
        r = b.apply()
        ok(r.returncode == 0 and "tenant /a: max_vms=2 is below the 3 in use" in r.stderr,
           "apply sets a tenant limit below what is in use, and warns", r)
        write(b.machine.device("tenant-1") + "/effective/max_vms", 0)
        b.machine.limits(hooks={"refuse_vm": "unavailable"})
        r = b.apply()
        ok(r.returncode == 1 and "tenant /a: max_vms is set and not effective: its hook refuse_vm is unavailable" in r.stderr,
           "apply exits with 1 and names the unavailable hook if a tenant limit is not effective", r)
        b.machine.limits(hooks={"refuse_vm": "waiting"})
        r = b.apply()
        ok(r.returncode == 0 and "tenant /a: max_vms is set and waits for KVM" in r.stderr,
           "apply exits with 0 and says that a tenant limit waits for KVM", r)
        v2(b.machine, cgroup="1:cpu:/\n", mount="cgroup")
        r = b.apply()
        ok(r.returncode == 1 and "version 1 only" in r.stderr,
           "apply of tenants exits with 1 and says so if there is cgroup version 1 only", r)


def test_paths():
    for text, path in (("/a=b#c", "/a=b#c"), ("/a\\040b", "/a b"), ("/u\\x2dv", "/u\\x2dv"), ("/u\\1340401", "/u\\0401"), ("/a/", "/a"), ("/", "/"),
                       ("/\udcff", "/\udcff"), ("/[ab]?", "/[ab]?")):
        with Config() as b:
            with open(b.path, "w", encoding="utf-8", errors="surrogateescape") as f:
                f.write(f"tenant:{text} max_vms = 2\n")
            r = b.apply()
            equal([r.returncode, r.stderr, b.tenants()], [0, "", {path: {"limits/max_vms": "2"}}],
                  f"apply defines the tenant of a path as written in the file: {text!a}")
            before = os.path.getsize(b.path)
            equal([b.run("save", b.path).returncode, os.path.getsize(b.path)], [0, before],
                  f"save keeps the line of an unchanged tenant: {text!a}")
            os.unlink(b.path)
            b.run("save", b.path)
            equal([b.apply("--check").stdout, b.apply().returncode, b.settled], ["", 0, [("add", path)]],
                  f"apply defines the same tenant from a file that save has written: {text!a}")


WRONG = (("tenant:/a", "a line of a tenant is tenant:PATH NAME = VALUE"), ("tenant:/a max_vms", "tenant:PATH NAME = VALUE"),
         ("tenant:/a max_vms =", "tenant:/a max_vms = : a value is missing"), ("tenant:/a max_vms = x", "tenant:/a max_vms = x: not a number"),
         ("tenant:a max_vms = 1", "from the root of the cgroup tree"), ("tenant: max_vms = 1", "from the root of the cgroup tree"),
         ("tenant:/sys/fs/cgroup/a max_vms = 1", "leave /sys/fs/cgroup out"),
         ("tenant:/a max_vm = 1", "unknown setting 'max_vm': did you mean max_vms?"), ("tenant:/a nonsense = 1", "l1tune.conf(5)"),
         ("tenant:/a max_vms_per_user = 1", "a tenant has no max_vms_per_user"), ("tenant:/a tune.uid = 1", "unknown setting 'tune.uid'"),
         ("max_vms_per_sec = 1", "max_vms_per_sec is a limit of tenants"),
         ("tenant:/machine.slice max_vms = 3", "max_vms is already set in line 3"), ("tenant:/a\x1b[2J max_vms = y", "\\033[2J max_vms = y: not a number"))


def test_wrong():
    for line, reason in WRONG:
        with Config(CONF + line + "\n") as b:
            for args in [], ["--check"]:
                r = b.apply(*args)
                ok(r.returncode == 1 and f"{b.path}:6: " in r.stderr and reason in r.stderr and "\x1b" not in r.stderr and not r.stdout and
                   b.tenants() == {} and b.machine.limit("limits/max_vms") == "max",
                   f"{' '.join(['apply', *args])} names line and reason, and sets nothing: {line!r}", r)
    with Config(CONF) as b:
        b.tenant("/machine.slice", limits={"max_vms": 7})
        b.module.without = ["audit/max_vcpus"]
        r = b.apply()
        equal([r.returncode, b.tenants(), b.machine.limit("limits/max_vms")], [1, {"/machine.slice": {"limits/max_vms": "7"}}, "max"],
              "apply removes new tenants and restores values if a tenant limit cannot be set")
    with Config(CONF) as b:
        b.module.stop()
        for name in "add", "remove":
            os.unlink(f"{b.machine.device('l1')}/tenants/{name}")
        os.rmdir(b.machine.device("l1") + "/tenants")
        for args in [], ["--check"]:
            r = b.apply(*args)
            ok(r.returncode == 1 and f"{b.path}:3: the loaded module has no tenants: load" in r.stderr and b.machine.limit("limits/max_vms") == "max",
               f"{' '.join(['apply', *args])} fails and sets nothing if the module has no tenants", r)
        before = b.text()
        b.run("save", b.path)
        equal("tenant" in b.text() and b.text().count("#"), before.count("#"),
              "save comments out no tenant lines if the module has no tenants")


def test_order():
    with Config("tenant:/a/* max_vms = 1\ntenant:/x max_vms = 4\ntenant:/*/b max_vms = 2\ntenant:/c? max_vms = 3\n") as b:
        b.apply()
        before = b.tenants()
        equal(list(before), ["/a/*", "/x", "/*/b", "/c?"], "apply defines patterns in the order of the file")
        b.write("tenant:/a/* max_vms = 1\ntenant:/c? max_vms = 3\ntenant:/*/b max_vms = 2\ntenant:/x max_vms = 4\n")
        write(f"{b.machine.device('tenant-3')}/audit/max_vcpus", 5, 0o640)
        r = b.apply("--check")
        equal(r.stdout.splitlines(), ["tenant:/c?: is defined again, after those above it", "tenant:/*/b: is defined again, after those above it",
                                      "tenant:/*/b audit.max_vcpus: 5 -> max"],
              "apply --check shows which patterns would be defined again")
        r = b.apply()
        equal([r.returncode, list(b.tenants()), b.settled], [0, ["/a/*", "/x", "/c?", "/*/b"], [("remove", "/c?"), ("add", "/c?"), ("remove", "/*/b"), ("add", "/*/b")]],
              "apply defines patterns again from the first one that is out of order, and keeps a path")
        equal(b.tenants(), before, "apply keeps the limits of patterns that it defines again")
        equal([b.apply("--check").stdout, b.apply().returncode, b.tenants() and b.settled], ["", 0, []], "apply --check has nothing left to change after patterns were defined in another order")
        b.write("tenant:/new/* max_vms = 9\n" + b.text())
        b.apply()
        equal(list(b.tenants()), ["/x", "/new/*", "/a/*", "/c?", "/*/b"],
              "apply defines a new pattern before those below it in the file")
        b.write("tenant:/c? max_vms = 3\ntenant:/*/b max_vms = 2\n")
        b.apply()
        equal([list(b.tenants()), b.settled], [["/c?", "/*/b"], [("remove", "/x"), ("remove", "/new/*"), ("remove", "/a/*")]],
              "apply does not define patterns again if others are removed")
    with Config("tenant:/b* max_vms = 2\ntenant:/a* max_vms = 1\n") as b:
        b.tenant("/c*", limits={"max_vms": 3})
        b.tenant("/a*", limits={"max_vms": 1})
        b.tenant("/b*", limits={"max_vms": 2})
        b.run("save", b.path)
        equal([b.apply("--check").stdout, [line for line in b.text().splitlines()]],
              ["", ["tenant:/c* max_vms = 3", "tenant:/a* max_vms = 1", "tenant:/b* max_vms = 2"]],
              "save writes patterns in the order in which they are defined")


def cpu_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_many():
    names = "max_vms", "max_vcpus", "max_memory_bytes"
    with Config("".join(f"tenant:/customers.slice/customers-{i}.slice {name} = {i + 1}\n" for i in range(1000) for name in names)) as b:
        before = cpu_of_children()
        r = b.apply("--check")
        used = cpu_of_children() - before
        equal([r.returncode, r.stderr, r.stdout.count(": is defined\n"), len(r.stdout.splitlines())], [0, "", 1000, 4000],
              "apply --check accepts a file with 1000 tenants")
        ok(used < 1, "apply --check of 1000 tenants takes less than a second of CPU time", used)
    with Config("".join(f"tenant:/c{i} max_vms = {i + 1}\n" for i in range(40))) as b:
        r = b.apply()
        equal([r.returncode, r.stderr, b.tenants()], [0, "", {f"/c{i}": {"limits/max_vms": str(i + 1)} for i in range(40)}],
              "apply sets the limits of each of 40 tenants")


def test_order_of_writes():
    with Config("tenant:/a max_vms = 1\ntenant:/b max_vms = 2\nmax_vms = 50\n") as b:
        seen = []
        b.module.before_add = lambda cgroup: seen.append((cgroup, b.machine.limit("limits/max_vms"),
                                                          [value(b.machine, number, "limits/max_vms") for number, _ in defined(b.machine)]))
        b.apply()
        equal(seen, [("/a", "50", []), ("/b", "50", ["1"])],
              "apply sets the limits of the host before it defines tenants, and those of a tenant before the next one")


def test_undo():
    with Config("tenant:/a max_vms = 9\ntenant:/b max_vms = 2\ntenant:/c max_vms = 3\nmax_vms = 50\n") as b:
        b.tenant("/a", limits={"max_vms": 7})
        b.machine.limits(limits={"max_vms": 6})
        b.module.refuse = {"/c": 1}
        r = b.apply()
        ok(r.returncode == 1 and "tenant /c was defined, and" in r.stderr and "nothing was changed: the values and tenants from before were restored" in r.stderr,
           "apply says that nothing was changed if a tenant cannot be defined", r)
        equal([b.tenants(), b.machine.limit("limits/max_vms")], [{"/a": {"limits/max_vms": "7"}}, "6"],
              "apply restores the limits of host and tenants if a tenant cannot be defined")
    for refused, is_lost in (1, False), (2, True):
        with Config("tenant:/new max_vms = 8\ntenant:/*/b max_vms = 7\ntenant:/a/* max_vms = 6\nmax_vms = 50\n") as b:
            b.tenant("/?", limits={"max_vcpus": 4})
            b.tenant("/a/*", limits={"max_vms": 1}, audit={"max_vms": 5})
            b.tenant("/old*", limits={"max_vms": 3})
            b.tenant("/*/b", limits={"max_vms": 2})
            before = b.tenants()
            b.module.refuse = {"/a/*": refused}
            r = b.apply()
            after = b.tenants()
            if not is_lost:
                ok(r.returncode == 1 and "tenants from before were restored; patterns that were defined again count from 0" in r.stderr and "nothing" not in r.stderr,
                   "apply says that restored patterns count from 0 if a pattern cannot be defined again", r)
                equal([list(after), after], [list(before), before],
                      "apply restores patterns in their order and with their limits if one cannot be defined again")
            else:
                ok(r.returncode == 1 and "tenant:/a/* cannot be restored; it had max_vms=1 audit.max_vms=5\n" in r.stderr and
                   "listed above; all others were restored" in r.stderr and "nothing" not in r.stderr,
                   "apply names a pattern that it cannot restore, with its limits", r)
                equal(after, {path: limits for path, limits in before.items() if path != "/a/*"},
                      "apply restores all patterns but one that it cannot restore")
            equal(b.machine.limit("limits/max_vms"), "max",
                  f"apply restores the limits of the host if a pattern was refused: {refused}")


class Signalled:
    """A run that gets a signal before a tenant is defined: the process, when it has ended."""

    def __init__(self, bench, number, cgroup, *args):
        self.started = threading.Event()
        self.number, self.cgroup = number, cgroup
        bench.module.before_add = self.before_add
        self.process = start(bench, *args)
        self.started.set()
        self.process.stderr.read()
        self.status = end_of(self.process)

    def before_add(self, cgroup):
        self.started.wait()
        if cgroup == self.cgroup:
            self.process.send_signal(self.number)


def start(bench, *args):
    return subprocess.Popen(bench.command(*args), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def test_signals():
    text = "max_vms = 50\ntenant:/a max_vms = 1\ntenant:/b max_vms = 2\naudit.max_vcpus = 3\n"
    for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
        with Config(text) as b:
            b.tenant("/old", limits={"max_vms": 3})
            r = Signalled(b, number, "/a", "apply", b.path)
            equal([r.status, b.tenants(), b.machine.limit("limits/max_vms"), b.machine.limit("audit/max_vcpus")],
                  [-number, {"/a": {"limits/max_vms": "1"}, "/b": {"limits/max_vms": "2"}}, "50", "3"],
                  f"apply sets all values before {number.name} ends it")
    with Config() as b:
        r = Signalled(b, signal.SIGTERM, "/a", "limits", "tenant:/a", "max_vms=4", "max_vcpus=5")
        equal([r.status, b.tenants()], [-signal.SIGTERM, {"/a": {"limits/max_vms": "4", "limits/max_vcpus": "5"}}],
              "limits sets all limits of a tenant that it defines before SIGTERM ends it")
    with Config(text) as b:
        b.tenant("/old", limits={"max_vms": 3})
        b.machine.limits(limits={"max_vcpus": 9})
        p = start(b, "apply", b.path)
        p.stderr.close()
        equal([end_of(p), b.tenants(), b.machine.limit("limits/max_vms"), b.machine.limit("limits/max_vcpus")],
              [0, {"/a": {"limits/max_vms": "1"}, "/b": {"limits/max_vms": "2"}}, "50", "max"],
              "apply sets all values if nobody reads stderr")


def test_save():
    with Config(CONF) as b:
        b.apply()
        b.tenants()
        equal([b.run("save", b.path).returncode, b.text()], [0, CONF], "save keeps a file that equals what is set")
        b.tenant("/no limits")
        write(b.machine.device("tenant-1") + "/limits/max_memory_bytes", 3 << 30, 0o640)
        write(b.machine.device("tenant-1") + "/audit/max_vms", 2, 0o640)
        remove(b.machine, 2)
        tenant(b.machine, 9, "/kube/a/pod1", pattern=2)
        r = b.run("save", b.path)
        equal([r.returncode, r.stderr, b.text()], [0, "", CONF.replace("=64G", "=3G").replace("tenant:/kube", "#tenant:/kube") +
                                                   "tenant:/machine.slice audit.max_vms = 2\ntenant:/no\\040limits max_vms = max\n"],
              "save changes values in their lines, comments out removed tenants, adds those without limits, and no "
              "matches")
        text = b.text()
        b.run("save", b.path)
        equal(b.text(), text, "save changes nothing if it is run twice")
        remove(b.machine, 9)
        before = b.tenants()
        r = b.apply()
        equal([r.returncode, b.tenants(), b.settled], [0, before, []], "apply changes nothing after save")


def test_example():
    with open(EXAMPLE, encoding="utf-8") as f:
        lines = re.findall(r"^#(tenant:\S+ \S+ = \S+)", f.read(), re.M)
    with Config("\n".join(lines) + "\n") as b:
        r = b.apply()
        equal([r.returncode, r.stderr, len(lines) > 1, len(b.tenants())], [0, "", True, len({line.split()[0] for line in lines})],
              "apply accepts each tenant line of the example l1tune.conf")


print("KTAP version 1")
for test in (test_apply, test_paths, test_wrong, test_order, test_many, test_order_of_writes, test_undo, test_signals, test_save,
             test_example):
    test()
finish()

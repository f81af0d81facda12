#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Limits of tenants: shown, set, removed, and what doctor, export and events say. Usage: test-tenants.py L1TUNE"""
import json
import os

from bench import Bench, equal, finish, ok
from fake import write
from tenants import LIMITS, Module, defined, remove, tenant, v2, value

POD = "/kubepods.slice/kubepods-pod7.slice"
PODS = "/kubepods.slice/*pod*"


def rows(result):
    return [line.split() for line in result.stdout.splitlines()]


def machine(bench, **first):
    """A tenant, and a pattern with two matches."""
    m = bench.machine
    m.limits(hooks={"refuse_vm": "ok", "refuse_vcpu": "ok", "throttle": "ok"})
    v2(m)
    write(m.device("l1") + "/tenants/add", "", 0o200)
    write(m.device("l1") + "/tenants/remove", "", 0o200)
    tenant(m, 1, "/machine.slice", usage={"vms": 3, "vcpus": 6, "memory_bytes": 5 << 29},
           **({"limits": {"max_vms": 20, "max_memory_bytes": 64 << 30}, "audit": {"max_vcpus": 4},
               "denied": {"max_vms": 7}, "would_deny": {"max_vcpus": 2}} | first))
    tenant(m, 2, PODS, matches=2, limits={"max_vms": 2}, denied={"max_vms": 1})
    tenant(m, 3, POD, pattern=2, usage={"vms": 1}, limits={"max_vms": 2}, denied={"max_vms": 1})
    tenant(m, 4, POD[:-8] + "8.slice", pattern=2, usage={"vms": 2}, limits={"max_vms": 2})


def test_show():
    with Bench() as b:
        machine(b)
        r = b.run("limits")
        host, _, tenants = r.stdout.partition("\n\n")
        equal([r.returncode, r.stderr, len(host.splitlines())], [0, "", 9],
              "limits shows the limits of the host before those of tenants")
        equal([line.split() for line in tenants.splitlines()], [
            "TENANT LIMIT VALUE AUDIT USE HEADROOM DENIED WOULD_DENY EFFECTIVE".split(),
            "/machine.slice max_vms 20 max 3 17 7 0 yes".split(),
            "/machine.slice max_vcpus max 4 6 max 0 2 yes".split(),
            "/machine.slice max_memory_bytes 64G max 2.5G 61.5G 0 0 yes".split(),
            f"{PODS} max_vms 2 max 2 0 1 0 yes".split(),
            f"{POD} max_vms 2 max 1 1 1 0 yes".split(),
            f"{POD[:-8]}8.slice max_vms 2 max 2 0 0 0 yes".split()],
              "limits shows limits that are set for tenants after the host's, matches under their pattern")
        equal([line[:3] for line in tenants.splitlines()[-3:]], ["/ku", "  /", "  /"],
              "limits indents the matches of a pattern")
        tenant(b.machine, 5, "/without")
        r = b.run("limits")
        equal(rows(r)[-1], ["/without"] + ["-"] * 8, "limits shows a tenant without limits by its path")
        remove(b.machine, 5)
        r = b.run("limits", "tenant:/machine.slice")
        equal([row[:2] for row in rows(r)[1:]], [["/machine.slice", name] for name in LIMITS],
              "limits tenant:PATH shows all limits of that tenant, and not the host's")
        equal([row[2:6] for row in rows(r)[3:6]], [["64G", "max", "2.5G", "61.5G"], ["max", "max", "0", "max"], ["max", "max", "-", "max"]],
              "limits tenant:PATH shows use and headroom of that tenant")
        r = b.run("limits", "tenant:/machine.slice/", "max_vms")
        equal([r.returncode, [row[:2] for row in rows(r)[1:]]], [0, [["/machine.slice", "max_vms"]]],
              "limits tenant:PATH/ NAME shows one limit of that tenant, and ignores the slash at the end")
        r = b.run("limits", "max_vcpus", "--noheadings")
        equal([row[:2] for row in rows(r)], [["max_vcpus", "max"], [], ["/machine.slice", "max_vcpus"], [PODS, "max_vcpus"], [POD, "max_vcpus"],
                                             [POD[:-8] + "8.slice", "max_vcpus"]],
              "limits NAME shows that limit of the host and of all tenants")
        r = b.run("limits", "tenant:" + PODS, "--noheadings", "-o", "TENANT_ID,LIMIT,USE,OF")
        equal([rows(r)[0], rows(r)[-2:]], [["tenant-2", "max_vms", "2", "tenant-4"],
                                          [["tenant-3", "max_vms", "1", "-"], ["tenant-4", "max_vms", "2", "-"]]],
              "limits tenant:PATTERN shows the pattern with its largest use, and its matches")
        r = b.run("limits", "tenant:" + POD, "--noheadings", "-o", "TENANT,LIMIT,VALUE")
        equal(rows(r)[0], [POD, "max_vms", "2"], "limits tenant:PATH accepts a match of a pattern")
        r = b.run("limits", "--noheadings", "-o", "LIMIT,VALUE")
        equal(len(rows(r)), 8, "limits -o without TENANT shows the limits of the host only")
        d = b.json("limits", "-J")
        equal([len(d["limits"]), [[t["id"], t["cgroup"], t["pattern"], t["matches"], len(t["limits"])] for t in d["tenants"]]],
              [8, [[1, "/machine.slice", None, None, 6], [2, PODS, None, 2, 6], [3, POD, 2, None, 6], [4, POD[:-8] + "8.slice", 2, None, 6]]],
              "limits --json has tenants beside the limits of the host")
        equal(d["tenants"][0]["limits"][0], {
            "id": None, "name": None, "limit": "max_vms", "value": 20, "scope": "tenant", "audit": None, "use": 3, "of": None,
            "headroom": 17, "denied": 7, "would_deny": 0, "set": True, "effective": True, "hook": "refuse_vm", "hook_state": "ok"},
              "limits --json has the same fields for a limit of a tenant as for one of the host")
        d = b.json("limits", "-J", "tenant:/machine.slice", "max_vcpus")
        equal([d["limits"], [[t["cgroup"], [row["limit"] for row in t["limits"]]] for t in d["tenants"]]],
              [[], [["/machine.slice", ["max_vcpus"]]]],
              "limits --json tenant:PATH NAME has that limit of that tenant only")
        equal(b.json("limits", "-J", "max_vms")["tenants"][0]["limits"][0]["limit"], "max_vms",
              "limits --json NAME has that limit of tenants, too")
        r = b.run("limits", "tenant:/machine.slic")
        ok(r.returncode == 4 and "there is no tenant /machine.slic: did you mean /machine.slice?" in r.stderr and not r.stdout,
           "limits exits with 4 and suggests the tenant that a mistyped path means", r)
        r = b.run("limits", "tenant:/nowhere")
        ok(r.returncode == 4 and "l1tune limits lists the tenants" in r.stderr,
           "limits exits with 4 if there is no such tenant, and says how to list tenants", r)
        tenant(b.machine, 9, "/x\x1b[2J\udcff")
        r = b.run("limits")
        ok("\x1b" not in r.stdout and "/x\\x1b[2J\\xff" in r.stdout,
           "limits escapes control characters in a tenant's path", r.stdout)
        equal(b.json("limits", "-J")["tenants"][-1]["cgroup"], "/x\x1b[2J\\xff",
              "limits --json has a valid string for a tenant's path that is not UTF-8")
    with Bench() as b:
        b.machine.limits()
        d = b.json("limits", "-J")
        equal([len(d["limits"]), d["tenants"]], [8, None], "limits --json has null for tenants if the module has none")
        for args in ["tenant:/a"], ["tenant:/a", "max_vms=1"], ["--remove", "tenant:/a"]:
            r = b.run("limits", *args)
            ok(r.returncode == 1 and "the loaded module has no tenants: load the module that came with this l1tune" in r.stderr and not r.stdout,
               f"limits {' '.join(args)} fails and asks for the right module if the loaded one has no tenants", r)
        r = b.run("limits")
        ok(r.returncode == 0 and not r.stderr and "TENANT" not in r.stdout, "limits shows the host's limits with a module without tenants", r)


def test_effect():
    with Bench() as b:
        machine(b, effective={"max_vms": 0, "max_vcpus": 0})
        b.machine.limits(hooks={"refuse_vm": "unavailable", "refuse_vcpu": "waiting"})
        r = b.run("limits")
        ok(r.returncode == 1 and r.stderr.count("\n") == 1 and
           "tenant /machine.slice: max_vms is set and not effective: its hook refuse_vm is unavailable" in r.stderr,
           "limits exits with 1 and names the unavailable hook if a tenant limit is not effective", r)
        equal([row[-1] for row in rows(r)[10:13]], ["EFFECTIVE", "no", "waiting"],
              "limits shows that a tenant limit is not effective or waits for KVM")
        r = b.run("limits", "max_vms")
        ok(r.returncode == 1 and "tenant /machine.slice: max_vms is set and not effective" in r.stderr and "max_vcpus" not in r.stderr,
           "limits NAME exits with 1 and names the tenant if that limit of a tenant is not effective", r)
        r = b.run("limits", "max_memory_bytes")
        equal([r.returncode, r.stderr, [row[:3] for row in rows(r) if row[:1] == ["/machine.slice"]]],
              [0, "", [["/machine.slice", "max_memory_bytes", "64G"]]],
              "limits NAME shows the limit and exits with 0 if only other limits of a tenant are not effective")
    with Bench() as b:
        machine(b)
        r = b.run("limits", "tenant:/machine.slice", "max_vms=2", "audit.max_memory_bytes=1G", "max_vcpus=9")
        equal([r.returncode, r.stdout, value(b.machine, 1, "limits/max_vms"), value(b.machine, 1, "audit/max_memory_bytes"), value(b.machine, 1, "limits/max_vcpus")],
              [0, "", "2", str(1 << 30), "9"],
              "limits tenant:PATH NAME=VALUE sets limits and audit thresholds of a tenant")
        ok("tenant /machine.slice: max_vms=2 is below the 3 in use: guests keep what they have" in r.stderr and
           "tenant /machine.slice: audit.max_memory_bytes=1G is below the 2.5G in use: each request for more is counted" in r.stderr,
           "limits tenant:PATH NAME=VALUE warns about values below what is in use", r.stderr)
        for number in 3, 4:
            write(f"{b.machine.device(f'tenant-{number}')}/limits/max_vms", 1, 0o440)
        r = b.run("limits", "tenant:" + PODS, "max_vms=1")
        ok(f"tenant {PODS}: max_vms=1 is below the 2 in use by tenant-4" in r.stderr and r.stderr.count("\n") == 1 and
           value(b.machine, 2, "limits/max_vms") == "1",
           "limits tenant:PATTERN NAME=VALUE warns once about a value below the use of a match", r)
        r = b.run("limits", "tenant:/machine.slice", "max_vms=max", "-J")
        equal([r.returncode, b.machine.limit("limits/max_vms"), value(b.machine, 1, "limits/max_vms")], [0, "max", "max"],
              "limits tenant:PATH NAME=max removes the limit of that tenant only")


def test_set():
    with Bench() as b:
        m = b.machine
        machine(b)
        for name in "add", "remove":
            os.unlink(f"{m.device('l1')}/tenants/{name}")
        module = Module(m)
        os.makedirs(m.sys + "/fs/cgroup/system.slice/web.service")
        r = b.run("limits", "tenant:/system.slice/web.service", "max_vms=4", "max_vms_per_sec=2", "audit.max_exits_per_sec=5000")
        equal([r.returncode, r.stdout, r.stderr, module.settle(), defined(m)[-1]],
              [0, "", "", [("add", "/system.slice/web.service")], (5, "/system.slice/web.service")],
              "limits tenant:PATH NAME=VALUE defines a tenant that does not exist")
        equal([value(m, 5, path) for path in ("limits/max_vms", "limits/max_vms_per_sec", "audit/max_exits_per_sec", "limits/max_vcpus")],
              ["4", "2", "5000", "max"], "limits tenant:PATH NAME=VALUE sets the limits of a tenant that it defines")
        r = b.run("limits", "tenant:/system.slice/web.service", "max_vms=5")
        equal([r.returncode, module.settle(), value(m, 5, "limits/max_vms")], [0, [], "5"],
              "limits tenant:PATH NAME=VALUE does not define an existing tenant again")
        r = b.run("limits", "tenant:/a=b/later", "max_vms=5")
        ok(r.returncode == 0 and "there is no cgroup /a=b/later yet" in r.stderr and module.settle() == [("add", "/a=b/later")],
           "limits defines a tenant whose path has a =, and says that its cgroup does not exist yet", r)
        r = b.run("limits", "tenant:/x/*/y", "max_vms=1")
        equal([r.returncode, r.stderr, module.settle()], [0, "", [("add", "/x/*/y")]],
              "limits defines a pattern without a warning about a missing cgroup")
        r = b.run("limits", "tenant:" + POD, "max_vms=9")
        ok(r.returncode == 0 and f"{POD} is a tenant of its own now: the limits of {PODS} no longer apply to it" in r.stderr and
           module.settle() == [("add", POD)] and value(m, 3, "limits/max_vms") == "2" and value(m, 8, "limits/max_vms") == "9",
           "limits tenant:PATH NAME=VALUE makes a match of a pattern a tenant of its own", r)
        os.chmod(f"{m.device('tenant-3')}/limits/max_vms", 0o440)
        before = defined(m)
        for status, said, words in (
                (2, "such as /machine.slice", ["tenant:a/b", "max_vms=1"]), (2, "such as /machine.slice", ["tenant:", "max_vms=1"]),
                (2, "leave /sys/fs/cgroup out", ["tenant:/sys/fs/cgroup/a", "max_vms=1"]),
                (2, "two slashes", ["tenant:/a//b", "max_vms=1"]), (2, "no ..", ["tenant:/a/../b", "max_vms=1"]),
                (2, "at most 16", ["tenant:" + "/a" * 17, "max_vms=1"]), (2, "at most 1023", ["tenant:/" + "a" * 1023, "max_vms=1"]),
                (2, "newline", ["tenant:/a\nb", "max_vms=1"]),
                (2, "did you mean max_vms?", ["tenant:/a", "max_vm=1"]), (2, "not a number", ["tenant:/a", "max_vms=x"]),
                (2, "did you mean max_vms?", ["tenant:/a", "max_vm"]),
                (2, "a tenant has no max_vms_per_user", ["tenant:/a", "max_vms_per_user=1"]),
                (2, "a tenant has no max_vcpus_per_vm", ["tenant:/a", "max_vcpus_per_vm"]),
                (2, "max_vms_per_sec is a limit of tenants", ["max_vms_per_sec=1"]),
                (2, "max_vms_per_sec is a limit of tenants", ["max_vms_per_sec"]),
                (2, "use max for no limit", ["tenant:/a", "max_vms=default"]), (2, "twice", ["tenant:/a", "max_vms=1", "max_vms=2"]),
                (2, "a tenant and a guest cannot be combined", ["tenant:/a", "web", "max_vms=1"]),
                (2, "one tenant at a time", ["tenant:/a", "tenant:/b", "max_vms=1"]),
                (2, "has no value", ["tenant:/a", "max_vms", "max_vcpus=1"]),
                (2, "--remove needs tenant:PATH", ["--remove"]), (2, "--remove needs tenant:PATH", ["--remove", "web"]),
                (2, "with all its limits", ["--remove", "tenant:/a", "max_vms"]), (2, "JSON", ["--remove", "-J", "tenant:/a"])):
            r = b.run("limits", *words)
            ok(r.returncode == status and said in r.stderr and not r.stdout and defined(m) == before,
               f"limits {' '.join(words)!r:.80} exits with {status}, says '{said}' and defines nothing", r)
        equal(module.settle(), [], "limits writes nothing to the module if its arguments are wrong")
        module.without = ["limits/max_vcpus"]
        r = b.run("limits", "tenant:/new", "max_vms=1", "max_vcpus=2")
        ok(r.returncode == 1 and "max_vcpus" in r.stderr and module.settle() == [("add", "/new"), ("remove", "/new")] and defined(m) == before,
           "limits removes a tenant that it has defined if one of its limits cannot be set", r)
        r = b.run("limits", "--remove", "tenant:/x/*/y", "tenant:/a=b/later")
        equal([r.returncode, r.stdout, r.stderr, module.settle()], [0, "", "", [("remove", "/x/*/y"), ("remove", "/a=b/later")]],
              "limits --remove removes the named tenants")
        before = defined(m)
        tenant(m, module.next, "/twice")
        r = b.run("limits", "--remove", "tenant:/twice", "tenant:/twice/")
        equal([r.returncode, r.stderr, module.settle()], [0, "", [("remove", "/twice")]],
              "limits --remove removes a tenant that is named twice once")
        r = b.run("limits", "--remove", "tenant:/machine.slice", "tenant:/x/*/y")
        ok(r.returncode == 4 and "there is no tenant /x/*/y" in r.stderr and not module.settle() and defined(m) == before,
           "limits --remove exits with 4 and removes none if one of several tenants does not exist", r)
        r = b.run("limits", "--remove", "tenant:" + POD[:-8] + "8.slice")
        ok(r.returncode == 1 and f"is a match of the tenant {PODS}: remove that" in r.stderr and not module.settle(),
           "limits --remove refuses to remove a match of a pattern", r)


def test_cgroups():
    with Bench() as b:
        machine(b)
        for what, files in (("version 1 only", {"cgroup": "4:cpu:/a\n1:name=systemd:/a\n", "mount": "cgroup"}),
                            ("version 2 is not mounted", {"mount": "cgroup"})):
            v2(b.machine, **files)
            r = b.run("limits", "tenant:/machine.slice", "max_vms=1")
            ok(r.returncode == 1 and "not supported here" in r.stderr and what in r.stderr and "unified_cgroup_hierarchy" in r.stderr and
               value(b.machine, 1, "limits/max_vms") == "20",
               f"limits tenant:PATH NAME=VALUE fails and sets nothing without cgroup version 2: {what}", r)
            for args in ["limits"], ["limits", "tenant:/machine.slice"]:
                r = b.run(*args)
                ok(r.returncode == 1 and "/machine.slice" in r.stdout and what in r.stderr,
                   f"{' '.join(args)} shows tenants and exits with 1 without cgroup version 2: {what}", r)
        for number in 4, 3, 2, 1:
            remove(b.machine, number)
        r = b.run("limits")
        equal([r.returncode, r.stderr, [row[0] for row in rows(r)[:2]], "TENANT" in r.stdout], [0, "", ["LIMIT", "max_vms"], False],
              "limits shows the host's limits and says nothing about cgroups if there are no tenants")
        os.unlink(b.machine.proc + "/self/cgroup")
        r = b.run("limits", "tenant:/a", "max_vms=1")
        ok(r.returncode == 1 and "this kernel has no cgroups" in r.stderr,
           "limits tenant:PATH NAME=VALUE fails on a kernel without cgroups", r)
        v2(b.machine)
        # The module's answer when it has as many as it takes.
        os.unlink(b.machine.device("l1") + "/tenants/add")
        os.symlink("/dev/full", b.machine.device("l1") + "/tenants/add")
        r = b.run("limits", "tenant:/a", "max_vms=1")
        equal([r.returncode, r.stdout, r.stderr, defined(b.machine)],
              [1, "", "l1tune: too many tenants for /a: at most 64 patterns and 4096 tenants; remove one first\n", []],
              "limits tenant:PATH NAME=VALUE exits with 1 and says how many tenants there can be if the module has no room for one more")


def charge(bench, number, cgroup, now=None, **values):
    """A guest that was created in a cgroup, whose VMM is in another now."""
    bench.machine.guest(number, **values)
    write(f"{bench.machine.device(f'l2-{number}')}/cgroup", cgroup)
    bench.machine.process(1000 + number, ["qemu-system-x86_64", "-name", f"guest=web{number}"], f"0::{now or cgroup}\n")


def doctor(bench, path):
    r = bench.run("doctor", "--tenant", path, "-J")
    return {row["row"]: (row["state"], row["text"]) for row in json.loads(r.stdout)["rows"]} if r.stdout else r, r.returncode


def test_doctor():
    with Bench(usage={"vms": 28}) as b:
        m = b.machine
        machine(b)
        m.limits(limits={"max_vms": 30, "max_exits_per_sec": 200, "max_vms_per_user": 3}, hooks={"refuse_vm": "ok", "refuse_vcpu": "ok"})
        tenant(m, 5, "/", usage={"vms": 9}, limits={"max_vms": 10, "max_vms_per_sec": 7})
        tenant(m, 6, "/machine.slice/a", usage={"vms": 2, "vcpus": 4, "memory_bytes": 1 << 30, "nested_vms": 1},
               limits={"max_vms": 5, "max_vcpus": 8, "max_nested_vms": 2, "max_exits_per_sec": 900, "max_vms_per_sec": 3}, denied={"max_vms": 2, "max_exits_per_sec": 4})
        rows, status = doctor(b, "/machine.slice/a")
        equal([status, list(rows)], [0, ["tenant", *LIMITS]], "doctor --tenant has a row for the tenant and for each limit")
        equal(rows["tenant"], ("info", "/machine.slice/a (tenant-6): 2 VMs with 4 vCPUs and 1G of memory"),
              "doctor --tenant shows what the tenant uses")
        equal(rows["max_vms"], ("info", "tightest: /: 9 of 10 used, 1 left; this host: 28 of 30 used, 2 left; /machine.slice/a: 2 of 5 used, 3 left, denied 2 times; "
                                "/machine.slice: 3 of 20 used, 17 left, denied 7 times"),
              "doctor --tenant shows max_vms of the tenant, those above and the host, the tightest first")
        equal(rows["max_vcpus"], ("ok", "/machine.slice/a: 4 of 8 used, 4 left; /machine.slice: audit threshold 4 exceeded 2 times"),
              "doctor --tenant accepts an audit threshold that was exceeded")
        equal(rows["max_memory_bytes"], ("ok", "/machine.slice: 2.5G of 64G used, 61.5G left"),
              "doctor --tenant shows a limit that only a tenant above has")
        equal(rows["max_exits_per_sec"], ("info", "tightest: this host: 200 per second for each guest; /machine.slice/a: 900 per second for all its guests together, denied 4 times"),
              "doctor --tenant shows max_exits_per_sec of host and tenant, the tightest first")
        equal(rows["max_vms_per_sec"], ("ok", "tightest: /machine.slice/a: 3 per second; /: 7 per second"),
              "doctor --tenant shows the lowest max_vms_per_sec as the tightest")
        for name, limit, expected in (("max_vms", 2, ("problem", 2)), ("max_vms", 1, ("problem", 2)), ("max_nested_vms", 1, ("warning", 1)), ("max_nested_vms", 0, ("info", 0)),
                                      ("max_vms_per_sec", 0, ("problem", 2)), ("max_exits_per_sec", 0, ("info", 0))):
            path = f"{m.device('tenant-6')}/limits/{name}"
            with open(path, encoding="ascii") as f:
                before = f.read().strip()
            write(path, limit, 0o640)
            rows, status = doctor(b, "/machine.slice/a")
            equal((rows[name][0], status), expected,
                  f"doctor --tenant reports {name}={limit} with the state and exit status {expected}")
            write(path, before, 0o640)
        r = b.run("doctor", "--tenant", "/machine.slice/a/")
        ok(r.returncode == 0 and r.stdout.endswith("\nGuests can start in /machine.slice/a.\n"), "doctor --tenant says as text that guests can start", r.stdout)
        write(f"{m.device('tenant-5')}/usage/vms", 10)
        r = b.run("doctor", "--tenant", "/machine.slice/a")
        ok(r.returncode == 2 and r.stdout.endswith("\nNo guest can start in /machine.slice/a: 1 limit is reached.\n") and "/: 10 of 10 used, 0 left" in r.stdout,
           "doctor --tenant reports a problem if a limit of a tenant above is reached", r.stdout)
        write(f"{m.device('tenant-5')}/usage/vms", 0)
        write(f"{m.device('tenant-6')}/effective/max_vms", 0)
        m.limits(limits={"max_vms": 30}, hooks={"refuse_vm": "unavailable"})
        rows, status = doctor(b, "/machine.slice/a")
        ok(status == 1 and rows["max_vms"][0] == "warning" and "not effective: its hook refuse_vm is unavailable" in rows["max_vms"][1],
           "doctor --tenant warns about a limit that is not effective", rows)
        rows, status = doctor(b, "/machine.slice/a/b")
        equal(rows["tenant"][1], "/machine.slice/a/b is no tenant; it is below /machine.slice/a (tenant-6): 2 VMs with 4 vCPUs and 1G of memory",
              "doctor --tenant names the tenant above a cgroup that is none")
        rows, status = doctor(b, POD)
        ok(rows["tenant"][1].startswith(f"{POD} (tenant-3), a match of {PODS}: 1 VM with") and f"{POD}: 1 of 2 used, 1 left, denied 1 time" in rows["max_vms"][1],
           "doctor --tenant shows the pattern and the limits of a match", rows)
        rows, status = doctor(b, "/kubepods.slice/new-pod/x")
        ok(rows["tenant"][1].startswith("/kubepods.slice/new-pod/x is no tenant yet; the pattern " + PODS) and
           f"{PODS}: 2 for each match, including this one" in rows["max_vms"][1],
           "doctor --tenant names the pattern that will make a cgroup a tenant", rows)
        rows, status = doctor(b, PODS)
        ok(rows["tenant"][1].endswith("is a pattern with 2 matches now: shown is the fullest") and status == 2 and
           f"{PODS}: 2 of 2 used, 0 left in {POD[:-8]}8.slice" in rows["max_vms"][1],
           "doctor --tenant shows the fullest match of a pattern", rows)
        rows, status = doctor(b, "/kubepods.slice/x/pod")
        ok(PODS not in str(rows) and "/kubepods.slice/x/pod is no tenant; it is below / (tenant-5)" in rows["tenant"][1],
           "doctor --tenant matches each component of a pattern separately", rows)
        remove(m, 5)
        r = b.run("doctor", "--tenant", "/machine.slic")
        ok(r.returncode == 2 and "did you mean /machine.slice?" in r.stderr and not r.stdout,
           "doctor --tenant exits with 2 and suggests the tenant that a mistyped path means", r)
        for args, said in ((["--tenant", "a"], "such as /machine.slice"), (["--tenant", "/a", "--all"], "mutually exclusive"),
                           (["--tenant", "/a"], "there is no tenant /a: l1tune limits lists the tenants")):
            r = b.run("doctor", *args)
            ok(r.returncode == 2 and said in r.stderr and not r.stdout, f"doctor {' '.join(args)} exits with 2 and says: {said}", r)
        v2(m, mount="cgroup")
        rows, status = doctor(b, "/machine.slice/a")
        ok(rows["cgroups"][0] == "warning" and "version 2 is not mounted" in rows["cgroups"][1] and status == 1,
           "doctor --tenant warns if there is no cgroup version 2", rows)
    with Bench() as b:
        machine(b)
        rows, _ = doctor(b, "/machine.slice")
        equal("moved" in rows, False, "doctor --tenant has no row moved without guests")
        charge(b, 1, "/machine.slice/web.scope", "/machine.slice/web.scope/libvirt/emulator")
        rows, status = doctor(b, "/machine.slice")
        equal([rows["moved"], status], [("ok", "no VMM, of 1"), 0],
              "doctor --tenant reports no move for a VMM that moved within the tenant")
        charge(b, 2, "/machine.slice/db.scope", "/other")
        charge(b, 3, "/machine.slices", "/machine.slice")
        charge(b, 4, "/elsewhere", "/elsewhere/too")
        charge(b, 5, "/machine.slice", "/../outside")
        rows, status = doctor(b, "/machine.slice")
        equal([rows["moved"], status], [("warning", "l2-2 (web2) was created here, in /machine.slice/db.scope, and counts here until it ends; its VMM is in /other now; "
                                                   "l2-3 (web3) was created elsewhere, in /machine.slices, and counts there; its VMM is here, in /machine.slice, now"), 1],
              "doctor --tenant warns about VMMs that left the tenant and that came into it")
        for number in range(6, 12):
            charge(b, number, "/machine.slice", "/other")
        ok(doctor(b, "/machine.slice")[0]["moved"][1].endswith("; and 3 more"),
           "doctor --tenant shows a number for further VMMs that moved")
    with Bench() as b:
        b.machine.limits()
        r = b.run("doctor", "--tenant", "/a")
        ok(r.returncode == 2 and "the loaded module has no tenants" in r.stderr,
           "doctor --tenant exits with 2 if the module has no tenants", r)
    with Bench(load=False) as b:
        r = b.run("doctor", "--tenant", "/a")
        ok(r.returncode == 2 and "run l1tune apply --load" in r.stderr and not r.stdout,
           "doctor --tenant without the module exits with 2 and says how to load it", r)


def samples(text, *families):
    return [line for line in text.splitlines() if line.startswith(tuple(f"{family}{{" for family in families) + tuple(f"{family} " for family in families))]


LIMIT_FAMILIES = ["l1tune_tenant_limit", "l1tune_tenant_limit_audit", "l1tune_tenant_denials_total", "l1tune_tenant_would_denials_total",
                  "l1tune_tenant_limit_broken", "l1tune_tenants_other_denials", "l1tune_tenants_broken_limits"]


def test_export():
    with Bench() as b:
        machine(b, effective={"max_vcpus": 0})
        r = b.run("export")
        equal([r.returncode, r.stderr], [0, ""], "export of tenants exits with 0 and no message")
        equal(samples(r.stdout, *LIMIT_FAMILIES[:1]), [
            'l1tune_tenant_limit{tenant="/machine.slice",limit="max_vms"} 20', f'l1tune_tenant_limit{{tenant="/machine.slice",limit="max_memory_bytes"}} {64 << 30}',
            f'l1tune_tenant_limit{{tenant="{PODS}",limit="max_vms"}} 2', f'l1tune_tenant_limit{{tenant="{POD}",limit="max_vms"}} 2',
            f'l1tune_tenant_limit{{tenant="{POD[:-8]}8.slice",limit="max_vms"}} 2'],
              "export has the limits that are set for tenants")
        equal(samples(r.stdout, *LIMIT_FAMILIES[1:2]), ['l1tune_tenant_limit_audit{tenant="/machine.slice",limit="max_vcpus"} 4'],
              "export has the audit thresholds that are set for tenants")
        equal([samples(r.stdout, *LIMIT_FAMILIES[2:3])[0], samples(r.stdout, *LIMIT_FAMILIES[3:4])],
              ['l1tune_tenant_denials_total{tenant="/machine.slice",limit="max_vms"} 7', ['l1tune_tenant_would_denials_total{tenant="/machine.slice",limit="max_vcpus"} 2']],
              "export has the denials of tenants, and what audit thresholds would have denied")
        equal([line.rpartition(" ")[2] for line in samples(r.stdout, *LIMIT_FAMILIES[4:5])][:3], ["0", "1", "0"],
              "export has l1tune_tenant_limit_broken 1 for a tenant limit that is not effective")
        equal(samples(r.stdout, *LIMIT_FAMILIES[5:6]), ["l1tune_tenants_other_denials 0"],
              "export has 0 denials of other tenants if all tenants have series")
        tenant(b.machine, 204, PODS + "x", matches=1, limits={"max_vms": 2}, effective={"max_vms": 0})
        tenant(b.machine, 205, "/match", pattern=204, limits={"max_vms": 2}, effective={"max_vms": 0})
        equal(samples(b.run("export").stdout, *LIMIT_FAMILIES[6:]), ["l1tune_tenants_broken_limits 2"],
              "export counts limits that are not effective, those of a pattern and its match once")
        for number in range(10, 160):
            tenant(b.machine, number, f"/t{number}", limits={"max_vms": 1, "max_vcpus": 1}, denied={"max_vms": 1, "max_vcpus": 1})
        r = b.run("export")
        named = {line.partition('tenant="')[2].partition('"')[0] for line in samples(r.stdout, *LIMIT_FAMILIES[:5])}
        equal([len(named), samples(r.stdout, *LIMIT_FAMILIES[5:6])], [100, ["l1tune_tenants_other_denials 108"]],
              "export has series for 100 tenants, and the sum of denials of the others")
        for number in range(200, 203):
            tenant(b.machine, number, f"/u{number}", limits={"max_vms": 1, "max_vcpus": 1}, effective={"max_vms": 0, "max_memory_bytes": 0})
        r = b.run("export")
        ok("/u200" not in r.stdout and 'tenant="/t10"' in r.stdout, "export has no series for tenants beyond 100", r)
        equal(samples(r.stdout, *LIMIT_FAMILIES[6:]), ["l1tune_tenants_broken_limits 5"],
              "export counts limits that are not effective of tenants without series, too")
        tenant(b.machine, 203, "/u203", limits={"max_vms": "?"})
        r = b.run("export")
        ok(r.returncode == 1 and "tenant-203/limits/max_vms: unexpected value" in r.stderr and "l1tune_up 1" in r.stdout and
           samples(r.stdout, *LIMIT_FAMILIES[5:]) == [],
           "export fails and has no sums over tenants if one cannot be read", r)
    with Bench() as b:
        b.machine.limits()
        r = b.run("export")
        equal([r.returncode, "l1tune_up 1\n" in r.stdout, samples(r.stdout, *LIMIT_FAMILIES)], [0, True, []],
              "export has the host and no metric of tenants if the module has none")


print("KTAP version 1")
for test in test_show, test_effect, test_set, test_cgroups, test_doctor, test_export:
    test()
finish()

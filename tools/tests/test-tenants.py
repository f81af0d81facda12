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
        equal([r.returncode, r.stderr, len(host.splitlines())], [0, "", 9], "the host's limits stand first, as without tenants")
        equal([line.split() for line in tenants.splitlines()], [
            "TENANT LIMIT VALUE AUDIT USE HEADROOM DENIED WOULD_DENY EFFECTIVE".split(),
            "/machine.slice max_vms 20 max 3 17 7 0 yes".split(),
            "/machine.slice max_vcpus max 4 6 max 0 2 yes".split(),
            "/machine.slice max_memory_bytes 64G max 2.5G 61.5G 0 0 yes".split(),
            f"{PODS} max_vms 2 max 2 0 1 0 yes".split(),
            f"{POD} max_vms 2 max 1 1 1 0 yes".split(),
            f"{POD[:-8]}8.slice max_vms 2 max 2 0 0 0 yes".split()], "limits that are set for tenants follow the host's, matches under their pattern")
        equal([line[:3] for line in tenants.splitlines()[-3:]], ["/ku", "  /", "  /"], "matches are indented")
        tenant(b.machine, 5, "/without")
        r = b.run("limits")
        equal(rows(r)[-1], ["/without"] + ["-"] * 8, "a tenant without limits is shown by its path")
        remove(b.machine, 5)
        r = b.run("limits", "tenant:/machine.slice")
        equal([row[:2] for row in rows(r)[1:]], [["/machine.slice", name] for name in LIMITS], "tenant:PATH shows all limits of one, and not the host's")
        equal([row[2:6] for row in rows(r)[3:6]], [["64G", "max", "2.5G", "61.5G"], ["max", "max", "0", "max"], ["max", "max", "-", "max"]],
              "with what is in use and what is left")
        r = b.run("limits", "tenant:/machine.slice/", "max_vms")
        equal([r.returncode, [row[:2] for row in rows(r)[1:]]], [0, [["/machine.slice", "max_vms"]]], "one limit of one tenant; a slash at the end does not matter")
        r = b.run("limits", "max_vcpus", "--noheadings")
        equal([row[:2] for row in rows(r)], [["max_vcpus", "max"], [], ["/machine.slice", "max_vcpus"], [PODS, "max_vcpus"], [POD, "max_vcpus"],
                                             [POD[:-8] + "8.slice", "max_vcpus"]], "a limit that is named is shown of the host and of all tenants")
        r = b.run("limits", "tenant:" + PODS, "--noheadings", "-o", "TENANT_ID,LIMIT,USE,OF")
        equal([rows(r)[0], rows(r)[-2:]], [["tenant-2", "max_vms", "2", "tenant-4"],
                                          [["tenant-3", "max_vms", "1", "-"], ["tenant-4", "max_vms", "2", "-"]]],
              "a pattern is shown with its matches, and with the use of the one that uses most")
        r = b.run("limits", "tenant:" + POD, "--noheadings", "-o", "TENANT,LIMIT,VALUE")
        equal(rows(r)[0], [POD, "max_vms", "2"], "a match can be named")
        r = b.run("limits", "--noheadings", "-o", "LIMIT,VALUE")
        equal(len(rows(r)), 8, "columns without TENANT show the host's limits only")
        d = b.json("limits", "-J")
        equal([len(d["limits"]), [[t["id"], t["cgroup"], t["pattern"], t["matches"], len(t["limits"])] for t in d["tenants"]]],
              [8, [[1, "/machine.slice", None, None, 6], [2, PODS, None, 2, 6], [3, POD, 2, None, 6], [4, POD[:-8] + "8.slice", 2, None, 6]]],
              "JSON has tenants beside the host's limits")
        equal(d["tenants"][0]["limits"][0], {
            "id": None, "name": None, "limit": "max_vms", "value": 20, "scope": "tenant", "audit": None, "use": 3, "of": None,
            "headroom": 17, "denied": 7, "would_deny": 0, "set": True, "effective": True, "hook": "refuse_vm", "hook_state": "ok"},
              "a tenant's limit in JSON is like the host's")
        d = b.json("limits", "-J", "tenant:/machine.slice", "max_vcpus")
        equal([d["limits"], [[t["cgroup"], [row["limit"] for row in t["limits"]]] for t in d["tenants"]]],
              [[], [["/machine.slice", ["max_vcpus"]]]], "JSON of one tenant")
        equal(b.json("limits", "-J", "max_vms")["tenants"][0]["limits"][0]["limit"], "max_vms", "JSON of one limit has tenants' too")
        r = b.run("limits", "tenant:/machine.slic")
        ok(r.returncode == 4 and "there is no tenant /machine.slic: did you mean /machine.slice?" in r.stderr and not r.stdout, "a mistyped path: 4, and which is meant", r)
        r = b.run("limits", "tenant:/nowhere")
        ok(r.returncode == 4 and "l1tune limits lists the tenants" in r.stderr, "no such tenant: 4", r)
        tenant(b.machine, 9, "/x\x1b[2J\udcff")
        r = b.run("limits")
        ok("\x1b" not in r.stdout and "/x\\x1b[2J\\xff" in r.stdout, "what a cgroup is called is escaped", r.stdout)
        equal(b.json("limits", "-J")["tenants"][-1]["cgroup"], "/x\x1b[2J\\xff", "an escaped path of a cgroup is valid in JSON")
    with Bench() as b:
        b.machine.limits()
        d = b.json("limits", "-J")
        equal([len(d["limits"]), d["tenants"]], [8, None], "a module without tenants: null in JSON")
        for args in ["tenant:/a"], ["tenant:/a", "max_vms=1"], ["--remove", "tenant:/a"]:
            r = b.run("limits", *args)
            ok(r.returncode == 1 and "the loaded module has no tenants: load the module that came with this l1tune" in r.stderr and not r.stdout,
               f"a module without tenants is named: {args}", r)
        r = b.run("limits")
        ok(r.returncode == 0 and not r.stderr and "TENANT" not in r.stdout, "limits shows the host's limits with a module without tenants", r)


def test_effect():
    with Bench() as b:
        machine(b, effective={"max_vms": 0, "max_vcpus": 0})
        b.machine.limits(hooks={"refuse_vm": "unavailable", "refuse_vcpu": "waiting"})
        r = b.run("limits")
        ok(r.returncode == 1 and r.stderr.count("\n") == 1 and
           "tenant /machine.slice: max_vms is set and not effective: its hook refuse_vm is unavailable" in r.stderr, "a limit of a tenant that is not effective: status 1, and why", r)
        equal([row[-1] for row in rows(r)[10:13]], ["EFFECTIVE", "no", "waiting"], "the table says so")
        equal(b.run("limits", "max_vms").returncode, 1, "asked for with the host's: 1")
        equal(b.run("limits", "max_memory_bytes").returncode, 0, "another limit alone: 0")
    with Bench() as b:
        machine(b)
        r = b.run("limits", "tenant:/machine.slice", "max_vms=2", "audit.max_memory_bytes=1G", "max_vcpus=9")
        equal([r.returncode, r.stdout, value(b.machine, 1, "limits/max_vms"), value(b.machine, 1, "audit/max_memory_bytes"), value(b.machine, 1, "limits/max_vcpus")],
              [0, "", "2", str(1 << 30), "9"], "limits and thresholds of a tenant are set")
        ok("tenant /machine.slice: max_vms=2 is below the 3 in use: guests keep what they have" in r.stderr and
           "tenant /machine.slice: audit.max_memory_bytes=1G is below the 2.5G in use: each request for more is counted" in r.stderr, "below what is in use: said", r.stderr)
        for number in 3, 4:
            write(f"{b.machine.device(f'tenant-{number}')}/limits/max_vms", 1, 0o440)
        r = b.run("limits", "tenant:" + PODS, "max_vms=1")
        ok(f"tenant {PODS}: max_vms=1 is below the 2 in use by tenant-4" in r.stderr and r.stderr.count("\n") == 1 and
           value(b.machine, 2, "limits/max_vms") == "1", "of a pattern the match that uses most is named, once", r)
        r = b.run("limits", "tenant:/machine.slice", "max_vms=max", "-J")
        equal([r.returncode, b.machine.limit("limits/max_vms"), value(b.machine, 1, "limits/max_vms")], [0, "max", "max"], "max takes a limit away")


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
              [0, "", "", [("add", "/system.slice/web.service")], (5, "/system.slice/web.service")], "a tenant that there is not is defined")
        equal([value(m, 5, path) for path in ("limits/max_vms", "limits/max_vms_per_sec", "audit/max_exits_per_sec", "limits/max_vcpus")],
              ["4", "2", "5000", "max"], "setting a limit defines the tenant with that limit")
        r = b.run("limits", "tenant:/system.slice/web.service", "max_vms=5")
        equal([r.returncode, module.settle(), value(m, 5, "limits/max_vms")], [0, [], "5"], "one that there is is not defined again")
        r = b.run("limits", "tenant:/a=b/later", "max_vms=5")
        ok(r.returncode == 0 and "there is no cgroup /a=b/later yet" in r.stderr and module.settle() == [("add", "/a=b/later")],
           "a cgroup that comes later is told; a path may have a =", r)
        r = b.run("limits", "tenant:/x/*/y", "max_vms=1")
        equal([r.returncode, r.stderr, module.settle()], [0, "", [("add", "/x/*/y")]], "a pattern needs no cgroup")
        r = b.run("limits", "tenant:" + POD, "max_vms=9")
        ok(r.returncode == 0 and f"{POD} is a tenant of its own now: the limits of {PODS} no longer apply to it" in r.stderr and
           module.settle() == [("add", POD)] and value(m, 3, "limits/max_vms") == "2" and value(m, 8, "limits/max_vms") == "9",
           "a match that gets limits becomes a tenant of its own", r)
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
            ok(r.returncode == status and said in r.stderr and not r.stdout and defined(m) == before, f"{words!r:.80}: {status}, {said}", r)
        equal(module.settle(), [], "nothing of that reached the module")
        module.without = ["limits/max_vcpus"]
        r = b.run("limits", "tenant:/new", "max_vms=1", "max_vcpus=2")
        ok(r.returncode == 1 and "max_vcpus" in r.stderr and module.settle() == [("add", "/new"), ("remove", "/new")] and defined(m) == before,
           "a definition is undone if a limit cannot be set", r)
        r = b.run("limits", "--remove", "tenant:/x/*/y", "tenant:/a=b/later")
        equal([r.returncode, r.stdout, r.stderr, module.settle()], [0, "", "", [("remove", "/x/*/y"), ("remove", "/a=b/later")]], "--remove")
        before = defined(m)
        tenant(m, module.next, "/twice")
        r = b.run("limits", "--remove", "tenant:/twice", "tenant:/twice/")
        equal([r.returncode, r.stderr, module.settle()], [0, "", [("remove", "/twice")]], "one that is named twice is removed once")
        r = b.run("limits", "--remove", "tenant:/machine.slice", "tenant:/x/*/y")
        ok(r.returncode == 4 and "there is no tenant /x/*/y" in r.stderr and not module.settle() and defined(m) == before, "one of several that is not there: none is removed", r)
        r = b.run("limits", "--remove", "tenant:" + POD[:-8] + "8.slice")
        ok(r.returncode == 1 and f"is a match of the tenant {PODS}: remove that" in r.stderr and not module.settle(), "a match cannot be removed", r)


def test_cgroups():
    with Bench() as b:
        machine(b)
        for what, files in (("version 1 only", {"cgroup": "4:cpu:/a\n1:name=systemd:/a\n", "mount": "cgroup"}),
                            ("version 2 is not mounted", {"mount": "cgroup"})):
            v2(b.machine, **files)
            r = b.run("limits", "tenant:/machine.slice", "max_vms=1")
            ok(r.returncode == 1 and "not supported here" in r.stderr and what in r.stderr and "unified_cgroup_hierarchy" in r.stderr and
               value(b.machine, 1, "limits/max_vms") == "20", f"{what}: nothing is set, and why", r)
            for args in ["limits"], ["limits", "tenant:/machine.slice"]:
                r = b.run(*args)
                ok(r.returncode == 1 and "/machine.slice" in r.stdout and what in r.stderr, f"{what}: shown, with status 1 and why: {args}", r)
        for number in 4, 3, 2, 1:
            remove(b.machine, number)
        r = b.run("limits")
        equal([r.returncode, r.stderr], [0, ""], "without tenants nothing is said of cgroups")
        os.unlink(b.machine.proc + "/self/cgroup")
        r = b.run("limits", "tenant:/a", "max_vms=1")
        ok(r.returncode == 1 and "this kernel has no cgroups" in r.stderr, "a kernel without cgroups", r)
        v2(b.machine)
        os.unlink(b.machine.device("l1") + "/tenants/add")
        r = b.run("limits", "tenant:/a", "max_vms=1")
        ok(r.returncode and r.stderr and not defined(b.machine), "a definition that fails", r)


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
        equal(rows["tenant"], ("info", "/machine.slice/a (tenant-6): 2 VMs with 4 vCPUs and 1G of memory"), "the tenant, and what it uses")
        equal(rows["max_vms"], ("info", "tightest: /: 9 of 10 used, 1 left; this host: 28 of 30 used, 2 left; /machine.slice/a: 2 of 5 used, 3 left, denied 2 times; "
                                "/machine.slice: 3 of 20 used, 17 left, denied 7 times"), "each limit that counts, the tightest first")
        equal(rows["max_vcpus"], ("ok", "/machine.slice/a: 4 of 8 used, 4 left; /machine.slice: audit threshold 4 exceeded 2 times"), "an audit threshold refuses nothing")
        equal(rows["max_memory_bytes"], ("ok", "/machine.slice: 2.5G of 64G used, 61.5G left"), "a limit above alone")
        equal(rows["max_exits_per_sec"], ("info", "tightest: this host: 200 per second for each guest; /machine.slice/a: 900 per second for all its guests together, denied 4 times"), "a pace")
        equal(rows["max_vms_per_sec"], ("ok", "tightest: /machine.slice/a: 3 per second; /: 7 per second"), "a rate: the lowest is the tightest")
        for name, limit, expected in (("max_vms", 2, ("problem", 2)), ("max_vms", 1, ("problem", 2)), ("max_nested_vms", 1, ("warning", 1)), ("max_nested_vms", 0, ("info", 0)),
                                      ("max_vms_per_sec", 0, ("problem", 2)), ("max_exits_per_sec", 0, ("info", 0))):
            path = f"{m.device('tenant-6')}/limits/{name}"
            with open(path, encoding="ascii") as f:
                before = f.read().strip()
            write(path, limit, 0o640)
            rows, status = doctor(b, "/machine.slice/a")
            equal((rows[name][0], status), expected, f"{name}={limit}: {expected}")
            write(path, before, 0o640)
        r = b.run("doctor", "--tenant", "/machine.slice/a/")
        ok(r.returncode == 0 and r.stdout.endswith("\nGuests can start in /machine.slice/a.\n"), "doctor --tenant says as text that guests can start", r.stdout)
        write(f"{m.device('tenant-5')}/usage/vms", 10)
        r = b.run("doctor", "--tenant", "/machine.slice/a")
        ok(r.returncode == 2 and r.stdout.endswith("\nNo guest can start in /machine.slice/a: 1 limit is reached.\n") and "/: 10 of 10 used, 0 left" in r.stdout,
           "a limit above that is reached is a problem", r.stdout)
        write(f"{m.device('tenant-5')}/usage/vms", 0)
        write(f"{m.device('tenant-6')}/effective/max_vms", 0)
        m.limits(limits={"max_vms": 30}, hooks={"refuse_vm": "unavailable"})
        rows, status = doctor(b, "/machine.slice/a")
        ok(status == 1 and rows["max_vms"][0] == "warning" and "not effective: its hook refuse_vm is unavailable" in rows["max_vms"][1], "one that is not effective: a warning", rows)
        rows, status = doctor(b, "/machine.slice/a/b")
        equal(rows["tenant"][1], "/machine.slice/a/b is no tenant; it is below /machine.slice/a (tenant-6): 2 VMs with 4 vCPUs and 1G of memory", "a cgroup below tenants")
        rows, status = doctor(b, POD)
        ok(rows["tenant"][1].startswith(f"{POD} (tenant-3), a match of {PODS}: 1 VM with") and f"{POD}: 1 of 2 used, 1 left, denied 1 time" in rows["max_vms"][1], "a match", rows)
        rows, status = doctor(b, "/kubepods.slice/new-pod/x")
        ok(rows["tenant"][1].startswith("/kubepods.slice/new-pod/x is no tenant yet; the pattern " + PODS) and
           f"{PODS}: 2 for each match, including this one" in rows["max_vms"][1], "a cgroup that a pattern will make a tenant", rows)
        rows, status = doctor(b, PODS)
        ok(rows["tenant"][1].endswith("is a pattern with 2 matches now: shown is the fullest") and status == 2 and
           f"{PODS}: 2 of 2 used, 0 left in {POD[:-8]}8.slice" in rows["max_vms"][1], "a pattern: its fullest match", rows)
        rows, status = doctor(b, "/kubepods.slice/x/pod")
        ok(PODS not in str(rows) and "/kubepods.slice/x/pod is no tenant; it is below / (tenant-5)" in rows["tenant"][1], "a component is matched by itself", rows)
        remove(m, 5)
        r = b.run("doctor", "--tenant", "/machine.slic")
        ok(r.returncode == 2 and "did you mean /machine.slice?" in r.stderr and not r.stdout, "no tenant: 2, and which is meant", r)
        for args in ["--tenant", "a"], ["--tenant", "/a", "--all"]:
            ok(b.run("doctor", *args).returncode == 2, f"usage: {args}")
        v2(m, mount="cgroup")
        rows, status = doctor(b, "/machine.slice/a")
        ok(rows["cgroups"][0] == "warning" and "version 2 is not mounted" in rows["cgroups"][1] and status == 1, "without cgroup version 2: a warning", rows)
    with Bench() as b:
        machine(b)
        rows, _ = doctor(b, "/machine.slice")
        equal("moved" in rows, False, "without guests nothing is said of moves")
        charge(b, 1, "/machine.slice/web.scope", "/machine.slice/web.scope/libvirt/emulator")
        rows, status = doctor(b, "/machine.slice")
        equal([rows["moved"], status], [("ok", "no VMM, of 1"), 0], "a move below the tenant is none")
        charge(b, 2, "/machine.slice/db.scope", "/other")
        charge(b, 3, "/machine.slices", "/machine.slice")
        charge(b, 4, "/elsewhere", "/elsewhere/too")
        charge(b, 5, "/machine.slice", "/../outside")
        rows, status = doctor(b, "/machine.slice")
        equal([rows["moved"], status], [("warning", "l2-2 (web2) was created here, in /machine.slice/db.scope, and counts here until it ends; its VMM is in /other now; "
                                                   "l2-3 (web3) was created elsewhere, in /machine.slices, and counts there; its VMM is here, in /machine.slice, now"), 1],
              "VMMs that left, and that came")
        for number in range(6, 12):
            charge(b, number, "/machine.slice", "/other")
        ok(doctor(b, "/machine.slice")[0]["moved"][1].endswith("; and 3 more"), "many of them are counted")
    with Bench() as b:
        b.machine.limits()
        r = b.run("doctor", "--tenant", "/a")
        ok(r.returncode == 2 and "the loaded module has no tenants" in r.stderr, "a module without tenants: 2", r)
    with Bench(load=False) as b:
        ok(b.run("doctor", "--tenant", "/a").returncode == 2, "no module: 2")


def samples(text, *families):
    return [line for line in text.splitlines() if line.startswith(tuple(f"{family}{{" for family in families) + tuple(f"{family} " for family in families))]


LIMIT_FAMILIES = ["l1tune_tenant_limit", "l1tune_tenant_limit_audit", "l1tune_tenant_denials_total", "l1tune_tenant_would_denials_total",
                  "l1tune_tenant_limit_broken", "l1tune_tenants_other_denials", "l1tune_tenants_broken_limits"]


def test_export():
    with Bench() as b:
        machine(b, effective={"max_vcpus": 0})
        r = b.run("export")
        equal([r.returncode, r.stderr], [0, ""], "tenants are exported")
        equal(samples(r.stdout, *LIMIT_FAMILIES[:1]), [
            'l1tune_tenant_limit{tenant="/machine.slice",limit="max_vms"} 20', f'l1tune_tenant_limit{{tenant="/machine.slice",limit="max_memory_bytes"}} {64 << 30}',
            f'l1tune_tenant_limit{{tenant="{PODS}",limit="max_vms"}} 2', f'l1tune_tenant_limit{{tenant="{POD}",limit="max_vms"}} 2',
            f'l1tune_tenant_limit{{tenant="{POD[:-8]}8.slice",limit="max_vms"}} 2'], "limits that are set")
        equal(samples(r.stdout, *LIMIT_FAMILIES[1:2]), ['l1tune_tenant_limit_audit{tenant="/machine.slice",limit="max_vcpus"} 4'], "audit thresholds that are set")
        equal([samples(r.stdout, *LIMIT_FAMILIES[2:3])[0], samples(r.stdout, *LIMIT_FAMILIES[3:4])],
              ['l1tune_tenant_denials_total{tenant="/machine.slice",limit="max_vms"} 7', ['l1tune_tenant_would_denials_total{tenant="/machine.slice",limit="max_vcpus"} 2']],
              "denials, and what would have been one")
        equal([line.rpartition(" ")[2] for line in samples(r.stdout, *LIMIT_FAMILIES[4:5])][:3], ["0", "1", "0"], "a limit that holds nobody back")
        equal(samples(r.stdout, *LIMIT_FAMILIES[5:6]), ["l1tune_tenants_other_denials 0"], "of others nothing was denied")
        tenant(b.machine, 204, PODS + "x", matches=1, limits={"max_vms": 2}, effective={"max_vms": 0})
        tenant(b.machine, 205, "/match", pattern=204, limits={"max_vms": 2}, effective={"max_vms": 0})
        equal(samples(b.run("export").stdout, *LIMIT_FAMILIES[6:]), ["l1tune_tenants_broken_limits 2"],
              "limits that are not enforced are counted, those of a pattern and its match once")
        for number in range(10, 160):
            tenant(b.machine, number, f"/t{number}", limits={"max_vms": 1, "max_vcpus": 1}, denied={"max_vms": 1, "max_vcpus": 1})
        r = b.run("export")
        named = {line.partition('tenant="')[2].partition('"')[0] for line in samples(r.stdout, *LIMIT_FAMILIES[:5])}
        equal([len(named), samples(r.stdout, *LIMIT_FAMILIES[5:6])], [100, ["l1tune_tenants_other_denials 108"]], "a hundred tenants have series, the denials of the others are summed up")
        for number in range(200, 203):
            tenant(b.machine, number, f"/u{number}", limits={"max_vms": 1, "max_vcpus": 1}, effective={"max_vms": 0, "max_memory_bytes": 0})
        r = b.run("export")
        ok("/u200" not in r.stdout, "a tenant without series", r)
        equal(samples(r.stdout, *LIMIT_FAMILIES[6:]), ["l1tune_tenants_broken_limits 5"],
              "also of tenants that have no series; a match has those of its pattern")
        tenant(b.machine, 203, "/u203", limits={"max_vms": "?"})
        r = b.run("export")
        ok(r.returncode == 1 and "tenant-203/limits/max_vms: unexpected value" in r.stderr and "l1tune_up 1" in r.stdout and
           samples(r.stdout, *LIMIT_FAMILIES[5:]) == [], "where one cannot be read the sums are unknown", r)
    with Bench() as b:
        b.machine.limits()
        equal(samples(b.run("export").stdout, *LIMIT_FAMILIES), [], "a module without tenants: no metric of them")


print("KTAP version 1")
for test in test_show, test_effect, test_set, test_cgroups, test_doctor, test_export:
    test()
finish()

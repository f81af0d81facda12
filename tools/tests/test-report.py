#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The page that l1tune report writes: what is in it, and what must not be. Usage: test-report.py L1TUNE"""
import collections
import functools
import html.parser
import http.server
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time

from advised import Advised, exits
from bench import Bench, end_of, equal, finish, ok, on_terminal, skip, wait_for_look
from charged import tenants
from fake import BOOT_ID, cell, fixed, hist, parts_ns, split, stats_file, write
from host import Host
from tenants import tenant, v2

SECTIONS = "timeline latency advice guests slow ended events limits machine doctor caps bench data".split()
VOID = {"meta", "link", "br"}
TAGS = VOID | set("html head title style script body header footer main nav section article h1 h2 h3 p a b i em small span ul ol li dl dt "
                  "dd div figure figcaption details summary table thead tbody tr th td pre svg path".split())
MAX_BYTES = 500_000
SECOND = 1_000_000_000


class Page(html.parser.HTMLParser):
    """What a browser makes of a page: elements that are open, their attributes and texts."""

    def __init__(self, text):
        super().__init__()
        self.text, self.open, self.wrong = text, [], []
        self.tags, self.ids, self.links, self.texts = collections.Counter(), [], [], collections.defaultdict(list)
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags[tag] += 1
        self.wrong += [tag] if tag not in TAGS else []
        self.wrong += [name for name in attrs if name.startswith("on") or name == "style"]
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs[name] for name in ("src", "href", "action", "data", "srcset") if name in attrs]
        if tag not in VOID:
            self.open.append(tag)
        self.in_data = tag == "script" and attrs.get("type") == "application/json"
        if tag == "script" and not self.in_data:
            self.wrong.append("script")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append("/" + tag)

    def handle_data(self, data):
        if self.open:
            self.texts[self.open[-1]].append(data)

    def handle_comment(self, data):
        self.wrong.append("comment")

    def all_text(self):
        return "\n".join(text for tag, texts in self.texts.items() if tag not in ("script", "style") for text in texts)

    def document(self):
        return json.loads("".join(self.texts["script"]))


class Reported(Advised):
    """A machine with guests, limits and a history."""

    def __init__(self, names=("web", "db"), host="kvm-host-eu-7", **values):
        self.names, self.host = names, host
        super().__init__(exits("CPUID", 1), params={"kvm_intel.nested": "Y"}, usage={"vms": 2, "vcpus": 2, "memory_bytes": 0, "nested_vms": 0}, **values)
        write(self.machine.proc + "/sys/kernel/hostname", host)
        self.machine.limits(limits={"max_vms": 20})
        l1 = self.machine.device("l1")
        for name in "offered", "allowed", "ept", "vpid":
            write(f"{l1}/vmx/{name}", 1)
        self.step(1)

    def step(self, count):
        """Each guest has exited so often."""
        for number, name in enumerate(self.names, 1):
            cells = [split(2, 30, "IO_INSTRUCTION", 1000 * count * number, 0, hist(b11=900 * count, b24=count), vmm=900 * count,
                           runq=300 * count), split(2, 12, "HLT", 10 * count, 0, hist(b30=10 * count), halted=9000 * count)]
            self.guest(number, *cells, argv=("qemu", "-name", "guest=" + name), pid=23456 + number, uid=54321,
                       comm="qemu-secret", exits=1010 * count)
            self.machine.process(23456 + number, ["qemu", "-name", "guest=" + name], f"0::/machine.slice/vm-{number}-xyzzy\n")

    def options(self):
        return ["--state", self.state, "--dev", self.directory + "/dev"]

    def record(self):
        """A record that is taken anew: files may have been replaced since."""
        r = self.run("record", "--state", self.state, "-J", "-c", "1", "-i", "10")
        assert not r.returncode, r
        return json.loads(r.stdout)["time"]

    def history(self):
        """Two records, and in between exits: the times."""
        start = self.record()
        self.step(3)
        return ["--from", start, "--to", self.record()]

    def report(self, *args):
        return self.run("report", *self.options(), *args)

    def page(self, *args):
        r = self.report(*args)
        ok(not r.returncode and not r.stderr,
           " ".join(["report", *(arg for arg in args if arg.startswith("-"))]) + " exits with 0 and no message",
           r.stderr)
        return Page(r.stdout)


def check_page(page, what):
    equal(page.wrong, [], f"the page of report closes its elements and has no forbidden ones: {what}")
    equal([page.ids, len(set(page.ids))], [SECTIONS[:-1] + ["data", "l1tune-report"], len(page.ids)],
          f"the page of report has all sections, and each ID once: {what}")
    equal([link for link in page.links if not link.startswith("#")], ["data:,"],
          f"the page of report has no links to other files: {what}")
    ok(not re.search(r"url\(|@import|http", "".join(page.texts["style"])),
       f"the style sheet of report loads no files: {what}")
    ok("default-src 'none'" in page.text and len(page.text.encode()) <= MAX_BYTES,
       f"the page of report has a policy that forbids loading, and at most {MAX_BYTES} bytes: {what}")


def test_history():
    with Reported() as b:
        between = b.history()
        page = b.page(*between)
        check_page(page, "a page of the past")
        document = page.document()
        for command in "stat", "advise":
            r = b.run("replay", "--state", b.state, *between, command, "-J")
            equal(document[command], json.loads(r.stdout), f"the page of report contains the JSON of replay {command}")
        guest = document["stat"]["l2"][0]
        equal([guest["name"], guest["reasons"][0]["reason"], guest["reasons"][0]["count"]], ["web", "IO_INSTRUCTION", 2000],
              "report --from --to has the exits between the two records")
        points = document["timeline"]["points"]
        equal([sum(p["hist"][n] for p in points if len(p["hist"]) > n) for n in (11, 24)], [2 * 2 * 900, 2 * 2],
              "the timeline of report has all exits, and no HLT in its histograms")
        equal(sum(p["vmm_ns"] for p in points), 2 * 2 * 900_000_000,
              "the timeline of report sums the VMM time of both guests")
        slow = [(row["name"], row["slow"], row["from_ns"], row["to_ns"]) for row in document["slow"]]
        equal(slow, [("web", 2, 1 << 23, 1 << 24), ("db", 2, 1 << 23, 1 << 24)],
              "report has the exits of the highest bucket as slow ones, without HLT")
        text = page.all_text()
        advice = document["advise"]["advice"]
        said = [list(dict.fromkeys((c["verdict"], c["seen"], c["verdict"] == "not_ruled_out" and c["how_to_find_out"])
                                   for c in a["causes"])) for a in advice]
        ok(any(len(v) < len(a["causes"]) for v, a in zip(said, advice)),
           "the advice of report has causes with the same verdict and text", said)
        equal([len(re.findall("<li><b>", part)) for part in page.text.split('<ul class="causes">')[1:]], [len(v) for v in said],
              "report shows causes with the same verdict and text in one line")
        ok("kvm-host-eu-7" in text and "8.39" in text and "max_vms" in text and "clocksource" not in text,
           "the page of report shows host name, slow exits and limits, and no clocksource", text)
        ok(page.tags["svg"] >= 4 and page.tags["path"] > 10, "the page of report has graphs", page.tags)
        equal(json.loads(b.report("-J", *between).stdout)["stat"], document["stat"],
              "report --json has the same stat as the page")


def test_window():
    with Reported() as b:
        _, start, _, end = b.history()
        page = b.page("--from", "-3h", "--to", end)
        document = page.document()
        equal([document["stat"], document["report"]["missing"]],
              [b.page("--from", start, "--to", end).document()["stat"], {}],
              "report --from a time before the history begins with the first record")
        ok("which lacks the rest of" in page.all_text() and
           document["report"]["asked_from_ns"] < document["report"]["from_ns"],
           "the page of report says that its window begins before the history")
        r = b.report("--from", "-3h", "--to", "-2h")
        ok(r.returncode == 1 and "there is no record of" in r.stderr and not r.stdout,
           "report --from --to fails and writes nothing if the window has no records", r)


def test_now():
    with Reported() as b:
        page = b.page("-i", "0.6")
        check_page(page, "a page of now")
        document = page.document()
        live = b.json("stat", "-J")
        equal([(g["id"], g["name"], g["vcpus"], g["uid"]) for g in document["stat"]["l2"]],
              [(g["id"], g["name"], g["vcpus"], g["uid"]) for g in live["l2"]],
              "report -i has the guests that stat --json has")
        points = document["timeline"]["points"]
        ok(0 < len(points) <= 3 and 0 < document["advise"]["interval_ns"] < 3e9,
           "report -i has points and an interval of about that length", points)
        equal([document["caps"]["caps"]["isa"], document["limits"]["limits"][0]["value"], document["bench"]["bench"]["tsc_khz"]],
              ["vmx", 20, 2000000], "report -i has caps, limits and the measurement of bench")
        b.remove(1)
        b.remove(2)
        page = b.page("-i", "0.3")
        check_page(page, "without guests")
        ok("There were no guests" in page.all_text(), "the page of report says that there were no guests")


def test_canary():
    with Reported() as b:
        for number, uid in (3, 0), (4, 1000):
            b.guest(number, split(2, 10, "CPUID", 5000, 0, hist(b30=5000), kernel=5000), comm="l1tune-canary", uid=uid, exits=5000)
        between = b.history()
        for args in between, ["-i", "0.3"]:
            document = b.page(*args).document()
            equal([(g["name"], g["uid"]) for g in document["stat"]["l2"]], [("web", 54321), ("db", 54321), ("l1tune-canary", 1000)],
                  "report leaves out the guest of record --canary, but not one of the same name of another user")
            equal({p["guests"] for p in document["timeline"]["points"]}, {3},
                  "the timeline of report leaves out the guest of record --canary")
        equal([g["name"] for g in json.loads(b.run("replay", "--state", b.state, *between, "stat", "-J").stdout)["l2"]].count("l1tune-canary"), 2,
              "replay stat has the guest of record --canary and the one of the same name")


def test_events():
    with Reported() as b:
        start = b.record()
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        for number, event in enumerate([
                {"EVENT": "guest", "ACTION": "add", "L2": "l2-9", "PID": 23499, "UID": 54321, "COMM": "qemu-secret"},
                {"EVENT": "guest", "ACTION": "add", "L2": "l2-10", "PID": 23500, "UID": 0, "COMM": "l1tune-canary"},
                {"EVENT": "limit", "LIMIT": "max_vms", "VALUE": 20, "USE": 20, "PID": 23501, "UID": 54321, "COMM": "qemu-secret",
                 "ACTION_TAKEN": "denied", "ERRNO": "EDQUOT", "COUNT": 7}]):
            b.machine.event(time_ns=now + number, **event)
        write(b.state + "/watch.log", f"1 {now + 9} EVENT=watch BOOT={BOOT_ID} ACTION=slow L2=l2-9 VCPU=0 FOR_NS=50000000 REASON=HLT "
              "CULPRIT=vhost-secret\\040(23502)\\040had\\040the\\040CPU\n")
        b.step(3)
        between = ["--from", start, "--to", b.record()]
        page = b.page(*between)
        equal([(e["kind"], e["id"]) for e in page.document()["events"]], [("slow", 9), ("denied", None), ("added", 9)],
              "report has the events of the history, the latest first, without those of the canary")
        ok("max_vms, limit 20, in use 20, times: 7, VMM qemu-secret" in page.all_text(),
           "the page of report shows a denial with limit, use, count and VMM", page.all_text())
        ok("vCPU 0, 50.0ms, in HLT, vhost-secret (23502) had the CPU" in page.all_text(),
           "the page of report shows reports of watch as events", page.all_text())
        rows = [line for line in b.report(*between, "--text").stdout.splitlines() if line.endswith("| VMM qemu-secret |") or "| denied |" in line]
        equal([[cell.strip() for cell in line.split("|")[2:4]] for line in rows], [["denied", "-"], ["added", "l2-9"]],
              "report --text has events")
        text = b.page(*between, "--anonymous").all_text()
        ok("max_vms, limit 20, in use 20, times: 7, VMM process-" in text and "qemu-secret" not in text,
           "report --anonymous has events, without names", text)
        ok("50.0ms, in HLT, name-" in text and "had the CPU" in text and "vhost-secret" not in text and "23502" not in text,
           "report --anonymous does not name threads that had the CPU", text)
        page = b.page("-i", "0.3")
        equal(page.document()["events"], [], "report -i has no events")
        ok("only a history has events" in page.all_text(), "report -i says that only a history has events")


def test_missing():
    with Bench(load=False) as b:
        r = b.run("report", "--state", b.directory, "--dev", b.directory, "-i", "0.1")
        page = Page(r.stdout)
        check_page(page, "without the module")
        equal([r.returncode, r.stderr, page.document()["stat"]], [0, "", None],
              "report without the module writes a page without stat and exits with 0")
        missing = page.document()["report"]["missing"]
        ok("the module is not loaded" in missing["stat"] and missing["stat"] in page.all_text(),
           "the page of report says that the module is not loaded", missing)
        ok("nothing was measured yet" in page.all_text(),
           "the page of report says that nothing was measured if there is no measurement")
        r = b.run("report", "--state", b.directory, "--from", "-1h")
        ok(r.returncode == 1 and "there is no history" in r.stderr and not r.stdout,
           "report --from fails and writes nothing without a history", r)
        for args, message in (("--to", "03:00"), "--to needs --from"), (("--from", "x"), "'x' is not a time"), \
                (("--from", "-1h", "-i", "1"), "mutually exclusive"), (("--text", "-J"), "mutually exclusive"), \
                (("--from", "-1h", "--to", "-2h"), "--from is not before --to"):
            r = b.run("report", *args)
            ok(r.returncode == 2 and message in r.stderr,
               f"report {' '.join(args)} exits with 2 and says: {message}", r)
        text = on_terminal(b.command("report"))
        ok("-o FILE is missing" in text, "report on a terminal asks for -o FILE", text)


def test_file():
    with Reported() as b:
        between = b.history()
        path = b.directory + "/page.html"
        r = b.report(*between, "-o", path)
        with open(path, encoding="utf-8") as f:
            check_page(Page(f.read()), "a file")
        equal([r.returncode, r.stdout, oct(os.stat(path).st_mode & 0o777)], [0, "", "0o600"],
              "report -o creates a file that only its owner may read")
        r = b.report(*between, "-o", b.directory + "/no/page.html")
        ok(r.returncode == 1 and "No such file" in r.stderr, "report -o fails if the file cannot be created", r)


HOSTILE = ["</script><script>alert(1)</script>", "\"><img src=http://x/ onerror=alert(1)>", "<!--<script>", "&lt;b&gt;&amp;",
           "'-alert(1)-'", "a\u202eb\u200b", "]]>", "{{7*7}}", "|a|`b`@everyone #1 <b> ![x](http://x/)", "\\u003c/script>"]


def test_hostile():
    with Reported(names=HOSTILE, host=HOSTILE[0]) as b:
        between = b.history()
        page = b.page(*between)
        check_page(page, "names of others")
        equal(page.tags["script"], 1, "the page of report has one script element, whatever the names of guests contain")
        names = {guest["name"] for guest in page.document()["stat"]["l2"]}
        equal(names, set(HOSTILE), "the data of report have hostile names of guests unchanged")
        text = page.all_text()
        equal([name for name in HOSTILE if name.isascii() and name not in text], [],
              "the page of report shows hostile names of guests as text")
        ok("\u202e" not in text and "\u200b" not in text and "a\\xe2" in text,
           "the page of report escapes names with characters that reorder or hide text")
        r = b.report(*between, "--text")
        rows = re.findall(r"^\| .*\(l2-(\d+)\) \| 1 \|", r.stdout, re.M)
        ok(not r.returncode and sorted(map(int, rows)) == list(range(1, len(HOSTILE) + 1)) and
           not re.search(r"<(?!http)|@|`|!\[x\]|\|a\|", r.stdout),
           "report --text has each guest, and escapes Markdown and HTML in names", r.stdout)


# A PID's digits may be in a time in nanoseconds, which is no secret.
def holds(text, secret):
    return re.search(rf"(?<!\d){re.escape(secret)}(?!\d)", text)


def test_anonymous():
    with Reported(names=["payroll prod", "hr.internal"], guest={"nested": "on"}) as b:
        between = b.history()
        names = ["payroll", "prod", "hr.internal", "kvm-host", "eu-7", BOOT_ID, "l1tune-test"]
        numbers = ["qemu-secret", "xyzzy", "machine.slice", "vm-1", "23457", "23458", "54321"]
        for what, args, secrets in ("page", [], names + numbers), ("text", ["--text"], names), ("JSON", ["-J"], names + numbers):
            found, clean = b.report(*between, *args), b.report(*between, "--anonymous", *args)
            equal([s for s in names + numbers if holds(found.stdout, s)], secrets,
                  f"report without --anonymous has the names, numbers and paths whose absence is tested: {what}")
            equal([clean.returncode, [s for s in names + numbers if holds(clean.stdout, s)]], [0, []],
                  f"report --anonymous has none of the names, numbers and paths: {what}")
            equal([s for s in ("guest-1", "guest-2", "host-1", "boot-1", "path-1") if not holds(clean.stdout, s)], [],
                  f"report --anonymous has replacements of guests, host, boot and paths: {what}")
        document = json.loads(b.report(*between, "--anonymous", "-J").stdout)
        named = json.loads(b.report(*between, "-J").stdout)
        guests = document["stat"]["l2"]
        equal([(g["name"], g["uid"]) for g in guests], [("guest-1", "uid-1"), ("guest-2", "uid-1")],
              "report --anonymous replaces the same user by the same text, and each guest by its own")
        equal({row["id"]: row["name"] for row in document["slow"]}, {g["id"]: g["name"] for g in guests},
              "report --anonymous has the same replacements of guest names in slow as in stat")
        ok(len({g["pid"] for g in guests}) == 2 == len({g["cgroup"] for g in guests}),
           "report --anonymous replaces different PIDs and cgroups by different texts", guests)
        advice, original = document["advise"]["advice"], named["advise"]["advice"]
        ok(advice, "report --anonymous --json has advice")
        equal([a["evidence"] for a in advice], [a["evidence"] for a in original],
              "report --anonymous keeps words and figures of the evidence")
        ok("-p PID" in str(advice), "report --anonymous keeps the placeholder PID in commands of advice", advice)
        doctor = {row["row"]: row["text"] for row in document["doctor"]["rows"]}
        ok(doctor["kvm"].startswith("path-1: No such file"),
           "report --anonymous replaces a path in a text of doctor", doctor["kvm"])
        equal([document["stat"]["l1"]["kernel"], guests[0]["reasons"]], ["6.1.0-56-amd64", named["stat"]["l2"][0]["reasons"]],
              "report --anonymous keeps the kernel version and the exit counts")


def test_anonymous_advice():
    """Advice of now names the process whose threads are to be looked at; a replay has none of them."""
    with Reported() as b:
        host = Host(b)
        b.kvm(23457, pages_4k=1000, pages_2m=0, pages_1g=0)

        def observe(*args):
            """A report on seconds in which other threads than vCPUs took half a second."""
            start = "23457/task/23460"
            host.task(23457, "qemu", 3 * SECOND)
            host.task(start, "CPU 0/KVM", SECOND, SECOND)
            write(f"{host.proc}/{start}/cgroup", "0::/")
            with subprocess.Popen(b.command("report", *b.options(), "-J", "-i", "0.6", *args), text=True, stdout=subprocess.PIPE) as p:
                wait_for_look(p)
                host.task(23457, "qemu", 3 * SECOND + SECOND // 2)
                document = json.loads(p.stdout.read())
                equal(end_of(p), 0, " ".join(["report -i 0.6", *args]) + " exits with 0")
            changes = [a["change"] for a in document["advise"]["advice"] if "perf top -p" in a["change"]]
            pids = [g["pid"] for g in document["stat"]["l2"] if g["id"] == 1]
            return document, [change.split()[3] for change in changes], pids

        _, named, pids = observe()
        equal([named, pids], [["23457"], [23457]], "report names the PID of the guest's VMM in a command of advice")
        document, named, pids = observe("--anonymous")
        equal(named, pids, "report --anonymous has the replacement of the PID in a command of advice")
        ok(not holds(json.dumps(document), "23457"),
           "report --anonymous has the PID of the guest's VMM nowhere", document["advise"])


def test_text():
    with Reported() as b:
        between = b.history()
        page, text = b.report(*between).stdout, b.report(*between, "--text").stdout
        ok(text.startswith("## l1tune report\n") and "| db (l2-2) |" in text and "| web (l2-1) |" in text,
           "report --text has the guests", text)
        rows = [line for line in text.splitlines() if line.startswith("|")]
        ok(rows and all(line.endswith("|") for line in rows), "report --text has rows of tables that end with |", rows)
        ok("| max_vms | 20 |" in text and "max_vcpus" not in text,
           "report --text has the limits that are set and no others", text)
        open_causes = {cause["how_to_find_out"] for advice in json.loads(b.report(*between, "-J").stdout)["advise"]["advice"] for cause in advice["causes"]
                       if cause["verdict"] == "not_ruled_out"}
        ok(open_causes, "this test finds how to find out more in the JSON of report", open_causes)
        for name, shown in (("page of report", html.unescape(page)), ("report --text", html.unescape(text))):
            equal([how for how in open_causes if f"; to find out: {how}" not in shown], [],
                  f"the {name} says of each cause that is open how to find out more")


def many_cells(number):
    return [cell(2, code, f"REASON_{code}", 10 ** 9 + number, 10 ** 12, 0, hist(**{f"b{n}": 10 ** 7 + n * number for n in range(10, 34)}),
                 **parts_ns(kernel=10 ** 12 // 7 * 7)) for code in range(30)]


def test_size():
    """The most that 100 guests may take: 30 reasons each, all buckets in use."""
    with Reported() as b:
        for number in range(1, 101):
            name = f"guest-with-a-long-name-{number}" + "\u00e9" * 500 * (number == 100)
            b.machine.process(1000 + number, ["qemu", "-name", name], f"0::/machine.slice/machine-qemu-{name}.scope\n")
            b.machine.guest(number, stats=stats_file("x", [s for c in many_cells(0) for s in c] + fixed(guest_time_ns=1)),
                            pid=1000 + number)
        start = b.record()
        for number in range(1, 101):
            b.machine.guest(number, stats=stats_file("x", [s for c in many_cells(1000 * number) for s in c] + fixed(guest_time_ns=1)),
                            pid=1000 + number)
        between = ["--from", start, "--to", b.record()]
        page = b.page(*between)
        check_page(page, "100 guests")
        document = page.document()
        left_out = document["report"]["left_out"]
        print(f"# {len(page.text.encode())} bytes; left out {left_out}")
        ok(left_out["histograms"] and "the data omit: histograms (" in page.all_text(),
           "the page of report says that histograms were left out if it is too large", left_out)
        equal(len(re.findall('data-label="Exits/s"', page.text)), 100,
              "the page of report has a row for each of 100 guests")
        text = b.report(*between, "--text").stdout
        ok(len(text) < 60_000, "report --text of 100 guests has less than 60000 characters", len(text))


def test_many_tenants():
    with Reported() as b:
        b.machine.guest(1, stats=stats_file("x", [s for c in many_cells(0) for s in c] + fixed(guest_time_ns=1)))
        b.machine.limits()
        tenants(b.machine)
        v2(b.machine)
        for number in range(1, 601):
            tenant(b.machine, number, f"/machine.slice/tenant-{number}", limits={"max_vms": number})
        page = b.page()
        check_page(page, "600 tenants")
        document = page.document()
        ok(document["report"]["left_out"]["tenants"] and not document["report"]["left_out"]["guests"],
           "report leaves out tenants, but no guests, if the page is too large", document["report"]["left_out"])


HARNESS = """<!DOCTYPE html><link rel=icon href="data:,"><pre id=result></pre>
<iframe src=/report.html width=1280 height=900></iframe><iframe src=/report.html width=400 height=900></iframe>
<script>onload = () => { result.textContent = "widths " + [...document.querySelectorAll("iframe")].map(f =>
[f.width, f.contentDocument.documentElement.scrollWidth <= f.contentDocument.documentElement.clientWidth, f.contentDocument.querySelectorAll("svg path").length > 9]) }</script>
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    paths = []

    def log_message(self, *_):
        self.paths.append(self.path)


def luminance(color):
    digits = "".join(2 * c for c in color) if len(color) == 3 else color
    shares = (int(digits[i:i + 2], 16) / 255 for i in (0, 2, 4))
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_contrast():
    """WCAG's level AA for text of this size, on a screen of either kind and on paper."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../report/style.css"), encoding="ascii") as f:
        schemes = [dict(re.findall(r"--(\w+):#(\w+)", root)) for root in re.findall(r":root\{(.*?)\}", f.read(), re.S)]
    for scheme, name in zip(schemes, ("a light screen", "a dark screen", "paper"), strict=True):
        colors = schemes[0] | scheme
        pairs = [(text, on) for text in ("text", "soft", "faint", "accent", "ok", "warning", "problem") for on in ("bg", "card")]
        pairs += [(verdict, verdict + "bg") for verdict in ("ok", "warning", "problem")]
        lights = [sorted((luminance(colors[text]), luminance(colors[on]))) for text, on in pairs]
        low = [(*pair, round((light + 0.05) / (dark + 0.05), 2)) for pair, (dark, light) in zip(pairs, lights)
               if light + 0.05 < 4.5 * (dark + 0.05)]
        equal(low, [], f"the report's text on {name} has a contrast of 4.5 at least")


def test_browser():
    name = "in a browser a page fits its width, asks for nothing and logs nothing"
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if not browser:
        skip(name, "no chromium")
        return
    with Reported(names=HOSTILE) as b, tempfile.TemporaryDirectory() as directory:
        between = b.history()
        write(directory + "/report.html", b.report(*between).stdout)
        write(directory + "/harness.html", HARNESS)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=directory))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        r = subprocess.run([browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
                            f"--user-data-dir={directory}/profile", f"http://127.0.0.1:{server.server_port}/harness.html"],
                           capture_output=True, text=True, timeout=240, check=False)
        server.shutdown()
        widths = re.findall(r"widths (.*?)<", r.stdout)
        equal(widths, ["1280,true,true,400,true,true"], name)
        equal(set(Quiet.paths), {"/harness.html", "/report.html"}, "the page of report makes no requests in a browser")
        equal([line for line in r.stderr.splitlines() if "CONSOLE" in line], [],
              "the page of report logs nothing to a browser's console")


print("KTAP version 1")
for test in (test_history, test_window, test_now, test_canary, test_events, test_missing, test_file, test_hostile, test_anonymous, test_anonymous_advice, test_text, test_size, test_many_tenants, test_contrast, test_browser):
    test()
finish()

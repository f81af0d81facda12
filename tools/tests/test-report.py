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
        ok(not r.returncode and not r.stderr, "report " + " ".join(arg for arg in args if arg.startswith("-")), r.stderr)
        return Page(r.stdout)


def check_page(page, what):
    equal(page.wrong, [], f"{what}: elements are closed, and none is there that a page does not need")
    equal([page.ids, len(set(page.ids))], [SECTIONS[:-1] + ["data", "l1tune-report"], len(page.ids)], f"{what}: it has all sections")
    equal([link for link in page.links if not link.startswith("#")], ["data:,"], f"{what}: nothing is loaded")
    ok(not re.search(r"url\(|@import|http", "".join(page.texts["style"])), f"{what}: nor by the style sheet")
    ok("default-src 'none'" in page.text and len(page.text.encode()) <= MAX_BYTES, f"{what}: may load nothing, and is small")


def test_history():
    with Reported() as b:
        between = b.history()
        page = b.page(*between)
        check_page(page, "a page of the past")
        document = page.document()
        for command in "stat", "advise":
            r = b.run("replay", "--state", b.state, *between, command, "-J")
            equal(document[command], json.loads(r.stdout), f"the JSON in it is that of {command} --json")
        guest = document["stat"]["l2"][0]
        equal([guest["name"], guest["reasons"][0]["reason"], guest["reasons"][0]["count"]], ["web", "IO_INSTRUCTION", 2000],
              "with the exits that were between the records")
        points = document["timeline"]["points"]
        equal([sum(p["hist"][n] for p in points if len(p["hist"]) > n) for n in (11, 24)], [2 * 2 * 900, 2 * 2],
              "the timeline has them all, and HLT is not in its histograms")
        equal(sum(p["vmm_ns"] for p in points), 2 * 2 * 900_000_000, "the timeline has the time of both guests")
        slow = [(row["name"], row["slow"], row["from_ns"], row["to_ns"]) for row in document["slow"]]
        equal(slow, [("web", 2, 1 << 23, 1 << 24), ("db", 2, 1 << 23, 1 << 24)], "slow exits are those of the highest bucket, without HLT")
        text = page.all_text()
        advice = document["advise"]["advice"]
        said = [list(dict.fromkeys((c["verdict"], c["seen"]) for c in a["causes"])) for a in advice]
        ok(any(len(v) < len(a["causes"]) for v, a in zip(said, advice)), "there are causes of which the same is said", said)
        equal([len(re.findall("<li><b>", part)) for part in page.text.split('<ul class="causes">')[1:]], [len(v) for v in said],
              "causes of which the same is said have one line together")
        ok("kvm-host-eu-7" in text and "8.39" in text and "max_vms" in text and "clocksource" not in text, "the page says so", text)
        ok(page.tags["svg"] >= 4 and page.tags["path"] > 10, "the page has graphs", page.tags)
        equal(json.loads(b.report("-J", *between).stdout)["stat"], document["stat"], "--json prints the documents alone")


def test_window():
    with Reported() as b:
        _, start, _, end = b.history()
        page = b.page("--from", "-3h", "--to", end)
        document = page.document()
        equal([document["stat"], document["report"]["missing"]],
              [b.page("--from", start, "--to", end).document()["stat"], {}],
              "a window that begins before the history is reported from its first record on")
        ok("which lacks the rest of" in page.all_text() and
           document["report"]["asked_from_ns"] < document["report"]["from_ns"], "the page says that a window begins before the history")
        r = b.report("--from", "-3h", "--to", "-2h")
        ok(r.returncode == 1 and "there is no record of" in r.stderr and not r.stdout, "there is no page of a window without records", r)


def test_now():
    with Reported() as b:
        page = b.page("-i", "0.6")
        check_page(page, "a page of now")
        document = page.document()
        live = b.json("stat", "-J")
        equal([(g["id"], g["name"], g["vcpus"], g["uid"]) for g in document["stat"]["l2"]],
              [(g["id"], g["name"], g["vcpus"], g["uid"]) for g in live["l2"]], "has the guests that there are")
        points = document["timeline"]["points"]
        ok(0 < len(points) <= 3 and 0 < document["advise"]["interval_ns"] < 3e9, "of so long an interval", points)
        equal([document["caps"]["caps"]["isa"], document["limits"]["limits"][0]["value"], document["bench"]["bench"]["tsc_khz"]],
              ["vmx", 20, 2000000], "the page has caps, limits and the measurement of bench")
        b.remove(1)
        b.remove(2)
        page = b.page("-i", "0.3")
        check_page(page, "without guests")
        ok("There were no guests" in page.all_text(), "the page says that there were no guests")


def test_canary():
    with Reported() as b:
        for number, uid in (3, 0), (4, 1000):
            b.guest(number, split(2, 10, "CPUID", 5000, 0, hist(b30=5000), kernel=5000), comm="l1tune-canary", uid=uid, exits=5000)
        between = b.history()
        for args in between, ["-i", "0.3"]:
            document = b.page(*args).document()
            equal([(g["name"], g["uid"]) for g in document["stat"]["l2"]], [("web", 54321), ("db", 54321), ("l1tune-canary", 1000)],
                  "the guest of record --canary is none of the guests, and one of its name that is not root's is")
            equal({p["guests"] for p in document["timeline"]["points"]}, {3}, "the guest of record --canary is not in the timeline")
        equal([g["name"] for g in json.loads(b.run("replay", "--state", b.state, *between, "stat", "-J").stdout)["l2"]].count("l1tune-canary"), 2,
              "stat has both")


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
              "events of the history are there, the latest first, without those of the canary")
        ok("max_vms, limit 20, in use 20, times: 7, VMM qemu-secret" in page.all_text(), "the page has them", page.all_text())
        ok("vCPU 0, 50.0ms, in HLT, vhost-secret (23502) had the CPU" in page.all_text(), "events of the page include reports of watch", page.all_text())
        rows = [line for line in b.report(*between, "--text").stdout.splitlines() if line.endswith("| VMM qemu-secret |") or "| denied |" in line]
        equal([[cell.strip() for cell in line.split("|")[2:4]] for line in rows], [["denied", "-"], ["added", "l2-9"]], "Markdown has events")
        text = b.page(*between, "--anonymous").all_text()
        ok("max_vms, limit 20, in use 20, times: 7, VMM process-" in text and "qemu-secret" not in text,
           "an anonymous page has events, without names", text)
        ok("50.0ms, in HLT, name-" in text and "had the CPU" in text and "vhost-secret" not in text and "23502" not in text,
           "an anonymous page does not name threads that had a CPU", text)
        page = b.page("-i", "0.3")
        equal(page.document()["events"], [], "a page of now has none")
        ok("only a history has events" in page.all_text(), "a page of now says why it has no events")


def test_missing():
    with Bench(load=False) as b:
        r = b.run("report", "--state", b.directory, "--dev", b.directory, "-i", "0.1")
        page = Page(r.stdout)
        check_page(page, "without the module")
        equal([r.returncode, r.stderr, page.document()["stat"]], [0, "", None], "there is a page all the same")
        missing = page.document()["report"]["missing"]
        ok("the module is not loaded" in missing["stat"] and missing["stat"] in page.all_text(), "the page says why it lacks guests", missing)
        ok("nothing was measured yet" in page.all_text(), "the page has costs of exits")
        r = b.run("report", "--state", b.directory, "--from", "-1h")
        ok(r.returncode == 1 and "there is no history" in r.stderr and not r.stdout, "a page of the past needs a history", r)
        for args, message in (("--to", "03:00"), "--to needs --from"), (("--from", "x"), "'x' is not a time"), \
                (("--from", "-1h", "-i", "1"), "mutually exclusive"), (("--text", "-J"), "mutually exclusive"), \
                (("--from", "-1h", "--to", "-2h"), "--from is not before --to"):
            r = b.run("report", *args)
            ok(r.returncode == 2 and message in r.stderr, "report " + " ".join(args), r)
        text = on_terminal(b.command("report"))
        ok("-o FILE is missing" in text, "no page on a terminal", text)


def test_file():
    with Reported() as b:
        between = b.history()
        path = b.directory + "/page.html"
        r = b.report(*between, "-o", path)
        with open(path, encoding="utf-8") as f:
            check_page(Page(f.read()), "a file")
        equal([r.returncode, r.stdout, oct(os.stat(path).st_mode & 0o777)], [0, "", "0o600"], "a file that report creates is readable only by its owner")
        r = b.report(*between, "-o", b.directory + "/no/page.html")
        ok(r.returncode == 1 and "No such file" in r.stderr, "one that cannot be written is an error", r)


HOSTILE = ["</script><script>alert(1)</script>", "\"><img src=http://x/ onerror=alert(1)>", "<!--<script>", "&lt;b&gt;&amp;",
           "'-alert(1)-'", "a\u202eb\u200b", "]]>", "{{7*7}}", "|a|`b`@everyone #1 <b> ![x](http://x/)", "\\u003c/script>"]


def test_hostile():
    with Reported(names=HOSTILE, host=HOSTILE[0]) as b:
        between = b.history()
        page = b.page(*between)
        check_page(page, "names of others")
        equal(page.tags["script"], 1, "no name ends the element of the data")
        names = {guest["name"] for guest in page.document()["stat"]["l2"]}
        equal(names, set(HOSTILE), "in which they are as they are")
        text = page.all_text()
        equal([name for name in HOSTILE if name.isascii() and name not in text], [], "on the page they are text")
        ok("\u202e" not in text and "\u200b" not in text and "a\\xe2" in text, "in which none changes the order or hides")
        r = b.report(*between, "--text")
        ok(not r.returncode and not re.search(r"<(?!http)|@|`|!\[x\]|\|a\|", r.stdout), "a name means nothing in Markdown", r.stdout)


# A PID's digits may be in a time in nanoseconds, which is no secret.
def holds(text, secret):
    return re.search(rf"(?<!\d){re.escape(secret)}(?!\d)", text)


def test_anonymous():
    with Reported(names=["payroll prod", "hr.internal"], guest={"nested": "on"}) as b:
        between = b.history()
        secrets = ["payroll", "prod", "hr.internal", "kvm-host", "eu-7", "qemu-secret", "xyzzy", "machine.slice", "vm-1", "23457", "23458",
                   "54321", BOOT_ID, b.directory, "l1tune-test"]
        outputs = {"page": ("--anonymous",), "text": ("--anonymous", "--text"), "JSON": ("--anonymous", "-J")}
        for what, args in outputs.items():
            found = b.report(*between).stdout
            clean = b.report(*between, *args).stdout
            lacks = [s for s in secrets if s not in found]
            equal(lacks, [], f"{what}: a report with names has them") if what == "page" else None
            equal([s for s in secrets if holds(clean, s)], [], f"{what}: one without has none of them")
        document = json.loads(b.report(*between, "--anonymous", "-J").stdout)
        named = json.loads(b.report(*between, "-J").stdout)
        guests = document["stat"]["l2"]
        equal([(g["name"], g["uid"]) for g in guests], [("guest-1", "uid-1"), ("guest-2", "uid-1")], "an anonymous page replaces the same name by the same text")
        equal({row["id"]: row["name"] for row in document["slow"]}, {g["id"]: g["name"] for g in guests}, "everywhere")
        ok(len({g["pid"] for g in guests}) == 2 == len({g["cgroup"] for g in guests}), "what differs stays different", guests)
        advice, original = document["advise"]["advice"], named["advise"]["advice"]
        ok(advice, "there is advice")
        equal([a["evidence"] for a in advice], [a["evidence"] for a in original], "evidence keeps its words and figures")
        ok("-p PID" in str(advice), "how to find out keeps PID, which is a word and no number", advice)
        doctor = {row["row"]: row["text"] for row in document["doctor"]["rows"]}
        ok(doctor["kvm"].startswith("path-1: No such file"), "a path in a text is replaced", doctor["kvm"])
        equal([document["stat"]["l1"]["kernel"], guests[0]["reasons"]], ["6.1.0-56-amd64", named["stat"]["l2"][0]["reasons"]],
              "the kernel and counts stay")


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
                equal(end_of(p), 0, "report " + " ".join(args))
            changes = [a["change"] for a in document["advise"]["advice"] if "perf top -p" in a["change"]]
            pids = [g["pid"] for g in document["stat"]["l2"] if g["id"] == 1]
            return document, [change.split()[3] for change in changes], pids

        _, named, pids = observe()
        equal([named, pids], [["23457"], [23457]], "advice has a command with the PID of the guest's VMM")
        document, named, pids = observe("--anonymous")
        equal(named, pids, "without names it has the PID's replacement")
        ok(not holds(json.dumps(document), "23457"), "an anonymous page has the PID nowhere", document["advise"])


def test_text():
    with Reported() as b:
        text = b.report(*b.history(), "--text").stdout
        ok(text.startswith("## l1tune report\n") and "| db (l2-2) |" in text and "| web (l2-1) |" in text, "Markdown has the guests", text)
        rows = [line for line in text.splitlines() if line.startswith("|")]
        ok(rows and all(line.endswith("|") for line in rows), "in tables", rows)
        ok("| max_vms | 20 |" in text and "max_vcpus" not in text, "the page has limits that are set", text)


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
        ok(left_out["histograms"] and "the data omit: histograms (" in page.all_text(), "a page that is too large says what was left out", left_out)
        equal(len(re.findall('data-label="Exits/s"', page.text)), 100, "all guests are on it")
        text = b.report(*between, "--text").stdout
        ok(len(text) < 60_000, "reports of many guests fit into an issue as text", len(text))


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
           "tenants are left out, and guests are not", document["report"]["left_out"])


HARNESS = """<!DOCTYPE html><link rel=icon href="data:,"><pre id=result></pre>
<iframe src=/report.html width=1280 height=900></iframe><iframe src=/report.html width=400 height=900></iframe>
<script>onload = () => { result.textContent = "widths " + [...document.querySelectorAll("iframe")].map(f =>
[f.width, f.contentDocument.documentElement.scrollWidth <= f.contentDocument.documentElement.clientWidth, f.contentDocument.querySelectorAll("svg path").length > 9]) }</script>
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    paths = []

    def log_message(self, *_):
        self.paths.append(self.path)


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
        equal(set(Quiet.paths), {"/harness.html", "/report.html"}, "no request leaves it")
        equal([line for line in r.stderr.splitlines() if "CONSOLE" in line], [], "nothing is in its console")


print("KTAP version 1")
for test in (test_history, test_window, test_now, test_canary, test_events, test_missing, test_file, test_hostile, test_anonymous, test_anonymous_advice, test_text, test_size, test_many_tenants, test_browser):
    test()
finish()

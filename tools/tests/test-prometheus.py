#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
Rules and dashboard in a real Prometheus, which scrapes a real node_exporter that
reads exports one after the other: recorded ones (RECORDINGS/*.prom), or those of
a machine that is made up. All on the loopback, and gone in two minutes at most.
Usage: test-prometheus.py L1TUNE [RECORDINGS]
"""
import ctypes
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from bench import Bench, equal, finish, ok, skip
from fake import cell, fixed, hist, parts_ns
import charged
import tenants

DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../prometheus")
PROGRAMS = "promtool", "prometheus", "prometheus-node-exporter"
PR_SET_PDEATHSIG = 1
SECONDS = 120
MS = 1_000_000
CONFIG = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: node
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def made_up(step):
    """
    What such a machine exports, step seconds later; from the sixth on a guest was denied, a third
    guest lives from the fifth to the eighth, and the module is loaded again before the eleventh.
    """
    with Bench(totals={name: step * 500 * MS for name in "exit_time_ns kernel_time_ns vmm_time_ns vmm_sleep_time_ns "
                       "halted_time_ns blocked_time_ns runq_time_ns throttled_time_ns guest_time_ns exits".split()}, usage={"vms": 2, "vcpus": 3, "nested_vms": 1},
               loaded_ns=(5 if step < 11 else 95) * 1000 * MS) as b:
        b.machine.limits(limits={"max_vms": 3, "max_memory_bytes": 64 << 30},
                         audit={"max_vcpus": 2, "max_memory_bytes": 32 << 30},
                         denied={"max_vms": int(step > 5)}, would_deny={"max_vcpus": step},
                         hooks={"refuse_vm": "ok", "refuse_vcpu": "ok", "refuse_memory": "ok"})
        # Its VM is refused by the limits of both.
        charged.tenant(b.machine, 1, "/pods")
        tenants.tenant(b.machine, 1, "/pods", limits={"max_vms": 4}, audit={"max_vcpus": 2}, usage={"vms": 2, "vcpus": 3},
               denied={"max_vms": int(step > 5)}, would_deny={"max_vcpus": step})
        parts = {name: step * 25 * MS for name in parts_ns()}
        for number, name in (1, "web"), (2, "lab"):
            cells = [cell(level, 10, "CPUID", step * 1000, step * 175 * MS, 9 * MS,
                          hist(b12=step * 900, b15=step * 100), **parts) for level in range(2, 2 + number)]
            b.machine.guest(number, cells + [fixed(guest_time_ns=step * 300 * MS)], vcpus=number,
                            nested="on" if number == 2 and step > 2 else "off")
            b.machine.process(1000 + number, ["qemu-system-x86_64", "-name", "guest=" + name])
        if 5 <= step <= 8:
            b.machine.guest(3, [cell(2, 10, "CPUID", step, step * MS, MS, hist(b12=step), **parts)])
            b.machine.process(1003, ["qemu-system-x86_64", "-name", "guest=batch"])
        b.run("export", "--textfile", b.directory)
        with open(b.directory + "/l1tune.prom", encoding="utf-8") as f:
            return f.read()


def recordings():
    if len(sys.argv) < 3:
        return [made_up(step) for step in range(1, 13)]
    texts = []
    for path in sorted(glob.glob(sys.argv[2] + "/*.prom")):
        with open(path, encoding="utf-8") as f:
            texts.append(f.read())
    return texts


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Servers:
    """node_exporter and Prometheus; what they have to say is shown if a test fails."""

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="l1tune-test-")
        self.textfiles = self.directory + "/textfiles"
        os.mkdir(self.textfiles)
        self.node_port, self.port = free_port(), free_port()
        with open(DIRECTORY + "/l1tune.rules.yml", encoding="utf-8") as f:
            rules = f.read().replace("interval: 30s", "interval: 1s")
        with open(self.directory + "/rules.yml", "w", encoding="utf-8") as f:
            f.write(rules)
        with open(self.directory + "/prometheus.yml", "w", encoding="utf-8") as f:
            f.write(CONFIG.format(rules=self.directory + "/rules.yml", port=self.node_port))
        with open(self.directory + "/log", "w", encoding="utf-8") as log:
            self.processes = [subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=die_with_parent) for command in (
                ["prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile",
                 f"--collector.textfile.directory={self.textfiles}", f"--web.listen-address=127.0.0.1:{self.node_port}"],
                ["prometheus", f"--config.file={self.directory}/prometheus.yml", f"--storage.tsdb.path={self.directory}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}"])]
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.directory)

    def export(self, text):
        """As the tool does it."""
        with open(self.textfiles + "/.new", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(self.textfiles + "/.new", self.textfiles + "/l1tune.prom")

    def ask(self, path, **parameters):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}",
                                        timeout=10) as answer:
                return json.load(answer)["data"]
        except OSError as error:
            return {"error": f"{error} {error.read() if hasattr(error, 'read') else ''}"}

    def query(self, expression):
        answer = self.ask("query", query=expression)
        return answer.get("result") or answer.get("error") or []


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end:
        time.sleep(0.5)
    return value


def read_dashboard():
    with open(DIRECTORY + "/l1tune.dashboard.json", encoding="utf-8") as f:
        return json.load(f)


def dashboard_queries():
    dashboard = read_dashboard()
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.match(r"label_values\((.*), (\w+)\)$", variable["query"]["query"]).groups()
            yield "the variable " + variable["name"], f"count by ({label}) ({metric})"


def filled_in(query):
    return query.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$guest", ".*").replace("$kernel", ".*").replace("$type", ".*")


def units_of(panel):
    """That of its fields, or in a table those of its columns."""
    if panel["type"] != "table":
        return [panel["fieldConfig"]["defaults"].get("unit")]
    return [prop["value"] for override in panel["fieldConfig"]["overrides"] for prop in override["properties"]
            if prop["id"] == "unit"]


def test_dashboard():
    dashboard = read_dashboard()
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    titles = {check: [panel["title"] for panel in panels if is_bad(panel)] for check, is_bad in {
        "no description": lambda panel: not panel["description"],
        "no unit": lambda panel: not units_of(panel) or "none" in units_of(panel) or None in units_of(panel),
        "an expression that subtracts": lambda panel: any(re.search(r"[\w)] - ", t["expr"]) for t in panel["targets"]),
        "a table that shows internal columns": lambda panel: panel["type"] == "table" and not any(
            {"Time", "__name__", "job"} <= set(t["options"].get("excludeByName", ())) for t in panel["transformations"]),
    }.items()}
    equal({check: bad for check, bad in titles.items() if bad}, {}, "dashboard: each panel has a description and units, reads metrics as they are")
    equal([panel["title"] for panel in panels if panel["type"] == "heatmap"], ["Exit times"], "dashboard: a heat map of exit times")
    places = [tuple(panel["gridPos"][key] for key in "xywh") for panel in dashboard["panels"]]
    covered = [(x + i, y + j) for x, y, w, h in places for i in range(w) for j in range(h)]
    ok(len(set(covered)) == len(covered) and max(x for x, _ in covered) < 24, "dashboard: no panel covers another", places)
    equal(len({panel["id"] for panel in dashboard["panels"]}), len(places), "dashboard: each panel has an id of its own")


def annotated(server, begin):
    """The labels of what each annotation marks since begin; a minute of a real machine is 3 seconds here."""
    found = {}
    for annotation in read_dashboard()["annotations"]["list"]:
        query = filled_in(annotation["expr"].replace("1m", "3s"))
        answer = server.ask("query_range", query=query, start=begin, end=time.time(), step=1)
        found[annotation["name"]] = [series["metric"] for series in answer.get("result", [answer])]
    return found


def rule_names(kind):
    with open(DIRECTORY + "/l1tune.rules.yml", encoding="utf-8") as f:
        return re.findall(rf"- {kind}: (\S+)", f.read())


def test_rules():
    for command in ["check", "rules", "l1tune.rules.yml"], ["test", "rules", "l1tune.rules.test.yml"]:
        r = subprocess.run(["promtool", *command], cwd=DIRECTORY, capture_output=True, text=True, check=False)
        ok(r.returncode == 0 and "SUCCESS" in r.stdout, f"promtool {' '.join(command)} succeeds", r)
    with open(DIRECTORY + "/l1tune.rules.test.yml", encoding="utf-8") as f:
        tested = f.read()
    untested = [name for name in rule_names("alert")
                if not re.search(rf"alertname: {name}\n.*\n +exp_alerts:", tested)]
    equal(untested, [], "l1tune.rules.test.yml has a test in which each alert fires")


def test_readme():
    with open(DIRECTORY + "/README.md", encoding="utf-8") as f:
        listed = re.findall(r"^\| `(L1tune\w+)` \|", f.read(), re.M)
    equal(listed, rule_names("alert"), "the README of prometheus lists each alert, in the order of the rules")


def test_server():
    with Servers() as s:
        texts = recordings()
        begin = time.time() + 4
        ok(len(texts) >= 8, f"there are at least 8 exports to replay: {len(texts)}", texts[:1])
        s.export(texts[0])
        scraped = wait_for(lambda: [sample for sample in s.query("l1tune_up") if isinstance(sample, dict)], 30)
        equal([sample["value"][1] for sample in scraped], ["1"], "Prometheus scrapes l1tune_up from node_exporter")
        for text in texts[1:]:
            time.sleep(1.5)
            s.export(text)
        fired = wait_for(lambda: [a for a in s.ask("alerts").get("alerts", ()) if a["labels"]["alertname"] == "L1tuneDenied"
                                  and a["state"] == "firing"], 30)
        equal({a["labels"]["limit"] for a in fired}, {"max_vms"}, "the alert L1tuneDenied fires after a denial")
        equal(s.query("node_textfile_scrape_error")[0]["value"][1], "0",
              "node_exporter reads the exports without an error")
        for name in rule_names("record"):
            ok(isinstance(s.query(name), list) and s.query(name), f"the recording rule {name} has data", s.query(name))
        for title, query in dashboard_queries():
            result = s.query(filled_in(query))
            ok(isinstance(result, list) and result and "NaN" not in [r["value"][1] for r in result],
               f"dashboard: the query of {title} has data: {query[:60]}", result)
        found = annotated(s, begin)
        if len(sys.argv) < 3:
            equal([[marked.get("guest") for marked in found[name]] for name in ("Guest started", "Guest ended")], [["batch"], ["batch"]],
                  "dashboard annotations mark the start and end of the guest batch only")
            ok(found["Module load"], "a dashboard annotation marks the load of the module", found)
        equal([marked.get("limit") for marked in found["Denial"]], ["max_vms"],
              "a dashboard annotation marks the denial")
        nested = wait_for(lambda: [a["labels"]["guest"] for a in s.ask("alerts").get("alerts", ())
                                   if a["labels"]["alertname"] == "L1tuneNestedGuestAppeared"], 10)
        # Not of one that ran guests before anything was measured.
        was_off = any(re.search(r'^l1tune_guest_nested\{[^}]*guest="lab"[^}]*\} 0$', text, re.M) for text in texts)
        equal(nested, ["lab"] if was_off else [], "the alert L1tuneNestedGuestAppeared is active for the nested guest")


print("KTAP version 1")
test_readme()
test_dashboard()
missing = [program for program in PROGRAMS if not shutil.which(program)]
if missing:
    skip("rules and dashboard in a real Prometheus", f"no {', no '.join(missing)} (packages prometheus and prometheus-node-exporter)")
else:
    signal.alarm(SECONDS)
    test_rules()
    test_server()
finish()

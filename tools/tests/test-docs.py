#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The manual and the completion have what the tool's help has. Usage: test-docs.py L1TUNE"""
import fnmatch
import os
import re
import shlex
import shutil
import subprocess

from bench import TOOL, Bench, equal, finish, ok
from fake import VERSION, cell, hist
from tenants import tenant, v2

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
MANUALS = [os.path.join(TOP, "man", name) for name in ("l1tune.8", "l1tune.conf.5")]
MANUAL = os.path.join(TOP, "man/l1tune.8")
COMPLETION = os.path.join(TOP, "completion/l1tune.bash")
# Both forms of an option, and what follows it; completion offers the long ones.
OPTION = re.compile(r"^ +(?:-(\w), )?--([a-z0-9-]+)(?: (\S+))?  ", re.M)
COLUMN = re.compile(r"^  ([A-Z][A-Z0-9_]+) ", re.M)
SHELLS = {"zsh": ["zsh", "-n", "completion/_l1tune"], "fish": ["fish", "-n", "completion/l1tune.fish"]}


def text_of(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


def read(name):
    with open(os.path.join(TOP, "..", name), encoding="utf-8") as f:
        return f.read()


def completions(*words):
    """What bash offers after these, which end with the beginning of one."""
    script = (f"source {COMPLETION}; compopt() {{ :; }}; COMP_WORDS=({' '.join(words)}); "
              f"COMP_CWORD={len(words) - 1}; _l1tune; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return text_of("bash", "-c", script).splitlines()


def documented(source, letter, long, argument):
    """Whether the manual has an entry for the option, in both forms, with its argument."""
    form = rf"(?:{letter} , )?-{long}" if letter else f"-{long}"
    if argument and "|" not in argument:
        form += rf" Ar {argument}"
    return re.search(rf"^\.It Fl {form}\b", source, re.M)


def in_synopsis(source, name):
    """The options that the manual's synopsis shows for a command."""
    forms = re.findall(rf"^\.Nm\n\.Cm {name}\n((?:\.(?!Nm|Cm|Sh).*\n)*)", source.partition(".Sh DESCRIPTION")[0], re.M)
    return set(re.findall(r"(?:Fl|\|) -([a-z0-9-]+)|Fl ([a-zA-Z])\b", "".join(forms)))


def has_option(name, letter, long, argument):
    """Whether a command has it, with this argument or a list of values instead."""
    return any((letter, long) == option[:2] and (argument == option[2] or "|" in option[2])
               for option in OPTION.findall(text_of(TOOL, name, "--help")))


def test_options(source, commands):
    """An option's entry in the manual that names commands names all that have it."""
    found = 0
    for entry in re.split(r"^\.It Fl ", source.partition("\n.Sh OPTIONS\n")[2].partition("\n.Sh ")[0], flags=re.M)[1:]:
        option = re.match(r"(?:(\w) , )?-([a-z0-9-]+)(?: Ar (\S+))?", entry).groups(default="")
        named = re.findall(r"[a-z]+", " ".join(re.findall(r"^\.Cm ([a-z , ]+) :$", entry, re.M)))
        found += bool(named)
        if named:
            equal(sorted(named), sorted(name for name in commands if has_option(name, *option)),
                  f"l1tune.8 names with --{option[1]} {option[2]} exactly the commands that have it")
    ok(found > 20, "this test finds more than 20 options of single commands in l1tune.8", found)


def one(code, reason):
    return cell(2, code, reason, 1, 1, 1, hist(b9=1))


def test_machine():
    """What is completed of the guests that there are."""
    with Bench() as b:
        m = b.machine
        m.guest(3, [one(10, "CPUID"), one(12, "HLT")], pid=1001)
        m.guest(4, [one(28, "CR_ACCESS")], pid=1002, comm="vmm\n5\ta\x1b[7m")
        m.process(1001, ["qemu-system-x86_64", "-name", "guest=web server"], "0::/a\n")
        m.process(1002, ["qemu-system-x86_64", "-name", "guest=$(touch here):"], "0::/b\n")
        wrapper = os.path.join(b.directory, "l1tune")
        with open(wrapper, "w", encoding="ascii") as f:
            f.write(f"#!/bin/sh\nexec {shlex.join(b.command())} \"$@\"\n")
        os.chmod(wrapper, 0o755)
        equal(completions(wrapper, "stat", "''"), ["3", r"web\ server", "4", r"\$\(touch\ here\):"],
              "bash completion: stat offers guests by id and by name, quoted")
        for name in "--on-threshold=shell,command=true", "-h", "max_vms=0", "pid:1", "l2-3":
            m.process(1002, ["qemu-system-x86_64", "-name", "guest=" + name.replace(",", ",,")], "0::/b\n")
            for command in "watch", "limits":
                offered = subprocess.run([wrapper, "completion", "--", command, ""], capture_output=True, text=True, check=True).stdout
                words = [line.split("\t")[0] for line in offered.splitlines()]
                ok("4" in words and name not in words, f"completion of {command} does not offer a guest's name that it would take for something else: {name}", offered)
        m.process(1002, ["qemu-system-x86_64", "-name", "guest=$(touch here):"], "0::/b\n")
        raw = subprocess.run([wrapper, "completion", "--", "stat", ""], capture_output=True, check=True).stdout
        equal(re.findall(rb"[^\t\n -~]", raw) + [line for line in raw.splitlines() if line[:1] == b"5"], [],
              "completion prints no control character of a guest's name or program, and no line of their own making")
        equal(completions(wrapper, "stat", r"web\\ s"), [r"web\ server"],
              "bash completion: stat completes a guest's name that contains a blank")
        equal(completions(wrapper, "try", "--l2", "w"), [r"web\ server"],
              "bash completion: try --l2 completes a guest's name")
        equal(completions(wrapper, "hist", "3", "''"), ["CPUID", "HLT"],
              "bash completion: hist GUEST offers the reasons of that guest")
        equal(completions(wrapper, "hist", "3", "HLT", "''"), [""],
              "bash completion: hist GUEST REASON offers nothing more")
        v2(m)
        tenant(m, 1, "/kube/*")
        tenant(m, 2, "/machine.slice/a b")
        os.makedirs(m.sys + "/fs/cgroup/machine.slice/web.scope")
        os.makedirs(m.sys + "/fs/cgroup/machine.slice/a\n$(touch here):")
        equal(completions(wrapper, "limits", "ten"), ["tenant:"], "bash completion: limits completes tenant:")
        equal(completions(wrapper, "limits", "tenant", ":", "/k"), [r"/kube/\*"],
              "bash completion: limits completes the cgroup of a tenant after tenant:")
        equal(completions(wrapper, "limits", "tenant", ":", "/machine.slice/"), [r"/machine.slice/a\ b", "/machine.slice/web.scope"],
              "bash completion: limits completes tenants and existing cgroups below a directory")
        equal(completions(wrapper, "doctor", "--tenant", "/mach"), [r"/machine.slice/a\ b", "/machine.slice"],
              "bash completion: doctor --tenant completes tenants and cgroups")


def main():
    with open(MANUAL, encoding="utf-8") as f:
        source = f.read()
    if shutil.which("groff"):
        for manual in MANUALS:
            p = subprocess.run(["groff", "-mdoc", "-ww", "-z", manual], capture_output=True, text=True,
                               check=False)
            equal([p.returncode, p.stderr], [0, ""],
                  f"groff -mdoc -ww prints no warning for {os.path.basename(manual)}")
    else:
        print("# no groff: the manual's form is not looked at")
    commands = re.findall(r"^  ([a-z]+) ", text_of(TOOL, "help").split("Options:")[0], re.M)
    ok(len(commands) > 5, "l1tune help lists more than five commands", commands)
    offered = completions(TOOL, "limits", "max_v")
    equal([word in offered for word in ("max_vms=", "max_vcpus_per_vm=", "audit.max_vms=")], [True, True, False],
          "bash completion: limits max_v offers limits and no audit thresholds")
    equal([word in completions(TOOL, "apply", "--") for word in ("--check", "--json")], [True, False],
          "bash completion: apply offers --check and not --json")
    test_options(source, commands)
    test_metrics(source)
    test_events(source)
    for name in commands:
        ok(f".Cm {name}" in source, f"l1tune.8 has the command {name}")
    equal(completions(TOOL, "''"), commands, "bash completion: l1tune offers every command")
    equal(completions(TOOL, "help", "''"), commands, "bash completion: l1tune help offers every command")
    equal(completions(TOOL, "limits", "max_vms", "=", "''"), ["max"], "bash completion: limits max_vms= offers max")
    equal(completions(TOOL, "limits", "--sort", "=", "USE"), ["USE"],
          "bash completion: limits --sort=USE completes the column")
    for shell, command in SHELLS.items():
        if shutil.which(shell):
            equal(subprocess.run(command, cwd=TOP, capture_output=True, check=False).returncode, 0,
                  f"{shell} -n accepts the {shell} completion")
    for name in commands:
        if name == "help":
            continue
        help_text = text_of(TOOL, name, "--help")
        options = OPTION.findall(help_text)
        equal(len(options), len(re.findall(r"^ +-", help_text, re.M)), f"this test finds each option in l1tune {name} --help")
        ok(("h", "help", "") in options, f"l1tune {name} --help lists --help", options)
        missing = [option for option in options if not documented(source, *option)]
        equal(missing, [], f"l1tune.8 has each option of l1tune {name}")
        known = {long for _, long, _ in options} | {letter for letter, _, _ in options}
        wrong = {long or letter for long, letter in in_synopsis(source, name)} - known
        equal(wrong, set(), f"the synopsis in l1tune.8 has only options that l1tune {name} has")
        offered = completions(TOOL, name, "--")
        missing = [long for _, long, _ in options if "--" + long not in offered]
        equal(missing, [], f"bash completion: l1tune {name} -- offers each of its options")
        columns = COLUMN.findall(help_text.partition("\nColumns:\n")[2])
        missing = [column for column in columns
                   if not re.search(rf"^\.It Sy .*\b{column}\b", source, re.M)]
        equal(missing, [], f"l1tune.8 has each column of l1tune {name}")
        if columns:
            equal(completions(TOOL, name, "-o", "''"), columns,
                  f"bash completion: l1tune {name} -o offers each of its columns")


def exported(directory="tools/export"):
    """The metrics that the tool can print, by the names of their samples."""
    text = "".join(read(f"{directory}/{name}") for name in sorted(os.listdir(os.path.join(TOP, "..", directory))))
    ends = {"COUNTER": "_total", "INFO": "_info"}
    found = {name + ends.get(kind, "") for kind, name in re.findall(r'METRIC_(\w+),\s*"(l1tune_\w+)"', text)}
    found |= {name + "_total" for name in re.findall(r'\{ "\w+", "(l1tune_host_\w+)"', text)}
    return found | set(re.findall(r'\{ "\w+", "(l1tune_(?!host_)\w+)"', text))


def test_metrics(source):
    metrics = set(re.findall(r"\bl1tune_\w+", source.partition("\n.Sh METRICS\n")[2].partition("\n.Sh ")[0]))
    ok({"l1tune_up", "l1tune_host_exits_total", "l1tune_guest_info"} <= metrics, "this test finds the metrics in l1tune.8", metrics)
    equal(sorted(metrics ^ exported()), [], "l1tune.8 has each exported metric and no others")
    for name in "l1tune.rules.yml", "l1tune.rules.test.yml", "l1tune.dashboard.json", "README.md":
        used = set(re.findall(r"(?<![\w:])l1tune_\w+", read("tools/prometheus/" + name)))
        unknown = {metric for metric in used if re.sub("_(bucket|sum|count)$", "", metric) not in metrics}
        equal(sorted(unknown), [], f"tools/prometheus/{name} uses only exported metrics")


def test_events(source):
    text = source.partition("\n.Sh EVENTS\n")[2].partition("\n.El")[0]
    documented_events = set(re.findall(r"[a-z]+", " ".join(re.findall(r"^\.It Sy (.*)$", text, re.M))))
    kinds = set(re.findall(r'\[EVENT_\w+\] = "(\w+)"', read("tools/ui/event-show.c")))
    ok({"added", "denied", "slow"} <= kinds, "this test finds the kinds of events in event-show.c", kinds)
    equal(sorted(documented_events ^ kinds), [], "l1tune.8 has each kind of event and no others")


def anchors(text):
    """Of the headings of a page, as GitHub makes them."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.M)}


PAGES = ["README.md", "tools/prometheus/README.md"] + [f"docs/{name}" for name in sorted(os.listdir(os.path.join(TOP, "../docs")))
                                                       if name.endswith(".md")]


def cells(row):
    """How many it has: a | in code, and one with a backslash, separates none."""
    return len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", row)))


def test_tables():
    for page in PAGES:
        tables = re.findall(r"(?:^\|.*\n)+", read(page), re.M)
        odd = [row for table in tables for row in table.splitlines() if cells(row) != cells(table.splitlines()[0])]
        equal(odd, [], f"{page}: each row of a table has as many cells as its heading")


def pairs_of_words():
    """That follow each other in a text of the tool."""
    pairs = set()
    for directory, _, names in os.walk(TOP):
        for name in names if not directory.startswith(os.path.join(TOP, "tests")) else []:
            if name.endswith((".c", ".h")):
                code = re.sub(r"/\*.*?\*/", "", read(f"tools/{os.path.relpath(os.path.join(directory, name), TOP)}"), flags=re.S)
                for parts in re.findall(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*', code):
                    text = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', parts))
                    for words in map(str.split, re.split(r"[^a-z' ]+|%[-0-9.*]*l*[a-z]", text)):
                        pairs.update(zip(words, words[1:]))
    return pairs


def test_screens():
    """Of sentences only: numbers, names and labels around them come from the machine. selftests/readme runs the sessions."""
    pairs = pairs_of_words()
    for page in PAGES:
        screens = re.findall(r"^```\n(# l1tune.*?)^```", read(page), re.M | re.S)
        text = re.sub(r"\n {12,}", " ", re.sub(r"^# .*", "", "\n".join(screens), flags=re.M))
        sentences = [words.split() for words in re.findall(r"[a-z'][a-z' ]+", text.replace("  ", "\n"))]
        stale = [" ".join(words) for words in sentences
                 if len(words) > 3 and sum(pair not in pairs for pair in zip(words, words[1:])) > 1]
        equal(stale, [], f"{page}: the tool still prints the sentences of its screens")


def test_links():
    for page in PAGES:
        text = read(page)
        broken = []
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text):
            path = os.path.normpath(os.path.join(os.path.dirname(page), target)) if target else page
            if not os.path.exists(os.path.join(TOP, "..", path)) or (anchor and anchor not in anchors(read(path))):
                broken.append(f"{target}#{anchor}")
        equal(broken, [], f"{page}: each link leads to an existing file and heading")
        listed = re.findall(r"^- \[([^]]+)\]\(#", text, re.M)
        headings = re.findall(r"^## (.*)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
        if listed:
            equal([heading for heading in headings if heading not in listed], [],
                  f"{page}: the list of contents has each heading")


NAME = r"`([a-z0-9-]+)`"


def test_causes():
    causes = re.findall(r"^  ([a-z0-9-]+) ", text_of(TOOL, "advise", "--help").partition("\nCauses:\n")[2].partition("\n\n")[0], re.M)
    text = read("docs/explain.md").partition("\n## Symptoms and their causes\n")[2].partition("\n## ")[0]
    of_symptom = {re.match(NAME, section)[1]: re.findall(NAME, " ".join(re.findall(r"^\| (`[^|:]*)", section, re.M)))
                  for section in re.split(r"^### ", text, flags=re.M)[1:]}
    symptoms = list(of_symptom)
    explained = [name for causes_of_one in of_symptom.values() for name in causes_of_one]
    ok({"ept", "devices"} <= set(causes), "this test finds the causes in l1tune advise --help", causes)
    equal(symptoms, [name for name in causes if name in symptoms],
          "docs/explain.md has each symptom of advise, in the order of --help")
    equal(explained, [name for name in causes if name not in symptoms],
          "docs/explain.md has each cause of advise, in the order of --help, and no others")
    rows = {re.search(NAME, row)[1]: row for row in re.findall(
        r"^\| `.*", read("docs/explain.md").partition("\n## Which causes were produced\n")[2].partition("\n## ")[0], re.M)}
    equal(list(rows), symptoms, "docs/explain.md says of each symptom which of its causes were produced")
    # One that says "none" of what was produced need not say why of each.
    equal({symptom: set(of_symptom[symptom]) - set(re.findall(NAME, row)) for symptom, row in rows.items()
           if "| none" not in row and set(of_symptom[symptom]) - set(re.findall(NAME, row))}, {},
          "docs/explain.md says of each cause of a symptom that was produced whether it was")
    measured = re.findall(r"^\| `([a-z0-9-]+)` \|", read("docs/explain.md").partition("\n## Is the predicted gain right?\n")[2], re.M)
    equal(set(measured) - set(causes), set(), "docs/explain.md compares predicted gains of causes of advise only")


def test_limits():
    """The tool has them in one table; what administrators read has them in words."""
    of_host, of_tenants = (re.findall(r'\{ "(max_\w+)"', table) for table in re.findall(
        r"^const struct limit_kind \w+\[\w+\] = \{\n(.*?)^\};", read("tools/settings/limit.c"), re.M | re.S))
    ok("max_vms" in of_host and "max_vms_per_sec" in of_tenants, "this test finds the limits in limit.c", (of_host, of_tenants))
    manual = read("tools/man/l1tune.8").partition("\n.Sh LIMITS\n")[2].partition("\n.Sh ")[0]
    conf = read("tools/man/l1tune.conf.5").partition("\n.Sh NAMES\n")[2].partition("\n.Sh ")[0]
    alone, of_tenant = manual.split("\n.Ss Limits of tenants\n")
    item = re.compile(r"^\.It Sy (max_.*)", re.M)
    for name, text in (("l1tune.8", alone), ("l1tune.conf.5", conf)):
        equal(" , ".join(item.findall(text)).split(" , "), of_host, f"{name} explains each limit of the host, in the order of limit.c")
    for name, text in (("l1tune.8", of_tenant), ("l1tune.conf.5", conf.partition("tenant\\&:")[2])):
        equal(sorted(set(of_tenants) - set(re.findall(r"max_\w+", text))), [], f"{name} has each limit of a tenant")
    refused = read("docs/operating.md").partition("\n## What a refused VMM says\n")[2].partition("\n## ")[0]
    equal(set(of_host + of_tenants) - set(re.findall(r"`(max_\w+)`", refused)), set(), "docs/operating.md says of each limit what a VMM gets")
    equal(set(of_host) - set(re.findall(r"^#(max_\w+) = ", read("tools/l1tune.conf"), re.M)), set(),
          "the packaged l1tune.conf has a line, switched off, for each limit of the host")


def test_sources():
    text = read("docs/design.md").partition("\n## The source files\n")[2]
    patterns = re.findall(r"`([\w*.]+)`", " ".join(re.findall(r"^\| (`[^|]*) \|", text, re.M)))
    files = [name for name in os.listdir(os.path.join(TOP, "../module")) if name.endswith(".c")]
    missing = [name for name in files if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    gone = [pattern for pattern in patterns if not fnmatch.filter(os.listdir(os.path.join(TOP, "../module")), pattern)]
    equal([missing, gone], [[], []], "docs/design.md has each source file of the module, and no others")


def test_steps():
    by_name = re.search(r"^BY_NAME=\((.*?)\)", read("selftests/check"), re.M | re.S)[1].split()
    missing = [step for step in by_name if f"`{step}`" not in read("docs/testing.md")]
    ok(len(by_name) > 3, "this test finds the steps of selftests/check that run by name only", by_name)
    equal(missing, [], "docs/testing.md has each step of selftests/check that runs by name only")


def test_version():
    versions = {
        "dkms.conf": re.search(r'PACKAGE_VERSION="(.*)"', read("dkms.conf"))[1],
        "debian/changelog": re.match(r"l1tune \((.*?)\)", read("debian/changelog"))[1],
        "NEWS": re.match(r"l1tune (.*)", read("NEWS"))[1],
    }
    equal(versions, dict.fromkeys(versions, VERSION),
          "dkms.conf, debian/changelog and NEWS have the version that Kbuild sets")


def test_runbook():
    alerts = re.findall(r"^ +- alert: (\w+)$(?:\n(?! +- alert).*)*?\n +runbook: (\S+)$", read("tools/prometheus/l1tune.rules.yml"), re.M)
    ok("L1tuneDenied" in dict(alerts), "this test finds the alerts of l1tune.rules.yml and their runbooks", alerts)
    equal([name for name, _ in alerts], re.findall(r"- alert: (\w+)", read("tools/prometheus/l1tune.rules.yml")),
          "every alert of l1tune.rules.yml has a runbook")
    equal([f"docs/operating.md#{name.lower()}" for name, _ in alerts], [link for _, link in alerts],
          "the runbook of each alert links to the section of its name in docs/operating.md")
    sections = re.findall(r"^### (\w+)$", read("docs/operating.md").partition("\n## Alerts\n")[2].partition("\n## ")[0], re.M)
    equal(sections, [name for name, _ in alerts],
          "docs/operating.md has a section for each alert, in the order of l1tune.rules.yml")


print("KTAP version 1")
test_version()
test_runbook()
test_links()
test_tables()
test_screens()
test_causes()
test_limits()
test_sources()
test_steps()
main()
test_machine()
finish()

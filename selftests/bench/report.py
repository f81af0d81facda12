#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Turns what the benchmark's machines printed into tables, JSON, the tables of a
page in Markdown, or a verdict on the budget.

report.py table|json LOG…
report.py write PAGE LOG…
report.py write-alone PAGE LOG…
report.py budget BUDGET LOG…

A LOG is named after its scene: build/bench/vmx-6.1, svm-6.12, l0-shadow, scale.
"""
import json
import os
import re
import sys

OBSERVERS = {
    'none': 'none',
    'tracepoints': 'probes on the tracepoints that do nothing',
    'functions': 'callbacks on the functions that do nothing',
    'l1tune': 'l1tune',
    'perf-stat': 'perf stat -e kvm:kvm_exit',
    'ftrace': 'ftrace kvm_exit, kvm_entry',
    'bpftrace-count': 'bpftrace, count by reason',
    'perf-kvm': 'perf kvm stat record',
    'bpftrace-hist': 'bpftrace, times by reason',
}
KINDS = {
    'cpuid': 'CPUID',
    'out': 'port I/O',
    'halt': 'HLT wake-up',
    'ept': 'EPT fault',
    'l3rdmsr': 'RDMSR of L3',
    'switch': 'switch between threads without a guest',
}
# Not observers of their own: what the kernel takes to call l1tune.
HOOKS = ('tracepoints', 'functions')
# What L1's KVM executes that may be an exit to L0: of those in L0's statistics.
TRAPPING = ('VMREAD', 'VMWRITE', 'MSR_READ', 'MSR_WRITE', 'VMLAUNCH', 'VMRESUME', 'VMCLEAR',
            'VMPTRLD', 'VMPTRST', 'INVEPT', 'INVVPID', 'VMON', 'VMOFF')
# What creating guests by several threads may take more, in percent.
CREATION_MOST = 5
# Exits of one HLT wake-up: the halt, arming the timer, the end of the interrupt.
HALT_EXITS = 3
# The parts of a page that are replaced.
SUMMARY = ('<!-- summary of selftests/bench/run -->', '<!-- end of summary -->')
ALONE = ('<!-- summary of selftests/bench/run --alone -->', '<!-- end of summary of --alone -->')
PAID = ('<!-- shares of selftests/bench/run --alone -->', '<!-- end of shares -->')
FIGURES = ('<!-- figures of selftests/bench/run -->', '<!-- end of figures -->')


def read_log(path):
    """A scene: {'name', 'cost': {(observer, kind, guests): instructions}, 'exits': …, 'medians': {(observer, kind):
    instructions}, 'missing': {observer: why}, 'trapping': …, 'scale': …}"""
    scene = {'name': os.path.basename(path), 'cost': {}, 'exits': {}, 'medians': {}, 'missing': {}, 'trapping': {},
             'scale': {}}
    counts = {}
    with open(path, encoding='utf-8', errors='replace') as log:
        for line in log:
            words = line.split()
            if not words:
                continue
            if words[0] == 'cost' and len(words) == 6:
                key = (words[1], words[2], int(words[3]))
                scene['cost'][key] = float(words[4])
                scene['exits'][key] = int(words[5])
            elif words[0] == 'l0-exits-at' and len(words) == 4:
                counts.setdefault(words[1], {})[words[2]] = int(words[3])
            elif words[0] == 'median' and len(words) == 4 and words[3].isdigit():
                scene['medians'][words[1], words[2]] = int(words[3])
            elif words[0] == 'missing' and len(words) >= 3:
                scene['missing'][words[1]] = ' '.join(words[2:])
            elif words[0] == 'scale' and len(words) >= 3:
                scene['scale'][' '.join(words[1:-1])] = float(words[-1])
    for (observer, kind, guests), exits in scene['exits'].items():
        at = [counts.get(f'{observer}/{kind}/{when}') for when in ('begin', 'few', 'many')]
        if None in at:
            continue
        begin, few, many = at
        scene['trapping'][(observer, kind)] = {
            reason: ((many.get(reason, 0) - few.get(reason, 0)) -
                     (few.get(reason, 0) - begin.get(reason, 0))) / exits
            for reason in many}
    return scene


def title(scene):
    name = scene['name']
    if name.startswith('l0-'):
        return 'VMX in three layers, L0 %s VMCS shadowing' % ('with' if name == 'l0-shadow' else 'without')
    isa, _, kernel = name.partition('-')
    return f'{isa.upper()}, Linux {kernel}'


def in_layers(scene):
    """Of these a table has medians: an L0's timer is in a mean."""
    return bool(scene['medians'])


def columns(scene):
    if in_layers(scene):
        there = {(kind, 1) for _, kind in scene['medians']}
    else:
        there = {(kind, guests) for _, kind, guests in scene['cost']}
    return sorted(there, key=lambda c: (c[1], list(KINDS).index(c[0])))


def observers(scene):
    there = {observer for observer, _, _ in scene['cost']}
    return [o for o in OBSERVERS if o in there]


def cost(scene, observer, kind, guests):
    if in_layers(scene):
        return scene['medians'].get((observer, kind))
    return scene['cost'].get((observer, kind, guests))


def added(scene, observer, kind, guests):
    whole, alone = (cost(scene, o, kind, guests) for o in (observer, 'none'))
    return None if None in (whole, alone) else whole - alone


def cost_words(scene, observer, kind, guests):
    whole, more = cost(scene, observer, kind, guests), added(scene, observer, kind, guests)
    if more is None:
        return '-'
    if observer == 'none':
        return '%.0f' % whole
    return '%+.0f' % more + (' (%.1f %%)' % (more / whole * 100) if in_layers(scene) else '')


def cost_rows(scene):
    rows = [['observer'] + [KINDS[k] + (f', {g} guests' if g > 1 else '') for k, g in columns(scene)]]
    for observer in observers(scene):
        rows.append([OBSERVERS[observer]] + [cost_words(scene, observer, k, g) for k, g in columns(scene)])
    return rows


def trapping_rows(scene):
    kinds = [k for k in KINDS if any(kind == k for _, kind in scene['trapping'])]
    rows = [['exits to L0 for each'] + [KINDS[k] for k in kinds]]
    for observer in observers(scene):
        row = [OBSERVERS[observer]]
        for kind in kinds:
            counts = scene['trapping'].get((observer, kind))
            if counts is None:
                row.append('-')
                continue
            some = [(r, counts[r]) for r in TRAPPING if counts.get(r, 0) >= 0.05]
            row.append('%.1f' % sum(n for _, n in some) +
                       (' (%s)' % ', '.join('%s %.1f' % (r, n) for r, n in some) if some else ''))
        rows.append(row)
    return rows


def worse(scene):
    """Where l1tune costs more than a peer does."""
    found = []
    for kind, guests in columns(scene):
        ours = added(scene, 'l1tune', kind, guests)
        for peer in observers(scene):
            theirs = added(scene, peer, kind, guests)
            if peer not in ('none', 'l1tune') + HOOKS and None not in (ours, theirs) and theirs < ours:
                found.append('%s%s: %s costs %.0f less' % (
                    KINDS[kind], f' of {guests} guests' if guests > 1 else '',
                    OBSERVERS[peer], ours - theirs))
    return found


def text(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield '  '.join(c.ljust(w) if not i else c.rjust(w)
                        for i, (c, w) in enumerate(zip(row, widths))).rstrip()


def markdown(rows, texts=1):
    """texts: so many columns are no numbers."""
    yield '| ' + ' | '.join(rows[0]) + ' |'
    yield '|---' * texts + '|---:' * (len(rows[0]) - texts) + '|'
    for row in rows[1:]:
        yield '| ' + ' | '.join(row) + ' |'


def report(scenes, render, heading):
    for scene in scenes:
        if not scene['cost']:
            continue
        yield heading(title(scene))
        yield ''
        yield from render(cost_rows(scene))
        yield ''
        peers = [o for o in observers(scene) if o not in ('none', 'l1tune') + HOOKS]
        costly = worse(scene) or (['in nothing'] if peers else [])
        for line in costly:
            yield 'More expensive than a peer: ' + line + '.' + ('  ' if render is markdown else '')
        for observer, why in scene['missing'].items():
            yield 'Not measured: %s: %s.' % (OBSERVERS[observer], why) + ('  ' if render is markdown else '')
        if costly or scene['missing']:
            yield ''
        if scene['trapping']:
            yield from render(trapping_rows(scene))
            yield ''
    scale = {what: value for scene in scenes for what, value in scene['scale'].items()}
    if scale:
        yield heading('Scale')
        yield ''
        yield from render([['measured', 'value']] +
                          [[what, f'{v:,.0f}' if v >= 100 else '%.3g' % v] for what, v in scale.items()])
        yield ''
        for what, v in scale.items():
            if 'threads: instructions on the machine, %' in what and v > CREATION_MOST:
                yield f'Above the target of {CREATION_MOST} %: {what}.'
                yield ''


def as_json(scenes):
    return {'schema': 1, 'unit': 'instructions per exit and entry', 'scenes': [{
        'scene': scene['name'],
        'cost': [{'observer': o, 'kind': k, 'guests': g, 'instructions': mean, 'exits': scene['exits'][o, k, g]}
                 for (o, k, g), mean in scene['cost'].items()],
        'added': [{'observer': o, 'kind': k, 'guests': g, 'instructions': added(scene, o, k, g)}
                  for o in observers(scene) for k, g in columns(scene) if o != 'none'],
        'missing': scene['missing'],
        'medians': [{'observer': o, 'kind': k, 'instructions': median} for (o, k), median in scene['medians'].items()],
        'l0_exits': [{'observer': o, 'kind': k, 'per_exit': counts}
                     for (o, k), counts in scene['trapping'].items()],
        'scale': scene['scale'],
    } for scene in scenes]}


def short(scenes):
    """One table: what the observers that people compare add to a round trip."""
    kinds = ('cpuid', 'out', 'halt', 'ept')
    peers = ('none', 'l1tune', 'perf-stat', 'perf-kvm')
    scenes = [s for s in scenes if s['cost'] and not s['name'].endswith('6.12')]
    rows = [['machine', 'observer'] + [KINDS[k] for k in kinds]]
    for scene in scenes:
        for observer in (o for o in observers(scene) if o in peers):
            rows.append([title(scene) if observer == 'none' else '', OBSERVERS[observer]] +
                        [cost_words(scene, observer, kind, 1) for kind in kinds])
    return markdown(rows, 2)


def difference(scene, kind, times):
    """What l1tune adds to an exit of that kind beyond so many that KVM handles."""
    whole, plain = added(scene, 'l1tune', kind, 1), added(scene, 'l1tune', 'cpuid', 1)
    return '-' if None in (whole, plain) else '%+.0f' % (whole - times * plain)


def alone(scenes):
    """What l1tune adds, and to what else than exits."""
    kinds = ('cpuid', 'out', 'halt', 'ept')
    rows = [['machine'] + [KINDS[k] for k in kinds] +
            [KINDS['halt'] + ', 64 guests', 'KVM_RUN, return and call', "vCPU's thread scheduled out and in",
             KINDS['switch']]]
    for scene in scenes:
        rows.append([title(scene)] + [cost_words(scene, 'l1tune', kind, 1) for kind in kinds] +
                    [cost_words(scene, 'l1tune', 'halt', 64), difference(scene, 'out', 1),
                     difference(scene, 'halt', HALT_EXITS), cost_words(scene, 'l1tune', 'switch', 1)])
    return markdown(rows)


def paid(scenes):
    """To whom that is paid: to what the kernel takes to call l1tune, and to l1tune itself."""
    kinds = ('cpuid', 'out', 'halt')
    rows = [['machine', 'paid to'] + [KINDS[k] for k in kinds]]
    for scene in scenes:
        parts = {o: [added(scene, o, k, 1) for k in kinds] for o in HOOKS + ('l1tune',)}
        if any(None in part for part in parts.values()):
            continue
        own = [whole - sum(rest) for whole, *rest in zip(parts['l1tune'], *(parts[o] for o in HOOKS))]
        for words, values in (('tracepoints', parts['tracepoints']), ('ftrace', parts['functions']),
                              ('l1tune itself', own), ('together', parts['l1tune'])):
            rows.append([title(scene) if words == 'tracepoints' else '', words] + ['%+.0f' % v for v in values])
    return markdown(rows, 2)


def replace_between(marks, path, lines):
    with open(path, encoding='utf-8') as f:
        old = f.read()
    begin, end = (old.find(mark) for mark in marks)
    if begin < 0 or end < begin:
        sys.exit(f'report.py: {path} has no place for the tables ({marks[0]})')
    new = old[:begin + len(marks[0])] + '\n\n' + '\n'.join(lines).rstrip('\n') + '\n\n' + old[end:]
    with open(path, 'w', encoding='utf-8') as f:
        f.write(new)


def check_budget(path, scenes):
    """KTAP: one result a line of the budget, 'SCENE KIND INSTRUCTIONS'."""
    with open(path, encoding='utf-8') as f:
        budget = [line.split() for line in f if re.match(r'[a-z]', line)]
    budget = [b for b in budget if any(s['name'] == b[0] for s in scenes)]
    failed = not budget
    print(f'1..{len(budget)}')
    for number, (name, kind, most) in enumerate(budget, 1):
        scene = next(s for s in scenes if s['name'] == name)
        more = added(scene, 'l1tune', kind, 1)
        ok = more is not None and more <= float(most)
        failed |= not ok
        print('%s %d %s: %s costs %s instructions more, the budget is %s' % (
            'ok' if ok else 'not ok', number, name, KINDS[kind],
            'nothing known' if more is None else '%.1f' % more, most))
    return failed


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ('table', 'json', 'write', 'write-alone', 'budget'):
        sys.exit(__doc__)
    what, args = sys.argv[1], sys.argv[2:]
    path = args.pop(0) if what in ('write', 'write-alone', 'budget') else None
    scenes = [read_log(log) for log in args]
    if what == 'json':
        json.dump(as_json(scenes), sys.stdout, indent=1)
        print()
    elif what == 'write':
        replace_between(SUMMARY, path, list(short(scenes)))
        replace_between(FIGURES, path, list(report(scenes, markdown, lambda t: f'**{t}**')))
    elif what == 'write-alone':
        replace_between(ALONE, path, list(alone(scenes)))
        replace_between(PAID, path, list(paid(scenes)))
    elif what == 'budget':
        sys.exit(check_budget(path, scenes))
    else:
        for line in report(scenes, text, lambda t: f'== {t}'):
            print(line)


main()

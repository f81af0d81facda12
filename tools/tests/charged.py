# SPDX-License-Identifier: GPL-2.0
"""Tenants of a machine, and what their guests had."""
from fake import PARTS, write

TOTALS = ["vms", "vcpus", "exits", "exit_time_ns", "guest_time_ns", *(part + "_time_ns" for part in PARTS), "stolen_time_ns", "untraced"]


def tenants(machine, *others):
    """The module has tenants."""
    for name in ("add", "remove", *others):
        write(f"{machine.device('l1')}/tenants/{name}", "", 0o200)


def tenant(machine, number, cgroup, pattern=None, matches=None, usage=None, **totals):
    """pattern: of a match the number of its pattern; matches: of a pattern how many it has."""
    tenants(machine)
    device = machine.device(f"tenant-{number}")
    write(f"{device}/cgroup", cgroup.encode("utf-8", "surrogateescape") + b"\n", 0o440)
    if pattern is not None:
        write(f"{device}/pattern", f"tenant-{pattern}", 0o440)
    if matches is None:
        for name, value in (dict.fromkeys(("vms", "vcpus", "memory_bytes", "nested_vms"), 0) | (usage or {})).items():
            write(f"{device}/usage/{name}", value, 0o440)
    else:
        write(f"{device}/matches", matches, 0o440)
    assert set(totals) <= set(TOTALS), totals
    for name, value in (dict.fromkeys(TOTALS, 0) | {"stolen_time_ns": "unknown"} | totals).items():
        write(f"{device}/totals/{name}", value, 0o440)


def starts(machine, device, counts, sum_ns=0, ended=0):
    """How long guests took to start: {bucket: number}, all phases alike."""
    line = f"{sum(counts.values())} {sum_ns} {' '.join(str(counts.get(n, 0)) for n in range(18))}"
    write(f"{machine.device(device)}/start/times", "\n".join(f"{name} {line}" for name in ("total", "setup", "boot")), 0o440)
    write(f"{machine.device(device)}/start/ended", ended, 0o440)


def charge(machine, guest, cgroup, *numbers):
    """Where a guest was created, and the tenants that have it."""
    device = machine.device(f"l2-{guest}")
    write(f"{device}/cgroup", cgroup.encode("utf-8", "surrogateescape") + b"\n", 0o440)
    write(f"{device}/tenants", " ".join(f"tenant-{number}" for number in numbers), 0o440)

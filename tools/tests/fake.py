# SPDX-License-Identifier: GPL-2.0
"""Writes a tree that stands for /sys and one for /proc, as the module makes them."""
import os
import struct
import tempfile

TYPE_CUMULATIVE, TYPE_INSTANT, TYPE_PEAK, TYPE_LOG_HIST = 0x0, 0x1, 0x2, 0x4
UNIT_NONE, UNIT_SECONDS = 0x00, 0x20
NAME_SIZE = 48
PAGE = 4096
HIST_SIZE = 34
PARTS = "kernel vmm vmm_sleep halted blocked runq throttled".split()
HOOKS = ("kvm_exit kvm_entry fault exit_reason adopt vm_create vm_free "
         "vcpu_create vcpu_destroy memory").split()
LIMITS = ("max_vms max_vms_per_user max_vcpus max_vcpus_per_vm max_memory_bytes "
          "max_memory_per_vm_bytes max_nested_vms max_exits_per_sec").split()
LIMIT_HOOKS = "refuse_vm refuse_vcpu refuse_memory refuse_nested refuse_run throttle timer".split()
STARTS = "\n".join(f"{name} 0 0" + " 0" * 18 for name in ("total", "setup", "entry", "firmware", "boot"))


def version():
    """Where it is set: in Kbuild."""
    with open(os.path.join(os.path.dirname(__file__), "../../Kbuild"), encoding="utf-8") as f:
        return next(line.split()[-1] for line in f if line.startswith("L1TUNE_VERSION"))


VERSION = version()
BOOT_ID = "11111111-2222-4333-8444-555555555555"


def hist(**buckets):
    """hist(b10=3): three in bucket 10."""
    values = [0] * HIST_SIZE
    for bucket, count in buckets.items():
        values[int(bucket[1:])] = count
    return values


def parts_ns(unit=1, **parts):
    """All parts of a cell's time, in units: those that are not named are 0."""
    assert set(parts) <= set(PARTS), parts
    return {part + "_ns": int(parts.get(part, 0) * unit) for part in PARTS}


def split(level, code, reason, count, max_ns, hist_ns, unit=1_000_000, **parts):
    """A cell whose time is that of its parts, in ms."""
    parts = parts_ns(unit, **parts)
    return cell(level, code, reason, count, sum(parts.values()), max_ns, hist_ns, **parts)


def cell(level, code, reason, count, time_ns, max_ns, hist_ns, **parts):
    """The statistics of one (level, reason), in the module's order; older modules have no parts."""
    prefix = f"l{level}/{code}/{reason}/"
    seconds = UNIT_SECONDS
    stats = [(prefix + "count", TYPE_CUMULATIVE | UNIT_NONE, 0, [count]),
             (prefix + "time_ns", TYPE_CUMULATIVE | seconds, -9, [time_ns])]
    stats += [(prefix + part, TYPE_CUMULATIVE | seconds, -9, [value])
              for part, value in parts.items()]
    return stats + [(prefix + "max_ns", TYPE_PEAK | seconds, -9, [max_ns]),
                    (prefix + "hist_ns", TYPE_LOG_HIST | seconds, -9, hist_ns)]


def fixed(**values):
    return [(name, TYPE_CUMULATIVE | (UNIT_SECONDS if name.endswith("_ns") else 0),
             -9 if name.endswith("_ns") else 0, [value])
            for name, value in values.items()]


def now(state, since_ns, level=0, code=0):
    """What a vCPU does at the moment."""
    return [("state", TYPE_INSTANT, 0, [state]),
            ("state_since_ns", TYPE_INSTANT | UNIT_SECONDS, -9, [since_ns]),
            ("open_level", TYPE_INSTANT, 0, [level]), ("open_code", TYPE_INSTANT, 0, [code])]


def stats_file(name, cells):
    """Header, id, data, descriptors; a cell stays within its page."""
    header_size, data_offset = 24, 128
    data, descs, groups = b"", b"", []
    for stat in cells:
        prefix = stat[0].rsplit("/", 1)[0] if "/" in stat[0] else None
        if groups and prefix and groups[-1][0] == prefix:
            groups[-1][1].append(stat)
        else:
            groups.append((prefix, [stat]))
    num = 0
    for _, group in groups:
        size = sum(8 * len(values) for *_, values in group)
        start = data_offset + len(data)
        if start // PAGE != (start + size - 1) // PAGE:
            data += bytes(-start % PAGE)
        for stat, flags, exponent, values in group:
            descs += struct.pack("=IhHII", flags, exponent, len(values), len(data), 0)
            descs += stat.encode().ljust(NAME_SIZE, b"\0")
            data += struct.pack(f"={len(values)}Q", *values)
            num += 1
    desc_offset = data_offset + len(data) + PAGE
    header = struct.pack("=6I", 0, NAME_SIZE, num, header_size, desc_offset, data_offset)
    image = header + name.encode().ljust(NAME_SIZE, b"\0")
    image = image.ljust(data_offset, b"\0") + data
    return image.ljust(desc_offset, b"\0") + descs


CANARY_SLOT = struct.Struct("=IIQ7Q")
CANARY_MAGIC = 0x0143314C
UNKNOWN = 2**64 - 1


def fnv1a(data):
    value = 2166136261
    for byte in data:
        value = (value ^ byte) * 16777619 % 2**32
    return value


def canary_slot(seq, seconds, exit_ns, rest_ns=1000, work_ns=20000, stolen=0.0, machine=1):
    """One sample as record --canary keeps it; its place in the file is seq."""
    stolen_ppm = UNKNOWN if stolen is None else int(stolen * 1e6)
    body = CANARY_SLOT.pack(0, 0, seq, int(seconds * 1e9), exit_ns, rest_ns, work_ns, stolen_ppm, machine, 5_000_000)[8:]
    return struct.pack("=II", CANARY_MAGIC, fnv1a(body)) + body


def write(path, content, mode=0o444):
    """Replaces it at once: a tool that reads meanwhile finds the old file or the new one."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fd, new = tempfile.mkstemp()
    with open(fd, "wb") as f:
        f.write(content if isinstance(content, bytes) else f"{content}\n".encode())
    os.chmod(new, mode)
    os.replace(new, path)


def update(path, content):
    """In place, as a file that is kept open sees it: no longer than it was."""
    fd = os.open(path, os.O_WRONLY)
    os.pwrite(fd, content, 0)
    os.close(fd)


class Machine:
    """This machine under directory: directory/sys and directory/proc."""

    def __init__(self, directory):
        self.sys = os.path.join(directory, "sys")
        self.proc = os.path.join(directory, "proc")
        os.makedirs(os.path.join(self.sys, "class"))
        os.makedirs(self.proc)
        write(self.proc + "/sys/kernel/osrelease", "6.1.0-56-amd64")
        write(self.proc + "/sys/kernel/random/boot_id", BOOT_ID)

    def device(self, name):
        """Its directory; the class has links to devices, as the kernel's have."""
        path = f"{self.sys}/devices/virtual/l1tune/{name}"
        link = f"{self.sys}/class/l1tune/{name}"
        os.makedirs(path, exist_ok=True)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        if not os.path.islink(link):
            os.symlink(f"../../devices/virtual/l1tune/{name}", link)
        return path

    def load(self, hooks=None, totals=None, usage=None, **values):
        os.makedirs(self.sys + "/module/l1tune", exist_ok=True)
        l1 = self.device("l1")
        files = {"abi": 2, "loaded_ns": 5_000_000_000, "isa": "vmx", "virtualized": 1,
                 "hypervisor": "KVMKVMKVM", "version": VERSION}
        for name, value in (files | values).items():
            write(f"{l1}/{name}", value)
        for name, value in ({hook: "ok" for hook in HOOKS} | (hooks or {})).items():
            write(f"{l1}/hooks/{name}", value)
        counts = dict.fromkeys("vms vcpus exits exit_time_ns guest_time_ns unattributed "
                               "untraced lost_cells unpaired_entries nested_unadmitted".split(), 0)
        for name, value in (counts | (totals or {})).items():
            write(f"{l1}/totals/{name}", value, 0o440)
        for name in "shutdown reset internal_error fail_entry system_event run_error killed exited closed young unkept".split():
            write(f"{l1}/ended/{name}", 0, 0o440)
        for name, value in (("times", STARTS), ("ended", 0), ("last", b"")):
            write(f"{l1}/start/{name}", value, 0o440)
        write(f"{l1}/start/port", "none", 0o644)
        write(f"{l1}/events", b"", 0o440)
        self.num_events = 0
        counts = dict.fromkeys("vms vcpus memory_bytes nested_vms".split(), 0)
        for name, value in (counts | (usage or {})).items():
            write(f"{l1}/usage/{name}", value)

    def event(self, keep=10, time_ns=1_000_000_000, **keys):
        """One more line of l1/events, which keeps so many."""
        self.num_events += 1
        path = self.device("l1") + "/events"
        with open(path, encoding="ascii") as f:
            lines = f.read().splitlines()
        words = [str(self.num_events), str(time_ns)] + [f"{key}={value}" for key, value in keys.items()]
        text = "".join(line + "\n" for line in [*lines, " ".join(words)][-keep:]).encode()
        update(path, text)
        os.truncate(path, len(text))

    def limits(self, hooks=None, **files):
        """limits(limits={"max_vms": 20}, denied={"max_vms": 1}): the rest as at load."""
        l1 = self.device("l1")
        for name, value in (dict.fromkeys(LIMIT_HOOKS, "off") | (hooks or {})).items():
            write(f"{l1}/hooks/{name}", value)
        for directory, usual, mode in (("limits", "max", 0o644), ("audit", "max", 0o644),
                                       ("denied", 0, 0o444), ("would_deny", 0, 0o444),
                                       ("effective", 1, 0o444)):
            for name, value in (dict.fromkeys(LIMITS, usual) | files.get(directory, {})).items():
                is_of_guests = name == "max_exits_per_sec" and mode == 0o444 and directory != "effective"
                write(f"{l1}/{directory}/{name}", value, 0o440 if is_of_guests else mode)

    def tune(self, params=None, fixed=None, **values):
        """tune(halt_poll_ns=0, params={"kvm/halt_poll_ns": 1}, fixed=...): the rest as at load."""
        usual = {"uid": "any"} | dict.fromkeys("halt_poll_ns pause_in_guest hlt_in_guest".split(), "default")
        for name, value in (usual | values).items():
            write(f"{self.device('l1')}/tune/{name}", value, 0o644)
        for some, mode in (params, 0o644), (fixed, 0o444):
            for name, value in (some or {}).items():
                write(f"{self.sys}/module/{name.replace('/', '/parameters/')}", value, mode)
                write(f"{self.sys}/module/{name.split('/')[0]}/initstate", "live")

    def limit(self, path):
        """The value of limits/max_vms, or of ../l2-1/limits/max_exits_per_sec."""
        with open(f"{self.device('l1')}/{path}", encoding="ascii") as f:
            return f.read().rstrip("\n")

    def guest(self, number, cells=(), vcpu_cells=None, stats=None, **values):
        device = self.device(f"l2-{number}")
        files = {"pid": 1000 + number, "uid": 0, "comm": "vmm", "created_ns": 10_000_000_000,
                 "adopted": 0, "vcpus": 1, "memory_bytes": 512 << 20, "exits": 0,
                 "exit_time_ns": 0, "guest_time_ns": 0}
        for name, value in (files | values).items():
            write(f"{device}/{name}", value, 0o440)
        if stats is None:
            stats = stats_file(f"l1tune-{number}", [s for c in cells for s in c])
        write(f"{device}/stats", stats, 0o440)
        for vcpu, own in (vcpu_cells or {}).items():
            write(f"{device}/vcpu{vcpu}/stats",
                  stats_file(f"l1tune-{number}/vcpu-{vcpu}", [s for c in own for s in c]), 0o440)

    def exits(self, number, cells):
        """New values of a guest's statistics, which may be open."""
        update(f"{self.device(f'l2-{number}')}/stats",
               stats_file(f"l1tune-{number}", [s for c in cells for s in c]))

    def process(self, pid, args, cgroup="0::/\n", comm="vmm", start_ticks=100, state="S"):
        fields = " ".join([state] + ["0"] * 18 + [str(start_ticks)] + ["0"] * 30)
        write(f"{self.proc}/{pid}/stat", f"{pid} ({comm}) {fields}")
        write(f"{self.proc}/{pid}/cmdline",
              b"".join(a.encode("utf-8", "surrogateescape") + b"\0" for a in args))
        write(f"{self.proc}/{pid}/cgroup", cgroup.encode())

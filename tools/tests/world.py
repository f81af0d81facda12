# SPDX-License-Identifier: GPL-2.0
"""A machine whose time the test moves, and a recorder that is ended where the test says: see preload.c."""
import json
import os
import struct
import subprocess
import time

from bench import TOOL, Bench

SECOND = 10**9
# The sanitizers do not like another library before theirs.
PLAIN = os.environ.get("L1TUNE_INSTALLED", TOOL)
# What CLOCK_REALTIME is more than CLOCK_BOOTTIME.
REALTIME_IS_LATER = 50 * 365 * 86400 * SECOND


def time_of(ns):
    """As --at takes it, of a time of the world's clock."""
    ns += REALTIME_IS_LATER
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // SECOND)) + f".{ns % SECOND:09d}Z"


class World(Bench):
    """Its clock is at so many seconds after boot; waiting takes no time."""

    def __init__(self, seconds=1000, **values):
        super().__init__(**values)
        self.state = self.directory + "/state"
        self.records = self.state + "/record"
        self.preload = self.directory + "/preload.so"
        self.clock = self.directory + "/clock"
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "preload.c")
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O2", "-D_GNU_SOURCE", "-o", self.preload, source, "-ldl"], check=True)
        self.set_clock(seconds * SECOND)

    def set_clock(self, ns, ahead_ns=0):
        """The wall clock may be ahead of what it should be, or behind."""
        with open(self.clock, "wb") as f:
            f.write(struct.pack("=Qq", ns, ahead_ns))

    def now(self):
        with open(self.clock, "rb") as f:
            return struct.unpack("=Q", f.read(8))[0]

    def environment(self, **more):
        return os.environ | {"LC_ALL": "C.UTF-8", "TZ": "UTC", "LD_PRELOAD": self.preload, "L1TUNE_TEST_CLOCK": self.clock} | more

    def plain(self, *args):
        return [PLAIN, *self.command(*args)[1:]]

    def in_world(self, *args, **environment):
        return subprocess.run(self.plain(*args), capture_output=True, text=True, check=False,
                              env=self.environment(**environment))

    def record(self, *args, **environment):
        return self.in_world("record", "--state", self.state, *args, **environment)

    def replay(self, *args):
        """Replays need no other clock: what they show has one."""
        return subprocess.run(self.plain("replay", "--state", self.state, *args), capture_output=True, text=True,
                              env=os.environ | {"LC_ALL": "C.UTF-8", "TZ": "UTC"}, check=False)

    def stat_at(self, line):
        """stat --json as of the time of a document."""
        return self.replay("--at", json.loads(line)["time"], "stat", "-J").stdout


class Steps:
    """l1tune record, or another command, in a world: it stops after each wait, and waits for the test."""

    def __init__(self, world, *args, command="record", stdout=subprocess.DEVNULL):
        self.printed = None
        ours, self.to = os.pipe()
        self.said, theirs = os.pipe()
        command = world.plain(command, "--state", world.state, *args)
        self.process = subprocess.Popen(command, pass_fds=(ours, theirs), stdout=stdout, stderr=subprocess.PIPE,
                                        text=True, env=world.environment(L1TUNE_TEST_STEP=f"{theirs},{ours}"))
        os.close(ours)
        os.close(theirs)
        self.wait()

    def wait(self):
        """Until the record is made, and the clock is at the time of the next one."""
        return os.read(self.said, 1) == b"\0"

    def step(self):
        os.write(self.to, b"\0")
        return self.wait()

    def cpu_ns(self):
        with open(f"/proc/{self.process.pid}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0])

    def end(self):
        os.close(self.to)
        self.printed, errors = self.process.communicate()
        os.close(self.said)
        return errors

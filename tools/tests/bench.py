# SPDX-License-Identifier: GPL-2.0
"""What tests of l1tune have in common: KTAP, and a machine to run it on."""
import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

from fake import Machine

# A runner in the background, or under nohup, ignores these, and so would the tool.
for ignored in signal.SIGINT, signal.SIGHUP:
    if signal.getsignal(ignored) == signal.SIG_IGN:
        signal.signal(ignored, signal.SIG_DFL)

TOOL = os.path.abspath(sys.argv[1])
failed = 0
number = 0


def ok(condition, name, detail=""):
    global failed, number
    number += 1
    failed += not condition
    if not condition and detail:
        print("# " + str(detail).replace("\n", "\n# "))
    print(f"{'' if condition else 'not '}ok {number} - {name}", flush=True)


def equal(got, expected, name):
    ok(got == expected, name, f"got      {got!r}\nexpected {expected!r}")


def skip(name, why):
    global number
    number += 1
    print(f"ok {number} - {name} # SKIP {why}", flush=True)


def end_of(process):
    """Its exit status; one that does not end is ended, and has none."""
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def finish():
    print(f"1..{number}")
    sys.exit(1 if failed else 0)


class Bench:
    """A machine and the tool that looks at it."""

    def __init__(self, load=True, **values):
        self.directory = tempfile.mkdtemp(prefix="l1tune-test-")
        os.chmod(self.directory, 0o755)
        self.machine = Machine(self.directory)
        if load:
            self.machine.load(**values)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory)

    def command(self, *args):
        return [TOOL, *args[:1], "--sysfs", self.machine.sys, "--proc", self.machine.proc, *args[1:]]

    def run(self, *args, locale="C.UTF-8", tool=None, **options):
        command = self.command(*args)
        command[0] = tool or command[0]
        return subprocess.run(command, capture_output=True, text=True, timeout=60,
                              env=os.environ | {"LC_ALL": locale}, check=False, **options)

    def json(self, *args):
        return json.loads(self.run(*args).stdout)

    def remove(self, number):
        os.unlink(f"{self.machine.sys}/class/l1tune/l2-{number}")
        self.remove_device(number)

    def remove_device(self, number):
        shutil.rmtree(f"{self.machine.sys}/devices/virtual/l1tune/l2-{number}")


def within(seconds, condition):
    """Does it hold before so much time has passed?"""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


# x86-64's numbers of pselect and ppoll
WAITING = ("270", "271")
# What there is to read instead of a system call where a process has ended.
ENDED = ("", "-1")


def read_of(pid, name):
    """The words of that file of a process; one that is empty where there are none."""
    try:
        with open(f"/proc/{pid}/{name}", encoding="ascii") as f:
            return f.read().split() or [""]
    except (FileNotFoundError, ProcessLookupError):
        return [""]


def is_waiting(process):
    return read_of(process.pid, "syscall")[0] in WAITING


def wait_for_look(process):
    """Until a process and its children have read their first numbers, and wait for their intervals to end."""
    def child_looks():
        children = read_of(process.pid, f"task/{process.pid}/children")
        return any(read_of(pid, "syscall")[0] not in WAITING + ENDED for pid in children if pid)

    within(30, lambda: is_waiting(process) and not child_looks())


END_OF_OUTPUT = b"\0end"


def on_terminal(command, columns=80, **environment):
    """
    What a terminal of so many columns gets. It is not the process's controlling terminal, which
    the kernel hangs up when the process ends, and what was not read by then may be lost.
    """
    terminal, fd = pty.openpty()
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("=4H", 24, columns, 0, 0))
    process = subprocess.Popen(command, stdin=fd, stdout=fd, stderr=fd,
                               env=os.environ | {"LC_ALL": "C.UTF-8", "TERM": "xterm"} | environment)

    def mark_end():
        process.wait()
        os.write(fd, END_OF_OUTPUT)

    threading.Thread(target=mark_end).start()
    output = b""
    while not output.endswith(END_OF_OUTPUT):
        output += os.read(terminal, 4096)
    os.close(terminal)
    os.close(fd)
    return output.removesuffix(END_OF_OUTPUT).decode()

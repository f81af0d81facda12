#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Includes of the tool go down its layers only. Usage: test-layers.py L1TUNE"""
import os
import pathlib
import subprocess
import sys
import tempfile

from bench import equal, finish

LAYERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "layers")


def reported(files):
    """What is said of a tree with these files, its layers being top and low"""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in {"Makefile": "layers := top low\n", **files}.items():
            path = pathlib.Path(directory, name)
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        p = subprocess.run([sys.executable, LAYERS, directory], capture_output=True, text=True, check=False)
    return [p.returncode, p.stdout]


p = subprocess.run([sys.executable, LAYERS], capture_output=True, text=True, check=False)
print("KTAP version 1")
equal([p.returncode, p.stdout], [0, ""], "no file of the tool includes from a higher layer")
top, low = {"top/a.h": ""}, {"low/b.h": ""}
equal(reported({"top/a.c": '#include "low/b.h"\n', **low}), [0, ""], "an include from a lower layer is allowed")
equal(reported({"low/b.c": '#include "top/a.h"\n', **top}),
      [1, "low/b.c:1: low/b includes top/a, which is in a higher layer\n"], "an include from a higher layer is reported")
equal(reported({"top/a.h": '#include "low/b.h"\n', "low/b.h": '#include "low/c.h"\n', "low/c.c": '#include "low/b.h"\n'}),
      [1, "circle of includes: low/b -> low/c -> low/b\n"], "a circle of includes within a layer is reported")
equal(reported({"other/c.c": "", **top, **low}), [1, "other/c.c: in no layer\n"], "a file outside the layers is reported")
finish()

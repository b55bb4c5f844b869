# SPDX-License-Identifier: GPL-2.0-or-later
"""Run another program with a deadline and turn its failure into a message."""

import subprocess
import sys

from .errors import LabError


def progress(text):
    """One line of progress; stdout stays free for the result."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def run(argv, *, cwd=None, env=None, timeout=600, data=None, what=None):
    """Run argv and return its stdout as text; LabError when it fails."""
    what = what or argv[0]
    try:
        done = subprocess.run(argv, cwd=cwd, env=env, timeout=timeout,
                              **({"input": data} if data is not None
                                 else {"stdin": subprocess.DEVNULL}),
                              capture_output=True, check=False)
    except FileNotFoundError as error:
        raise LabError(f"{what}: {argv[0]} is not installed"
                       " (lab/README.md lists the packages)") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{what}: no end after {timeout} s") from error
    if done.returncode:
        tail = (done.stdout + done.stderr).decode(errors="replace")
        tail = "\n".join(tail.strip().splitlines()[-20:])
        raise LabError(f"{what} failed (exit code {done.returncode}):\n{tail}")
    return done.stdout.decode(errors="replace")

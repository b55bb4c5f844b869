# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the lab keeps what it fetched and made: outside of the source tree.

Every entry is a directory that appears complete or not at all: it is made
under a temporary name while a lock is held, then renamed.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import time

from .run import progress


def default_root():
    base = os.environ.get("KMORTEM_CACHE")
    if not base:
        xdg = os.environ.get("XDG_CACHE_HOME")
        if not xdg:
            xdg = os.path.join(os.path.expanduser("~"), ".cache")
        base = os.path.join(xdg, "kmortem")
    return os.path.join(os.path.abspath(base), "lab")


def digest(*things):
    """A short name for everything that determines a result."""
    text = json.dumps(things, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def hash_files(*roots):
    """Hash names and bytes of all files below the roots (files or folders)."""
    total = hashlib.sha256()
    for root in roots:
        paths = [root]
        if os.path.isdir(root):
            paths = [os.path.join(folder, name)
                     for folder, _, names in os.walk(root) for name in names
                     if not name.endswith(".pyc")]
        for path in sorted(paths):
            total.update(os.path.relpath(path, os.path.dirname(root)).encode())
            with open(path, "rb") as file:
                total.update(hashlib.sha256(file.read()).digest())
    return total.hexdigest()


class Cache:
    def __init__(self, root=None):
        self.root = root or default_root()

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def folder(self, *parts):
        path = self.path(*parts)
        os.makedirs(path, exist_ok=True)
        return path

    @contextlib.contextmanager
    def locked(self, name, say=None):
        """Hold the named lock; other processes wait for it."""
        safe = re.sub(r"[^A-Za-z0-9_.+-]", "_", name)
        path = os.path.join(self.folder("locks"), safe)
        with open(path, "w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(say or f"waiting for another lab process ({safe})")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def slot(self, name, count, say):
        """Hold one of COUNT places; the first is locked(name)'s own."""
        names = [name] + [f"{name}-{number}" for number in range(1, count)]
        said = False
        while True:
            for safe in names:
                path = os.path.join(self.folder("locks"), safe)
                with open(path, "w", encoding="ascii") as file:
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        continue
                    yield
                    return
            if not said:
                progress(say)
                said = True
            time.sleep(0.2)

    def entry(self, parts, make):
        """The directory named by parts, made once by make(temporary dir).

        Concurrent callers of the same entry wait for the first and share it.
        """
        path = self.path(*parts)
        if os.path.isdir(path):
            return path
        parent = os.path.dirname(path)
        os.makedirs(parent, exist_ok=True)
        with self.locked("-".join(parts)):
            if os.path.isdir(path):
                return path
            partial = tempfile.mkdtemp(prefix=".partial-", dir=parent)
            try:
                make(partial)
                os.chmod(partial, 0o755)
                os.rename(partial, path)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return path

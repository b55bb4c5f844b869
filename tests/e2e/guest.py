# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that run a script, for tests of what needs a machine of its own (lab/kmlab/boot.py)."""
import os
import shutil
import sys
import tempfile

from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, 'lab'))
from kmlab import boot, kernel as kernels  # noqa: E402
from kmlab.cache import Cache  # noqa: E402


def fetch_kernel(series):
    """The lab's Debian kernel of that series, fetched where the cache has it not: (cache, kernel)."""
    cache = Cache()
    return cache, kernels.fetch(cache, series)


def boot_guest(series, script, with_kernel=False, files=None, **recipe):
    """Runs SCRIPT in a guest with Debian's kernel of SERIES. WITH_KERNEL puts its bzImage there as
    /vmlinuz. The rest is boot.Recipe's."""
    cache, kernel = fetch_kernel(series)
    files = dict(files or {})
    if with_kernel:
        files['vmlinuz'] = kernel.vmlinuz
    folder = tempfile.mkdtemp(prefix='kmortem-guest-')
    try:
        return boot.run(cache, kernel, boot.Recipe(script=script, files=files, **recipe), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

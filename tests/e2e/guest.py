# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that run a script, for tests of what needs a machine of its own (lab/kmlab/boot.py)."""
import os
import shutil
import sys
import tempfile

from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, 'lab'))
from kmlab import boot, kernel as kernels, module, tools  # noqa: E402
from kmlab.cache import Cache  # noqa: E402
from kmlab.run import run as run_program  # noqa: E402


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


def build_module(series, source, name):
    """NAME.ko made of the folder SOURCE, for the lab's kernel of SERIES: its bytes."""
    cache, kernel = fetch_kernel(series)
    # The headers are linked, not copied: it has to be on the cache's file system.
    with tempfile.TemporaryDirectory(dir=cache.folder('boot')) as folder:
        target = os.path.join(folder, 'source')
        shutil.copytree(source, target)
        build = module.make_tree(kernel, folder)
        module.wrap_programs(os.path.join(folder, 'tree'), tools.fetch(cache, 'forky'))
        compiler = module.compiler(build)
        run_program(['make', '-C', build, f'M={target}', f'CC={compiler}',
                     *module.unknown_options(compiler), 'CONFIG_DEBUG_INFO_BTF_MODULES=', 'modules'],
                    what=f'building {name}.ko for {kernel.release}')
        with open(os.path.join(target, f'{name}.ko'), 'rb') as file:
            return file.read()


def capture_initramfs(series, script, programs=(), files=None, with_kernel=False, tools=(), modules=()):
    """An initramfs that runs SCRIPT, for a kernel that a guest starts by kexec: its bytes. `section` works
    there as in the guest itself. The rest is as for boot_guest()."""
    cache, kernel = fetch_kernel(series)
    files = dict(files or {})
    if with_kernel:
        files['vmlinuz'] = kernel.vmlinuz
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'initramfs')
        boot.initramfs(cache, path, kernel,
                       boot.Recipe(script=script, modules=modules, programs=list(programs), files=files,
                                   tools=list(tools)))
        with open(path, 'rb') as file:
            return file.read()

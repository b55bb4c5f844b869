# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the scenario module against a kernel's unpacked headers."""

import os
import re
import shutil
import subprocess

from . import elf
from .btf import Btf
from .cache import digest, hash_files
from .errors import LabError
from .run import progress, run
from .tools import LOADER

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCES = os.path.join(HERE, "module")
KIND_ARRAY = 3
# What no header of a package says: (macro, struct, member).
OFFSETS = (("KMLAB_CACHE_LIST", "kmem_cache", "list"),
           ("KMLAB_CACHE_NAME", "kmem_cache", "name"),
           ("KMLAB_CACHE_SIZE", "kmem_cache", "size"),
           ("KMLAB_CACHE_OBJECT_SIZE", "kmem_cache", "object_size"),
           ("KMLAB_NODE_NR_SLABS", "kmem_cache_node", "nr_slabs"),
           ("KMLAB_NODE_OBJECTS", "kmem_cache_node", "total_objects"),
           ("KMLAB_NODE_NR_PARTIAL", "kmem_cache_node", "nr_partial"))


# Options that a kernel built by a newer compiler asks for without asking
# whether the compiler at hand has them: (variable, option).
COMPILER_OPTIONS = (("CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT",
                     "-fmin-function-alignment=16"),)


def node_pointers(btf):
    """(offset, stride) of the per-node pointers at a kmem_cache's end.

    An array of pointers until sheaves put a barn beside each.
    """
    node = btf.member("kmem_cache", "node")
    if node:
        return node[0], 8
    pairs = btf.member("kmem_cache", "per_node")
    node = btf.member("kmem_cache_per_node_ptrs", "node")
    if pairs and node:
        return pairs[0] + node[0], btf.size("kmem_cache_per_node_ptrs")
    return None


def layout_header(btf):
    """Text of kmlab_layout.h: what this kernel has and where."""
    lines = ["/* SPDX-License-Identifier: GPL-2.0-or-later */"]
    for macro, struct, member in OFFSETS:
        found = btf.member(struct, member)
        if found:
            lines.append(f"#define {macro} {found[0]}")
    nodes = node_pointers(btf)
    if nodes:
        lines.append(f"#define KMLAB_CACHE_NODE {nodes[0]}")
        lines.append(f"#define KMLAB_CACHE_NODE_STRIDE {nodes[1]}")
    if btf.member("module", "mem"):
        lines.append("#define KMLAB_MODULE_MEM")
    if "hrtimer_setup" in btf.functions:
        lines.append("#define KMLAB_HRTIMER_SETUP")
    rss = btf.member("mm_struct", "rss_stat")
    if rss and btf.kind(rss[1]) == KIND_ARRAY:
        lines.append("#define KMLAB_RSS_PERCPU")
    return "\n".join(lines) + "\n"


def compiler(build):
    """The compiler that the kernel's headers ask for, or what there is."""
    with open(os.path.join(build, ".kernelvariables"), encoding="utf-8") as file:
        match = re.search(r"gcc-\d+", file.read())
    wanted = [f"x86_64-linux-gnu-{match[0]}", match[0]] if match else []
    for name in wanted + ["gcc", "cc"]:
        if shutil.which(name):
            return name
    raise LabError("no C compiler (package gcc)")


def unknown_options(cc):
    """make's settings that keep away options which the compiler has not."""
    settings = []
    for variable, option in COMPILER_OPTIONS:
        done = subprocess.run([cc, option, "-E", "-x", "c", "/dev/null"],
                              capture_output=True, check=False)
        if done.returncode:
            settings.append(f"{variable}=")
    return settings


def make_tree(kernel, folder):
    """A build tree of the unpacked headers, where Debian's Makefile finds them.

    The packages are made for /usr/src: the tree's own Makefile includes the
    common one by its absolute path, which is put right here.
    """
    tree = os.path.join(folder, "tree")
    for part in kernel.headers:
        shutil.copytree(part, tree, symlinks=True, dirs_exist_ok=True,
                        copy_function=os.link)
    build = os.path.join(tree, "usr/src", f"linux-headers-{kernel.release}")
    for name in ("Makefile", ".kernelvariables"):
        path = os.path.join(build, name)
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        os.remove(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("/usr/src/", f"{tree}/usr/src/"))
    return build


def needs_newer_libc(path):
    """Does the program need a C library newer than this machine's?"""
    done = subprocess.run([path], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60, check=False)
    return b"GLIBC_" in done.stderr and b"not found" in done.stderr


def wrap_programs(tree, tool_set):
    """Let the build's own programs run on the C library of the guest's tools.

    linux-kbuild of a later suite is linked against that suite's C library.
    """
    loader = tool_set.libraries[LOADER]
    libraries = ":".join(sorted({os.path.dirname(path)
                                 for path in tool_set.libraries.values()}))
    for folder, _, names in os.walk(os.path.join(tree, "usr/lib")):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.access(path, os.X_OK):
                continue
            with open(path, "rb") as file:
                if file.read(4) != b"\x7fELF":
                    continue
            if not needs_newer_libc(path):
                continue
            os.rename(path, path + ".elf")
            with open(path, "w", encoding="utf-8") as file:
                file.write(f'#!/bin/sh\nexec {loader} --library-path {libraries}'
                           f' --argv0 "$0" "$0.elf" "$@"\n')
            os.chmod(path, 0o755)


def compile_module(kernel, folder, tool_set):
    source = os.path.join(folder, "source")
    shutil.copytree(SOURCES, source)
    btf = elf.section_bytes(elf.vmlinux_of(kernel.vmlinuz), ".BTF")
    if btf is None:
        raise LabError(f"{kernel.release} has no BTF")
    with open(os.path.join(source, "kmlab_layout.h"), "w",
              encoding="ascii") as file:
        file.write(layout_header(Btf(btf)))
    build = make_tree(kernel, folder)
    wrap_programs(os.path.join(folder, "tree"), tool_set)
    cc = compiler(build)
    # Whether the module has BTF must not hang on whether pahole is installed.
    run(["make", "-C", build, f"M={source}", f"CC={cc}", *unknown_options(cc),
         "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"],
        what=f"building the scenario module for {kernel.release}")
    os.rename(os.path.join(source, "kmlab.ko"), os.path.join(folder, "kmlab.ko"))


def build(cache, kernel, tool_set):
    """Path of kmlab.ko for the kernel, or None when it has no headers."""
    if not kernel.headers:
        return None

    def make(folder):
        progress(f"building the scenario module for {kernel.release}")
        compile_module(kernel, folder, tool_set)
        shutil.rmtree(os.path.join(folder, "tree"))

    key = digest(kernel.version, hash_files(SOURCES, __file__))
    folder = cache.entry(("modules", f"{kernel.release}-{key}"), make)
    return os.path.join(folder, "kmlab.ko")

# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the scenario module against a kernel's unpacked headers."""

import os
import re
import shutil

from . import elf
from .btf import Btf
from .cache import digest, hash_files
from .errors import LabError
from .run import progress, run

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCES = os.path.join(HERE, "module")
KIND_ARRAY = 3
# What no header of a package says: (macro, struct, member).
OFFSETS = (("KMLAB_CACHE_LIST", "kmem_cache", "list"),
           ("KMLAB_CACHE_NAME", "kmem_cache", "name"),
           ("KMLAB_CACHE_SIZE", "kmem_cache", "size"),
           ("KMLAB_CACHE_OBJECT_SIZE", "kmem_cache", "object_size"),
           ("KMLAB_CACHE_NODE", "kmem_cache", "node"),
           ("KMLAB_NODE_NR_SLABS", "kmem_cache_node", "nr_slabs"),
           ("KMLAB_NODE_OBJECTS", "kmem_cache_node", "total_objects"),
           ("KMLAB_NODE_NR_PARTIAL", "kmem_cache_node", "nr_partial"))


def layout_header(btf):
    """Text of kmlab_layout.h: what this kernel has and where."""
    lines = ["/* SPDX-License-Identifier: GPL-2.0-or-later */"]
    for macro, struct, member in OFFSETS:
        found = btf.member(struct, member)
        if found:
            lines.append(f"#define {macro} {found[0]}")
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
            file.write(text.replace(" /usr/src/", f" {tree}/usr/src/"))
    return build


def compile_module(kernel, folder):
    source = os.path.join(folder, "source")
    shutil.copytree(SOURCES, source)
    btf = elf.section_bytes(elf.vmlinux_of(kernel.vmlinuz), ".BTF")
    if btf is None:
        raise LabError(f"{kernel.release} has no BTF")
    with open(os.path.join(source, "kmlab_layout.h"), "w",
              encoding="ascii") as file:
        file.write(layout_header(Btf(btf)))
    build = make_tree(kernel, folder)
    cc = compiler(build)
    run(["make", "-C", build, f"M={source}", f"CC={cc}", "modules"],
        what=f"building the scenario module for {kernel.release}")
    os.rename(os.path.join(source, "kmlab.ko"), os.path.join(folder, "kmlab.ko"))


def build(cache, kernel):
    """Path of kmlab.ko for the kernel, or None when it has no headers."""
    if not kernel.headers:
        return None

    def make(folder):
        progress(f"building the scenario module for {kernel.release}")
        compile_module(kernel, folder)
        shutil.rmtree(os.path.join(folder, "tree"))

    key = digest(kernel.version, hash_files(SOURCES, __file__))
    folder = cache.entry(("modules", f"{kernel.release}-{key}"), make)
    return os.path.join(folder, "kmlab.ko")

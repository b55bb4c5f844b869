# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernels in the wrappings that loaders meet, made of a Debian bzImage."""
import os
import re
import struct
import subprocess
import tempfile
import zlib

from conftest import ROOT
from guest import fetch_kernel, run_program
from kmlab import archive

UNPACKERS = {b'\x28\xb5\x2f\xfd': ['zstd', '-dc'], b'\x02\x21\x4c\x18': ['lz4', '-dc'],
             b'\xfd7zX': ['xz', '-dc'], b'\x1f\x8b\x08': ['gzip', '-dc']}


def vmlinux(series):
    """The ELF file in the bzImage: its payload (boot.rst: payload_offset, payload_length), unpacked."""
    _, kernel = fetch_kernel(series)
    with open(kernel.vmlinuz, 'rb') as file:
        image = file.read()
    offset, length = struct.unpack_from('<II', image, 0x248)
    start = (image[0x1f1] + 1) * 512 + offset
    payload = image[start:start + length]
    unpacker = next(command for magic, command in UNPACKERS.items() if payload.startswith(magic))
    # The last four bytes are the unpacked size, which some programs take for a damaged stream.
    return subprocess.run(unpacker, input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout


def packed(data, *command):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def uimage(data, packing=0, name=b'kmortem test'):
    """U-Boot's 64 bytes before DATA; packing 1 is gzip."""
    def header(own):
        return struct.pack('>7I4B32s', 0x27051956, own, 0, len(data), 0, 0, zlib.crc32(data),
                           5, 24, 2, packing, name)
    return header(zlib.crc32(header(0))) + data


def stub():
    """systemd's EFI program, around which unified kernel images are made."""
    cache, _ = fetch_kernel('6.12')
    suite = archive.Suite(cache, archive.native_suite())
    package = 'systemd-boot-efi'
    version = suite.show(package)['Version']
    tree = archive.unpack(cache, suite.download(package, version))
    return os.path.join(tree, 'usr/lib/systemd/boot/efi/linuxx64.efi.stub')


def uki(series, cmdline, initrd):
    """A unified kernel image, as `ukify build` or the objcopy line of systemd-stub(7) makes it."""
    _, kernel = fetch_kernel(series)
    base = stub()
    with open(kernel.vmlinuz, 'rb') as file:
        linux = file.read()
    listing = run_program(['objdump', '-h', base])
    rows = re.findall(r'^ *\d+ \S+ +([0-9a-f]+) +([0-9a-f]+)', listing, re.M)
    at = max(int(size, 16) + int(vma, 16) for size, vma in rows)
    with tempfile.TemporaryDirectory() as folder:
        words = []
        for name, data in ((b'.osrel', b'ID=debian\n'), (b'.uname', kernel.release.encode()),
                           (b'.cmdline', cmdline.encode() + b'\n'), (b'.initrd', initrd),
                           (b'.linux', linux)):
            name = name.decode()
            path = os.path.join(folder, name)
            with open(path, 'wb') as file:
                file.write(data)
            at = (at + 4095) // 4096 * 4096
            words += ['--add-section', f'{name}={path}', '--change-section-vma', f'{name}={at:#x}']
            at += len(data)
        target = os.path.join(folder, 'uki')
        run_program(['objcopy', *words, base, target])
        with open(target, 'rb') as file:
            return file.read()


def multiboot(kind):
    """The kernel in tests/e2e/multiboot; KIND is multiboot or multiboot2."""
    source = os.path.join(ROOT, 'tests', 'e2e', 'multiboot')
    with tempfile.TemporaryDirectory() as folder:
        unit, target = os.path.join(folder, 'kernel.o'), os.path.join(folder, 'kernel')
        run_program(['gcc', '-m32', '-O1', '-ffreestanding', '-fno-pic', '-fno-stack-protector',
                     '-fcf-protection=none', '-mno-sse', '-Wall', '-Wextra', '-Werror',
                     *(['-DMULTIBOOT2'] if kind == 'multiboot2' else []), '-c',
                     os.path.join(source, 'kernel.c'), '-o', unit])
        run_program(['ld', '-m', 'elf_i386', '-z', 'noexecstack', '--build-id=none', '-T',
                     os.path.join(source, 'kernel.lds'), unit, '-o', target])
        with open(target, 'rb') as file:
            return file.read()

# SPDX-License-Identifier: GPL-2.0-or-later
"""As much of ELF as the lab needs: sections, needed libraries, modinfo."""

import collections
import lzma
import struct
import subprocess
import zlib

from .errors import LabError

Section = collections.namedtuple("Section", "name type offset size link")

SHT_DYNAMIC = 6
DT_NEEDED = 1


def sections(data):
    """Sections of a 64-bit little-endian ELF image."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise LabError("not a 64-bit little-endian ELF file")
    shoff, = struct.unpack_from("<Q", data, 40)
    shentsize, shnum, shstrndx = struct.unpack_from("<HHH", data, 58)
    rows = [struct.unpack_from("<IIQQQQIIQQ", data, shoff + i * shentsize)
            for i in range(shnum)]
    names = rows[shstrndx][4]
    result = []
    for row in rows:
        end = data.index(b"\0", names + row[0])
        name = data[names + row[0]:end].decode()
        result.append(Section(name, row[1], row[4], row[5], row[6]))
    return result


def section_bytes(data, name):
    """Bytes of the named section, or None."""
    for section in sections(data):
        if section.name == name:
            return data[section.offset:section.offset + section.size]
    return None


def needed_libraries(path):
    """DT_NEEDED of a program or library; empty for a static one."""
    with open(path, "rb") as file:
        data = file.read()
    table = sections(data)
    names = []
    for section in table:
        if section.type != SHT_DYNAMIC:
            continue
        strings = table[section.link].offset
        for at in range(section.offset, section.offset + section.size, 16):
            tag, value = struct.unpack_from("<QQ", data, at)
            if tag == DT_NEEDED:
                end = data.index(b"\0", strings + value)
                names.append(data[strings + value:end].decode())
    return names


def read_module(path):
    """Bytes of a kernel module, decompressed."""
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".xz"):
        return lzma.decompress(data)
    if path.endswith(".zst"):
        return filtered("zstd", data)
    return data


def filtered(program, data):
    """What `program -dcq` makes of data; some bytes may follow the stream."""
    done = subprocess.run([program, "-dcq"], input=data, capture_output=True,
                          check=False)
    if not done.stdout:
        raise LabError(f"{program}: " + done.stderr.decode(errors="replace"))
    return done.stdout


def modinfo(data):
    """{key: value} of a module's .modinfo section."""
    result = {}
    for item in (section_bytes(data, ".modinfo") or b"").split(b"\0"):
        key, equals, value = item.partition(b"=")
        if equals:
            result[key.decode()] = value.decode(errors="replace")
    return result


def vmlinux_of(vmlinuz):
    """The ELF image packed inside a bzImage.

    arch/x86/boot/header.S: "HdrS" at 0x202, setup_sects at 0x1f1,
    payload_offset at 0x248 and payload_length at 0x24c, counted from the
    protected-mode code. The last four bytes of the payload are its length.
    """
    with open(vmlinuz, "rb") as file:
        image = file.read()
    if image[0x202:0x206] != b"HdrS":
        raise LabError(f"{vmlinuz}: not a bzImage")
    start = (image[0x1f1] + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[start + offset:start + offset + length]
    if payload[:6] == b"\xfd7zXZ\0":
        return lzma.LZMADecompressor().decompress(payload)
    if payload[:4] == b"\x28\xb5\x2f\xfd":
        return filtered("zstd", payload[:-4])
    if payload[:4] == b"\x02\x21\x4c\x18":
        return filtered("lz4", payload[:-4])
    if payload[:2] == b"\x1f\x8b":
        return zlib.decompressobj(31).decompress(payload)
    raise LabError(f"{vmlinuz}: packed in a way unknown to the lab"
                   f" ({payload[:6].hex()})")

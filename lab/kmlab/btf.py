# SPDX-License-Identifier: GPL-2.0-or-later
"""Struct layouts and function names from a kernel's BTF.

The lab builds one module for every kernel. Where kernels differ in what no
installed header says, or in the spelling of a member, BTF tells
(Documentation/bpf/btf.rst).
"""

import struct

from .errors import LabError

KIND_STRUCT, KIND_UNION, KIND_FUNC = 4, 5, 12
# Bytes that follow the common 12: fixed, or per member.
EXTRA = {1: (4, 0), 2: (0, 0), 3: (12, 0), 4: (0, 12), 5: (0, 12), 6: (0, 8),
         7: (0, 0), 8: (0, 0), 9: (0, 0), 10: (0, 0), 11: (0, 0), 12: (0, 0),
         13: (0, 8), 14: (4, 0), 15: (0, 12), 16: (0, 0), 17: (4, 0),
         18: (0, 0), 19: (0, 12)}


class Btf:
    def __init__(self, data):
        magic, _, _, header, type_at, type_size, name_at, _ = \
            struct.unpack_from("<HBBIIIII", data)
        if magic != 0xeb9f:
            raise LabError("the kernel's .BTF section has no BTF in it")
        self.data = data
        self.names = header + name_at
        self.structs, self.functions, self.types = {}, set(), [(0, 0, 0)]
        at = header + type_at
        end = at + type_size
        while at < end:
            name, info, _ = struct.unpack_from("<III", data, at)
            kind, count = info >> 24 & 31, info & 0xffff
            if kind not in EXTRA:
                raise LabError(f"BTF kind {kind} is unknown to the lab")
            if kind in (KIND_STRUCT, KIND_UNION) and name:
                self.structs.setdefault(self.name(name), []).append(
                    len(self.types))
            elif kind == KIND_FUNC:
                self.functions.add(self.name(name))
            self.types.append((at, kind, info))
            fixed, each = EXTRA[kind]
            at += 12 + fixed + each * count

    def name(self, offset):
        start = self.names + offset
        return self.data[start:self.data.index(b"\0", start)].decode()

    def _members(self, number):
        at, kind, info = self.types[number]
        if kind not in (KIND_STRUCT, KIND_UNION):
            return
        for i in range(info & 0xffff):
            name, inner, bits = struct.unpack_from("<III", self.data,
                                                   at + 12 + 12 * i)
            # With kind_flag the top byte is a bit-field's size.
            offset = (bits & 0xffffff if info >> 31 else bits) // 8
            if name:
                yield self.name(name), offset, inner
            else:
                for deeper, more, type_ in self._members(inner):
                    yield deeper, offset + more, type_

    def member(self, struct_name, member):
        """(offset in bytes, type number) of a member, or None.

        Members of unnamed inner structs count as the outer one's.
        """
        for number in self.structs.get(struct_name, []):
            for name, offset, type_ in self._members(number):
                if name == member:
                    return offset, type_
        return None

    def size(self, struct_name):
        """Bytes of a struct, or None."""
        for number in self.structs.get(struct_name, []):
            return struct.unpack_from("<I", self.data, self.types[number][0] + 8)[0]
        return None

    def kind(self, number):
        return self.types[number][1]

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks the order of the rooms under src/: a room includes headers only of the rooms above it, and
of each other room only its one public header; and tables of member names stand in `kernel` and
`subsystem` alone. Prints every line that breaks this; exits 1 then."""
import os
import re
import sys

ORDER = ['base', 'image', 'arch', 'debuginfo', 'kernel', 'value', 'subsystem', 'command', 'shell',
         'capture', 'loader', 'service', 'app']
# The only rooms that know how the kernel's structures call their members.
MEMBERS = re.compile(r'\bkm_member_row\b|\bkm_kernel_members\s*\(')
MEMBER_ROOMS = ('kernel', 'subsystem')
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def offences(source_root):
    top = os.path.join(source_root, 'src')
    for folder, _, files in sorted(os.walk(top)):
        room = os.path.relpath(folder, top).split(os.sep)[0]
        if room == '.':
            continue
        if room not in ORDER:
            yield f'src/{room}: not a room of the design'
            continue
        for name in sorted(files):
            if not name.endswith(('.c', '.h', '.S')):
                continue
            path = os.path.join(folder, name)
            with open(path, encoding='utf-8') as lines:
                for number, line in enumerate(lines, 1):
                    where = f'{os.path.relpath(path, source_root)}:{number}'
                    if room not in MEMBER_ROOMS and MEMBERS.search(line):
                        yield f'{where}: names members; that is for {" and ".join(MEMBER_ROOMS)}'
                    found = INCLUDE.match(line)
                    if not found:
                        continue
                    other = found.group(1).split('/')[0]
                    if '/' not in found.group(1):
                        yield f'{where}: "{found.group(1)}" is not named by its room'
                    elif other == room:
                        continue
                    elif other not in ORDER:
                        yield f'{where}: "{found.group(1)}" is of no room'
                    elif found.group(1) != f'{other}/{other}.h':
                        yield f'{where}: "{found.group(1)}" is private to room {other}'
                    elif other != 'base' and ORDER.index(other) > ORDER.index(room):
                        yield f'{where}: room {room} lies above {other}'


def main():
    found = list(offences(sys.argv[1] if len(sys.argv) > 1 else '.'))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())

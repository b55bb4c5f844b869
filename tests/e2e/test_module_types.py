# SPDX-License-Identifier: GPL-2.0-or-later
"""A module that was loaded into the machine, and nothing but the machine's memory: its types, its variables,
its symbols. The guest loads raid456, changes one of its parameters, tells what it knows and dies; what is
looked into is the file that was its RAM."""
import json
import os
import re
import sys

import pytest

from conftest import ROOT

sys.path.insert(0, os.path.join(ROOT, 'lab'))
from kmlab import boot, kernel as kernels  # noqa: E402
from kmlab.cache import Cache, digest  # noqa: E402

MEMORY = 512
SCRIPT = '''
echo Y > /sys/module/raid456/parameters/devices_handle_discard_safely
cat /proc/modules | section modules
grep -E '\\[(raid456|raid6_pq|xor|async_[a-z0-9_]*|libcrc32c|md_mod)\\]' /proc/kallsyms | section symbols
cat /sys/module/raid456/sections/.text 2>/dev/null | section text
echo c > /proc/sysrq-trigger
'''


@pytest.fixture(scope='module')
def machine(kernel):
    """(the file that was the guest's memory, {section: what the guest said})."""
    cache = Cache()
    debian = kernels.fetch(cache, kernel)
    recipe = boot.Recipe(script=SCRIPT, modules=('raid456',), memory=MEMORY)

    def make(folder):
        recipe.qemu = ['-machine', 'memory-backend=ram', '-object',
                       f'memory-backend-file,id=ram,mem-path={folder}/memory.raw,size={MEMORY}M,share=on']
        result = boot.run(cache, debian, recipe, folder, 'raid456')
        with open(os.path.join(folder, 'said.json'), 'w', encoding='utf-8') as file:
            json.dump(result.sections, file)

    key = digest({'kernel': [debian.release, debian.version], 'script': SCRIPT, 'memory': MEMORY})
    folder = cache.entry(('dumps', f'{debian.release}-raid456-{key}'), make)
    with open(os.path.join(folder, 'said.json'), encoding='utf-8') as file:
        return os.path.join(folder, 'memory.raw'), json.load(file)


def test_struct_of_a_module(kmortem, machine):
    text = kmortem.text(machine[0], 'struct -o r5conf')
    assert re.search(r'^struct r5conf \{$', text, re.M)
    offsets = [int(found) for found in re.findall(r'^ *\[(\d+)\]', text, re.M)]
    assert len(offsets) > 60 and offsets == sorted(offsets) and offsets[0] == 0
    assert int(re.search(r'^SIZE: (\d+)$', text, re.M).group(1)) > offsets[-1]
    assert re.search(r'^ *\[\d+\] struct mddev \*mddev;$', text, re.M)
    assert re.search(r'^ *\[\d+\] struct stripe_head_state|struct list_head inactive_list\[\d+\];$', text, re.M)


def test_whatis(kmortem, machine):
    assert 'struct r5conf {' in kmortem.text(machine[0], 'whatis r5conf')
    assert re.search(r'^SIZE: \d+$', kmortem.text(machine[0], 'whatis struct stripe_head'), re.M)
    assert 'raid5_get_active_stripe' in kmortem.text(machine[0], 'whatis raid5_get_active_stripe')


def test_modules_are_those_of_the_guest(kmortem, machine):
    dump, said = machine
    rows = {row.split()[0]: row.split() for row in said['modules'].splitlines()}
    text = kmortem.text(dump, 'mod')
    ours = dict(re.findall(r'^[0-9a-f]{16}  (\S+) +[0-9a-f]{16} +(\d+)', text, re.M))
    assert set(ours) == set(rows) and 'raid456' in ours
    for name, size in ours.items():
        assert int(size) == int(rows[name][1]), name


def test_symbols_are_those_of_the_guest(kmortem, machine):
    dump, said = machine
    wanted = {}
    for row in said['symbols'].splitlines():
        address, _, name = row.split()[:3]
        wanted.setdefault(name, set()).add(int(address, 16))
    text = kmortem.text(dump, 'sym -m raid456; sym -m raid6_pq')
    ours = re.findall(r'^([0-9a-f]{16}) \(.\) (\S+)', text, re.M)
    ours = [(int(address, 16), name) for address, name in ours if not name.startswith('_MODULE')]
    assert len(ours) > 200
    wrong = [name for address, name in ours if name in wanted and address not in wanted[name]]
    assert not wrong
    assert sum(name in wanted for _, name in ours) > 200


def test_a_modules_variables(kmortem, machine):
    dump = machine[0]
    # It was changed before the machine died.
    assert kmortem.text(dump, 'p (bool)devices_handle_discard_safely').split() == ['$1', '=', 'true'] or \
        kmortem.text(dump, 'p (bool)devices_handle_discard_safely').strip().endswith('true')
    text = kmortem.text(dump, 'p ((struct md_personality *)&raid5_personality)->name')
    assert '"raid5"' in text
    assert '"raid456' in kmortem.text(dump, 'p ((struct md_personality *)&raid5_personality)->owner->name')
    # In raid6_pq: which of the machine's algorithms was chosen at the start.
    assert re.search(r'name = 0x[0-9a-f]+ .*"', kmortem.text(dump, 'struct raid6_calls raid6_call'))
    # The member list stands beside the value of one that is not there.
    done = kmortem.run(dump, '-c', 'struct r5conf.no_such_member')
    assert done.returncode == 1 and 'no_such_member' in done.stderr

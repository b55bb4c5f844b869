# SPDX-License-Identifier: GPL-2.0-or-later
"""kmem against what the machine said of its own memory, and addresses of which it is known what they are."""
import re

import pytest


@pytest.fixture(scope='module')
def caches(kmortem, sysrq):
    return kmortem.records(sysrq.elf, 'kmem -s', 'slab-cache')


def test_caches_are_the_machines(caches, sysrq):
    truth = {c['cache']: c for c in sysrq.truth['machine']['caches']}
    assert {c['address'] for c in caches} == set(truth)
    for c in caches:
        known = truth[c['address']]
        assert c['name'] == known['name']
        assert c['object_size_bytes'] == known['object_size']
        assert c['slabs'] == sum(n['slabs'] for n in known['nodes']), c['name']
        assert c['total'] == sum(n['objects'] for n in known['nodes']), c['name']


def test_objects_in_use_are_within_what_proc_says(caches, sysrq):
    proc = {row['name']: row for row in sysrq.truth['slabinfo']}
    for c in caches:
        assert 0 <= c['allocated'] <= c['total'], c['name']
        # /proc counts objects of per-CPU slabs as used, and was read a little earlier.
        if c['name'] in proc and c['total'] == proc[c['name']]['objects']:
            assert c['allocated'] <= proc[c['name']]['active_objects'] + 64, c['name']


def test_every_slab_is_found_by_its_pages(kmortem, sysrq, caches):
    """-S -A shows each of a cache's slabs once, and its objects add up to the cache's totals."""
    for c in caches[:40] + [c for c in caches if c['name'] in ('task_struct', 'kmalloc-32', 'dentry')]:
        slabs = kmortem.records(sysrq.elf, f'kmem -S -A {c["name"]}', 'slab')
        assert len({s['page'] for s in slabs}) == len(slabs) == c['slabs'], c['name']
        assert sum(s['total'] for s in slabs) == c['total'], c['name']
        used = sum(not o['free'] for s in slabs for o in s['objects'])
        assert used == c['allocated'], c['name']
        assert all(s['problem'] is None and s['status'] is None for s in slabs), c['name']


def test_free_pages_add_up(kmortem, sysrq):
    total = kmortem.records(sysrq.elf, 'kmem -f', 'free-total')[0]
    zones = kmortem.records(sysrq.elf, 'kmem -f', 'free-zone')
    # The crash may stop a CPU between the lists and their counter.
    assert abs(total['counted_pages'] - total['found_pages']) <= 64
    assert total['counted_pages'] == sum(z['free_pages'] for z in zones)
    machine = sysrq.truth['machine']
    # The panic itself takes a few pages after the machine counted.
    for known in machine['zones']:
        zone = next(z for z in zones if z['address'] == known['zone'])
        assert zone['name'] == known['name'] and zone['spanned_pages'] == known['spanned']
        assert abs(zone['free_pages'] - known['free']) <= 256


def test_sums(kmortem, sysrq):
    sums = {r['name']: r for r in kmortem.records(sysrq.elf, 'kmem -i', 'memory-sum')}
    memory, meminfo = sysrq.truth['machine']['memory'], sysrq.truth['meminfo']
    assert sums['TOTAL MEM']['pages'] == memory['totalram_pages']
    assert abs(sums['FREE']['pages'] - memory['free_pages']) <= 256
    assert sums['COMMIT LIMIT']['pages'] == meminfo['CommitLimit'] // 4
    # Processes come and go between the reading of /proc/meminfo and the end.
    assert abs(sums['COMMITTED']['pages'] - meminfo['Committed_AS'] // 4) <= 2048
    assert sums['TOTAL SWAP']['pages'] == meminfo['SwapTotal'] // 4
    for name in ('SLAB', 'CACHED'):
        assert abs(sums[name]['pages'] - meminfo[name.title()] // 4) <= 512, name


def test_zones(kmortem, sysrq):
    zones = {z['address']: z for z in kmortem.records(sysrq.elf, 'kmem -z', 'zone')}
    for known in sysrq.truth['machine']['zones']:
        zone = zones[known['zone']]
        assert (zone['start_pfn'], zone['spanned_pages'], zone['present_pages'],
                zone['managed_pages']) == (known['start_pfn'], known['spanned'], known['present'],
                                           known['managed'])


def test_pages_are_all_there(kmortem, sysrq):
    """One line for each frame of each section, in order; the same through the compressed dump."""
    text = kmortem.text(sysrq.elf, 'kmem -p')
    physical = [int(line.split()[1], 16) for line in text.splitlines()[1:]]
    assert physical == list(range(0, len(physical) * 4096, 4096))
    end = max(z['start_pfn'] + z['spanned'] for z in sysrq.truth['machine']['zones'])
    assert len(physical) >= end


def kinds(records):
    return {r['kind']: r for r in records}


def is_object_of(cache):
    def check(found, address):
        at = int(address, 16)
        objects = found['slab']['objects']
        return found['slab-cache']['name'] == cache and len(objects) == 1 and \
            int(objects[0]['address'], 16) <= at and not objects[0]['free']
    return check


def is_task(task):
    return lambda found, _: found['context']['address'] == task


def is_symbol(found, address):
    return found['address-symbol']['offset'] == 0 and found['address-symbol']['address'] == address


def is_free(found, _):
    return len(found['free-area']['addresses']) == 1 and 'slab' not in found


def is_reserved(found, _):
    return 'reserved' in found['page']['flag_names'] and 'slab' not in found and \
        'free-area' not in found


def is_area(found, address):
    area = found['vmap-area']
    return int(area['start'], 16) <= int(address, 16) < int(area['end'], 16)


def known_addresses(kmortem, dump):
    machine = dump.truth['machine']
    for task in machine['tasks']:
        if task['pid']:
            yield task['task'], is_object_of('task_struct')
            yield hex(int(task['task'], 16) + 64), is_task(task['task'])
            if int(task['stack'], 16):  # a zombie's is gone
                yield hex(int(task['stack'], 16) + 256), is_task(task['task'])
    for module in machine['modules']:
        yield module['base'], is_area
    boot = {'kmem_cache', 'kmem_cache_node'}  # these two are older than the allocator
    for cache in machine['caches']:
        if cache['name'] not in boot:
            yield cache['cache'], is_object_of('kmem_cache')
    text = [s for s in dump.truth['symbols'] if int(s['address'], 16) >> 47 == 0x1ffff and
            s['type'] in 'TtDd' and '[' not in s['name']]
    for symbol in text[:450]:
        yield symbol['address'], is_symbol
    areas = kmortem.records(dump.elf, 'kmem -F', 'free-area')
    pages = [a for area in areas for a in area['addresses']]
    for page in pages[:150]:
        yield '0x' + page, is_free
    start, end = re.search(r'([0-9a-f]+)-([0-9a-f]+) : Crash kernel',
                           dump.truth['files']['proc/iomem']).groups()
    start, end = int(start, 16), int(end, 16)
    for i in range(150):
        yield hex(start + (end - start) // 150 * i), is_reserved


def test_addresses_of_known_kind(kmortem, sysrq):
    known = list(known_addresses(kmortem, sysrq))
    assert len(known) >= 1000
    wrong, answers = [], []
    for at in range(0, len(known), 100):
        line = '; '.join(f'kmem {address}' for address, _ in known[at:at + 100])
        answers += kmortem.json(sysrq.elf, line)
    assert len(answers) == len(known)
    for (address, check), answer in zip(known, answers):
        found = kinds(answer['records'])
        try:
            right = answer['error'] is None and check(found, address)
        except KeyError:
            right = False
        if not right:
            wrong.append((address, check, sorted(found)))
    assert not wrong, f'{len(wrong)} of {len(known)}: {wrong[:5]}'


def test_what_no_command_can_mean(kmortem, sysrq):
    for line in ('kmem -i -v', 'kmem', 'kmem -z 1000', 'kmem -m nosuch', 'kmem -r', 'kmem -S=99'):
        done = kmortem.run(sysrq.elf, '-c', line)
        assert done.returncode and 'kmem' in done.stderr, line

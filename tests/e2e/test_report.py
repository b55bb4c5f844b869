# SPDX-License-Identifier: GPL-2.0-or-later
"""kmortem report on every scenario: what was made to die is named, with where and why, and nothing is
claimed that is not so."""
import json
import os

import pytest

from conftest import ROOT, SCENARIOS, parse_stream
from test_scenarios import has_in_order
from test_schema import Checker

# Where the scenario's stack is to be said to matter; the first of its own functions else.
WHERE = {
    'sysrq': {'sysrq_handle_crash'},
    'hardirq': {'kmlab_hardirq_inner'},
    'list-corruption': {'__list_del_entry_valid', '__list_del_entry_valid_or_report', 'kmlab_list_inner'},
    'oom': {'out_of_memory'},
    'abba': {'kmlab_abba_second'},
    'dstate': {'kmlab_dstate_inner'},
    'softlockup': {'kmlab_spin_inner', 'kmlab_spin_outer'},
    'stack-overflow': {'kmlab_overflow_recurse'},
}


def report(kmortem, path, *options):
    done = kmortem.run('report', '--json', *options, path)
    assert done.returncode == 0, done.stderr
    answers = parse_stream(done.stdout)
    assert len(answers) == 1 and answers[0]['command'] == 'report'
    return answers[0]


def bare(name):
    return name.split('.')[0]


def test_the_culprit_is_named_with_its_place(kmortem, dump, form):
    scenario = dump.scenario
    record = report(kmortem, dump.path(form))['records'][0]
    culprit = record['culprit']
    assert culprit['comm'] == scenario['culprit']
    assert record['certainty'] in ('certain', 'suspected') and record['culprit_evidence']
    names = [bare(f['function']) for f in culprit['frames'] if f['kind'] != 'guessed']
    assert has_in_order(names, scenario['stack']), names
    wanted = WHERE.get(scenario['name'], {scenario['stack'][0]})
    assert bare(culprit['where']['function']) in wanted, culprit['where']
    assert culprit['where_how']
    if scenario['panicking'] != scenario['culprit']:
        assert record['panicking']['comm'] == scenario['panicking']
    else:
        assert record['panicking'] is None
    if scenario['name'] == 'dstate':
        assert record['certainty'] == 'suspected'
    said = [record['panic']] + [s[key] for s in record['signs'] for key in ('first', 'last')]
    assert any(scenario['console'] in text for text in said), said
    for other in scenario.get('others', []):
        assert other['comm'] in [t['comm'] for t in record['blocked']]


def test_it_agrees_with_the_machine(kmortem, dump):
    record = report(kmortem, dump.elf)['records'][0]
    machine = dump.truth['machine']
    assert record['tasks'] == len(machine['tasks'])
    assert record['panic_cpu'] == machine['cpu']
    assert {m['name'] for m in record['modules']} == {m['name'] for m in machine['modules']}
    assert record['command_line'].startswith(dump.truth['files']['proc/cmdline'].split()[0])
    assert record['memory_total'] == machine['memory']['totalram_pages']
    free = machine['memory']['free_pages']
    assert abs(record['memory_free'] - free) <= max(256, free // 50)
    assert record['memory_short'] == (dump.scenario['name'] == 'oom')
    assert 'kmlab' in [m['name'] for m in record['modules'] if m['taints']]
    assert len(record['cpus']) == 2 and all(c['frames'] for c in record['cpus'])
    counted = sum(record[f'memory_{kind}'] for kind in
                  ('free', 'cached', 'buffers', 'slab', 'anonymous', 'page_tables', 'elsewhere'))
    assert counted == record['memory_total']


def test_text_is_a_page_and_says_the_same(kmortem, dump):
    done = kmortem.run('report', dump.elf)
    assert done.returncode == 0 and not done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) <= 100 and all(len(line) <= 1100 for line in lines)
    assert f'WHO       "{dump.scenario["culprit"]}"' in done.stdout
    record = report(kmortem, dump.elf)['records'][0]
    assert record['panic'] in done.stdout
    assert any(line.startswith('WHERE     ' + bare(record['culprit']['where']['function'])) for line in lines)
    assert len(json.dumps(record)) < 256 << 10


def test_json_is_what_its_schema_says(kmortem, dump):
    with open(os.path.join(ROOT, 'docs', 'schema', 'report.json'), encoding='utf-8') as file:
        schema = json.load(file)
    assert Checker(schema).check(report(kmortem, dump.elf), schema) == []


@pytest.mark.parametrize('symbol, lost', [('init_task', 'tasks'), ('prb', 'message log')])
def test_what_is_lost_is_said_and_the_rest_is_there(kmortem, sysrq, tmp_path, symbol, lost):
    """Damage where one part begins leaves the others, and is among the problems."""
    physical = int(kmortem.records(sysrq.elf, f'vtop {symbol}')[0]['physical'], 16)
    patch = tmp_path / 'patch'
    length = 8 if symbol == 'prb' else 8192
    patch.write_text(''.join(f'physical {physical + i:x} a5\n' for i in range(length)))
    done = kmortem.run('report', '--json', '--patch', str(patch), sysrq.elf)
    assert done.returncode in (0, 1), done.stderr
    answer = parse_stream(done.stdout)[0]
    record = answer['records'][0]
    assert any(p.startswith(lost) for p in answer['problems']), answer['problems']
    assert record['release'] and record['modules'] and record['memory_total']
    if lost == 'message log':
        assert record['panic'] == '' and record['panic_problem'] and record['culprit']['comm'] == 'kmlab-crash'
    else:
        assert 'sysrq triggered crash' in record['panic']


def test_usage(kmortem, tmp_path):
    assert kmortem.run('report').returncode == 2
    assert kmortem.run('report', '--nonsense', 'x').returncode == 2
    assert kmortem.run('report', str(tmp_path)).returncode == 3
    done = kmortem.run('report', '--help')
    assert done.returncode == 0 and 'Exit status' in done.stdout
    assert set(WHERE) <= set(SCENARIOS)

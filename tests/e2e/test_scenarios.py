# SPDX-License-Identifier: GPL-2.0-or-later
"""What the dump says against what the machine said of itself just before it died. No vmlinux, no debug
files: the program is given the dump alone."""
import re

# The machine's own bookkeeping goes on after it has told its truth: what told it, and the clock's
# and log's own threads, may have changed state by the time of the crash.
STATE_MAY_CHANGE = re.compile(r'^(kmlab|init|kworker|rcu|ksoftirqd|migration|khungtaskd|swapper|crowd-spin)')


def culprit_of(dump, records):
    """The stack record of the scenario's culprit; the one that panicked where several have its name."""
    named = [r for r in records if r['command'] == dump.scenario['culprit']]
    assert named, f"no task called {dump.scenario['culprit']}"
    return max(named, key=lambda r: (has_in_order(functions(r), dump.scenario['stack']), r['running']))


def functions(stack):
    """The frames' functions without compiler suffixes (.cold, .isra.0) and without guesses."""
    return [f['function'].split('.')[0] for f in stack['frames'] if f['kind'] != 'guess']


def has_in_order(names, wanted):
    rest = iter(names)
    return all(any(name == want for name in rest) for want in wanted)


def test_the_culprits_stack_has_what_was_made_to_fail(kmortem, dump, form):
    path = dump.path(form)
    command = 'bt' if dump.scenario['culprit'] == dump.scenario['panicking'] else 'foreach bt'
    stacks = kmortem.records(path, command, 'stack')
    stack = culprit_of(dump, stacks)
    assert has_in_order(functions(stack), dump.scenario['stack']), functions(stack)
    assert all(f['function'] for f in stack['frames']), 'a frame has no name'
    for other in dump.scenario.get('others', []):
        found = [s for s in stacks if s['command'] == other['comm']]
        assert found and has_in_order(functions(found[0]), other['stack']), functions(found[0])


def test_the_context_is_the_task_that_panicked(kmortem, dump, form):
    stack = kmortem.records(dump.path(form), 'bt', 'stack')[0]
    assert stack['command'] == dump.scenario['panicking']


def test_all_stacks_are_named_and_few_are_guessed(kmortem, dump, form):
    stacks = kmortem.records(dump.path(form), 'foreach bt', 'stack')
    assert len(stacks) >= len([t for t in dump.truth['machine']['tasks'] if t['pid']])
    frames = [f for s in stacks for f in s['frames']]
    unnamed = [f for f in frames if not f['function']]
    assert not unnamed, unnamed[:3]
    guessed = [f for f in frames if f['kind'] == 'guess']
    assert len(guessed) <= len(frames) // 100, guessed[:5]


def test_every_task_is_there_as_the_machine_knew_it(kmortem, dump, form):
    tasks = {r['address']: r for r in kmortem.records(dump.path(form), 'ps', 'process')}
    assert dump.truth['machine']['tasks']
    wrong = []
    for truth in dump.truth['machine']['tasks']:
        task = tasks.get(truth['task'])
        if not task:
            wrong.append(f"{truth['pid']} {truth['comm']} is missing")
            continue
        expected = {'pid': truth['pid'], 'tgid': truth['tgid'], 'ppid': truth['ppid'],
                    'comm': truth['comm']}
        if not STATE_MAY_CHANGE.match(truth['comm']):
            expected.update(state=truth['state'], exit_state=truth['exit_state'],
                            rss_kib=truth['rss'] * 4)
        wrong += [f"{truth['pid']} {truth['comm']}: {key} is {task[key]}, was {value}"
                  for key, value in expected.items() if task[key] != value]
    assert not wrong, '\n'.join(wrong)


def test_modules_agree(kmortem, dump, form):
    modules = {r['name']: r for r in kmortem.records(dump.path(form), 'mod', 'module')}
    assert dump.truth['machine']['modules']
    for truth in dump.truth['machine']['modules']:
        module = modules[truth['name']]
        assert module['address'] == truth['module']
        assert module['base'] == truth['base']
        assert module['size'] == truth['size']


def test_symbols_agree(kmortem, dump, form):
    """/proc/kallsyms of the guest: a thousand of the kernel's and all of the module's."""
    symbols = dump.truth['symbols']
    assert len(symbols) > 1000
    wanted = [s for s in symbols if not s.get('module')]
    answers = kmortem.json(dump.path(form), '; '.join(f"sym {s['address'][2:]}" for s in wanted
                                                      if int(s['address'], 16) > 1 << 32))
    found = {}
    for answer in answers:
        for record in answer['records']:
            found.setdefault(record['address'], set()).add(record['name'])
    missing = [s for s in wanted if int(s['address'], 16) > 1 << 32 and
               s['address'] not in found]
    assert not missing, missing[:5]
    ours = kmortem.records(dump.path(form), 'sym -m kmlab', 'symbol')
    ours = {(int(r['address'], 16), r['name']) for r in ours}
    # The guest read them while insmod still ran: the init section was freed a moment later.
    freed = ('kmlab_init', '__pfx_kmlab_init', 'init_module', '__pfx_init_module')
    theirs = {(int(s['address'], 16), s['name']) for s in symbols
              if s.get('module') == 'kmlab' and s['name'] not in freed}
    assert theirs and theirs <= ours, sorted(theirs - ours)[:5]


def test_the_log_is_what_the_console_showed(kmortem, dump, form):
    text = kmortem.text(dump.path(form), 'log')
    lines = [line.rstrip() for line in text.splitlines()]
    assert any(dump.scenario['console'] in line for line in lines)
    console = [line.rstrip() for line in dump.console.splitlines()
               if re.match(r'^\[ *\d+\.\d{6}\] ', line)]
    # The console goes on with the capture kernel: its time starts again.
    first_boot = []
    last = -1.0
    for line in console:
        now = float(line[1:line.index(']')])
        if now + 1 < last:
            break
        last = max(last, now)
        first_boot.append(line)
    logged = set(lines)
    missing = [line for line in first_boot if line not in logged]
    assert len(first_boot) > 100
    assert len(missing) <= len(first_boot) // 50, missing[:10]


def test_the_summary_agrees(kmortem, dump, form):
    record = kmortem.records(dump.path(form), 'sys', 'system')[0]
    release = dump.truth['files']['uname'].split()[2]
    assert record['release'] == release
    assert record['cpus'] == 2
    assert record['tasks'] >= len([t for t in dump.truth['machine']['tasks'] if t['pid']])
    present = sum(zone['present'] for zone in dump.truth['machine']['zones']) * 4096
    assert abs(record['memory'] - present) <= present // 50

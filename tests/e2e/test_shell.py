# SPDX-License-Identifier: GPL-2.0-or-later
"""The shell: on a real terminal, and what of it holds for -c, -i and standard input."""
import os
import re
import stat

import pytest

from conftest import PROGRAM, parse_stream
from terminal import Terminal

PROMPT = 'kmortem>'


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / 'home'
    folder.mkdir()
    return folder


@pytest.fixture
def terminal(sysrq, home):
    """Opens terminals on the sysrq dump and closes them."""
    opened = []

    def start(*options, **variables):
        opened.append(Terminal([PROGRAM, '-s', *options, sysrq.kdump], home, **variables))
        return opened[-1]
    yield start
    for window in opened:
        window.close()


@pytest.fixture
def prompt(terminal):
    window = terminal()
    window.wait_line(PROMPT)
    return window


# ---- the prompt -------------------------------------------------------------------------------

@pytest.mark.parametrize('typed, completed', [
    ('forea', 'foreach'),
    ('bt; forea', 'bt; foreach'),
    ('help forea', 'help foreach'),
    ('set scr', 'set scroll'),
    ('lsm', 'lsmod'),
    ('struct task_stru', 'struct task_struct'),
    ('struct task_struct.group_lea', 'struct task_struct.group_leader'),
    ('struct task_struct.pid,group_lea', 'struct task_struct.pid,group_leader'),
    ('task_struct.group_lea', 'task_struct.group_leader'),
    ('sym init_tas', 'sym init_task'),
    ('p init_task.group_lea', 'p init_task.group_leader'),
    ('p init_task.group_leader->group_lea', 'p init_task.group_leader->group_leader'),
    ('p init_task.tasks.ne', 'p init_task.tasks.next'),
    ('p (init_task.tasks.ne', 'p (init_task.tasks.next'),
    ('mod kmlab', 'mod kmlab'),
])
def test_tab_completes(prompt, typed, completed):
    prompt.keys('-l', typed)
    prompt.wait(f'{PROMPT} {typed}')
    prompt.keys('Tab')
    prompt.wait_line(f'{PROMPT} {completed}')


def test_tab_lists_options_and_members(prompt):
    prompt.keys('-l', 'bt -')
    prompt.keys('Tab', 'Tab')
    screen = prompt.wait(lambda s: s.count(f'{PROMPT} bt -') == 2)
    assert {'-a', '-f', '-F', '-l', '-s', '-t'} <= set(screen.split())
    prompt.keys('C-c')
    prompt.keys('-l', 'struct list_head.')
    prompt.keys('Tab', 'Tab')
    prompt.wait(lambda s: re.search(r'^next +prev$', s, re.M))


def test_tab_completes_files_behind_signs(prompt, home):
    (home / 'a-file-of-mine').write_text('')
    for start in ('bt > ', 'bt >> ', '< ', 'bt | cat ', '!ls '):
        prompt.keys('-l', f'{start}a-file-o')
        prompt.keys('Tab')
        prompt.wait_line(f'{PROMPT} {start}a-file-of-mine')
        prompt.keys('C-c')
        prompt.wait_line(PROMPT)


def test_history_is_kept_from_session_to_session(terminal, home):
    first = terminal()
    first.wait_line(PROMPT)
    first.line('sym _stext')
    first.wait('_stext\n')
    first.line('sym _etext')
    first.wait('_etext\n')
    first.keys('C-d')
    first.wait('EXIT 0')
    kept = home / '.kmortem_history'
    assert kept.read_text() == 'sym _stext\nsym _etext\n'
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    second = terminal()
    second.wait_line(PROMPT)
    second.keys('Up')
    second.wait_line(f'{PROMPT} sym _etext')
    second.keys('Up')
    second.wait_line(f'{PROMPT} sym _stext')
    second.keys('C-c', 'C-r')
    second.keys('-l', 'etext')
    second.wait(lambda s: 'i-search' in s and 'sym _etext' in s)


def test_history_is_bounded(terminal, home):
    (home / '.kmortem_history').write_text(''.join(f'sym nothing_{i}\n' for i in range(3000)))
    window = terminal()
    window.wait_line(PROMPT)
    window.line('quit')
    window.wait('EXIT 0')
    lines = (home / '.kmortem_history').read_text().splitlines()
    assert len(lines) == 2001 and lines[-2:] == ['sym nothing_2999', 'quit']


@pytest.mark.parametrize('command', ['repeat -1 sym _stext', 'repeat foreach bt | cat > /dev/null',
                                     'repeat search -k 1122334455667788', 'repeat -100 set radix'])
def test_ctrl_c_stops_a_command_and_never_the_program(prompt, command):
    prompt.line('set scroll off')
    prompt.wait('scroll: off')
    prompt.line(f'{command}; set radix')
    prompt.wait(f'{PROMPT} {command}')
    with pytest.raises(AssertionError):
        prompt.wait_line(PROMPT, seconds=1.5)
    prompt.keys('C-c')
    prompt.wait_line(PROMPT, seconds=5)
    # What stood behind it on the line is not run, but for the last row, where it is the command.
    if 'set radix' not in command:
        assert 'output radix' not in prompt.screen()
    prompt.line('sym -q no_such_thing_at_all; set print_max')
    prompt.wait('print_max: 256')


def test_ctrl_c_clears_the_line_and_ctrl_d_leaves(prompt):
    prompt.keys('-l', 'half a comm')
    prompt.wait_line(f'{PROMPT} half a comm')
    prompt.keys('C-c')
    prompt.wait_line(PROMPT)
    prompt.keys('C-c')
    prompt.line('set radix')
    prompt.wait('output radix: 10 (decimal)')
    prompt.keys('C-d')
    prompt.wait('EXIT 0')


def test_long_output_is_paged_and_short_output_is_not(prompt):
    prompt.line('set print_max')
    prompt.wait('print_max: 256')
    prompt.wait_line(PROMPT)
    prompt.line('ps')
    screen = prompt.wait_line(':')
    assert 'swapper/0' in screen
    prompt.keys('q')
    prompt.wait_line(PROMPT)
    prompt.line('sf')
    prompt.wait('scroll: off (less)')
    prompt.line('ps; set print_max')
    prompt.wait('print_max: 256')
    prompt.wait_line(PROMPT)
    prompt.line('sn')
    prompt.wait('scroll: on (less)')
    prompt.line('log')
    prompt.wait_line(':')
    prompt.keys('q')
    prompt.wait_line(PROMPT)


def test_no_pager_in_silence_or_where_there_is_none(terminal, home):
    (home / '.kmortemrc').write_text('set silent on\n')
    window = terminal()
    window.wait_line(PROMPT)
    window.line('ps; set print_max')
    window.wait('print_max: 256')
    window.wait_line(PROMPT)


def test_slow_output_is_shown_as_it_comes(prompt):
    prompt.line('repeat -1 set radix')
    prompt.wait(lambda s: s.count('output radix') == 2, seconds=10)
    prompt.keys('C-c')
    prompt.wait_line(PROMPT)


def test_pipes_and_files_at_the_prompt(prompt, home):
    prompt.line('ps | grep -c swapper; bt > out; !echo from $((40 + 2)) ; ls')
    prompt.wait('from 42')
    screen = prompt.wait_line(PROMPT)
    assert re.search(r'^2$', screen, re.M) and re.search(r'^out$', screen, re.M)
    assert 'PID' in (home / 'out').read_text()
    prompt.line('ps | less')
    prompt.wait(lambda s: s.endswith(':'))
    prompt.keys('q')
    prompt.wait_line(PROMPT)


def test_back_from_the_background_the_line_is_there(sysrq, home):
    window = Terminal(['bash', '--norc', '-i'], home, PS1='sh> ')
    try:
        window.wait_line('sh>')
        window.line(f'{PROGRAM} -s {sysrq.kdump}')
        window.wait_line(PROMPT)
        window.keys('-l', 'set ra')
        window.wait_line(f'{PROMPT} set ra')
        window.keys('C-z')
        window.wait_line('sh>')
        window.line('stty sane; fg')
        window.wait_line(f'{PROMPT} set ra')
        window.keys('Tab')
        window.wait_line(f'{PROMPT} set radix')
        window.keys('Enter')
        window.wait('output radix: 10')
    finally:
        window.close()


@pytest.mark.parametrize('how', ['inputrc', 'set'])
def test_vi_mode(terminal, home, how):
    (home / '.inputrc').write_text('set editing-mode vi\n' if how == 'inputrc' else '')
    (home / '.kmortemrc').write_text('set edit vi\n' if how == 'set' else '')
    window = terminal()
    window.wait_line(PROMPT)
    window.keys('-l', 'set nonsense')
    window.keys('Escape')
    window.keys('-l', 'bdwaradix')
    window.keys('Enter')
    window.wait('output radix: 10')


def test_unknown_names_get_the_nearest(prompt):
    for wrong, right in (('foreech', 'foreach'), ('lsmodd', 'lsmod')):
        prompt.line(wrong)
        prompt.wait(f'did you mean {right}?')


def test_a_dump_cannot_write_to_the_terminal(terminal, sysrq, kmortem, home):
    address = re.search(r'0x([0-9a-f]+)', kmortem.text(sysrq.kdump, 'p &init_task.comm')).group(1)
    physical = int(re.search(fr'^{address} +([0-9a-f]+)', kmortem.text(sysrq.kdump, f'vtop {address}'),
                             re.M).group(1), 16)
    # Would clear the screen, and put a title on the window.
    hostile = b'\x1b[2J\x1b]0;ha\x07'
    (home / 'patch').write_text(''.join(f'physical {physical + i:x} {byte:x}\n'
                                        for i, byte in enumerate(hostile)))
    window = terminal('--patch', home / 'patch')
    window.wait_line(PROMPT)
    shown = {'ps 0': r'\x1b[2J', 'ps | head -2': r'\x1b[2J', 'bt 0 | head -1': r'\x1b[2J',
             'p init_task.comm': r'\033[2J'}
    for i, (line, escaped) in enumerate(shown.items()):
        window.keys('C-l')
        window.wait(lambda s: s == PROMPT)
        window.line(f'set print_max; {line}; !echo $((700 + {i}))')
        screen = window.wait(f'\n70{i}\n')
        assert 'print_max: 256' in screen and escaped in screen, screen
    assert window.tmux('display-message', '-p', '#{pane_title}').strip() != 'ha'


def test_called_as_crash_it_goes_on_after_a_file(sysrq, kmortem, home, tmp_path):
    crash = tmp_path / 'crash'
    crash.symlink_to(PROGRAM)
    (home / 'commands').write_text('set radix 16\n')
    window = Terminal([crash, '-s', '-i', 'commands', sysrq.kdump], home)
    try:
        window.wait_line('crash>')
        window.line('set radix')
        window.wait(lambda s: s.count('output radix: 16 (hex)') == 2)
        window.line('q')
        window.wait('EXIT 0')
    finally:
        window.close()
    done = type(kmortem)(str(crash)).run('-s', '-i', str(home / 'commands'), sysrq.kdump,
                                         stdin='set radix\n')
    assert done.stdout.splitlines() == ['output radix: 16 (hex)'] * 2


# ---- without a terminal ------------------------------------------------------------------------

@pytest.fixture
def run(kmortem, sysrq, home):
    def once(*arguments, **more):
        return kmortem.run(*arguments, sysrq.kdump, env={'HOME': str(home)}, **more)
    return once


def lines_of(done, count=None):
    assert done.stderr == ''
    lines = done.stdout.splitlines()
    assert count is None or len(lines) == count, done.stdout
    return lines


def test_pipes_and_files_in_lines_from_anywhere(run, home):
    out, more = home / 'out', home / 'more'
    line = f'ps | head -3; bt > {out}; sym _stext >> {more}; sym _etext >> {more}'
    (home / 'commands').write_text(line + '\n')
    answers = []
    for arguments, stdin in ((('-c', line), ''), (('-i', str(home / 'commands')), ''),
                             (('-c', f"< {home / 'commands'}"), ''), ((), line + '\n')):
        more.unlink(missing_ok=True)
        done = run(*arguments, stdin=stdin)
        assert done.returncode == 0
        lines_of(done, 3)
        answers.append((done.stdout, out.read_text(), more.read_text()))
        assert re.search(r'_stext\n.*_etext', more.read_text())
    assert answers.count(answers[0]) == len(answers)


def test_a_sign_within_an_expression_is_no_pipe(run):
    done = run('-c', 'eval (1 | 2)', '-c', 'p init_task.group_leader->pid', '-c', 'eval (1 << 3)')
    assert done.returncode == 0
    assert 'hexadecimal: 3' in done.stdout and '= 0' in done.stdout
    assert 'hexadecimal: 8' in done.stdout


def test_the_exit_status_is_the_last_programs(run):
    assert run('-c', 'ps | grep -q swapper').returncode == 0
    assert run('-c', 'ps | grep -q no-such-task').returncode == 1
    assert run('-c', '!exit 7').returncode == 1
    assert run('-c', 'sym _stext > /no/such/folder/file').returncode == 1


def test_a_reader_that_leaves_ends_the_command_quietly(run):
    done = run('-c', 'repeat ps | head -2', '-c', 'set radix', timeout=30)
    assert done.returncode == 0
    assert lines_of(done, 3)[-1] == 'output radix: 10 (decimal)'


def test_pipes_in_json(run, home):
    done = run('--json', '-c', f"sys | cat; sym _stext > {home / 'out'}; sys")
    assert done.returncode == 0
    assert [answer['command'] for answer in parse_stream(done.stdout)] == ['sys', 'sys']
    assert parse_stream((home / 'out').read_text())[0]['records'][0]['name'] == '_stext'


def test_errors_of_the_line_itself(run):
    for line, words in (('bt |', 'no program'), ('> x', 'no command'), ('bt >', 'name of a file'),
                        ('p "x', 'not closed'), ('< /no/such/file', 'No such file')):
        done = run('-c', line)
        assert done.returncode == 1 and words in done.stderr, line
        assert len(done.stderr.splitlines()) == 1
        answers = parse_stream(run('--json', '-c', line).stdout)
        assert words in answers[-1]['error'], line


def test_error_messages_go_where_set_error_says(run, home):
    out, errors = home / 'out', home / 'errors'
    done = run('-c', f'bt nosuchtask > {out}')
    assert 'nosuchtask' in done.stderr and 'nosuchtask' in out.read_text()
    done = run('-c', f'set error redirect; bt nosuchtask > {out}')
    assert not done.stderr and 'nosuchtask' in out.read_text()
    done = run('-c', f'set error {errors}; bt nosuchtask > {out}')
    assert not done.stderr and not out.read_text() and 'nosuchtask' in errors.read_text()


def test_rc_files(run, home, tmp_path):
    (home / '.crashrc').write_text('set radix 16\nalias tex sym _stext\n')
    assert lines_of(run('-c', 'tex; set radix'))[-1] == 'output radix: 16 (hex)'
    (home / '.kmortemrc').write_text('alias tex sym _etext\n')
    done = lines_of(run('-c', 'tex; set radix'))
    assert done[0].endswith('_etext') and done[-1] == 'output radix: 10 (decimal)'
    assert run('--no-rc', '-c', 'tex').returncode == 1
    assert run('--json', '-c', 'tex').returncode == 1
    os.chmod(home / '.kmortemrc', 0o666)
    done = run('-c', 'tex')
    assert done.returncode == 1 and 'is not read' in done.stderr


def test_aliases(run):
    assert lines_of(run('-c', 'px 17'), 1)[0].endswith('0x11')
    assert lines_of(run('-c', 'alias two "sym _stext | wc -l; set radix"; two'))[1:] == \
        ['runtime  two      sym _stext | wc -l; set radix ', '1', 'output radix: 10 (decimal)']
    done = run('-c', 'alias loop again; alias again loop; loop')
    assert done.returncode == 1 and 'leads back to itself' in done.stderr
    assert lines_of(run('-c', 'repeat px 17 | head -1'), 1)[0].endswith('0x11')


def test_aliases_and_variables_as_crash_lists_them(run):
    rows = lines_of(run('-c', 'alias'))
    assert rows[0] == 'ORIGIN   ALIAS    COMMAND'
    for row in ('builtin  man      help ', 'builtin  ?        help ', 'builtin  quit     q ',
                'builtin  sf       set scroll off ', 'builtin  hex      set radix 16 ',
                'builtin  px       p -x ', 'builtin  size     * ', 'builtin  last     ps -l '):
        assert row in rows
    rows = lines_of(run('-c', 'hex; set -v'))
    for row in ('output radix: 16 (hex)', '        scroll: off (none)', '         radix: 16 (hex)',
                '     print_max: 256', '         error: default'):
        assert row in rows


def test_print_max_is_obeyed(run):
    short = run('-c', 'set print_max 3; p init_task.comm').stdout
    whole = run('-c', 'p init_task.comm').stdout
    assert '"swa"...' in short and 'swapper' in whole


@pytest.mark.parametrize('line, right', [
    ('foreech bt', 'foreach'), ('lsmodd', 'lsmod'), ('help foreech', 'foreach'), ('task_strct', 'task_struct'),
    ('init_tsk', 'init_task'), ('p init_tsk', 'init_task'), ('p init_task.comn', 'comm'),
    ('struct task_strct', 'task_struct'), ('struct task_struct.comn init_task', 'comm'),
    ('whatis task_strct', 'task_struct'), ('rd init_tsk', 'init_task'), ('mod -s kmlap', 'kmlab'),
])
def test_the_nearest_right_name_is_said(run, line, right):
    done = run('-c', line)
    assert done.returncode == 1 and f'did you mean {right}?' in done.stderr

# SPDX-License-Identifier: GPL-2.0-or-later
"""What `kmortem capture` saves of a lab dump opens, says the same, and tells when it is damaged or not
whole. Which pages are kept is compared with makedumpfile by tests/peers/pages."""
import json
import os
import shutil
import stat
import subprocess

import pytest

from conftest import FULL, PROGRAM

LOOK = 'foreach bt; bt -a; ps; log; mod; kmem -i'
FORMS = {
    'zstd': ['-z'], 'lzo': ['-l'], 'zlib': ['-c'], 'none': ['--compression', 'none'],
    'elf': ['-E'], 'level-1': ['-d', '1'], 'level-0': ['-d', '0', '-l'],
}


def capture(*words, stdin=None, stdout=subprocess.PIPE, name='capture'):
    return subprocess.run([PROGRAM, name, *map(str, words)], stdin=stdin, stdout=stdout,
                          stderr=subprocess.PIPE, timeout=120, check=False)


def saved(*words, **options):
    done = capture(*words, **options)
    assert done.returncode == 0, done.stderr.decode()
    return done


def verdict(*paths):
    done = capture(*paths, '--json', name='verify')
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope='module')
def looked(kmortem, sysrq):
    return kmortem.text(sysrq.elf, LOOK)


@pytest.fixture
def small(sysrq, tmp_path):
    path = str(tmp_path / 'small')
    saved('-d', '31', sysrq.elf, path)
    return path


@pytest.mark.parametrize('form', FORMS)
def test_each_format_says_what_the_source_says(kmortem, sysrq, looked, tmp_path, form):
    path = str(tmp_path / 'saved')
    words = FORMS[form] if '-d' in FORMS[form] else [*FORMS[form], '-d', '31']
    answer = json.loads(saved('--json', *words, sysrq.elf, path).stdout)
    assert answer['outcome'] == 'complete' and answer['verified'] and answer['stack_checked']
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert kmortem.text(path, LOOK) == looked
    assert verdict(path)[0] == 0
    assert os.listdir(tmp_path) == ['saved']


@pytest.mark.skipif(not FULL, reason='every scenario: in make check-lab')
def test_every_scenario_says_what_its_source_says(kmortem, dump, tmp_path):
    path = str(tmp_path / 'saved')
    saved('-d', '31', dump.elf, path)
    for command in LOOK.split('; '):
        assert kmortem.text(path, command) == kmortem.text(dump.elf, command), command


def test_flattened_through_a_pipe(kmortem, sysrq, looked, tmp_path):
    flat, back = tmp_path / 'flat', str(tmp_path / 'back')
    with open(flat, 'wb') as file:
        saved('-F', sysrq.elf, stdout=file)
    assert kmortem.text(str(flat), LOOK) == looked
    with open(flat, 'rb') as file:
        saved('-R', back, stdin=file)
    assert verdict(back)[0] == 0 and kmortem.text(back, LOOK) == looked


def test_parts_open_together_and_are_put_together_at_their_level(kmortem, sysrq, looked, tmp_path):
    parts, whole = [str(tmp_path / name) for name in 'abc'], str(tmp_path / 'whole')
    saved('--split', '-d', '1', sysrq.elf, *parts)
    assert kmortem.run(*parts, '-c', LOOK).stdout == looked
    done = saved('--reassemble', '--json', '-d', '31', *parts, whole)
    assert b'-d has no meaning here' in done.stderr
    assert json.loads(done.stdout)['level'] == 1
    assert kmortem.text(whole, LOOK) == looked


STAGED = ['dmesg.txt', 'summary.json', 'summary.txt']


def test_a_folder_gets_log_and_summary_first(sysrq, tmp_path):
    answer = json.loads(saved('--json', sysrq.elf, tmp_path).stdout)
    assert sorted(os.listdir(tmp_path)) == [*STAGED, 'vmcore']
    assert all(stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600 for name in STAGED)
    assert answer['staged'] == {**dict.fromkeys(STAGED, 'done'), 'why': ''}
    assert answer['target'] == str(tmp_path / 'vmcore')
    times = [os.stat(tmp_path / name).st_mtime_ns for name in [*STAGED, 'vmcore']]
    assert times == sorted(times)
    assert 'sysrq triggered crash' in (tmp_path / 'summary.txt').read_text()


def test_beside_a_file_only_where_asked_for(sysrq, tmp_path):
    saved(sysrq.elf, tmp_path / 'dump')
    assert os.listdir(tmp_path) == ['dump']
    (tmp_path / 'dmesg.txt').write_text('mine')
    done = capture('--stage', sysrq.elf, tmp_path / 'dump')
    assert done.returncode == 1 and sorted(os.listdir(tmp_path)) == ['dmesg.txt', 'dump']
    done = saved('--stage', sysrq.elf, tmp_path / 'other')
    assert b'dmesg.txt is there already; the pages are saved all the same' in done.stderr
    assert (tmp_path / 'dmesg.txt').read_text() == 'mine'
    saved('--stage', '-f', sysrq.elf, tmp_path / 'other')
    assert 'sysrq' in (tmp_path / 'dmesg.txt').read_text()


def test_no_plain_text_beside_a_secret(sysrq, tmp_path):
    key = tmp_path / 'key'
    public = saved(key, name='keygen').stdout.decode().strip()
    for words in (['--encrypt', public], ['--erase', 'saved_command_line']):
        (tmp_path / 'out').mkdir()
        done = capture('--stage', *words, sysrq.elf, tmp_path / 'out')
        assert done.returncode == 1 and b'--stage' in done.stderr
        assert not os.listdir(tmp_path / 'out')
        saved(*words, sysrq.elf, tmp_path / 'out')
        assert os.listdir(tmp_path / 'out') == ['vmcore']
        shutil.rmtree(tmp_path / 'out')


@pytest.mark.parametrize('words', [['-d', '31'], ['-E'], ['-F'], ['--split']])
def test_a_dump_without_its_stack_is_not_reported_as_good(sysrq, tmp_path, words):
    """Without its unwind rules the copy cannot do what its source can."""
    parts = [str(tmp_path / name) for name in ('a', 'b')[:1 + (words == ['--split'])]]
    done = capture('--json', *words, '--erase', '__start_orc_unwind_ip:900000', sysrq.elf, *parts)
    assert done.returncode == 5
    last = done.stderr.decode().splitlines()[-1]
    assert 'is saved whole, but the dead task\'s stack cannot be unwound from it' in last
    answer = json.loads(done.stdout)
    assert answer['outcome'] == 'unproved' and answer['verified'] and not answer['stack_checked']
    for part in parts:
        status, said = verdict(part)
        assert status == 0
        # What was said in the flattened format cannot be taken back.
        assert words == ['-F'] or 'cannot be unwound' in said['writer']


def test_under_the_name_makedumpfile_such_a_dump_counts_as_saved(sysrq, tmp_path):
    name = str(tmp_path / 'makedumpfile')
    os.symlink(PROGRAM, name)
    done = subprocess.run([name, '-d', '31', '--erase', '__start_orc_unwind_ip:900000', sysrq.elf,
                           str(tmp_path / 'out')], check=False, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 0 and b'cannot be unwound' in done.stderr


def test_filtering_again_adds_to_what_is_left_out(sysrq, tmp_path):
    first, second = str(tmp_path / 'first'), str(tmp_path / 'second')
    saved('-d', '17', sysrq.elf, first)
    answer = json.loads(saved('--json', '-d', '8', first, second).stdout)
    assert answer['level'] == 25 and os.path.getsize(second) < os.path.getsize(first)


@pytest.mark.parametrize('words', [['--cyclic-buffer', '1'], ['--num-threads', '1'], ['--num-threads', '5'],
                                   ['--non-cyclic'], ['-x', 'vmlinux'], ['-b', '4'],
                                   ['--work-dir', '/'], ['--non-mmap'], ['--message-level', '31']])
def test_words_that_must_not_change_the_file(sysrq, small, tmp_path, words):
    saved(*words, sysrq.elf, tmp_path / 'other')
    with open(small, 'rb') as one, open(tmp_path / 'other', 'rb') as other:
        assert one.read() == other.read()


def test_vmcoreinfo_out_and_in(kmortem, sysrq, small, tmp_path):
    info = tmp_path / 'info'
    saved('-g', info, sysrq.elf)
    assert info.read_text().startswith('OSRELEASE=') and 'SYMBOL(_stext)=' in info.read_text()
    assert capture('-g', info, sysrq.elf).returncode == 1, 'it is there already'
    saved('-i', info, sysrq.elf, tmp_path / 'other')
    assert kmortem.text(str(tmp_path / 'other'), 'bt') == kmortem.text(small, 'bt')
    assert capture('-i', tmp_path / 'none', sysrq.elf, tmp_path / 'no').returncode in (1, 4, 5)


def test_lines_of_a_configuration_file(kmortem, sysrq, tmp_path):
    lines = tmp_path / 'conf'
    lines.write_text('# secrets\n[vmlinux]\nerase jiffies\nerase saved_command_line size 8\n')
    saved('-d', '31', '--config', lines, sysrq.elf, tmp_path / 'saved')
    assert '0x5858585858585858' in kmortem.text(str(tmp_path / 'saved'), 'p -x jiffies')
    for line in ('erase cred.uid', 'for x in y { }', '[ext4]', 'erase a b c d'):
        lines.write_text(line + '\n')
        done = capture('--config', lines, sysrq.elf, tmp_path / 'no')
        assert done.returncode == 2 and line.encode() in done.stderr, line
    assert capture('--config', tmp_path / 'none', sysrq.elf, tmp_path / 'no').returncode == 2


@pytest.mark.parametrize('words', [['-e'], ['-X'], ['--xen-syms', 'x'], ['--eppic', 'x'], ['--extension', 'x'],
                                   ['--diskset=x'], ['--bogus'], ['-d', '32'], ['--compression', 'lz4'],
                                   ['-L', '5Q'], ['--effort', '99'], ['-E', '-c']])
def test_what_cannot_be_done_is_refused_with_a_reason(sysrq, tmp_path, words):
    done = capture(*words, sysrq.elf, tmp_path / 'no')
    assert done.returncode == 2 and not os.path.exists(tmp_path / 'no')
    assert done.stderr.decode().startswith('kmortem: ') and words[0].split('=')[0] in done.stderr.decode()
    assert capture('--check-params', *words, 'a', 'b').returncode == 2


def test_memory_usage_and_translation(kmortem, sysrq):
    rows = [line.split() for line in saved('--mem-usage', sysrq.elf).stdout.decode().splitlines()]
    pages = {row[0]: int(row[1]) for row in rows if len(row) > 3 and row[1].isdigit() and row[2] in ('yes', 'no')}
    total = next(int(row[-1]) for row in rows if row[:2] == ['Total', 'pages'])
    assert sum(pages.values()) == total and all(pages[name] for name in ('FREE', 'USER', 'KERN_DATA'))
    address = kmortem.text(sysrq.elf, 'sym linux_banner').split()[0]
    said = saved('--vtop', '0x' + address, sysrq.elf).stdout.decode().splitlines()
    assert said[-1].split()[1] == kmortem.text(sysrq.elf, f'vtop {address}').split()[3]


def test_help_and_version():
    assert saved('--help').stdout == saved('-h').stdout and b'Exit status:' in saved('-h').stdout
    assert saved('-v').stdout.startswith(b'capture: kmortem ')
    assert capture().returncode == 2


@pytest.mark.parametrize('words', [['--partial-dmesg'], ['--splitblock-size', '4']])
def test_words_for_another_mode_say_so(sysrq, tmp_path, words):
    done = saved('--dry-run', *words, sysrq.elf, tmp_path / 'none')
    assert f'{words[0]} has no meaning here'.encode() in done.stderr
    assert not os.listdir(tmp_path)


def test_nothing_is_replaced_unless_told(sysrq, small):
    before = os.stat(small)
    done = capture(sysrq.elf, small)
    assert done.returncode == 1 and b'-f' in done.stderr
    assert os.stat(small) == before
    saved('-f', sysrq.elf, small)


@pytest.mark.parametrize('place', [0.001, 0.3, 0.6, 0.95])
def test_one_byte_that_is_another_is_found(small, place):
    size = os.path.getsize(small)
    with open(small, 'r+b') as file:
        file.seek(int(size * place))
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 0x10]))
    status, _ = verdict(small)
    assert status in (1, 3), f'byte {int(size * place)} of {size}'


@pytest.mark.parametrize('part', [0.1, 0.5, 0.999])
def test_a_file_that_is_cut_is_never_whole(small, part):
    os.truncate(small, int(os.path.getsize(small) * part))
    assert verdict(small)[0] in (1, 3, 4)


def test_a_limit_leaves_a_file_that_says_what_it_is(kmortem, sysrq, tmp_path):
    path = str(tmp_path / 'cut')
    done = capture('--json', '-d', '31', '-L', '6M', sysrq.elf, path)
    assert done.returncode == 4, done.stderr.decode()
    assert b'INCOMPLETE' in done.stderr.splitlines()[-1]
    assert json.loads(done.stdout)['outcome'] == 'incomplete'
    assert os.path.getsize(path) <= 6 << 20
    assert verdict(path)[0] == 4
    assert kmortem.run(path, '-c', 'sys').returncode in (0, 1)


def test_a_disk_that_fills_up(sysrq, tmp_path):
    """/dev/full takes nothing: there is nothing useful, and that is said."""
    done = capture('-F', sysrq.elf, stdout=open('/dev/full', 'wb'))  # pylint: disable=consider-using-with
    assert done.returncode in (1, 4)
    assert b'No space left' in done.stderr


def test_encrypted_and_opened_again(kmortem, sysrq, looked, tmp_path):
    key, closed, opened = (str(tmp_path / name) for name in ('key', 'closed', 'opened'))
    public = saved(key, name='keygen').stdout.decode().strip()
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    saved('-d', '31', '--encrypt', public, sysrq.elf, closed)
    assert kmortem.run(closed, '-c', 'sys').returncode == 3
    with open(closed, 'rb') as file:
        assert b'VMCOREINFO' not in file.read()
    saved('-k', key, closed, opened, name='decrypt')
    assert kmortem.text(opened, LOOK) == looked
    other = str(tmp_path / 'other')
    saved(other, name='keygen')
    assert capture('-k', other, closed, tmp_path / 'no', name='decrypt').returncode == 1


def test_a_variable_is_erased(kmortem, sysrq, tmp_path):
    path = str(tmp_path / 'erased')
    assert 'XXXX' not in kmortem.text(sysrq.elf, 'p -x saved_command_line')
    saved('-d', '31', '--erase', '*saved_command_line:16', sysrq.elf, path)
    assert '"XXXXXXXXXXXXXXXX' in kmortem.text(path, 'p saved_command_line')


def test_as_makedumpfile(sysrq, tmp_path):
    name = str(tmp_path / 'makedumpfile')
    os.symlink(PROGRAM, name)
    done = subprocess.run([name, '-l', '-d', '31', sysrq.elf, str(tmp_path / 'out')], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert done.returncode == 0 and b'makedumpfile Completed.' in done.stdout
    again = subprocess.run([name, '-d', '32', sysrq.elf, str(tmp_path / 'no')], check=False,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert again.returncode == 1 and not os.path.exists(tmp_path / 'no')
    shutil.rmtree(tmp_path)

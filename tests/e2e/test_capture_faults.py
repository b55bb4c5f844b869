# SPDX-License-Identifier: GPL-2.0-or-later
"""`kmortem capture` while the disk, the source or a signal stops it. tests/unit/capture/test_faults.c fails
every call in turn in process; here it is the program itself, with system calls that fail at an offset
(tests/tools/fail.c) and on a file system that is really full."""
import errno
import json
import os
import random
import shutil
import signal
import subprocess

import pytest

from conftest import FULL, KERNELS, PROGRAM, ROOT, Kmortem, lab_dump

FAIL = os.path.join(ROOT, 'build', 'tests', 'tools', 'fail')
EIO, ENOSPC, EACCES, ENOMEM = errno.EIO, errno.ENOSPC, errno.EACCES, errno.ENOMEM
WHOLE, DAMAGED, UNOPENED, INCOMPLETE, UNPROVED = 0, 1, 3, 4, 5
FORMS = {'kdump': [], 'elf': ['-E'], 'flattened': ['-F']}
END = 0xffffffff


@pytest.fixture(scope='module', params=KERNELS if FULL else KERNELS[-1:])
def source(request):
    return lab_dump(request.param, 'sysrq').elf


def capture(*words, rules=(), **options):
    argv = [FAIL, *rules, '--', PROGRAM] if rules else [PROGRAM]
    return subprocess.run([*argv, 'capture', '--message-level', '4', *map(str, words)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
                          check=False, **options)


def verify(path, *words):
    done = subprocess.run([PROGRAM, 'verify', '--json', *words, path], stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout) if done.stdout else None


def read_through(source):
    """The source is read by read(2), as /proc/vmcore's parts that cannot be mapped are."""
    return f'mmap:{os.path.getsize(source)}:{ENOMEM}'


def judge(done, folder, complete=(0,)):
    """What holds whatever failed. Returns the file that is left, or None."""
    left = sorted(os.listdir(folder))
    assert len(left) <= 1, left
    last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ''
    assert done.returncode in complete or last.startswith('kmortem: '), done.stderr
    if not left:
        assert done.returncode == 1
        return None
    path = os.path.join(folder, left[0])
    status, answer = verify(path)
    if done.returncode in complete:
        assert status == WHOLE and left[0] == 'dump'
    elif done.returncode == INCOMPLETE:
        # A page that was not written whole is no page: nothing in the file is damaged.
        assert status == INCOMPLETE, (answer, done.stderr)
        assert 'INCOMPLETE' in last and 'incomplete' in answer['writer']
    return path


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('offset', [0, 300_000, 4_000_000])
def test_the_disk_fills_up(source, tmp_path, form, offset):
    done = capture(*FORMS[form], source, tmp_path / 'dump',
                   rules=[f'pwrite:{offset}:{END}:{ENOSPC}', f'fallocate:{errno.EOPNOTSUPP}'])
    path = judge(done, tmp_path)
    if form == 'flattened':  # its writes have no offset, so nothing failed
        assert done.returncode == WHOLE
        return
    assert done.returncode == (INCOMPLETE if path else 1), done.stderr
    assert path if offset == 4_000_000 else offset or not path
    assert os.strerror(ENOSPC) in done.stderr
    if path:
        assert Kmortem().run(path, '-c', 'sys').returncode in (0, 1)


def test_no_room_is_promised(source, tmp_path):
    done = capture(source, tmp_path / 'dump', rules=[f'fallocate:{ENOSPC}'])
    assert done.returncode == 1 and not os.listdir(tmp_path)
    assert os.strerror(ENOSPC) in done.stderr.splitlines()[-1]


@pytest.mark.parametrize('form', ['kdump', 'elf'])
def test_a_write_fails(source, tmp_path, form):
    done = capture(*FORMS[form], source, tmp_path / 'dump',
                   rules=[f'pwrite:6000000:8000000:{EIO}'])
    assert done.returncode == INCOMPLETE and os.strerror(EIO) in done.stderr
    judge(done, tmp_path)


@pytest.mark.parametrize('form', FORMS)
def test_a_sync_fails(source, tmp_path, form):
    done = capture(*FORMS[form], source, tmp_path / 'dump', rules=[f'sync:{EIO}'])
    assert done.returncode == INCOMPLETE and os.strerror(EIO) in done.stderr
    judge(done, tmp_path)


def test_a_rename_fails_and_the_pages_stay(source, tmp_path):
    done = capture(source, tmp_path / 'dump', rules=[f'rename:{EACCES}'])
    path = judge(done, tmp_path)
    assert done.returncode == 1 and path in done.stderr
    assert verify(path)[0] == WHOLE


@pytest.mark.parametrize('offset', [0, 15_000_000])
def test_killed_in_the_middle(source, tmp_path, offset):
    """What is left under its temporary name says that it is not finished, and its pages read."""
    done = capture(source, tmp_path / 'dump', rules=[f'pwrite:{offset}:{END}:kill'])
    assert done.returncode == -signal.SIGSYS
    name, = os.listdir(tmp_path)
    assert name.startswith('dump.incomplete-')
    status, answer = verify(tmp_path / name, '--pages')
    assert status == (UNOPENED if not offset else INCOMPLETE)
    if offset:
        assert 'not finished' in answer['writer'] and answer['bad_pages'] == 0
        assert answer['pages'] * 4096 > offset - (6 << 20)
        assert '[INCOMPLETE]' in Kmortem().run(str(tmp_path / name), '-c', 'sys').stdout


@pytest.mark.parametrize('place', ['first', 'middle', 'last'])
def test_the_source_cannot_be_read(source, tmp_path, place):
    """EIO of /proc/vmcore in a stretch of memory: those pages are missing, and all others are there."""
    size = os.path.getsize(source)
    at = {'first': 64 << 20, 'middle': size // 2, 'last': size - (40 << 20)}[place]
    done = capture('-d', '0' if FULL else '31', '--json', source, tmp_path / 'dump',
                   rules=[read_through(source), f'pread:{at}:{at + (8 << 20)}:{EIO}'])
    judge(done, tmp_path)
    answer = json.loads(done.stdout)
    assert answer['pages']['kept'] > 10000 and answer['pages']['unwritten'] == 0
    if answer['pages']['unreadable']:
        assert done.returncode == INCOMPLETE and 'could not be read' in answer['why']
    else:
        assert done.returncode == WHOLE, 'nothing of that stretch was to be kept'


def test_a_source_that_ends_early(source, tmp_path):
    cut = tmp_path / 'cut'
    shutil.copyfile(source, cut)
    os.truncate(cut, os.path.getsize(source) // 2)
    (tmp_path / 'out').mkdir()
    done = capture('-d', '1', cut, tmp_path / 'out' / 'dump')
    judge(done, tmp_path / 'out')
    assert done.returncode == INCOMPLETE


def test_a_signal_ends_it_in_order(source, tmp_path):
    """SIGTERM after some megabytes: the file has its name, and says what it is."""
    # Level 0 and no compression: long enough to be met.
    with subprocess.Popen([PROGRAM, 'capture', '-d', '0', '--compression', 'none', source,
                           str(tmp_path / 'dump')], stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            if any(os.stat(entry).st_size > 20 << 20 for entry in os.scandir(tmp_path)):
                process.send_signal(signal.SIGTERM)
                break
        _, errors = process.communicate(timeout=60)
    assert process.returncode == INCOMPLETE, errors
    assert 'stopped by a signal' in errors.splitlines()[-1]
    assert verify(tmp_path / 'dump')[0] == INCOMPLETE


ON_A_SMALL_DISK = r'''
mount -t tmpfs -o size=$1 none "$2" || exit 99
"$3" capture --message-level 4 $5 "$4" "$2/dump"
code=$?
for file in "$2"/*; do
	[ ! -e "$file" ] || { echo "$file"; "$3" verify --json "$file"; "$3" "$file" -c sys 2>&1; }
done
exit $code
'''


@pytest.mark.parametrize('size, words, code', [
    ('4k', '', 1), ('3m', '', INCOMPLETE), ('12m', '-E', INCOMPLETE), ('12m', '-d 0', INCOMPLETE),
    ('60m', '-d 0 -c', WHOLE)])
def test_a_file_system_that_is_really_full(source, tmp_path, size, words, code):
    """At level 0 it does not fit; the last case is saved at level 31 after all."""
    disk = tmp_path / 'disk'
    disk.mkdir()
    done = subprocess.run(['unshare', '-rm', 'sh', '-c', ON_A_SMALL_DISK, 'sh', size, disk, PROGRAM,
                           source, words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          text=True, timeout=120)
    text = done.stdout
    if done.returncode in (1, 99) and ('unshare' in done.stderr or done.returncode == 99):
        pytest.skip(f'no file system can be mounted here: {done.stderr}')
    assert done.returncode == code, done.stderr + text
    if code == 1:
        assert not text.strip()
    elif code == INCOMPLETE:
        assert '"verdict":"incomplete"' in text and os.strerror(ENOSPC) in text
    else:
        assert '"verdict":"whole"' in text and 'complete at level 31' in text


@pytest.mark.skipif(not FULL, reason='wide: in make check-lab')
def test_two_hundred_more_at_random(source, tmp_path):
    chance = random.Random(20)
    size = os.path.getsize(source)
    for number in range(200):
        folder = tmp_path / str(number)
        folder.mkdir()
        at = chance.randrange(25 << 20)
        rules = chance.choice([
            [f'pwrite:{at}:{END}:{ENOSPC}'], [f'pwrite:{at}:{at + 2000000}:{EIO}'],
            [f'pwrite:{at}:{END}:kill'], [f'sync:{EIO}'], [f'rename:{EIO}'],
            [read_through(source), f'pread:{4096 + at * 20 % size}:{min(size, at * 25)}:{EIO}']])
        form = chance.choice(['kdump', 'elf'])
        done = capture(*FORMS[form], '-d', chance.choice(['31', '17', '0,31']), source,
                       folder / 'dump', rules=rules)
        if done.returncode == -signal.SIGSYS:
            name, = os.listdir(folder)
            assert verify(folder / name)[0] in (UNOPENED, INCOMPLETE), rules
        else:
            judge(done, folder)
        shutil.rmtree(folder)

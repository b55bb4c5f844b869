# SPDX-License-Identifier: GPL-2.0-or-later
"""A real terminal: a program in a window of tmux, keys in, the screen out."""
import os
import shlex
import subprocess
import time
import uuid


class Terminal:
    """One window of a tmux server of its own. The program's exit status is shown as 'EXIT n'."""

    def __init__(self, arguments, home, columns=100, rows=24, **variables):
        self.socket = f'kmortem-{os.getpid()}-{uuid.uuid4().hex[:8]}'
        environment = {'HOME': str(home), 'TERM': 'screen', 'PATH': os.environ['PATH'],
                       'LANG': 'C.UTF-8', 'PAGER': 'less', **variables}
        words = ['env', '-i', *(f'{k}={v}' for k, v in environment.items()), *map(str, arguments)]
        line = f'cd {shlex.quote(str(home))}; {shlex.join(words)}; echo EXIT $?; exec sleep 600'
        self.tmux('-f', '/dev/null', 'new-session', '-d', '-x', str(columns), '-y', str(rows), line)

    def tmux(self, *arguments):
        return subprocess.run(['tmux', '-L', self.socket, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=True, timeout=30).stdout

    def keys(self, *keys):
        """Texts as they are; names of keys ('Enter', 'Tab', 'C-c') as those keys."""
        self.tmux('send-keys', *keys)

    def line(self, text):
        self.tmux('send-keys', '-l', text)
        self.tmux('send-keys', 'Enter')

    def screen(self):
        return self.tmux('capture-pane', '-p').rstrip('\n')

    def last(self):
        return self.screen().splitlines()[-1].rstrip()

    def wait(self, what, seconds=20):
        """Until WHAT(screen) holds; a string is looked for."""
        check = what if callable(what) else lambda screen: what in screen
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            screen = self.screen()
            if check(screen):
                return screen
            time.sleep(0.05)
        raise AssertionError(f'waited {seconds} s for {what!r}; the screen:\n{self.screen()}')

    def wait_line(self, line, seconds=20):
        """Until LINE is the last line on the screen."""
        return self.wait(lambda screen: screen and screen.splitlines()[-1].rstrip() == line,
                         seconds)

    def close(self):
        subprocess.run(['tmux', '-L', self.socket, 'kill-server'], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # tmux leaves its socket behind.
        folder = os.path.join(os.environ.get('TMUX_TMPDIR', '/tmp'), f'tmux-{os.getuid()}')
        try:
            os.unlink(os.path.join(folder, self.socket))
        except FileNotFoundError:
            pass

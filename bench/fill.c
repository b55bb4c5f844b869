// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fill FILE MIB FOLDER COUNT: holds MIB MiB of anonymous memory made of FILE's bytes, and makes COUNT
 * empty files below FOLDER (whose inodes and names are slab). Says "full" and sleeps.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	size_t size = argc == 5 ? (size_t)atol(argv[2]) << 20 : 0, at = 0;
	long count = argc == 5 ? atol(argv[4]) : 0, i;
	int fd = argc == 5 ? open(argv[1], O_RDONLY) : -1;
	char *memory, path[300];

	if (fd < 0)
		return 1;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	while (at < size) {
		size_t want = size - at < 1 << 20 ? size - at : 1 << 20;
		ssize_t n = pread(fd, memory + at, want, (off_t)at);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	for (i = 0; i < count; i++) {
		if (i % 1000 == 0) {
			snprintf(path, sizeof(path), "%s/%ld", argv[3], i / 1000);
			mkdir(path, 0700);
		}
		snprintf(path, sizeof(path), "%s/%ld/a-file-with-a-name-%ld", argv[3], i / 1000, i);
		close(open(path, O_CREAT | O_WRONLY, 0600));
	}
	printf("full: %zu MiB, %ld files\n", at >> 20, i);
	fflush(stdout);
	pause();
	return 0;
}

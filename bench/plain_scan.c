/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What two threads reach that do nothing but compare every 64-bit word of a mapped file with one value:
 * the measure that bench/search holds the search command to. Prints bytes, seconds.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

struct part {
	const uint64_t *from, *to;
	uint64_t value, found;
};

static void *scan(void *data)
{
	struct part *part = data;
	uint64_t found = 0, value = part->value;

	for (const uint64_t *p = part->from; p < part->to; p++)
		found += *p == value;
	part->found = found;
	return NULL;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct stat st;
	struct part parts[2];
	pthread_t thread;
	double start = now();
	const uint64_t *words;
	size_t n;
	int fd;

	if (argc != 3)
		return 2;
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		return 1;
	n = (size_t)st.st_size / 8;
	words = mmap(NULL, n * 8, PROT_READ, MAP_PRIVATE, fd, 0);
	if (words == MAP_FAILED)
		return 1;
	for (int i = 0; i < 2; i++)
		parts[i] = (struct part){
			.from = words + n / 2 * (size_t)i,
			.to = i ? words + n : words + n / 2,
			.value = strtoull(argv[2], NULL, 16),
		};
	if (pthread_create(&thread, NULL, scan, &parts[1]))
		return 1;
	scan(&parts[0]);
	pthread_join(thread, NULL);
	printf("%zu %.6f %llu\n", n * 8, now() - start,
	       (unsigned long long)(parts[0].found + parts[1].found));
	return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the filter makes of a dump, for those who compare it with others: "page-map DUMP LEVEL [FILE]"
 * prints the counts, what the check says of them and how long one processor took, and writes a byte a
 * page to FILE: bit 7 that it exists, bit 6 that it is kept. Run with a level of 0, bits 0 to 3 of FILE
 * are the same as with any other: what the page is (enum km_page_kind).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"

enum { CHUNK = 32768, PASSES = 3 };

struct bits {
	u64 exists[CHUNK / 64], keep[CHUNK / 64];
};

static void die(struct km_error *error)
{
	if (!error)
		return;
	fprintf(stderr, "page-map: %s\n", error->message);
	exit(1);
}

static bool bit(const u64 *bits, size_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static void pass(struct km_filter *f, struct km_filter_counts *counts, FILE *out)
{
	static struct bits b;
	static u8 kinds[CHUNK];

	*counts = (struct km_filter_counts){0};
	for (u64 pfn = 0; pfn < km_filter_max_pfn(f); pfn += CHUNK) {
		size_t n = (size_t)km_min(km_filter_max_pfn(f) - pfn, (u64)CHUNK);

		if (km_filter_chunk(f, pfn, n, b.exists, b.keep, counts) != KM_OK)
			die(km_error_nomem());
		if (!out)
			continue;
		km_filter_kinds(f, pfn, n, kinds);
		for (size_t i = 0; i < n; i++)
			kinds[i] |= bit(b.exists, i) << 7 | bit(b.keep, i) << 6;
		if (fwrite(kinds, 1, n, out) != n)
			die(km_error_os(errno, "cannot write"));
	}
}

static void tell(const struct km_filter_counts *counts, const struct km_filter_verdict *v,
		 const u64 times[PASSES])
{
	static const char *const answers[] = {"agrees", "DIFFERS", "not known"};

	printf("exist %llu\nkept %llu\nnanoseconds", (unsigned long long)counts->exist,
	       (unsigned long long)counts->kept);
	for (int i = 0; i < PASSES; i++)
		printf(" %llu", (unsigned long long)times[i]);
	printf("\n");
	for (unsigned kind = 0; kind < KM_PAGE_KINDS; kind++)
		printf("kind %u %llu %s\n", kind, (unsigned long long)counts->kind[kind],
		       km_page_kind_name(kind));
	for (size_t i = 0; i < v->n_findings; i++)
		printf("check %s: %llu, kernel %llu, slack %llu: %s\n", v->findings[i].what,
		       (unsigned long long)v->findings[i].counted,
		       (unsigned long long)v->findings[i].kernel,
		       (unsigned long long)v->findings[i].slack, answers[v->findings[i].answer]);
	printf("level %u\nverdict %s\n", v->level, v->text);
}

int main(int argc, char **argv)
{
	struct km_image_options image_options = {0};
	struct km_kernel_options kernel_options = {0};
	struct km_filter_options options = {0};
	struct km_filter_counts counts;
	struct km_filter_verdict verdict;
	struct km_image *image;
	struct km_kernel *k;
	struct km_filter *f;
	FILE *out = NULL;
	u64 start, times[PASSES];

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: page-map DUMP LEVEL [FILE]\n");
		return 2;
	}
	options.level = (unsigned)strtoul(argv[2], NULL, 10);
	die(km_image_open((const char *const *)&argv[1], 1, &image_options, &image));
	die(km_kernel_open(image, &kernel_options, &k));
	die(km_filter_open(k, &options, &f));
	for (int i = 0; i < PASSES; i++) {
		start = km_monotonic_ns();
		pass(f, &counts, NULL);
		times[i] = km_monotonic_ns() - start;
	}
	km_filter_check(f, &counts, &verdict);
	if (argc == 4) {
		out = fopen(argv[3], "we");
		if (!out)
			die(km_error_os(errno, "%s", argv[3]));
	}
	pass(f, &counts, out);
	if (out && fclose(out))
		die(km_error_os(errno, "%s", argv[3]));
	tell(&counts, &verdict, times);
	km_filter_close(f);
	km_kernel_close(k);
	km_image_close(image);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The filter: the input is the level, the sections' words, and struct pages, which it repeats where it is
 * short. Whatever they hold, the kernel's text stays, only what exists is kept, and the same frames get the same
 * answer in chunks of any size.
 */
#include "dump.h"
#include "capture/filter.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

enum {
	FRAMES = 0x240,
	WORDS = FRAMES / 64,
	SECTIONS = WORDS,
	ROOTS = FUZZ_DATA + 0x800,
	ROOT = FUZZ_DATA + 0x1000,
	MAP = FUZZ_DATA + 0x2000, /* struct pages */
	TEXT = 0x200,		  /* its first frame */
};

static const char layout[] =
	"SIZE(page)=64\nOFFSET(page.flags)=0\nOFFSET(page.compound_head)=8\nOFFSET(page.mapping)=24\n"
	"OFFSET(page.private)=40\nOFFSET(page._mapcount)=48\nOFFSET(page._refcount)=52\n"
	"SIZE(mem_section)=16\nOFFSET(mem_section.section_mem_map)=0\nNUMBER(SECTION_SIZE_BITS)=18\n"
	"NUMBER(PG_lru)=5\nNUMBER(PG_head_mask)=64\nNUMBER(PG_slab)=7\nNUMBER(PG_swapcache)=10\n"
	"NUMBER(PG_private)=13\nNUMBER(PG_swapbacked)=19\nNUMBER(PG_hwpoison)=23\n"
	"NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n";

static void put_sections(struct fuzz_dump *d, const u8 **data, size_t *size)
{
	const u64 map = FUZZ_DIRECT + 0x200000 + MAP;

	fuzz_put(d->image + FUZZ_DATA, FUZZ_DIRECT + 0x200000 + ROOTS);
	fuzz_put(d->image + ROOTS, FUZZ_DIRECT + 0x200000 + ROOT);
	for (unsigned i = 0; i < SECTIONS; i++) {
		u64 word = 0;
		u8 how = 0;

		fuzz_take(data, size, &how, sizeof(how));
		if (how & 0x80)
			fuzz_take(data, size, &word, sizeof(word));
		else
			word = map | (how & 0x1f ? how & 0x1f : 7);
		fuzz_put(d->image + ROOT + 16 * i, word);
	}
}

static void ask(struct km_filter *f, size_t step, u64 *exists, u64 *keep,
		struct km_filter_counts *counts)
{
	for (u64 at = 0; at < FRAMES; at += step)
		if (km_filter_chunk(f, at, km_min(step, (size_t)(FRAMES - at)), exists + at / 64,
				    keep + at / 64, counts) != KM_OK)
			__builtin_trap();
}

static void check(struct km_filter *f, unsigned level)
{
	u64 exists[WORDS], keep[WORDS], exists2[WORDS], keep2[WORDS];
	struct km_filter_counts counts = {0}, counts2 = {0};
	struct km_filter_verdict verdict;

	ask(f, FRAMES, exists, keep, &counts);
	ask(f, 64, exists2, keep2, &counts2);
	if (memcmp(keep, keep2, sizeof(keep)) || memcmp(exists, exists2, sizeof(exists)) ||
	    memcmp(&counts, &counts2, sizeof(counts)))
		__builtin_trap();
	for (unsigned i = 0; i < WORDS; i++)
		if (keep[i] & ~exists[i])
			__builtin_trap();
	/* 0x20000 bytes of text. */
	if ((keep[TEXT / 64] & UINT32_MAX) != UINT32_MAX)
		__builtin_trap();
	km_filter_check(f, &counts, &verdict);
	if (verdict.level & ~level)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct fuzz_dump d;
	km_cleanup(km_image_closep) struct km_image *image = NULL;
	km_cleanup(km_kernel_closep) struct km_kernel *k = NULL;
	km_cleanup(km_filter_closep) struct km_filter *f = NULL;
	struct km_kernel_options options = {0};
	struct km_filter_options filter = {0};
	char text[2048];
	u8 level = 0;

	memset(&d, 0, sizeof(d));
	fuzz_take(&data, &size, &level, sizeof(level));
	put_sections(&d, &data, &size);
	for (size_t at = 0; size && at < FRAMES * 64; at += size)
		memcpy(d.image + MAP + at, data, km_min(size, FRAMES * 64 - at));
	fuzz_tables(&d);
	int len = snprintf(text, sizeof(text), "%s%sSYMBOL(mem_section)=%llx\n", fuzz_vmcoreinfo,
			   layout, FUZZ_STEXT + FUZZ_DATA);

	if (!fuzz_open(&d, text, (size_t)len, &image))
		return 0;
	km_auto_error struct km_error *error = km_kernel_open(image, &options, &k);

	if (error)
		return 0;
	filter.level = level & KM_LEVEL_ALL;
	km_auto_error struct km_error *refused = km_filter_open(k, &filter, &f);

	if (!refused)
		check(f, filter.level);
	return 0;
}

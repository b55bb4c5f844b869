/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages the filter leaves out of a kernel that the test makes: 1,024 frames in 16 sections of SPARSEMEM
 * extreme, whose struct pages the test writes. What nothing proves to be useless must stay.
 */
#include "kernel/fixture.h"
#include "capture/filter.h"

enum {
	FRAMES = FX_MEMORY / 4096,
	PER_SECTION = 64,
	SECTIONS = FRAMES / PER_SECTION,
	STRUCT_PAGE = 64,
	ROOTS = 0x40000, /* physical: the array of roots, one root, struct pages */
	ROOT = 0x41000,
	MAP = 0x300000,
	SECTION_ALL = 7, /* present, has struct pages, online */
	SECTION_OFFLINE = 3,
};

enum {
	LRU = 1 << 5,
	HEAD = 1 << 6,
	SLAB = 1 << 7,
	SWAP_CACHE = 1 << 10,
	RESERVED = 1 << 12,
	PRIVATE = 1 << 13,
	SWAP_BACKED = 1 << 19,
	UNEVICTABLE = 1 << 20,
	POISONED = 1 << 23,
};

#define NO_TYPE	  0xffffffffu
#define BUDDY	  0xffffff7fu
#define ANON_VMA  (FX_DIRECT + 0x1001)
#define FILE_DATA (FX_DIRECT + 0x1000)

static const char layout[] =
	"SIZE(page)=64\nOFFSET(page.flags)=0\nOFFSET(page.compound_head)=8\nOFFSET(page.mapping)=24\n"
	"OFFSET(page.private)=40\nOFFSET(page._mapcount)=48\nOFFSET(page._refcount)=52\n"
	"SIZE(mem_section)=16\nOFFSET(mem_section.section_mem_map)=0\nNUMBER(SECTION_SIZE_BITS)=18\n"
	"NUMBER(PG_lru)=5\nNUMBER(PG_head_mask)=64\nNUMBER(PG_slab)=7\nNUMBER(PG_swapcache)=10\n"
	"NUMBER(PG_reserved)=12\nNUMBER(PG_private)=13\nNUMBER(PG_swapbacked)=19\n"
	"NUMBER(PG_unevictable)=20\nNUMBER(PG_hwpoison)=23\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n";

struct page {
	u64 flags, head, mapping, private;
	u32 type, count;
};

static u64 struct_page(u64 pfn)
{
	return FX_DIRECT + MAP + pfn * STRUCT_PAGE;
}

static void put_page(struct fixture *f, u64 pfn, struct page page)
{
	u64 at = MAP + pfn * STRUCT_PAGE;

	dump_put64(&f->d, at, page.flags);
	dump_put64(&f->d, at + 8, page.head);
	dump_put64(&f->d, at + 24, page.mapping);
	dump_put64(&f->d, at + 40, page.private);
	dump_put64(&f->d, at + 48, (u64)page.count << 32 | page.type);
}

static void put_section(struct fixture *f, unsigned number, u64 map)
{
	dump_put64(&f->d, ROOT + 16 * number, map);
}

/* All frames are the kernel's own until the test says otherwise. */
static void begin(struct fixture *f)
{
	fx_begin(f);
	km_str_add(&f->vmcoreinfo, layout);
	fx_symbol(f, "mem_section", fx_virt(FX_DATA));
	fx_put64(f, fx_virt(FX_DATA), FX_DIRECT + ROOTS);
	dump_put64(&f->d, ROOTS, FX_DIRECT + ROOT);
	for (unsigned i = 0; i < SECTIONS; i++)
		put_section(f, i, (FX_DIRECT + MAP) | SECTION_ALL);
	for (u64 pfn = 0; pfn < FRAMES; pfn++)
		put_page(f, pfn, (struct page){.type = NO_TYPE, .count = 1});
}

static void put_anon(struct fixture *f, u64 pfn)
{
	put_page(f, pfn, (struct page){LRU | SWAP_BACKED, 0, ANON_VMA, 0, NO_TYPE, 1});
}

static void put_free(struct fixture *f, u64 pfn, unsigned order)
{
	put_page(f, pfn, (struct page){.type = BUDDY, .private = order});
	for (u64 i = 1; i < (u64)1 << order; i++)
		put_page(f, pfn + i, (struct page){.type = NO_TYPE});
}

static struct km_filter *open_filter(struct fixture *f, unsigned level)
{
	struct km_filter_options options = {.level = level};
	struct km_filter *filter;

	fx_open(f);
	assert_no_error(km_filter_open(f->k, &options, &filter));
	assert_int_equal(km_filter_max_pfn(filter), FRAMES);
	return filter;
}

struct answer {
	u64 exists[FRAMES / 64], keep[FRAMES / 64];
	u8 kinds[FRAMES];
	struct km_filter_counts counts;
};

/* Asks in chunks of STEP frames. */
static void ask(struct km_filter *filter, size_t step, struct answer *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (u64 at = 0; at < FRAMES; at += step) {
		assert_int_equal(km_filter_chunk(filter, at, step, ret->exists + at / 64,
						 ret->keep + at / 64, &ret->counts),
				 KM_OK);
		assert_int_equal(km_filter_kinds(filter, at, step, ret->kinds + at), KM_OK);
	}
}

static bool bit(const u64 *bits, u64 pfn)
{
	return bits[pfn / 64] >> pfn % 64 & 1;
}

static void expect(const struct answer *a, u64 pfn, u64 end, enum km_page_kind kind, bool kept)
{
	for (; pfn < end; pfn++) {
		assert_true(bit(a->exists, pfn));
		assert_int_equal(a->kinds[pfn], kind);
		assert_int_equal(bit(a->keep, pfn), kept);
	}
}

static void put_every_kind(struct fixture *f)
{
	put_free(f, 128, 3);
	put_anon(f, 140);
	put_page(f, 141, (struct page){LRU, 0, FILE_DATA, 0, NO_TYPE, 1});
	put_page(f, 142, (struct page){LRU | PRIVATE, 0, FILE_DATA, 0, NO_TYPE, 1});
	put_page(f, 144, (struct page){LRU | SWAP_BACKED | HEAD, 0, ANON_VMA, 0, NO_TYPE, 1});
	for (u64 pfn = 145; pfn < 148; pfn++)
		put_page(f, pfn, (struct page){.head = struct_page(144) + 1, .type = NO_TYPE});
	put_page(f, 150, (struct page){SLAB | HEAD, 0, ANON_VMA, 0, NO_TYPE, 1});
	/* Its own words would make this tail anonymous: those of a tail mean nothing. */
	put_page(f, 151, (struct page){LRU, struct_page(150) + 1, ANON_VMA, 0, NO_TYPE, 1});
	put_page(f, 152, (struct page){POISONED, 0, 0, 0, NO_TYPE, 1});
	put_page(f, 153, (struct page){RESERVED, 0, FILE_DATA, 0, NO_TYPE, 1});
}

static void each_kind_by_its_level(void **state)
{
	static const struct {
		unsigned level;
		bool cache, private, user, free;
	} rows[] = {{0, 1, 1, 1, 1}, {1, 1, 1, 1, 1},  {2, 0, 1, 1, 1}, {4, 0, 0, 1, 1},
		    {8, 1, 1, 0, 1}, {16, 1, 1, 1, 0}, {31, 0, 0, 0, 0}};

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(rows); i++) {
		auto_fixture f;
		struct answer a;

		begin(&f);
		put_every_kind(&f);
		km_cleanup(km_filter_closep) struct km_filter *filter =
			open_filter(&f, rows[i].level);

		ask(filter, FRAMES, &a);
		expect(&a, 128, 136, KM_PAGE_FREE, rows[i].free);
		expect(&a, 136, 140, KM_PAGE_OTHER, true);
		expect(&a, 140, 141, KM_PAGE_ANON, rows[i].user);
		expect(&a, 141, 142, KM_PAGE_CACHE, rows[i].cache);
		expect(&a, 142, 143, KM_PAGE_CACHE_PRIVATE, rows[i].private);
		expect(&a, 144, 148, KM_PAGE_ANON, rows[i].user);
		expect(&a, 150, 152, KM_PAGE_SLAB, true);
		expect(&a, 152, 153, KM_PAGE_POISONED, false);
		expect(&a, 153, 154, KM_PAGE_RESERVED, true);
		assert_int_equal(a.counts.exist, FRAMES);
		assert_int_equal(a.counts.slabs, 1);
		assert_int_equal(a.counts.kind[KM_PAGE_ANON], 5);
	}
}

/* Words that come near to a proof and are none. */
static void what_is_not_proved_stays(void **state)
{
	auto_fixture f;
	struct answer a;
	(void)state;

	begin(&f);
	put_page(&f, 130, (struct page){.type = BUDDY, .private = 3});	/* not aligned */
	put_page(&f, 136, (struct page){.type = BUDDY, .private = 40}); /* no such order */
	put_page(&f, 144, (struct page){.type = BUDDY, .count = 1});	/* somebody holds it */
	put_page(
		&f, 145,
		(struct page){LRU | SWAP_BACKED, 0, 0x1001, 0, NO_TYPE, 1}); /* no kernel pointer */
	put_page(&f, 146,
		 (struct page){LRU, 0, FILE_DATA, 0, NO_TYPE, 0}); /* on its way to be freed */
	put_page(&f, 147, (struct page){0, 0, FILE_DATA, 0, NO_TYPE, 1}); /* on no list */
	put_page(&f, 148,
		 (struct page){.head = struct_page(900) + 1}); /* its head comes after it */
	put_page(&f, 149, (struct page){.head = struct_page(140) + 9}); /* between two */
	put_page(&f, 150, (struct page){.head = struct_page(140) + 1}); /* no compound page there */
	km_cleanup(km_filter_closep) struct km_filter *filter = open_filter(&f, KM_LEVEL_ALL);

	ask(filter, FRAMES, &a);
	for (u64 pfn = 128; pfn < 160; pfn++)
		assert_true(bit(a.keep, pfn));
	assert_int_equal(a.counts.kept, FRAMES);
}

/* The kernel's text stays even where its struct pages were overwritten. */
static void the_image_is_pinned(void **state)
{
	auto_fixture f;
	struct answer a;
	u64 first = FX_IMAGE_PADDR / 4096, end = first + FX_TEXT_SIZE / 4096;
	(void)state;

	begin(&f);
	for (u64 pfn = first - 1; pfn < end + 1; pfn++)
		put_anon(&f, pfn);
	km_cleanup(km_filter_closep) struct km_filter *filter = open_filter(&f, KM_LEVEL_ALL);

	ask(filter, FRAMES, &a);
	expect(&a, first - 1, first, KM_PAGE_ANON, false);
	expect(&a, first, end, KM_PAGE_RESERVED, true);
	expect(&a, end, end + 1, KM_PAGE_ANON, false);
}

/* Struct pages that a section does not have, or whose memory is offline, say nothing. */
static void sections_that_do_not_count(void **state)
{
	static const u64 maps[] = {
		0,				       /* a hole in memory */
		1,				       /* present, without struct pages */
		(FX_DIRECT + MAP) | SECTION_OFFLINE,   /* they are left over */
		0xdead000000000000 | SECTION_ALL,      /* a pointer to nowhere */
		(FX_DIRECT + FX_MEMORY) | SECTION_ALL, /* past the end of memory */
		UINT64_MAX,			       /* whose sum overflows */
		SECTION_ALL,
	};
	auto_fixture f;
	struct answer a;
	u64 end = (1 + KM_ARRAY_SIZE(maps)) * PER_SECTION;
	(void)state;

	begin(&f);
	for (u64 pfn = PER_SECTION; pfn < FRAMES; pfn++)
		put_anon(&f, pfn);
	for (unsigned i = 0; i < KM_ARRAY_SIZE(maps); i++)
		put_section(&f, 1 + i, maps[i]);
	km_cleanup(km_filter_closep) struct km_filter *filter = open_filter(&f, KM_LEVEL_ALL);

	ask(filter, FRAMES, &a);
	expect(&a, PER_SECTION, end, KM_PAGE_UNREADABLE, true);
	expect(&a, FX_IMAGE_PADDR / 4096 + FX_TEXT_SIZE / 4096, FRAMES, KM_PAGE_ANON, false);
}

/* A free block, and a compound page, that the sections' border cuts. */
static void across_sections(void **state)
{
	auto_fixture f;
	struct answer a;
	(void)state;

	begin(&f);
	put_free(&f, 128, 7);
	put_page(&f, 320, (struct page){LRU | SWAP_BACKED | HEAD, 0, ANON_VMA, 0, NO_TYPE, 1});
	for (u64 pfn = 321; pfn < 448; pfn++)
		put_page(&f, pfn, (struct page){.head = struct_page(320) + 1, .type = NO_TYPE});
	km_cleanup(km_filter_closep) struct km_filter *filter = open_filter(&f, KM_LEVEL_ALL);

	for (size_t step = 64; step <= FRAMES; step *= 2) {
		ask(filter, step, &a);
		expect(&a, 128, 256, KM_PAGE_FREE, false);
		expect(&a, 256, 320, KM_PAGE_OTHER, true);
		expect(&a, 320, 448, KM_PAGE_ANON, false);
	}
}

/* Whatever struct pages hold: the same frames get the same answer in chunks of any size. */
static void the_same_in_all_chunks(void **state)
{
	static const u32 types[] = {NO_TYPE, BUDDY, 0, 0xffffff00, 0x80000000};
	u64 seed = 1;
	(void)state;

	for (unsigned round = 0; round < 8; round++) {
		auto_fixture f;
		struct answer whole, parts;

		begin(&f);
		for (u64 pfn = 0; pfn < FRAMES; pfn++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			u64 r = seed >> 20;

			put_page(&f, pfn,
				 (struct page){
					 .flags = (r & 1) * LRU | (r >> 1 & 1) * HEAD |
						  (r >> 2 & 3 ? 0 : POISONED) |
						  (r >> 4 & 7 ? 0 : SLAB),
					 .head = r >> 7 & 3 ? 0
							    : struct_page(pfn & ~(r >> 9 & 63)) + 1,
					 .mapping = r >> 15 & 1 ? ANON_VMA : FILE_DATA,
					 .private = r >> 16 & 15,
					 .type = types[(r >> 20) % KM_ARRAY_SIZE(types)],
					 .count = r >> 24 & 1,
				 });
		}
		km_cleanup(km_filter_closep) struct km_filter *filter =
			open_filter(&f, KM_LEVEL_ALL);

		ask(filter, FRAMES, &whole);
		for (size_t step = 64; step < FRAMES; step *= 2) {
			ask(filter, step, &parts);
			assert_memory_equal(whole.kinds, parts.kinds, sizeof(whole.kinds));
			assert_memory_equal(whole.keep, parts.keep, sizeof(whole.keep));
		}
	}
}

/* No struct pages at all: everything stays, and the verdict says why. */
static void sections_that_cannot_be_found(void **state)
{
	static const u64 roots[] = {0, 0xdead000000000000, FX_DIRECT + FX_MEMORY,
				    FX_DIRECT + MAP + 4};

	(void)state;
	for (size_t i = 0; i < KM_ARRAY_SIZE(roots); i++) {
		auto_fixture f;
		struct km_filter_verdict verdict;
		struct answer a;

		begin(&f);
		put_every_kind(&f);
		fx_put64(&f, fx_virt(FX_DATA), roots[i]);
		km_cleanup(km_filter_closep) struct km_filter *filter =
			open_filter(&f, KM_LEVEL_ALL);

		ask(filter, FRAMES, &a);
		assert_int_equal(a.counts.kept, FRAMES);
		km_filter_check(filter, &a.counts, &verdict);
		assert_int_equal(verdict.level, KM_LEVEL_ZERO);
		assert_int_equal(km_filter_level(filter), KM_LEVEL_ZERO);
		assert_non_null(strstr(verdict.text, "every page is kept"));
	}
}

/* Without the mark of a compound page's head a tail's own words would be believed: nothing is dropped. */
static void a_layout_that_says_too_little(void **state)
{
	static const char mark[] = "NUMBER(PG_head_mask)=64\n";
	auto_fixture f;
	struct km_filter_verdict verdict;
	struct answer a;
	char *at;
	(void)state;

	begin(&f);
	put_every_kind(&f);
	at = strstr(f.vmcoreinfo.data, mark);
	assert_non_null(at);
	memset(at, '#', sizeof(mark) - 2);
	km_cleanup(km_filter_closep) struct km_filter *filter = open_filter(&f, KM_LEVEL_ALL);

	ask(filter, FRAMES, &a);
	/* Broken memory is left out whatever else is known. */
	assert_int_equal(a.counts.kept, FRAMES - 1);
	km_filter_check(filter, &a.counts, &verdict);
	assert_int_equal(verdict.level, KM_LEVEL_ZERO);
	assert_non_null(strstr(verdict.text, "do not say all that level 31 takes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_by_its_level),
		cmocka_unit_test(what_is_not_proved_stays),
		cmocka_unit_test(the_image_is_pinned),
		cmocka_unit_test(sections_that_do_not_count),
		cmocka_unit_test(across_sections),
		cmocka_unit_test(the_same_in_all_chunks),
		cmocka_unit_test(sections_that_cannot_be_found),
		cmocka_unit_test(a_layout_that_says_too_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

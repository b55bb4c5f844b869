/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The message log's two record formats, over memory that the tests write. */
#include "km_test.h"
#include "subsystem/printk_ring.h"

#define MEMORY 0xffff888000100000ULL

enum { DESCS = 0, INFOS = 0x400, TEXT = 0x1000, COUNT_BITS = 3, SIZE_BITS = 8, BYTES = 0x2000 };
enum { DESC_SIZE = 24, INFO_SIZE = 88 };
enum { RESERVED, COMMITTED, FINALIZED, REUSABLE };

struct log_memory {
	u8 bytes[BYTES];
	u64 hole; /* offset of a page's worth that cannot be read; 0: none */
};

static enum km_status read_memory(void *data, u64 address, void *buf, size_t len)
{
	struct log_memory *m = data;
	u64 at = address - MEMORY;

	if (at > BYTES || len > BYTES - at)
		return KM_UNMAPPED;
	if (m->hole && at + len > m->hole && at < m->hole + 0x100)
		return KM_EXCLUDED;
	memcpy(buf, m->bytes + at, len);
	return KM_OK;
}

#define SLOT(offset_, size_) {.present = true, .offset = offset_, .size = size_}

/* struct prb_desc and struct printk_info of 5.11. */
static const struct km_slot ring_slots[R_RING_SLOTS] = {
	[R_DESC_SIZE] = SLOT(0, DESC_SIZE),
	[R_DESC_STATE] = SLOT(0, 8),
	[R_DESC_BEGIN] = SLOT(8, 8),
	[R_DESC_NEXT] = SLOT(16, 8),
	[R_INFO_SIZE] = SLOT(0, INFO_SIZE),
	[R_INFO_SEQ] = SLOT(0, 8),
	[R_INFO_TS] = SLOT(8, 8),
	[R_INFO_TEXT_LEN] = SLOT(16, 2),
	[R_INFO_FACILITY] = SLOT(18, 1),
	[R_INFO_FLAGS] = {.present = true, .offset = 19, .size = 1, .bit_size = 5},
	[R_INFO_LEVEL] = {.present = true, .offset = 19, .size = 1, .bit_size = 3, .bit_shift = 5},
	[R_INFO_CALLER] = SLOT(20, 4),
	[R_INFO_SUBSYSTEM] = SLOT(24, 16),
	[R_INFO_DEVICE] = SLOT(40, 48),
};

static void put64(struct log_memory *m, u64 at, u64 value)
{
	memcpy(m->bytes + at, &value, sizeof(value));
}

/* Writes record ID with TEXT at logical position BEGIN; the block ends at NEXT. */
static void put_record(struct log_memory *m, u64 id, unsigned state, u64 begin, u64 next,
		       const char *text)
{
	u64 index = id & ((1 << COUNT_BITS) - 1), mask = (1 << SIZE_BITS) - 1;
	u64 desc = DESCS + index * DESC_SIZE, info = INFOS + index * INFO_SIZE;
	bool wraps = begin >> SIZE_BITS != next >> SIZE_BITS && (next & mask);
	u64 at = TEXT + (wraps ? 0 : begin & mask);
	u16 len = (u16)strlen(text);

	put64(m, desc, (u64)state << 62 | (id << 2 >> 2));
	put64(m, desc + 8, begin);
	put64(m, desc + 16, next);
	put64(m, info, id);
	put64(m, info + 8, id * 1000);
	memcpy(m->bytes + info + 16, &len, 2);
	m->bytes[info + 19] = 6 << 5 | 8;
	put64(m, info + 20, 42);
	if (!(begin & 1)) {
		put64(m, at, id);
		memcpy(m->bytes + at + 8, text, len);
	}
}

static struct km_printk_ring ring_of(u64 tail, u64 head)
{
	return (struct km_printk_ring){
		.descs = MEMORY + DESCS,
		.infos = MEMORY + INFOS,
		.count_bits = COUNT_BITS,
		.head_id = head,
		.tail_id = tail,
		.text = MEMORY + TEXT,
		.size_bits = SIZE_BITS,
		.slots = ring_slots,
	};
}

static void log_done(struct km_printk *log)
{
	free(log->records);
	free(log->bytes);
}
#define auto_log km_cleanup(log_done) struct km_printk

static void assert_text(const struct km_printk *log, size_t i, const char *text)
{
	assert_true(i < log->count);
	assert_int_equal(log->records[i].status, KM_OK);
	assert_int_equal(log->records[i].text_len, strlen(text));
	assert_memory_equal(log->records[i].text, text, strlen(text));
}

static void test_ring(void **state)
{
	struct log_memory m = {0};
	struct km_printk_ring ring = ring_of(10, 14);
	auto_log log = {0};
	(void)state;

	put_record(&m, 10, REUSABLE, 0, 24, "given up");
	put_record(&m, 11, FINALIZED, 24, 48, "first");
	memcpy(m.bytes + INFOS + 3 * INFO_SIZE + 24, "pci", 3);
	memcpy(m.bytes + INFOS + 3 * INFO_SIZE + 40, "+pci:0000", 9);
	put_record(&m, 12, COMMITTED, 48, 72, "second");
	put_record(&m, 13, FINALIZED, 3, 3, ""); /* an empty line stores no text */
	put_record(&m, 14, RESERVED, 72, 96, "being written");
	assert_no_error(km_printk_ring_parse(&ring, read_memory, &m, NULL, &log));
	assert_int_equal(log.count, 3);
	assert_text(&log, 0, "first");
	assert_text(&log, 1, "second");
	assert_text(&log, 2, "");
	assert_string_equal(log.problem, "");
	assert_int_equal(log.records[0].seq, 11);
	assert_int_equal(log.records[0].ts_nsec, 11000);
	assert_int_equal(log.records[0].level, 6);
	assert_true(log.records[0].continues);
	assert_true(log.records[0].has_caller);
	assert_int_equal(log.records[0].caller_id, 42);
	assert_string_equal(log.records[0].subsystem, "pci");
	assert_string_equal(log.records[0].device, "+pci:0000");
	assert_string_equal(log.records[1].device, "");
}

/* A block that does not fit before the ring's end begins at its start; since 6.19 one may end
 * exactly there. */
static void test_ring_wraps(void **state)
{
	struct log_memory m = {0};
	struct km_printk_ring ring = ring_of(6, 8); /* the descriptors' own ring wraps too */
	auto_log log = {0};
	(void)state;

	put_record(&m, 6, FINALIZED, 232, 256, "to the end");
	put_record(&m, 7, FINALIZED, 256 + 232, 512 + 24, "at the start");
	put_record(&m, 8, FINALIZED, 512 + 24, 512 + 48, "behind it");
	assert_no_error(km_printk_ring_parse(&ring, read_memory, &m, NULL, &log));
	assert_int_equal(log.count, 3);
	assert_text(&log, 0, "to the end");
	assert_text(&log, 1, "at the start");
	assert_text(&log, 2, "behind it");
}

static void test_ring_damage(void **state)
{
	struct log_memory m = {0};
	struct km_printk_ring ring = ring_of(0, 3);
	auto_log log = {0};
	(void)state;

	put_record(&m, 0, FINALIZED, 0, 24, "good");
	put_record(&m, 1, FINALIZED, 24, 48, "other id");
	put64(&m, TEXT + 24, 77);
	put_record(&m, 2, FINALIZED, 48, 40, "backwards");
	put_record(&m, 3, FINALIZED, 80, 104, "good too");
	assert_no_error(km_printk_ring_parse(&ring, read_memory, &m, NULL, &log));
	assert_int_equal(log.count, 4);
	assert_text(&log, 0, "good");
	assert_int_equal(log.records[1].status, KM_CORRUPT);
	assert_int_equal(log.records[2].status, KM_CORRUPT);
	assert_text(&log, 3, "good too");
	assert_non_null(strstr(log.problem, "2 log records"));
}

static void test_ring_unreadable(void **state)
{
	struct log_memory m = {.hole = TEXT};
	struct km_printk_ring ring = ring_of(0, 0);
	auto_log log = {0};
	(void)state;

	put_record(&m, 0, FINALIZED, 0, 24, "excluded");
	assert_no_error(km_printk_ring_parse(&ring, read_memory, &m, NULL, &log));
	assert_int_equal(log.count, 1);
	assert_int_equal(log.records[0].status, KM_EXCLUDED);
	assert_int_equal(log.records[0].text_len, 0);
}

static void test_ring_hostile(void **state)
{
	struct log_memory m = {0};
	struct km_printk_ring ring = ring_of(5, 1ULL << 60);
	auto_log log = {0}, none = {0};
	(void)state;

	/* A head that is far away: no more than there are descriptors. */
	put_record(&m, (1ULL << 60) - 1, FINALIZED, 0, 24, "newest");
	assert_no_error(km_printk_ring_parse(&ring, read_memory, &m, NULL, &log));
	assert_int_equal(log.count, 1);
	assert_true(log.problem[0] != 0);
	ring.count_bits = 60;
	assert_error(km_printk_ring_parse(&ring, read_memory, &m, NULL, &none), "2^60");
	ring.count_bits = COUNT_BITS;
	ring.size_bits = 63;
	assert_error(km_printk_ring_parse(&ring, read_memory, &m, NULL, &none), "2^63");
}

/* struct printk_log of 3.15 to 5.0. */
static const struct km_slot log_slots[L_LOG_SLOTS] = {
	[L_SIZE] = SLOT(0, 16),
	[L_TS] = SLOT(0, 8),
	[L_LEN] = SLOT(8, 2),
	[L_TEXT_LEN] = SLOT(10, 2),
	[L_DICT_LEN] = SLOT(12, 2),
	[L_FACILITY] = SLOT(14, 1),
	[L_FLAGS] = {.present = true, .offset = 15, .size = 1, .bit_size = 5},
	[L_LEVEL] = {.present = true, .offset = 15, .size = 1, .bit_size = 3, .bit_shift = 5},
};

static u64 put_log(struct log_memory *m, u64 at, u16 len, const char *text, const char *dict)
{
	u16 text_len = (u16)strlen(text), dict_len = (u16)strlen(dict);

	put64(m, at, 5000000000ULL);
	memcpy(m->bytes + at + 8, &len, 2);
	memcpy(m->bytes + at + 10, &text_len, 2);
	memcpy(m->bytes + at + 12, &dict_len, 2);
	m->bytes[at + 15] = 4 << 5;
	memcpy(m->bytes + at + 16, text, text_len);
	memcpy(m->bytes + at + len - dict_len, dict, dict_len);
	return at + len;
}

static void test_buffer(void **state)
{
	struct log_memory m = {0};
	struct km_printk_buffer buffer = {
		.address = MEMORY, .size = 0x100, .first = 0x80, .next = 0x40, .slots = log_slots};
	auto_log log = {0};
	u64 at;
	(void)state;

	at = put_log(&m, 0x80, 40, "oldest", "DEVICE=x");
	put64(&m, at, 0); /* a length of 0: go on at the start */
	put64(&m, at + 8, 0);
	put_log(&m, 0, 0x40, "newest", "");
	assert_no_error(km_printk_buffer_parse(&buffer, read_memory, &m, NULL, &log));
	assert_int_equal(log.count, 2);
	assert_text(&log, 0, "oldest");
	assert_text(&log, 1, "newest");
	assert_int_equal(log.records[0].dict_len, 8);
	assert_memory_equal(log.records[0].dict, "DEVICE=x", 8);
	assert_int_equal(log.records[0].level, 4);
	assert_int_equal(log.records[0].ts_nsec, 5000000000ULL);
	assert_false(log.records[0].has_caller);
}

static void test_buffer_damage(void **state)
{
	struct log_memory m = {0};
	struct km_printk_buffer buffer = {
		.address = MEMORY, .size = 0x100, .first = 0, .next = 0x91, .slots = log_slots};
	auto_log log = {0}, loop = {0}, none = {0};
	u16 len = 0xfff0;
	(void)state;

	/* A length past the buffer's end. */
	put_log(&m, 0, 0x20, "good", "");
	put_log(&m, 0x20, 0x20, "long", "");
	memcpy(m.bytes + 0x20 + 8, &len, 2);
	assert_no_error(km_printk_buffer_parse(&buffer, read_memory, &m, NULL, &log));
	assert_int_equal(log.count, 1);
	assert_true(log.problem[0] != 0);
	/* Records that never come to `next`. */
	for (u64 at = 0; at < 0x100; at += 0x20)
		put_log(&m, at, 0x20, "again", "");
	put_log(&m, 0xe0, 0x20, "last", "");
	assert_no_error(km_printk_buffer_parse(&buffer, read_memory, &m, NULL, &loop));
	assert_true(loop.count <= 9);
	buffer.size = 1ULL << 40;
	assert_error(km_printk_buffer_parse(&buffer, read_memory, &m, NULL, &none), "cannot be");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring),	    cmocka_unit_test(test_ring_wraps),
		cmocka_unit_test(test_ring_damage), cmocka_unit_test(test_ring_unreadable),
		cmocka_unit_test(test_ring_hostile), cmocka_unit_test(test_buffer),
		cmocka_unit_test(test_buffer_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The message log: the input's first bytes place the rings, the rest is the memory that they lie in. */
#include <stdlib.h>
#include <string.h>

#include "subsystem/printk_ring.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define BASE 0xffff888000000000ULL

struct input {
	const u8 *data;
	size_t size;
};

static enum km_status read_input(void *data, u64 address, void *buf, size_t len)
{
	const struct input *input = data;
	u64 at = address - BASE;

	if (at > input->size || len > input->size - at)
		return KM_UNMAPPED;
	memcpy(buf, input->data + at, len);
	return KM_OK;
}

#define SLOT(offset_, size_) {.present = true, .offset = offset_, .size = size_}

static const struct km_slot ring_slots[R_RING_SLOTS] = {
	[R_DESC_SIZE] = SLOT(0, 24),	[R_DESC_STATE] = SLOT(0, 8),
	[R_DESC_BEGIN] = SLOT(8, 8),	[R_DESC_NEXT] = SLOT(16, 8),
	[R_INFO_SIZE] = SLOT(0, 88),	[R_INFO_SEQ] = SLOT(0, 8),
	[R_INFO_TS] = SLOT(8, 8),	[R_INFO_TEXT_LEN] = SLOT(16, 2),
	[R_INFO_FACILITY] = SLOT(18, 1), [R_INFO_LEVEL] = SLOT(19, 1),
	[R_INFO_CALLER] = SLOT(20, 4),	[R_INFO_SUBSYSTEM] = SLOT(24, 16),
	[R_INFO_DEVICE] = SLOT(40, 48),
};

static const struct km_slot log_slots[L_LOG_SLOTS] = {
	[L_SIZE] = SLOT(0, 16),	    [L_TS] = SLOT(0, 8),       [L_LEN] = SLOT(8, 2),
	[L_TEXT_LEN] = SLOT(10, 2), [L_DICT_LEN] = SLOT(12, 2), [L_LEVEL] = SLOT(15, 1),
};

/* Everything that a record points at is read, so that the sanitizer sees where it lies. */
static void use(struct km_printk *log)
{
	size_t sum = 0;

	for (size_t i = 0; i < log->count; i++) {
		const struct km_printk_record *r = &log->records[i];

		for (size_t j = 0; j < r->text_len; j++)
			sum += (u8)r->text[j];
		for (size_t j = 0; j < r->dict_len; j++)
			sum += (u8)r->dict[j];
		sum += strlen(r->subsystem) + strlen(r->device);
	}
	if (sum == (size_t)-1)
		abort();
	free(log->records);
	free(log->bytes);
	*log = (struct km_printk){0};
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct km_printk log = {0};
	struct input input;

	if (size < 16)
		return 0;
	input = (struct input){data + 16, size - 16};

	struct km_printk_ring ring = {
		.descs = BASE,
		.infos = BASE + km_load16(data),
		.text = BASE + km_load16(data + 2),
		.count_bits = data[4] % 28,
		.size_bits = data[5] % 34,
		.tail_id = km_load16(data + 6),
		.head_id = (u64)km_load16(data + 6) + data[8],
		.slots = ring_slots,
	};
	struct km_printk_buffer buffer = {
		.address = BASE,
		.size = km_load16(data + 9),
		.first = km_load16(data + 11),
		.next = km_load16(data + 13),
		.slots = log_slots,
	};

	km_error_free(km_printk_ring_parse(&ring, read_input, &input, NULL, &log));
	use(&log);
	km_error_free(km_printk_buffer_parse(&buffer, read_input, &input, NULL, &log));
	use(&log);
	return 0;
}

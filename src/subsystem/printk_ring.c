/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record formats of the message log.
 *
 * Since 5.10 (kernel/printk/printk_ringbuffer.c) descriptors lie in a ring that is indexed by id; a
 * descriptor's state_var holds its id and, in the two highest bits, its state: reserved, committed,
 * finalized, reusable. Its text lies in a second ring that is addressed by logical positions which
 * only grow; a block that would not fit before the end is written at the start, and begins with the
 * id of its descriptor. 3.5 to 5.9 had records of variable length side by side (struct log, later
 * struct printk_log); a record of length 0 says that the next one is at the start.
 */
#include "subsystem/printk_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_BITS_MAX = 24, SIZE_BITS_MAX = 30, INFO_BYTES_MAX = 512, LOG_BYTES_MAX = 1 << 30 };
enum desc_state { DESC_RESERVED, DESC_COMMITTED, DESC_FINALIZED, DESC_REUSABLE };
enum { STATE_SHIFT = 62 };
enum { LOG_CONT = 8 }; /* include/linux/printk.h's enum log_flags */

/* Records while their bytes still move: text and dictionary are offsets. */
struct builder {
	KM_VEC(struct km_printk_record) records;
	KM_VEC(size_t) offsets; /* text, subsystem, device, dictionary of each record */
	struct km_str bytes;
	size_t bad;
	enum km_status why;
};

static void builder_free(struct builder *b)
{
	km_vec_free(&b->records);
	km_vec_free(&b->offsets);
	km_str_free(&b->bytes);
}

static struct km_printk_record *builder_push(struct builder *b)
{
	struct km_printk_record *record = km_vec_push(&b->records);
	bool ok = record != NULL;

	for (int i = 0; ok && i < 4; i++) {
		size_t *offset = km_vec_push(&b->offsets);

		ok = offset != NULL;
		if (ok)
			*offset = 0;
	}
	return ok ? record : NULL;
}

static void builder_bad(struct builder *b, enum km_status status)
{
	b->bad++;
	if (b->why == KM_OK)
		b->why = status;
}

/* Appends bytes and a NUL; where they begin goes into the WHICHth offset of the last record. */
static void builder_add(struct builder *b, int which, const void *bytes, size_t len)
{
	b->offsets.data[b->offsets.count - 4 + which] = b->bytes.len;
	km_str_add_bytes(&b->bytes, bytes, len);
	km_str_add_char(&b->bytes, 0);
}

static struct km_error *builder_finish(struct builder *b, struct km_printk *log)
{
	if (b->bytes.failed)
		return km_error_nomem();
	/* Offset 0 is the empty string: the first byte is a NUL. */
	const char *base = b->bytes.data;

	for (size_t i = 0; i < b->records.count; i++) {
		struct km_printk_record *record = &b->records.data[i];
		const size_t *at = &b->offsets.data[i * 4];

		record->text = base + at[0];
		record->subsystem = base + at[1];
		record->device = base + at[2];
		record->dict = base + at[3];
	}
	log->records = b->records.data;
	log->count = b->records.count;
	log->bytes = b->bytes.data;
	b->records.data = NULL;
	b->bytes.data = NULL;
	if (b->bad)
		snprintf(log->problem, sizeof(log->problem), "%zu log records cannot be read: %s",
			 b->bad, km_status_text(b->why));
	return NULL;
}

/* ---- the ring of descriptors ------------------------------------------------------------------- */

struct ring_walk {
	const struct km_printk_ring *ring;
	km_printk_read *read;
	void *data;
	struct builder *b;
	size_t text_total;
};

/* Where the text of the block BEGIN … NEXT lies, without the id before it. */
static enum km_status text_block(const struct ring_walk *w, u64 id, u64 begin, u64 next,
				 u64 *ret_address, u64 *ret_len)
{
	u64 size = (u64)1 << w->ring->size_bits, mask = size - 1;
	u64 offset, len, block_id;

	*ret_len = 0;
	/* Both odd: no text was stored, for lack of room or because the line is empty. */
	if (begin & 1 && next & 1)
		return KM_OK;
	if (begin >> w->ring->size_bits == next >> w->ring->size_bits ||
	    ((next & mask) == 0 && next - begin <= size)) {
		/* Since 6.19 a block may end exactly where the ring does. */
		offset = begin & mask;
		len = next - begin;
	} else {
		offset = 0;
		len = next & mask;
	}
	if (len <= sizeof(u64) || len > size - offset)
		return KM_CORRUPT;

	enum km_status status =
		w->read(w->data, w->ring->text + offset, &block_id, sizeof(block_id));

	if (status != KM_OK)
		return status;
	if (block_id != id)
		return KM_CORRUPT;
	*ret_address = w->ring->text + offset + sizeof(u64);
	*ret_len = len - sizeof(u64);
	return KM_OK;
}

static void add_info_text(struct ring_walk *w, int which, int slot_index, const u8 *info,
			  size_t size)
{
	const struct km_slot *slot = &w->ring->slots[slot_index];

	if (!slot->present || slot->offset > size || slot->size > size - slot->offset)
		return;

	const char *text = (const char *)info + slot->offset;

	builder_add(w->b, which, text, strnlen(text, slot->size));
}

static enum km_status add_text(struct ring_walk *w, u64 id, u64 begin, u64 next, u64 text_len,
			       struct km_printk_record *record)
{
	char text[4096];
	u64 address, len;
	enum km_status status = text_block(w, id, begin, next, &address, &len);

	if (status != KM_OK)
		return status;
	len = km_min(len, text_len);
	if (w->text_total + len > (u64)1 << w->ring->size_bits)
		return KM_CORRUPT; /* blocks overlap */
	w->text_total += len;
	w->b->offsets.data[w->b->offsets.count - 4] = w->b->bytes.len;
	record->text_len = len;
	while (len) {
		size_t part = km_min(len, (u64)sizeof(text));

		status = w->read(w->data, address, text, part);
		if (status != KM_OK) {
			record->text_len -= len;
			break;
		}
		km_str_add_bytes(&w->b->bytes, text, part);
		address += part;
		len -= part;
	}
	km_str_add_char(&w->b->bytes, 0);
	return status;
}

static bool fill_record(const struct km_slot *slots, const u8 *info, size_t size,
			struct km_printk_record *record)
{
	struct km_maybe seq = km_member_from(&slots[R_INFO_SEQ], info, size);
	struct km_maybe caller = km_member_from(&slots[R_INFO_CALLER], info, size);

	record->seq = seq.value;
	record->ts_nsec = km_member_from(&slots[R_INFO_TS], info, size).value;
	record->has_level = slots[R_INFO_LEVEL].present;
	record->level = km_member_from(&slots[R_INFO_LEVEL], info, size).value;
	record->facility = km_member_from(&slots[R_INFO_FACILITY], info, size).value;
	record->flags = km_member_from(&slots[R_INFO_FLAGS], info, size).value;
	record->continues = record->flags & LOG_CONT;
	record->has_caller = caller.status == KM_OK;
	record->caller_id = caller.value;
	return seq.status == KM_OK;
}

/* False where memory is out. */
static bool one_record(struct ring_walk *w, u64 id)
{
	const struct km_slot *slots = w->ring->slots;
	u64 index = id & (((u64)1 << w->ring->count_bits) - 1);
	size_t desc_size = slots[R_DESC_SIZE].size, info_size = slots[R_INFO_SIZE].size;
	u8 desc[64], info[INFO_BYTES_MAX];
	enum km_status status =
		w->read(w->data, w->ring->descs + index * desc_size, desc, desc_size);

	if (status != KM_OK) {
		builder_bad(w->b, status);
		return true;
	}

	u64 state_var = km_member_from(&slots[R_DESC_STATE], desc, desc_size).value;
	enum desc_state state = state_var >> STATE_SHIFT;

	if ((state != DESC_COMMITTED && state != DESC_FINALIZED) ||
	    (state_var << 2 >> 2) != (id << 2 >> 2))
		return true; /* never filled, or already given up for a newer one */
	status = w->read(w->data, w->ring->infos + index * info_size, info, info_size);
	if (status != KM_OK) {
		builder_bad(w->b, status);
		return true;
	}

	struct km_printk_record *record = builder_push(w->b);

	if (!record)
		return false;
	if (!fill_record(slots, info, info_size, record))
		builder_bad(w->b, KM_NOT_IN_KERNEL);
	record->status =
		add_text(w, id, km_member_from(&slots[R_DESC_BEGIN], desc, desc_size).value,
			 km_member_from(&slots[R_DESC_NEXT], desc, desc_size).value,
			 km_member_from(&slots[R_INFO_TEXT_LEN], info, info_size).value, record);
	if (record->status != KM_OK)
		builder_bad(w->b, record->status);
	add_info_text(w, 1, R_INFO_SUBSYSTEM, info, info_size);
	add_info_text(w, 2, R_INFO_DEVICE, info, info_size);
	return !w->b->bytes.failed;
}

struct km_error *km_printk_ring_parse(const struct km_printk_ring *ring, km_printk_read *read,
				      void *data, const struct km_job *job, struct km_printk *log)
{
	km_cleanup(builder_free) struct builder b = {0};
	struct ring_walk w = {.ring = ring, .read = read, .data = data, .b = &b};
	size_t desc_size = ring->slots[R_DESC_SIZE].size, info_size = ring->slots[R_INFO_SIZE].size;

	if (ring->count_bits > COUNT_BITS_MAX || ring->size_bits > SIZE_BITS_MAX ||
	    ring->size_bits < 4 || !desc_size || desc_size > 64 || !info_size ||
	    info_size > INFO_BYTES_MAX)
		return km_error_new(KM_ERROR_FORMAT,
				    "the log's ring says 2^%llu records of %zu bytes and 2^%llu "
				    "bytes of text, which cannot be",
				    (unsigned long long)ring->count_bits, info_size,
				    (unsigned long long)ring->size_bits);

	u64 count = (u64)1 << ring->count_bits;
	u64 ids = (ring->head_id - ring->tail_id) << 2 >> 2; /* ids wrap below the state's bits */

	km_str_add_char(&b.bytes, 0);
	if (ids >= count) {
		/* One of the two is damaged: the newest COUNT ids are all that there can be. */
		ids = count - 1;
		builder_bad(&b, KM_CORRUPT);
	}
	for (u64 i = 0; i <= ids; i++) {
		if (i % 1024 == 0 && km_job_check(job) != KM_OK)
			return km_error_status(KM_CANCELLED, "message log");
		if (!one_record(&w, (ring->head_id - ids + i) << 2 >> 2))
			return km_error_nomem();
	}
	return builder_finish(&b, log);
}

/* ---- records of variable length ---------------------------------------------------------------- */

/* The record at AT; yields its length, 0 where the next one is at the start. */
static enum km_status one_log(const struct km_printk_buffer *buffer, km_printk_read *read,
			      void *data, u64 at, struct builder *b, u64 *ret_len)
{
	const struct km_slot *slots = buffer->slots;
	size_t header = slots[L_SIZE].size;
	u8 bytes[64];
	char text[4096];
	enum km_status status;

	if (at > buffer->size || buffer->size - at < header)
		return KM_CORRUPT;
	status = read(data, buffer->address + at, bytes, header);
	if (status != KM_OK)
		return status;

	u64 len = km_member_from(&slots[L_LEN], bytes, header).value & 0xffff;
	u64 text_len = km_member_from(&slots[L_TEXT_LEN], bytes, header).value & 0xffff;
	u64 dict_len = km_member_from(&slots[L_DICT_LEN], bytes, header).value & 0xffff;
	struct km_maybe caller = km_member_from(&slots[L_CALLER], bytes, header);

	*ret_len = len;
	if (!len)
		return KM_OK;
	if (len > buffer->size - at || header + text_len + dict_len > len)
		return KM_CORRUPT;

	struct km_printk_record *record = builder_push(b);

	if (!record)
		return KM_NOMEM;
	record->seq = b->records.count - 1;
	record->ts_nsec = km_member_from(&slots[L_TS], bytes, header).value;
	record->has_level = slots[L_LEVEL].present;
	record->level = km_member_from(&slots[L_LEVEL], bytes, header).value & 7;
	record->facility = km_member_from(&slots[L_FACILITY], bytes, header).value;
	record->flags = km_member_from(&slots[L_FLAGS], bytes, header).value;
	record->continues = record->flags & LOG_CONT;
	record->has_caller = caller.status == KM_OK;
	record->caller_id = caller.value;
	text_len = km_min(text_len, (u64)sizeof(text));
	record->status = read(data, buffer->address + at + header, text, text_len);
	if (record->status == KM_OK) {
		record->text_len = text_len;
		builder_add(b, 0, text, text_len);
	}
	dict_len = km_min(dict_len, (u64)sizeof(text));
	if (dict_len &&
	    read(data, buffer->address + at + len - dict_len, text, dict_len) == KM_OK) {
		record->dict_len = dict_len;
		builder_add(b, 3, text, dict_len);
	}
	return KM_OK;
}

struct km_error *km_printk_buffer_parse(const struct km_printk_buffer *buffer, km_printk_read *read,
					void *data, const struct km_job *job, struct km_printk *log)
{
	km_cleanup(builder_free) struct builder b = {0};
	size_t header = buffer->slots[L_SIZE].size;
	u64 at = buffer->first, walked = 0;
	bool wrapped = false;

	if (header < 12 || header > 64 || buffer->size > LOG_BYTES_MAX)
		return km_error_new(
			KM_ERROR_FORMAT,
			"a log of %llu bytes with record headers of %zu bytes cannot be",
			(unsigned long long)buffer->size, header);
	km_str_add_char(&b.bytes, 0);
	while (at != buffer->next && walked <= buffer->size) {
		u64 len;
		enum km_status status = km_job_check(job);

		if (status == KM_OK)
			status = one_log(buffer, read, data, at, &b, &len);
		if (status == KM_CANCELLED)
			return km_error_status(status, "message log");
		if (status == KM_NOMEM)
			return km_error_nomem();
		if (status != KM_OK || (!len && wrapped)) {
			builder_bad(&b, status != KM_OK ? status : KM_CORRUPT);
			break;
		}
		wrapped = wrapped || !len;
		at = len ? at + len : 0;
		walked += len;
	}
	return builder_finish(&b, log);
}

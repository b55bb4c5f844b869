/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the message log and tells its form: by what symbols and types there are. */
#include "subsystem/printk_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum km_status read_kernel(void *data, u64 address, void *buf, size_t len)
{
	return km_read(data, address, buf, len);
}

void km_printk_free(struct km_printk *log)
{
	if (!log)
		return;
	free(log->records);
	free(log->bytes);
	free(log);
}

static struct km_error *read_ring(struct km_kernel *k, const struct km_job *job, u64 prb,
				  struct km_printk *log)
{
	struct km_slot slots[P_ROWS], records[R_RING_SLOTS];
	struct km_maybe values[P_ROWS];
	u64 address;
	enum km_status status = km_read_pointer(k, prb, &address);

	if (status != KM_OK)
		return km_error_status(status, "prb at %llx", (unsigned long long)prb);
	if (!km_printk_ring_layout(k, slots, records))
		return km_error_new(
			KM_ERROR_MISSING,
			"the layout of struct printk_ringbuffer is in neither the kernel's "
			"types nor VMCOREINFO");
	for (size_t i = 0; i < P_ROWS; i++) {
		values[i] = km_member(k, &slots[i], address);
		if (values[i].status != KM_OK)
			return km_error_status(values[i].status,
					       "struct printk_ringbuffer at %llx, +%u",
					       (unsigned long long)address, slots[i].offset);
	}

	struct km_printk_ring ring = {
		.descs = values[P_DESCS].value,
		.infos = values[P_INFOS].value,
		.count_bits = values[P_COUNT_BITS].value,
		.head_id = values[P_HEAD_ID].value,
		.tail_id = values[P_TAIL_ID].value,
		.text = values[P_DATA].value,
		.size_bits = values[P_SIZE_BITS].value,
		.slots = records,
	};

	log->form = KM_PRINTK_RING;
	return km_printk_ring_parse(&ring, read_kernel, k, job, log);
}

static u64 read_u32_symbol(struct km_kernel *k, const char *name, enum km_status *status)
{
	u64 address = km_symbol_address(k, name);
	u32 value = 0;
	enum km_status s = address ? km_read_u32(k, address, &value) : KM_NOT_IN_KERNEL;

	if (*status == KM_OK)
		*status = s;
	return value;
}

static struct km_error *read_text(struct km_kernel *k, u64 buffer, u64 size, struct km_printk *log)
{
	enum km_status status = KM_OK;
	u64 end = read_u32_symbol(k, "log_end", &status);
	u64 chars = read_u32_symbol(k, "logged_chars", &status);
	u64 len = km_min(chars, size), first;

	if (status != KM_OK)
		return km_error_status(status, "log_end and logged_chars");
	if (!size || size & (size - 1))
		return km_error_new(KM_ERROR_FORMAT, "log_buf_len is %llu, no power of two",
				    (unsigned long long)size);
	log->form = KM_PRINTK_TEXT;
	log->bytes = calloc(1, len + 1);
	log->records = calloc(1, sizeof(*log->records));
	if (!log->bytes || !log->records)
		return km_error_nomem();

	u64 from = (end - len) & (size - 1);
	char *text = log->bytes;

	first = km_min(len, size - from);
	status = km_read(k, buffer + from, text, first);
	if (status == KM_OK && len > first)
		status = km_read(k, buffer, text + first, len - first);
	log->count = 1;
	log->records[0] = (struct km_printk_record){.text = text,
						    .text_len = status == KM_OK ? len : 0,
						    .subsystem = "",
						    .device = "",
						    .dict = "",
						    .status = status};
	return NULL;
}

static struct km_error *read_buffer(struct km_kernel *k, const struct km_job *job, u64 log_buf,
				    struct km_printk *log)
{
	struct km_printk_buffer buffer = {0};
	struct km_slot slots[L_LOG_SLOTS];
	enum km_status status = km_read_pointer(k, log_buf, &buffer.address);

	buffer.size = read_u32_symbol(k, "log_buf_len", &status);
	if (status != KM_OK)
		return km_error_status(status, "log_buf and log_buf_len");
	if (buffer.size > 1 << 30)
		return km_error_new(KM_ERROR_FORMAT, "log_buf_len is %llu, which cannot be",
				    (unsigned long long)buffer.size);
	if (!km_symbol_address(k, "log_first_idx"))
		return read_text(k, buffer.address, buffer.size, log);
	buffer.first = read_u32_symbol(k, "log_first_idx", &status);
	buffer.next = read_u32_symbol(k, "log_next_idx", &status);
	if (status != KM_OK)
		return km_error_status(status, "log_first_idx and log_next_idx");
	if (!km_printk_buffer_layout(k, slots))
		return km_error_new(KM_ERROR_MISSING,
				    "the layout of struct printk_log is in neither "
				    "the kernel's types nor VMCOREINFO");
	buffer.slots = slots;
	log->form = KM_PRINTK_RECORDS;
	return km_printk_buffer_parse(&buffer, read_kernel, k, job, log);
}

struct km_error *km_printk_snapshot(struct km_kernel *k, const struct km_job *job,
				    struct km_printk **ret)
{
	km_cleanup(km_printk_freep) struct km_printk *log = calloc(1, sizeof(*log));
	u64 prb = km_symbol_address(k, "prb");
	u64 log_buf = prb ? 0 : km_symbol_address(k, "log_buf");

	if (!log)
		return km_error_nomem();
	if (prb)
		KM_TRY(read_ring(k, job, prb, log));
	else if (log_buf)
		KM_TRY(read_buffer(k, job, log_buf, log));
	else
		return km_error_new(KM_ERROR_MISSING,
				    "neither prb nor log_buf is among the kernel's symbols");
	*ret = km_take(log);
	return NULL;
}

enum { S_LEN, S_LOST, S_BUFFER, S_ROWS };

/* kernel/printk/printk_safe.c until 5.15 made printk() itself safe. */
static const struct km_member_row safe_rows[S_ROWS] = {
	[S_LEN] = {"printk_safe_seq_buf", "len"},
	[S_LOST] = {"printk_safe_seq_buf", "message_lost"},
	[S_BUFFER] = {"printk_safe_seq_buf", "buffer"},
};

bool km_printk_safe_read(struct km_kernel *k, unsigned which, unsigned cpu,
			 struct km_printk_safe *ret)
{
	static const char *const names[] = {"nmi_print_seq", "safe_print_seq"};
	const struct km_slot *slots = km_kernel_members(k, safe_rows, S_ROWS);

	*ret = (struct km_printk_safe){.cpu = cpu};
	if (!slots || which >= KM_ARRAY_SIZE(names) || !slots[S_BUFFER].present)
		return false;
	ret->name = names[which];
	ret->address = km_percpu_symbol(k, ret->name, cpu);
	if (!ret->address)
		return false;

	struct km_maybe len = km_member(k, &slots[S_LEN], ret->address);
	u64 room = km_min((u64)slots[S_BUFFER].size, (u64)sizeof(ret->text) - 1);

	ret->lost = km_member(k, &slots[S_LOST], ret->address).value;
	ret->len = len.value;
	ret->status = len.status;
	if (ret->status == KM_OK)
		ret->status = km_read(k, ret->address + slots[S_BUFFER].offset, ret->text,
				      km_min(ret->len, room));
	return true;
}

/* A number until 5.11; then struct latched_seq, of whose two values the counter's lowest bit names the one
 * that holds. */
struct km_maybe km_printk_clear_seq(struct km_kernel *k)
{
	enum { L_LATCH, L_SEQUENCE, L_VAL, L_ROWS };
	static const struct km_member_row rows[] = {
		[L_LATCH] = {"latched_seq", "latch.seqcount.sequence|latch.sequence"},
		[L_SEQUENCE] = {"latched_seq", "="},
		[L_VAL] = {"latched_seq", "val"},
	};
	const struct km_slot *slots = km_kernel_members(k, rows, L_ROWS);
	u64 address = km_symbol_address(k, "clear_seq");
	struct km_maybe latch = {.status = KM_OK}, ret = {.status = KM_NOT_IN_KERNEL};

	if (!address || !slots)
		return ret;
	if (!slots[L_SEQUENCE].present) {
		ret.status = km_read_u64(k, address, &ret.value);
		return ret;
	}
	if (!slots[L_VAL].present)
		return ret;
	latch = km_member(k, &slots[L_LATCH], address);
	if (latch.status)
		return latch;
	ret.status = km_read_u64(k, address + slots[L_VAL].offset + 8 * (latch.value & 1),
				 &ret.value);
	return ret;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the message log's members lie: by the kernel's types, or by what VMCOREINFO says of them alone
 * (kernel/printk/printk.c, log_buf_vmcoreinfo_setup()). VMCOREINFO names offsets step by step and no
 * widths; those are the kernel's declarations', which have not changed since each struct came.
 */
#include "subsystem/printk_ring.h"

#include <stdio.h>
#include <string.h>

static const struct km_member_row ring_rows[P_ROWS] = {
	[P_DESCS] = {"printk_ringbuffer", "desc_ring.descs"},
	[P_INFOS] = {"printk_ringbuffer", "desc_ring.infos"},
	[P_COUNT_BITS] = {"printk_ringbuffer", "desc_ring.count_bits"},
	[P_HEAD_ID] = {"printk_ringbuffer", "desc_ring.head_id"},
	[P_TAIL_ID] = {"printk_ringbuffer", "desc_ring.tail_id"},
	[P_SIZE_BITS] = {"printk_ringbuffer", "text_data_ring.size_bits"},
	[P_DATA] = {"printk_ringbuffer", "text_data_ring.data"},
};

static const struct km_member_row record_rows[R_RING_SLOTS] = {
	[R_DESC_SIZE] = {"prb_desc", "="},
	[R_DESC_STATE] = {"prb_desc", "state_var"},
	[R_DESC_BEGIN] = {"prb_desc", "text_blk_lpos.begin"},
	[R_DESC_NEXT] = {"prb_desc", "text_blk_lpos.next"},
	[R_INFO_SIZE] = {"printk_info", "="},
	[R_INFO_SEQ] = {"printk_info", "seq"},
	[R_INFO_TS] = {"printk_info", "ts_nsec"},
	[R_INFO_TEXT_LEN] = {"printk_info", "text_len"},
	[R_INFO_FACILITY] = {"printk_info", "facility"},
	[R_INFO_FLAGS] = {"printk_info", "flags"},
	[R_INFO_LEVEL] = {"printk_info", "level"},
	[R_INFO_CALLER] = {"printk_info", "caller_id"},
	[R_INFO_SUBSYSTEM] = {"printk_info", "dev_info.subsystem"},
	[R_INFO_DEVICE] = {"printk_info", "dev_info.device"},
};

/* struct log was renamed in 3.15. */
static const struct km_member_row log_rows[2][L_LOG_SLOTS] = {
	{
		[L_SIZE] = {"printk_log", "="},
		[L_TS] = {"printk_log", "ts_nsec"},
		[L_LEN] = {"printk_log", "len"},
		[L_TEXT_LEN] = {"printk_log", "text_len"},
		[L_DICT_LEN] = {"printk_log", "dict_len"},
		[L_FACILITY] = {"printk_log", "facility"},
		[L_FLAGS] = {"printk_log", "flags"},
		[L_LEVEL] = {"printk_log", "level"},
		[L_CALLER] = {"printk_log", "caller_id"},
	},
	{
		[L_SIZE] = {"log", "="},
		[L_TS] = {"log", "ts_nsec"},
		[L_LEN] = {"log", "len"},
		[L_TEXT_LEN] = {"log", "text_len"},
		[L_DICT_LEN] = {"log", "dict_len"},
		[L_FACILITY] = {"log", "facility"},
		[L_FLAGS] = {"log", "flags"},
		[L_LEVEL] = {"log", "level"},
		[L_CALLER] = {"log", "caller_id"},
	},
};

/* ---- by VMCOREINFO ------------------------------------------------------------------------------ */

enum { STEPS = 3 };

/* A member: the sum of the OFFSET()s of its steps, or a SIZE(). WIDTH in bytes, or the LENGTH() of. */
struct vmcoreinfo_row {
	const char *size_of;
	const char *steps[STEPS];
	u8 width;
	const char *length;
};

#define COUNTER "atomic_long_t.counter"

static const struct vmcoreinfo_row ring_keys[P_ROWS] = {
	[P_DESCS] = {.steps = {"printk_ringbuffer.desc_ring", "prb_desc_ring.descs"}, .width = 8},
	[P_INFOS] = {.steps = {"printk_ringbuffer.desc_ring", "prb_desc_ring.infos"}, .width = 8},
	[P_COUNT_BITS] = {.steps = {"printk_ringbuffer.desc_ring", "prb_desc_ring.count_bits"},
			  .width = 4},
	[P_HEAD_ID] = {.steps = {"printk_ringbuffer.desc_ring", "prb_desc_ring.head_id", COUNTER},
		       .width = 8},
	[P_TAIL_ID] = {.steps = {"printk_ringbuffer.desc_ring", "prb_desc_ring.tail_id", COUNTER},
		       .width = 8},
	[P_SIZE_BITS] = {.steps = {"printk_ringbuffer.text_data_ring", "prb_data_ring.size_bits"},
			 .width = 4},
	[P_DATA] = {.steps = {"printk_ringbuffer.text_data_ring", "prb_data_ring.data"},
		    .width = 8},
};

/* Level, facility and flags are not among what VMCOREINFO names. */
static const struct vmcoreinfo_row record_keys[R_RING_SLOTS] = {
	[R_DESC_SIZE] = {.size_of = "prb_desc"},
	[R_DESC_STATE] = {.steps = {"prb_desc.state_var", COUNTER}, .width = 8},
	[R_DESC_BEGIN] = {.steps = {"prb_desc.text_blk_lpos", "prb_data_blk_lpos.begin"},
			  .width = 8},
	[R_DESC_NEXT] = {.steps = {"prb_desc.text_blk_lpos", "prb_data_blk_lpos.next"}, .width = 8},
	[R_INFO_SIZE] = {.size_of = "printk_info"},
	[R_INFO_SEQ] = {.steps = {"printk_info.seq"}, .width = 8},
	[R_INFO_TS] = {.steps = {"printk_info.ts_nsec"}, .width = 8},
	[R_INFO_TEXT_LEN] = {.steps = {"printk_info.text_len"}, .width = 2},
	[R_INFO_CALLER] = {.steps = {"printk_info.caller_id"}, .width = 4},
	[R_INFO_SUBSYSTEM] = {.steps = {"printk_info.dev_info", "dev_printk_info.subsystem"},
			      .length = "printk_info_subsystem"},
	[R_INFO_DEVICE] = {.steps = {"printk_info.dev_info", "dev_printk_info.device"},
			   .length = "printk_info_device"},
};

static const struct vmcoreinfo_row log_keys[2][L_LOG_SLOTS] = {
	{
		[L_SIZE] = {.size_of = "printk_log"},
		[L_TS] = {.steps = {"printk_log.ts_nsec"}, .width = 8},
		[L_LEN] = {.steps = {"printk_log.len"}, .width = 2},
		[L_TEXT_LEN] = {.steps = {"printk_log.text_len"}, .width = 2},
		[L_DICT_LEN] = {.steps = {"printk_log.dict_len"}, .width = 2},
		[L_CALLER] = {.steps = {"printk_log.caller_id"}, .width = 4},
	},
	{
		[L_SIZE] = {.size_of = "log"},
		[L_TS] = {.steps = {"log.ts_nsec"}, .width = 8},
		[L_LEN] = {.steps = {"log.len"}, .width = 2},
		[L_TEXT_LEN] = {.steps = {"log.text_len"}, .width = 2},
		[L_DICT_LEN] = {.steps = {"log.dict_len"}, .width = 2},
	},
};

enum { STRUCT_MAX = 4096 };

static bool number(struct km_kernel *k, const char *kind, const char *name, u64 *ret)
{
	char key[128];

	snprintf(key, sizeof(key), "%s(%s)", kind, name);
	return km_vmcoreinfo_number(k, key, ret) && *ret <= STRUCT_MAX;
}

static void fill_slot(struct km_kernel *k, const struct vmcoreinfo_row *row, struct km_slot *ret)
{
	u64 offset = 0, width = row->width, step;

	*ret = (struct km_slot){0};
	if (row->size_of) {
		if (number(k, "SIZE", row->size_of, &width))
			*ret = (struct km_slot){.present = true, .size = (u32)width};
		return;
	}
	if (!row->steps[0] || (row->length && !number(k, "LENGTH", row->length, &width)))
		return;
	for (int i = 0; i < STEPS && row->steps[i]; i++) {
		/* A counter is all that its struct has where nothing is said of it. */
		if (!number(k, "OFFSET", row->steps[i], &step)) {
			if (strcmp(row->steps[i], COUNTER))
				return;
			step = 0;
		}
		offset += step;
	}
	*ret = (struct km_slot){.present = true, .offset = (u32)offset, .size = (u32)width};
}

/* The slots of ROWS where types have the first of them, else those of KEYS. */
static bool resolve(struct km_kernel *k, const struct km_member_row *rows,
		    const struct vmcoreinfo_row *keys, size_t count, struct km_slot *ret)
{
	const struct km_slot *slots = km_kernel_types(k) ? km_kernel_members(k, rows, count) : NULL;

	if (slots && slots[0].present)
		memcpy(ret, slots, count * sizeof(*ret));
	else
		for (size_t i = 0; i < count; i++)
			fill_slot(k, &keys[i], &ret[i]);
	return ret[0].present;
}

bool km_printk_ring_layout(struct km_kernel *k, struct km_slot ring[P_ROWS],
			   struct km_slot records[R_RING_SLOTS])
{
	return resolve(k, ring_rows, ring_keys, P_ROWS, ring) &&
	       resolve(k, record_rows, record_keys, R_RING_SLOTS, records);
}

bool km_printk_buffer_layout(struct km_kernel *k, struct km_slot ret[L_LOG_SLOTS])
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(log_rows); i++)
		if (resolve(k, log_rows[i], log_keys[i], L_LOG_SLOTS, ret) && ret[L_LEN].present &&
		    ret[L_TEXT_LEN].present)
			return true;
	return false;
}

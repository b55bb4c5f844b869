/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two record formats of the message log, apart from where their bytes come from. */
#ifndef KM_SUBSYSTEM_PRINTK_RING_H
#define KM_SUBSYSTEM_PRINTK_RING_H

#include "subsystem/printk.h"

/* Reads LEN bytes of the kernel's memory. */
typedef enum km_status km_printk_read(void *data, u64 address, void *buf, size_t len);

enum {
	P_DESCS,
	P_INFOS,
	P_COUNT_BITS,
	P_HEAD_ID,
	P_TAIL_ID,
	P_SIZE_BITS,
	P_DATA,
	P_ROWS,
};

enum {
	R_DESC_SIZE,
	R_DESC_STATE,
	R_DESC_BEGIN,
	R_DESC_NEXT,
	R_INFO_SIZE,
	R_INFO_SEQ,
	R_INFO_TS,
	R_INFO_TEXT_LEN,
	R_INFO_FACILITY,
	R_INFO_FLAGS,
	R_INFO_LEVEL,
	R_INFO_CALLER,
	R_INFO_SUBSYSTEM,
	R_INFO_DEVICE,
	R_RING_SLOTS,
};

/* struct printk_ringbuffer, read. */
struct km_printk_ring {
	u64 descs, infos; /* addresses of arrays of 1 << count_bits */
	u64 count_bits;
	u64 head_id, tail_id;
	u64 text; /* address of 1 << size_bits bytes */
	u64 size_bits;
	const struct km_slot *slots; /* R_RING_SLOTS of them */
};

enum {
	L_SIZE,
	L_TS,
	L_LEN,
	L_TEXT_LEN,
	L_DICT_LEN,
	L_FACILITY,
	L_FLAGS,
	L_LEVEL,
	L_CALLER,
	L_LOG_SLOTS,
};

/* The buffer of struct printk_log records. */
struct km_printk_buffer {
	u64 address, size;
	u64 first, next;	     /* byte offsets of the oldest record, and past the newest */
	const struct km_slot *slots; /* L_LOG_SLOTS of them */
};

/* printk_layout.c: where the members lie, by the types or else by VMCOREINFO. False where neither says. */
bool km_printk_ring_layout(struct km_kernel *k, struct km_slot ring[P_ROWS],
			   struct km_slot records[R_RING_SLOTS]);
bool km_printk_buffer_layout(struct km_kernel *k, struct km_slot ret[L_LOG_SLOTS]);

/* Both append to LOG, which is empty and the caller's whatever happens. */
struct km_error *km_printk_ring_parse(const struct km_printk_ring *ring, km_printk_read *read,
				      void *data, const struct km_job *job,
				      struct km_printk *log) km_must_check;
struct km_error *km_printk_buffer_parse(const struct km_printk_buffer *buffer, km_printk_read *read,
					void *data, const struct km_job *job,
					struct km_printk *log) km_must_check;

#endif

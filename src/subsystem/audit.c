/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Audit messages that no daemon has taken yet (kernel/audit.c): socket buffers on queues that are
 * struct sk_buff_head. audit_skb_queue and audit_skb_hold_queue got their present names in 4.10.
 */
#include "subsystem/printk.h"
#include "subsystem/seen.h"

#include <stdlib.h>

enum { A_NEXT, A_LEN, A_DATA, A_ROWS };

static const struct km_member_row audit_rows[A_ROWS] = {
	[A_NEXT] = {"sk_buff", "next"},
	[A_LEN] = {"sk_buff", "len"},
	[A_DATA] = {"sk_buff", "data"},
};

/* include/uapi/linux/netlink.h: u32 length, u16 type, u16 flags, u32 sequence, u32 port. */
enum { NLMSG_HEADER = 16, MESSAGE_MAX = 8970 };

/* False where memory is out. */
static bool read_message(struct km_kernel *k, const struct km_slot *slots, u64 skb,
			 struct km_audit *audit)
{
	struct km_audit_message *message;
	struct km_maybe len = km_member(k, &slots[A_LEN], skb);
	struct km_maybe data = km_member(k, &slots[A_DATA], skb);
	u8 header[NLMSG_HEADER];
	enum km_status status = len.status != KM_OK ? len.status : data.status;
	size_t size;

	if (status == KM_OK)
		status = km_read(k, data.value, header, sizeof(header));
	message = realloc(audit->messages, (audit->count + 1) * sizeof(*message));
	if (!message)
		return false;
	audit->messages = message;
	message += audit->count++;
	*message = (struct km_audit_message){.skb = skb, .status = status};
	if (status != KM_OK)
		return true;
	message->type = km_load16(header + 4);
	size = km_min((u64)MESSAGE_MAX, km_min(len.value, (u64)km_load32(header)));
	size = size > NLMSG_HEADER ? size - NLMSG_HEADER : 0;
	message->text = calloc(1, size + 1);
	if (!message->text)
		return false;
	message->status = km_read(k, data.value + NLMSG_HEADER, message->text, size);
	if (message->status != KM_OK)
		message->text[0] = 0;
	return true;
}

void km_audit_free(struct km_audit *audit)
{
	if (!audit)
		return;
	for (size_t i = 0; i < audit->count; i++)
		free(audit->messages[i].text);
	free(audit->messages);
	free(audit);
}

struct km_error *km_audit_snapshot(struct km_kernel *k, const struct km_job *job,
				   struct km_audit **ret)
{
	static const char *const names[] = {"audit_hold_queue", "audit_retry_queue", "audit_queue",
					    "audit_skb_hold_queue", "audit_skb_queue"};
	km_cleanup(km_audit_freep) struct km_audit *audit = calloc(1, sizeof(*audit));
	km_auto_seen struct km_seen seen = {.limit = 1 << 20};
	const struct km_slot *slots = km_kernel_members(k, audit_rows, A_ROWS);
	u64 heads[KM_ARRAY_SIZE(names)], queues = 0;

	if (!audit || !slots)
		return km_error_nomem();
	km_symbol_addresses(k, names, heads, KM_ARRAY_SIZE(names));
	for (size_t i = 0; i < KM_ARRAY_SIZE(names); i++) {
		u64 at;

		if (!heads[i])
			continue;
		queues++;
		/* A head's first member is `next`, as a buffer's is. */
		enum km_status status = km_read_pointer(k, heads[i], &at);

		while (status == KM_OK && at && at != heads[i]) {
			if (km_job_check(job) != KM_OK)
				return km_error_status(KM_CANCELLED, "audit messages");
			if (km_seen_add(&seen, at) != KM_SEEN_NEW) {
				audit->status = KM_CORRUPT;
				break;
			}
			if (!read_message(k, slots, at, audit))
				return km_error_nomem();

			struct km_maybe next = km_member(k, &slots[A_NEXT], at);

			status = next.status;
			at = next.value;
		}
		if (status != KM_OK)
			audit->status = status;
	}
	if (!queues)
		return km_error_new(KM_ERROR_MISSING, "this kernel has no audit queues");
	*ret = km_take(audit);
	return NULL;
}

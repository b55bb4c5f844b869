/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wr: changes memory, of a live kernel only. */
#include "command/address.h"

#include <inttypes.h>
#include <string.h>

struct wr_record {
	u64 address, before, value;
	u32 bits;
};

static const struct km_field wr_fields[] = {
	KM_FIELD_OF(struct wr_record, address, KM_FIELD_ADDRESS, "as it was given"),
	KM_FIELD_OF(struct wr_record, bits, KM_FIELD_U32, "the size of what was written"),
	KM_FIELD_OF(struct wr_record, before, KM_FIELD_ADDRESS, "what it held before"),
	KM_FIELD_OF(struct wr_record, value, KM_FIELD_ADDRESS, "what it holds now"),
};

/* Under crash(8) a write that succeeds says nothing. */
static void wr_text(struct km_out *out, const void *record)
{
	(void)out;
	(void)record;
}

static const struct km_kind wr_kind = {
	.name = "memory-write",
	.help = "memory that was changed",
	.size = sizeof(struct wr_record),
	.fields = wr_fields,
	.n_fields = KM_ARRAY_SIZE(wr_fields),
	.text = wr_text,
};

struct wr_options {
	unsigned size; /* bytes */
	bool kind_given;
	enum km_memory_kind kind;
};

static struct km_error *take_options(struct km_args *args, struct wr_options *o)
{
	const char *value;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		if (!letter)
			return NULL;
		if (strchr("ukp", letter)) {
			o->kind_given = true;
			o->kind = letter == 'u' ? KM_MEMORY_USER :
				  letter == 'k' ? KM_MEMORY_KERNEL :
						  KM_MEMORY_PHYSICAL;
		} else if (letter == '8') {
			o->size = 1;
		} else if (letter == '1' && !strcmp(value, "6")) {
			o->size = 2;
		} else if (letter == '3' && !strcmp(value, "2")) {
			o->size = 4;
		} else if (letter == '6' && !strcmp(value, "4")) {
			o->size = 8;
		} else {
			return km_error_new(KM_ERROR_USAGE,
					    "-%c%s: sizes are -8, -16, -32 and -64", letter,
					    value ? value : "");
		}
	}
}

/* Where ADDRESS lies in physical memory; SIZE bytes from there on lie together. */
static struct km_error *translate(struct km_memory *memory, u64 address, unsigned size, u64 *ret)
{
	enum km_status status;
	u64 left = ~(u64)0;

	*ret = address;
	if (memory->kind == KM_MEMORY_PHYSICAL)
		return NULL;
	status = km_space_translate(&memory->space, address, ret, &left);
	if (status != KM_OK)
		return km_error_status(status, "%s %" PRIx64, km_memory_name(memory->kind),
				       address);
	if (left < size)
		return km_error_new(KM_ERROR_USAGE, "%" PRIx64 ": the value would cross a page",
				    address);
	return NULL;
}

static struct km_error *write_value(struct km_session *session, const struct wr_options *o,
				    u64 address, u64 value)
{
	struct wr_record record = {.address = address, .value = value, .bits = o->size * 8};
	km_auto_free struct km_memory *memory = calloc(1, sizeof(*memory));
	struct km_error *error;
	u64 paddr;

	if (!memory)
		return km_error_nomem();
	KM_TRY(km_memory_open(session, o->kind, memory));
	error = translate(memory, address, o->size, &paddr);
	if (!error && km_memory_read(memory, address, &record.before, o->size) != KM_OK)
		error = km_error_new(KM_ERROR_MISSING, "%" PRIx64 " cannot be read", address);
	if (!error)
		error = km_image_write(km_kernel_image(session->kernel), paddr, &value, o->size);
	km_memory_close(memory);
	if (!error)
		km_emit(session->out, &wr_kind, &record);
	return error;
}

static struct km_error *wr_run(struct km_session *session, struct km_args *args)
{
	struct wr_options o = {.size = 8};
	u64 address, value;

	KM_TRY(take_options(args, &o));
	if (!km_session_is_live(session))
		return km_error_new(KM_ERROR_UNSUPPORTED, "not allowed on dumpfiles");
	if (km_args_count(args) != 2)
		return km_error_new(KM_ERROR_USAGE, "an address and a value are needed; usage: wr %s",
				    session->command->usage);
	KM_TRY(km_parse_address(session, km_args_get(args, 0), &address));
	KM_TRY(km_expression(session, km_args_get(args, 1), true, &value));
	if (o.size < 8 && value >> (o.size * 8) && (s64)value >> (o.size * 8 - 1) != -1)
		return km_error_new(KM_ERROR_USAGE, "%" PRIx64 " does not fit in %u bits", value,
				    o.size * 8);
	if (!o.kind_given)
		o.kind = km_memory_kind_of(session, address);
	return write_value(session, &o, address, value);
}

static const struct km_option wr_options[] = {
	{'u', NULL, "the address is of the context's user space"},
	{'k', NULL, "it is a kernel address"},
	{'p', NULL, "it is a physical address"},
	{'8', NULL, "one byte"},
	{'1', "6", "-16: two bytes"},
	{'3', "2", "-32: four bytes"},
	{'6', "4", "-64: eight bytes, as without"},
};

static const struct km_kind *const wr_kinds[] = {&wr_kind, NULL};

const struct km_command km_command_wr = {
	.name = "wr",
	.help = "write memory of a live kernel",
	.usage = "[-u|-k|-p] [-8|-16|-32|-64] address|symbol value",
	.details = "  The value is hexadecimal, or an expression (see eval). A dump is never changed. The\n"
		   "  running kernel's memory is written through /dev/mem, as root; a kernel built with\n"
		   "  STRICT_DEVMEM, as distributions' are, refuses. What was written is read back.\n"
		   "\n"
		   "      wr -32 panic_on_oops 1\n",
	.options = wr_options,
	.n_options = KM_ARRAY_SIZE(wr_options),
	.kinds = wr_kinds,
	.run = wr_run,
};

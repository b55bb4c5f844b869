/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dis: instructions of a function, or from an address on. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/address.h"
#include "command/dis.h"

/* No function of a kernel is larger; what a damaged table says may be. */
enum { FUNCTION_MAX = 1 << 20 };

struct dis_options {
	bool reverse, forward, lines, source, user, ud2_skip;
	int radix_letter;
	u64 address, count;
	bool counted, whole;
	unsigned radix;
};

struct dis_record {
	struct km_instruction i;
	u64 address;
	bool user;
	const char *place; /* "schedule+5" */
	const char *mnemonic, *operands;
	const char *target; /* symbol of the target */
	const char *note;
	enum km_status status;
};

static const struct km_field dis_fields[] = {
	KM_FIELD_OF(struct dis_record, address, KM_FIELD_ADDRESS, "of the instruction"),
	KM_FIELD_OF(struct dis_record, place, KM_FIELD_TEXT, "the symbol it lies in, and how far"),
	KM_FIELD_OF(struct dis_record, mnemonic, KM_FIELD_TEXT,
		    "with prefixes; \"(bad)\" for none"),
	KM_FIELD_OF(struct dis_record, operands, KM_FIELD_TEXT, "AT&T syntax"),
	KM_FIELD_OF(struct dis_record, target, KM_FIELD_TEXT, "what a jump, call or %rip names"),
	KM_FIELD_OF(struct dis_record, note, KM_FIELD_TEXT, "what else is known of it"),
	KM_FIELD_OF(struct dis_record, status, KM_FIELD_STATUS, "why it cannot be read"),
};

static void dis_text(struct km_out *out, const void *record)
{
	const struct dis_record *r = record;

	if (r->place)
		km_outf(out, "0x%" PRIx64 " <%s>:\t", r->address, r->place);
	else
		km_outf(out, "   0x%" PRIx64 ":\t", r->address);
	if (r->status != KM_OK)
		km_outf(out, "(%s)\n", km_status_text(r->status));
	else if (!r->operands[0])
		km_outf(out, "%s%s\n", r->mnemonic, r->note ? r->note : "");
	else
		km_outf(out, "%-6s %s", r->mnemonic, r->operands);
	if (r->status != KM_OK || !r->operands[0])
		return;
	if (r->i.has_target && !r->i.target_shown)
		km_outf(out, "        # 0x%" PRIx64, r->i.target);
	if (r->target)
		km_outf(out, " <%s>", r->target);
	km_outf(out, "%s\n", r->note ? r->note : "");
}

static const struct km_kind dis_kind = {
	.name = "instruction",
	.help = "a machine instruction",
	.size = sizeof(struct dis_record),
	.fields = dis_fields,
	.n_fields = KM_ARRAY_SIZE(dis_fields),
	.text = dis_text,
};

static const struct km_option dis_option_table[] = {
	{'r', NULL, "from the function's start up to the address; with a count the last of them"},
	{'f', NULL, "from the address to the function's end"},
	{'l', NULL, "with source files and lines, where they are known"},
	{'u', NULL, "the address is of the context's user space"},
	{'s', NULL, "the source line alone"},
	{'b', NULL, "how many bytes follow a ud2 of BUG() that are no instructions"},
	{'x', NULL, "offsets in hexadecimal"},
	{'d', NULL, "offsets in decimal"},
};

/* ---- reading ----------------------------------------------------------------------------------- */

struct dis {
	struct km_session *session;
	const struct dis_options *o;
	struct km_memory memory;
	struct km_disassembler *engine;
	u64 function; /* start of the function at hand */
};

/* The instruction at ADDRESS; one byte that is none where there is none. */
static enum km_status fetch(struct dis *d, u64 address, struct km_instruction *ret)
{
	u8 bytes[KM_INSTRUCTION_MAX];
	size_t len = sizeof(bytes);
	enum km_status status = km_memory_read(&d->memory, address, bytes, len);

	*ret = (struct km_instruction){.address = address, .size = 1};
	/* Near the end of what is mapped there are fewer bytes. */
	while (status != KM_OK && len > 1)
		status = km_memory_read(&d->memory, address, bytes, --len);
	if (status != KM_OK)
		return status;
	if (!km_disassemble(d->engine, bytes, len, address, ret))
		snprintf(ret->mnemonic, sizeof(ret->mnemonic), "(bad)");
	return KM_OK;
}

/* The 5 bytes that ftrace patches, as they are while nobody traces (CONFIG_DYNAMIC_FTRACE). */
static bool is_ftrace_nop(const struct dis *d, const struct km_instruction *i)
{
	return i->address == d->function && i->size == 5 && !strcmp(i->mnemonic, "nopl");
}

static void show(struct dis *d, const struct km_instruction *i, enum km_status status)
{
	char place[KM_SYMBOL_NAME_MAX + 24], target[KM_SYMBOL_NAME_MAX + 24];
	struct km_kernel *k = d->session->kernel;
	struct dis_record r = {.i = *i,
			       .address = i->address,
			       .mnemonic = i->mnemonic,
			       .operands = i->operands,
			       .status = status};

	if (!d->o->user && km_symbol_text(k, i->address, d->o->radix, place, sizeof(place)))
		r.place = place;
	if (i->has_target && !d->o->user &&
	    km_symbol_text(k, i->target, d->o->radix, target, sizeof(target)))
		r.target = target;
	if (status == KM_OK && !d->o->user && is_ftrace_nop(d, i))
		r.note = " [FTRACE NOP]";
	km_emit(d->session->out, &dis_kind, &r);
}

static bool go_on(const struct dis *d)
{
	return km_job_check(d->session->job) == KM_OK && !km_out_failed(d->session->out);
}

static void show_from(struct dis *d, u64 address, u64 end, u64 count)
{
	while (address < end && count-- && go_on(d)) {
		struct km_instruction i;
		enum km_status status = fetch(d, address, &i);

		show(d, &i, status);
		if (status != KM_OK || address + i.size < address)
			return;
		address += i.size;
	}
}

static bool is_padding(const struct km_instruction *i)
{
	return !strncmp(i->mnemonic, "nop", 3) || strstr(i->mnemonic, " nop") ||
	       !strcmp(i->mnemonic, "int3") || !strcmp(i->mnemonic, "udf") ||
	       (!strcmp(i->mnemonic, "xchg") && !strcmp(i->operands, "%ax,%ax"));
}

/* kallsyms has no sizes: what fills the room up to the next symbol is none of the function's. */
static u64 end_of_code(struct dis *d, u64 start, u64 end)
{
	u64 code_end = start;

	for (u64 at = start; at < end && go_on(d);) {
		struct km_instruction i;

		if (fetch(d, at, &i) != KM_OK)
			return end;
		at += i.size;
		if (!is_padding(&i))
			code_end = at;
	}
	return code_end;
}

/* The first instruction from START on that begins at TARGET or after it, and how many there are up to
 * it, itself included. */
static u64 count_up_to(struct dis *d, u64 start, u64 target, u64 *ret_at)
{
	u64 n = 1, at = start;

	for (; at < target && go_on(d); n++) {
		struct km_instruction i;

		if (fetch(d, at, &i) != KM_OK)
			break;
		at += i.size;
	}
	*ret_at = at;
	return n;
}

static void show_backwards(struct dis *d, u64 start)
{
	u64 last = start, n = count_up_to(d, start, d->o->address, &last), skip = 0;

	if (d->o->counted && d->o->count < n)
		skip = n - d->o->count;
	for (u64 at = start; n && go_on(d); n--) {
		struct km_instruction i;
		enum km_status status = fetch(d, at, &i);

		if (skip)
			skip--;
		else
			show(d, &i, status);
		if (status != KM_OK)
			return;
		at += i.size;
	}
}

/* ---- the command --------------------------------------------------------------------------------- */

static struct km_error *take_options(struct km_args *args, struct dis_options *o)
{
	const char *value;
	int letter;

	for (;;) {
		KM_TRY(km_args_option(args, &letter, &value));
		switch (letter) {
		case 0:
			return NULL;
		case 'r':
			o->reverse = true;
			break;
		case 'f':
			o->forward = true;
			break;
		case 'l':
			o->lines = true;
			break;
		case 's':
			o->source = true;
			break;
		case 'u':
			o->user = true;
			break;
		case 'b':
			o->ud2_skip = true;
			break;
		default:
			o->radix_letter = letter;
		}
	}
}

static struct km_error *take_words(struct km_session *session, struct km_args *args,
				   struct dis_options *o)
{
	const char *address = km_args_get(args, 0), *count = km_args_get(args, 1);
	struct km_symbol_place place;

	if (!address || km_args_count(args) > 2)
		return km_error_new(KM_ERROR_USAGE, "%s; usage: dis %s",
				    address ? "there are too many arguments"
					    : "an address or symbol is missing",
				    session->command->usage);
	if (o->reverse && o->forward)
		return km_error_new(KM_ERROR_USAGE, "-r and -f exclude each other");
	KM_TRY(km_parse_address(session, address, &o->address));
	o->counted = count != NULL;
	o->count = 1;
	if (count)
		KM_TRY(km_parse_count(count, &o->count));
	/* A function's own address means all of it. */
	o->whole = !count && !o->user && km_symbol_at(session->kernel, o->address, &place) &&
		   place.symbol.address == o->address && km_is_text(session->kernel, o->address);
	return NULL;
}

static struct km_error *show_instructions(struct dis *d)
{
	const struct dis_options *o = d->o;
	struct km_symbol_place place;
	u64 end = UINT64_MAX;

	d->function = o->address;
	if (!o->user && km_symbol_at(d->session->kernel, o->address, &place)) {
		d->function = place.symbol.address;
		if (place.symbol.size)
			end = d->function + km_min(place.symbol.size, (u64)FUNCTION_MAX);
	} else if (!o->user && (o->reverse || o->forward)) {
		return km_error_new(KM_ERROR_MISSING,
				    "%" PRIx64 " lies in no function: -r and -f need one",
				    o->address);
	}
	if (end != UINT64_MAX && !o->counted && !o->reverse && (o->whole || o->forward))
		end = end_of_code(d, d->function, end);
	if (o->user) {
		show_from(d, o->address, UINT64_MAX, o->count);
	} else if (o->reverse) {
		show_backwards(d, d->function);
	} else if (o->forward && !o->counted) {
		u64 at = o->address;

		/* An address within an instruction: the next one is the first that is whole. */
		count_up_to(d, d->function, o->address, &at);
		show_from(d, at, end, UINT64_MAX);
	} else if (o->whole) {
		show_from(d, o->address, end, UINT64_MAX);
	} else {
		show_from(d, o->address, o->forward ? end : UINT64_MAX, o->count);
	}
	if (km_job_check(d->session->job) != KM_OK)
		return km_error_new(KM_ERROR_CANCELLED, "stopped");
	return NULL;
}

static struct km_error *check_first(struct dis *d)
{
	enum km_status status;
	u8 byte;

	status = km_memory_read(&d->memory, d->o->address, &byte, 1);
	if (status == KM_OK)
		return NULL;
	return km_error_status(status, "%s %" PRIx64, km_memory_name(d->memory.kind),
			       d->o->address);
}

static struct km_error *dis_run(struct km_session *session, struct km_args *args)
{
	km_cleanup(km_disassembler_freep) struct km_disassembler *engine = NULL;
	struct dis_options o = {0};
	km_auto_free struct dis *d = calloc(1, sizeof(*d));

	if (!d)
		return km_error_nomem();
	KM_TRY(take_options(args, &o));
	if (o.ud2_skip) {
		/* Kernels since 2.6.20 keep BUG()'s file and line in a table, not behind the ud2. */
		km_outf(session->out, "encoded bytes being skipped after ud2a: 0\n");
		return km_args_count(args)
			       ? km_error_new(KM_ERROR_UNSUPPORTED,
					      "nothing is ever skipped after a ud2 here")
			       : NULL;
	}
	KM_TRY(take_words(session, args, &o));
	o.radix = o.radix_letter == 'x' ? 16 : o.radix_letter == 'd' ? 10 : session->radix;
	if (o.source)
		return km_error_new(KM_ERROR_UNSUPPORTED,
				    "source lines are in no dump; they take debug information");
	if (o.lines)
		km_complain(session,
			    "source lines are in no dump: the instructions are shown without");
	KM_TRY(km_disassembler_new(km_kernel_arch(session->kernel)->machine, &engine));
	d->session = session;
	d->o = &o;
	d->engine = engine;
	KM_TRY(km_memory_open(session, o.user ? KM_MEMORY_USER : KM_MEMORY_KERNEL, &d->memory));
	KM_TRY(check_first(d));
	return show_instructions(d);
}

static const struct km_kind *const dis_kinds[] = {&dis_kind, NULL};

const struct km_command km_command_dis = {
	.name = "dis",
	.help = "machine instructions",
	.usage = "[-r|-f] [-l] [-s] [-u] [-x|-d] [-b] address|symbol [count]",
	.details =
		"  A function's name alone shows all of it, an address one instruction, or as many as the\n"
		"  count says. The bytes are those of memory when it was dumped: patched alternatives, static\n"
		"  keys and ftrace's calls stand there as they were.\n"
		"\n"
		"      dis schedule\n"
		"      dis -r schedule+67 5\n"
		"      dis -u 401000 10\n",
	.options = dis_option_table,
	.n_options = KM_ARRAY_SIZE(dis_option_table),
	.kinds = dis_kinds,
	.run = dis_run,
};

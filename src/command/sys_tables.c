/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sys -c, -t, -i, config. */
#include "command/sys.h"

#include <inttypes.h>
#include <string.h>

enum { SYSCALLS_MAX = 2048, DMI_MAX = 64 };

/* ---- -c ------------------------------------------------------------------------------------------------ */

struct sys_call {
	u32 number;
	struct km_maybe address;
	char function[KM_SYMBOL_NAME_MAX];
};

static const struct km_field call_fields[] = {
	KM_FIELD_OF(struct sys_call, number, KM_FIELD_U32, "its number"),
	KM_FIELD_OF(struct sys_call, address, KM_FIELD_MAYBE_ADDRESS, "of its function"),
	KM_FIELD_OF(struct sys_call, function, KM_FIELD_CHARS, "which that is"),
};

static void call_text(struct km_out *out, const void *record)
{
	const struct sys_call *call = record;
	const bool *hex = km_out_view(out);
	char cell[32];

	if (!km_out_emitted(out, &sys_kind_call))
		km_outf(out, "NUM  SYSTEM CALL                FILE AND LINE NUMBER\n");
	km_outf(out, *hex ? "%3x  %s\n" : "%3u  %s\n", call->number,
		call->address.status == KM_OK ? call->function : km_cell(call->address, cell));
}

const struct km_kind sys_kind_call = {
	.name = "system_call",
	.help = "an entry of sys_call_table",
	.size = sizeof(struct sys_call),
	.fields = call_fields,
	.n_fields = KM_ARRAY_SIZE(call_fields),
	.text = call_text,
};

static bool call_matches(const struct sys_call *call, struct km_args *args)
{
	for (size_t i = 0; i < km_args_count(args); i++) {
		const char *word = km_args_get(args, i);
		u64 number;

		if (km_parse_number(word, false, &number) ? number == call->number :
							    strstr(call->function, word) != NULL)
			return true;
	}
	return !km_args_count(args);
}

struct km_error *sys_calls(struct km_session *session, struct km_args *args)
{
	struct km_kernel *k = session->kernel;
	struct km_symbol_place table, place;
	bool hex = session->radix == 16;
	u64 count;

	if (!km_symbol(k, "sys_call_table", &table))
		return km_error_new(KM_ERROR_MISSING, "sys_call_table does not exist in this kernel");
	km_out_set_view(session->out, &hex);
	count = km_min(table.symbol.size / sizeof(u64), (u64)SYSCALLS_MAX);
	for (u64 i = 0; i < count; i++) {
		struct sys_call call = {.number = (u32)i};

		call.address.status = km_read_pointer(k, table.symbol.address + i * sizeof(u64),
						      &call.address.value);
		if (call.address.status == KM_OK) {
			/* Past the table's end lies padding, not code. */
			if (!km_is_text(k, call.address.value))
				break;
			if (km_symbol_at(k, call.address.value, &place))
				memcpy(call.function, place.symbol.name, sizeof(call.function));
		}
		if (call_matches(&call, args))
			km_emit(session->out, &sys_kind_call, &call);
	}
	km_out_set_view(session->out, NULL);
	return NULL;
}

/* ---- -t ------------------------------------------------------------------------------------------------ */

struct sys_taint_record {
	struct km_maybe mask;
	char letters[72];
};

static const struct km_field taint_fields[] = {
	KM_FIELD_OF(struct sys_taint_record, mask, KM_FIELD_MAYBE, "TAINT_* bits"),
	KM_FIELD_OF(struct sys_taint_record, letters, KM_FIELD_CHARS, "their letters"),
};

static void taint_text(struct km_out *out, const void *record)
{
	const struct sys_taint_record *taint = record;
	char cell[32];

	km_outf(out, "TAINTED_MASK: %s  %s\n", km_cell_address(taint->mask, cell), taint->letters);
}

const struct km_kind sys_kind_taint = {
	.name = "taint",
	.help = "why the kernel is tainted",
	.size = sizeof(struct sys_taint_record),
	.fields = taint_fields,
	.n_fields = KM_ARRAY_SIZE(taint_fields),
	.text = taint_text,
};

struct km_error *sys_taint(struct km_session *session)
{
	struct sys_taint_record record = {0};
	struct km_system system;

	km_system_read(session->kernel, &system);
	record.mask = system.taint;
	km_taint_letters(session->kernel, system.taint.value, false, record.letters,
			 sizeof(record.letters));
	km_emit(session->out, &sys_kind_taint, &record);
	return NULL;
}

/* ---- -i ------------------------------------------------------------------------------------------------ */

struct sys_dmi_record {
	const char *name;
	char value[256];
	enum km_status status;
};

static const struct km_field dmi_fields[] = {
	KM_FIELD_OF(struct sys_dmi_record, name, KM_FIELD_TEXT, "which string"),
	KM_FIELD_OF(struct sys_dmi_record, value, KM_FIELD_CHARS, "the string"),
	KM_FIELD_OF(struct sys_dmi_record, status, KM_FIELD_STATUS, "why it cannot be read"),
};

static void dmi_text(struct km_out *out, const void *record)
{
	const struct sys_dmi_record *dmi = record;

	if (dmi->status == KM_OK)
		km_outf(out, "%25s: %s\n", dmi->name, dmi->value);
	else
		km_outf(out, "%25s: (%s)\n", dmi->name, km_status_text(dmi->status));
}

const struct km_kind sys_kind_dmi = {
	.name = "dmi",
	.help = "a string of the machine's firmware",
	.size = sizeof(struct sys_dmi_record),
	.fields = dmi_fields,
	.n_fields = KM_ARRAY_SIZE(dmi_fields),
	.text = dmi_text,
};

/* drivers/firmware/dmi_scan.c: dmi_ident[DMI_STRING_MAX], indexed by enum dmi_field. */
struct km_error *sys_dmi(struct km_session *session)
{
	u64 table = km_symbol_address(session->kernel, "dmi_ident");
	struct km_enumerator field;
	struct km_type fields;

	if (!table || !km_type(session->kernel, "enum dmi_field", &fields))
		return km_error_new(KM_ERROR_MISSING,
				    "dmi_ident or its indices do not exist in this kernel");
	for (u32 i = 0; i < km_min(km_type_enumerator_count(fields), (u32)DMI_MAX); i++) {
		struct sys_dmi_record record = {0};
		u64 address = 0;

		if (!km_type_enumerator(fields, i, &field) || field.value <= 0 ||
		    field.value >= DMI_MAX || !strcmp(field.name, "DMI_STRING_MAX"))
			continue;
		/* What comes after the maximum is no index into the table. */
		if (!strcmp(field.name, "DMI_OEM_STRING"))
			continue;
		record.name = field.name;
		record.status = km_read_pointer(session->kernel,
						table + (u64)field.value * sizeof(u64), &address);
		if (record.status == KM_OK && !address)
			continue;
		if (record.status == KM_OK)
			record.status = km_read_string(session->kernel, address, record.value,
						       sizeof(record.value));
		km_emit(session->out, &sys_kind_dmi, &record);
	}
	return NULL;
}

/* ---- config -------------------------------------------------------------------------------------------- */

static const struct km_field config_fields[] = {
	{.name = "text", .type = KM_FIELD_TEXT, .offset = 0, .help = "the configuration"},
};

static void config_text(struct km_out *out, const void *record)
{
	const char *text = *(const char *const *)record;

	km_out_text(out, text, strlen(text));
}

const struct km_kind sys_kind_config = {
	.name = "config",
	.help = "what the kernel was built with",
	.size = sizeof(const char *),
	.fields = config_fields,
	.n_fields = KM_ARRAY_SIZE(config_fields),
	.text = config_text,
};

struct km_error *sys_config(struct km_session *session)
{
	km_auto_str struct km_str config = {0};
	struct km_error *error = km_kernel_config(session->kernel, &config);
	const char *text = config.data;

	if (text)
		km_emit(session->out, &sys_kind_config, &text);
	return error;
}

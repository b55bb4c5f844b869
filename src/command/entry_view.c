/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/address.h"
#include "command/entry_view.h"

/* Does the type have the first part of PATH? What follows may go through pointers and indices. */
static bool has_member(struct km_type type, const char *path)
{
	struct km_type_member member;
	char first[256];
	size_t len = strcspn(path, ".[");

	if (km_type_find_member(type, path, &member))
		return true;
	if (!len || len >= sizeof(first))
		return false;
	memcpy(first, path, len);
	first[len] = 0;
	return path[len] && km_type_find_member(type, first, &member);
}

struct km_error *km_entry_view_parse(struct km_session *session, const char *text, bool direct,
				     struct km_entry_view *ret)
{
	char *dot, *part, *save = NULL;

	free(ret->text);
	ret->n_members = 0;
	ret->direct = direct;
	ret->text = strdup(text);
	if (!ret->text)
		return km_error_nomem();
	ret->name = ret->text;
	dot = strchr(ret->text, '.');
	if (dot)
		*dot++ = 0;
	if (!km_type(session->kernel, ret->name, &ret->type))
		return km_error_new(KM_ERROR_MISSING, "this kernel has no type %s", ret->name);
	ret->type = km_type_strip(ret->type);
	for (part = dot ? strtok_r(dot, ",", &save) : NULL; part;
	     part = strtok_r(NULL, ",", &save)) {
		if (ret->n_members == KM_ENTRY_MEMBERS)
			return km_error_new(KM_ERROR_USAGE, "at most %d members at a time",
					    KM_ENTRY_MEMBERS);
		if (!has_member(ret->type, part))
			return km_error_new(KM_ERROR_MISSING, "%s has no member %s in this kernel",
					    ret->name, part);
		ret->members[ret->n_members++] = part;
	}
	return NULL;
}

void km_entry_view_done(struct km_entry_view *view)
{
	free(view->text);
	view->text = NULL;
}

/* A string up to its NUL: -S shows char arrays so. */
static bool show_string(struct km_session *session, const char *path, const struct km_value *value)
{
	struct km_ctype target = km_ctype_target(&value->type);
	struct km_int_encoding encoding;
	char text[512];
	u64 count = km_ctype_array_count(&value->type);

	if (km_ctype_kind(&value->type) != KM_TYPE_ARRAY || !count ||
	    !km_ctype_scalar(&target, &encoding) || !encoding.is_char)
		return false;
	if (km_read_string(session->kernel, value->address, text,
			   km_min(count + 1, (u64)sizeof(text))) != KM_OK)
		return false;
	km_outf(session->out, "  %s = \"%s\"\n", path, text);
	return true;
}

static bool show_integer(struct km_session *session, const struct km_entry_view *view,
			 const char *path, const struct km_value *value)
{
	struct km_int_encoding encoding;
	char symbol[KM_SYMBOL_NAME_MAX + 24];
	struct km_maybe scalar;
	u64 size;
	bool pointer = km_ctype_kind(&value->type) == KM_TYPE_POINTER;

	if (value->bit_size || (!pointer && !km_ctype_scalar(&value->type, &encoding)) ||
	    !km_ctype_size(&value->type, &size) || !size || size > 8)
		return false;
	scalar = km_value_scalar(session->kernel, value);
	if (scalar.status != KM_OK)
		return false;
	if (size < 8)
		scalar.value &= ((u64)1 << (8 * size)) - 1;
	if (!pointer && view->format.radix != 16) {
		km_outf(session->out, "  %s = %" PRIu64 "\n", path, scalar.value);
		return true;
	}
	if (size == 8 && km_is_text(session->kernel, scalar.value) &&
	    km_symbol_text(session->kernel, scalar.value, 10, symbol, sizeof(symbol)))
		km_outf(session->out, "  %s = 0x%" PRIx64 " <%s>\n", path, scalar.value, symbol);
	else
		km_outf(session->out, "  %s = 0x%" PRIx64 "\n", path, scalar.value);
	return true;
}

static struct km_error *show_member(struct km_session *session, const struct km_entry_view *view,
				    const struct km_value *object, const char *path)
{
	struct km_value member;

	if (view->direct && !session->json) {
		KM_TRY(km_value_member(session->kernel, object, path, &member));
		if (show_string(session, path, &member) ||
		    show_integer(session, view, path, &member))
			return NULL;
	}
	return km_emit_member(session, object, path, &view->format);
}

void km_entry_view_show(struct km_session *session, const struct km_entry_view *view, u64 address)
{
	const struct km_value object = {
		.type = km_ctype_of(view->type),
		.in_memory = true,
		.address = address - view->back,
	};
	char heading[300];

	for (size_t i = 0; i < view->n_members; i++) {
		struct km_error *error = show_member(session, view, &object, view->members[i]);

		if (error)
			km_complain(session, "%" PRIx64 ": %s", object.address, error->message);
		km_error_free(error);
	}
	if (view->n_members)
		return;
	snprintf(heading, sizeof(heading), "%s%s ",
		 strchr(view->name, ' ')		     ? ""
		 : km_type_kind(view->type) == KM_TYPE_UNION ? "union "
							     : "struct ",
		 view->name);
	km_emit_value(session, heading, NULL, &object, &view->format, false);
}

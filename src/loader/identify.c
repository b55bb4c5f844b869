// SPDX-License-Identifier: GPL-2.0-or-later
/* What a file is: the rows are asked in turn; a row that only wraps another is unwrapped, and so on. */
#include <string.h>

#include "loader/input.h"
#include "loader/pe.h"
#include "loader/types.h"

/* A packed uImage of a packed kernel in a UKI is as deep as anybody could mean. */
enum { LAYERS_MAX = 6 };

const struct km_image_type *const km_image_types[] = {
	&km_type_multiboot2,
	&km_type_elf64,
	&km_type_multiboot,
	&km_type_elf32,
	&km_type_bzimage64,
	&km_type_bzimage,
	&km_type_uki,
	&km_type_uimage,
	&km_type_packed,
	NULL,
};

static struct km_error *unknown_type(const char *name)
{
	const char *names[16];
	const char *near;
	size_t count = 0;

	for (size_t i = 0; km_image_types[i] && count < KM_ARRAY_SIZE(names); i++)
		names[count++] = km_image_types[i]->name;
	near = km_nearest(name, names, count);
	if (near)
		return km_error_new(
			KM_ERROR_USAGE,
			"there is no image type %s; did you mean %s? (--help lists them)", name,
			near);
	return km_error_new(KM_ERROR_USAGE, "there is no image type %s; --help lists them", name);
}

static const struct km_image_type *type_named(const char *name)
{
	for (size_t i = 0; km_image_types[i]; i++)
		if (!strcmp(km_image_types[i]->name, name))
			return km_image_types[i];
	return NULL;
}

/* The row that takes FILE; NULL where none does. The reasons against are gathered in AGAINST. */
static struct km_error *probe_all(const struct km_kernel_file *file,
				  const struct km_image_type *wanted, struct km_str *why,
				  struct km_str *against, const struct km_image_type **ret)
{
	*ret = NULL;
	for (size_t i = 0; km_image_types[i]; i++) {
		const struct km_image_type *type = km_image_types[i];
		km_auto_str struct km_str reason = {0};
		struct km_error *error;
		bool is = false;

		/* -t says what it is in the end; what it is wrapped in is found out all the same. */
		if (wanted && type != wanted && !type->unwrap)
			continue;
		error = type->probe(file, &is, &reason);
		if (error)
			return km_error_prefix(error, "%s", file->path);
		if (is) {
			if (why->len)
				km_str_add(why, ", in it ");
			km_str_add(why, reason.data ? reason.data : "");
			*ret = type;
			return why->failed ? km_error_nomem() : NULL;
		}
		km_str_addf(against, "%s%s: %s", against->len ? "; " : "", type->name,
			    reason.data ? reason.data : "");
	}
	return against->failed ? km_error_nomem() : NULL;
}

struct km_error *km_kernel_find_type(struct km_load_build *build, struct km_str *why,
				     const struct km_image_type **ret)
{
	const char *name = build->request->type;
	const struct km_image_type *wanted = name ? type_named(name) : NULL;
	bool met_wanted = false;

	if (name && !wanted)
		return unknown_type(name);
	for (unsigned layer = 0; layer < LAYERS_MAX; layer++) {
		km_auto_str struct km_str against = {0};
		const struct km_image_type *type;
		struct km_error *error;

		/* Once the wrapper that was named is off, what is in it may be anything. */
		KM_TRY(probe_all(&build->kernel, met_wanted ? NULL : wanted, why, &against, &type));
		if (!type)
			return km_error_new(
				KM_ERROR_FORMAT, "%s is no kernel %s%s (%s)", build->kernel.path,
				wanted ? "of type " : "of any type that kexec can start",
				wanted ? name : "", against.data ? against.data : "");
		met_wanted = met_wanted || type == wanted;
		if (!type->unwrap) {
			*ret = type;
			return NULL;
		}
		error = type->unwrap(build);
		if (error)
			return km_error_prefix(error, "%s", build->kernel.path);
	}
	return km_error_new(KM_ERROR_FORMAT, "%s: a wrapper in a wrapper, more than %d deep",
			    build->kernel.path, LAYERS_MAX);
}

/* ---- for others than loading ------------------------------------------------------------------ */

static void note_signature(const struct km_kernel_file *file, struct km_kernel_identity *ret)
{
	km_auto_pe struct km_pe pe = {0};
	km_auto_error struct km_error *error = NULL;

	if (!km_pe_is(file->bytes, file->size))
		return;
	error = km_pe_parse(file->bytes, file->size, &pe);
	ret->is_signed = !error && pe.is_signed;
}

static struct km_error *identify(struct km_load_build *build, struct km_kernel_identity *ret)
{
	const struct km_image_type *type, *first = NULL;
	km_auto_str struct km_str why = {0}, against = {0};

	note_signature(&build->kernel, ret);
	KM_TRY(probe_all(&build->kernel, NULL, &why, &against, &first));
	if (first && first->identify)
		KM_TRY(first->identify(&build->kernel, ret));
	/* What a UKI says of itself is enough; else its kernel is asked. */
	if (first && ret->version[0]) {
		ret->type = first->name;
		return NULL;
	}
	KM_TRY(km_kernel_find_type(build, &why, &type));
	ret->type = first && first == &km_type_uki ? first->name : type->name;
	return type->identify && !ret->version[0] ? type->identify(&build->kernel, ret) : NULL;
}

struct km_error *km_kernel_identify(const struct km_tree *tree, const char *path,
				    struct km_kernel_identity *ret)
{
	km_cleanup(km_load_plan_freep) struct km_load_plan *plan = calloc(1, sizeof(*plan));
	const struct km_load_request request = {.kernel = path};
	struct km_load_build build = {.request = &request, .plan = plan, .kernel.path = path};
	km_auto_str struct km_str bytes = {0};
	struct km_error *error;

	*ret = (struct km_kernel_identity){0};
	if (!plan)
		return km_error_nomem();
	KM_TRY(km_tree_read(tree, path, KM_KERNEL_MAX, &bytes));
	if (!bytes.len)
		return km_error_new(KM_ERROR_FORMAT, "%s is empty", path);
	build.kernel.bytes = (const u8 *)bytes.data;
	build.kernel.size = bytes.len;
	error = identify(&build, ret);
	km_initrd_close(&build);
	return error;
}

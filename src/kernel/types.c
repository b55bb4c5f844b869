/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the kernel's BTF lies: by its symbols, or by its magic where kallsyms has no data symbols. */
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/private.h"

/* struct btf_header, include/uapi/linux/btf.h */
enum {
	BTF_MAGIC = 0xeb9f,
	BTF_HEADER = 24,
	BTF_MAX = 256 << 20,   /* a body of types larger than this is a mistake */
	SCAN_LEAST = 64 << 10, /* what is smaller is no kernel's, and its magic chance */
};

/* The size of the BTF whose header lies at HEADER, or 0 where that is none. */
static u64 btf_size(const u8 *header)
{
	if (km_load16(header) != BTF_MAGIC || header[2] != 1)
		return 0;
	u64 header_len = km_load32(header + 4);
	u64 type_off = km_load32(header + 8), type_len = km_load32(header + 12);
	u64 str_off = km_load32(header + 16), str_len = km_load32(header + 20);
	u64 end = header_len + str_off + str_len;

	if (header_len < BTF_HEADER || header_len > 4096 || type_off % 4 ||
	    type_off + type_len > str_off || end > BTF_MAX)
		return 0;
	return end;
}

static u64 btf_size_at(struct km_space *space, u64 address)
{
	u8 header[BTF_HEADER];

	if (km_space_read(space, address, header, sizeof(header)) != KM_OK)
		return 0;
	return btf_size(header);
}

/* Looks through the kernel's image for a header of BTF. It is aligned to 4 bytes at least. */
static u64 scan_for_btf(struct km_kernel *k, struct km_space *space, u64 *ret_size)
{
	u8 page[4096 + BTF_HEADER];

	for (u64 at = k->image_start; at < k->image_end; at += 4096) {
		enum km_status status;
		size_t have = km_space_read_partial(space, at, page, sizeof(page), &status);

		if (!have)
			continue;
		for (size_t i = 0; i < 4096; i += 4) {
			u64 size = btf_size(page + i);

			/* The strings of BTF begin with the empty one. */
			u8 first = 1;
			u64 strings = at + i + km_load32(page + i + 4) + km_load32(page + i + 16);

			if (size >= SCAN_LEAST &&
			    km_space_read(space, strings, &first, 1) == KM_OK && !first &&
			    size <= k->image_end - (at + i)) {
				*ret_size = size;
				return at + i;
			}
		}
	}
	return 0;
}

static u64 locate_btf(struct km_kernel *k, struct km_space *space, u64 *ret_size)
{
	u64 start = km_own_symbol(k, "__start_BTF"), stop = km_own_symbol(k, "__stop_BTF");

	if (start && stop > start && stop - start <= BTF_MAX && btf_size_at(space, start)) {
		*ret_size = stop - start;
		return start;
	}
	if (start) {
		*ret_size = btf_size_at(space, start);
		if (*ret_size)
			return start;
	}
	start = scan_for_btf(k, space, ret_size);
	if (start)
		km_kernel_add_finding(k, false, "BTF", "found by its magic at 0x%llx",
				      (unsigned long long)start);
	return start;
}

/* The types in SPACE; a finding where there are none that can be read. */
static bool take_types(struct km_kernel *k, struct km_space *space)
{
	u64 size, start = locate_btf(k, space, &size);

	if (!start) {
		km_kernel_add_finding(
			k, true, "BTF",
			"none in the kernel's image: types are what VMCOREINFO names");
		return false;
	}
	enum km_status status = km_space_view(space, start, size, &k->btf_view);

	if (status != KM_OK) {
		km_kernel_add_finding(k, true, "BTF", "at 0x%llx, %llu bytes: %s",
				      (unsigned long long)start, (unsigned long long)size,
				      km_status_text(status));
		return false;
	}
	km_auto_error struct km_error *error =
		km_btf_open(k->btf_view.data, k->btf_view.size, NULL, &k->types);
	k->btf_space = space;
	if (!error)
		return true;
	k->types = NULL;
	km_space_unview(space, &k->btf_view);
	km_kernel_add_finding(k, true, "BTF", "%s", error->message);
	return false;
}

static void find_types(struct km_kernel *k)
{
	bool found = take_types(k, &k->space);

	if (found && !km_types_problem(k->types))
		return;
	struct km_space *file = km_kernel_file_space(k);

	if (!file)
		return;
	if (found) { /* not all of them */
		km_types_free(km_take(k->types));
		km_space_unview(&k->space, &k->btf_view);
	}
	if (take_types(k, file) || (found && take_types(k, &k->space)))
		km_kernel_add_finding(k, false, "BTF", "of %s",
				      k->btf_space == file ? k->file.path
							   : "the dump all the same");
}

const struct km_types *km_kernel_types(struct km_kernel *k)
{
	km_once_run(&k->types_once, find_types, k);
	return k->types;
}

void km_types_release(struct km_kernel *k)
{
	if (k->types)
		km_types_free(k->types);
	if (k->btf_space)
		km_space_unview(k->btf_space, &k->btf_view);
}

/* The kinds that NAME may be of, its prefix taken off. */
static size_t kinds_of(const char **name, enum km_type_kind kinds[5])
{
	static const struct {
		const char *prefix;
		enum km_type_kind kind;
	} prefixes[] = {
		{"struct ", KM_TYPE_STRUCT},
		{"union ", KM_TYPE_UNION},
		{"enum ", KM_TYPE_ENUM},
	};
	static const enum km_type_kind any[5] = {KM_TYPE_STRUCT, KM_TYPE_UNION, KM_TYPE_TYPEDEF,
						 KM_TYPE_ENUM, KM_TYPE_INT};

	for (size_t i = 0; i < KM_ARRAY_SIZE(prefixes); i++) {
		size_t len = strlen(prefixes[i].prefix);

		if (!strncmp(*name, prefixes[i].prefix, len)) {
			*name += len;
			*name += strspn(*name, " ");
			kinds[0] = prefixes[i].kind;
			return 1;
		}
	}
	memcpy(kinds, any, sizeof(any));
	return KM_ARRAY_SIZE(any);
}

bool km_type(struct km_kernel *k, const char *name, struct km_type *ret)
{
	const struct km_types *types = km_kernel_types(k);
	const struct km_module *modules;
	enum km_type_kind kinds[5];
	size_t n_kinds = kinds_of(&name, kinds);

	if (!types)
		return false;
	for (size_t i = 0; i < n_kinds; i++)
		if (km_types_find(types, kinds[i], name, ret))
			return true;
	for (size_t m = 0, n = km_modules(k, &modules); m < n; m++) {
		types = km_module_types(k, &modules[m]);
		for (size_t i = 0; types && i < n_kinds; i++)
			if (km_types_find(types, kinds[i], name, ret))
				return true;
	}
	return false;
}

bool km_enumerator(struct km_kernel *k, const char *name, s64 *ret)
{
	const struct km_types *types = km_kernel_types(k);

	return types && km_types_enumerator(types, name, ret);
}

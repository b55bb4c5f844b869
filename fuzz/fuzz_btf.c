/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BTF, alone and as the continuation of itself: the first two bytes of the input say where the base
 * ends and the split BTF begins. Every question of the interface is put to every type.
 */
#include <stdio.h>
#include <string.h>

#include "debuginfo/debuginfo.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void ask_members(struct km_type type)
{
	struct km_type_member member;

	for (u32 i = 0; i < 64 && km_type_member(type, i, &member); i++) {
		char path[300] = "";
		struct km_type_member found;

		snprintf(path, sizeof(path), "%.200s[1].%.80s", member.name, member.name);
		km_type_find_member(type, path, &found);
		km_type_find_member(type, member.name, &found);
	}
}

static void ask(const struct km_types *types, struct km_type type)
{
	struct km_int_encoding encoding;
	struct km_enumerator enumerator;
	struct km_type found;
	u64 size, offset;
	s64 value;

	if (strlen(km_type_name(type)) &&
	    km_types_find(types, km_type_kind(type), km_type_name(type), &found)) {
		for (int i = 0; i < 16; i++)
			if (!km_types_find_next(km_type_kind(found), km_type_name(found), &found))
				break;
	}
	km_type_size(type, &size);
	km_type_is_signed(type);
	km_type_int_encoding(type, &encoding);
	km_type_kind(km_type_strip(km_type_target(type)));
	for (u32 i = 0; i < 64 && km_type_enumerator(type, i, &enumerator); i++)
		km_types_enumerator(types, enumerator.name, &value);
	km_types_variable(types, km_type_name(type), &found, &offset, &size);
	ask_members(type);
}

static void ask_all(const struct km_types *types)
{
	u32 end = km_types_end_id(types) + 2;

	for (u32 id = 0; id < end && id < 256; id++)
		ask(types, (struct km_type){types, id});
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	km_cleanup(km_types_freep) struct km_types *base = NULL;
	km_cleanup(km_types_freep) struct km_types *split = NULL;
	size_t cut;

	if (size < 2)
		return 0;
	cut = km_load16(data);
	data += 2;
	size -= 2;
	if (cut > size)
		cut = size;
	km_error_free(km_btf_open(data, cut, NULL, &base));
	if (base)
		ask_all(base);
	km_error_free(km_btf_open(data + cut, size - cut, base, &split));
	if (split)
		ask_all(split);
	return 0;
}

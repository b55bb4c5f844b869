/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of BTF share: a blob that is written and opened, and looks at its types. */
#ifndef KM_TEST_BTF_FIXTURE_H
#define KM_TEST_BTF_FIXTURE_H

#include "btf_writer.h"

struct fixture {
	struct btf_writer w;
	u8 *data;
	struct km_types *types;
};

static inline void fixture_begin(struct fixture *f)
{
	w_begin(&f->w, 1, 0);
}

static inline void fixture_open(struct fixture *f, const struct km_types *base)
{
	f->types = w_open(&f->w, base, &f->data);
}

static inline void fixture_free(struct fixture *f)
{
	km_types_free(f->types);
	free(f->data);
	w_free(&f->w);
}
#define auto_fixture km_cleanup(fixture_free) struct fixture

static inline struct km_type type_of(const struct fixture *f, u32 id)
{
	return (struct km_type){f->types, id};
}

static inline struct km_type find(const struct km_types *types, enum km_type_kind kind,
				  const char *name)
{
	struct km_type type = {NULL, 0};

	assert_true(km_types_find(types, kind, name, &type));
	assert_string_equal(km_type_name(type), name);
	assert_int_equal(km_type_kind(type), kind);
	return type;
}

static inline void assert_size(struct km_type type, u64 expected)
{
	u64 size = ~0ULL;

	assert_true(km_type_size(type, &size));
	assert_int_equal(size, expected);
}

/* Something like a task: every construct that a path may have to cross. */
struct ids {
	u32 int_, char_, long_, task, list, bits, anon, flexible, task_typedef;
};

static inline struct ids write_task(struct btf_writer *w)
{
	struct ids ids;
	u32 inner, comm, array2d, ptr, const_int, row;

	ids.int_ = w_int(w, "int", 4, 1);
	ids.char_ = w_int(w, "char", 1, 1);
	ids.long_ = w_int(w, "long unsigned int", 8, 0);
	ptr = w_type(w, W_PTR, "", 0, ids.int_ + 10);
	comm = w_array(w, ids.char_, 16);
	row = w_array(w, ids.int_, 3);
	array2d = w_array(w, row, 2);
	ids.list = w_type(w, W_STRUCT, "list_head", 2, 16);
	w_three(w, "next", ptr, 0);
	w_three(w, "prev", ptr, 64);
	const_int = w_type(w, W_CONST, "", 0, ids.int_);
	inner = w_type(w, W_STRUCT, "", 2, 8);
	w_three(w, "low", const_int, 0);
	w_three(w, "high", ids.int_, 32);
	ids.anon = w_type(w, W_UNION, "", 2, 8);
	w_three(w, "whole", ids.long_, 0);
	w_three(w, "", inner, 0);
	ids.bits = w_type(w, W_STRUCT | W_FLAG, "bits", 3, 4);
	w_three(w, "a", ids.int_, 3 << 24 | 0);
	w_three(w, "b", ids.int_, 5 << 24 | 3);
	w_three(w, "plain", ids.char_, 8);
	ids.flexible = w_array(w, ids.list, 0);
	ids.task = w_type(w, W_STRUCT, "task_struct", 6, 96);
	w_three(w, "tasks", ids.list, 0);
	w_three(w, "comm", comm, 128);
	w_three(w, "", ids.anon, 256);
	w_three(w, "grid", array2d, 320);
	w_three(w, "flags", ids.bits, 512);
	w_three(w, "tail", ids.flexible, 576);
	ids.task_typedef = w_type(w, W_TYPEDEF, "task_t", 0, ids.task);
	return ids;
}

static inline void assert_path(struct km_type type, const char *path, u64 bit_offset, u32 bit_size)
{
	struct km_type_member member = {0};

	if (!km_type_find_member(type, path, &member))
		fail_msg("no member %s", path);
	assert_int_equal(member.bit_offset, bit_offset);
	assert_int_equal(member.bit_size, bit_size);
}

#endif

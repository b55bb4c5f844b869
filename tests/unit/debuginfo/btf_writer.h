/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes BTF for tests, record by record: Documentation/bpf/btf.rst. Nothing is checked, so that
 * broken BTF can be written as well. */
#ifndef KM_TEST_BTF_WRITER_H
#define KM_TEST_BTF_WRITER_H

#include "km_test.h"
#include "debuginfo/debuginfo.h"

/* The numbers of include/uapi/linux/btf.h, written down once more: the test must not borrow the
 * parser's. */
enum {
	W_INT = 1,
	W_PTR,
	W_ARRAY,
	W_STRUCT,
	W_UNION,
	W_ENUM,
	W_FWD,
	W_TYPEDEF,
	W_VOLATILE,
	W_CONST,
	W_RESTRICT,
	W_FUNC,
	W_FUNC_PROTO,
	W_VAR,
	W_DATASEC,
	W_FLOAT,
	W_DECL_TAG,
	W_TYPE_TAG,
	W_ENUM64,
	W_FLAG = 1 << 7, /* kind_flag */
};

struct btf_writer {
	struct km_str types, strings, layout, whole;
	u32 next_id, strings_start;
};

static inline void w_begin(struct btf_writer *w, u32 first_id, u32 strings_start)
{
	*w = (struct btf_writer){.next_id = first_id, .strings_start = strings_start};
	if (!strings_start)
		km_str_add_char(&w->strings, 0);
}

static inline void w_free(struct btf_writer *w)
{
	km_str_free(&w->types);
	km_str_free(&w->strings);
	km_str_free(&w->layout);
	km_str_free(&w->whole);
}

static inline void w_u32(struct btf_writer *w, u32 value)
{
	km_str_add_bytes(&w->types, &value, sizeof(value));
}

static inline u32 w_string(struct btf_writer *w, const char *s)
{
	u32 offset = w->strings_start + w->strings.len;

	if (!*s)
		return 0;
	km_str_add_bytes(&w->strings, s, strlen(s) + 1);
	return offset;
}

/* struct btf_type; returns the type's id. */
static inline u32 w_type(struct btf_writer *w, u32 kind, const char *name, u32 vlen, u32 size)
{
	w_u32(w, w_string(w, name));
	w_u32(w, kind << 24 | vlen);
	w_u32(w, size);
	return w->next_id++;
}

static inline u32 w_int(struct btf_writer *w, const char *name, u32 size, u32 encoding)
{
	u32 id = w_type(w, W_INT, name, 0, size);

	w_u32(w, encoding << 24 | size * 8);
	return id;
}

static inline u32 w_array(struct btf_writer *w, u32 type, u32 count)
{
	u32 id = w_type(w, W_ARRAY, "", 0, 0);

	w_u32(w, type);
	w_u32(w, 1);
	w_u32(w, count);
	return id;
}

/* A member, an enumerator of 64 bits (name, low, high), or a section's variable (type …). */
static inline void w_three(struct btf_writer *w, const char *name, u32 b, u32 c)
{
	w_u32(w, w_string(w, name));
	w_u32(w, b);
	w_u32(w, c);
}

/* An enumerator or a parameter. */
static inline void w_two(struct btf_writer *w, const char *name, u32 b)
{
	w_u32(w, w_string(w, name));
	w_u32(w, b);
}

/* Puts the header before it all. The result is in w->whole. */
static inline void w_end(struct btf_writer *w)
{
	u32 header_size = w->layout.len ? 32 : 24;
	u32 header[8] = {0x0001eb9f,
			 header_size,
			 0,
			 w->types.len,
			 w->types.len,
			 w->strings.len,
			 w->types.len + w->strings.len,
			 w->layout.len};

	km_str_clear(&w->whole);
	km_str_add_bytes(&w->whole, header, header_size);
	km_str_add_bytes(&w->whole, w->types.data, w->types.len);
	km_str_add_bytes(&w->whole, w->strings.data, w->strings.len);
	km_str_add_bytes(&w->whole, w->layout.data, w->layout.len);
}

/* The bytes in a block of their own exact size, so that AddressSanitizer sees a step past it. */
static inline struct km_types *w_open(struct btf_writer *w, const struct km_types *base, u8 **data)
{
	struct km_types *types = NULL;

	w_end(w);
	*data = malloc(w->whole.len);
	memcpy(*data, w->whole.data, w->whole.len);
	assert_no_error(km_btf_open(*data, w->whole.len, base, &types));
	assert_non_null(types);
	return types;
}

#endif

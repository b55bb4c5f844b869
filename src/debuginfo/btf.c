/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Opens BTF where it lies: checks the header and finds each type's place in one pass. The records
 * have no length of their own, so that one of an unknown kind hides where the next begins. Since
 * 7.1 a layout section may tell; before, the length that makes the following records sensible is
 * taken. Documentation/bpf/btf.rst; kernel/bpf/btf.c.
 */
#include <stdio.h>

#include "debuginfo/btf.h"

enum {
	BTF_MAGIC = 0xeb9f,
	BTF_HEADER_MIN = 24, /* up to str_len; layout_off and layout_len came with 7.1 */
	BTF_HEADER_LAYOUT = 32,
	SHAPE_MAX = 32,	 /* the longest info or element that is tried for an unknown kind */
	RUN_MAX = 64,	 /* records looked at to judge a length */
	RUN_MIN = 4,	 /* and how many must make sense, unless the section ends before */
	LEARN_MAX = 256, /* lengths tried for: hostile data must not make this slow */
};

static const struct btf_shape known_shapes[BTF_KNOWN_KINDS] = {
	[BTF_INT] = {4, 0, true},	 [BTF_PTR] = {0, 0, true},
	[BTF_ARRAY] = {12, 0, true},	 [BTF_STRUCT] = {0, 12, true},
	[BTF_UNION] = {0, 12, true},	 [BTF_ENUM] = {0, 8, true},
	[BTF_FWD] = {0, 0, true},	 [BTF_TYPEDEF] = {0, 0, true},
	[BTF_VOLATILE] = {0, 0, true},	 [BTF_CONST] = {0, 0, true},
	[BTF_RESTRICT] = {0, 0, true},	 [BTF_FUNC] = {0, 0, true},
	[BTF_FUNC_PROTO] = {0, 8, true}, [BTF_VAR] = {4, 0, true},
	[BTF_DATASEC] = {0, 12, true},	 [BTF_FLOAT] = {0, 0, true},
	[BTF_DECL_TAG] = {4, 0, true},	 [BTF_TYPE_TAG] = {0, 0, true},
	[BTF_ENUM64] = {0, 12, true},
};

static const u8 public_kinds[BTF_KNOWN_KINDS] = {
	[BTF_UNKNOWN] = KM_TYPE_OTHER,	     [BTF_INT] = KM_TYPE_INT,
	[BTF_PTR] = KM_TYPE_POINTER,	     [BTF_ARRAY] = KM_TYPE_ARRAY,
	[BTF_STRUCT] = KM_TYPE_STRUCT,	     [BTF_UNION] = KM_TYPE_UNION,
	[BTF_ENUM] = KM_TYPE_ENUM,	     [BTF_FWD] = KM_TYPE_FORWARD,
	[BTF_TYPEDEF] = KM_TYPE_TYPEDEF,     [BTF_VOLATILE] = KM_TYPE_VOLATILE,
	[BTF_CONST] = KM_TYPE_CONST,	     [BTF_RESTRICT] = KM_TYPE_RESTRICT,
	[BTF_FUNC] = KM_TYPE_FUNCTION,	     [BTF_FUNC_PROTO] = KM_TYPE_PROTOTYPE,
	[BTF_VAR] = KM_TYPE_VARIABLE,	     [BTF_DATASEC] = KM_TYPE_SECTION,
	[BTF_FLOAT] = KM_TYPE_FLOAT,	     [BTF_DECL_TAG] = KM_TYPE_ANNOTATION,
	[BTF_TYPE_TAG] = KM_TYPE_ANNOTATION, [BTF_ENUM64] = KM_TYPE_ENUM,
};

/* ---- records that follow one of unknown length ---- */

static u64 record_length(struct btf_shape shape, u32 info)
{
	return BTF_RECORD_SIZE + shape.info + (u64)shape.element * btf_vlen(info);
}

static bool id_plausible(const struct km_types *types, u32 id)
{
	return id < (u64)types->first_id + types->records_size / BTF_RECORD_SIZE;
}

/* Does a record of a known kind make sense, beyond lying within the section? */
static bool record_plausible(const struct km_types *types, u32 name, u32 info, u32 size)
{
	bool named = name != 0;
	u32 vlen = btf_vlen(info);

	if (name >= (u64)types->strings_start + types->strings_size)
		return false;
	switch (btf_kind_of(info)) {
	case BTF_INT:
	case BTF_FLOAT:
		return named && !vlen && size && size <= 16;
	case BTF_PTR:
	case BTF_VOLATILE:
	case BTF_CONST:
	case BTF_RESTRICT:
		return !named && !vlen && id_plausible(types, size);
	case BTF_TYPEDEF:
	case BTF_VAR:
	case BTF_DECL_TAG:
	case BTF_TYPE_TAG:
		return named && !vlen && id_plausible(types, size);
	case BTF_FUNC:
		return named && vlen <= 2 && id_plausible(types, size);
	case BTF_FUNC_PROTO:
		return !named && id_plausible(types, size);
	case BTF_ARRAY:
		return !named && !vlen && !size;
	case BTF_FWD:
		return named && !vlen && !size;
	case BTF_ENUM:
	case BTF_ENUM64:
		return size && size <= 8 && !(size & (size - 1));
	case BTF_DATASEC:
		return named;
	default:
		return true;
	}
}

/* How many records from POS on make sense if records of KIND have SHAPE; RUN_MAX if all do. */
static unsigned run_length(const struct km_types *types, u64 pos, u32 kind, struct btf_shape shape)
{
	for (unsigned run = 0; run < RUN_MAX; run++) {
		struct btf_shape next;
		u32 name, info, size;

		if (pos == types->records_size)
			return RUN_MAX;
		if (pos + BTF_RECORD_SIZE > types->records_size)
			return run;
		name = km_load32(types->records + pos);
		info = km_load32(types->records + pos + 4);
		size = km_load32(types->records + pos + 8);
		next = btf_kind_of(info) == kind ? shape : types->shapes[btf_kind_of(info)];
		if (!next.known || !record_plausible(types, name, info, size))
			return run;
		pos += record_length(next, info);
		if (pos > types->records_size)
			return run;
	}
	return RUN_MAX;
}

/* Finds the shape of KIND, of which one record with INFO begins at POS, from what follows it. */
static bool learn_shape(struct km_types *types, u64 pos, u32 info)
{
	u32 kind = btf_kind_of(info);
	struct btf_shape best = {0};
	unsigned best_run = 0;

	for (u32 i = 0; i <= SHAPE_MAX; i += 4) {
		for (u32 e = 0; e <= SHAPE_MAX; e += 4) {
			struct btf_shape shape = {i, e, true};
			u64 next = pos + record_length(shape, info);
			unsigned run;

			if (next > types->records_size)
				break;
			run = run_length(types, next, kind, shape);
			if (run > best_run) {
				best_run = run;
				best = shape;
			}
			if (!btf_vlen(info))
				break;
		}
	}
	if (best_run < RUN_MIN)
		return false;
	types->shapes[kind] = best;
	return true;
}

/* A shape that was learned may have been one of several that fitted: it must go on fitting. */
static bool shape_fits(const struct km_types *types, u64 pos, u32 info)
{
	u32 kind = btf_kind_of(info);
	struct btf_shape shape = types->shapes[kind];
	u64 next = pos + record_length(shape, info);

	if (!shape.known || next > types->records_size)
		return false;
	return run_length(types, next, kind, shape) >= RUN_MIN;
}

/* ---- the index ---- */

static void note_record(struct km_types *types, u32 info, const u8 *at)
{
	if (btf_kind_of(info) == BTF_INT) {
		const char *name = btf_string(types, km_load32(at));
		u32 size = km_load32(at + 8);

		/* Nothing says how wide a pointer is; in Linux a long is. */
		if (!strncmp(name, "long ", 5) && !strstr(name, "long long") &&
		    (size == 4 || size == 8))
			types->pointer_size = size;
	} else if (btf_kind_of(info) == BTF_ENUM64 || btf_kind_flag(info)) {
		types->enum_signs = true;
	}
}

static void stop_index(struct km_types *types, u32 id, u32 kind, u64 pos, const char *why)
{
	snprintf(types->problem, sizeof(types->problem),
		 "type %u of kind %u at offset %llu %s: it and all later ones are left out", id,
		 kind, (unsigned long long)pos, why);
}

/* The length of the record at POS, which lies wholly within the section; 0 stops the index. */
static u64 next_record(struct km_types *types, u64 pos, u32 id, u32 info, unsigned *learned)
{
	u32 kind = btf_kind_of(info);
	u64 length;

	if (km_unlikely(kind == BTF_UNKNOWN)) {
		stop_index(types, id, kind, pos, "is no type");
		return 0;
	}
	if (km_unlikely(kind >= BTF_KNOWN_KINDS && !types->shapes[kind].told &&
			!shape_fits(types, pos, info)) &&
	    ((*learned)++ >= LEARN_MAX || !learn_shape(types, pos, info))) {
		stop_index(types, id, kind, pos, "has no length that can be told");
		return 0;
	}
	length = record_length(types->shapes[kind], info);
	if (km_unlikely(length > types->records_size - pos)) {
		stop_index(types, id, kind, pos, "goes past the end");
		return 0;
	}
	return length;
}

static u32 index_records(struct km_types *types)
{
	u64 pos = 0;
	u32 n = 0;
	unsigned learned = 0;

	while (types->records_size - pos >= BTF_RECORD_SIZE) {
		const u8 *at = types->records + pos;
		u32 info = km_load32(at + 4);
		u32 kind = btf_kind_of(info);
		u8 public_kind;
		u64 length = next_record(types, pos, types->first_id + n, info, &learned);

		if (!length)
			return n;
		public_kind = kind < BTF_KNOWN_KINDS ? public_kinds[kind] : KM_TYPE_OTHER;
		if (public_kind == KM_TYPE_INT || public_kind == KM_TYPE_ENUM)
			note_record(types, info, at);
		types->offsets[n] = pos;
		types->kinds[n] = public_kind;
		types->kind_counts[public_kind]++;
		n++;
		pos += length;
	}
	if (pos != types->records_size)
		stop_index(types, types->first_id + n, 0, pos, "is cut short");
	return n;
}

static struct km_error *make_index(struct km_types *types)
{
	/* As much as could be needed: memory that is never touched costs nothing. */
	size_t capacity = types->records_size / BTF_RECORD_SIZE + 1;
	void *shrunk;
	u32 n;

	if (types->first_id + (u64)capacity > UINT32_MAX)
		return km_error_new(KM_ERROR_FORMAT, "BTF: more types than ids");
	types->offsets = malloc(capacity * sizeof(*types->offsets));
	types->kinds = malloc(capacity);
	if (!types->offsets || !types->kinds)
		return km_error_nomem();
	n = index_records(types);
	types->end_id = types->first_id + n;
	shrunk = realloc(types->offsets, (n + 1) * sizeof(*types->offsets));
	if (shrunk)
		types->offsets = shrunk;
	shrunk = realloc(types->kinds, n + 1);
	if (shrunk)
		types->kinds = shrunk;
	return NULL;
}

/* ---- the header ---- */

struct btf_section {
	const u8 *data;
	u32 size;
};

/* The section at OFFSET from the end of the header, as far as DATA has it. */
static struct btf_section section_at(struct km_reader *r, u32 header_size, u32 offset, u32 size)
{
	u64 start = (u64)header_size + offset;

	if (start >= r->size)
		return (struct btf_section){NULL, 0};
	return (struct btf_section){r->data + start, km_min((u64)size, r->size - start)};
}

/* include/uapi/linux/btf.h, struct btf_layout: u8 info_sz, u8 elem_sz, u16 flags, by kind. */
static void read_layout(struct km_types *types, struct btf_section layout)
{
	for (u32 kind = 1; kind < BTF_MAX_KINDS && kind * 4 + 4 <= layout.size; kind++) {
		const u8 *entry = layout.data + kind * 4;
		struct btf_shape *shape = &types->shapes[kind];

		/* A kind that we know may grow at its end, but not lose what we read of it. */
		if (entry[0] < shape->info || entry[1] < shape->element)
			continue;
		*shape = (struct btf_shape){entry[0], entry[1], true, true};
	}
}

static struct km_error *read_header(struct km_types *types, const u8 *data, size_t size)
{
	struct km_reader r = km_reader_over(data, size);
	u16 magic = km_reader_u16(&r);
	u8 version = km_reader_u8(&r);
	u32 header_size, type_off, type_len, str_off, str_len;
	struct btf_section records, strings;

	km_reader_skip(&r, 1); /* flags, none of which is defined */
	header_size = km_reader_u32(&r);
	type_off = km_reader_u32(&r);
	type_len = km_reader_u32(&r);
	str_off = km_reader_u32(&r);
	str_len = km_reader_u32(&r);
	KM_TRY(km_reader_error(&r, "BTF header"));
	if (magic == (u16)(BTF_MAGIC << 8 | BTF_MAGIC >> 8))
		return km_error_new(KM_ERROR_UNSUPPORTED, "BTF is of the other byte order");
	if (magic != BTF_MAGIC)
		return km_error_new(KM_ERROR_FORMAT, "not BTF: it begins with 0x%04x", magic);
	if (version != 1)
		return km_error_new(KM_ERROR_UNSUPPORTED, "BTF of version %u", version);
	if (header_size < BTF_HEADER_MIN || header_size > size)
		return km_error_new(KM_ERROR_FORMAT, "BTF header of %u bytes", header_size);
	if (header_size >= BTF_HEADER_LAYOUT) {
		u32 layout_off = km_reader_u32(&r);
		u32 layout_len = km_reader_u32(&r);

		read_layout(types, section_at(&r, header_size, layout_off, layout_len));
	}
	records = section_at(&r, header_size, type_off, type_len);
	strings = section_at(&r, header_size, str_off, str_len);
	if (str_len && !strings.size)
		return km_error_new(KM_ERROR_FORMAT, "BTF is cut short: its strings are missing");
	types->records = records.data;
	types->records_size = records.size;
	types->strings = (const char *)strings.data;
	types->strings_size = strings.size;
	if (records.size < type_len)
		snprintf(types->problem, sizeof(types->problem),
			 "types are cut short: %u bytes of %u are there", records.size, type_len);
	/* With a NUL at the end, every string that begins inside ends inside. */
	while (types->strings_size && types->strings[types->strings_size - 1])
		types->strings_size--;
	/* A split BTF's string offsets count on from the length that its base declares. */
	types->strings_end = types->strings_start + str_len;
	return NULL;
}

static struct km_error *continue_base(struct km_types *types, const struct km_types *base)
{
	types->first_id = 1;
	types->pointer_size = sizeof(u64);
	memcpy(types->shapes, known_shapes, sizeof(known_shapes));
	if (!base)
		return NULL;
	/* Ids count on from the base's last: where that is not known, all would be wrong. */
	if (base->problem[0])
		return km_error_new(KM_ERROR_FORMAT, "BTF that continues an incomplete one: %s",
				    base->problem);
	types->base = base;
	types->first_id = base->end_id;
	types->strings_start = base->strings_end;
	types->pointer_size = base->pointer_size;
	types->enum_signs = base->enum_signs;
	memcpy(types->shapes, base->shapes, sizeof(types->shapes));
	return NULL;
}

struct km_error *km_btf_open(const u8 *data, size_t size, const struct km_types *base,
			     struct km_types **ret)
{
	km_cleanup(km_types_freep) struct km_types *types = calloc(1, sizeof(*types));

	if (!types)
		return km_error_nomem();
	types->names = km_names_new();
	if (!types->names)
		return km_error_nomem();
	KM_TRY(continue_base(types, base));
	KM_TRY(read_header(types, data, size));
	KM_TRY(make_index(types));
	*ret = km_take(types);
	return NULL;
}

void km_types_free(struct km_types *types)
{
	if (!types)
		return;
	km_names_free(types->names);
	free(types->offsets);
	free(types->kinds);
	free(types);
}

u32 km_types_first_id(const struct km_types *types)
{
	return types->first_id;
}

u32 km_types_end_id(const struct km_types *types)
{
	return types->end_id;
}

const char *km_types_problem(const struct km_types *types)
{
	return types->problem[0] ? types->problem : NULL;
}

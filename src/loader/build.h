/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a plan is put together, private to the room. plan.c calls, in this order:
 *
 *   the image type's probe           what the file is                       (one file a type)
 *   km_memory_prepare()              the map, and where segments may lie    (memory.c)
 *   km_crash_prepare()               crash load only: backup, elfcorehdr    (crash.c)
 *   the image type's build           kernel, initrd, parameters; the entry  (one file a type)
 *   km_purgatory_add()               last: it has the digest of the others  (purgatory.c)
 *   km_plan_check()                  no overlap, no wrap, no more than 16   (plan.c)
 */
#ifndef KM_LOADER_BUILD_H
#define KM_LOADER_BUILD_H

#include "loader/loader.h"
#include "loader/machine.h"

enum { KM_PAGE = 4096, KM_KEXEC_SEGMENTS_MAX = 16 };

/* Bytes behind the command line's NUL, for what the purgatory writes there (--load-preserve-context). */
enum { KM_CMDLINE_ROOM = 63 };

/* The bytes to be loaded: of a file, or of what was wrapped in it. */
struct km_kernel_file {
	const char *path;
	const u8 *bytes; /* the plan's */
	u64 size;
	bool unwrapped; /* the bytes are not the file's as it stands */
};

/* A file, or a part of one, that goes into the initramfs. */
struct km_initrd_part {
	const char *source; /* borrowed: a path, or what it is */
	int fd;		    /* of the file, owned; -1: BYTES has it */
	const u8 *bytes;
	u64 size;
};

/* Registers and mode at the new kernel's entry; what the purgatory ends with. */
struct km_entry_state {
	enum { KM_ENTRY_64, KM_ENTRY_32, KM_ENTRY_REAL } mode;
	u64 address;
	u64 rsi;      /* 64 and 32: boot_params */
	u32 eax, ebx; /* 32: multiboot's magic and information */
	/* Real: 256 bytes below 1 MiB at a multiple of 16, loaded as part of some segment, for the last
	 * steps into it. ADDRESS is that of the boot sector; its setup is entered 512 bytes on. */
	u64 trampoline;
	bool keep_stack; /* 64: enter with the stack that the purgatory was called with (kexec jump) */
};

struct km_load_build {
	const struct km_machine *machine;
	const struct km_load_request *request;
	struct km_job *job;
	struct km_load_plan *plan;
	struct km_kernel_file kernel;
	KM_VEC(struct km_initrd_part) initrd_parts;
	u64 initrd_size;	 /* of the parts together, each padded to four bytes; 0: none */
	const char *own_cmdline; /* that the image brings along; the plan's; NULL: none */
	const u8 *dtb;
	u64 dtb_size;
	/* memory.c: where segments may lie, sorted; what lies there already is cut off by placing. */
	struct km_memory_map holes;
	/* crash.c */
	u64 elfcorehdr, elfcorehdr_size;	/* 0: none */
	u64 backup_source, backup_size, backup; /* copied by the purgatory before the entry */
	/* boot_params.c: physical, where the command line's NUL is and KM_CMDLINE_ROOM more are free. */
	u64 cmdline_end;
	struct km_str cmdline; /* as it will be passed; may still grow in the type's build */
	struct km_entry_state entry;
};

/* What a place must satisfy. */
struct km_placing {
	u64 size, align;
	u64 min, max;  /* [min, max) */
	bool from_top; /* the highest hole that fits, else the lowest */
};
/* The first place that fits by the holes, the segments so far and the request's --mem-min/--mem-max.
 * WHAT is for the error, which says how much is missing. */
struct km_error *km_place(struct km_load_build *build, const struct km_placing *placing,
			  const char *what, u64 *ret_start) km_must_check;

/* Adds a segment. BYTES are borrowed unless OWNED (then the plan's at once, also where this fails). */
struct km_error *km_segment_add(struct km_load_build *build, const struct km_segment *segment,
				const char *source) km_must_check;
/* The two in one; SEGMENT's `start` is filled in, `memory_size` rounded up to pages. */
struct km_error *km_segment_place(struct km_load_build *build, struct km_segment *segment,
				  u64 align, u64 min, u64 max, bool from_top, const char *source,
				  u64 *ret_start) km_must_check;
/* A sentence for plan->notes. */
struct km_error *km_plan_note(struct km_load_plan *plan, const char *format, ...)
	km_printf(2, 3) km_must_check;

struct km_error *km_memory_prepare(struct km_load_build *build) km_must_check;
struct km_error *km_crash_prepare(struct km_load_build *build) km_must_check;
struct km_error *km_purgatory_add(struct km_load_build *build) km_must_check;

/* boot_params.c: the zero page for a kernel whose setup header is the SETUP_SIZE bytes from offset
 * 0x1f1 of its file (SETUP NULL: a vmlinux, which has none), followed by what it points to: command
 * line, e820 extension, EFI map, EDD, RNG seed. One segment, whose address is *RET_START. INITRD_START
 * is 0 where there is none. */
struct km_boot_params {
	const u8 *setup;
	size_t setup_size;
	u64 initrd_start, initrd_size;
	u64 max; /* below this; 4 GiB for a 32-bit entry */
};
struct km_error *km_boot_params_add(struct km_load_build *build,
				    const struct km_boot_params *params,
				    u64 *ret_start) km_must_check;

/* One row, one file. */
struct km_image_type {
	const char *name; /* -t NAME */
	const char *help; /* one line */
	bool file_load;	  /* kexec_file_load of x86_64 can take it */
	bool takes_initrd, takes_modules;
	/* Whether FILE is one. *WHY gets what speaks for it or against; an error is only for a file
	 * that is certainly meant to be one and is damaged. */
	struct km_error *(*probe)(const struct km_kernel_file *file, bool *ret_is,
				  struct km_str *why);
	/* Fills in the version. NULL: such files have none. */
	struct km_error *(*identify)(const struct km_kernel_file *file,
				     struct km_kernel_identity *ret);
	u32 (*cmdline_limit)(const struct km_kernel_file *file); /* bytes, without the NUL */
	/* Segments and entry, for kexec_load; the command line is in build->cmdline. */
	struct km_error *(*build)(struct km_load_build *build);
	/* What stands in for the file (UKI: its kernel; a packed one: what was packed), put into
	 * build->kernel with what else the image brings along. Such a type has no `build`. */
	struct km_error *(*unwrap)(struct km_load_build *build);
};

/* In order of probing; NULL-terminated. */
extern const struct km_image_type *const km_image_types[];

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room `loader`: kexec. A plan is made of a machine (read from a root directory, so that a recorded
 * /proc and /sys do as well as a living one) and a request (kexec(8)'s options); making it touches
 * nothing. km_load_execute() hands a plan to the kernel; it, km_load_unload() and km_load_reboot()
 * are the only ones that do.
 *
 * System calls: kexec_load(2), kexec_file_load(2), reboot(2); what they take is defined by
 * include/uapi/linux/kexec.h, what the new kernel is handed by Documentation/arch/x86/boot.rst.
 */
#ifndef KM_LOADER_LOADER_H
#define KM_LOADER_LOADER_H

#include "base/base.h"
#include "loader/kernel_config.h"
#include "loader/purgatory/sha256.h"

/* ---- the machine --------------------------------------------------------------------------- */

struct km_machine;

/* Reads what a load depends on from ROOT/proc, ROOT/sys and ROOT/boot ("/" for this machine). What
 * is missing there is missing in the machine, to be told of when it is needed; an error is only for
 * what cannot be right (a map that is no map). *RET is the caller's. */
struct km_error *km_machine_read(const char *root, struct km_machine **ret) km_must_check;
void km_machine_free(struct km_machine *machine);
KM_DEFINE_CLEANUP(struct km_machine *, km_machine_free)

/* What a stretch of physical memory is; the numbers are e820's. */
enum km_memory_type {
	KM_MEMORY_RAM = 1,
	KM_MEMORY_RESERVED = 2,
	KM_MEMORY_ACPI = 3,
	KM_MEMORY_NVS = 4,
	KM_MEMORY_UNUSABLE = 5,
	KM_MEMORY_PMEM = 7,
	KM_MEMORY_PRAM = 12,
	KM_MEMORY_SOFT_RESERVED = -0x10000001, /* 0xefffffff */
};

struct km_memory_range {
	u64 start, end; /* [start, end) */
	enum km_memory_type type;
};

/* "System RAM", "reserved", …; static storage. */
const char *km_memory_type_text(enum km_memory_type type);

/* ---- the request ---------------------------------------------------------------------------- */

enum km_load_target {
	KM_LOAD_REBOOT, /* kexec -l */
	KM_LOAD_CRASH,	/* kexec -p */
};

enum km_load_way {
	KM_LOAD_AUTO,	  /* kexec -a: kexec_file_load, then kexec_load where that cannot serve */
	KM_LOAD_BY_FILE,  /* kexec -s: kexec_file_load only */
	KM_LOAD_BY_PARTS, /* kexec -c: kexec_load only */
};

enum km_load_args { KM_ARGS_LINUX, KM_ARGS_ELF, KM_ARGS_NONE };

/* kexec(8)'s options. All strings are borrowed. Zeroed but for `mem_max` it is "kexec -l -a". */
struct km_load_request {
	enum km_load_target target;
	enum km_load_way way;
	const char *kernel; /* a path; NULL only where nothing is loaded */
	const char *const *initrds;
	size_t n_initrds; /* concatenated in this order */
	const char *type; /* -t; NULL: whatever the file is */
	/* kexec has both mean the same, the whole line. Here APPEND stands behind what --reuse-cmdline,
	 * --command-line and the image itself (UKI) give; --command-line replaces the image's own. */
	const char *command_line, *append; /* NULL: not given */
	bool reuse_cmdline, reuse_initrd;
	const char *dtb;
	const char *const *modules; /* "PATH [ARGUMENTS]", for multiboot */
	size_t n_modules;
	u64 mem_min, mem_max; /* physical; the last byte's address + 1, UINT64_MAX: no limit */
	bool entry_set;
	u64 entry;
	bool no_checks; /* -i: the purgatory checks no digest */
	bool preserve_context;
	bool jump_back_helper; /* no kernel: what returns to the one that preserved its context */
	bool hotplug, no_cma;
	bool debug;
	/* x86 */
	bool reset_vga, console_vga, console_serial; /* the purgatory says what it does, too */
	/* What the purgatory does once it has said what does not match: KM_FAILURE_AUTO resets where the
	 * running kernel would have after a panic (panic=N), and so much later. */
	enum km_purgatory_failure { KM_FAILURE_AUTO, KM_FAILURE_HALT, KM_FAILURE_RESET } failure;
	u16 serial_port; /* 0: not given */
	u32 serial_baud; /* 0: not given */
	u8 core_headers; /* 32 or 64: ELF class of the elfcorehdr; 0: as it fits */
	bool pass_memmap_cmdline, no_efi, reuse_video_type, real_mode, entry_32bit;
	enum km_load_args args;
};

/* ---- the plan ------------------------------------------------------------------------------- */

enum km_segment_purpose {
	KM_SEGMENT_KERNEL,
	KM_SEGMENT_INITRD,
	KM_SEGMENT_BOOT_PARAMS, /* and what lies behind them: command line, e820 extension, EFI map */
	KM_SEGMENT_ELFCOREHDR,
	KM_SEGMENT_BACKUP,
	KM_SEGMENT_PURGATORY,
	KM_SEGMENT_MODULE,
	KM_SEGMENT_MULTIBOOT, /* the information structure, with the command line */
	KM_SEGMENT_DTB,
	KM_SEGMENT_HELPER, /* --load-jump-back-helper */
};

struct km_segment {
	const u8 *bytes; /* SIZE of them; the rest up to MEMORY_SIZE is zero. Borrowed or OWNED */
	u64 size;
	u64 start, memory_size; /* physical, whole pages */
	enum km_segment_purpose purpose;
	char *source;	/* "vmlinuz", "vmlinuz at 0x4200", "made here": for a person; owned */
	bool in_digest; /* the purgatory's SHA-256 covers it */
	u8 *owned;	/* freed with the plan; may be NULL */
};

/* "kernel", "boot_params", …; static storage. */
const char *km_segment_purpose_text(enum km_segment_purpose purpose);

/* Why the kernel does not, or will not, do what was asked: a line with the cause and one with the cure,
 * without full stops. */
struct km_refusal {
	int os_errno;	    /* that the kernel answers with then; 0: with several */
	char *cause, *cure; /* owned */
};
struct km_refusals {
	KM_VEC(struct km_refusal) items;
};
void km_refusals_free(struct km_refusals *refusals);

struct km_load_plan {
	enum km_load_target target;
	enum km_load_way call; /* KM_LOAD_BY_FILE or KM_LOAD_BY_PARTS */
	char *call_why;
	const char *type; /* the ops row's name; static storage */
	char *type_why;
	char *kernel; /* the path */
	u64 kernel_size;
	char version[256];		    /* of the kernel; "": the file does not say */
	bool is_signed;			    /* the kernel has an Authenticode signature */
	KM_VEC(struct km_segment) segments; /* in order of `start` */
	/* KM_LOAD_BY_FILE: the kernel lays the segments out by itself; these have the sizes that it
	 * will use, and addresses that it might. */
	bool kernel_places;
	u64 entry; /* where the running kernel jumps to: the purgatory */
	u64 kernel_entry;
	const char *entry_mode; /* "64-bit", "32-bit", "multiboot", … ; static storage */
	char *cmdline;
	u32 cmdline_limit;		    /* bytes, without the NUL */
	KM_VEC(struct km_memory_range) map; /* that the new kernel is handed, sorted */
	/* bytes */
	u64 map_ram, map_other;
	u64 segments_bytes, segments_memory; /* loaded; occupied once zero-filled */
	u64 reserved;			     /* crashkernel's ranges together; 0: no crash load */
	u64 left;			     /* of them for the capture kernel to run in */
	KM_VEC(char *) notes;		     /* what an option came to, what was left out and why */
	struct km_refusals refusals;	     /* that are to be expected */
	/* KM_LOAD_BY_FILE: what goes to the kernel, a file as it stands or bytes. */
	const char *file_kernel_path, *file_initrd_path; /* borrowed; NULL: the bytes */
	const u8 *file_kernel, *file_initrd;
	u64 file_kernel_size, file_initrd_size; /* 0: none */
	u32 flags;				/* of the system call */
	u32 optional_flags; /* of it, left out where the kernel does not know them */
	void *inputs;	    /* what the segments borrow from; private */
};

/* Makes the plan, by pure work on MACHINE, REQUEST and the files that it names. REQUEST and MACHINE
 * must outlive *RET. WAY of the request KM_LOAD_AUTO gives what is tried first. The error names the
 * file or option and what is wrong. */
struct km_error *km_load_plan_make(const struct km_machine *machine,
				   const struct km_load_request *request, struct km_job *job,
				   struct km_load_plan **ret) km_must_check;
void km_load_plan_free(struct km_load_plan *plan);
KM_DEFINE_CLEANUP(struct km_load_plan *, km_load_plan_free)

/* ---- what a file is ------------------------------------------------------------------------- */

struct km_kernel_identity {
	const char *type; /* the ops row's name, as -t takes it; static storage */
	char version
		[256]; /* "6.12.117+deb12-cloud-amd64 (…) #1 SMP …"; "": the file does not say */
	bool is_signed; /* it has an Authenticode signature; whose, is not asked */
};
/* What the file PATH below TREE is, read once and unpacked only where it is packed as a whole. The
 * error says why it is no kernel that could be loaded. */
struct km_error *km_kernel_identify(const struct km_tree *tree, const char *path,
				    struct km_kernel_identity *ret) km_must_check;

/* ---- the edge ------------------------------------------------------------------------------- */

/* The system calls, -1 and errno where they fail. Tests have others. */
struct km_load_calls {
	long (*kexec_file_load)(int kernel, int initrd, unsigned long cmdline_size,
				const char *cmdline, unsigned long flags);
	long (*kexec_load)(unsigned long entry, unsigned long n_segments, const void *segments,
			   unsigned long flags);
	long (*reboot)(int command);
};
extern const struct km_load_calls km_system_calls;

/* Loads what PLAN says, by one system call. The error is of kind KM_ERROR_OS with the kernel's answer. */
struct km_error *km_load_execute(const struct km_load_plan *plan,
				 const struct km_load_calls *calls) km_must_check;

/* Plans and loads; goes on to kexec_load where the request leaves the choice, the kernel's answer is
 * that kexec_file_load cannot serve (ENOSYS, EINVAL, ENOEXEC, ENOTSUP), and no policy asks for a
 * signature. *RET_PLAN is what was loaded, or what the error is about (NULL: none could be made);
 * *RET_REFUSALS, the caller's in any case, explains the error. */
struct km_error *km_load(const struct km_machine *machine, const struct km_load_request *request,
			 const struct km_load_calls *calls, struct km_job *job,
			 struct km_load_plan **ret_plan,
			 struct km_refusals *ret_refusals) km_must_check;

/* What lies behind WHY km_load_plan_make() could make no plan for REQUEST: nothing, where it is no matter
 * of the machine. */
struct km_error *km_load_foretell(const struct km_machine *machine,
				  const struct km_load_request *request,
				  const struct km_error *why,
				  struct km_refusals *ret) km_must_check;

/* Unloads TARGET's image by WAY; nothing loaded is no error. */
struct km_error *km_load_unload(const struct km_machine *machine, enum km_load_target target,
				enum km_load_way way, const struct km_load_calls *calls,
				struct km_refusals *ret_refusals) km_must_check;

/* Starts the loaded kernel at once: no init, no unmount; file systems are written out and network
 * interfaces taken down before, unless told not to. Returns only where it cannot, or with other CALLS. */
struct km_error *km_load_reboot(const struct km_machine *machine, bool sync_files,
				bool network_down, const struct km_load_calls *calls,
				struct km_refusals *ret_refusals) km_must_check;

struct km_load_status {
	/* The kernel says whether an image is loaded; false: it has no kexec, or no crash kernel. */
	bool has_loaded, has_crash_loaded;
	bool loaded, crash_loaded;
	u64 crash_size; /* bytes that crashkernel reserves */
};
void km_load_status(const struct km_machine *machine, struct km_load_status *ret);
/* Bytes of the range that a crash kernel is loaded to, the largest one; 0: none (--print-ckr-size). */
u64 km_load_crash_region(const struct km_machine *machine);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is known of the machine, private to the room. Everything is read once, from files below one
 * root (base/tree.h); no other file of this room but execute.c asks the system anything.
 */
#ifndef KM_LOADER_MACHINE_H
#define KM_LOADER_MACHINE_H

#include "loader/loader.h"

/* Memory maps have this many ranges at most; a file with more is refused. */
enum { KM_MACHINE_RANGES_MAX = 1 << 20, KM_MACHINE_CPUS_MAX = 1 << 16 };

struct km_memory_map {
	KM_VEC(struct km_memory_range) ranges; /* sorted, disjoint */
};

/* A CPU's ELF note area, filled by the kernel when it dies (/sys/devices/system/cpu/cpuN). */
struct km_machine_cpu {
	u32 number;
	u64 notes, notes_size; /* physical address, bytes */
};

/* A PT_LOAD of /proc/kcore. */
struct km_machine_load {
	u64 vaddr, paddr, size;
	bool has_paddr;
};

/* A range of EFI runtime memory (/sys/firmware/efi/runtime-map/N). */
struct km_machine_efi_range {
	u32 type;
	u64 phys, virt, pages, attributes;
};

/* Bytes of a file in /sys, or of several; size 0: not there. */
struct km_bytes {
	u8 *data; /* owned */
	size_t size;
};

/* What decides whether the kernel lets a load through: state.c. */
struct km_machine_state {
	bool may_boot;		/* the reader has CAP_SYS_BOOT */
	bool is_root;		/* its effective user is 0 */
	bool in_user_namespace; /* in which no capability counts for kexec */
	bool has_seccomp;	/* a filter stands between the reader and the system calls */
	bool has_loaded, has_crash_loaded; /* /sys/kernel/kexec_loaded, kexec_crash_loaded: there */
	bool loaded, crash_loaded;
	u64 crash_size;		       /* /sys/kernel/kexec_crash_size; 0: none reserved */
	bool load_disabled;	       /* /proc/sys/kernel/kexec_load_disabled */
	s64 limit_reboot, limit_panic; /* kexec_load_limit_*; -1: no limit */
	char lockdown[32];	       /* "none", "integrity", …; "": not known */
	enum { KM_SECURE_BOOT_UNKNOWN, KM_SECURE_BOOT_OFF, KM_SECURE_BOOT_ON } secure_boot;
	char *ima_policy;		 /* NULL: not readable */
	struct km_kernel_config *config; /* NULL: not found */
	char release[128];		 /* "": not known */
	char *cmdline;			 /* /proc/cmdline, no line feed; NULL: not there */
	u64 memory_available;		 /* bytes; 0: not known */
	bool crash_hotplug;		 /* the kernel updates the elfcorehdr by itself */
};

struct km_machine {
	struct km_tree tree; /* its root is owned */
	struct km_machine_state state;
	/* machine.c */
	struct km_memory_map
		iomem; /* /proc/iomem's top level; holes for crash ranges are not cut */
	struct km_memory_map firmware;	      /* /sys/firmware/memmap */
	KM_VEC(struct km_memory_range) crash; /* "Crash kernel", low one too, sorted */
	bool iomem_hidden; /* /proc/iomem is there, but its addresses are not for this reader */
	u64 kernel_code, kernel_code_end, kernel_end; /* physical; 0: not known */
	KM_VEC(struct km_machine_load) loads;
	KM_VEC(struct km_machine_cpu) cpus;
	u64 vmcoreinfo, vmcoreinfo_size; /* physical; 0: not there */
	u64 elfcorehdr_size;	     /* /sys/kernel/crash_elfcorehdr_size; 0: no hotplug of it */
	struct km_bytes boot_params; /* /sys/kernel/boot_params/data */
	bool has_efi;
	KM_VEC(struct km_machine_efi_range) efi_ranges;
	u64 efi_systab, efi_fw_vendor, efi_config_table, efi_smbios; /* … 0: not there */
	u64 acpi_rsdp;						     /* 0: not known */
	u8 rng_seed[32];
	bool has_rng_seed; /* a recorded tree has none */
};

/* state.c. Both fill what they own of MACHINE and leave the rest. */
struct km_error *km_machine_read_state(struct km_machine *machine) km_must_check;
void km_machine_free_state(struct km_machine *machine);

#endif

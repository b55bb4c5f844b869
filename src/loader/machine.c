// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The machine that is to load a kernel, from files below one root: what each means is in
 * Documentation/ABI/{stable,testing}/sysfs-* and fs/proc/kcore.c.
 */
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "loader/iomem.h"
#include "loader/machine.h"

enum {
	IOMEM_MAX = 256 << 20,
	BOOT_PARAMS_SIZE = 4096,
	KCORE_LOADS_MAX = 1 << 16,
	EFI_RANGES_MAX = 1 << 12,
	SYSTAB_MAX = 1 << 16,
};

/* ---- memory ------------------------------------------------------------------------------------- */

static struct km_error *read_iomem(const struct km_tree *tree, struct km_machine *machine)
{
	km_auto_str struct km_str text = {0};
	km_auto_iomem struct km_iomem iomem = {0};
	km_auto_error struct km_error *missing =
		km_tree_read(tree, "/proc/iomem", IOMEM_MAX, &text);

	if (missing && missing->kind == KM_ERROR_FORMAT)
		return km_take(missing);
	if (missing)
		return NULL;
	KM_TRY(km_iomem_parse(text.data, text.len, &iomem));
	machine->iomem_hidden = iomem.hidden;
	machine->iomem.ranges.data = km_take(iomem.map.ranges.data);
	machine->iomem.ranges.count = iomem.map.ranges.count;
	machine->iomem.ranges.capacity = iomem.map.ranges.capacity;
	machine->crash.data = km_take(iomem.crash.data);
	machine->crash.count = iomem.crash.count;
	machine->crash.capacity = iomem.crash.capacity;
	machine->kernel_code = iomem.kernel_code;
	machine->kernel_code_end = iomem.kernel_code_end;
	machine->kernel_end = iomem.kernel_end;
	return NULL;
}

/* The PT_LOADs of /proc/kcore: its headers come first, all of them before the first page of memory. */
static struct km_error *read_kcore(const struct km_tree *tree, struct km_machine *machine)
{
	km_auto_close int fd = km_tree_open(tree, "/proc/kcore", O_RDONLY);
	Elf64_Ehdr e;

	if (fd < 0 || pread(fd, &e, sizeof(e), 0) != (ssize_t)sizeof(e))
		return NULL;
	if (memcmp(e.e_ident, ELFMAG, SELFMAG) || e.e_ident[EI_CLASS] != ELFCLASS64 ||
	    e.e_phentsize != sizeof(Elf64_Phdr))
		return km_error_new(KM_ERROR_FORMAT, "/proc/kcore is no 64-bit ELF file");
	for (unsigned i = 0; i < km_min((unsigned)e.e_phnum, (unsigned)KCORE_LOADS_MAX); i++) {
		struct km_machine_load *load;
		Elf64_Phdr p;

		if (e.e_phoff > INT64_MAX / 2 ||
		    pread(fd, &p, sizeof(p), (off_t)(e.e_phoff + i * sizeof(p))) !=
			    (ssize_t)sizeof(p))
			return NULL;
		if (p.p_type != PT_LOAD)
			continue;
		load = km_vec_push(&machine->loads);
		if (!load)
			return km_error_nomem();
		/* Without a physical address (vmalloc, vmemmap) it is -1, and 0 up to 4.12. */
		*load = (struct km_machine_load){
			.vaddr = p.p_vaddr,
			.paddr = p.p_paddr,
			.size = p.p_memsz,
			.has_paddr = p.p_paddr != UINT64_MAX,
		};
	}
	return NULL;
}

/* ---- what the kernel leaves for a dump ------------------------------------------------------------ */

#define CPUS "/sys/devices/system/cpu"

/* "7f8e1c00": %llx without a prefix. */
static bool read_hex(const struct km_tree *tree, const char *path, u64 *ret)
{
	char line[64], *end;

	if (!km_tree_line(tree, path, line, sizeof(line)))
		return false;
	*ret = strtoull(line, &end, 16);
	return end != line && !*end;
}

static struct km_error *read_cpu(const struct km_tree *tree, const char *name,
				 struct km_machine *machine)
{
	struct km_machine_cpu cpu, *place;
	char path[96], *end;
	unsigned long number;

	if (strncmp(name, "cpu", 3) || name[3] < '0' || name[3] > '9')
		return NULL;
	number = strtoul(name + 3, &end, 10);
	if (*end || number >= KM_MACHINE_CPUS_MAX)
		return NULL;
	cpu.number = (u32)number;
	snprintf(path, sizeof(path), CPUS "/cpu%lu/crash_notes", number);
	if (!read_hex(tree, path, &cpu.notes))
		return NULL;
	snprintf(path, sizeof(path), CPUS "/cpu%lu/crash_notes_size", number);
	if (!km_tree_number(tree, path, &cpu.notes_size))
		return NULL;
	if (cpu.notes > UINT64_MAX / 2 || cpu.notes_size > 1 << 20)
		return km_error_new(KM_ERROR_FORMAT,
				    "%s: %" PRIu64 " bytes at %#" PRIx64 " are no CPU's notes",
				    path, cpu.notes_size, cpu.notes);
	place = km_vec_push(&machine->cpus);
	if (!place)
		return km_error_nomem();
	*place = cpu;
	return NULL;
}

static struct km_error *read_cpus(const struct km_tree *tree, struct km_machine *machine)
{
	km_auto_tree_names struct km_tree_names names = {0};
	km_auto_error struct km_error *missing = km_tree_list(tree, CPUS, &names);

	if (missing)
		return NULL;
	for (size_t i = 0; i < names.count; i++)
		KM_TRY(read_cpu(tree, names.data[i], machine));
	return NULL;
}

/* "ADDRESS SIZE", both in hexadecimal. */
static void read_vmcoreinfo(const struct km_tree *tree, struct km_machine *machine)
{
	char line[64], *middle, *end;
	u64 address, size;

	if (!km_tree_line(tree, "/sys/kernel/vmcoreinfo", line, sizeof(line)))
		return;
	address = strtoull(line, &middle, 16);
	size = strtoull(middle, &end, 16);
	if (middle == line || end == middle || *end || address > UINT64_MAX / 2 || size > 1 << 20)
		return;
	machine->vmcoreinfo = address;
	machine->vmcoreinfo_size = size;
}

/* ---- firmware ------------------------------------------------------------------------------------ */

#define EFI "/sys/firmware/efi"

static struct km_error *read_efi_range(const struct km_tree *tree, const char *name,
				       struct km_machine *machine)
{
	static const char *const files[] = {"type", "phys_addr", "virt_addr", "num_pages",
					    "attribute"};
	struct km_machine_efi_range *range;
	u64 values[KM_ARRAY_SIZE(files)];

	for (size_t i = 0; i < KM_ARRAY_SIZE(files); i++) {
		char path[128];

		snprintf(path, sizeof(path), EFI "/runtime-map/%.32s/%s", name, files[i]);
		if (!km_tree_number(tree, path, &values[i]))
			return NULL;
	}
	if (machine->efi_ranges.count == EFI_RANGES_MAX)
		return km_error_new(KM_ERROR_FORMAT, EFI "/runtime-map has more than %d ranges",
				    EFI_RANGES_MAX);
	range = km_vec_push(&machine->efi_ranges);
	if (!range)
		return km_error_nomem();
	*range = (struct km_machine_efi_range){(u32)values[0], values[1], values[2], values[3],
					       values[4]};
	return NULL;
}

/* The line NAME=0x… of /sys/firmware/efi/systab. */
static bool systab_value(const struct km_str *systab, const char *name, u64 *ret)
{
	const char *p = systab->data;
	size_t len = strlen(name);
	char *end;

	while (p && *p) {
		if (!strncmp(p, name, len) && p[len] == '=') {
			*ret = strtoull(p + len + 1, &end, 16);
			return end != p + len + 1;
		}
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	return false;
}

static struct km_error *read_efi(const struct km_tree *tree, struct km_machine *machine)
{
	km_auto_tree_names struct km_tree_names names = {0};
	km_auto_str struct km_str systab = {0};
	km_auto_error struct km_error *missing = NULL;

	machine->has_efi = km_tree_exists(tree, EFI);
	if (!machine->has_efi)
		return NULL;
	km_tree_number(tree, EFI "/fw_vendor", &machine->efi_fw_vendor);
	km_tree_number(tree, EFI "/config_table", &machine->efi_config_table);
	missing = km_tree_read(tree, EFI "/systab", SYSTAB_MAX, &systab);
	if (!missing) {
		systab_value(&systab, "SMBIOS", &machine->efi_smbios);
		if (!systab_value(&systab, "ACPI20", &machine->acpi_rsdp))
			systab_value(&systab, "ACPI", &machine->acpi_rsdp);
	}
	km_error_free(km_take(missing));
	missing = km_tree_list(tree, EFI "/runtime-map", &names);
	if (missing)
		return NULL;
	for (size_t i = 0; i < names.count; i++)
		KM_TRY(read_efi_range(tree, names.data[i], machine));
	return NULL;
}

/* The running kernel's own struct boot_params (Documentation/arch/x86/zero-page.rst). */
static struct km_error *read_boot_params(const struct km_tree *tree, struct km_machine *machine)
{
	enum {
		ACPI_RSDP = 0x070,
		EFI_SIGNATURE = 0x1c0,
		EFI_SYSTAB = 0x1c4,
		EFI_SYSTAB_HIGH = 0x1d8
	};
	km_auto_str struct km_str data = {0};
	km_auto_error struct km_error *missing =
		km_tree_read(tree, "/sys/kernel/boot_params/data", BOOT_PARAMS_SIZE, &data);
	u64 rsdp;

	if (missing && missing->kind == KM_ERROR_NOMEM)
		return km_take(missing);
	if (missing || data.len != BOOT_PARAMS_SIZE)
		return NULL;
	rsdp = km_load64(data.data + ACPI_RSDP);
	if (rsdp)
		machine->acpi_rsdp = rsdp;
	if (!memcmp(data.data + EFI_SIGNATURE, "EL64", 4))
		machine->efi_systab = km_load32(data.data + EFI_SYSTAB) |
				      (u64)km_load32(data.data + EFI_SYSTAB_HIGH) << 32;
	machine->boot_params = (struct km_bytes){(u8 *)km_take(data.data), data.len};
	return NULL;
}

static void read_seed(const struct km_tree *tree, struct km_machine *machine)
{
	km_auto_close int fd = km_tree_open(tree, "/dev/urandom", O_RDONLY);

	machine->has_rng_seed = fd >= 0 && read(fd, machine->rng_seed, sizeof(machine->rng_seed)) ==
						   (ssize_t)sizeof(machine->rng_seed);
}

/* ---- together ------------------------------------------------------------------------------------ */

static struct km_error *read_all(struct km_machine *machine)
{
	const struct km_tree *tree = &machine->tree;

	KM_TRY(km_machine_read_state(machine));
	KM_TRY(read_iomem(tree, machine));
	KM_TRY(km_firmware_memmap_read(tree, &machine->firmware));
	KM_TRY(read_kcore(tree, machine));
	KM_TRY(read_cpus(tree, machine));
	read_vmcoreinfo(tree, machine);
	km_tree_number(tree, "/sys/kernel/crash_elfcorehdr_size", &machine->elfcorehdr_size);
	KM_TRY(read_efi(tree, machine));
	KM_TRY(read_boot_params(tree, machine));
	read_seed(tree, machine);
	return NULL;
}

struct km_error *km_machine_read(const char *root, struct km_machine **ret)
{
	km_cleanup(km_machine_freep) struct km_machine *machine = calloc(1, sizeof(*machine));

	if (!machine)
		return km_error_nomem();
	machine->tree.root = strdup(root && *root ? root : "/");
	if (!machine->tree.root)
		return km_error_nomem();
	KM_TRY(read_all(machine));
	*ret = km_take(machine);
	return NULL;
}

void km_machine_free(struct km_machine *machine)
{
	km_machine_free_state(machine);
	km_vec_free(&machine->iomem.ranges);
	km_vec_free(&machine->firmware.ranges);
	km_vec_free(&machine->crash);
	km_vec_free(&machine->loads);
	km_vec_free(&machine->cpus);
	km_vec_free(&machine->efi_ranges);
	free(machine->boot_params.data);
	free((char *)machine->tree.root);
	free(machine);
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ELF files: Linux's vmlinux, entered where arch/x86/kernel/head_64.S (head_32.S) begins, with boot_params as
 * from a boot loader; other programs with what ELF boot loaders hand over (--args-elf), or nothing.
 */
#include <string.h>

#include "loader/executable.h"
#include "loader/input.h"
#include "loader/types.h"

enum {
	LINUX_CMDLINE_MAX = 2047,
	LOW_MIN = 0x100000,
	INITRD_MAX_32 = 0x37ffffff,
	EI_CLASS_AT = 4,
	CLASS_32 = 1,
	CLASS_64 = 2,
};

static struct km_error *probe_class(const struct km_kernel_file *file, u8 class, bool *ret_is,
				    struct km_str *why)
{
	km_auto_executable struct km_executable executable = {0};

	*ret_is = false;
	if (!km_elf_is(file->bytes, file->size)) {
		km_str_add(why, "no ELF magic");
		return NULL;
	}
	if (file->bytes[EI_CLASS_AT] != class) {
		km_str_add(why, "an ELF file of the other class");
		return NULL;
	}
	KM_TRY(km_elf_parse(file->bytes, file->size, &executable));
	*ret_is = true;
	km_str_addf(why, "a %s-bit ELF executable%s", class == CLASS_64 ? "64" : "32",
		    executable.is_movable ? " that is mapped as Linux is" : "");
	return NULL;
}

static struct km_error *probe_64(const struct km_kernel_file *file, bool *ret_is,
				 struct km_str *why)
{
	return probe_class(file, CLASS_64, ret_is, why);
}

static struct km_error *probe_32(const struct km_kernel_file *file, bool *ret_is,
				 struct km_str *why)
{
	return probe_class(file, CLASS_32, ret_is, why);
}

static u32 cmdline_limit(const struct km_kernel_file *file)
{
	(void)file;
	return LINUX_CMDLINE_MAX;
}

/* "Linux version …" is in .rodata; a vmlinux says it nowhere else. */
static struct km_error *identify(const struct km_kernel_file *file, struct km_kernel_identity *ret)
{
	static const char banner[] = "Linux version ";
	const u8 *at = memmem(file->bytes, file->size, banner, sizeof(banner) - 1);
	size_t len, left;

	if (!at)
		return NULL;
	at += sizeof(banner) - 1;
	left = (size_t)(file->bytes + file->size - at);
	len = km_min(left, sizeof(ret->version) - 1);
	len = strnlen((const char *)at, len);
	for (size_t i = 0; i < len; i++)
		if (at[i] < ' ')
			len = i;
	memcpy(ret->version, at, len);
	ret->version[len] = 0;
	return NULL;
}

static struct km_error *build_linux(struct km_load_build *build, bool enters_64)
{
	struct km_boot_params params = {
		.initrd_size = build->initrd_size,
		.max = enters_64 ? UINT64_MAX : 1ull << 32,
	};

	KM_TRY(km_initrd_add(build, LOW_MIN, enters_64 ? UINT64_MAX : INITRD_MAX_32,
			     &params.initrd_start));
	return km_boot_params_add(build, &params, &build->entry.rsi);
}

static struct km_error *build_any(struct km_load_build *build)
{
	km_auto_executable struct km_executable executable = {0};
	u64 moved;

	KM_TRY(km_elf_parse(build->kernel.bytes, build->kernel.size, &executable));
	if (build->request->real_mode || (build->request->entry_32bit && executable.is_64))
		return km_error_new(KM_ERROR_USAGE,
				    "an ELF file is entered where it says, in its own "
				    "mode only");
	KM_TRY(km_executable_add(build, &executable, &moved));
	build->entry.mode = executable.is_64 ? KM_ENTRY_64 : KM_ENTRY_32;
	build->entry.address = executable.entry + moved;
	switch (build->request->args) {
	case KM_ARGS_LINUX:
		return build_linux(build, executable.is_64);
	case KM_ARGS_ELF:
		return km_elf_boot_notes_add(build);
	case KM_ARGS_NONE:
		break;
	}
	if (build->initrd_size || build->cmdline.len)
		return km_error_new(KM_ERROR_USAGE, "--args-none hands over nothing, so neither a "
						    "command line nor an initrd");
	return NULL;
}

const struct km_image_type km_type_elf64 = {
	.name = "elf-x86_64",
	.help = "vmlinux, or another 64-bit ELF file",
	.takes_initrd = true,
	.probe = probe_64,
	.identify = identify,
	.cmdline_limit = cmdline_limit,
	.build = build_any,
};

const struct km_image_type km_type_elf32 = {
	.name = "elf-x86",
	.help = "a 32-bit ELF file",
	.takes_initrd = true,
	.probe = probe_32,
	.identify = identify,
	.cmdline_limit = cmdline_limit,
	.build = build_any,
};

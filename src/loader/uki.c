// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Unified kernel image: a PE file of a small EFI program and, in sections of their own, kernel, initramfs,
 * command line and more (UAPI group, specification "Unified Kernel Image"). The program needs UEFI's boot
 * services, which are gone once a kernel runs: its work is done here, and the kernel in .linux is loaded.
 *
 * What counts of a section is VirtualSize; command line and release end at a NUL or line feed there.
 * Where there are profiles (.profile begins one), the first one's sections stand before those of the base.
 */
#include <stdio.h>
#include <string.h>

#include "loader/input.h"
#include "loader/pe.h"
#include "loader/types.h"

/* The section NAME of the base and the first profile; NULL where there is none. */
static const struct km_pe_section *find(const struct km_pe *pe, const char *name)
{
	const struct km_pe_section *found = NULL;
	unsigned profiles = 0;

	km_vec_for_each (&pe->sections, section) {
		profiles += !strcmp(section->name, ".profile");
		if (profiles > 1)
			break;
		/* Within the base the first one counts, and the profile's goes before it. */
		if (!strcmp(section->name, name) && (!found || profiles == 1)) {
			found = section;
			if (profiles)
				break;
		}
	}
	return found && found->size ? found : NULL;
}

static bool has_profiles(const struct km_pe *pe)
{
	km_vec_for_each (&pe->sections, section)
		if (!strcmp(section->name, ".profile"))
			return true;
	return false;
}

static struct km_error *probe(const struct km_kernel_file *file, bool *ret_is, struct km_str *why)
{
	km_auto_pe struct km_pe pe = {0};

	*ret_is = false;
	if (!km_pe_is(file->bytes, file->size)) {
		km_str_add(why, "no PE file");
		return NULL;
	}
	KM_TRY(km_pe_parse(file->bytes, file->size, &pe));
	*ret_is = find(&pe, ".linux");
	km_str_add(why, *ret_is ? "a PE file with a section .linux"
				: "a PE file without a section .linux");
	return NULL;
}

/* A section's text without what is behind its first line; NULL where it is empty. */
static struct km_error *section_text(const struct km_pe_section *section, u8 **ret)
{
	u64 len = strnlen((const char *)section->data, section->size);

	*ret = NULL;
	while (len && strchr(" \t\r\n", section->data[len - 1]))
		len--;
	if (!len)
		return NULL;
	*ret = (u8 *)strndup((const char *)section->data, len);
	if (!*ret)
		return km_error_nomem();
	/* A line feed within it separates words, as anywhere on a command line. */
	for (u8 *c = *ret; *c; c++)
		*c = *c == '\n' || *c == '\r' ? ' ' : *c;
	return NULL;
}

static struct km_error *identify(const struct km_kernel_file *file, struct km_kernel_identity *ret)
{
	km_auto_pe struct km_pe pe = {0};
	const struct km_pe_section *section;
	km_auto_free u8 *text = NULL;

	KM_TRY(km_pe_parse(file->bytes, file->size, &pe));
	section = find(&pe, ".uname");
	if (!section)
		return NULL;
	KM_TRY(section_text(section, &text));
	if (text)
		snprintf(ret->version, sizeof(ret->version), "%s", (const char *)text);
	return NULL;
}

static struct km_error *add_part(struct km_load_build *build, const struct km_pe *pe,
				 const char *name, const char *source)
{
	const struct km_pe_section *section = find(pe, name);
	struct km_initrd_part *part;

	if (!section)
		return NULL;
	part = km_vec_push(&build->initrd_parts);
	if (!part)
		return km_error_nomem();
	*part = (struct km_initrd_part){
		.source = source,
		.fd = -1,
		.bytes = section->data,
		.size = section->size,
	};
	return NULL;
}

static struct km_error *unwrap(struct km_load_build *build)
{
	km_auto_pe struct km_pe pe = {0};
	const struct km_pe_section *section;

	KM_TRY(km_pe_parse(build->kernel.bytes, build->kernel.size, &pe));
	if (has_profiles(&pe))
		KM_TRY(km_plan_note(build->plan, "of the image's profiles the first one is used"));
	section = find(&pe, ".cmdline");
	if (section) {
		u8 *text;

		KM_TRY(section_text(section, &text));
		if (text)
			KM_TRY(km_inputs_keep(build->plan, text));
		build->own_cmdline = (const char *)text;
	}
	/* Microcode must be the first thing in an initramfs. */
	KM_TRY(add_part(build, &pe, ".ucode", "the image's .ucode"));
	KM_TRY(add_part(build, &pe, ".initrd", "the image's .initrd"));
	section = find(&pe, ".linux");
	build->kernel.bytes = section->data;
	build->kernel.size = section->size;
	build->kernel.unwrapped = true;
	return NULL;
}

const struct km_image_type km_type_uki = {
	.name = "uki",
	.help = "a unified kernel image: its kernel, with its own command line and initramfs",
	.file_load = true,
	.takes_initrd = true,
	.probe = probe,
	.identify = identify,
	.unwrap = unwrap,
};

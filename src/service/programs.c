/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "service/paths.h"
#include "service/programs.h"

enum {
	PROGRAM_LIMIT = 64 << 20,
	CONFIG_LIMIT = 1 << 20,
	NEEDED_LIMIT = 256,
	DEPTH = 32, /* of libraries that need libraries; scripts whose interpreters are scripts */
};

/* ---- what an ELF file asks for ---------------------------------------------------------------------- */

struct elf_file {
	const u8 *data;
	size_t size;
	const Elf64_Ehdr *header;
};

/* LEN bytes at OFFSET, or NULL. Alignment is not promised: callers copy. */
static const u8 *at(const struct elf_file *elf, u64 offset, u64 len)
{
	return offset <= elf->size && len <= elf->size - offset ? elf->data + offset : NULL;
}

static bool program_header(const struct elf_file *elf, unsigned i, Elf64_Phdr *ret)
{
	const u8 *p = at(elf, elf->header->e_phoff + (u64)i * sizeof(*ret), sizeof(*ret));

	if (p)
		memcpy(ret, p, sizeof(*ret));
	return p != NULL;
}

/* Where the virtual address ADDRESS lies in the file. */
static bool file_offset(const struct elf_file *elf, u64 address, u64 *ret)
{
	Elf64_Phdr ph;

	for (unsigned i = 0; i < elf->header->e_phnum && program_header(elf, i, &ph); i++) {
		if (ph.p_type != PT_LOAD || address < ph.p_vaddr ||
		    address - ph.p_vaddr >= ph.p_filesz)
			continue;
		*ret = ph.p_offset + (address - ph.p_vaddr);
		return true;
	}
	return false;
}

static const char *text_at(const struct elf_file *elf, u64 offset)
{
	const char *text = (const char *)at(elf, offset, 1);

	return text && memchr(text, 0, elf->size - offset) ? text : NULL;
}

static struct km_error *read_dynamic(const struct elf_file *elf, const Elf64_Phdr *dynamic,
				     struct km_elf_needs *ret)
{
	u64 strings = 0, needed[NEEDED_LIMIT], runpath = 0, count = dynamic->p_filesz / 16;
	size_t n = 0;
	bool has_strings = false, has_runpath = false;
	const char *text;

	for (u64 i = 0; i < count; i++) {
		const u8 *p = at(elf, dynamic->p_offset + i * 16, 16);
		u64 tag = p ? km_load64(p) : DT_NULL, value = p ? km_load64(p + 8) : 0;

		if (tag == DT_NULL)
			break;
		if (tag == DT_STRTAB)
			has_strings = file_offset(elf, value, &strings);
		else if (tag == DT_NEEDED && n < NEEDED_LIMIT)
			needed[n++] = value;
		else if (tag == DT_RUNPATH || (tag == DT_RPATH && !has_runpath)) {
			runpath = value;
			has_runpath = true;
		}
	}
	for (size_t i = 0; has_strings && i < n; i++) {
		text = text_at(elf, strings + needed[i]);
		if (text && strlen(text) < 256)
			KM_TRY(km_sys_add_name(&ret->libraries, text));
	}
	text = has_strings && has_runpath ? text_at(elf, strings + runpath) : NULL;
	if (text)
		snprintf(ret->runpath, sizeof(ret->runpath), "%s", text);
	return NULL;
}

struct km_error *km_elf_needs(const void *data, size_t size, struct km_elf_needs *ret)
{
	Elf64_Ehdr header;
	struct elf_file elf = {.data = data, .size = size, .header = &header};
	Elf64_Phdr ph;
	const u8 *p = at(&elf, 0, sizeof(header));

	*ret = (struct km_elf_needs){0};
	if (!p || memcmp(p, ELFMAG, SELFMAG) || p[EI_CLASS] != ELFCLASS64)
		return NULL;
	memcpy(&header, p, sizeof(header));
	for (unsigned i = 0; i < header.e_phnum && program_header(&elf, i, &ph); i++) {
		const char *text;

		if (ph.p_type == PT_INTERP && (text = text_at(&elf, ph.p_offset)))
			snprintf(ret->interpreter, sizeof(ret->interpreter), "%s", text);
		if (ph.p_type != PT_DYNAMIC)
			continue;
		struct km_error *error = read_dynamic(&elf, &ph, ret);

		if (error) {
			km_sys_names_free(&ret->libraries);
			return error;
		}
	}
	return NULL;
}

/* ---- where libraries lie ---------------------------------------------------------------------------- */

/* Folders of ld.so.conf and of the files that it includes (by name, or "FOLDER" slash "*.conf"). */
static struct km_error *read_ld_conf(const struct km_tree *tree, const char *path, unsigned depth,
				     struct km_sys_names *ret)
{
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *ignored = NULL;

	if (!depth || !km_tree_exists(tree, path))
		return NULL;
	ignored = km_tree_read(tree, path, CONFIG_LIMIT, &text);
	if (ignored || !text.data)
		return NULL;
	for (char *save = NULL, *line = strtok_r(text.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char folder[512];

		line += strspn(line, " \t");
		line[strcspn(line, "# \t\r")] = line[0] == '/' ? 0 : line[strcspn(line, "# \t\r")];
		if (line[0] == '/') {
			KM_TRY(km_sys_add_name(ret, line));
			continue;
		}
		if (sscanf(line, "include %500[^*]*.conf", folder) == 1) {
			km_auto_tree_names struct km_tree_names names = {0};
			km_auto_error struct km_error *missing = km_tree_list(tree, folder, &names);

			for (size_t i = 0; !missing && i < names.count; i++) {
				char file[800];

				snprintf(file, sizeof(file), "%s%.255s", folder, names.data[i]);
				KM_TRY(read_ld_conf(tree, file, depth - 1, ret));
			}
		}
	}
	return NULL;
}

static struct km_error *library_folders(const struct km_tree *tree, struct km_sys_names *ret)
{
	static const char *const standard[] = {
		"/lib/x86_64-linux-gnu",
		"/usr/lib/x86_64-linux-gnu",
		"/lib/aarch64-linux-gnu",
		"/usr/lib/aarch64-linux-gnu",
		"/lib64",
		"/usr/lib64",
		"/lib",
		"/usr/lib",
	};

	KM_TRY(read_ld_conf(tree, "/etc/ld.so.conf", 4, ret));
	for (size_t i = 0; i < KM_ARRAY_SIZE(standard); i++)
		KM_TRY(km_sys_add_name(ret, standard[i]));
	return NULL;
}

/* A library of this machine's own width, in FOLDER? */
static bool is_library(const struct km_tree *tree, const char *folder, const char *name, char *buf,
		       size_t size)
{
	u8 ident[EI_NIDENT];
	km_auto_close int fd = -1;

	snprintf(buf, size, "%s/%s", folder, name);
	fd = km_tree_open(tree, buf, O_RDONLY);
	return fd >= 0 && read(fd, ident, sizeof(ident)) == sizeof(ident) &&
	       !memcmp(ident, ELFMAG, SELFMAG) && ident[EI_CLASS] == ELFCLASS64;
}

static bool find_library(const struct km_tree *tree, const char *user, const char *runpath,
			 const struct km_sys_names *folders, const char *name, char *buf,
			 size_t size)
{
	char copy[1024], *save = NULL;

	if (name[0] == '/') {
		snprintf(buf, size, "%s", name);
		return km_tree_exists(tree, name);
	}
	snprintf(copy, sizeof(copy), "%s", runpath);
	for (char *folder = strtok_r(copy, ":", &save); folder;
	     folder = strtok_r(NULL, ":", &save)) {
		char whole[2048];
		const char *slash = strrchr(user, '/');

		if (!strncmp(folder, "$ORIGIN", 7))
			snprintf(whole, sizeof(whole), "%.*s%s", (int)(slash ? slash - user : 0),
				 user, folder + 7);
		else
			snprintf(whole, sizeof(whole), "%s", folder);
		if (is_library(tree, whole, name, buf, size))
			return true;
	}
	for (size_t i = 0; i < folders->count; i++)
		if (is_library(tree, folders->data[i], name, buf, size))
			return true;
	return false;
}

/* ---- into the image ------------------------------------------------------------------------------------ */

struct adding {
	const struct km_tree *tree;
	struct km_cpio *cpio;
	struct km_sys_names *notes;
	struct km_sys_names folders;
};

/* Each link on the way is put into the image as a link: what a program names is found there as here. */
static struct km_error *add_link(void *data, const char *link, const char *target)
{
	struct adding *a = data;

	return km_cpio_link(a->cpio, link + 1, target);
}

static struct km_error *add(struct adding *a, const char *path, unsigned depth);

static struct km_error *add_needs(struct adding *a, const char *path, const struct km_str *bytes,
				  unsigned depth)
{
	struct km_elf_needs needs;
	struct km_error *error;

	KM_TRY(km_elf_needs(bytes->data, bytes->len, &needs));
	error = needs.interpreter[0] ? add(a, needs.interpreter, depth) : NULL;
	for (size_t i = 0; i < needs.libraries.count && !error; i++) {
		char library[4096], note[512];

		if (find_library(a->tree, path, needs.runpath, &a->folders, needs.libraries.data[i],
				 library, sizeof(library))) {
			error = add(a, library, depth);
			continue;
		}
		snprintf(note, sizeof(note), "%.200s needs %s, which is not found", path,
			 needs.libraries.data[i]);
		error = km_sys_add_name(a->notes, note);
	}
	km_sys_names_free(&needs.libraries);
	return error;
}

/* "#!/bin/sh -e" */
static struct km_error *add_interpreter(struct adding *a, const struct km_str *bytes,
					unsigned depth)
{
	char line[256], program[256];

	snprintf(line, sizeof(line), "%.*s", (int)km_min(bytes->len, sizeof(line) - 1),
		 bytes->data);
	line[strcspn(line, "\n")] = 0;
	if (sscanf(line, "#! %255s", program) != 1)
		return NULL;
	return add(a, program, depth);
}

static struct km_error *add(struct adding *a, const char *path, unsigned depth)
{
	char real[KM_PATH_SIZE];
	km_auto_str struct km_str bytes = {0};

	if (!depth)
		return km_error_new(KM_ERROR_UNSUPPORTED, "%s: needs of needs without end", path);
	KM_TRY(km_path_resolve(a->tree, path, add_link, a, real));
	if (km_cpio_has(a->cpio, real + 1))
		return NULL;
	KM_TRY(km_tree_read(a->tree, real, PROGRAM_LIMIT, &bytes));
	KM_TRY(km_cpio_file(a->cpio, real + 1, 0755, bytes.data, bytes.len));
	if (bytes.len > 2 && !memcmp(bytes.data, "#!", 2))
		return add_interpreter(a, &bytes, depth - 1);
	return add_needs(a, real, &bytes, depth - 1);
}

struct km_error *km_programs_add(const struct km_tree *tree, const char *path, struct km_cpio *cpio,
				 struct km_sys_names *notes)
{
	struct adding a = {.tree = tree, .cpio = cpio, .notes = notes};
	struct km_error *error = library_folders(tree, &a.folders);

	if (!error)
		error = add(&a, path, DEPTH);
	km_sys_names_free(&a.folders);
	return error;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* The purgatory as a segment: its bytes, with what it has to know of the others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/build.h"
#include "loader/purgatory.h"
#include "loader/purgatory/params.h"
#include "loader/purgatory/sha256.h"

enum { COM1 = 0x3f8, RESET_AFTER_MAX = 600 };

#define GIB4 (1ULL << 32)
#define MIB  (1ULL << 20)

/* ---- the consoles --------------------------------------------------------------------------------- */

/* The last WORD=VALUE of the kernel's command line; NULL where it has none. */
static const char *last_value(const char *cmdline, const char *word)
{
	const char *found = NULL, *p = cmdline;
	size_t len = strlen(word);

	while (p && (p = strstr(p, word))) {
		if ((p == cmdline || p[-1] == ' ') && p[len] == '=')
			found = p + len + 1;
		p += len;
	}
	return found;
}

/* console=ttyS1,115200n8: the first port that it names. The addresses are those that BIOSes gave them. */
static u16 port_of_console(const char *cmdline)
{
	static const u16 ports[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
	const char *value = last_value(cmdline, "console");

	if (value && !strncmp(value, "ttyS", 4) && value[4] >= '0' && value[4] < '4')
		return ports[value[4] - '0'];
	return COM1;
}

/* Seconds, -1: the machine is to be reset at once, 0: it is to stand still (kernel/panic.c). */
static long panic_timeout(const char *cmdline)
{
	const char *value = last_value(cmdline, "panic");

	return value ? strtol(value, NULL, 0) : 0;
}

static void set_failure(struct km_purgatory_params *params, const struct km_load_build *build)
{
	const struct km_load_request *request = build->request;
	long timeout = panic_timeout(build->machine->state.cmdline);

	if (request->failure == KM_FAILURE_HALT ||
	    (request->failure == KM_FAILURE_AUTO && !timeout))
		return;
	params->flags |= KM_PURGATORY_RESET;
	params->reset_after = (u16)km_min(km_max(timeout, 0L), (long)RESET_AFTER_MAX);
}

static void set_consoles(struct km_purgatory_params *params, const struct km_load_build *build)
{
	const struct km_load_request *request = build->request;

	/* A failure is told on both, whatever was asked: so there is always a port. */
	params->serial_port = request->serial_port ? request->serial_port
						   : port_of_console(build->machine->state.cmdline);
	params->serial_baud = request->serial_baud;
	if (request->console_vga)
		params->flags |= KM_PURGATORY_TELL_VGA;
	if (request->console_serial)
		params->flags |= KM_PURGATORY_TELL_SERIAL;
	if (request->reset_vga)
		params->flags |= KM_PURGATORY_RESET_VGA;
}

/* ---- what it checks, and where it goes ------------------------------------------------------------- */

static struct km_error *set_regions(struct km_purgatory_params *params,
				    const struct km_load_build *build)
{
	if (build->request->no_checks)
		params->flags |= KM_PURGATORY_NO_CHECKS;
	km_vec_for_each (&build->plan->segments, segment) {
		struct km_purgatory_region *region = &params->regions[params->n_regions];

		segment->in_digest = segment->in_digest && !build->request->no_checks;
		if (!segment->in_digest || !segment->size)
			continue;
		if (params->n_regions == KM_PURGATORY_REGIONS)
			return km_error_new(KM_ERROR_UNSUPPORTED,
					    "more than %d segments; kexec_load takes no more",
					    KM_KEXEC_SEGMENTS_MAX);
		if (km_job_check(build->job) != KM_OK)
			return km_error_status(KM_CANCELLED, "the segments' SHA-256");
		region->start = segment->start;
		region->size = segment->size;
		snprintf(region->name, sizeof(region->name), "%s",
			 km_segment_purpose_text(segment->purpose));
		km_sha256(segment->bytes, segment->size, region->digest);
		params->n_regions++;
	}
	return NULL;
}

static void set_entry(struct km_purgatory_params *params, const struct km_load_build *build)
{
	static const u32 modes[] = {
		[KM_ENTRY_64] = KM_PURGATORY_ENTER_64,
		[KM_ENTRY_32] = KM_PURGATORY_ENTER_32,
		[KM_ENTRY_REAL] = KM_PURGATORY_ENTER_REAL,
	};
	const struct km_entry_state *entry = &build->entry;

	params->mode = modes[entry->mode];
	params->entry = entry->address;
	params->rsi = entry->rsi;
	params->eax = entry->eax;
	params->ebx = entry->ebx;
	params->trampoline = entry->trampoline;
	if (entry->keep_stack)
		params->flags |= KM_PURGATORY_KEEP_STACK;
	if (build->request->preserve_context) {
		params->flags |= KM_PURGATORY_RETURNS;
		params->jump_back_text = build->cmdline_end;
	}
	params->backup = build->backup;
	params->backup_source = build->backup_source;
	params->backup_size = build->backup_size;
}

struct km_error *km_purgatory_add(struct km_load_build *build)
{
	struct km_segment segment = {.purpose = KM_SEGMENT_PURGATORY, .size = km_purgatory_size};
	/* Code that leaves long mode must lie where 32 bits reach. */
	u64 max = build->entry.mode == KM_ENTRY_64 ? UINT64_MAX : GIB4;
	struct km_purgatory_params params;
	u8 *bytes = malloc(km_purgatory_size);
	struct km_error *error;

	if (!bytes)
		return km_error_nomem();
	memcpy(bytes, km_purgatory_bytes, km_purgatory_size);
	memcpy(&params, bytes + KM_PURGATORY_PARAMS_AT, sizeof(params));
	set_consoles(&params, build);
	set_failure(&params, build);
	set_entry(&params, build);
	error = set_regions(&params, build);
	if (error) {
		free(bytes);
		return error;
	}
	memcpy(bytes + KM_PURGATORY_PARAMS_AT, &params, sizeof(params));
	segment.bytes = segment.owned = bytes;
	KM_TRY(km_segment_place(build, &segment, KM_PAGE, MIB, max, true, "our own",
				&build->plan->entry));
	build->plan->kernel_entry = build->entry.address;
	return NULL;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What decides whether the kernel lets a load through: who asks, what is loaded, and the policies that
 * stand in the way (lockdown, Secure Boot, IMA, sysctl kernel.kexec_*).
 *
 * Files: Documentation/ABI/testing/sysfs-kernel-kexec-kdump (kexec_loaded, …; newer kernels have them in
 * /sys/kernel/kexec/ too), Documentation/admin-guide/sysctl/kernel.rst (kexec_load_disabled,
 * kexec_load_limit_*), security/lockdown/lockdown.c (one line, the state in brackets).
 */
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include "loader/machine.h"

enum { TEXT_MAX = 1 << 20 };

#define SECURE_BOOT_VARIABLE \
	"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

/* All of PATH, or NULL where it cannot be read: then it does not count. */
static struct km_error *optional_text(const struct km_tree *tree, const char *path, char **ret)
{
	km_auto_str struct km_str text = {0};
	km_auto_error struct km_error *error = km_tree_read(tree, path, TEXT_MAX, &text);

	*ret = NULL;
	if (error && error->kind == KM_ERROR_OS)
		return NULL;
	if (error)
		return km_take(error);
	*ret = km_take(text.data);
	return NULL;
}

/* "Name:\tVALUE" in /proc/self/status. */
static const char *status_field(const char *status, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, len) && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " \t");
	}
	return NULL;
}

static struct km_error *read_reader(const struct km_tree *tree, struct km_machine_state *state)
{
	km_auto_free char *status = NULL;
	char uid_map[128];
	unsigned inside, outside, count, uid = 0;
	const char *field;

	KM_TRY(optional_text(tree, "/proc/self/status", &status));
	field = status ? status_field(status, "CapEff") : NULL;
	/* A recording by an ordinary copy has no /proc/self: its reader counts as root. */
	state->may_boot = !field || strtoull(field, NULL, 16) >> CAP_SYS_BOOT & 1;
	field = status ? status_field(status, "Uid") : NULL;
	if (field && sscanf(field, "%*u %u", &uid) != 1)
		uid = 0;
	state->is_root = !uid;
	field = status ? status_field(status, "Seccomp") : NULL;
	state->has_seccomp = field && *field == '2';
	if (km_tree_line(tree, "/proc/self/uid_map", uid_map, sizeof(uid_map)))
		state->in_user_namespace =
			sscanf(uid_map, "%u %u %u", &inside, &outside, &count) == 3 &&
			(inside || outside || count != UINT32_MAX);
	return NULL;
}

static s64 read_limit(const struct km_tree *tree, const char *path)
{
	char line[32];

	if (!km_tree_line(tree, path, line, sizeof(line)))
		return -1;
	return strtoll(line, NULL, 10);
}

static void read_switches(const struct km_tree *tree, struct km_machine_state *state)
{
	u64 number;

	state->has_loaded = km_tree_number(tree, "/sys/kernel/kexec_loaded", &number) ||
			    km_tree_number(tree, "/sys/kernel/kexec/loaded", &number);
	state->loaded = state->has_loaded && number;
	state->has_crash_loaded = km_tree_number(tree, "/sys/kernel/kexec_crash_loaded", &number) ||
				  km_tree_number(tree, "/sys/kernel/kexec/crash_loaded", &number);
	state->crash_loaded = state->has_crash_loaded && number;
	if (km_tree_number(tree, "/sys/kernel/kexec_crash_size", &number) ||
	    km_tree_number(tree, "/sys/kernel/kexec/crash_size", &number))
		state->crash_size = number;
	state->load_disabled =
		km_tree_number(tree, "/proc/sys/kernel/kexec_load_disabled", &number) && number;
	state->limit_reboot = read_limit(tree, "/proc/sys/kernel/kexec_load_limit_reboot");
	state->limit_panic = read_limit(tree, "/proc/sys/kernel/kexec_load_limit_panic");
	state->crash_hotplug =
		km_tree_number(tree, "/sys/devices/system/cpu/crash_hotplug", &number) && number;
}

/* "none [integrity] confidentiality" */
static void read_lockdown(const struct km_tree *tree, struct km_machine_state *state)
{
	char line[128], *begin, *end;

	if (!km_tree_line(tree, "/sys/kernel/security/lockdown", line, sizeof(line)))
		return;
	begin = strchr(line, '[');
	end = begin ? strchr(begin, ']') : NULL;
	if (end && (size_t)(end - begin) <= sizeof(state->lockdown))
		memcpy(state->lockdown, begin + 1, (size_t)(end - begin - 1));
}

/* An EFI variable: four bytes of attributes, then its value, here one byte. */
static void read_secure_boot(const struct km_tree *tree, struct km_machine_state *state)
{
	km_auto_str struct km_str bytes = {0};
	km_auto_error struct km_error *error = km_tree_read(tree, SECURE_BOOT_VARIABLE, 16, &bytes);

	if (!error && bytes.len >= 5)
		state->secure_boot = bytes.data[4] == 1 ? KM_SECURE_BOOT_ON : KM_SECURE_BOOT_OFF;
	else if (!km_tree_exists(tree, "/sys/firmware/efi"))
		state->secure_boot = KM_SECURE_BOOT_OFF;
}

static struct km_error *read_memory(const struct km_tree *tree, struct km_machine_state *state)
{
	km_auto_free char *text = NULL;
	const char *field;

	KM_TRY(optional_text(tree, "/proc/meminfo", &text));
	field = text ? status_field(text, "MemAvailable") : NULL;
	if (field)
		state->memory_available = strtoull(field, NULL, 10) << 10;
	return NULL;
}

struct km_error *km_machine_read_state(struct km_machine *machine)
{
	struct km_machine_state *state = &machine->state;
	const struct km_tree *tree = &machine->tree;
	km_auto_error struct km_error *no_config = NULL;

	KM_TRY(read_reader(tree, state));
	read_switches(tree, state);
	read_lockdown(tree, state);
	read_secure_boot(tree, state);
	KM_TRY(read_memory(tree, state));
	KM_TRY(optional_text(tree, "/sys/kernel/security/ima/policy", &state->ima_policy));
	KM_TRY(optional_text(tree, "/proc/cmdline", &state->cmdline));
	if (state->cmdline)
		state->cmdline[strcspn(state->cmdline, "\n")] = 0;
	if (!km_running_release(tree, state->release, sizeof(state->release)))
		return NULL;
	no_config = km_kernel_config_read(tree, state->release, &state->config);
	return NULL;
}

void km_machine_free_state(struct km_machine *machine)
{
	free(machine->state.ima_policy);
	free(machine->state.cmdline);
	if (machine->state.config)
		km_kernel_config_free(machine->state.config);
}

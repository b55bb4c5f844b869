// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Why the kernel does not do what it is asked, and what helps. The kernel answers with an errno, and one
 * errno has many reasons (kernel/kexec.c, kernel/kexec_file.c, kernel/kexec_core.c,
 * security/lockdown/lockdown.c, security/integrity/ima/ima_main.c). Each rule knows one reason: what
 * shows it in the machine's state, the errno that it leads to, cause and cure in a line each.
 *
 * Before a load the rules foretell, after it those of the kernel's answer explain.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "loader/input.h"

/* sysctl's folders, in systemd's order, with the file that it leaves to the administrator. */
static const char *const sysctl_folders[] = {"/etc/sysctl.d", "/run/sysctl.d",
					     "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"};

struct question {
	const struct km_machine *machine;
	const struct km_machine_state *state;
	enum km_load_target target;
	enum km_load_way call;
	const struct km_load_plan *plan; /* NULL: none could be made, or nothing is loaded */
};

void km_refusals_free(struct km_refusals *refusals)
{
	km_vec_for_each (&refusals->items, item) {
		free(item->cause);
		free(item->cure);
	}
	km_vec_free(&refusals->items);
}

static struct km_error *refuse(struct km_refusals *refusals, int os_errno, struct km_str *cause,
			       struct km_str *cure)
{
	struct km_refusal *item =
		cause->failed || cure->failed ? NULL : km_vec_push(&refusals->items);

	if (!item)
		return km_error_nomem();
	item->os_errno = os_errno;
	item->cause = km_take(cause->data);
	item->cure = km_take(cure->data);
	return NULL;
}

struct km_error *km_refusal_add(struct km_refusals *refusals, int os_errno, const char *cause,
				const char *cure)
{
	km_auto_str struct km_str cause_text = {0}, cure_text = {0};

	km_str_add(&cause_text, cause);
	km_str_add(&cure_text, cure);
	return refuse(refusals, os_errno, &cause_text, &cure_text);
}

struct km_error *km_refusal_misfit(enum km_load_target target, const char *misfit,
				   struct km_refusals *ret)
{
	if (target == KM_LOAD_CRASH)
		return km_refusal_add(ret, EADDRNOTAVAIL, misfit,
				      "boot with a larger crashkernel=, or load a smaller initrd; "
				      "`kmortem kdump size` says what this machine needs");
	return km_refusal_add(ret, ENOMEM, misfit,
			      "load a smaller initrd, or allow more memory (--mem-min, --mem-max)");
}

/* ---- what shows a reason ----------------------------------------------------------------------- */

static bool locked_down(const struct km_machine_state *state)
{
	return state->lockdown[0] && strcmp(state->lockdown, "none");
}

static bool built_without(const struct question *q, const char *option)
{
	return q->state->config && !km_kernel_config_has(q->state->config, option);
}

bool km_ima_appraises(const struct km_machine_state *state, const char *function)
{
	const char *line = state->ima_policy;
	size_t len = strlen(function);

	while (line && *line) {
		size_t end = strcspn(line, "\n");
		const char *word = memmem(line, end, function, len);

		if (!strncmp(line, "appraise", 8) && word && strchr(" \t\n", word[len]))
			return true;
		line += end + (line[end] == '\n');
	}
	/* The policy can be read only where the kernel was built so; the built-in one has a name. */
	return !state->ima_policy && state->cmdline && strstr(state->cmdline, "ima_policy=") &&
	       strstr(state->cmdline, "secure_boot");
}

/* Which of sysctl's files sets NAME: what to change so that the next boot does not. */
static bool sysctl_file(const struct km_tree *tree, const char *name, struct km_str *ret)
{
	for (size_t i = 0; i <= KM_ARRAY_SIZE(sysctl_folders); i++) {
		bool last = i == KM_ARRAY_SIZE(sysctl_folders);
		km_auto_tree_names struct km_tree_names names = {0};
		km_auto_error struct km_error *none =
			last ? NULL : km_tree_list(tree, sysctl_folders[i], &names);

		if (none)
			continue;
		for (size_t n = 0; n < (last ? 1 : names.count); n++) {
			km_auto_str struct km_str path = {0}, text = {0};
			km_auto_error struct km_error *error = NULL;

			if (last)
				km_str_add(&path, "/etc/sysctl.conf");
			else
				km_str_addf(&path, "%s/%s", sysctl_folders[i], names.data[n]);
			if (!path.failed)
				error = km_tree_read(tree, path.data, 1 << 20, &text);
			if (error || !text.data || !strstr(text.data, name))
				continue;
			km_str_add(ret, path.data);
			return true;
		}
	}
	return false;
}

/* ---- the rules --------------------------------------------------------------------------------- */

struct rule {
	int errnos[10]; /* 0-terminated */
	/* True, and both texts, where the reason is there. */
	bool (*applies)(const struct question *q, struct km_str *cause, struct km_str *cure);
};

static bool not_root(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	if (q->state->may_boot && !q->state->in_user_namespace)
		return false;
	if (q->state->in_user_namespace) {
		km_str_add(cause, "this process is in a user namespace (a container), where no "
				  "capability allows kexec");
		km_str_add(cure, "run it on the host itself");
		return true;
	}
	if (q->state->is_root) {
		km_str_add(cause,
			   "root has no CAP_SYS_BOOT here: a container or a service's settings "
			   "took it away");
		km_str_add(cure,
			   "run it on the host, or grant CAP_SYS_BOOT (CapabilityBoundingSet=, "
			   "--cap-add)");
		return true;
	}
	km_str_add(cause, "this user is not root: kexec needs CAP_SYS_BOOT");
	km_str_add(cure, "run it as root (sudo)");
	return true;
}

static bool load_disabled(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	km_auto_str struct km_str path = {0};

	if (!q->state->load_disabled)
		return false;
	km_str_add(cause, "kernel.kexec_load_disabled is 1: until the next boot nobody may load or "
			  "unload a kernel");
	if (sysctl_file(&q->machine->tree, "kexec_load_disabled", &path))
		km_str_addf(cure,
			    "take kernel.kexec_load_disabled out of %s, or load before it is "
			    "set, and reboot",
			    path.data);
	else
		km_str_add(cure,
			   "reboot, and load before it is set (sysctl, a hardening profile, or "
			   "sysctl.kernel.kexec_load_disabled= on the command line)");
	return true;
}

static bool limit_reached(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	bool crash = q->target == KM_LOAD_CRASH;
	const char *name = crash ? "panic" : "reboot";

	if (crash ? q->state->limit_panic : q->state->limit_reboot)
		return false;
	km_str_addf(cause,
		    "kernel.kexec_load_limit_%s is 0: no more such loads are allowed until "
		    "the next boot",
		    name);
	km_str_addf(cure, "reboot, and set kernel.kexec_load_limit_%s higher or not at all", name);
	return true;
}

/* Why it is locked down, so far as that shows. */
static void add_lockdown(const struct question *q, struct km_str *cause)
{
	km_str_addf(cause, "the kernel is locked down (%s%s)", q->state->lockdown,
		    q->state->secure_boot == KM_SECURE_BOOT_ON ? ", as Secure Boot is on"
		    : q->state->cmdline && km_cmdline_has(q->state->cmdline, "lockdown")
			    ? ", by its command line"
			    : "");
}

static bool lockdown_parts(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	if (!locked_down(q->state) || q->call != KM_LOAD_BY_PARTS)
		return false;
	add_lockdown(q, cause);
	km_str_add(cause, ": kexec_load, which no signature covers, is forbidden");
	km_str_add(cure, "load a signed bzImage with kexec_file_load (-s); unload with -s too");
	return true;
}

static bool lockdown_unsigned(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	if (!locked_down(q->state) || q->call != KM_LOAD_BY_FILE || !q->plan || q->plan->is_signed)
		return false;
	add_lockdown(q, cause);
	km_str_addf(cause, " and %s has no signature", q->plan->kernel);
	km_str_add(cure, "load a kernel that the distribution or your own key has signed (sbsign)");
	return true;
}

static bool lockdown_foreign(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	if (!locked_down(q->state) || q->call != KM_LOAD_BY_FILE || !q->plan || !q->plan->is_signed)
		return false;
	add_lockdown(q, cause);
	km_str_addf(cause, " and none of its keys made the signature of %s", q->plan->kernel);
	km_str_add(cure,
		   "load a kernel of the same distribution, or enrol your key (mokutil --import) "
		   "and reboot");
	return true;
}

static bool signature_forced(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	if (!q->plan || q->call != KM_LOAD_BY_FILE || q->plan->is_signed || !q->state->config ||
	    !km_kernel_config_has(q->state->config, "KEXEC_SIG_FORCE"))
		return false;
	km_str_addf(cause,
		    "the kernel takes signed images only (CONFIG_KEXEC_SIG_FORCE) and %s has "
		    "no signature",
		    q->plan->kernel);
	km_str_add(cure, "load a kernel that the distribution or your own key has signed (sbsign)");
	return true;
}

/* Only the kernel's answer shows that it does not like a signature. */
static bool signature_rejected(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	if (!q->plan || q->call != KM_LOAD_BY_FILE)
		return false;
	if (q->plan->is_signed) {
		km_str_addf(cause,
			    "the signature of %s is by no key that this kernel trusts, or the "
			    "file was changed after it was signed",
			    q->plan->kernel);
		km_str_add(cure,
			   "load a kernel of the same distribution, or enrol your key (mokutil "
			   "--import) and reboot; `dmesg` names the key that was asked for");
	} else {
		km_str_addf(cause, "this kernel asks for a signature%s and %s has none",
			    q->state->secure_boot == KM_SECURE_BOOT_ON ? " (Secure Boot is on)"
								       : "",
			    q->plan->kernel);
		km_str_add(
			cure,
			"load a kernel that the distribution or your own key has signed (sbsign)");
	}
	return true;
}

static bool ima_refuses(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	bool kernel = km_ima_appraises(q->state, "KEXEC_KERNEL_CHECK");
	bool initrd = km_ima_appraises(q->state, "KEXEC_INITRAMFS_CHECK");

	if (!kernel && !initrd)
		return false;
	/* A file that is signed as IMA wants it passes: only the kernel can tell. */
	if (q->call == KM_LOAD_BY_FILE && q->plan && q->plan->is_signed && !initrd)
		return false;
	km_str_addf(cause, "the IMA policy wants %s appraised (func=KEXEC_%s_CHECK)%s",
		    kernel ? "kernels" : "initramfs images", kernel ? "KERNEL" : "INITRAMFS",
		    q->call == KM_LOAD_BY_PARTS
			    ? ", and kexec_load has no file to appraise"
			    : ", and this file has no signature that IMA trusts");
	km_str_add(cure, q->call == KM_LOAD_BY_PARTS
				 ? "use kexec_file_load (-s) with files that are signed for IMA"
				 : "sign the files with `evmctl ima_sign`, or change the policy in "
				   "/etc/ima/ima-policy and reboot");
	return true;
}

static bool not_built(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	bool parts = q->call == KM_LOAD_BY_PARTS;
	const char *option = parts ? "KEXEC" : "KEXEC_FILE";
	const char *other = parts ? "KEXEC_FILE" : "KEXEC";

	if (q->call == KM_LOAD_AUTO) {
		if (!built_without(q, "KEXEC") || !built_without(q, "KEXEC_FILE"))
			return false;
		km_str_addf(cause, "the running kernel was built without kexec (%s)",
			    km_kernel_config_path(q->state->config));
		km_str_add(cure, "boot a kernel that has CONFIG_KEXEC_FILE or CONFIG_KEXEC");
		return true;
	}
	if (!built_without(q, option))
		return false;
	km_str_addf(cause, "the running kernel was built without %s: CONFIG_%s is not set in %s",
		    parts ? "kexec_load" : "kexec_file_load", option,
		    km_kernel_config_path(q->state->config));
	if (built_without(q, other))
		km_str_addf(cure, "boot a kernel that has CONFIG_%s", option);
	else
		km_str_addf(cure, "use the other system call (%s, or -a)", parts ? "-s" : "-c");
	return true;
}

static bool no_reservation(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	const char *cmdline = q->state->cmdline;

	if (q->target != KM_LOAD_CRASH || q->machine->crash.count || q->state->crash_size)
		return false;
	if (cmdline && km_cmdline_has(cmdline, "crashkernel")) {
		km_str_add(cause,
			   "no memory is reserved for a crash kernel, although crashkernel= is "
			   "on the command line: the kernel could not find room, or did not "
			   "understand it");
		km_str_add(cure, "see `dmesg | grep -i crashkernel`; ask for less, or for "
				 "crashkernel=SIZE without a place");
		return true;
	}
	km_str_add(cause, "no memory is reserved for a crash kernel: crashkernel= is not on the "
			  "command line");
	km_str_add(cure,
		   "add crashkernel=256M to the boot loader's command line and reboot; `kmortem "
		   "kdump size` says what this machine needs");
	return true;
}

static bool reservation_hidden(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	if (q->target != KM_LOAD_CRASH || q->machine->crash.count || !q->state->crash_size)
		return false;
	km_str_addf(cause,
		    "%" PRIu64 " MiB are reserved, but /proc/iomem does not say where: it hides "
		    "addresses from all but root",
		    q->state->crash_size >> 20);
	km_str_add(cure, "run it as root (sudo)");
	return true;
}

static bool memory_short(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	const struct km_load_plan *plan = q->plan;

	if (!plan || q->target == KM_LOAD_CRASH || !q->state->memory_available ||
	    plan->segments_memory <= q->state->memory_available)
		return false;
	km_str_addf(cause,
		    "the load takes %" PRIu64 " MiB of memory; %" PRIu64 " are available, %" PRIu64
		    " too few",
		    plan->segments_memory >> 20, q->state->memory_available >> 20,
		    (plan->segments_memory - q->state->memory_available + (1 << 20) - 1) >> 20);
	km_str_add(cure, "end what takes memory, or load a smaller initrd");
	return true;
}

/* ---- what only the answer shows ---------------------------------------------------------------- */

static bool busy(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	(void)q;
	km_str_add(cause, "the kernel is busy with another load, unload or change of "
			  "kexec_crash_size");
	km_str_add(cure, "try again when it is done (another kexec, kdump or systemd service)");
	return true;
}

static bool too_small(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	const struct km_load_plan *plan = q->plan;

	if (!plan || q->target != KM_LOAD_CRASH || !q->machine->crash.count)
		return false;
	if (plan->segments_memory > plan->reserved)
		km_str_addf(cause,
			    "the reservation is too small: %" PRIu64 " MiB are to be loaded, "
			    "%" PRIu64 " MiB are reserved, %" PRIu64 " MiB are missing",
			    plan->segments_memory >> 20, plan->reserved >> 20,
			    (plan->segments_memory - plan->reserved + (1 << 20) - 1) >> 20);
	else
		km_str_addf(cause,
			    "%" PRIu64 " MiB are to be loaded into the %" PRIu64 " MiB that are "
			    "reserved, and do not fit as they lie",
			    plan->segments_memory >> 20, plan->reserved >> 20);
	km_str_add(cure,
		   "boot with a larger crashkernel=, or load a smaller initrd; `kmortem kdump "
		   "size` says what this machine needs");
	return true;
}

static bool not_understood(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	if (!q->plan || q->call != KM_LOAD_BY_FILE)
		return false;
	km_str_addf(cause, "this kernel's kexec_file_load does not take %s (%s)", q->plan->kernel,
		    q->plan->type);
	km_str_add(cure,
		   "load it with kexec_load (-c, or -a), where no policy asks for a signature");
	return true;
}

static bool seccomp(const struct question *q, struct km_str *cause, struct km_str *cure)
{
	if (!q->state->has_seccomp)
		return false;
	km_str_add(cause, "a seccomp filter stands between this process and the system call");
	km_str_add(cure, "run it outside of the container or service that sets the filter");
	return true;
}

#define SIGNATURE_ERRNOS                                                                          \
	{                                                                                         \
		EKEYREJECTED, ENOKEY, ENODATA, EBADMSG, ELIBBAD, ENOPKG, EKEYEXPIRED, EKEYREVOKED \
	}

/* Reasons that show before anything is tried. */
static const struct rule foretelling[] = {
	{{EPERM}, not_root},
	{{EPERM}, load_disabled},
	{{EPERM}, limit_reached},
	{{EPERM}, lockdown_parts},
	{{EPERM, EKEYREJECTED, ENODATA, ENOKEY}, lockdown_unsigned},
	{{ENODATA, EKEYREJECTED}, signature_forced},
	{{EACCES, EPERM}, ima_refuses},
	{{ENOSYS}, not_built},
	{{EADDRNOTAVAIL, EINVAL, ENOMEM}, no_reservation},
	{{EADDRNOTAVAIL, EPERM}, reservation_hidden},
	{{ENOMEM, EADDRNOTAVAIL}, memory_short},
};

/* Reasons that the kernel's answer alone points at; only where the ones above say nothing. */
static const struct rule explaining[] = {
	{{EPERM}, lockdown_foreign},
	{{EPERM, ENOSYS, EACCES}, seccomp},
	{SIGNATURE_ERRNOS, signature_rejected},
	{{EBUSY}, busy},
	{{EADDRNOTAVAIL, ENOMEM}, too_small},
	{{ENOEXEC, ENOTSUP}, not_understood},
};

static bool is_for(const struct rule *rule, int os_errno)
{
	for (size_t i = 0; i < KM_ARRAY_SIZE(rule->errnos) && rule->errnos[i]; i++)
		if (rule->errnos[i] == os_errno)
			return true;
	return false;
}

static struct km_error *run_rules(const struct rule *rules, size_t count, const struct question *q,
				  int os_errno, struct km_refusals *ret)
{
	for (size_t i = 0; i < count; i++) {
		km_auto_str struct km_str cause = {0}, cure = {0};

		if (os_errno && !is_for(&rules[i], os_errno))
			continue;
		if (rules[i].applies(q, &cause, &cure))
			KM_TRY(refuse(ret, os_errno ? os_errno : rules[i].errnos[0], &cause,
				      &cure));
	}
	return NULL;
}

struct km_error *km_refusals_predict(const struct km_machine *machine, enum km_load_target target,
				     enum km_load_way call, const struct km_load_plan *plan,
				     struct km_refusals *ret)
{
	const struct question q = {machine, &machine->state, target, call, plan};

	return run_rules(foretelling, KM_ARRAY_SIZE(foretelling), &q, 0, ret);
}

struct km_error *km_refusals_explain(const struct km_machine *machine, enum km_load_target target,
				     enum km_load_way call, const struct km_load_plan *plan,
				     int os_errno, struct km_refusals *ret)
{
	const struct question q = {machine, &machine->state, target, call, plan};

	KM_TRY(run_rules(foretelling, KM_ARRAY_SIZE(foretelling), &q, os_errno, ret));
	if (plan)
		km_vec_for_each (&plan->refusals.items, known)
			if (known->os_errno == os_errno && !ret->items.count)
				KM_TRY(km_refusal_add(ret, os_errno, known->cause, known->cure));
	if (ret->items.count)
		return NULL;
	return run_rules(explaining, KM_ARRAY_SIZE(explaining), &q, os_errno, ret);
}

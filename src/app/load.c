// SPDX-License-Identifier: GPL-2.0-or-later
/* kmortem load, unload, exec, status and plan, and all of them under kexec(8)'s name and options. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/app.h"
#include "app/load.h"

/* kexec -S: the file that says so is not there. */
enum { EXIT_NOT_SAID = 255 };

static bool write_stdout(void *data, const char *bytes, size_t len)
{
	(void)data;
	return fwrite(bytes, 1, len, stdout) == len && !fflush(stdout);
}

static bool write_stderr(void *data, const char *bytes, size_t len)
{
	(void)data;
	return fwrite(bytes, 1, len, stderr) == len;
}

/* JSON is one object on standard output, whatever happens: the error is in it too. */
static void emit_json(const char *what, const struct km_load_plan *plan, bool loaded,
		      const struct km_error *error)
{
	const struct km_sink sink = {.write = write_stdout};
	km_cleanup(km_out_freep) struct km_out *out = km_out_new(&sink, true);

	if (!out)
		return;
	km_out_begin_command(out, what);
	if (plan && plan->cmdline)
		load_emit_plan(out, plan, loaded);
	km_out_end_command(out, NULL, 0, error);
}

static void show_plan(const struct km_load_plan *plan, bool on_stderr)
{
	const struct km_sink sink = {.write = on_stderr ? write_stderr : write_stdout};
	km_cleanup(km_out_freep) struct km_out *out = km_out_new(&sink, false);

	if (out)
		load_emit_plan(out, plan, false);
}

/* The kernel's answer, then a line with the cause and one with the cure for each reason. */
static void print_refusals(const struct km_refusals *refusals)
{
	km_vec_for_each (&refusals->items, item)
		fprintf(stderr, "cause: %s\ncure: %s\n", item->cause, item->cure);
}

/* ---- the pieces of work ------------------------------------------------------------------------ */

static struct km_error *do_plan(const struct km_machine *machine, const struct load_options *o)
{
	km_cleanup(km_load_plan_freep) struct km_load_plan *plan = NULL;
	struct km_error *error = km_load_plan_make(machine, &o->request, NULL, &plan);

	if (o->json)
		emit_json("plan", plan, false, error);
	else if (!error)
		show_plan(plan, false);
	if (error) {
		struct km_refusals refusals = {0};
		km_auto_error struct km_error *none =
			km_load_foretell(machine, &o->request, error, &refusals);

		if (!none)
			print_refusals(&refusals);
		km_refusals_free(&refusals);
	}
	return error;
}

static struct km_error *do_load(const struct km_machine *machine, const struct load_options *o)
{
	km_cleanup(km_load_plan_freep) struct km_load_plan *plan = NULL;
	struct km_refusals refusals;
	struct km_error *error =
		km_load(machine, &o->request, &km_system_calls, NULL, &plan, &refusals);

	if (o->request.debug && plan && plan->cmdline)
		show_plan(plan, true);
	if (plan && !o->request.debug)
		km_vec_for_each (&plan->notes, note)
			fprintf(stderr, "kmortem: %s\n", *note);
	if (o->json)
		emit_json("load", plan, !error, error);
	if (error) {
		fprintf(stderr, "kmortem: %s\n", error->message);
		print_refusals(&refusals);
	}
	km_refusals_free(&refusals);
	return error;
}

static struct km_error *do_unload(const struct km_machine *machine, const struct load_options *o)
{
	struct km_refusals refusals;
	struct km_error *error = km_load_unload(machine, o->request.target, o->request.way,
						&km_system_calls, &refusals);

	if (error) {
		fprintf(stderr, "kmortem: %s\n", error->message);
		print_refusals(&refusals);
	}
	km_refusals_free(&refusals);
	return error;
}

static struct km_error *do_exec(const struct km_machine *machine, const struct load_options *o)
{
	struct km_refusals refusals;
	struct km_error *error =
		km_load_reboot(machine, !o->no_sync, !o->no_ifdown, &km_system_calls, &refusals);

	if (error) {
		fprintf(stderr, "kmortem: %s\n", error->message);
		print_refusals(&refusals);
	}
	km_refusals_free(&refusals);
	return error;
}

/* systemd goes by the loaded kernel when it is told so; other inits' scripts call `kexec -e` last. */
static struct km_error *do_shutdown(void)
{
	static const char *const by_systemd[] = {"systemctl", "kexec", NULL};
	static const char *const by_others[] = {"shutdown", "-r", "now", NULL};
	bool systemd = !access("/run/systemd/system", F_OK);
	const char *const *words = systemd ? by_systemd : by_others;
	int failed, status;
	pid_t pid;

	failed = posix_spawnp(&pid, words[0], NULL, NULL, (char *const *)words, environ);
	if (failed)
		return km_error_os(failed, "%s", words[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return km_error_os(errno, "%s", words[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return km_error_new(KM_ERROR_OS, "%s %s did not do it", words[0], words[1]);
	return NULL;
}

static int do_status(const struct km_machine *machine, const struct load_options *o)
{
	const struct km_sink sink = {.write = write_stdout};
	struct km_load_status status;
	bool crash = o->request.target == KM_LOAD_CRASH;

	km_load_status(machine, &status);
	if (!o->as_kexec || o->json) {
		km_cleanup(km_out_freep) struct km_out *out = km_out_new(&sink, o->json);

		if (out) {
			km_out_begin_command(out, "status");
			load_emit_status(out, &status);
			km_out_end_command(out, NULL, 0, NULL);
		}
	}
	if (crash ? !status.has_crash_loaded : !status.has_loaded) {
		fprintf(stderr,
			"kmortem: the kernel does not say whether one is loaded: it has no "
			"%s\n",
			crash ? "support for crash kernels" : "kexec");
		return EXIT_NOT_SAID;
	}
	return (crash ? status.crash_loaded : status.loaded) ? 1 : 0;
}

/* ---- in order ---------------------------------------------------------------------------------- */

/* The state is read anew where a load has changed it. */
static struct km_error *do_start(struct load_options *o)
{
	km_cleanup(km_machine_freep) struct km_machine *machine = NULL;
	struct km_error *error;

	if (!o->work.exec && !o->work.shutdown)
		return NULL;
	KM_TRY(km_machine_read("/", &machine));
	if (!o->work.shutdown)
		return do_exec(machine, o);
	error = do_shutdown();
	if (error)
		fprintf(stderr, "kmortem: %s\n", error->message);
	return error;
}

static struct km_error *work(struct load_options *o, int *ret_exit)
{
	km_cleanup(km_machine_freep) struct km_machine *machine = NULL;
	struct km_error *error = km_machine_read(o->root ? o->root : "/", &machine);

	if (!error && o->work.status) {
		*ret_exit = do_status(machine, o);
		return NULL;
	}
	if (!error && o->work.print_region) {
		printf("%llu\n", (unsigned long long)km_load_crash_region(machine));
		return NULL;
	}
	if (!error && o->work.plan)
		error = do_plan(machine, o);
	if (error) {
		fprintf(stderr, "kmortem: %s\n", error->message);
		return error;
	}
	if (o->work.plan)
		return NULL;
	if (o->work.unload)
		return do_unload(machine, o);
	if (o->work.load)
		KM_TRY(do_load(machine, o));
	return do_start(o);
}

static int run(int argc, char **argv, struct load_options *o)
{
	int status = -1;
	int usage_exit = o->as_kexec ? KM_EXIT_FAILED : KM_EXIT_USAGE;
	km_auto_error struct km_error *error = load_options_parse(argc, argv, o, &status);

	if (error)
		fprintf(stderr, "kmortem: %s\n", error->message);
	if (!error && status < 0) {
		status = KM_EXIT_OK;
		error = work(o, &status);
		if (error)
			status = error->kind == KM_ERROR_USAGE ? usage_exit : KM_EXIT_FAILED;
	} else if (error) {
		status = usage_exit;
	}
	load_options_done(o);
	return status;
}

int km_app_load(int argc, char **argv)
{
	struct load_options o = {.work.load = true};

	return run(argc, argv, &o);
}

int km_app_unload(int argc, char **argv)
{
	struct load_options o = {.work.unload = true};

	return run(argc, argv, &o);
}

int km_app_exec(int argc, char **argv)
{
	struct load_options o = {.work.exec = true};

	return run(argc, argv, &o);
}

int km_app_status(int argc, char **argv)
{
	struct load_options o = {.work.status = true};

	return run(argc, argv, &o);
}

int km_app_plan(int argc, char **argv)
{
	struct load_options o = {.work.plan = true};

	return run(argc, argv, &o);
}

int km_app_kexec(int argc, char **argv)
{
	struct load_options o = {.as_kexec = true, .work = {.load = true, .shutdown = true}};

	return run(argc, argv, &o);
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a plan reads from files and keeps; private to the room. */
#ifndef KM_LOADER_INPUT_H
#define KM_LOADER_INPUT_H

#include "loader/build.h"

/* Bounds of what is read whole. A kernel with its debug information is a few hundred MiB. */
#define KM_KERNEL_MAX (1ull << 30)
#define KM_INITRD_MAX (1ull << 36)

/* The buffers that a plan's segments point into. */
struct km_inputs {
	KM_VEC(u8 *) buffers;
};
void km_inputs_free(struct km_inputs *inputs);
/* Keeps DATA (malloc'ed) for the plan's life; freed where that fails. */
struct km_error *km_inputs_keep(struct km_load_plan *plan, u8 *data) km_must_check;

/* Opens a regular file for reading; *RET_SIZE is its size, LIMIT at most. */
struct km_error *km_input_open(const char *path, u64 limit, int *ret_fd,
			       u64 *ret_size) km_must_check;
/* Fills BUF with the SIZE bytes that FD's file has; the file must not have become shorter. */
struct km_error *km_input_fill(int fd, const char *path, u8 *buf, u64 size) km_must_check;

/* initrd.c: what the initramfs is made of, in order: the image's own parts, --reuseinitrd, --initrd. */
struct km_error *km_initrd_measure(struct km_load_build *build) km_must_check;
void km_initrd_close(struct km_load_build *build);
/* Writes all parts to BUF, of build->initrd_size bytes, each padded with zeros to four bytes. */
struct km_error *km_initrd_fill(const struct km_load_build *build, u8 *buf) km_must_check;
/* The parts' names, for a person. */
struct km_error *km_initrd_source(const struct km_load_build *build,
				  struct km_str *ret) km_must_check;
/* One segment with all of them, as high as it goes below MAX; *RET_START is 0 where there is none. */
struct km_error *km_initrd_add(struct km_load_build *build, u64 min, u64 max,
			       u64 *ret_start) km_must_check;

/* cmdline.c: the command line that REQUEST, the machine and the image give, in build->cmdline. */
struct km_error *km_cmdline_make(struct km_load_build *build) km_must_check;
/* Whether LINE has the word PARAMETER or PARAMETER=…. */
bool km_cmdline_has(const char *line, const char *parameter);
/* Takes every word PARAMETER or PARAMETER=… out of LINE, quotes heeded. */
void km_cmdline_remove(char *line, const char *parameter);

/* choose.c: which system call is first, and why. */
struct km_error *km_call_choose(struct km_load_build *build,
				const struct km_image_type *type) km_must_check;
/* What of the options has no meaning for this load is noted; what contradicts is an error. */
struct km_error *km_options_check(struct km_load_build *build,
				  const struct km_image_type *type) km_must_check;

/* identify.c: unwraps build->kernel (packed, uImage, UKI) until a type takes it; WHY says what was
 * found on the way. */
struct km_error *km_kernel_find_type(struct km_load_build *build, struct km_str *why,
				     const struct km_image_type **ret) km_must_check;

/* jump_back.c: the whole plan of --load-jump-back-helper. */
struct km_error *km_jump_back_plan(struct km_load_build *build) km_must_check;

/* file_layout.c: what kexec_file_load will need, laid out as it might. */
struct km_error *km_file_layout(struct km_load_build *build) km_must_check;

/* Whether the IMA policy, where it can be read, has a rule to appraise FUNCTION. */
bool km_ima_appraises(const struct km_machine_state *state, const char *function);
/* refusal.c: what speaks against the load of TARGET by CALL before it is tried. PLAN may be NULL. */
struct km_error *km_refusals_predict(const struct km_machine *machine, enum km_load_target target,
				     enum km_load_way call, const struct km_load_plan *plan,
				     struct km_refusals *ret) km_must_check;
/* Why the kernel answered OS_ERRNO to it. */
struct km_error *km_refusals_explain(const struct km_machine *machine, enum km_load_target target,
				     enum km_load_way call, const struct km_load_plan *plan,
				     int os_errno, struct km_refusals *ret) km_must_check;
struct km_error *km_refusal_add(struct km_refusals *refusals, int os_errno, const char *cause,
				const char *cure) km_must_check;
/* Something has no place: MISFIT says what. */
struct km_error *km_refusal_misfit(enum km_load_target target, const char *misfit,
				   struct km_refusals *ret) km_must_check;

#endif

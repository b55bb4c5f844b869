/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * send KIND SOURCE PATH OPTIONS FOLDER MIB: what PID 1 does with a target on another machine, without the
 * crash: opens it, sends a small file and a stream of MIB MiB, compares, finishes. Says how each ended.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "service/init_remote.h"

enum { MIB = 1 << 20 };

static void tell(const char *what, struct km_error *error)
{
	printf("%s: %s\n", what, error ? error->message : "done");
	if (error)
		km_error_free(error);
}

static void make_file(void)
{
	int fd = open(KM_INIT_STAGE "/note.txt", O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);

	if (fd >= 0 && !km_write_all(fd, "hello\n", 6))
		perror("note.txt");
	close(fd);
}

static void send_stream(struct km_init *init, int count)
{
	static char bytes[MIB];
	struct km_stream_out stream;
	struct km_error *error = km_init_begin_stream(init, &stream);

	if (error) {
		tell("stream", error);
		return;
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 256);
	for (int i = 0; i < count && km_write_all(stream.fd, bytes, sizeof(bytes)); i++)
		;
	tell("stream", km_init_end_stream(init, &stream));
}

int main(int argc, char **argv)
{
	static struct km_result result;
	struct km_init init = {.kmsg = -1, .watchdog = -1, .result = &result};
	struct km_plan_target target = {.fstype = (char *)""};

	if (argc != 7)
		return 2;
	target.kind = !strcmp(argv[1], "ssh") ? KM_PLAN_SSH : KM_PLAN_HTTPS;
	target.source = argv[2];
	target.path = argv[3];
	target.options = argv[4];
	km_plan_init(&init.plan);
	init.deadline_ns = km_monotonic_ns() + 600 * 1000000000ull;
	init.target = &target;
	init.board = mmap(NULL, sizeof(*init.board), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (init.board == MAP_FAILED)
		return 2;
	snprintf(init.board->folder, sizeof(init.board->folder), "%s", argv[5]);
	if (!km_init_open_remote(&init)) {
		printf("open: %s\n", result.steps[0].message);
		return 1;
	}
	make_file();
	tell("file", km_init_send_file(&init, "note.txt"));
	send_stream(&init, atoi(argv[6]));
	tell("verify", km_init_verify_remote(&init));
	if (init.board->verified)
		tell("finish", km_init_finish_remote(&init));
	return init.board->verified ? 0 : 1;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A crowd of processes worth finding in a dump: a sleeper, one with open files,
 * sockets and mappings, one with several threads, one that is stopped and one
 * that is a zombie. Statically linked; each child says its pid in /run/crowd.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define THREADS 4
#define MAPPED_BYTES (4u << 20)

static void be(const char *name)
{
	char path[64];
	FILE *file;

	prctl(PR_SET_NAME, name);
	snprintf(path, sizeof(path), "/run/crowd/%s", name + strlen("crowd-"));
	file = fopen(path, "w");
	if (file) {
		fprintf(file, "%d\n", getpid());
		fclose(file);
	}
}

static void sleep_forever(void)
{
	for (;;)
		pause();
}

static void *thread_main(void *argument)
{
	char name[16];

	snprintf(name, sizeof(name), "crowd-thread%d", *(int *)argument);
	prctl(PR_SET_NAME, name);
	sleep_forever();
	return NULL;
}

static void with_threads(void)
{
	static int numbers[THREADS];
	pthread_t thread;

	be("crowd-threads");
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		if (pthread_create(&thread, NULL, thread_main, &numbers[i]))
			_exit(1);
	}
	sleep_forever();
}

static void open_tcp(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(4711),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 5))
		perror("crowd: tcp");
}

static void open_unix(void)
{
	struct sockaddr_un address = {
		.sun_family = AF_UNIX,
		.sun_path = "/run/crowd/socket",
	};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 5))
		perror("crowd: unix");
}

static void touch_memory(void)
{
	char *memory;
	int id;

	memory = mmap(NULL, MAPPED_BYTES, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory != MAP_FAILED)
		memset(memory, 0x4b, MAPPED_BYTES);
	id = shmget(0x4b4d, 65536, IPC_CREAT | 0600);
	memory = id < 0 ? (void *)-1 : shmat(id, NULL, 0);
	if (memory != (void *)-1)
		memset(memory, 0x4c, 65536);
}

static void with_files(void)
{
	int fds[2];
	int file;

	be("crowd-files");
	file = open("/tmp/a file that crowd holds open", O_RDWR | O_CREAT, 0600);
	if (file < 0 || write(file, "held\n", 5) != 5 || pipe(fds))
		perror("crowd: files");
	open("/proc/meminfo", O_RDONLY);
	open_tcp();
	open_unix();
	socket(AF_INET, SOCK_DGRAM, 0);
	touch_memory();
	sleep_forever();
}

static void as_sleeper(void)
{
	be("crowd-sleeper");
	sleep_forever();
}

static void as_stopped(void)
{
	be("crowd-stopped");
	raise(SIGSTOP);
	sleep_forever();
}

static void as_zombies_parent(void)
{
	be("crowd-parent");
	if (fork() == 0) {
		be("crowd-zombie");
		_exit(0);
	}
	sleep_forever();
}

int main(void)
{
	static void (*const members[])(void) = {
		as_sleeper, with_files, with_threads, as_stopped, as_zombies_parent,
	};

	mkdir("/run/crowd", 0755);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		pid_t pid = fork();

		if (pid == 0) {
			members[i]();
			_exit(0);
		}
		if (pid < 0)
			return 1;
	}
	return 0;
}

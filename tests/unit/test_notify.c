// SPDX-License-Identifier: Apache-2.0
/* Messages to the service manager as it receives them, and how often it wants to hear from us. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/notify.h"

static void round_trip(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + strlen(name);
	char text[64] = "";

	memcpy(a.sun_path, name, strlen(name));
	if (name[0] == '@')
		a.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify("READY=1\nSTATUS=%d things", 7), 1);
	assert_int_equal(recv(fd, text, sizeof(text), MSG_DONTWAIT), strlen("READY=1\nSTATUS=7 things"));
	assert_string_equal(text, "READY=1\nSTATUS=7 things");
	close(fd);
}

static void sends(void **state)
{
	char path[64], abstract[64];

	snprintf(path, sizeof(path), "/tmp/test-notify-%d", (int)getpid());
	snprintf(abstract, sizeof(abstract), "@test-notify-%d", (int)getpid());
	round_trip(abstract);
	round_trip(path);
	unlink(path);
	assert_true(notify("READY=1") < 0); /* nobody there any more */
}

static void without_a_manager(void **state)
{
	char longer[200];

	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify("READY=1"), -EINVAL);
	memset(longer, 'x', sizeof(longer));
	longer[0] = '/';
	longer[199] = '\0';
	setenv("NOTIFY_SOCKET", longer, 1);
	assert_int_equal(notify("READY=1"), -EINVAL);
	unsetenv("NOTIFY_SOCKET");
}

static void watchdog(void **state)
{
	char pid[16];

	unsetenv("WATCHDOG_USEC");
	assert_int_equal(notify_watchdog_ns(), 0);
	setenv("WATCHDOG_USEC", "3000000", 1);
	assert_int_equal(notify_watchdog_ns(), 3000000000ull);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_ns(), 3000000000ull);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog_ns(), 0);
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_int_equal(notify_watchdog_ns(), 0);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends),
		cmocka_unit_test(without_a_manager),
		cmocka_unit_test(watchdog),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

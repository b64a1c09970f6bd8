// SPDX-License-Identifier: Apache-2.0
#include "symbolize/namer.h"

#include "base/file.h"
#include "symbolize/helper.h"
#include "symbolize/sandbox.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int answer(const char *symbol, bool full)
{
	struct buf out = {0};
	int ret;

	demangle(&out, symbol, full);
	ret = file_write_fd(HELPER_RESULT_FD, out.v ? out.v : "", out.n + 1);
	buf_free(&out);
	return ret;
}

static int answer_all(const struct buf *request)
{
	struct namer_request r;
	int ret;

	memcpy(&r, request->v, sizeof(r));
	ret = file_write_fd(HELPER_RESULT_FD, "", 1);
	for (size_t at = sizeof(r); !ret && at < request->n; at += strlen(request->v + at) + 1)
		ret = answer(request->v + at, r.full);
	return ret;
}

int namer_main(void)
{
	const struct sandbox_limits limits = {NAMER_CPU_SECONDS, NAMER_MEMORY_BYTES, 0, NAMER_RESULT_BYTES_MAX};
	struct buf request = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "profile-namer");
	if (file_read_fd(HELPER_REQUEST_FD, NAMER_REQUEST_BYTES_MAX, &request) || request.n < sizeof(struct namer_request) ||
	    sandbox_enter(&limits))
		_exit(1);
	_exit(answer_all(&request) ? 1 : 0);
}

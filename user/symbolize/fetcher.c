// SPDX-License-Identifier: Apache-2.0
#include "symbolize/fetcher.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* As libcurl reads them: HTTP_PROXY is not among them, as that is a header to CGI programs. */
static bool is_proxy(const char *assignment)
{
	static const char *const names[] = {"http_proxy=", "https_proxy=", "HTTPS_PROXY=", "all_proxy=", "ALL_PROXY=", "no_proxy=", "NO_PROXY="};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strncmp(assignment, names[i], strlen(names[i])))
			return true;
	return false;
}

int fetcher_start(struct helper *fetcher, struct fetch_request request, const char *const *urls, int file)
{
	struct buf texts = {0}, all = {0};
	int ret;

	for (uint32_t i = 0; i < request.servers; i++)
		buf_add(&texts, urls[i], strlen(urls[i]) + 1);
	request.proxies = 0;
	for (char **e = environ; *e; e++)
		if (is_proxy(*e) && strlen(*e) < 2048 && request.proxies < FETCH_PROXIES_MAX) {
			buf_add(&texts, *e, strlen(*e) + 1);
			request.proxies++;
		}
	buf_add(&all, &request, sizeof(request));
	buf_add(&all, texts.v, texts.n);
	ret = helper_start(fetcher, FETCH_ARGUMENT, &all, &file, 1,
			   (FETCH_TRANSFER_SECONDS + FETCH_CONNECT_SECONDS) * request.servers * NS_PER_SEC);
	buf_free(&texts);
	buf_free(&all);
	return ret;
}

int fetcher_take(struct helper *fetcher, uint32_t servers, struct fetch_said said[FETCH_SERVERS_MAX])
{
	struct helper_result result;
	int ret = helper_end(fetcher, &result);

	memset(said, 0, FETCH_SERVERS_MAX * sizeof(*said));
	if (!ret && result.status != FETCH_DONE)
		ret = result.status == FETCH_NO_CURL ? -ENOENT : -ECHILD;
	if (!ret && (!result.bytes || result.size != servers * sizeof(*said)))
		ret = -EBADMSG;
	if (!ret)
		memcpy(said, result.bytes, result.size);
	if (result.bytes)
		munmap(result.bytes, result.size);
	for (uint32_t i = 0; i < servers; i++) {
		said[i].why[sizeof(said[i].why) - 1] = '\0';
		if (said[i].answer > FETCH_REFUSED)
			ret = -EBADMSG;
	}
	return ret;
}

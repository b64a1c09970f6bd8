// SPDX-License-Identifier: Apache-2.0
#include "symbolize/fetch.h"

#include "base/file.h"
#include "base/mem.h"
#include "elf/reader.h"
#include "symbolize/elf_bytes.h"
#include "symbolize/fetch_sandbox.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* All of libcurl that is used. Its soname has been the same since 2006; options it does not know it refuses, and then so do we. */
struct curl {
	__typeof__(&(curl_global_init)) global_init;
	__typeof__(&(curl_easy_init)) init;
	__typeof__(&(curl_easy_setopt)) set;
	__typeof__(&(curl_easy_perform)) perform;
	__typeof__(&(curl_easy_getinfo)) info;
	__typeof__(&(curl_easy_cleanup)) cleanup;
	__typeof__(&(curl_easy_strerror)) error;
};

struct fetch {
	struct curl curl;
	struct fetch_request request;
	char *texts; /* of the request */
	CURL *transfer;
	uint64_t written;
	bool too_large;
};

static bool load_curl(struct curl *c)
{
	void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return false;
	c->global_init = dlsym(library, "curl_global_init");
	c->init = dlsym(library, "curl_easy_init");
	c->set = dlsym(library, "curl_easy_setopt");
	c->perform = dlsym(library, "curl_easy_perform");
	c->info = dlsym(library, "curl_easy_getinfo");
	c->cleanup = dlsym(library, "curl_easy_cleanup");
	c->error = dlsym(library, "curl_easy_strerror");
	return c->global_init && c->init && c->set && c->perform && c->info && c->cleanup && c->error && !c->global_init(CURL_GLOBAL_DEFAULT);
}

static int read_request(struct fetch *f)
{
	struct buf request = {0};
	struct reader r;
	size_t rest;

	if (file_read_fd(HELPER_REQUEST_FD, FETCH_REQUEST_BYTES_MAX, &request))
		return -EINVAL;
	r = reader_of(request.v, request.n);
	memcpy(&f->request, reader_skip(&r, sizeof(f->request)), r.failed ? 0 : sizeof(f->request));
	if (r.failed || f->request.id_length > sizeof(f->request.id) || f->request.servers > FETCH_SERVERS_MAX || f->request.proxies > FETCH_PROXIES_MAX)
		return -EINVAL;
	rest = reader_left(&r);
	f->texts = xcalloc(rest + FETCH_SERVERS_MAX + FETCH_PROXIES_MAX, 1); /* ends in so many NULs: none is missing */
	memcpy(f->texts, r.at, rest);
	buf_free(&request);
	return 0;
}

static long status_of(const struct fetch *f)
{
	long status = 0;

	f->curl.info(f->transfer, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct fetch *f = ctx;

	n *= size;
	if (status_of(f) != 200)
		return 0;
	if (n > f->request.bytes_max - f->written) {
		f->too_large = true;
		return 0;
	}
	if (file_write_fd(FETCH_FILE_FD, bytes, n))
		return 0;
	f->written += n;
	return n;
}

static bool set_up(struct fetch *f, const char *url, char *error)
{
	/* Who was asked by TLS sends nobody to where anybody may answer. */
	const char *redirects = !strncmp(url, "https://", 8) ? "https" : "http,https";
	char target[4096];
	CURLcode bad = 0;
	int n = snprintf(target, sizeof(target), "%s/buildid/", url);

	if (n < 0 || n + 2 * sizeof(f->request.id) + sizeof("/debuginfo") > sizeof(target))
		return false;
	for (uint32_t i = 0; i < f->request.id_length; i++)
		n += sprintf(target + n, "%02x", f->request.id[i]);
	strcpy(target + n, "/debuginfo");
#define SET(option, value) bad = bad ? bad : f->curl.set(f->transfer, CURLOPT_##option, value)
	SET(URL, target);
	SET(PROTOCOLS_STR, "http,https");
	SET(REDIR_PROTOCOLS_STR, redirects);
	SET(FOLLOWLOCATION, 1L);
	SET(MAXREDIRS, (long)FETCH_REDIRECTS_MAX);
	SET(FAILONERROR, 1L);
	SET(CONNECTTIMEOUT, (long)FETCH_CONNECT_SECONDS);
	SET(LOW_SPEED_LIMIT, 1024L);
	SET(LOW_SPEED_TIME, (long)f->request.silence_seconds);
	SET(TIMEOUT, (long)FETCH_TRANSFER_SECONDS);
	SET(MAXFILESIZE_LARGE, (curl_off_t)f->request.bytes_max);
	SET(NOSIGNAL, 1L);
	SET(USERAGENT, "profile/" VERSION);
	SET(WRITEFUNCTION, on_body);
	SET(WRITEDATA, f);
	SET(ERRORBUFFER, error);
#undef SET
	return !bad;
}

/* Does the file bear the build id? */
static bool is_wanted(const struct fetch *f)
{
	struct elf_copy copy;
	uint8_t id[20];
	bool same;

	if (elf_copy_load(&copy, FETCH_FILE_FD, f->written, ELF_NOTES))
		return false;
	same = elf_build_id(&copy.elf, id) == f->request.id_length && !memcmp(id, f->request.id, f->request.id_length);
	elf_copy_free(&copy);
	return same;
}

static enum fetch_answer answer_of(struct fetch *f, CURLcode code, const char *error, struct buf *why)
{
	long status = status_of(f);

	if (code == CURLE_OK && status == 200) {
		buf_puts(why, "a file without that build id");
		return is_wanted(f) ? FETCH_GOT : FETCH_REFUSED;
	}
	if (status == 404 || status == 410)
		return FETCH_NONE;
	if (f->too_large || code == CURLE_FILESIZE_EXCEEDED)
		buf_printf(why, "a file of more than %llu bytes", (unsigned long long)f->request.bytes_max);
	else if (status && (code == CURLE_HTTP_RETURNED_ERROR || status != 200))
		buf_printf(why, "status %ld%s%s", status, *error ? ", " : "", error);
	else
		buf_puts(why, *error ? error : f->curl.error(code));
	/* Too Many Requests and Service Unavailable ask to be left alone. */
	return !status || status == 429 || status == 503 || code == CURLE_OPERATION_TIMEDOUT ? FETCH_SILENT : FETCH_REFUSED;
}

static void ask(struct fetch *f, const char *url, struct fetch_said *said)
{
	char error[CURL_ERROR_SIZE] = "";
	struct buf why = {0};

	said->answer = FETCH_REFUSED;
	f->written = 0;
	f->too_large = false;
	if (lseek(FETCH_FILE_FD, 0, SEEK_SET) || ftruncate(FETCH_FILE_FD, 0))
		return;
	f->transfer = f->curl.init();
	if (f->transfer && set_up(f, url, error))
		said->answer = answer_of(f, f->curl.perform(f->transfer), error, &why);
	else
		buf_puts(&why, "an option that this libcurl does not know");
	f->curl.cleanup(f->transfer);
	if (why.n)
		memcpy(said->why, why.v, why.n < sizeof(said->why) ? why.n : sizeof(said->why) - 1);
	buf_free(&why);
}

/* libcurl reads them from there. */
static void set_proxies(const struct fetch *f)
{
	char *text = f->texts;

	for (uint32_t i = 0; i < f->request.servers + f->request.proxies; i++, text += strlen(text) + 1)
		if (i >= f->request.servers)
			putenv(text);
}

static int ask_all(struct fetch *f)
{
	struct fetch_said said[FETCH_SERVERS_MAX] = {0};
	const char *url = f->texts;

	for (uint32_t i = 0; i < f->request.servers && (!i || said[i - 1].answer != FETCH_GOT); i++, url += strlen(url) + 1)
		ask(f, url, &said[i]);
	return file_write_fd(HELPER_RESULT_FD, said, f->request.servers * sizeof(*said));
}

int fetch_main(void)
{
	struct fetch f = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "profile-fetcher");
	if (read_request(&f) || fetch_sandbox_enter(f.request.bytes_max))
		_exit(FETCH_FAILED);
	set_proxies(&f);
	if (!load_curl(&f.curl))
		_exit(FETCH_NO_CURL);
	_exit(ask_all(&f) ? FETCH_FAILED : FETCH_DONE);
}

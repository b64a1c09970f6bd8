// SPDX-License-Identifier: Apache-2.0
/* Paths of control groups as real systems make them, and what they tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "process/container.h"
#include "process/labels.h"

#define ID "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define ID2 "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
#define UID "0f1a2b3c-4d5e-6f70-8192-a3b4c5d6e7f8"
#define UID_ "0f1a2b3c_4d5e_6f70_8192_a3b4c5d6e7f8"
#define HASH "b27cd4abab5b46c3bf68fcf0a3a25b5f"

static const struct {
	const char *path, *unit, *container, *name, *pod;
} forms[] = {
	{"/", "", "", "", ""},
	{"", "", "", "", ""},
	{"/init.scope", "init.scope", "", "", ""},
	{"/system.slice/nginx.service", "nginx.service", "", "", ""},
	{"system.slice/nginx.service", "nginx.service", "", "", ""},
	{"/system.slice", "system.slice", "", "", ""},
	{"/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", "", "", ""},
	{"/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service", "", "", ""},
	{"/system.slice/var-lib-data\\x2dstore.mount", "var-lib-data\\x2dstore.mount", "", "", ""},
	{"/system.slice/_cgroup.service", "cgroup.service", "", "", ""},
	{"/system.slice/foo.service/worker/1", "foo.service", "", "", ""},
	{"/user.slice/user-1000.slice/session-2.scope", "session-2.scope", "", "", ""},
	{"/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service/init.scope", "", "", ""},
	{"/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-1.scope",
	 "user@1000.service/vte-spawn-1.scope", "", "", ""},
	{"/user.slice/user-1000.slice/user@1000.service/app.slice/emacs.service", "user@1000.service/emacs.service", "", "", ""},
	{"/user.slice/user-1000.slice/user@1000.service", "user@1000.service", "", "", ""},
	/* docker: systemd driver, cgroupfs driver, with systemd inside, in docker */
	{"/system.slice/docker-" ID ".scope", "docker-" ID ".scope", ID, "", ""},
	{"/docker/" ID, "", ID, "", ""},
	{"/docker/" ID "/system.slice/nginx.service", "", ID, "", ""},
	{"/system.slice/docker-" ID ".scope/system.slice/nginx.service", "docker-" ID ".scope", ID, "", ""},
	{"/docker/" ID "/docker/" ID2, "", ID2, "", ""},
	{"/system.slice/docker.service", "docker.service", "", "", ""},
	{"/docker/buildkit/n5ha2ce1jmxfhvqrdvbpfygs4", "", "n5ha2ce1jmxfhvqrdvbpfygs4", "", ""},
	{"/actions_job/" ID, "", ID, "", ""},
	/* Kubernetes: cgroupfs and systemd drivers, containerd, CRI-O, docker; static pods; misread paths; kind */
	{"/kubepods/burstable/pod" UID "/" ID, "", ID, "", UID},
	{"/kubepods/pod" UID "/" ID, "", ID, "", UID},
	{"/kubepods/besteffort/pod" HASH "/" ID, "", ID, "", HASH},
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice/cri-containerd-" ID ".scope",
	 "cri-containerd-" ID ".scope", ID, "", UID},
	{"/kubepods.slice/kubepods-pod" UID_ ".slice/crio-" ID ".scope", "crio-" ID ".scope", ID, "", UID},
	{"/kubepods.slice/kubepods-pod" UID_ ".slice/crio-" ID ".scope/container", "crio-" ID ".scope", ID, "", UID},
	{"/kubepods.slice/kubepods-pod" UID_ ".slice/crio-conmon-" ID ".scope", "crio-conmon-" ID ".scope", "", "", UID},
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" HASH ".slice/docker-" ID ".scope",
	 "docker-" ID ".scope", ID, "", HASH},
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice", "kubepods-burstable-pod" UID_ ".slice", "",
	 "", UID},
	{"/system.slice/containerd.service/kubepods-besteffort-pod" UID_ ".slice:cri-containerd:" ID, "containerd.service", ID, "",
	 UID},
	{"/docker/" ID2 "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" UID_
	 ".slice/cri-containerd-" ID ".scope",
	 "", ID, "", UID},
	{"/k8s.io/" ID, "", ID, "", ""},
	/* podman: root's, a user's, its monitor, in a pod */
	{"/machine.slice/libpod-" ID ".scope", "libpod-" ID ".scope", ID, "", ""},
	{"/machine.slice/libpod-" ID ".scope/container", "libpod-" ID ".scope", ID, "", ""},
	{"/machine.slice/libpod-conmon-" ID ".scope", "libpod-conmon-" ID ".scope", "", "", ""},
	{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container",
	 "user@1000.service/libpod-" ID ".scope", ID, "", ""},
	{"/machine.slice/machine-libpod_pod_" ID2 ".slice/libpod-" ID ".scope", "libpod-" ID ".scope", ID, "", ""},
	{"/libpod_parent/libpod-" ID, "", ID, "", ""},
	/* LXC, nspawn, virtual machines, ECS */
	{"/lxc.payload.web", "", "web", "web", ""},
	{"/lxc.payload.web/system.slice/nginx.service", "", "web", "web", ""},
	{"/lxc/web/init.scope", "", "web", "web", ""},
	{"/lxc.monitor.web", "", "", "", ""},
	{"/machine.slice/machine-debian\\x2dbuild.scope", "machine-debian\\x2dbuild.scope", "debian-build", "debian-build", ""},
	{"/machine.slice/machine-debian.scope/payload/system.slice/cron.service", "machine-debian.scope", "debian", "debian", ""},
	{"/machine.slice/systemd-nspawn@web.service/payload", "systemd-nspawn@web.service", "web", "web", ""},
	{"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", "machine-qemu\\x2d1\\x2dvm.scope", "", "", ""},
	{"/ecs/" HASH "/" HASH "-1234567890", "", HASH "-1234567890", "", ""},
	{"/ecs/" HASH "/" ID, "", ID, "", ""},
	/* Look-alikes */
	{"/system.slice/x" ID, "system.slice", "", "", ""},
	{"/system.slice/" ID "0", "system.slice", "", "", ""},
	{"/system.slice/podman.service", "podman.service", "", "", ""},
	{"/pod1234/x", "", "", "", ""},
	{"/.service/.scope", "", "", "", ""},
	{"//system.slice//nginx.service//", "nginx.service", "", "", ""},
};

static void forms_of_paths(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct cgroup_labels l;

		cgroup_labels_parse(&l, forms[i].path);
		if (strcmp(l.unit, forms[i].unit) || strcmp(l.container, forms[i].container) ||
		    strcmp(l.container_name, forms[i].name) || strcmp(l.pod, forms[i].pod))
			fail_msg("%s: unit '%s' container '%s' name '%s' pod '%s'", forms[i].path, l.unit, l.container,
				 l.container_name, l.pod);
	}
}

static void long_names(void **state)
{
	struct cgroup_labels l;
	struct buf path = {0};

	for (int i = 0; i < 300; i++)
		buf_puts(&path, i % 30 ? "x" : "/");
	buf_puts(&path, "/user@1.service/");
	for (int i = 0; i < 240; i++)
		buf_puts(&path, "y");
	buf_puts(&path, ".service/lxc.payload.");
	for (int i = 0; i < 240; i++)
		buf_puts(&path, "\\x2d");
	cgroup_labels_parse(&l, path.v);
	assert_int_equal(strlen(l.unit), strlen("user@1.service/") + 240 + strlen(".service"));
	buf_free(&path);
}

static void proc_files(void **state)
{
	static const struct {
		const char *text, *path;
	} files[] = {
		{"0::/system.slice/cron.service\n", "/system.slice/cron.service"},
		{"0::/\n", "/"},
		{"", "/"},
		{"nonsense\n1\n", "/"},
		{"2:cpu,cpuacct:/x\n1:name=systemd:/system.slice/a.service\n0::/system.slice/b.service\n", "/system.slice/b.service"},
		{"2:cpu,cpuacct:/x\n1:name=systemd:/system.slice/a.service\n0::/\n", "/system.slice/a.service"},
		{"2:cpuacct,cpu:/docker/1:2\n1:name=systemd:/\n", "/docker/1:2"},
		{"3:cpuset:/no\n2:cpu:/yes\n1:cpuacct:/no\n", "/yes"},
		{"2:cpu:/yes", "/yes"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		auto_free char *text = xstrdup(files[i].text);

		assert_string_equal(cgroup_of_proc(text), files[i].path);
	}
}

static void config_files(void **state)
{
	static const char cri[] = "{\"annotations\": {\"io.kubernetes.cri.container-name\": \"app\", \"io.kubernetes.cri.sandbox-name\": "
				  "\"web-0\", \"io.kubernetes.cri.sandbox-namespace\": \"shop\"}}";
	static const char docker[] = "{\"ID\": \"x\", \"Name\": \"/web\", \"Config\": {\"Labels\": {\"io.kubernetes.pod.namespace\": "
				     "\"ns\", \"io.kubernetes.pod.name\": 5}}}";
	static const char *const bad[] = {"", "[]", "{", "5", "{\"annotations\": null}", "{\"annotations\": [\"a\"], \"Config\": 1}",
					  "{\"Name\": {}}"};
	struct container_names n = {0};

	assert_true(container_names_parse(&n, cri, strlen(cri)));
	assert_string_equal(n.container, "app");
	assert_string_equal(n.pod, "web-0");
	assert_string_equal(n.namespace, "shop");
	n = (struct container_names){0};
	assert_true(container_names_parse(&n, docker, strlen(docker)));
	assert_string_equal(n.container, "web");
	assert_string_equal(n.pod, "");
	assert_string_equal(n.namespace, "ns");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		n = (struct container_names){0};
		container_names_parse(&n, bad[i], strlen(bad[i]));
		assert_string_equal(n.container, "");
	}
}

static void log_files(void **state)
{
	struct container_names n = {0};

	assert_true(container_names_of_log(&n, "web-0_shop_app-" ID ".log", ID));
	assert_string_equal(n.container, "app");
	assert_string_equal(n.pod, "web-0");
	assert_string_equal(n.namespace, "shop");
	assert_false(container_names_of_log(&n, "web-0_shop_app-" ID2 ".log", ID));
	assert_false(container_names_of_log(&n, "web-0_shop-" ID ".log", ID));
	assert_false(container_names_of_log(&n, ID ".log", ID));
	assert_false(container_names_of_log(&n, "_", ID));
	assert_false(container_names_of_log(&n, "", ID));
}

/* A file below `root`, with the directories on the way. */
static void put(const char *root, const char *path, const char *text)
{
	auto_free char *full = xasprintf("%s%s", root, path);

	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		mkdir(full, 0700);
	}
	assert_int_equal(file_write(full, text, strlen(text), NULL), 0);
}

static void runtime_files(void **state)
{
	char root[] = "/tmp/test-labels-XXXXXX";
	struct container_names n;

	assert_non_null(mkdtemp(root));
	container_names_read(&n, root, ID);
	assert_string_equal(n.container, "");
	put(root, "/var/log/containers/p_n_c-" ID ".log", "");
	container_names_read(&n, root, ID);
	assert_string_equal(n.container, "c");
	put(root, "/var/lib/containers/storage/overlay-containers/containers.json",
	    "[{\"id\": \"" ID2 "\", \"names\": [\"other\"]}, {\"id\": \"" ID "\", \"names\": [\"pod-man\"]}]");
	put(root, "/run/containers/storage/overlay-containers/" ID "/userdata/config.json", "{}");
	container_names_read(&n, root, ID);
	assert_string_equal(n.container, "pod-man");
	put(root, "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/config.json",
	    "{\"annotations\": {\"io.kubernetes.cri.container-name\": \"cri\"}}");
	container_names_read(&n, root, ID);
	assert_string_equal(n.container, "cri");
	put(root, "/var/lib/docker/containers/" ID "/config.v2.json", "{\"Name\": \"/dock\"}");
	container_names_read(&n, root, ID);
	assert_string_equal(n.container, "dock");
	container_names_read(&n, root, "../../etc");
	assert_string_equal(n.container, "");

	auto_free char *remove = xasprintf("rm -rf %s", root);
	assert_int_equal(system(remove), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_of_paths), cmocka_unit_test(long_names), cmocka_unit_test(proc_files),
		cmocka_unit_test(config_files),	  cmocka_unit_test(log_files),	cmocka_unit_test(runtime_files),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
//
// Loads a plugin in one of the ways there are, lets it work, and works on itself.
//
//     loads_plugins plain | deepbind | dlmopen  PLUGIN
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void* load(const char* how, const char* plugin) {
    if (strcmp(how, "dlmopen") == 0) return dlmopen(LM_ID_NEWLM, plugin, RTLD_NOW);
    return dlopen(plugin, RTLD_NOW | (strcmp(how, "deepbind") == 0 ? RTLD_DEEPBIND : 0));
}

static const char* in_tmp(char* path, size_t size, const char* name) {
    snprintf(path, size, "%s/%s", getenv("TMPDIR"), name);
    return path;
}

int main(int argc, char** argv) {
    char path[4096];
    if (argc != 3) return 2;
    void* plugin = load(argv[1], argv[2]);
    if (plugin == NULL) {
        puts(dlerror());
        return 3;
    }
    int (*plug)(const char*, int) = (int (*)(const char*, int))dlsym(plugin, "plug");
    int fd = open("/dev/null", O_RDONLY);
    printf("plugin %d\n", plug(in_tmp(path, sizeof path, "of-the-plugin"), fd));
    printf("mkdir %d\n", mkdir(in_tmp(path, sizeof path, "of-the-host"), 0755));
    printf("next descriptor %d\n", dup(fd) - fd);
    printf("close %d\n", close(fd));
    printf("close again %d\n", close(fd));
    printf("dlclose %d\n", dlclose(plugin));
    return 7;
}

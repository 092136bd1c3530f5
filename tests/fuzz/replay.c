/* Runs a fuzz target over its corpus: the files named as arguments, or those of $srcdir/tests/fuzz/corpus/NAME for a
 * program called fuzz_NAME. Each file is also cut short at several places. Fails when there is no file at all. */
#include <dirent.h>
#include <string.h>

#include "fuzz.h"

#define INPUT_MAX (4u << 20)
#define CUTS 16

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return -1;
    }
    uint8_t *data = malloc(INPUT_MAX);
    must(data);
    size_t len = fread(data, 1, INPUT_MAX, file);
    fclose(file);
    for (size_t i = 0; i <= CUTS; i++) {
        size_t part = len * i / CUTS;
        uint8_t *copy = malloc(part + 1); /* of exact size, so that reading past the end is seen */
        must(copy);
        uint8_t *exact = realloc(copy, part ? part : 1);
        must(exact);
        memcpy(exact, data, part);
        LLVMFuzzerTestOneInput(exact, part);
        free(exact);
    }
    free(data);
    return 0;
}

static int run_folder(const char *folder)
{
    int count = 0;
    DIR *directory = opendir(folder);
    if (!directory) {
        perror(folder);
        return -1;
    }
    for (struct dirent *entry; (entry = readdir(directory));) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= sizeof(path) || run_file(path)) {
            closedir(directory);
            return -1;
        }
        count++;
    }
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (run_file(argv[i]))
            return 1;
    if (argc > 1)
        return 0;
    const char *name = strrchr(argv[0], '/'), *source = getenv("srcdir");
    name = name ? name + 1 : argv[0];
    must(strncmp(name, "fuzz_", 5) == 0);
    char folder[2048];
    int len = snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", source ? source : ".", name + 5);
    must(len > 0 && (size_t)len < sizeof(folder));
    int count = run_folder(folder);
    printf("%s: %d files\n", folder, count);
    return count > 0 ? 0 : 1;
}

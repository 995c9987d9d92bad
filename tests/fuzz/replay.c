/*
 * Runs a fuzz target over saved inputs, for builds without libFuzzer: each argument is a file or
 * a folder of files. Fails when there was none, so that an emptied corpus is noticed.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned inputs;

static int
replay_file(const char *path)
{
	FILE *f = fopen(path, "rbe");
	uint8_t *bytes, *exact;
	size_t n;

	if (!f) {
		perror(path);
		return -1;
	}
	bytes = malloc(INPUT_MAX);
	if (!bytes) {
		fclose(f);
		return -1;
	}
	n = fread(bytes, 1, INPUT_MAX, f);
	fclose(f);
	/* An allocation of exactly this size, so that the sanitizer sees a read past the end. */
	exact = malloc(n ? n : 1);
	if (!exact) {
		free(bytes);
		return -1;
	}
	memcpy(exact, bytes, n);
	free(bytes);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	inputs++;
	return 0;
}

static int
replay_folder(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);
	int ret = 0;

	if (n < 0) {
		perror(path);
		return -1;
	}
	for (int i = 0; i < n; i++) {
		char file[4096];

		if (names[i]->d_name[0] != '.' &&
			snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name) <
				(int)sizeof(file) &&
			replay_file(file) < 0)
			ret = -1;
		free(names[i]);
	}
	free(names);
	return ret;
}

int
main(int argc, char **argv)
{
	int ret = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) < 0) {
			perror(argv[i]);
			return 1;
		}
		if ((S_ISDIR(st.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i])) < 0)
			ret = 1;
	}
	printf("%u inputs\n", inputs);
	return inputs ? ret : 1;
}

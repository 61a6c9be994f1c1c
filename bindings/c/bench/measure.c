/*
 * Measures sending and receiving for scripts/measure-bindings.mjs: for each line that it reads, it sends and then receives
 * COUNT messages of BYTES bytes, and prints the nanoseconds that each took. measure PATH COUNT BYTES
 */
#include <dhmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void check(int code) {
	if (code != DHMEM_OK) {
		fprintf(stderr, "%s\n", dhmem_error());
		exit(1);
	}
}

int main(int count, char **arguments) {
	static const char data[65536];
	char line[100];
	dhmem_region *region;
	dhmem_producer *producer;
	dhmem_consumer *consumer;
	const struct dhmem_options options = { .size = 16 << 20 };
	if (count != 4) {
		return 2;
	}
	const int messages = atoi(arguments[2]);
	const size_t bytes = (size_t)atoi(arguments[3]);
	check(dhmem_open(arguments[1], &options, &region));
	check(dhmem_producer_open(region, "steps", NULL, &producer));
	check(dhmem_consumer_open(region, "steps", NULL, &consumer));
	while (fgets(line, sizeof line, stdin) != NULL) {
		const double start = now();
		for (int i = 0; i < messages; i++) {
			check(dhmem_send(producer, data, bytes, 0));
		}
		const double middle = now();
		for (int i = 0; i < messages; i++) {
			struct dhmem_message message;
			check(dhmem_receive(consumer, &message, 0));
			check(dhmem_release(consumer, &message));
		}
		printf("%.0f %.0f\n", middle - start, now() - middle);
		fflush(stdout);
	}
	dhmem_producer_close(producer);
	dhmem_consumer_close(consumer);
	dhmem_close(region);
	return 0;
}

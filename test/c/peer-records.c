/* Commands about queues of records. */
#include "peer.h"

struct point {
	uint32_t id;
	double x;
};

static void run_push_to(const struct line *line) {
	answer(dhmem_record_producer_open(region, line->name, line->rest, NULL, &line->it->records_in),
		"producer");
}

static void run_pop_from(const struct line *line) {
	answer(dhmem_record_consumer_open(region, line->name, line->rest, NULL, &line->it->records_out),
		"consumer");
}

static void run_push(const struct line *line) {
	const size_t count = (size_t)line->second;
	double *numbers = calloc(count, sizeof *numbers);
	size_t sent = 0, pushed;
	int code = DHMEM_OK;
	for (size_t i = 0; i < count; i++) {
		numbers[i] = line->number + (double)i;
	}
	while (sent < count && code == DHMEM_OK) {
		code = dhmem_push(line->it->records_in, numbers + sent, count - sent, patience, &pushed);
		sent += code == DHMEM_OK ? pushed : 0;
	}
	free(numbers);
	answer(code, "pushed");
}

static void run_pop(const struct line *line) {
	double numbers[100], sum = 0;
	size_t left = (size_t)line->number, popped;
	int code = DHMEM_OK;
	while (left > 0 && code == DHMEM_OK) {
		code = dhmem_pop(line->it->records_out, numbers, left < 100 ? left : 100, patience, &popped);
		for (size_t i = 0; code == DHMEM_OK && i < popped; i++) {
			sum += numbers[i];
		}
		left -= code == DHMEM_OK ? popped : 0;
	}
	char text[40];
	snprintf(text, sizeof text, "%.17g", sum);
	answer(code, text);
}

static void run_wait_room(const struct line *line) {
	answer(dhmem_push_wait(line->it->records_in, patience), "room");
}

static void run_wait_records(const struct line *line) {
	answer(dhmem_pop_wait(line->it->records_out, patience), "records");
}

static void run_push_struct(const struct line *line) {
	const struct point point = { .id = (uint32_t)line->number, .x = line->second };
	if (dhmem_sizeof("{ id: u32, x: f64 }") != sizeof point) {
		abort();
	}
	answer(dhmem_push(line->it->records_in, &point, 1, patience, NULL), "pushed");
}

static void run_pop_struct(const struct line *line) {
	struct point point;
	char text[60] = "";
	const int code = dhmem_pop(line->it->records_out, &point, 1, patience, NULL);
	if (code == DHMEM_OK) {
		snprintf(text, sizeof text, "%u %g", point.id, point.x);
	}
	answer(code, text);
}

static void run_end_records(const struct line *line) {
	answer(dhmem_record_end(line->it->records_in), "ended");
}

static void run_leave_records(const struct line *line) {
	dhmem_record_producer_close(line->it->records_in);
	dhmem_record_consumer_close(line->it->records_out);
	answer(0, "left");
}

const struct command record_commands[] = { { "push-to", run_push_to }, { "pop-from", run_pop_from },
	{ "wait-room", run_wait_room }, { "wait-records", run_wait_records }, { "push", run_push },
	{ "pop", run_pop }, { "push-struct", run_push_struct }, { "pop-struct", run_pop_struct },
	{ "end-records", run_end_records }, { "leave-records", run_leave_records }, { NULL, NULL } };

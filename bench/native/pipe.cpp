// A round trip of 64 B through two pipes, both sides asleep in read(): the median, in microseconds.
#include "data.hpp"

#include <algorithm>
#include <vector>

static bool transfer(ssize_t done) { return done == static_cast<ssize_t>(sizeof(Message)); }

int main(int argc, char** argv) {
	Job job(argc, argv);
	int there[2], back[2];
	if (pipe(there) != 0 || pipe(back) != 0) return std::perror("pipe"), 1;
	pid_t echo = other([&] {
		Message message;
		for (int64_t sequence = 0; sequence < job.count; sequence++) {
			if (!transfer(read(there[0], &message, sizeof message))) _exit(1);
			if (!transfer(write(back[1], &message, sizeof message))) _exit(1);
		}
	});
	std::vector<double> times;
	for (int64_t sequence = 0; sequence < job.count; sequence++) {
		double started = now();
		Message message;
		fill(message, sequence, job);
		if (!transfer(write(there[1], &message, sizeof message))) fail("Writing trip", sequence);
		if (!transfer(read(back[0], &message, sizeof message))) fail("Reading trip", sequence);
		check(message, sequence);
		times.push_back((now() - started) * 1e6);
	}
	await(echo);
	std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
	std::printf("%g\n", times[times.size() / 2]);
}

// Opening a file of 4 GiB in shared memory, mapping it, reading a number, unmapping and closing it: milliseconds.
#include "data.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <string>

int main(int argc, char** argv) {
	Job job(argc, argv);
	std::string path = "/dev/shm/dhmem-bench-" + std::to_string(getpid());
	int file = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
	constexpr size_t size = (size_t{1} << 32) - 65536;
	if (file < 0 || ftruncate(file, size) != 0) return std::perror(path.c_str()), 1;
	// The file is opened by this name, because the other one is removed.
	std::string name = "/proc/self/fd/" + std::to_string(file);
	unlink(path.c_str());
	double took = 0;
	for (int64_t sequence = 0; sequence < job.count; sequence++) {
		double value;
		fill(value, sequence, job);
		if (pwrite(file, &value, sizeof value, 0) != sizeof value) fail("Writing number", sequence);
		double started = now();
		int opened = open(name.c_str(), O_RDWR);
		struct stat status;
		if (opened < 0 || fstat(opened, &status) != 0) fail("Opening", sequence);
		void* at = mmap(nullptr, status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, opened, 0);
		if (at == MAP_FAILED) fail("Mapping", sequence);
		check(*static_cast<double*>(at), sequence);
		munmap(at, status.st_size);
		close(opened);
		took += now() - started;
	}
	std::printf("%g\n", took * 1e3 / static_cast<double>(job.count));
}

// The contents of the messages of the workflow shapes, as in bench/shapes.ts.
#pragma once
#include "data.hpp"

#include <algorithm>
#include <vector>

class Pattern {
	static constexpr int64_t kChunk = 1 << 20;
	static constexpr int64_t kPlaces = 16381;
	std::vector<uint32_t> words;

	// Calls `use` with each chunk's offset, its bytes and their number; returns whether all calls returned true.
	template <typename Use>
	bool each(int64_t length, int task, int64_t step, Use use) const {
		for (int64_t at = 0; at < length; at += kChunk) {
			const uint32_t* chunk = &words[(step + 89 * task + 1021 * (at / kChunk)) % kPlaces];
			if (!use(at, chunk, static_cast<size_t>(std::min(kChunk, length - at)))) return false;
		}
		return true;
	}

public:
	Pattern() : words(kChunk / 4 + kPlaces) {
		// Marsaglia's xorshift.
		uint32_t word = 1;
		for (uint32_t& each : words) {
			word ^= word << 13;
			word ^= word >> 17;
			word ^= word << 5;
			each = word;
		}
	}

	void fill(std::vector<char>& message, int task, int64_t step, const Job& job) const {
		each(static_cast<int64_t>(message.size()), task, step, [&](int64_t at, const void* chunk, size_t length) {
			std::memcpy(&message[at], chunk, length);
			return true;
		});
		if (step == job.spoilt) message.back() ^= 1;
	}

	bool matches(const std::vector<char>& message, int task, int64_t step) const {
		return each(static_cast<int64_t>(message.size()), task, step, [&](int64_t at, const void* chunk, size_t length) {
			return std::memcmp(&message[at], chunk, length) == 0;
		});
	}
};

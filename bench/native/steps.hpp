// What the messages of the workflow shapes hold, as in bench/shapes.ts.
#pragma once
#include "data.hpp"

#include <vector>

// The first number that link `link` carries in a step; each of the others is one more than the one before it.
inline int32_t firstOf(int64_t step, int64_t link) { return static_cast<int32_t>(step * 100 + link * 10000); }

inline void fillStep(std::vector<int32_t>& values, int64_t step, int64_t link, const Job& job) {
	int32_t first = firstOf(step, link);
	int32_t count = static_cast<int32_t>(values.size());
	for (int32_t i = 0; i < count; i++) values[i] = first + i;
	if (step == job.spoilt) values.back() = 0;
}

// Differences are gathered, so that the compiler can take several numbers at a time.
inline bool isStep(const std::vector<int32_t>& values, int64_t step, int64_t link) {
	int32_t first = firstOf(step, link);
	int32_t count = static_cast<int32_t>(values.size());
	int32_t wrong = 0;
	for (int32_t i = 0; i < count; i++) wrong |= values[i] ^ (first + i);
	return wrong == 0;
}

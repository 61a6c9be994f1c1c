/* The participants of a region: joining, which are alive, and recovery from those that died. */
#include "internal.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

bool is_alive(const dhmem_region *region, uint32_t participant) {
	const uint32_t slot = (participant & 0xff) - 1;
	struct failure ignored;
	bool held;
	if (participant == region->me) {
		return true;
	}
	if (slot >= CORE_SLOTS || slot_id(region, slot) != participant) {
		return false;
	}
	return !lock_is_held(&region->file, slot, &held, &ignored) || held;
}

int wake(dhmem_region *region, uint32_t result, const char *what) {
	if (result == CORE_OK) {
		return DHMEM_OK;
	}
	/* A faulty peer may have written the doorbell. */
	if (result < CORE_STATUS_LIMIT || result % 4 != 0 || !is_inside(region, result, 4)) {
		return region_unexpected(region, result < CORE_STATUS_LIMIT ? result : CORE_CORRUPT, what);
	}
	wake_at(region, result);
	return DHMEM_OK;
}

/* Recovers the participant of a slot whose lock this one holds. */
static int recover_slot(dhmem_region *region, uint32_t slot, bool *recovered) {
	uint32_t status;
	int turns = 0;
	do {
		status = CALL(region, recover, slot);
	} while (status == CORE_MORE && turns++ < MOST_TURNS);
	*recovered = status == CORE_OK;
	if (status == CORE_MORE) {
		return fail(DHMEM_CORRUPT,
			"Recovering from a dead participant: the region %s is corrupted (status %u); replace it",
			region->path, status);
	}
	if (*recovered) {
		forget_sleep(region, slot);
	}
	for (uint32_t other = 0; *recovered && other < CORE_SLOTS; other++) {
		if (slot_id(region, other) != 0) {
			wake_at(region, slot_start(other) + CORE_SLOT_DOORBELL);
		}
	}
	return DHMEM_OK;
}

int recover_all(dhmem_region *region, unsigned *count) {
	struct failure failure;
	*count = 0;
	for (uint32_t slot = 0; slot < CORE_SLOTS; slot++) {
		const uint32_t id = slot_id(region, slot);
		bool held = true, taken = false, recovered = false;
		if (id == 0 || id == region->me) {
			continue;
		}
		if (!lock_is_held(&region->file, slot, &held, &failure) ||
			(!held && !lock_try(&region->file, slot, &taken, &failure))) {
			return system_fail(&failure, region->path, "Recovering dead participants of");
		}
		if (!taken) {
			continue;
		}
		const int result = recover_slot(region, slot, &recovered);
		lock_drop(&region->file, slot, &failure);
		if (result != DHMEM_OK) {
			return result;
		}
		*count += recovered;
	}
	return DHMEM_OK;
}

static int commit_slot(dhmem_region *region, uint32_t slot) {
	const uint32_t touched = word_at(region, CORE_HEADER_TOUCHED_BYTES);
	return commit_range(region, word_at(region, CORE_HEADER_TOUCHED) + slot * touched, touched);
}

static void write_label(dhmem_region *region, const char *label) {
	char text[CORE_LABEL_BYTES] = { 0 };
	size_t length = strnlen(label, sizeof text);
	if (length == sizeof text) {
		/* A longer label is truncated before the character that does not fit whole. */
		length--;
		while (length > 0 && ((unsigned char)label[length] & 0xc0) == 0x80) {
			length--;
		}
	}
	memcpy(text, label, length);
	memcpy(region->base + slot_start(region->slot) + CORE_SLOT_LABEL, text, sizeof text);
	const uint32_t now = (uint32_t)time(NULL);
	memcpy(region->base + slot_start(region->slot) + CORE_SLOT_JOINED, &now, sizeof now);
}

static int enter(dhmem_region *region, uint32_t slot, const char *label) {
	const uint32_t me = CALL(region, join, slot);
	if (me < CORE_STATUS_LIMIT) {
		return fail(DHMEM_CORRUPT, "Joining: the region %s is corrupted (status %u); replace it",
			region->path, me);
	}
	region->me = me;
	region->slot = slot;
	write_label(region, label);
	return DHMEM_OK;
}

int participant_join(dhmem_region *region, const char *label) {
	int full = DHMEM_OK;
	/* Free slots first, because a dead participant's slot has to be recovered before it can be used. */
	for (int dead = 0; dead < 2; dead++) {
		for (uint32_t slot = 0; slot < CORE_SLOTS; slot++) {
			struct failure failure;
			bool taken, recovered;
			if ((slot_id(region, slot) != 0) != dead) {
				continue;
			}
			if (!lock_try(&region->file, slot, &taken, &failure)) {
				return system_fail(&failure, region->path, "Joining");
			}
			if (!taken) {
				continue;
			}
			int result = commit_slot(region, slot);
			if (result == DHMEM_NO_SPACE) {
				/* A slot that was used before still has its pages. */
				full = result;
				lock_drop(&region->file, slot, &failure);
				continue;
			}
			if (result == DHMEM_OK && slot_id(region, slot) != 0) {
				result = recover_slot(region, slot, &recovered);
			}
			return result == DHMEM_OK ? enter(region, slot, label) : result;
		}
	}
	if (full != DHMEM_OK) {
		return full;
	}
	return fail(DHMEM_TOO_MANY_PARTICIPANTS, "%s has %u participants already, the maximum; close some",
		region->path, CORE_SLOTS);
}

void participant_leave(dhmem_region *region) {
	bool ignored;
	if (region->me != 0) {
		recover_slot(region, region->slot, &ignored);
	}
}

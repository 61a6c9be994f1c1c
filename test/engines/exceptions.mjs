/**
 * Which of the library's tests scripts/test-engines.mjs runs in Bun and Deno, and which of them can't pass there. Each
 * exception names its tests as they are printed, or is "all" if no test of the file passes, or "endless" if the file does
 * not come to its end there, which is then run only when it is asked for; and it has a reason. What concerns users is in docs/faq.md.
 */

/** Folders of test/. The others test the core, the shim and programs of Node. */
export const rooms = [
	...["values", "memory", "handles", "objects", "sync", "collections", "queue", "waiting", "attachment"],
	"inspect",
];

/** Parts of the names of files that take long; they run when they are asked for. */
export const slow = [
	...["memory/allocating", "memory/bulk.", "memory/interop", "objects/constructing", "objects/remove."],
	...["sync/locks", "collections/map", "collections/struct", "collections/array", "collections/vector"],
	...["queue/mailbox", "queue/making-room", "queue/poll-processes", "queue/records", "queue/garbage"],
	...["waiting/idle", "waiting/many-waits", "waiting/peers", "waiting/pipes", "waiting/spinning"],
	...["waiting/wake-ups", "attachment/", "inspect/", "handles/tokens"],
];

export const reasons = {
	reading: "Bun can't open a region only for reading",
	memory: "all memories of WebAssembly together may have only three times the machine's memory",
	pipes: "event loops wait by a thread there, and not at pipes",
	gc: "it takes V8's flag to collect garbage",
	buffer: "Deno's Buffer accepts positions that Node's refuses",
	descriptors: "Deno closes only descriptors that it has opened itself",
	eval: "what Deno runs from its command line can't be a module with imports",
	messages:
		"a process that blocks its thread after it has sent a message to its parent never sends it in Deno",
};

const stepsOfPipes = [
	"the library makes the steps of the model, in the same order",
	"a ringer that can't reach the pipe says so, and wakes the futex",
];

const bun = {
	"memory/bulk.test.js": {
		reason: "reading",
		tests: [
			"bulk blocks are sent, taken, saved, loaded and cloned by several processes",
			"a kept view of a window keeps the region, and reads zeros after it is closed",
		],
	},
	"memory/numbers.test.js": {
		reason: "reading",
		tests: ["numbers of a region that was opened for reading are read and not written"],
	},
	"objects/open.test.js": {
		reason: "reading",
		tests: ["an existing object is opened without its type in a read-only region, too"],
	},
	"attachment/names.test.js": {
		reason: "reading",
		tests: [
			"a read-only opening takes no join lock",
			"the last reader of a last-close region removes it, not the first",
		],
	},
	"attachment/other-users.test.js": {
		reason: "reading",
		tests: [
			"a stranger's region is not joined in a folder where every user can create files: open-or-create",
			"a stranger's region is not joined in a folder where every user can create files: copy-on-write",
			"an open does not wait for a stranger's region that has replaced its own",
		],
	},
	"attachment/read-only.test.js": { reason: "reading", tests: "all" },
	"inspect/memory-map.test.js": { reason: "reading", tests: ["a watcher reads it too"] },
	"inspect/stats.test.js": {
		reason: "reading",
		tests: ["a queue that is used while it is read never has a negative depth"],
	},
	"inspect/watcher.test.js": { reason: "reading", tests: "all" },
	"attachment/bulk-errors.test.js": {
		reason: "memory",
		tests: ["200 windows are mapped at once, each over its own part of the file"],
	},
	"attachment/lifetimes.test.js": { reason: "gc", tests: "endless" },
	"waiting/line.test.js": {
		reason: "gc",
		tests: ["waits that are settled behind the first one are forgotten, and the others keep their order"],
	},
	"waiting/shared-timer.test.js": {
		reason: "gc",
		tests: [
			"a function that was called and is not due again is let go",
			"a function that is no longer due is let go once the timer has fired",
		],
	},
	"waiting/waits.test.js": {
		reason: "gc",
		tests: ["waits that come and go leave nothing that young collections keep"],
	},
	"waiting/pipes.test.js": { reason: "pipes", tests: "endless" },
	"waiting/sleep-model.test.js": {
		reason: "pipes",
		tests: stepsOfPipes,
	},
};

const deno = {
	"memory/numbers.test.js": {
		reason: "buffer",
		tests: ["every number is written and read as Buffer does, and refused where Buffer refuses it"],
	},
	"queue/acquire.test.js": { reason: "eval", tests: "endless" },
	"queue/given-up.test.js": {
		reason: "descriptors",
		tests: ["a producer of records that was declared dead writes over nothing of its successor's"],
	},
	"queue/readable.test.js": {
		reason: "eval",
		tests: [
			"a reader that dies by SIGKILL while it works on a chunk leaves that chunk and the rest in the queue",
			"a reader that dies by SIGTERM while it works on a chunk leaves that chunk and the rest in the queue",
		],
	},
	"queue/reservations.test.js": { reason: "messages", tests: "endless" },
	"waiting/pipes.test.js": { reason: "pipes", tests: "endless" },
	"waiting/sleep-model.test.js": { reason: "pipes", tests: stepsOfPipes },
};

export const exceptions = { bun, deno };

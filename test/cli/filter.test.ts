/** `dhmem filter`: a program that knows nothing of dhmem, as a task. */
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type Consumer, type Producer, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Ended, hasEnded, long, type Place, placeTest, type Started, some } from "../fixture/index.js";

/** The task between two others, whose parts the test plays. */
class Between {
	readonly region: Region;
	readonly points: Producer;
	readonly squares: Consumer;
	readonly #place: Place;

	constructor(place: Place) {
		this.#place = place;
		this.region = Region.open("r", { directory: place.regions, size: "16MiB" });
		this.points = this.region.queue("a.points>f.points").producer();
		this.squares = this.region.queue("f.squares>b.squares").consumer();
	}

	/** Starts a script of the shell as the filter's program. */
	start(script: string, options: readonly string[] = []): Started {
		const args = ["filter", "--in", "points", "--out", "squares", ...options, "--", "/bin/sh", "-c", script];
		return this.startWith(args);
	}

	startWith(args: readonly string[]): Started {
		return this.#place.start(args, {
			DHMEM_REGION: "r",
			DHMEM_TASK: "f",
			DHMEM_LINKS: "points=a.points>f.points,squares=f.squares>b.squares",
		});
	}

	run(script: string, options: readonly string[] = []): Promise<Ended> {
		return this.start(script, options).ended;
	}

	/** Sends texts, and ends the stream. */
	give(texts: readonly string[]): void {
		for (const text of texts) assert.ok(this.points.trySend(text));
		this.points.end();
	}

	/** The number of messages that were not released. */
	get left(): number {
		return this.region.stats().queues.find(({ name }) => name === "a.points>f.points")?.depth ?? -1;
	}

	/** The answers that are there, and whether the stream of them has ended. */
	answers(): { texts: string[]; ended: boolean } {
		const messages = this.squares.receiveMany(10_000);
		const texts = messages.map((message) => message.text());
		for (const message of messages) message.release();
		const next = this.squares.tryReceive();
		assert.is(next, undefined);
		return { texts, ended: this.squares.ended };
	}
}

function filterTest(title: string, body: (between: Between, place: Place) => Promise<void>): void {
	placeTest(title, async (place) => {
		const between = new Between(place);
		try {
			await body(between, place);
		} finally {
			between.region.close();
			Region.unlink("r", { directory: place.regions });
		}
	});
}

const SQUARE = "while read x; do echo $((x * x)); done";
const numbers = Array.from({ length: 200 }, (_, index) => String(index));
const squares = numbers.map((text) => String(Number(text) ** 2));

filterTest("each message is a line for the program, and each of its lines is a message", async (between) => {
	between.give(numbers);
	const { code, stderr } = await between.run(SQUARE);
	assert.is(code, 0);
	assert.is(stderr, "");
	assert.is(between.left, 0);
	assert.equal(between.answers(), { texts: squares, ended: true });
});

long(filterTest)("with --as lines are numbers, and messages are arrays of them", async (between) => {
	for (const x of [1.5, 2, Number.POSITIVE_INFINITY]) between.points.trySend(Float64Array.of(x, -x));
	between.points.end();
	const { code, stderr } = await between.run("cat", ["--as", "f64"]);
	assert.is(code, 0, stderr);
	const received = between.squares.receiveMany(10).map((message) => [...message.as("f64")]);
	assert.equal(received, [
		[1.5, -1.5],
		[2, -2],
		[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
	]);
});

long(filterTest)(
	"empty messages, empty answers and a last line without an end are answers too",
	async (between) => {
		between.give(["", "a", ""]);
		const { code, stderr } = await between.run("cat > /dev/null; printf '\\n\\nlast'");
		assert.is(code, 0, stderr);
		assert.equal(between.answers(), { texts: ["", "", "last"], ended: true });
	},
);

filterTest("answers come while messages still come, and each releases its message", async (between) => {
	const { ended } = between.start(SQUARE);
	for (const x of ["3", "4"]) {
		await between.points.send(x);
		using answer = await between.squares.receive();
		assert.is(answer?.text(), String(Number(x) ** 2));
		// The answer is sent before the message is released.
		while (between.left > 0) await new Promise((resolve) => setTimeout(resolve, 5));
	}
	between.points.end();
	assert.is((await ended).code, 0);
});

long(filterTest)(
	"a program that keeps its answers until its input ends is given all of it",
	async (between) => {
		between.give(numbers);
		const { code, stderr } = await between.run("sort -rn");
		assert.is(code, 0, stderr);
		assert.equal(between.answers(), { texts: [...numbers].reverse(), ended: true });
	},
);

const ends = [
	["fails", "exit 7", 7, "failed with status 7"],
	["is killed", "kill -KILL $$", 137, "was ended by SIGKILL"],
	["leaves, without a failure", "exit 0", 1, "for 200 messages|before it had read all of its input"],
] as const;
for (const [what, script, status, words] of some(ends, 3, 1)) {
	filterTest(
		`a program that ${what} half way does not end the stream, and loses nothing`,
		async (between) => {
			between.give(numbers);
			const half = `for i in $(seq 100); do read x; echo $((x * x)); done; printf half; ${script}`;
			const failed = await between.run(half);
			assert.is(failed.code, status);
			assert.match(failed.stderr, new RegExp(words));
			const first = between.answers();
			assert.equal(first, { texts: squares.slice(0, 100), ended: false });
			assert.is(between.left, 100);

			const again = await between.run(SQUARE);
			assert.is(again.code, 0, again.stderr);
			assert.equal(between.answers(), { texts: squares.slice(100), ended: true });
			assert.is(between.left, 0);
		},
	);
}

const wrong = [
	["fewer lines", "grep 1"],
	["more lines", `while read x; do echo $x; echo $x; done`],
	["a line before it was asked", "echo ready; cat"],
] as const;
for (const [what, script] of some(wrong, 3)) {
	filterTest(
		`a program that prints ${what} than messages is told of, and does not end the stream`,
		async (between) => {
			between.give(["1", "2", "3"]);
			const { code, stderr } = await between.run(script);
			assert.is(code, 1);
			assert.match(stderr, /printed \d lines for \d messages.*one line for each/);
			assert.not(between.answers().ended);
		},
	);
}

long(filterTest)(
	"an answer that is not a number or not text is reported, and its message is not released",
	async (between) => {
		between.points.trySend(Float64Array.of(1));
		const number = await between.run("read x; echo one; cat", ["--as=f64"]);
		assert.is(number.code, 1);
		assert.match(
			number.stderr,
			"line 1 of the output of /bin/sh -c read x; echo one; cat: one is not a number of type f64",
		);
		assert.is(between.left, 1);
		const text = await between.run("read x; printf '\\377\\n'; cat", []);
		assert.is(text.code, 1);
		assert.match(text.stderr, "is not UTF-8");
		assert.is(between.left, 1);
	},
);

filterTest("a message that contains a line feed is refused, because it is not one line", async (between) => {
	between.give(["one", "two\nlines"]);
	const { code, stderr } = await between.run("cat");
	assert.is(code, 1);
	assert.match(stderr, "message 2 of input points contains a line feed");
	assert.not(between.answers().ended);
});

long(filterTest)(
	"a missing program exits with 127, and one that can't be run with 126",
	async (between, place) => {
		between.give(["1"]);
		const call = ["filter", "--in=points", "--out=squares", "--"];
		const missing = await between.startWith([...call, "no-such-program"]).ended;
		assert.is(missing.code, 127);
		assert.match(missing.stderr, "the program can't be started");
		const forbidden = await between.startWith([...call, place.write("data", "text")]).ended;
		assert.is(forbidden.code, 126);
		assert.is(between.left, 1);
	},
);

long(filterTest)(
	"SIGTERM ends the program too, and unanswered messages stay in the queue",
	async (between, place) => {
		const { child, ended } = between.start(
			"trap 'touch told; exit 0' TERM; read x; echo ready >&2; while :; do sleep 0.1; done",
		);
		await between.points.send("1");
		await once(child.stderr as Readable, "data");
		child.kill("SIGTERM");
		const { code } = await ended;
		assert.is(code, 143);
		assert.ok(existsSync(join(place.folder, "told")));
		assert.is(between.left, 1);
		assert.not(between.answers().ended);
	},
);

const leaves = [
	["has failed", "read x; echo $x; exit 3", undefined, 3],
	["has printed too much", "echo one; echo two; echo three; wait", undefined, 1],
	["was asked to end", "read x; echo $x; echo ready >&2; wait", "SIGTERM", 143],
] as const;
for (const [what, script, signal, status] of some(leaves, 3, 2)) {
	filterTest(
		`a filter does not wait for processes left running by a program that ${what}`,
		async (between, place) => {
			await between.points.send("1");
			// It holds the program's input and output, and not the filter's standard error.
			const rest = `sleep 60 <&0 2> /dev/null & echo $! > ${join(place.folder, "rest")};`;
			const { child, ended } = between.start(`${rest} ${script}`);
			if (signal !== undefined) {
				await once(child.stderr as Readable, "data");
				child.kill(signal);
			}
			const { code } = await ended;
			assert.is(code, status);
			assert.is(between.answers().texts.length, 1);
			assert.is(between.left, 0);
			const pid = Number(readFileSync(join(place.folder, "rest"), "utf8"));
			assert.not(hasEnded(pid));
			process.kill(pid, "SIGKILL");
		},
	);
}

filterTest(
	"a program that has closed its output gets the end of its input, and no more messages",
	async (between) => {
		await between.points.send("1");
		const { code, stderr } = await between.run("exec >&-; cat > /dev/null");
		assert.is(code, 1);
		assert.match(stderr, "exited before it had read all of its input, with 0 of");
		assert.is(between.left, 1);
	},
);

long(filterTest)("when the filter itself is killed nothing is lost", async (between) => {
	const { child } = between.start("read x; echo $x; cat > /dev/null");
	await between.points.send("1");
	await between.points.send("2");
	assert.is((await between.squares.receive())?.text(), "1");
	child.kill("SIGKILL");
	await once(child, "exit");
	between.points.end();
	const { code, stderr } = await between.run("cat");
	assert.is(code, 0, stderr);
	const { texts, ended } = between.answers();
	assert.ok(ended);
	// The first comes twice if the filter was killed between sending the answer and releasing the message.
	assert.is(texts.at(-1), "2");
	assert.ok(texts.length <= 2);
});

long(filterTest)(
	"a program that fails when it has read all of its input is given all of it again",
	async (between) => {
		const texts = ["1", "2", "3"];
		for (const text of texts) await between.points.send(text);
		between.points.end();
		assert.is((await between.run("cat > /dev/null; exit 3")).code, 3);
		const { code, stderr } = await between.run("cat");
		assert.is(code, 0, stderr);
		assert.equal(between.answers().texts, texts);
	},
);

placeTest("a workflow restarts a filter whose program fails, and has each answer once", async (place) => {
	const once = "if [ -e failed ]; then cat; else touch failed; head -n 40; exit 3; fi";
	const { code, stdout, stderr } = await place.run([
		"run",
		place.write("filter.json", {
			name: "filter",
			tasks: {
				give: { command: "seq 1000 | dhmem send numbers" },
				answer: {
					command: ["dhmem", "filter", "--in", "numbers", "--out", "answers", "--", "/bin/sh", "-c", once],
					restart: "on-failure",
				},
				take: { command: "dhmem recv answers" },
			},
			links: [
				{ from: "give.numbers", to: "answer.numbers" },
				{ from: "answer.answers", to: "take.answers" },
			],
		}),
	]);
	assert.is(code, 0, stderr);
	const taken = Array.from(stdout.matchAll(/^take +\| (\d+)$/gm), ([, text]) => Number(text));
	assert.equal(
		taken,
		Array.from({ length: 1000 }, (_, index) => index + 1),
	);
});

long(placeTest)("filter needs both ports and a program, and a task", async (place) => {
	for (const [args, words] of [
		[["filter", "--in=a", "--out=b"], "missing required argument"],
		[["filter", "--in=a", "--", "cat"], "--out"],
		[["filter", "--in=a", "--out=b", "--as=f16", "--", "cat"], "Allowed choices"],
		[["filter", "--in=a", "--out=b", "--raw", "--", "cat"], "unknown option"],
	] as const) {
		const { code, stderr } = await place.run(args);
		assert.is(code, 2);
		assert.match(stderr, words);
	}
	const { code, stderr } = await place.run(["filter", "--in=a", "--out=b", "--", "cat"]);
	assert.is(code, 1);
	assert.match(stderr, "no DHMEM_TASK");
});

long(filterTest)("a full link is reported if the program gives no answers", async (between) => {
	const { child, ended } = between.start("cat >/dev/null");
	child.stderr?.on("data", (text: Buffer) => {
		if (text.includes("waits for room in a.points>f.points")) child.kill("SIGTERM");
	});
	const enough = new AbortController();
	void ended.then(() => enough.abort());
	while (!enough.signal.aborted) {
		await between.points.send("x".repeat(100_000), { signal: enough.signal }).catch(() => {});
	}
	const { code, stderr } = await ended;
	assert.is(code, 143, stderr);
	assert.is(stderr.match(/has answered 0 of \d+ messages/g)?.length, 1, stderr);
});

test.run();

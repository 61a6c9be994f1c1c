import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { JOIN_LOCK } from "../../src/attachment/join-lock.js";
import { READER_LOCK } from "../../src/attachment/participants.js";
import { shim } from "../../src/host/shim.js";
import { long, newton, type Place, placeTest, some } from "../fixture/index.js";

// ------------------------------------------------------------------------------------------------ calls

const wrong = [
	["nothing", [], "Usage: dhmem"],
	["an unknown command", ["dance"], "unknown command"],
	["an unknown option", ["ls", "--colour"], "unknown option"],
	["a missing argument", ["stat"], "missing required argument"],
	["too many queues", ["recv", "a", "b", "c"], "a region and a queue"],
	["a file that is not there", ["run", "nowhere.yaml"], "nowhere.yaml can't be read"],
	["an unknown runtime", ["run", "--runtime=vm", "x.yaml"], "Allowed choices are process, podman, docker"],
	["an unknown dtype", ["recv", "--as=f16", "r", "q"], "Allowed choices are i8"],
	["two framings", ["recv", "--as=f64", "--raw", "r", "q"], "cannot be used with"],
	["a name that no region can have", ["stat", "../r"], "The region's name"],
] as const;
for (const [what, args, message] of some(wrong, 3)) {
	placeTest(`a call with ${what} exits with 2 and says why`, async (place) => {
		const { code, stdout, stderr } = await place.run(args);
		assert.is(code, 2, stderr);
		assert.is(stdout, "");
		assert.match(stderr, message);
	});
}

placeTest("a workflow file with mistakes exits with 2, and names file and line", async (place) => {
	const file = place.write("bad.yaml", "name: bad\ntasks:\n  a: { comand: x }\n");
	for (const options of some([[], ["--check"], ["--explain"], ["--print-env=a"]], 3)) {
		const { code, stderr } = await place.run(["run", ...options, file]);
		assert.is(code, 2);
		assert.match(stderr, `${file}:3: unknown key comand`);
	}
});

long(placeTest)("every command has help", async (place) => {
	const { stdout } = await place.run(["--help"]);
	const commands = Array.from(stdout.matchAll(/^ {2}([a-z]+) .*/gm), ([, name]) => name ?? "");
	for (const name of ["run", "ls", "stat", "rm", "clean", "send", "recv", "put", "get", "bench"])
		assert.ok(commands.includes(name), name);
	for (const name of some(commands, 4)) {
		const help = await place.run([name, "--help"]);
		assert.is(help.code, 0);
		assert.match(help.stdout, "Usage: dhmem");
	}
});

long(placeTest)("a failure of its own exits with 1, with the error's code", async (place) => {
	for (const args of [
		["rm", "nothing"],
		["stat", "nothing"],
	]) {
		const { code, stderr } = await place.run(args);
		assert.is(code, 1);
		assert.match(stderr, "(DHMEM_NOT_FOUND)");
	}
});

// -------------------------------------------------------------------------------------------------- run

long(placeTest)("--check, --explain and --print-env start nothing", async (place) => {
	const file = place.write("newton.json", newton());
	const [check, explanation, environment] = await Promise.all([
		place.run(["run", "--check", file]),
		place.run(["run", "--explain", file]),
		place.run(["run", "--print-env", "evaluate", file]),
	]);
	assert.match(check.stdout, "3 tasks and 3 links, no mistakes found");
	assert.match(explanation.stdout, "steer.guesses>evaluate.guesses: through shared memory");
	assert.match(environment.stdout, "export DHMEM_TASK='evaluate'");
	assert.match(environment.stdout, "guesses=steer.guesses>evaluate.guesses;capacity=65536");
});

long(placeTest)("a task that is not in the file has no environment", async (place) => {
	const { code, stderr } = await place.run([
		"run",
		"--print-env",
		"steam",
		place.write("newton.json", newton()),
	]);
	assert.is(code, 2);
	assert.match(stderr, "there is no task steam; the tasks are evaluate, steer, visualize");
});

long(placeTest)("tasks started by hand with the variables of --print-env find one another", async (place) => {
	const file = place.write("newton.json", newton());
	const tasks = ["evaluate", "steer", "visualize"].map(
		(task) => `(eval "$(dhmem run --print-env ${task} ${file})"; exec ${newton().tasks[task]?.command}) &`,
	);
	const { stdout, stderr } = await place.shell(`${tasks.join("\n")}\nwait`);
	assert.is(stderr, "");
	assert.is(stdout, "20 roots\n");
	Region.unlink("newton", { directory: place.regions });
});

long(placeTest)("the lines of tasks begin with their names, and the links are summed up", async (place) => {
	const tasks = { loud: { command: "echo one; echo two >&2; printf three" } };
	const { stdout, stderr } = await place.run(["run", place.write("loud.json", { name: "loud", tasks })]);
	assert.is(stdout, "loud | one\nloud | three\n");
	assert.match(stderr, "loud | two\n");
	const summed = await place.run(["run", place.write("newton.json", newton())]);
	assert.match(
		summed.stderr,
		/newton: steer\.guesses>evaluate\.guesses: \d+ messages sent \(.* in total\), \d+ received/,
	);
});

placeTest("a shell reads the output of --print-env exactly, whatever the values contain", async (place) => {
	const file = place.write("newton.json", newton());
	const folder = "it's; here";
	const { stdout } = await place.run(["run", "--print-env", "steer", file], { DHMEM_DIR: folder });
	const { stdout: read } = await place.shell(`${stdout}printf %s "$DHMEM_DIR"`);
	assert.is(read, join(place.folder, folder));
});

long(placeTest)(
	"output that can't be written is a failure, unless nobody wants it any more",
	async (place) => {
		const full = await place.shell("dhmem ls > /dev/full");
		assert.is(full.code, 1);
		assert.match(full.stderr, "ENOSPC");
		const unread = await place.shell(
			"mkfifo gone; (read _ < gone; dhmem ls; echo status $? >&2) | echo > gone",
		);
		assert.match(unread.stderr, "status 141");
	},
);

// --------------------------------------------------------------------------------------- send and receive

const kinds = [
	["lines", [], "a\n\nb c\nlast", "a\n\nb c\nlast\n"],
	["numbers", ["--as=f64"], "1 2.5\n\n-inf, nan 1e300\n", "1 2.5\n\n-Infinity NaN 1e+300\n"],
	["integers of 64 bits", ["--as=i64"], "-9223372036854775808 7\n", "-9223372036854775808 7\n"],
] as const;
for (const [what, options, input, output] of some(kinds, 3, 1)) {
	placeTest(`${what} go through a queue, whichever side comes first`, async (place) => {
		for (const order of [
			["send", "recv"],
			["recv", "send"],
		] as const) {
			await withRegion(place, async () => {
				const more = { send: [], recv: ["--create"] };
				const started = new Map(
					order.map((command) => [command, place.start([command, ...options, ...more[command], "r", "q"])]),
				);
				started.get("send")?.child.stdin?.end(input);
				const [sent, received] = await Promise.all([started.get("send")?.ended, started.get("recv")?.ended]);
				assert.is(sent?.code, 0, sent?.stderr);
				assert.is(received?.code, 0, received?.stderr);
				assert.is(received?.stdout, output);
			});
		}
	});
}

long(placeTest)("bytes go through a queue unchanged", async (place) => {
	await withRegion(place, async () => {
		const bytes = randomBytes(3_000_000);
		const receiver = place.run(["recv", "--raw", "--create", "r", "q"]);
		const sender = place.start(["send", "--raw", "r", "q"]);
		sender.child.stdin?.end(bytes);
		assert.is((await sender.ended).code, 0);
		assert.ok((await receiver).bytes.equals(bytes));
	});
});

const noNumbers = [
	["u8", "1 256"],
	["i32", "1.5"],
	["u64", "-1"],
	["f64", "1 two"],
] as const;
for (const [dtype, line] of some(noNumbers, 4, 1)) {
	placeTest(`${line} are not numbers of type ${dtype}`, async (place) => {
		await withRegion(place, async () => {
			const { child, ended } = place.start(["send", `--as=${dtype}`, "r", "q"]);
			child.stdin?.end(`${line}\n`);
			const { code, stderr } = await ended;
			assert.is(code, 2);
			assert.match(stderr, "line 1 of standard input");
		});
	});
}

long(placeTest)(
	"SIGTERM ends a waiting receiver, and messages it had not written are received again",
	async (place) => {
		await withRegion(place, async (region) => {
			const { child, ended } = place.start(["recv", "--create", "r", "q"]);
			const producer = region.queue("q").producer();
			await producer.send("one");
			await new Promise((resolve) => child.stdout?.once("data", resolve));
			child.kill("SIGTERM");
			const { code, stdout, stderr } = await ended;
			assert.is(code, 143);
			assert.is(stdout, "one\n");
			assert.is(stderr, "");
		});
	},
);

for (const options of some([[], ["--raw"], ["--as=f64"]], 3)) {
	placeTest(`SIGTERM ends a sender ${options} without input, but not its stream`, async (place) => {
		await withRegion(place, async (region) => {
			const { child, ended } = place.start(["send", ...options, "r", "q"]);
			const consumer = region.queue("q").consumer();
			child.stdin?.write("1\n");
			assert.ok(await consumer.receive());
			child.kill("SIGTERM");
			const { code, stderr } = await ended;
			assert.is(code, 143);
			assert.is(stderr, "");
			assert.not(consumer.ended);
		});
	});
}

long(placeTest)("outside a task, a queue without a region is not enough", async (place) => {
	const { code, stderr } = await place.run(["recv", "values"]);
	assert.is(code, 2);
	assert.match(stderr, /region and a queue/);
});

// ------------------------------------------------------------------------------- regions and their contents

long(placeTest)("a block that was put can be got by its token", async (place) => {
	await withRegion(place, async (region) => {
		const { child, ended } = place.start(["put", "--region=r"]);
		child.stdin?.end("some bytes");
		const { stdout } = await ended;
		const token = stdout.trim();
		const loaded = region.load(token);
		assert.is(loaded.kind === "block" ? loaded.text() : "", "some bytes");
		const inTask = { DHMEM_REGION: "r" };
		assert.is((await place.run(["get", token], inTask)).stdout, "some bytes");
		assert.is((await place.run(["get", "--free", token], inTask)).stdout, "some bytes");
		const gone = await place.run(["get", token], inTask);
		assert.is(gone.code, 1);
		assert.match(gone.stderr, "DHMEM_BAD_HANDLE");
		assert.is((await place.run(["put", "--region=r"])).code, 2, "an empty block");
	});
});

placeTest("ls and stat show regions and change nothing", async (place) => {
	await withRegion(place, async (region) => {
		region.queue("steps").producer().trySend("a step");
		region.struct("params", { a: "f64" });
		const list = await place.run(["ls"]);
		assert.match(
			list.stdout,
			/^region +size +committed +used +participants +objects\nr +16\.0 MiB .* +1 +2\n$/,
		);
		const [listed] = JSON.parse((await place.run(["ls", "--json"])).stdout);
		assert.is(listed.name, "r");
		const { stdout } = await place.run(["stat", "r"]);
		assert.match(stdout, /steps +1048576 +1 +1 +0 +0/);
		assert.match(stdout, "a struct");
		const stats = JSON.parse((await place.run(["stat", "--json", "r"])).stdout);
		assert.equal(
			stats.queues.map(({ name }: { name: string }) => name),
			["steps"],
		);
		assert.is(region.stats().participants.length, 1);
	});
});

long(placeTest)(
	"clean recovers from dead participants and removes leftovers; a dry run only lists them",
	async (place) => {
		await withRegion(place, async (region) => {
			await kill(place, "r", "persistent");
			await kill(place, "left", "last-close");
			const dry = await place.run(["clean", "--dry-run"]);
			assert.match(dry.stdout, "left: would be removed, because its last participant is gone");
			assert.match(dry.stdout, "r: would be recovered from 1 dead participant");
			assert.ok(place.left().includes("left.dhmem"));
			assert.is(region.stats().participants.length, 2);
			const findings = JSON.parse((await place.run(["clean", "--json"])).stdout);
			const [left, r] = findings;
			assert.equal(left, { region: "left", removed: true, recovered: 0, trimmed: 0 });
			assert.equal(r, { region: "r", removed: false, recovered: 1, trimmed: r.trimmed });
			assert.is(findings.length, 2);
			assert.equal(place.left(), ["r.dhmem"]);
			assert.is(region.stats().participants.length, 1);
			assert.is((await place.run(["clean"])).stdout, "");
		});
	},
);

long(placeTest)("clean gives free memory back; a dry run only says how much", async (place) => {
	await withRegion(place, async (region) => {
		region.allocate(8 * 2 ** 20).free();
		const { committed } = region.stats();
		assert.match((await place.run(["clean", "--dry-run"])).stdout, "r: would be trimmed by 8.0 MiB");
		assert.is(region.stats().committed, committed);
		const [finding] = JSON.parse((await place.run(["clean", "--json"])).stdout);
		assert.ok(finding.trimmed >= 8 * 2 ** 20);
		assert.ok(region.stats().committed <= committed - 7 * 2 ** 20);
		assert.is((await place.run(["clean"])).stdout, "");
	});
});

long(placeTest)("get does not make a region that is not there", async (place) => {
	const { code, stderr } = await place.run(["get", "--region=r", "token"]);
	assert.is(code, 1);
	assert.match(stderr, "DHMEM_NOT_FOUND");
});

long(placeTest)("ls and clean do not wait for locks that others hold", async (place) => {
	Region.open("region", { directory: place.regions, size: "1MiB" }).close();
	await kill(place, "region", "persistent");
	const file = shim().openFile(join(place.regions, "region.dhmem"), true);
	try {
		for (const lock of [JOIN_LOCK, READER_LOCK]) assert.ok(shim().tryLock(file, lock));
		for (const words of [["ls"], ["clean"], ["clean", "--dry-run"]]) {
			const { code, stderr } = await place.run(words);
			assert.is(code, 0, stderr);
			const isTold = stderr.includes("region: not cleaned, because another process is opening");
			assert.is(isTold, words.join() === "clean", stderr);
		}
	} finally {
		shim().closeFile(file);
		Region.unlink("region", { directory: place.regions });
	}
});

long(placeTest)("files that are not regions are passed over by ls and clean", async (place) => {
	await withRegion(place, async () => {
		for (const name of ["two words.dhmem", "garbage.dhmem"]) {
			writeFileSync(join(place.regions, name), "garbage");
		}
		mkdirSync(join(place.regions, "folder.dhmem"));
		symlinkSync("nowhere", join(place.regions, "link.dhmem"));
		const { stdout, stderr } = await place.run(["ls", "--json"]);
		assert.is(stderr, "");
		assert.equal(
			JSON.parse(stdout).map(({ name }: { name: string }) => name),
			["r"],
		);
		assert.is((await place.run(["clean"])).code, 0);
		for (const file of place.left()) {
			if (file !== "r.dhmem") rmSync(join(place.regions, file), { recursive: true });
		}
	});
});

long(placeTest)("a folder that is not there is named by each command", async (place) => {
	for (const command of ["ls", "clean"]) {
		const { code, stderr } = await place.run([command], { DHMEM_DIR: join(place.folder, "nowhere") });
		assert.is(code, 1);
		assert.match(stderr, /There is no folder .*nowhere/);
	}
});

placeTest("rm removes regions, also those behind one that it can't remove", async (place) => {
	const make = (name: string) => Region.open(name, { directory: place.regions }).close();
	for (const name of ["a", "b", "c", "d"]) make(name);
	assert.is((await place.run(["rm", "a"])).code, 0);
	const { code, stderr } = await place.run(["rm", "b", "b", "nothing", "c", "no-region"]);
	assert.is(code, 1);
	assert.match(stderr, /nothing\.dhmem.*\n.*no-region\.dhmem/);
	assert.equal(place.left(), ["d.dhmem"]);
	const wrong = await place.run(["rm", "d", "../d"]);
	assert.is(wrong.code, 2);
	assert.equal(place.left(), ["d.dhmem"], "a wrong call removes nothing");
	await place.run(["rm", "d"]);
});

long(placeTest)("--version prints the package's version", async (place) => {
	const { version } = JSON.parse(readFileSync("package.json", "utf8"));
	const { code, stdout } = await place.run(["--version"]);
	assert.is(code, 0);
	assert.is(stdout, `${version}\n`);
});

test.run();

/** Runs `body` with a region called r. */
async function withRegion(place: Place, body: (region: Region) => Promise<void>): Promise<void> {
	using region = Region.open("r", { directory: place.regions, size: "16MiB" });
	try {
		await body(region);
	} finally {
		region.unlink();
	}
}

/** Lets a process open a region, and kills it there. */
async function kill(place: Place, name: string, lifetime: string): Promise<void> {
	const options = JSON.stringify({ directory: place.regions, lifetime });
	const script = `import { Region } from "${import.meta.resolve("dhmem")}";
		globalThis.region = Region.open("${name}", ${options});
		console.log("open");
		setInterval(() => {}, 1000);`;
	const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	await once(child.stdout, "data");
	child.kill("SIGKILL");
	await once(child, "exit");
}

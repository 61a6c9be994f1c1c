import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { newton, type Place, placeTest } from "../fixture/index.js";

// ------------------------------------------------------------------------------------------------ calls

for (const [what, args, message] of [
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
] as const) {
	placeTest(`a call with ${what} exits with 2 and says why`, async (place) => {
		const { code, stdout, stderr } = await place.run(args);
		assert.is(code, 2, stderr);
		assert.is(stdout, "");
		assert.match(stderr, message);
	});
}

placeTest("a workflow file with mistakes exits with 2, and names file and line", async (place) => {
	const file = place.write("bad.yaml", "name: bad\ntasks:\n  a: { comand: x }\n");
	for (const options of [[], ["--check"], ["--explain"], ["--print-env=a"]]) {
		const { code, stderr } = await place.run(["run", ...options, file]);
		assert.is(code, 2);
		assert.match(stderr, `${file}:3: unknown key comand`);
	}
});

placeTest("every command has help", async (place) => {
	const { stdout } = await place.run(["--help"]);
	const commands = Array.from(stdout.matchAll(/^ {2}([a-z]+) .*/gm), ([, name]) => name ?? "");
	for (const name of ["run", "ls", "stat", "rm", "clean", "send", "recv", "put", "get", "bench"])
		assert.ok(commands.includes(name), name);
	for (const name of commands) {
		const help = await place.run([name, "--help"]);
		assert.is(help.code, 0);
		assert.match(help.stdout, "Usage: dhmem");
	}
});

placeTest("a failure of its own exits with 1, with the error's code", async (place) => {
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

placeTest("--check, --explain and --print-env start nothing", async (place) => {
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

placeTest("a task that is not in the file has no environment", async (place) => {
	const { code, stderr } = await place.run([
		"run",
		"--print-env",
		"steam",
		place.write("newton.json", newton()),
	]);
	assert.is(code, 2);
	assert.match(stderr, "there is no task steam; the tasks are evaluate, steer, visualize");
});

placeTest("tasks started by hand, from what --print-env says, find one another", async (place) => {
	const file = place.write("newton.json", newton());
	const tasks = ["evaluate", "steer", "visualize"].map(
		(task) => `(eval "$(dhmem run --print-env ${task} ${file})"; exec ${newton().tasks[task]?.command}) &`,
	);
	const { stdout, stderr } = await place.shell(`${tasks.join("\n")}\nwait`);
	assert.is(stderr, "");
	assert.is(stdout, "20 roots\n");
	Region.unlink("newton", { directory: place.regions });
});

placeTest("what tasks print has their names before it, and the links are summed up", async (place) => {
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

placeTest("what --print-env prints is read by a shell as it was, whatever is in it", async (place) => {
	const file = place.write("newton.json", newton());
	const folder = "it's; here";
	const { stdout } = await place.run(["run", "--print-env", "steer", file], { DHMEM_DIR: folder });
	const { stdout: read } = await place.shell(`${stdout}printf %s "$DHMEM_DIR"`);
	assert.is(read, join(place.folder, folder));
});

placeTest("output that can't be written is a failure, unless nobody wants it any more", async (place) => {
	const full = await place.shell("dhmem ls > /dev/full");
	assert.is(full.code, 1);
	assert.match(full.stderr, "ENOSPC");
	const unread = await place.shell(
		"mkfifo gone; (read _ < gone; dhmem ls; echo status $? >&2) | echo > gone",
	);
	assert.match(unread.stderr, "status 141");
});

// --------------------------------------------------------------------------------------- send and receive

for (const [what, options, input, output] of [
	["lines", [], "a\n\nb c\nlast", "a\n\nb c\nlast\n"],
	["numbers", ["--as=f64"], "1 2.5\n\n-inf, nan 1e300\n", "1 2.5\n\n-Infinity NaN 1e+300\n"],
	["integers of 64 bits", ["--as=i64"], "-9223372036854775808 7\n", "-9223372036854775808 7\n"],
] as const) {
	placeTest(`${what} go through a queue, whoever comes first`, async (place) => {
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

placeTest("bytes go through a queue as they are", async (place) => {
	await withRegion(place, async () => {
		const bytes = randomBytes(3_000_000);
		const receiver = place.run(["recv", "--raw", "--create", "r", "q"]);
		const sender = place.start(["send", "--raw", "r", "q"]);
		sender.child.stdin?.end(bytes);
		assert.is((await sender.ended).code, 0);
		assert.ok((await receiver).bytes.equals(bytes));
	});
});

for (const [dtype, line] of [
	["u8", "1 256"],
	["i32", "1.5"],
	["u64", "-1"],
	["f64", "1 two"],
] as const) {
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

placeTest("SIGTERM ends a receiver that waits, and what it had not written comes again", async (place) => {
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
});

for (const options of [[], ["--raw"], ["--as=f64"]]) {
	placeTest(
		`SIGTERM ends a sender ${options} to which nothing comes, without ending the stream`,
		async (place) => {
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
		},
	);
}

placeTest("outside a task, a queue alone is not enough", async (place) => {
	const { code, stderr } = await place.run(["recv", "values"]);
	assert.is(code, 2);
	assert.match(stderr, /region and a queue/);
});

// ------------------------------------------------------------------------------- regions and their contents

placeTest("a block that was put can be got by its token", async (place) => {
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

placeTest("ls and stat say what is there, and change nothing", async (place) => {
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

placeTest(
	"clean recovers from the dead and removes what is left over, and a dry run only says so",
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
			assert.equal(findings, [
				{ region: "left", removed: true, recovered: 0 },
				{ region: "r", removed: false, recovered: 1 },
			]);
			assert.equal(place.left(), ["r.dhmem"]);
			assert.is(region.stats().participants.length, 1);
			assert.is((await place.run(["clean"])).stdout, "");
		});
	},
);

placeTest("get does not make a region that is not there", async (place) => {
	const { code, stderr } = await place.run(["get", "--region=r", "token"]);
	assert.is(code, 1);
	assert.match(stderr, "DHMEM_NOT_FOUND");
});

placeTest("files that are not regions are passed over by ls and clean", async (place) => {
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

placeTest("a folder that is not there is named by each command", async (place) => {
	for (const command of ["ls", "clean"]) {
		const { code, stderr } = await place.run([command], { DHMEM_DIR: join(place.folder, "nowhere") });
		assert.is(code, 1);
		assert.match(stderr, /There is no folder .*nowhere/);
	}
});

placeTest("rm removes a region", async (place) => {
	Region.open("r", { directory: place.regions }).close();
	assert.is((await place.run(["rm", "r"])).code, 0);
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

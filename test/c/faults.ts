/** What goes wrong, as C reports it: the codes of TypeScript, and never a crash. */
import {
	closeSync,
	ftruncateSync,
	openSync,
	readdirSync,
	readFileSync,
	statSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../../conformance/traces/random.js";
import { codeOf } from "../fixture/index.js";
import { folderTest, Peer, peerTest } from "./peer.js";

test("the codes are those of TypeScript, by name and in order", () => {
	const inC = [...readFileSync("bindings/c/include/dhmem.h", "utf8").matchAll(/^\t(DHMEM_\w+) = -(\d+)/gm)];
	const errors = readFileSync("src/errors.ts", "utf8");
	const [codes = ""] = /type DhmemErrorCode[^;]*;/.exec(errors) ?? [];
	const inTypeScript = [...codes.matchAll(/"(DHMEM_\w+)"/g)].map(([, name]) => name);
	assert.equal(
		inC.map(([, name]) => name),
		inTypeScript,
	);
	assert.equal(
		inC.map(([, , number]) => Number(number)),
		inTypeScript.map((_, index) => index + 1),
	);
});

peerTest("an endpoint that is taken, and a name of another kind", async (region, peer) => {
	region.queue("steps").producer();
	region.mutex("lock");
	region.queue("small", { capacity: 1000 });
	assert.match(
		await peer.ask("producer steps 0"),
		/^DHMEM_ENDPOINT_TAKEN Queue steps already has a producer \(partic/,
	);
	assert.match(
		await peer.ask("producer lock 0"),
		/^DHMEM_TYPE_MISMATCH lock is a mutex, but was opened as a queue;/,
	);
	assert.match(
		await peer.ask("consumer small 2000"),
		/^DHMEM_TYPE_MISMATCH small is a queue of 1000 bytes, but/,
	);
	await peer.ask("consumer small 1000", "consumer");
	await peer.ask("leave small", "left");
	region.queue("small").consumer();
});

peerTest("a full region is an error until there is room, and nothing is lost", async (region, peer) => {
	await peer.ask("producer fields 0", "producer");
	assert.match(
		await peer.ask("block fields 99000000 1 x"),
		/^DHMEM_REGION_FULL 99000000 bytes are more than the larg/,
	);
	await peer.ask("block fields 9000000 1 first", "sent");
	assert.match(
		await peer.ask("block fields 9000000 1 x"),
		/^DHMEM_REGION_FULL The region .* no contiguous run of 90/,
	);
	using message = region.queue("fields").consumer().receiveSync({ timeout: 10_000 });
	message?.release();
	await peer.ask("block fields 9000000 1 second", "sent");
});

peerTest("a truncated file ends the participant with its code", async (region, peer) => {
	await peer.ask("consumer steps", "consumer");
	const file = openSync(region.path, "r+");
	ftruncateSync(file, 0);
	closeSync(file);
	assert.match(
		await peer.ask("receive steps 100"),
		/^DHMEM_TRUNCATED Another program truncated .* from 16777216 to 0/,
	);
	assert.match(await peer.ask("receive steps 100"), /^DHMEM_TRUNCATED/);
	await peer.ask("close", "closed");
	assert.match(await peer.ask("receive steps 100"), /^DHMEM_CLOSED The region .* is closed; open it again/);
});

folderTest("C makes regions that Node opens, and refuses what is none", async (regions) => {
	const path = join(regions, "made.dhmem");
	await using peer = new Peer();
	await peer.ask(`open ${path} the label of a participant`, "open");
	{
		using region = Region.open("made", { directory: regions, mode: "open" });
		assert.is(region.size, 16 << 20);
		assert.is(statSync(path).mode & 0o777, 0o600);
		assert.is(region.stats().participants[0]?.label, "the label of a participant");
		await peer.ask("close", "closed");
		assert.is(region.stats().participants.length, 1);
	}
	const file = openSync(path, "r+");
	writeSync(file, Buffer.from([9]), 0, 1, 8);
	assert.match(await peer.ask(`open ${path} x`), /^DHMEM_VERSION .* has layout 9 /);
	writeSync(file, "no", 0);
	assert.match(
		await peer.ask(`open ${path} x`),
		/^DHMEM_FORMAT .* is not a dhmem region; remove it, or choose an/,
	);
	closeSync(file);
	assert.match(await peer.ask("open /proc/none x"), /^DHMEM_(NOT_FOUND|PERMISSION) /);
	assert.match(await peer.ask(`open ${regions}/ x`), /^DHMEM_FORMAT /);
});

folderTest("a region of the lifetime last-close is gone after C has left it last", async (directory) => {
	await using peer = new Peer();
	{
		using region = Region.open("brief", { directory, lifetime: "last-close", size: "16MiB" });
		await peer.ask(`open ${region.path} peer`, "open");
	}
	assert.equal(Region.list({ directory }), ["brief"]);
	await peer.ask("close", "closed");
	assert.is(
		codeOf(() => Region.open("brief", { directory, mode: "open" })),
		"DHMEM_NOT_FOUND",
	);
});

folderTest(
	"opening removes a temporary region of which nothing is left, and no other empty file",
	async (folder) => {
		await using peer = new Peer();
		writeFileSync(join(folder, "temporary-1-a.dhmem"), "");
		writeFileSync(join(folder, "other.dhmem"), "");
		await peer.ask(`open ${join(folder, "made.dhmem")} x`, "open");
		assert.equal(readdirSync(folder).sort(), ["made.dhmem", "other.dhmem"]);
		await peer.ask("close", "closed");
	},
);

const SPOILT = Number(process.env.DHMEM_SPOILT ?? 60);

/** Opens something of each kind. */
const OPENING = [
	"producer steps 4096",
	"consumer steps",
	"block steps 1000 1 x",
	"mail-producer view 3",
	"mail-consumer view 3",
	"send view x",
	"push-to numbers f64",
	"pop-from numbers f64",
	"push numbers 1 100",
	"map best string f64",
	"put best key 1",
	"vector residuals f64",
	"append residuals 1 100",
	"array grid f64[10]",
	"allocate it 3000 1",
	"clone it copy",
];

/** None waits for a lock without a limit: a faulty peer can keep that for ever. */
const USING = [
	"block steps 2000 2 y",
	"send steps z",
	"receive steps 0",
	"hold steps 0",
	"send view y",
	"block view 500 2 y",
	"receive view 0",
	"take view 0",
	"push numbers 1 10",
	"pop numbers 50",
	"look best key",
	"entries best",
	"sum residuals",
	"array grid",
	"map best",
	"vector residuals",
	"clone it other",
	"free copy",
	"lock m 0",
	"trim",
	"remove view",
];

test("a spoilt region ends in an error, never in a crash", async () => {
	const answers = new Set<string>();
	for (let seed = 1; seed <= SPOILT; seed++) {
		const random = new Random(seed);
		using region = Region.temporary({ size: "16MiB" });
		await using peer = await Peer.in(region);
		await peer.ask("patience 0", "patient");
		for (const command of OPENING) assert.not.match(await peer.ask(command), /^DHMEM/);
		const token = await peer.ask("save it");
		const file = openSync(region.path, "r+");
		for (let i = 0; i < 40; i++) {
			const at = random.below(random.oneIn(2) ? 600_000 : 2 << 20) & ~3;
			// The page of the slots is left alone: it would only say that the participant was declared dead.
			if (at >= 4096) writeSync(file, random.bytes(4 * (1 + random.below(64))), 0, undefined, at);
		}
		closeSync(file);
		const commands = [...USING, `load-block it ${token}`, `free-saved ${token}`];
		// In another order each time, because a trap ends the participant.
		for (let i = commands.length; i > 0; i--) {
			const [command = ""] = commands.splice(random.below(i), 1);
			answers.add((await peer.ask(command)).split(" ", 1)[0] as string);
		}
		await peer.ask("close", "closed");
	}
	assert.ok(answers.has("DHMEM_CORRUPT"), [...answers].join());
	assert.not(answers.has("no"), [...answers].join());
});

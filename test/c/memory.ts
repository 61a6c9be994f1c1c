/** Structs, arrays, tokens, clones, and reading only, between Node and C. */
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Region } from "dhmem";
import * as assert from "uvu/assert";
import { codeOf } from "../fixture/index.js";
import { folderTest, Peer, peerTest } from "./peer.js";

peerTest("structs and arrays are the same memory in Node and C", async (region, peer) => {
	const params = region.struct("params", { a: "f64", b: "f64", step: "u32" }, { initial: { a: 0.5 } });
	await peer.ask("struct params", "{ a: f64, b: f64, step: u32 }");
	await peer.ask("get params 0", "0.5");
	await peer.ask("set params 1 0.25", "set");
	assert.is(params.b, 0.25);
	await peer.ask("array grid f64[ 10, 3 ]", "f64[10,3]");
	const grid = region.array("grid", { dtype: "f64", shape: [10, 3] });
	grid.set(9, 2, 7);
	await peer.ask("get grid 29", "7");
	await peer.ask("struct point { x: f64, y: f64 }", "{ x: f64, y: f64 }");
	await peer.ask("set point 1 3", "set");
	assert.equal({ ...region.struct("point", { x: "f64", y: "f64" }) }, { x: 0, y: 3 });
	region.array("none", { dtype: "u8", shape: [0, 4] });
	await peer.ask("array none", "u8[0,4]");
	assert.match(
		await peer.ask("array grid f64[10,4]"),
		/^DHMEM_TYPE_MISMATCH grid is an array f64\[10,3\], but was opened as an array f64\[10,4\]; open it as what it/,
	);
	assert.match(await peer.ask("array missing"), /^DHMEM_NOT_FOUND There is no missing in /);
	assert.match(await peer.ask("array large f64[4000000000,4000000000]"), /^DHMEM_REGION_FULL /);
	assert.match(await peer.ask("array wrong f64[1,x]"), /^DHMEM_BAD_ARGUMENT /);
});

peerTest("types with names that are no words have the same text on both sides", async (region, peer) => {
	region.struct("odd", { "a b": "u8", 'wei"rd': "f64", größe: "i16" });
	assert.is(await peer.ask("struct odd"), '{ "a b": u8, "wei\\"rd": f64, "größe": i16 }');
	await peer.ask(
		'struct odd {"a b":u8,"wei\\"rd":f64,"größe":i16}',
		'{ "a b": u8, "wei\\"rd": f64, "größe": i16 }',
	);
});

peerTest("tokens of named memory work in both directions", async (region, peer) => {
	const grid = region.array("grid", { dtype: "f64", shape: [4] });
	grid.set(3, 5);
	const token = String(region.save(grid));
	await peer.ask(`load loaded ${token}`, "f64[4]");
	await peer.ask("get loaded 3", "5");
	await peer.ask(`kind ${token}`, "4");
	await peer.ask("struct point { x: f64 }", "{ x: f64 }");
	const back = await peer.ask("token point");
	assert.is(back.length, 38);
	assert.is(region.load(back).kind, "struct");
	await peer.ask("token loaded", token);
	region.remove("grid");
	assert.match(
		await peer.ask(`load again ${token}`),
		/^DHMEM_BAD_HANDLE The handle is forged, or refers to a value/,
	);
	assert.match(await peer.ask(`load-block it ${back}`), /^DHMEM_TYPE_MISMATCH /);
	for (const wrong of ["x", token.slice(1), `${token}A`, `${token.slice(0, -1)}B`])
		assert.match(await peer.ask(`kind ${wrong}`), /^DHMEM_BAD_HANDLE /);
	using other = Region.temporary({ size: "1MiB" });
	const foreign = String(other.save(other.array("x", { dtype: "u8", shape: [1] })));
	assert.match(
		await peer.ask(`kind ${foreign}`),
		/^DHMEM_BAD_HANDLE The handle belongs to another region than /,
	);
});

peerTest("saved blocks are loaded and freed in both directions", async (region, peer) => {
	const used = region.stats().used;
	const block = region.allocate(3000);
	block.bytes.fill(9);
	const token = String(region.save(block));
	await peer.ask(`load-block it ${token}`, "3000 times 9");
	await peer.ask(`free-saved ${token}`, "freed");
	assert.match(await peer.ask(`free-saved ${token}`), /^DHMEM_BAD_HANDLE /);
	assert.is(
		codeOf(() => region.load(token)),
		"DHMEM_BAD_HANDLE",
	);
	await peer.ask("allocate ours 5000 4", "allocated");
	const back = await peer.ask("save ours");
	assert.match(await peer.ask("free ours"), /^DHMEM_CLOSED /);
	const loaded = region.load(back);
	assert.is(loaded.kind, "block");
	if (loaded.kind === "block") {
		assert.ok(loaded.bytes.every((byte) => byte === 4));
		loaded.free();
	}
	assert.match(await peer.ask(`load-block it ${back}`), /^DHMEM_BAD_HANDLE /);
	assert.ok(region.stats().used <= used + 1024);
});

peerTest("what a killed C program had saved stays, and its clones go", async (region, peer) => {
	await peer.ask("allocate ours 5000 4", "allocated");
	await peer.ask("clone ours copy", "cloned");
	await peer.ask("bytes copy", "5000 times 4");
	await peer.ask("producer there", "producer");
	await peer.ask("send-clone ours there", "sent");
	await peer.ask("allocate saved 100 1", "allocated");
	const token = await peer.ask("save saved");
	await peer.ask("free ours", "freed");
	await peer.ask("bytes copy", "5000 times 4");
	const consumer = region.queue("there").consumer();
	await peer.kill();
	region.recover();
	{
		using message = consumer.receiveSync({ timeout: 10_000 });
		assert.ok(message?.block?.bytes.every((byte) => byte === 4));
	}
	const loaded = region.load(token);
	assert.is(loaded.kind, "block");
	if (loaded.kind === "block") loaded.free();
	const { used } = region.stats();
	consumer.close();
	region.remove("there");
	assert.ok(region.stats().used <= 1024, `${used} bytes were used`);
});

folderTest("C reads a region without being a participant, and changes nothing", async (directory) => {
	using region = Region.open("read", { directory, size: "16MiB" });
	const grid = region.array("grid", { dtype: "f64", shape: [4] });
	grid.set(3, 5);
	const token = String(region.save(grid));
	await using peer = new Peer();
	await peer.ask(`open-as ${region.path} 4`, "open");
	assert.is(region.stats().participants.length, 1);
	await peer.ask("array grid", "f64[4]");
	await peer.ask("get grid 3", "5");
	grid.set(3, 6);
	await peer.ask("get grid 3", "6");
	await peer.ask(`load loaded ${token}`, "f64[4]");
	await peer.ask("get loaded 3", "6");
	for (const command of [
		"producer steps 0",
		"lock m 0",
		"allocate x 100 1",
		"remove grid",
		"trim",
		"array new f64[4]",
	])
		assert.match(await peer.ask(command), /^DHMEM_READ_ONLY /);
	region.remove("grid");
	assert.match(await peer.ask("get grid 3"), /^DHMEM_CLOSED Another participant has removed grid from /);
	await peer.ask("close", "closed");
	await using missing = new Peer();
	assert.match(await missing.ask(`open-as ${join(directory, "none.dhmem")} 4`), /^DHMEM_NOT_FOUND /);
});

folderTest("C replaces a region, whose participants keep the old one", async (directory) => {
	using old = Region.open("same", { directory, size: "16MiB" });
	old.array("grid", { dtype: "f64", shape: [4] });
	await using peer = new Peer();
	await peer.ask(`open-as ${old.path} 3`, "open");
	assert.match(await peer.ask("array grid"), /^DHMEM_NOT_FOUND /);
	assert.is(old.stats().objects, 1);
	using fresh = Region.open("same", { directory });
	assert.is(fresh.stats().participants.length, 2);
	await peer.ask("close", "closed");
	await using other = new Peer();
	await other.ask(`open-as ${join(directory, "new.dhmem")} 3`, "open");
	assert.ok(existsSync(join(directory, "new.dhmem")));
});

folderTest("C removes what dead processes left, when it opens a region", async (directory) => {
	{
		await using dead = new Peer();
		const path = join(directory, "brief.dhmem");
		using region = Region.open("brief", { directory, lifetime: "last-close", size: "16MiB" });
		await dead.ask(`open ${path} dead`, "open");
		await dead.ask("consumer steps", "consumer");
		const polled = dead.ask("poll steps 1");
		region.queue("steps").producer().sendSync("awake");
		await polled;
		region.close();
		await dead.kill();
		assert.is(readdirSync(directory).filter((name) => name.endsWith(".bell")).length, 1);
	}
	writeFileSync(join(directory, ".dhmem-0123456789abcdef.tmp"), "");
	assert.is(readdirSync(directory).length, 3);
	await using peer = new Peer();
	await peer.ask(`open ${join(directory, "other.dhmem")} peer`, "open");
	assert.equal(readdirSync(directory), ["other.dhmem"]);
});

peerTest("C gives back the pages of free memory", async (region, peer) => {
	await peer.ask("allocate large 9000000 1", "allocated");
	await peer.ask("free large", "freed");
	assert.ok(statSync(region.path).blocks * 512 > 9_000_000);
	await peer.ask("trim", "trimmed");
	assert.ok(statSync(region.path).blocks * 512 < 4_000_000);
});

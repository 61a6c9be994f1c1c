/** What tests of large blocks need: two tasks in regions of their own, and a keeper of the first one's. */
import { randomUUID } from "node:crypto";
import type { Message, Region } from "dhmem";
import * as assert from "uvu/assert";
import { parseLinks } from "../../src/workflow/links.js";
import { prepareServer } from "../../src/workflow/nats/manage.js";
import { Keeper } from "../../src/workflow/nats/pull/keeper.js";
import { KeptBlocks } from "../../src/workflow/nats/pull/kept-blocks.js";
import { readServer } from "../../src/workflow/nats/settings.js";
import { Tasks } from "../workflow/tasks.js";
import { pattern } from "./pattern.js";
import { Relay } from "./relay.js";
import { freePort, Server, type ServerOptions } from "./server.js";

export const MIB = 2 ** 20;
/** Another address of this machine, where nobody listens but the test. */
const ELSEWHERE = "127.0.0.2";

export interface Way {
	/** `direct`; through a relay; to a place where nobody listens; or `region`: both tasks have the same one. */
	readonly way?: "direct" | "relay" | "nowhere" | "region";
	readonly link?: string;
	/** More for the environment of single tasks. */
	readonly own?: Readonly<Record<string, NodeJS.ProcessEnv>>;
	readonly options?: ServerOptions;
	/** More for the environment of the keeper and of all tasks. */
	readonly variables?: NodeJS.ProcessEnv;
}

export interface Kept {
	readonly tasks: Tasks;
	readonly server: Server;
	/** Between a receiver and the keeper, if the way is not direct. */
	readonly relay: Relay;
	readonly keeper: Keeper;
	/** The region of the task `a`, and what is kept of its blocks. */
	readonly region: Region;
	readonly blocks: KeptBlocks;
}

/** Checks that nothing is left in the region of the sender. */
export async function withKeeper(
	{ way = "direct", link = "a.out>b.in", own = {}, options = {}, variables = {} }: Way,
	body: (kept: Kept) => Promise<void>,
): Promise<void> {
	await using server = await Server.start(options);
	const port = await freePort();
	await using relay = await Relay.to(port, { host: ELSEWHERE, port: way === "relay" ? port : 0 });
	const run = `kept-${randomUUID().slice(0, 8)}`;
	const there = way === "region" ? {} : { DHMEM_REGION: `${run}-there`, DHMEM_SIZE: "64MiB" };
	const common = { DHMEM_TRANSPORT: "nats", DHMEM_NATS: server.address, ...variables };
	await using tasks = new Tasks([link], { ...common, DHMEM_RUN: run }, { ...own, b: { ...there, ...own.b } });
	using region = tasks.open("runner");
	const address = way === "direct" || way === "region" ? {} : { DHMEM_PULL: `${ELSEWHERE}:${port}` };
	const settings = readServer({ ...common, ...address });
	// An old server may not stand it if both tasks create the bucket at once.
	const session = await prepareServer(settings, run, []);
	const links = parseLinks(`out=${link};transport=nats`).map((each) => each.link);
	const keeper = await Keeper.open({
		region,
		run,
		session,
		links,
		settings: settings.pull,
		note: (text) => assert.unreachable(text),
	});
	assert.ok(keeper);
	try {
		const [first] = links;
		assert.ok(first);
		await body({ tasks, server, relay, keeper, region, blocks: new KeptBlocks(region, first) });
		await tasks.leave("a");
		await tasks.leave("b");
		region.recover();
		keeper.close();
		assert.ok(region.stats().used < MIB / 2, `${region.stats().used} bytes are left in the region`);
	} finally {
		keeper.close();
		await session.connection.close();
	}
}

/** Sends a block with a text. */
export async function sendBlock(tasks: Tasks, text: string, length: number): Promise<void> {
	const output = tasks.get("a").output("out");
	const block = await output.allocate(length);
	block.bytes.set(pattern(length));
	await output.send(text, { block });
}

/** Checks that it is the message that `sendBlock` has sent, and releases it. */
export function check(message: Message | undefined, text: string, length: number): void {
	assert.is(message?.text(), text);
	assert.is(message?.block?.length, length);
	assert.is(Buffer.compare(message?.block?.bytes ?? Buffer.alloc(0), pattern(length)), 0);
	message?.release();
}

/** Blocks are pulled whole, by those that have their tokens and by nobody else. */
import { once } from "node:events";
import { connect } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Listener, type Source } from "../../src/workflow/nats/pull/listener.js";
import { pull } from "../../src/workflow/nats/pull/puller.js";
import { type Reference, tokenOf } from "../../src/workflow/nats/pull/reference.js";
import { encodeRequest, PROOF_BYTES } from "../../src/workflow/nats/pull/request.js";
import { Relay } from "./relay.js";

const MIB = 2 ** 20;
const never = new AbortController().signal;

const test = suite("pulling a block");

// As with links, pulls do not keep the process alive.
const alive = setInterval(() => {}, 1000);
test.after(() => clearInterval(alive));

const bytes = Uint8Array.from({ length: 3 * MIB + 5 }, (_, i) => (i * 31 + (i >> 8)) & 255);

const SECRET = Buffer.alloc(32, 5);
const HANDLE = "a".repeat(38);

/** What a listener gives: one block, until its send is given up. */
class Given implements Source {
	isThere = true;

	tokenOf(handle: string): Buffer {
		return tokenOf(SECRET, handle);
	}

	bytesOf(handle: string): Uint8Array | undefined {
		return handle === HANDLE && this.isThere ? bytes : undefined;
	}
}

async function offered(
	isSecure: boolean,
	body: (reference: Reference, listener: Listener, given: Given) => Promise<void>,
): Promise<void> {
	const given = new Given();
	const host = "127.0.0.1";
	const listener = await Listener.open({ host, port: 0, isSecure }, given);
	const reference = { host, port: listener.port, isSecure, handle: HANDLE, token: given.tokenOf(HANDLE) };
	try {
		await body(reference, listener, given);
	} finally {
		listener.close();
	}
}

/** What comes back for a request, until the connection is closed. */
async function answerTo(request: Uint8Array, { host, port }: Reference): Promise<Buffer> {
	const socket = connect({ host, port });
	const pieces: Buffer[] = [];
	socket.on("data", (piece) => pieces.push(piece)).on("error", () => {});
	socket.write(request);
	await once(socket, "close");
	return Buffer.concat(pieces);
}

for (const isSecure of [false, true]) {
	const how = isSecure ? "encrypted" : "in the clear";
	test(`a block is pulled ${how}, straight into shared memory`, () =>
		offered(isSecure, async (reference) => {
			const target = new Uint8Array(new SharedArrayBuffer(bytes.length));
			assert.is(await pull(reference, target, never), "whole");
			assert.is(Buffer.compare(target, bytes), 0);
		}));

	test(`whoever has another token gets nothing ${how}`, () =>
		offered(isSecure, async (reference) => {
			const target = new Uint8Array(bytes.length);
			const other = { ...reference, token: Buffer.alloc(32, 7) };
			assert.is(await pull(other, target, never), "failed");
			assert.ok(target.every((byte) => byte === 0));
		}));
}

test("a part of a block can be asked for, and nothing outside of it", () =>
	offered(false, async (reference) => {
		const { handle, token } = reference;
		const part = (at: number, length: number) =>
			answerTo(encodeRequest({ handle, at, length }, token), reference);
		const answer = await part(100, 1000);
		assert.is(answer.length, 1000 + 2 * PROOF_BYTES);
		assert.is(Buffer.compare(answer.subarray(PROOF_BYTES, -PROOF_BYTES), bytes.subarray(100, 1100)), 0);
		for (const [at, length] of [
			[bytes.length, 1],
			[-1, 10],
			[0, bytes.length + 1],
			[0.5, 1],
			[Number.NaN, 1],
			[0, -1],
		] as const)
			assert.is((await part(at, length)).length, 0, `${length} bytes at ${at}`);
	}));

test("what is no request gets no answer", () =>
	offered(false, async (reference) => {
		const { handle, token } = reference;
		const request = encodeRequest({ handle, at: 0, length: 10 }, token);
		for (const at of [0, 10, 46, 50, 66, 74, 90]) {
			const changed = Buffer.from(request);
			changed[at] = (changed[at] ?? 0) ^ 1;
			assert.is((await answerTo(changed, reference)).length, 0, `byte ${at}`);
		}
		const unknown = encodeRequest({ handle: "b".repeat(38), at: 0, length: 10 }, token);
		assert.is((await answerTo(unknown, reference)).length, 0);
	}));

test("bytes of a program that has not the token are not taken", async () =>
	offered(false, async (reference) => {
		// Another keeper has another secret.
		const token = tokenOf(Buffer.alloc(32, 6), HANDLE);
		const other = await Listener.open(
			{ host: "127.0.0.1", port: 0, isSecure: false },
			{ tokenOf: () => token, bytesOf: () => bytes },
		);
		const target = new Uint8Array(bytes.length);
		assert.is(await pull({ ...reference, port: other.port }, target, never), "failed");
		assert.ok(target.every((byte) => byte === 0));
		other.close();
	}));

test("a pull that is cut goes on with the next byte", () =>
	offered(false, async (reference) => {
		await using relay = await Relay.to(reference.port);
		relay.cutAfter(MIB);
		const target = new Uint8Array(bytes.length);
		assert.is(await pull({ ...reference, port: relay.port }, target, never), "whole");
		assert.is(Buffer.compare(target, bytes), 0);
		assert.is(relay.connections, 4);
	}));

test("nothing is pulled where nobody listens", () =>
	offered(false, async (reference, listener) => {
		listener.close();
		assert.is(await pull(reference, new Uint8Array(bytes.length), never), "failed");
	}));

test("a block whose send was given up is not pulled, and its receiver is told so", () =>
	offered(false, async (reference, _, given) => {
		given.isThere = false;
		assert.is(await pull(reference, new Uint8Array(bytes.length), never), "withdrawn");
	}));

test("a block whose send is given up while it is pulled does not count", () =>
	offered(false, async (reference, _, given) => {
		await using relay = await Relay.to(reference.port);
		relay.stallAfter(MIB);
		const pulling = pull({ ...reference, port: relay.port }, new Uint8Array(bytes.length), never);
		await relay.isStalled();
		given.isThere = false;
		relay.stallAfter(Number.POSITIVE_INFINITY);
		relay.hold();
		relay.go();
		assert.is(await pulling, "withdrawn");
	}));

test("a pull that is given up ends, though its sender says nothing", () =>
	offered(false, async (reference) => {
		await using relay = await Relay.to(reference.port);
		relay.hold();
		const controller = new AbortController();
		const pulling = pull({ ...reference, port: relay.port }, new Uint8Array(bytes.length), controller.signal);
		await relay.isHolding();
		controller.abort();
		assert.is(await pulling, "failed");
	}));

test.run();

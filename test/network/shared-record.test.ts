/** The record of a run, when several runners change it, or its servers elect a leader. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Session } from "../../src/workflow/nats/session.js";
import { SharedRecord } from "../../src/workflow/nats/shared-record.js";

const test = suite("the record of a run");

/** A server whose bucket refuses the first changes with these errors. */
function serverWith(failures: Error[], cluster?: string) {
	const stored: string[] = [];
	const bucket = {
		get: async () => null,
		put: async (_: string, text: string) => {
			const failure = failures.shift();
			if (failure !== undefined) throw failure;
			stored.push(text);
			return stored.length;
		},
	};
	const connection = { info: { cluster }, publish: () => {}, subscribe: () => {} };
	// Only what the record uses.
	return { session: { connection, bucket: async () => bucket } as unknown as Session, stored };
}

const refusal = (code: number) => Object.assign(new Error("wrong last sequence"), { code });

for (const code of [10_071, 10_164])
	test(`a change is tried again when another was faster (${code})`, async () => {
		const { session, stored } = serverWith([refusal(code), refusal(code)]);
		const record = await SharedRecord.open<number>(session, "x", () => {});
		assert.is(await record.change(() => 1, 1000), 1);
		assert.equal(stored, ["1"]);
	});

test("a cluster that does not answer is asked again for longer than one server", async () => {
	const silence = () => [new Error("timeout"), new Error("timeout")];
	const one = serverWith(silence());
	const record = await SharedRecord.open<number>(one.session, "x", () => {});
	const failed = await record.change(() => 1, 0).catch((error) => error);
	assert.is(failed.message, "timeout");
	const three = serverWith(silence(), "three");
	const other = await SharedRecord.open<number>(three.session, "x", () => {});
	assert.is(await other.change(() => 1, 0), 1);
	assert.equal(three.stored, ["1"]);
});

test.run();

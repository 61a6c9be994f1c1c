/** docs/faq.md compared with reality. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Region } from "dhmem";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("faq");

function read(path: string): string {
	return readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
}

test("every code has one row, and there are no others", () => {
	const [union] = /type DhmemErrorCode =[^;]*;/.exec(read("src/errors.ts")) ?? [""];
	const codes = union.match(/DHMEM_\w+/g) ?? [];
	const rows = read("docs/faq.md").match(/(?<=^\| `)DHMEM_\w+(?=` \|)/gm) ?? [];
	assert.ok(codes.length > 20);
	assert.equal([...rows].sort(), [...codes].sort());
});

test("APIs take views of a region, or refuse them, as the table says", async () => {
	using region = Region.temporary({ size: "1MiB" });
	const { bytes } = region.allocate(4);
	bytes.set([255, 216, 65, 66]);
	assert.is(new TextDecoder("latin1").decode(bytes), "ÿØAB");
	assert.equal(new Uint8Array(await new Blob([bytes as never]).arrayBuffer()), bytes.slice());
	assert.is(
		createHash("md5").update(bytes).digest("hex"),
		createHash("md5").update(bytes.slice()).digest("hex"),
	);
	try {
		await globalThis.crypto.subtle.digest("SHA-256", bytes as never);
		assert.unreachable();
	} catch (error) {
		assert.instance(error, TypeError);
	}
	structuredClone(bytes)[0] = 1;
	assert.is(bytes[0], 1);
	assert.not.instance(bytes.slice().buffer, SharedArrayBuffer);
	assert.not.instance(Buffer.from(bytes).buffer, SharedArrayBuffer);
});

test("fetch refuses views of a region or sends wrong bytes, and takes a copy", async () => {
	using region = Region.temporary({ size: "1MiB" });
	const { bytes } = region.allocate(4);
	bytes.set([255, 216, 65, 66]);
	const sent = async (body: Uint8Array) => {
		const request = new Request("http://localhost/", { method: "POST", body: body as never });
		return Buffer.from(await request.arrayBuffer());
	};
	const copy = bytes.slice();
	assert.ok((await sent(copy)).equals(copy));
	const outcome = await sent(bytes).then(String, (error: unknown) => error);
	assert.ok(outcome instanceof TypeError || outcome === "255,216,65,66", String(outcome));
});

test.run();

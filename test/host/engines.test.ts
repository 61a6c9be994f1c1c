/** Other engines than Node, as far as they can be played here; scripts/test-frameworks.sh runs them. */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import process from "node:process";
import { Region } from "dhmem";
import { Task } from "dhmem/workflow";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { denied } from "../../src/host/engines.js";
import { errorOf } from "../fixture/index.js";

const test = suite("engines");

test("Bun is refused to open a region for reading only, and may write", () => {
	using region = Region.temporary({ size: "1MiB" });
	Object.defineProperty(process.versions, "bun", { value: "1.0.0", configurable: true });
	try {
		for (const mode of ["read-only", "copy-on-write"] as const) {
			const { code, message } = errorOf(() => Region.open(region.name, { mode }));
			assert.is(code, "DHMEM_UNSUPPORTED");
			assert.match(message, /Bun can't open/);
		}
		Region.open(region.name).close();
	} finally {
		Reflect.deleteProperty(process.versions, "bun");
	}
});

test("garbage collection calls back only with NODE_DEBUG, because a callback can abort an ending thread", () => {
	const program = `
		let registered = 0;
		FinalizationRegistry.prototype.register = () => void registered++;
		const { Region } = await import(${JSON.stringify(import.meta.resolve("dhmem"))});
		Region.temporary({ size: "1MiB" }).close();
		console.log(registered > 0);
	`;
	const run = (NODE_DEBUG: string) =>
		execFileSync(process.execPath, ["--input-type=module", "-e", program], {
			encoding: "utf8",
			env: { ...process.env, NODE_DEBUG },
			stdio: ["ignore", "pipe", "ignore"],
		}).trim();
	assert.equal([run(""), run("dhmem")], ["false", "true"]);
});

test("missing permissions in Deno are an error that names the flags", () => {
	const { env } = process;
	const denying = new Proxy(env, {
		get(_, name) {
			throw Object.assign(new Error(`Requires env access to "${String(name)}"`), { name: "NotCapable" });
		},
	});
	Object.defineProperty(process, "env", { value: denying, configurable: true });
	try {
		for (const call of [
			() => Region.open("denied"),
			() => Region.temporary(),
			() => Region.list(),
			() => Region.unlink("denied"),
			() => Task.fromEnvironment(),
		]) {
			const { code, message } = errorOf(call);
			assert.is(code, "DHMEM_PERMISSION");
			assert.match(message, /run it with --allow-ffi --allow-read --allow-write --allow-env --allow-sys/);
		}
	} finally {
		Object.defineProperty(process, "env", { value: env, configurable: true });
	}
});

test("what Deno allows only with all permissions is an error that says so", () => {
	const error = Object.assign(
		new Error('Requires all access to "/dev/shm", run again with the --allow-all flag'),
		{ name: "NotCapable" },
	);
	const global = globalThis as { Deno?: object };
	const advice = (state: string) => {
		global.Deno = { permissions: { querySync: () => ({ state }) } };
		try {
			const { code, message } = denied(error);
			assert.is(code, "DHMEM_PERMISSION");
			return message.replace(/.*; /, "");
		} finally {
			Reflect.deleteProperty(global, "Deno");
		}
	};
	assert.is(advice("granted"), "run it with --allow-all");
	assert.is(advice("prompt"), "run it with --allow-ffi --allow-read --allow-write --allow-env --allow-sys");
});

test("a folder that can't be examined is not said to be missing", () => {
	const { statSync } = fs;
	Object.assign(fs, {
		statSync() {
			throw Object.assign(new Error("Requires all access"), { name: "NotCapable" });
		},
	});
	syncBuiltinESMExports();
	try {
		const { code, message } = errorOf(() => Region.open("not-there", { mode: "open" }));
		assert.is(code, "DHMEM_NOT_FOUND");
		assert.match(message, /^There is no region at .*not-there\.dhmem; /);
	} finally {
		Object.assign(fs, { statSync });
		syncBuiltinESMExports();
	}
});

test.run();

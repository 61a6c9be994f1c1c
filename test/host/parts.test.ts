/** The two built files, the core and the shim, where one is missing or can't be used; and engines that are locked down. */
import { execFileSync } from "node:child_process";
import {
	chmodSync,
	cpSync,
	mkdirSync,
	mkdtempSync,
	rmSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { long } from "../fixture/index.js";

const test = suite("parts");
const root = fileURLToPath(new URL("../../..", import.meta.url));

const core = join("dist", "core.wasm");
const shim = join("prebuilds", `linux-${process.arch}`, "shim.node");

/** A package as it is installed, or a clone as it is built, as `change` leaves it. */
function withCopy(
	where: "installed" | "clone",
	change: (copy: string) => void,
	body: (copy: string) => void,
): void {
	const folder = mkdtempSync(join(tmpdir(), "dhmem-parts-"));
	const copy = join(folder, "dhmem");
	try {
		for (const part of ["dist/src", "dist/assembly", core, "prebuilds", "package.json"]) {
			cpSync(join(root, part), join(copy, part), {
				recursive: true,
				filter: (path) => !/\.(map|d\.ts)$/.test(path),
			});
		}
		symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
		if (where === "clone") {
			mkdirSync(join(copy, "scripts"));
			writeFileSync(join(copy, "scripts", "build-shim.mjs"), "");
		}
		change(copy);
		body(copy);
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** The code and message of the error for opening a region with the copy, after `before`. */
function failure(copy: string, before = ""): string {
	const program = `
		const { Region } = await import(${JSON.stringify(join(copy, "dist", "src", "index.js"))});
		${before};
		try { Region.temporary({ size: "1MiB" }).close(); console.log("opened") }
		catch (error) { console.log(error.code, error.message) }
	`;
	return run(["--input-type=module", "-e", program]);
}

function run(flags: string[]): string {
	return execFileSync(process.execPath, ["--no-warnings", ...flags], { encoding: "utf8" }).trim();
}

for (const [part, name] of [
	[core, "The core"],
	[shim, "The native shim"],
] as const) {
	const without = (copy: string) => rmSync(join(copy, part));
	const file = basename(part);

	test(`without ${file} the error names it, and in a clone says how to build it`, () => {
		withCopy("clone", without, (copy) => {
			const message = failure(copy);
			assert.ok(message.startsWith(`DHMEM_UNSUPPORTED ${name} is missing (${join(copy, part)})`), message);
			assert.match(message, /run "npm run build"/);
		});
	});

	test(`without ${file} the error in an installed package advises what can be done there`, () => {
		withCopy("installed", without, (copy) => {
			const message = failure(copy);
			assert.match(message, /reinstall dhmem/);
			assert.not.match(message, /npm run build/);
		});
	});
}

test("a shim that this user may not read is told from a missing one", () => {
	const hide = (copy: string) => chmodSync(join(copy, shim), 0);
	withCopy("installed", hide, (copy) => {
		// Root may read all, until it is another user.
		const message = failure(copy, "if (process.getuid() === 0) process.setuid(65534)");
		assert.match(message, /^DHMEM_PERMISSION The native shim can't be read .*give this user permission/);
	});
});

long(test)("a shim that Node may not read is told from a missing one", () => {
	withCopy(
		"installed",
		() => {},
		(copy) => {
			const denied = 'Object.assign(new Error("no"), { code: "ERR_ACCESS_DENIED" })';
			const deny = `fs.accessSync = () => { throw ${denied} }; syncBuiltinESMExports()`;
			const message = failure(
				copy,
				`const fs = await import("node:fs").then((module) => module.default);
			const { syncBuiltinESMExports } = await import("node:module");
			${deny}`,
			);
			assert.match(message, /^DHMEM_PERMISSION The native shim can't be read .*--allow-fs-read/);
		},
	);
});

test("a shim that can't be loaded is told from a missing one", () => {
	const spoil = (copy: string) => writeFileSync(join(copy, shim), "no library");
	withCopy("installed", spoil, (copy) => {
		assert.match(failure(copy), /^DHMEM_UNSUPPORTED The native shim can't be loaded here .*reinstall dhmem/);
	});
});

long(test)("a shim compiled in a clone is loaded instead of a prebuilt one", () => {
	const spoil = (copy: string) => writeFileSync(join(copy, "dist", "shim.node"), "no library");
	withCopy("clone", spoil, (copy) => {
		assert.ok(failure(copy).includes(`can't be loaded here (${join(copy, "dist", "shim.node")}`));
	});
});

test("a damaged core file is DHMEM_UNSUPPORTED, not an error of the engine", () => {
	const cut = (copy: string) => truncateSync(join(copy, core), 3000);
	withCopy("installed", cut, (copy) => {
		assert.match(failure(copy), /^DHMEM_UNSUPPORTED The core is damaged \(.*core\.wasm: .*reinstall dhmem/);
	});
});

long(test)("a shim on a file system mounted noexec says so", () => {
	// As the system's loader puts it, for mounting one takes rights that not everybody has.
	const refuse = (copy: string) => {
		const module = JSON.stringify(join(copy, "dist", "src", "index.js"));
		const program = `
			process.dlopen = (_, path) => {
				const text = path + ": failed to map segment from shared object";
				throw Object.assign(new Error(text), { code: "ERR_DLOPEN_FAILED" });
			};
			const { Region } = await import(${module});
			try { Region.temporary() } catch (error) { console.log(error.code, error.message) }
		`;
		assert.match(run(["--input-type=module", "-e", program]), /^DHMEM_UNSUPPORTED .*noexec/);
	};
	withCopy("installed", () => {}, refuse);
});

test("with --frozen-intrinsics it can be imported and used", () => {
	const index = JSON.stringify(join(root, "dist", "src", "index.js"));
	const program = `
		const { Region } = await import(${index});
		const region = Region.temporary({ size: "16MiB" });
		const queue = region.queue("queue");
		const consumer = queue.consumer();
		await queue.producer().send("hello");
		console.log((await consumer.receive()).text());
		console.log(region.struct("struct", { a: "f64" }, { initial: { a: 3 } }).a);
		console.log(Object === {}.constructor);
		region.close();
	`;
	const output = run(["--frozen-intrinsics", "--input-type=module", "-e", program]);
	assert.equal(output.split("\n"), ["hello", "3", "true"]);
});

test.run();

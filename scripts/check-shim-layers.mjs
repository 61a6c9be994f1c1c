// Checks the layers of the native shim: `node scripts/check-shim-layers.mjs [FOLDER]`. FOLDER is native-shim
// by default.
//
// - host/ compiles without a Node header, and a C program that uses nothing else runs: test/shim/host.c.
// - A file calls only into files above it in the lists that open host/host.h and node/node.h, so there are
//   no cycles.
// - No header includes itself through others, and host/ includes nothing of node/.
//
// Needs a C compiler, $CC or cc, and binutils' nm.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { include_dir as headers } from "node-api-headers";
import { checkCalls, listedFiles } from "./c-calls.mjs";

const root = join(import.meta.dirname, "..");
const shim = process.argv[2] ?? join(root, "native-shim");
const rooms = ["host", "node"];
const objects = mkdtempSync(join(tmpdir(), "dhmem-layers-"));
const problems = [];

const cc = (...args) =>
	execFileSync(process.env.CC ?? "cc", ["-std=c11", "-Wall", "-Wextra", "-Werror", ...args], {
		stdio: "inherit",
	});
const filesIn = (room, ending) => readdirSync(join(shim, room)).filter((file) => file.endsWith(ending));
const objectOf = (room, source) => join(objects, `${room}-${basename(source, ".c")}.o`);

function checkLists() {
	const order = rooms.flatMap((room) =>
		listedFiles(readFileSync(join(shim, room, `${room}.h`), "utf8")).map((file) => `${room}/${file}`),
	);
	const present = rooms.flatMap((room) => filesIn(room, ".c").map((file) => [room, file]));
	const objectsOf = new Map(present.map(([room, file]) => [`${room}/${file}`, objectOf(room, file)]));
	const { calls, problems: found } = checkCalls(order, objectsOf);
	problems.push(...found);
	return calls;
}

function checkIncludes() {
	const included = (file) => {
		const source = readFileSync(join(shim, file), "utf8");
		return [...source.matchAll(/^#include "(.*)"/gm)].map(([, path]) => join(file, "..", path));
	};
	const visit = (file, path) => {
		if (path.includes(file)) problems.push([...path, file].join(" includes "));
		else for (const other of included(file)) visit(other, [...path, file]);
	};
	for (const room of rooms) {
		for (const file of [...filesIn(room, ".c"), ...filesIn(room, ".h")]) {
			visit(`${room}/${file}`, []);
			for (const other of included(`${room}/${file}`)) {
				if (room === "host" && !other.startsWith("host/")) problems.push(`host/${file} includes ${other}`);
			}
		}
	}
}

function checkObjects() {
	const host = filesIn("host", ".c");
	for (const source of host) cc("-c", join(shim, "host", source), "-o", objectOf("host", source));
	for (const source of filesIn("node", ".c")) {
		cc("-c", `-I${headers}`, join(shim, "node", source), "-o", objectOf("node", source));
	}
	const calls = checkLists();
	if (problems.length > 0) return;
	const program = join(objects, "host-alone");
	const linked = host.map((source) => objectOf("host", source));
	cc("-pthread", `-I${join(shim, "host")}`, join(root, "test/shim/host.c"), ...linked, "-o", program);
	execFileSync(program, [objects], { stdio: "inherit" });
	console.log(`host/ works alone; ${calls} calls between files, all upwards in the lists`);
}

try {
	checkIncludes();
	if (problems.length === 0) checkObjects();
} finally {
	rmSync(objects, { recursive: true });
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

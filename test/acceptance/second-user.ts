/** A second user, and one of the same group: permissions decide who may open, and the error says who may. */
import { chmodSync } from "node:fs";
import { Region } from "dhmem";
import * as assert from "uvu/assert";
import { becomeUser, errorOf, type Scenario, serve } from "../fixture/index.js";
import { hear, inFolder, type Row, start } from "./row.js";

const SECOND = 1000;
const SHARED_GROUP = 2000;
const PERMISSIONS = [0o600, 0o640, 0o644, 0o660, 0o666];

interface Opened {
	permissions: number;
	code: string;
	message: string;
}

/** Becomes another user, and opens everything. */
const second: Scenario = (_, directory, group) => {
	becomeUser(SECOND, Number(group));
	return PERMISSIONS.map((permissions): Opened => {
		const open = () => {
			using region = Region.open(`mode-${permissions}`, { directory, mode: "open" });
			region.struct("seen", { by: "u32" }).by = SECOND;
			throw new Error("opened");
		};
		try {
			const { code, message } = errorOf(open);
			return { permissions, code, message };
		} catch (error) {
			return { permissions, code: "nothing", message: (error as Error).message };
		}
	});
};

async function run(): Promise<string[]> {
	assert.is(process.getuid?.(), 0, "this needs root, to become somebody else");
	return inFolder(async (directory) => {
		chmodSync(directory, 0o1777);
		const group = process.getegid?.() ?? 0;
		process.setegid?.(SHARED_GROUP);
		try {
			for (const permissions of PERMISSIONS) {
				Region.open(`mode-${permissions}`, { directory, mode: "create", size: "1MiB", permissions }).close();
			}
		} finally {
			process.setegid?.(group);
		}
		let refused = 0;
		for (const [who, may] of [
			[SECOND, [0o666]],
			[SHARED_GROUP, [0o660, 0o666]],
		] as const) {
			for (const { permissions, code, message } of await hear<Opened[]>(
				start(import.meta.url, "second", directory, who),
			)) {
				const mode = permissions.toString(8);
				if ((may as readonly number[]).includes(permissions)) {
					assert.is(`${code}: ${message}`, "nothing: opened", `group ${who}, mode ${mode}`);
					using region = Region.open(`mode-${permissions}`, { directory, mode: "open" });
					assert.is(region.struct("seen", { by: "u32" }).by, SECOND);
					continue;
				}
				assert.is(code, "DHMEM_PERMISSION", `group ${who}, mode ${mode}: ${message}`);
				for (const part of [/user 0\b/, `group ${SHARED_GROUP}`, `mode ${mode}`, `${SECOND}`]) {
					assert.match(message, part);
				}
				refused++;
			}
		}
		return [`${refused} openings refused with user, mode and group; 3 that are permitted opened`];
	});
}

export const secondUser: Row = {
	title: "a second user opens what the permissions allow, and is told why not",
	unit: "runs",
	full: 1,
	short: 1,
	run,
};

serve(import.meta.url, { second });

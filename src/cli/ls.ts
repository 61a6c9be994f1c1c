import type { Command } from "commander";
import { Region } from "../region.js";
import { toJson } from "../terminal/escape.js";
import { formatSize } from "../terminal/format-size.js";
import { figure, table } from "../terminal/table.js";
import { type Look, lookAt } from "./look.js";
import { onOutput } from "./on-output.js";

export function ls(program: Command): void {
	program
		.command("ls")
		.description("list the regions of the folder: $DHMEM_DIR, else /dev/shm")
		.option("--json", "as JSON")
		.action(({ json }: { json?: true }) => {
			const looks = Region.list().flatMap((name) => lookAt(name) ?? []);
			console.log(json ? toJson(looks) : asTable(looks));
		});
}

function asTable(looks: readonly Look[]): string {
	const rows = looks.map(({ name, size, committed, used, participants, objects }) => [
		name,
		...[size, committed, used].map((bytes) => figure(formatSize(bytes))),
		participants.filter(({ alive }) => alive).length,
		objects,
	]);
	return table(["region", "size", "committed", "used", "participants", "objects"], rows, onOutput());
}

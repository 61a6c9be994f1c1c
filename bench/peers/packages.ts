/**
 * The packages that dhmem is compared with. They have their own package.json and lock file, so the project's
 * own set-up stays quick, and does not fail if one of them does not build.
 */
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Missing } from "../measure.js";

const HOME = new URL("../../../bench/peers/package.json", import.meta.url);

/** @throws Missing */
export async function packageOf<T>(name: string): Promise<T> {
	try {
		const path = createRequire(HOME).resolve(name);
		return (await import(pathToFileURL(path).href)) as T;
	} catch (error) {
		// The message about an addon for another version of Node continues on its second and third line.
		const [reason] = (error as Error).message.replace(/\n(was compiled|NODE_MODULE)/g, " $1").split("\n");
		throw new Missing(
			`${name} can't be loaded (${reason}); in a clone, \`npm ci --prefix bench/peers\` installs it`,
		);
	}
}

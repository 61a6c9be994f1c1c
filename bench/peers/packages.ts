/**
 * The packages that dhmem is compared with. They have a package.json and a lock file of their own, so that the
 * project's own set-up stays quick and whole where one of them does not build.
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
		// An addon of another version of Node says so in its second line and third.
		const [reason] = (error as Error).message.replace(/\n(was compiled|NODE_MODULE)/g, " $1").split("\n");
		throw new Missing(
			`${name} cannot be loaded (${reason}); in a clone \`npm ci --prefix bench/peers\` installs it`,
		);
	}
}

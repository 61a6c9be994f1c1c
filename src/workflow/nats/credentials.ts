/** Logging in with the file that `DHMEM_NATS_CREDS` names: credentials, or the seed of an nkey alone. */
import { readFileSync } from "node:fs";
import type { Authenticator } from "@nats-io/transport-node";
import { DhmemError } from "../../errors.js";
import type { NatsPackages } from "./packages.js";

/** The user's token in a file with credentials, and the seed that proves that it is theirs. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+(?=\r?$)/m;
const SEED = /^SU[A-Z2-7]{56}(?=\r?$)/m;

/**
 * The file is read again for each connection, because credentials that expire soon are replaced there.
 *
 * @throws DHMEM_NOT_FOUND if it can't be read; DHMEM_BAD_ARGUMENT if it contains something else
 */
export function authenticatorOf(path: string, { transport }: NatsPackages): Authenticator {
	let contents = readFile("DHMEM_NATS_CREDS", path);
	const isValid = () => {
		try {
			transport.nkeys.fromSeed(seedIn(contents));
			return true;
		} catch {
			return false;
		}
	};
	if (!isValid()) {
		throw new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			`DHMEM_NATS_CREDS names ${path}, which contains neither the credentials of a user nor the seed of an nkey (SU...); ` +
				"give the path of a file as `nsc generate creds` or `nk -gen user` writes it",
		);
	}
	return (nonce) => {
		try {
			const latest = readFileSync(path, "utf8");
			if (SEED.test(latest)) contents = latest;
		} catch {
			// It is just being replaced, or gone. The one from before may still do.
		}
		const [token] = TOKEN.exec(contents) ?? [];
		const seed = seedIn(contents);
		const authenticator =
			token === undefined ? transport.nkeyAuthenticator(seed) : transport.jwtAuthenticator(token, seed);
		return authenticator(nonce);
	};
}

function seedIn(contents: string): Uint8Array {
	return new TextEncoder().encode(SEED.exec(contents)?.[0]);
}

/**
 * Reads a file that a variable names.
 *
 * @throws DHMEM_NOT_FOUND
 */
export function readFile(variable: string, path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch (error) {
		throw new DhmemError(
			"DHMEM_NOT_FOUND",
			`${variable} names a file that can't be read, ${path}: ${error}; give the path of one that this user may read`,
			{ cause: error },
		);
	}
}

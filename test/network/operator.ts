/**
 * A server in operator mode for tests: users log in with a token that their account has signed, and a seed. What `nsc` does
 * for an operator, with the keys of the client's library.
 */
import { createHash, randomUUID } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";
import { type Permissions, permissionsIn } from "./permissions.js";

type KeyPair = ReturnType<typeof nkeys.createUser>;

const UNLIMITED = {
	...{ subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 },
	...{ mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 },
};

const NO_LIMITS = { subs: -1, data: -1, payload: -1 };

export class Operator {
	readonly #operator = nkeys.createOperator();
	readonly #system = nkeys.createAccount();
	readonly #account = nkeys.createAccount();

	/** Lines for the configuration of a server. */
	get configuration(): string {
		const system = this.#system.getPublicKey();
		const operator = token(this.#operator, this.#operator, { type: "operator", system_account: system });
		const accounts = [this.#system, this.#account].map((account) => {
			// An account of the system has no JetStream.
			const limits = account === this.#system ? { ...UNLIMITED, disk_storage: 0, mem_storage: 0 } : UNLIMITED;
			return `${account.getPublicKey()}: ${token(this.#operator, account, { type: "account", limits })}`;
		});
		return `operator: ${operator}
			system_account: ${system}
			resolver: MEMORY
			resolver_preload: { ${accounts.join("\n")} }`;
	}

	/**
	 * The contents of a file with the credentials of a new user.
	 *
	 * @param expires seconds since 1970
	 * @param permissions by default those that the documents say are enough
	 */
	credentials({
		expires,
		permissions = permissionsIn("docs/transports.md"),
	}: {
		expires?: number;
		permissions?: Permissions;
	} = {}): string {
		const user = nkeys.createUser();
		const { publish, subscribe } = permissions;
		const claims = { type: "user", ...NO_LIMITS, pub: { allow: publish }, sub: { allow: subscribe } };
		const jwt = token(this.#account, user, claims, expires);
		const seed = Buffer.from(user.getSeed()).toString();
		return [
			"-----BEGIN NATS USER JWT-----",
			jwt,
			"------END NATS USER JWT------",
			"",
			"-----BEGIN USER NKEY SEED-----",
			seed,
			"------END USER NKEY SEED------",
			"",
		].join("\n");
	}
}

/** A signed token (JWT) of version 2, as NATS has it. */
function token(issuer: KeyPair, subject: KeyPair, claims: object, expires?: number): string {
	const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
	const header = encode({ typ: "JWT", alg: "ed25519-nkey" });
	const body = encode({
		jti: createHash("sha256").update(randomUUID()).digest("hex"),
		iat: Math.floor(Date.now() / 1000),
		iss: issuer.getPublicKey(),
		name: "test",
		sub: subject.getPublicKey(),
		...(expires === undefined ? {} : { exp: expires }),
		nats: { ...claims, version: 2 },
	});
	const signature = issuer.sign(new TextEncoder().encode(`${header}.${body}`));
	return `${header}.${body}.${Buffer.from(signature).toString("base64url")}`;
}

/** Tokens that nobody issued, or whose block is gone: DHMEM_BAD_HANDLE. */
import { Block, Region } from "dhmem";
import * as assert from "uvu/assert";
import { codeOf, randomFrom } from "../fixture/index.js";
import { type Conditions, inRegion, type Row } from "./row.js";

const SIZES = [1, 64, 100, 1000, 5000];
const LIVING = 50;
/** The length of a token, and where the offset and the random number are in it. */
const BYTES = 28;
const PLACE = 12;
const NONCE = 20;

interface Saved {
	token: string;
	mark: number;
}

function blockOf(region: Region, token: string): Block {
	const loaded = region.load(token);
	assert.ok(loaded instanceof Block);
	return loaded;
}

async function run(count: number, { seed }: Conditions): Promise<string[]> {
	const random = randomFrom(seed);
	return inRegion({ size: "64MiB" }, async (region) => {
		using other = Region.temporary({ size: "16MiB" });
		const save = (into: Region): Saved => {
			const mark = random(256);
			const block = into.allocate(SIZES[random(SIZES.length)] ?? 1);
			block.bytes.fill(mark);
			return { token: String(into.save(block)), mark };
		};
		const pick = <T>(from: T[]): T => from[random(from.length)] as T;
		const living = Array.from({ length: LIVING }, () => save(region));
		const elsewhere = Array.from({ length: LIVING }, () => save(other));
		const freed: string[] = [];
		const bytesOf = (token: string) => Buffer.from(token, "base64url");
		const real = () => bytesOf(pick(living).token);

		const forgers: Record<string, () => string> = {
			"of random characters": () =>
				Array.from({ length: random(80) }, () => String.fromCodePoint(1 + random(0x2fff))).join(""),
			"of random bytes": () =>
				Buffer.from(Uint8Array.from({ length: BYTES }, () => random(256))).toString("base64url"),
			"with a bit flipped": () => {
				const bytes = real();
				const bit = random(8 * BYTES);
				bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
				return bytes.toString("base64url");
			},
			"with another place": () => {
				const bytes = real();
				bytes.writeUInt32LE((random(2 ** 20) * 64) >>> 0, PLACE);
				return bytes.toString("base64url");
			},
			"with any place": () => {
				const bytes = real();
				bytes.writeUInt32LE(random(2 ** 32), PLACE);
				return bytes.toString("base64url");
			},
			"with another's number": () => {
				const bytes = real();
				real().copy(bytes, NONCE, NONCE);
				return bytes.toString("base64url");
			},
			"with half of another's number": () => {
				const bytes = real();
				real().copy(bytes, NONCE, NONCE, NONCE + 4);
				return bytes.toString("base64url");
			},
			"cut off, or longer": () => {
				const { token } = pick(living);
				return random(2) === 0 ? token.slice(0, random(token.length)) : token + pick(living).token;
			},
			"of another region": () => pick(elsewhere).token,
			"of another region, as if of this": () => {
				const bytes = bytesOf(pick(elsewhere).token);
				real().copy(bytes, 0, 0, PLACE);
				return bytes.toString("base64url");
			},
			freed: () => pick(freed),
		};

		const kinds = Object.keys(forgers);
		const tried = new Map<string, number>(kinds.map((kind) => [kind, 0]));
		for (let index = 0; index < count; index++) {
			// Now and then one is freed and another saved, which takes the place of the freed one.
			if (index % 20 === 0) {
				const at = random(LIVING);
				const old = living[at] as Saved;
				blockOf(region, old.token).free();
				freed.push(old.token);
				living[at] = save(region);
			}
			const kind = kinds[index % kinds.length] as string;
			let token: string;
			// The result may be valid, for example with its own number again.
			do token = forgers[kind]?.() ?? "";
			while (living.some((each) => each.token === token));
			assert.is(
				codeOf(() => region.load(token)),
				"DHMEM_BAD_HANDLE",
				`${kind}, number ${index} of seed ${seed}: ${token}`,
			);
			tried.set(kind, (tried.get(kind) ?? 0) + 1);
		}
		// All tokens of freed blocks, whose memory is in use again.
		for (const token of freed) {
			assert.is(
				codeOf(() => region.load(token)),
				"DHMEM_BAD_HANDLE",
			);
		}
		// The controls: their places are in use again, and issued tokens are valid.
		const places = new Set(living.map(({ token }) => bytesOf(token).readUInt32LE(PLACE)));
		const again = freed.filter((token) => places.has(bytesOf(token).readUInt32LE(PLACE))).length;
		assert.ok(again > 0, "no freed place is in use again");
		for (const { token, mark } of living) {
			const block = blockOf(region, token);
			assert.ok(block.bytes.every((byte) => byte === mark));
			block.free();
		}
		const forged = [...tried.values()].reduce((sum, each) => sum + each);
		const list = [...tried].map(([kind, each]) => `${each} ${kind}`).join(", ");
		return [
			`${forged} tokens detected: ${list}`,
			`${freed.length} tokens of freed blocks detected at the end, of which ${again} name a place in use again`,
		];
	});
}

export const tokens: Row = {
	title: "random and forged tokens, and those of freed blocks, are DHMEM_BAD_HANDLE",
	unit: "tokens",
	full: 100_000,
	short: 5000,
	run,
};

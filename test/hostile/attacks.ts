/** What a user who may write to a region's file can do to it, by plain system calls. */
import {
	closeSync,
	fstatSync,
	ftruncateSync,
	openSync,
	readSync,
	renameSync,
	rmSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import {
	CLASS_OBJECT,
	DESCRIPTOR_BYTES,
	HEADER_BYTES,
	HEADER_DESCRIPTORS,
	HEADER_HEAP,
	SLOT_BYTES,
	SLOTS_START,
	SPAN_BYTES,
	SPAN_SLAB,
} from "../../assembly/layout.js";

type Random = (below: number) => number;

const evil = [
	0, 1, 2, 3, 5, 9, 19, 64, 255, 0xffff, 0x10000, 0x400000, 0x3ffff8, 0x7ffffffe, 0x7fffffff, 0x80000000,
	0xfffffff8, 0xffffffff, 0x1d02, 0x1f02,
];

/** A region's file, and where to hit it. */
class Target {
	readonly #file: number;
	readonly #random: Random;
	readonly size: number;
	readonly #heap: number;
	readonly #objects: number[] = [];

	constructor(path: string, random: Random) {
		this.#file = openSync(path, "r+");
		this.#random = random;
		this.size = fstatSync(this.#file).size;
		const header = this.#read(0, HEADER_BYTES);
		this.#heap = Math.min(header.readUInt32LE(HEADER_HEAP) * SPAN_BYTES, this.size);
		const spans = Math.floor(this.size / SPAN_BYTES);
		const descriptors = this.#read(header.readUInt32LE(HEADER_DESCRIPTORS), spans * DESCRIPTOR_BYTES);
		for (let span = 0; span < spans; span++) {
			if (descriptors.readUInt32LE(span * DESCRIPTOR_BYTES) === (SPAN_SLAB | (CLASS_OBJECT << 8))) {
				this.#objects.push(span * SPAN_BYTES);
			}
		}
	}

	#read(from: number, length: number): Buffer {
		const bytes = Buffer.alloc(length);
		readSync(this.#file, bytes, 0, length, from);
		return bytes;
	}

	/** An offset, in most cases one that matters. */
	place(): number {
		const random = this.#random;
		const object = this.#objects[random(this.#objects.length)];
		const kind = random(100);
		if (kind < 40 && object !== undefined) return object + random(20 * 640);
		if (kind < 50) return random(132);
		if (kind < 65) return SLOTS_START + random(6) * SLOT_BYTES + random(800);
		if (kind < 85) return SLOTS_START + random(this.#heap - SLOTS_START);
		return random(this.size - 8);
	}

	/** A value for a word or byte at `at`. */
	word(at: number): void {
		const random = this.#random;
		const value = random(4) === 0 ? random(this.size) : (evil[random(evil.length)] as number);
		const bytes = Buffer.alloc(4);
		bytes.writeUInt32LE(value);
		if (random(3) === 0) writeSync(this.#file, bytes, 0, 1, at);
		else writeSync(this.#file, bytes, 0, 4, at & ~3);
	}

	fill(at: number, length: number, byte: number): void {
		writeSync(this.#file, Buffer.alloc(length, byte), 0, length, at);
	}

	noise(at: number, length: number): void {
		const random = this.#random;
		writeSync(
			this.#file,
			Uint8Array.from({ length }, () => random(256)),
			0,
			length,
			at,
		);
	}

	cut(length: number): void {
		ftruncateSync(this.#file, length);
	}

	close(): void {
		closeSync(this.#file);
	}
}

type Attack = (target: Target, random: Random, path: string) => number;

/** Each returns how many times it wrote. */
export const attacks: Record<string, Attack> = {
	"a word": (target) => {
		target.word(target.place());
		return 1;
	},
	"some words": (target, random) => {
		const count = 2 + random(30);
		for (let left = count; left > 0; left--) target.word(target.place());
		return count;
	},
	"words without end": (target) => {
		const until = performance.now() + 40;
		let count = 0;
		for (; performance.now() < until; count++) target.word(target.place());
		return count;
	},
	"one word without end": (target) => {
		const until = performance.now() + 40;
		const place = target.place();
		let count = 0;
		for (; performance.now() < until; count++) target.word(place);
		return count;
	},
	"a page": (target, random) => {
		target.noise(target.place() & ~4095, 4096);
		return 1 + random(1);
	},
	zeros: (target, random) => {
		target.fill(target.place() & ~63, 64 * (1 + random(64)), 0);
		return 1;
	},
	ones: (target, random) => {
		target.fill(target.place() & ~63, 64 * (1 + random(64)), 0xff);
		return 1;
	},
	"everything is zero": (target) => {
		target.fill(0, target.size, 0);
		return 1;
	},
	cut: (target, random) => {
		target.cut(random(2) === 0 ? 0 : random(target.size));
		return 1;
	},
	"cut and stretched": (target, random) => {
		target.cut(random(target.size));
		target.cut(target.size);
		return 2;
	},
	extended: (target, random) => {
		target.cut(target.size + (1 + random(64)) * 4096);
		return 1;
	},
	"replaced by noise": (target, _, path) => {
		writeFileSync(`${path}.new`, Buffer.alloc(target.size, 0xa5));
		renameSync(`${path}.new`, path);
		return 1;
	},
	removed: (_target, _random, path) => {
		rmSync(path, { force: true });
		return 1;
	},
};

const subtle = ["a word", "some words", "words without end", "one word without end"];

/** Makes one attack on the region at `path`. Returns which one, and how many times it wrote. */
export function attack(path: string, random: Random): { name: string; writes: number } {
	// Those that leave most of it as it was get furthest.
	const names = [...Object.keys(attacks), ...subtle, ...subtle];
	const name = names[random(names.length)] as string;
	const target = new Target(path, random);
	try {
		return { name, writes: (attacks[name] as Attack)(target, random, path) };
	} finally {
		target.close();
	}
}

/** The program in TypeScript that exchanges messages as `chaos` of `peer-chaos.c` does, and is killed as often. */
import { Region, type SharedArray } from "dhmem";
import { serve } from "../fixture/index.js";

/** What tests of other languages count with. */
export const QUEUES = 4;
/** Where `progress` says whether to stop: 1 to send no more, 2 to end when nothing is left. */
export const STOP = 2 * QUEUES;

function contentOf(number: number): Uint8Array {
	const bytes = new Uint8Array(8 + (number % 200)).fill(number & 0xff);
	new DataView(bytes.buffer).setFloat64(0, number, true);
	return bytes;
}

function isFilled(bytes: Uint8Array, number: number): boolean {
	return bytes.every((byte) => byte === (number & 0xff));
}

serve(import.meta.url, {
	async chaos({ say }, path, out, input, lose) {
		const [, directory, name] = /^(.*)\/(.*)\.dhmem$/.exec(String(path)) ?? [];
		const region = Region.open(name ?? String(path), { directory, mode: "open" });
		const progress = region.array("progress") as SharedArray<"f64">;
		const options = { capacity: 4096 };
		using producer = region.queue(`queue-${out}`, options).producer({ patient: true });
		using consumer = region.queue(`queue-${input}`, options).consumer({ patient: true });
		const end = progress.data.length - 1;
		const sent = 2 * Number(out);
		const received = 2 * Number(input) + 1;

		const sendNext = (): void => {
			const number = (progress.data[sent] as number) + 1;
			const content = contentOf(number);
			if (number === Number(lose)) {
				progress.data[sent] = number;
				return;
			}
			if (number % 7 === 0) {
				using block = region.allocate(1000 + (number % 5000));
				block.bytes.fill(number & 0xff);
				if (!producer.trySend(content, { block })) return;
			} else if (!producer.trySend(content)) return;
			progress.data[sent] = number;
		};
		/** False if there is none. */
		const receiveNext = (): boolean => {
			using message = consumer.tryReceive();
			if (message === undefined) return false;
			const { bytes, block } = message;
			const number = new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
			const last = progress.data[received] as number;
			const isRight =
				number <= last + 1 &&
				bytes.length === 8 + (number % 200) &&
				isFilled(bytes.subarray(8), number) &&
				(number % 7 === 0) === (block !== undefined) &&
				(block === undefined || (block.length === 1000 + (number % 5000) && isFilled(block.bytes, number)));
			if (!isRight) throw new Error(`wrong: ${number} after ${last}, ${bytes.length} bytes`);
			if (number > last) progress.data[received] = number;
			return true;
		};
		say("ready");
		for (;;) {
			const stop = progress.data[end];
			if (stop === 0) sendNext();
			if (receiveNext()) continue;
			if (stop === 2) break;
			await new Promise((next) => setTimeout(next, 1));
		}
		say("exchanged");
	},
});

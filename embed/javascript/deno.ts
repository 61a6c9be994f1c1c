/**
 * The core by Deno's own WebAssembly: `deno run --allow-all deno.ts REGION`; what may call the C library may do everything.
 */
import { answerIn } from "./answer.ts";
import { futexNumber, type Libc } from "./libc.ts";

const { symbols } = Deno.dlopen("libc.so.6", {
	open: { parameters: ["buffer", "i32"], result: "i32" },
	close: { parameters: ["i32"], result: "i32" },
	write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
	fcntl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
	fallocate: { parameters: ["i32", "i32", "i64", "i64"], result: "i32" },
	mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
	syscall: { parameters: ["i64", "pointer", "i64", "i64", "buffer", "i64", "i64"], result: "i64" },
});

const libc: Libc = {
	open: (path, flags) => symbols.open(path as Uint8Array<ArrayBuffer>, flags),
	close: (file) => symbols.close(file),
	write: (file, bytes, length) =>
		Number(symbols.write(file, bytes as Uint8Array<ArrayBuffer>, BigInt(length))),
	fcntl: (file, command, lock) => symbols.fcntl(file, command, lock as Uint8Array<ArrayBuffer>),
	fallocate: (file, mode, offset, length) => symbols.fallocate(file, mode, BigInt(offset), BigInt(length)),
	mmap(memory, length, protection, flags, file, offset) {
		const address = Deno.UnsafePointer.of(memory as Uint8Array<ArrayBuffer>);
		symbols.mmap(address, BigInt(length), protection, flags, file, BigInt(offset));
	},
	futex(word, operation, value, timeout) {
		const address = Deno.UnsafePointer.of(word as Uint8Array<ArrayBuffer>);
		const number = BigInt(futexNumber(Deno.build.arch));
		const time = timeout as Uint8Array<ArrayBuffer>;
		symbols.syscall(number, address, BigInt(operation), BigInt(value), time, 0n, 0n);
	},
};

answerIn(libc, Deno.args[0] ?? "");

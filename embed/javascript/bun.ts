/** The core by Bun's own WebAssembly: `bun run bun.ts REGION`. */
import { dlopen, ptr } from "bun:ffi";
import { answerIn } from "./answer.ts";
import { futexNumber, type Libc } from "./libc.ts";

const { symbols } = dlopen("libc.so.6", {
	open: { args: ["ptr", "i32"], returns: "i32" },
	close: { args: ["i32"], returns: "i32" },
	write: { args: ["i32", "ptr", "u64"], returns: "i64_fast" },
	fcntl: { args: ["i32", "i32", "ptr"], returns: "i32" },
	fallocate: { args: ["i32", "i32", "i64", "i64"], returns: "i32" },
	mmap: { args: ["ptr", "u64", "i32", "i32", "i32", "i64"], returns: "ptr" },
	syscall: { args: ["i64", "ptr", "i64", "i64", "ptr", "i64", "i64"], returns: "i64_fast" },
});

const libc: Libc = {
	open: (path, flags) => symbols.open(ptr(path), flags),
	close: (file) => symbols.close(file),
	write: (file, bytes, length) => Number(symbols.write(file, ptr(bytes), length)),
	fcntl: (file, command, lock) => symbols.fcntl(file, command, ptr(lock)),
	fallocate: (file, mode, offset, length) => symbols.fallocate(file, mode, offset, length),
	mmap: (memory, length, protection, flags, file, offset) =>
		symbols.mmap(ptr(memory), length, protection, flags, file, offset),
	futex: (word, operation, value, timeout) =>
		symbols.syscall(futexNumber(process.arch), ptr(word), operation, value, ptr(timeout), 0, 0),
};

answerIn(libc, process.argv[2] ?? "");

/** What the host needs of the C library. Both engines call it by their own foreign function interface. */
export interface Libc {
	open(path: Uint8Array, flags: number): number;
	close(file: number): number;
	write(file: number, bytes: Uint8Array, length: number): number;
	/** Of the files' locks alone: `lock` is a `struct flock`. */
	fcntl(file: number, command: number, lock: Uint8Array): number;
	fallocate(file: number, mode: number, offset: number, length: number): number;
	/** Maps at the address of `memory`. The result does not matter: a failure leaves the zeros that were there. */
	mmap(
		memory: Uint8Array,
		length: number,
		protection: number,
		flags: number,
		file: number,
		offset: number,
	): void;
	/** `timeout` is a `struct timespec`. */
	futex(word: Uint8Array, operation: number, value: number, timeout: Uint8Array): void;
}

/** The number of the system call `futex`. */
export const futexNumber = (machine: string) => (machine === "arm64" || machine === "aarch64" ? 98 : 202);

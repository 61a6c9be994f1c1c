/** Writing numbers of a payload without a view for each payload: the methods of `Buffer`, with their names. */
import { badArgument, type DhmemError } from "../errors.js";
import { Reads } from "./reads.js";

/** Checks a number before its place is chosen: the conversion may run the user's code. */
function whole(value: number, least: number, most: number): number {
	const number = +value;
	if (number < least || number > most) throw unfit(value, least, most);
	return number;
}

function unfit(value: number, least: number, most: number): DhmemError {
	return badArgument("The value", value, `from ${least} to ${most}`);
}

function big(value: bigint, least: bigint, most: bigint): bigint {
	if (typeof value === "bigint" && value >= least && value <= most) return value;
	throw badArgument("The value", value, `a bigint from ${least} to ${most}`);
}

const LEAST_64 = -(2n ** 63n);
const MOST_64 = 2n ** 63n - 1n;
const MOST_U64 = 2n ** 64n - 1n;

/**
 * Writes numbers in place, and creates no objects. The methods are named as those of Node's `Buffer`, and behave
 * as they do: each returns the position behind what it has written. All throw as {@link Reads}, also for a value
 * that does not fit, and DHMEM_READ_ONLY.
 *
 * @example
 * ```ts
 * function fill(payload: Writes, values: number[]): void {
 *   let at = 0;
 *   for (const value of values) at = payload.writeDoubleLE(value, at);
 * }
 * ```
 */
export abstract class Writes extends Reads {
	/** Throws if these bytes can't be changed. @internal */
	abstract checkWritable(): void;

	/**
	 * Writes a signed 8-bit integer.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeInt8(-5, 8)); // 9
	 * ```
	 */
	writeInt8(value: number, at = 0): number {
		const number = whole(value, -0x80, 0x7f);
		this.checkWritable();
		this.window.setInt8(this.place(at, 1), number);
		return at + 1;
	}

	/**
	 * Writes an unsigned 8-bit integer.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeUInt8(200, 8)); // 9
	 * ```
	 */
	writeUInt8(value: number, at = 0): number {
		const number = whole(value, 0, 0xff);
		this.checkWritable();
		this.window.setUint8(this.place(at, 1), number);
		return at + 1;
	}

	/**
	 * Writes a signed 16-bit integer, little-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeInt16LE(-300, 8)); // 10
	 * ```
	 */
	writeInt16LE(value: number, at = 0): number {
		const number = whole(value, -0x8000, 0x7fff);
		this.checkWritable();
		this.window.setInt16(this.place(at, 2), number, true);
		return at + 2;
	}

	/**
	 * Writes a signed 16-bit integer, big-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeInt16BE(-300, 8)); // 10
	 * ```
	 */
	writeInt16BE(value: number, at = 0): number {
		const number = whole(value, -0x8000, 0x7fff);
		this.checkWritable();
		this.window.setInt16(this.place(at, 2), number);
		return at + 2;
	}

	/**
	 * Writes an unsigned 16-bit integer, little-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeUInt16LE(60_000, 8)); // 10
	 * ```
	 */
	writeUInt16LE(value: number, at = 0): number {
		const number = whole(value, 0, 0xffff);
		this.checkWritable();
		this.window.setUint16(this.place(at, 2), number, true);
		return at + 2;
	}

	/**
	 * Writes an unsigned 16-bit integer, big-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeUInt16BE(60_000, 8)); // 10
	 * ```
	 */
	writeUInt16BE(value: number, at = 0): number {
		const number = whole(value, 0, 0xffff);
		this.checkWritable();
		this.window.setUint16(this.place(at, 2), number);
		return at + 2;
	}

	/**
	 * Writes a signed 32-bit integer, little-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeInt32LE(-70_000, 8)); // 12
	 * ```
	 */
	writeInt32LE(value: number, at = 0): number {
		const number = whole(value, -0x8000_0000, 0x7fff_ffff);
		this.checkWritable();
		this.window.setInt32(this.place(at, 4), number, true);
		return at + 4;
	}

	/**
	 * Writes a signed 32-bit integer, big-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeInt32BE(-70_000, 8)); // 12
	 * ```
	 */
	writeInt32BE(value: number, at = 0): number {
		const number = whole(value, -0x8000_0000, 0x7fff_ffff);
		this.checkWritable();
		this.window.setInt32(this.place(at, 4), number);
		return at + 4;
	}

	/**
	 * Writes an unsigned 32-bit integer, little-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeUInt32LE(4_000_000_000, 8)); // 12
	 * ```
	 */
	writeUInt32LE(value: number, at = 0): number {
		const number = whole(value, 0, 0xffff_ffff);
		this.checkWritable();
		this.window.setUint32(this.place(at, 4), number, true);
		return at + 4;
	}

	/**
	 * Writes an unsigned 32-bit integer, big-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeUInt32BE(4_000_000_000, 8)); // 12
	 * ```
	 */
	writeUInt32BE(value: number, at = 0): number {
		const number = whole(value, 0, 0xffff_ffff);
		this.checkWritable();
		this.window.setUint32(this.place(at, 4), number);
		return at + 4;
	}

	/**
	 * Writes a signed 64-bit integer, little-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeBigInt64LE(-5n, 8)); // 16
	 * ```
	 */
	writeBigInt64LE(value: bigint, at = 0): number {
		const number = big(value, LEAST_64, MOST_64);
		this.checkWritable();
		this.window.setBigInt64(this.place(at, 8), number, true);
		return at + 8;
	}

	/**
	 * Writes a signed 64-bit integer, big-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeBigInt64BE(-5n, 8)); // 16
	 * ```
	 */
	writeBigInt64BE(value: bigint, at = 0): number {
		const number = big(value, LEAST_64, MOST_64);
		this.checkWritable();
		this.window.setBigInt64(this.place(at, 8), number);
		return at + 8;
	}

	/**
	 * Writes an unsigned 64-bit integer, little-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeBigUInt64LE(5n, 8)); // 16
	 * ```
	 */
	writeBigUInt64LE(value: bigint, at = 0): number {
		const number = big(value, 0n, MOST_U64);
		this.checkWritable();
		this.window.setBigUint64(this.place(at, 8), number, true);
		return at + 8;
	}

	/**
	 * Writes an unsigned 64-bit integer, big-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeBigUInt64BE(5n, 8)); // 16
	 * ```
	 */
	writeBigUInt64BE(value: bigint, at = 0): number {
		const number = big(value, 0n, MOST_U64);
		this.checkWritable();
		this.window.setBigUint64(this.place(at, 8), number);
		return at + 8;
	}

	/**
	 * Writes a 32-bit float, little-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeFloatLE(0.5, 8)); // 12
	 * ```
	 */
	writeFloatLE(value: number, at = 0): number {
		const number = +value;
		this.checkWritable();
		this.window.setFloat32(this.place(at, 4), number, true);
		return at + 4;
	}

	/**
	 * Writes a 32-bit float, big-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeFloatBE(0.5, 8)); // 12
	 * ```
	 */
	writeFloatBE(value: number, at = 0): number {
		const number = +value;
		this.checkWritable();
		this.window.setFloat32(this.place(at, 4), number);
		return at + 4;
	}

	/**
	 * Writes a 64-bit float, little-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeDoubleLE(0.1, 8)); // 16
	 * ```
	 */
	writeDoubleLE(value: number, at = 0): number {
		const number = +value;
		this.checkWritable();
		this.window.setFloat64(this.place(at, 8), number, true);
		return at + 8;
	}

	/**
	 * Writes a 64-bit float, big-endian.
	 *
	 * @returns the position behind it
	 * @throws DHMEM_BAD_ARGUMENT if the value does not fit, or would not lie within these bytes; DHMEM_CLOSED as
	 * `bytes`; DHMEM_READ_ONLY
	 * @example
	 * ```ts
	 * console.log(block.writeDoubleBE(0.1, 8)); // 16
	 * ```
	 */
	writeDoubleBE(value: number, at = 0): number {
		const number = +value;
		this.checkWritable();
		this.window.setFloat64(this.place(at, 8), number);
		return at + 8;
	}
}

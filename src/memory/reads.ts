/** Reading numbers of a payload without a view for each payload: the methods of `Buffer`, with their names. */
import { badArgument, type DhmemError } from "../errors.js";
import { copied } from "./copying.js";

/** The error for an access outside a payload. */
export function outside(at: number, bytes: number, length: number): DhmemError {
	const most = length - bytes;
	if (most < 0)
		return badArgument("The length of these bytes", length, `at least ${bytes} to read or write there`);
	return badArgument("The position", at, `a whole number from 0 to ${most}`);
}

/**
 * Reads numbers in place, and creates no objects. The methods are named as those of Node's `Buffer`, and behave
 * as they do. A position is in bytes from the start, and is 0 if it is left out. All throw DHMEM_BAD_ARGUMENT for
 * a position outside, and DHMEM_CLOSED as `bytes` of {@link Payload}.
 *
 * @example
 * ```ts
 * function valueOf(payload: Reads): number {
 *   return payload.readUInt8(0) === 0 ? 0 : payload.readDoubleLE(8);
 * }
 * ```
 */
export abstract class Reads {
	/** A view in which these bytes begin at `start`. @internal */
	abstract get window(): DataView;
	/** The length in bytes. */
	abstract readonly length: number;
	/** Throws if the region can't be used any more. @internal */
	abstract check(): void;

	/**
	 * The position in `window` of the `bytes` bytes from `at` on. Each class has its own, because code that meets
	 * objects of only one class is much faster.
	 *
	 * @internal
	 */
	abstract place(at: number, bytes: number): number;

	/**
	 * Reads a signed 8-bit integer.
	 *
	 * @example
	 * ```ts
	 * block.writeInt8(-5, 8);
	 * console.log(block.readInt8(8)); // -5
	 * ```
	 */
	readInt8(at = 0): number {
		const value = this.window.getInt8(this.place(at, 1));
		this.check();
		return value;
	}

	/**
	 * Reads an unsigned 8-bit integer.
	 *
	 * @example
	 * ```ts
	 * block.writeUInt8(200, 8);
	 * console.log(block.readUInt8(8)); // 200
	 * ```
	 */
	readUInt8(at = 0): number {
		const value = this.window.getUint8(this.place(at, 1));
		this.check();
		return value;
	}

	/**
	 * Reads a signed 16-bit integer, little-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeInt16LE(-300, 8);
	 * console.log(block.readInt16LE(8)); // -300
	 * ```
	 */
	readInt16LE(at = 0): number {
		const value = this.window.getInt16(this.place(at, 2), true);
		this.check();
		return value;
	}

	/**
	 * Reads a signed 16-bit integer, big-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeInt16BE(-300, 8);
	 * console.log(block.readInt16BE(8)); // -300
	 * ```
	 */
	readInt16BE(at = 0): number {
		const value = this.window.getInt16(this.place(at, 2));
		this.check();
		return value;
	}

	/**
	 * Reads an unsigned 16-bit integer, little-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeUInt16LE(60_000, 8);
	 * console.log(block.readUInt16LE(8)); // 60000
	 * ```
	 */
	readUInt16LE(at = 0): number {
		const value = this.window.getUint16(this.place(at, 2), true);
		this.check();
		return value;
	}

	/**
	 * Reads an unsigned 16-bit integer, big-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeUInt16BE(60_000, 8);
	 * console.log(block.readUInt16BE(8)); // 60000
	 * ```
	 */
	readUInt16BE(at = 0): number {
		const value = this.window.getUint16(this.place(at, 2));
		this.check();
		return value;
	}

	/**
	 * Reads a signed 32-bit integer, little-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeInt32LE(-70_000, 8);
	 * console.log(block.readInt32LE(8)); // -70000
	 * ```
	 */
	readInt32LE(at = 0): number {
		const value = this.window.getInt32(this.place(at, 4), true);
		this.check();
		return value;
	}

	/**
	 * Reads a signed 32-bit integer, big-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeInt32BE(-70_000, 8);
	 * console.log(block.readInt32BE(8)); // -70000
	 * ```
	 */
	readInt32BE(at = 0): number {
		const value = this.window.getInt32(this.place(at, 4));
		this.check();
		return value;
	}

	/**
	 * Reads an unsigned 32-bit integer, little-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeUInt32LE(4_000_000_000, 8);
	 * console.log(block.readUInt32LE(8)); // 4000000000
	 * ```
	 */
	readUInt32LE(at = 0): number {
		const value = this.window.getUint32(this.place(at, 4), true);
		this.check();
		return value;
	}

	/**
	 * Reads an unsigned 32-bit integer, big-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeUInt32BE(4_000_000_000, 8);
	 * console.log(block.readUInt32BE(8)); // 4000000000
	 * ```
	 */
	readUInt32BE(at = 0): number {
		const value = this.window.getUint32(this.place(at, 4));
		this.check();
		return value;
	}

	/**
	 * Reads a signed 64-bit integer, little-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeBigInt64LE(-5n, 8);
	 * console.log(block.readBigInt64LE(8)); // -5n
	 * ```
	 */
	readBigInt64LE(at = 0): bigint {
		const value = this.window.getBigInt64(this.place(at, 8), true);
		this.check();
		return value;
	}

	/**
	 * Reads a signed 64-bit integer, big-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeBigInt64BE(-5n, 8);
	 * console.log(block.readBigInt64BE(8)); // -5n
	 * ```
	 */
	readBigInt64BE(at = 0): bigint {
		const value = this.window.getBigInt64(this.place(at, 8));
		this.check();
		return value;
	}

	/**
	 * Reads an unsigned 64-bit integer, little-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeBigUInt64LE(5n, 8);
	 * console.log(block.readBigUInt64LE(8)); // 5n
	 * ```
	 */
	readBigUInt64LE(at = 0): bigint {
		const value = this.window.getBigUint64(this.place(at, 8), true);
		this.check();
		return value;
	}

	/**
	 * Reads an unsigned 64-bit integer, big-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeBigUInt64BE(5n, 8);
	 * console.log(block.readBigUInt64BE(8)); // 5n
	 * ```
	 */
	readBigUInt64BE(at = 0): bigint {
		const value = this.window.getBigUint64(this.place(at, 8));
		this.check();
		return value;
	}

	/**
	 * Reads a 32-bit float, little-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeFloatLE(0.5, 8);
	 * console.log(block.readFloatLE(8)); // 0.5
	 * ```
	 */
	readFloatLE(at = 0): number {
		const value = this.window.getFloat32(this.place(at, 4), true);
		this.check();
		return value;
	}

	/**
	 * Reads a 32-bit float, big-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeFloatBE(0.5, 8);
	 * console.log(block.readFloatBE(8)); // 0.5
	 * ```
	 */
	readFloatBE(at = 0): number {
		const value = this.window.getFloat32(this.place(at, 4));
		this.check();
		return value;
	}

	/**
	 * Reads a 64-bit float, little-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeDoubleLE(0.1, 8);
	 * console.log(block.readDoubleLE(8)); // 0.1
	 * ```
	 */
	readDoubleLE(at = 0): number {
		const value = this.window.getFloat64(this.place(at, 8), true);
		this.check();
		return value;
	}

	/**
	 * Reads a 64-bit float, big-endian.
	 *
	 * @example
	 * ```ts
	 * block.writeDoubleBE(0.1, 8);
	 * console.log(block.readDoubleBE(8)); // 0.1
	 * ```
	 */
	readDoubleBE(at = 0): number {
		const value = this.window.getFloat64(this.place(at, 8));
		this.check();
		return value;
	}

	/**
	 * Copies bytes into `target`, as `Buffer.copy` does: from `start` to `end`, as far as there is room from byte
	 * `targetStart` of `target` on.
	 *
	 * @returns the number of bytes copied
	 * @throws DHMEM_BAD_ARGUMENT, DHMEM_CLOSED
	 * @example
	 * ```ts
	 * const copy = new Uint8Array(64);
	 * console.log(copy.subarray(0, message.copyTo(copy))); // Uint8Array(6) [ 115, 116, 101, 112, 32, 49 ]
	 * ```
	 */
	copyTo(target: ArrayBufferView, targetStart = 0, start = 0, end = this.length): number {
		const count = copied(this, target, targetStart, start, end);
		this.check();
		return count;
	}
}

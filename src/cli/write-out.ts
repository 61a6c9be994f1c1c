/** Writes to standard output; resolves when it was taken. */
export function writeOut(data: string | Uint8Array): Promise<void> {
	return new Promise((resolve, reject) => {
		process.stdout.write(data, (error) => (error ? reject(error) : resolve()));
	});
}

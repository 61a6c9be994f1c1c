/** Names of what is exported. */
import { DhmemError } from "../errors.js";

/** The largest length of most names in Kubernetes. */
const LONGEST = 63;

export function notExportable(message: string): DhmemError {
	return new DhmemError("DHMEM_BAD_ARGUMENT", message);
}

/**
 * Turns a name into a Kubernetes name (RFC 1123).
 *
 * @throws DHMEM_BAD_ARGUMENT if that is impossible
 */
export function labelOf(name: string, longest = LONGEST): string {
	const label = name.toLowerCase().replaceAll("_", "-");
	if (!/^[a-z0-9](.*[a-z0-9])?$/.test(label)) {
		throw notExportable(
			`Kubernetes does not allow the name ${name}; begin and end it with a letter or a digit`,
		);
	}
	if (label.length <= longest) return label;
	throw notExportable(
		`Kubernetes allows at most ${longest} characters in the name ${label}; shorten the names that it consists of`,
	);
}

/** @throws DHMEM_BAD_ARGUMENT if two names are the same, as Kubernetes has them */
export function checkDifferent(what: string, names: readonly string[]): void {
	const different = new Set(names);
	if (different.size === names.length) return;
	throw notExportable(
		`two ${what} would have the same name in Kubernetes (the names are ${[...different].join(", ")}); rename one`,
	);
}

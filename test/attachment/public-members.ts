/** What users can reach of a class, by the declarations that are published. In JavaScript, protected members are ordinary ones. */
import { readdirSync, readFileSync } from "node:fs";
import ts from "typescript";

const folder = new URL("../../src/", import.meta.url);

interface Declared {
	readonly members: Set<string>;
	/** What it extends. */
	readonly bases: Set<string>;
}

const declared = new Map<string, Declared>();
for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
	if (!file.endsWith(".d.ts")) continue;
	const source = ts.createSourceFile(
		file,
		readFileSync(new URL(file, folder), "utf8"),
		ts.ScriptTarget.Latest,
	);
	for (const statement of source.statements) {
		if (!ts.isClassDeclaration(statement) && !ts.isInterfaceDeclaration(statement)) continue;
		if (statement.name === undefined) continue;
		// A class and an interface of one name are one type.
		const type = declared.get(statement.name.text) ?? { members: new Set(), bases: new Set() };
		declared.set(statement.name.text, type);
		for (const member of statement.members) {
			const hidden = ts.ModifierFlags.Protected | ts.ModifierFlags.Private;
			if (member.name === undefined || ts.getCombinedModifierFlags(member) & hidden) continue;
			type.members.add(member.name.getText(source).replace(/^\[Symbol\.(.*)\]$/, "$1"));
		}
		for (const { types } of statement.heritageClauses ?? []) {
			for (const { expression } of types) type.bases.add(expression.getText(source));
		}
	}
}

/** The public members of a class and of all that it extends; symbols by their last word. */
export function publicMembers(name: string): Set<string> {
	const members = new Set<string>();
	const names = new Set([name]);
	// A set goes on with what is added to it meanwhile.
	for (const each of names) {
		const type = declared.get(each);
		for (const member of type?.members ?? []) members.add(member);
		for (const base of type?.bases ?? []) names.add(base);
	}
	return members;
}

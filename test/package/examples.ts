/** The examples in the docstrings of public names, and the programs made of them. */
import ts from "typescript";

/** A public name: an export, or a method of an exported class, as `Region.open`. */
export interface PublicName {
	readonly name: string;
	/** The module that exports it. */
	readonly module: string;
	/** The code of each `@example`. */
	readonly examples: readonly string[];
}

/** The public names of modules, whose declarations are part of the program. */
export function publicNames(program: ts.Program, declarations: ReadonlyMap<string, string>): PublicName[] {
	const checker = program.getTypeChecker();
	return Array.from(declarations).flatMap(([module, path]) => {
		const file = program.getSourceFile(path);
		const symbol = file && checker.getSymbolAtLocation(file);
		if (symbol === undefined) throw new Error(`${path} exports nothing`);
		return checker.getExportsOfModule(symbol).flatMap((each) => {
			const target = each.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(each) : each;
			const methods = methodsOf(target, checker);
			return [
				{ name: each.name, module, examples: examplesOf(target, checker) },
				...methods.map((method) => ({
					name: `${each.name}.${method.name}`,
					module,
					examples: examplesOf(method, checker),
				})),
			];
		});
	});
}

/**
 * The public methods of a class, static and inherited ones included, without those of the language. Those of an
 * interface are called by bundlers, or are methods of a class too.
 */
function methodsOf(symbol: ts.Symbol, checker: ts.TypeChecker): ts.Symbol[] {
	if (!(symbol.flags & ts.SymbolFlags.Class)) return [];
	const statics = [...(symbol.exports?.values() ?? [])];
	const members = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol));
	return [...statics, ...members].filter(({ flags, name, declarations = [] }) => {
		// The example of the class shows what the language calls by a symbol, such as disposing.
		if (!(flags & ts.SymbolFlags.Method) || name.startsWith("__@")) return false;
		const [declaration] = declarations;
		if (declaration === undefined || /typescript\/lib\/lib\./.test(declaration.getSourceFile().fileName))
			return false;
		const hidden = ts.ModifierFlags.Protected | ts.ModifierFlags.Private;
		return !(ts.getCombinedModifierFlags(declaration) & hidden);
	});
}

function examplesOf(symbol: ts.Symbol, checker: ts.TypeChecker): string[] {
	return symbol
		.getJsDocTags(checker)
		.filter(({ name }) => name === "example")
		.map(({ text }) => /^```ts\n(.*?)^```/ms.exec(ts.displayPartsToString(text))?.[1] ?? "");
}

/** What examples assume, by the names that they use. A line may use the names above it. */
const SURROUNDINGS: ReadonlyMap<string, string> = new Map([
	["region", 'using region = Region.open("climate");'],
	["block", "using block = region.allocate(8000);"],
	["queue", 'const queue = region.queue("steps");'],
	["producer", "using producer = queue.producer();"],
	["consumer", "using consumer = queue.consumer();"],
	["message", "const message = queue.consumer().receiveSync() as Message;"],
	["task", "using task = Task.fromEnvironment();"],
]);

/** The program of an example: its imports, its surroundings, and its code. */
export function programOf(code: string, exported: ReadonlyMap<string, string>): string {
	const lines: string[] = [];
	let used = freeNames(code);
	for (const [name, line] of [...SURROUNDINGS].reverse()) {
		if (!used.has(name)) continue;
		lines.unshift(line);
		used = new Set([...used, ...freeNames(line)]);
	}
	const imports = Array.from(used, (name) => [name, exported.get(name)] as const)
		.filter(([, module]) => module !== undefined)
		.map(([name, module]) => `import { ${name} } from "${module}";`);
	return [...imports, ...lines, code, "export {};\n"].join("\n");
}

/** The names that code uses and does not declare. A property's name counts too, which does no harm. */
function freeNames(code: string): Set<string> {
	const used = new Set<string>();
	const declared = new Set<string>();
	const visit = (node: ts.Node): void => {
		if (ts.isIdentifier(node)) {
			const { parent } = node;
			const declares =
				(ts.isVariableDeclaration(parent) ||
					ts.isParameter(parent) ||
					ts.isFunctionDeclaration(parent) ||
					ts.isBindingElement(parent) ||
					ts.isImportSpecifier(parent) ||
					ts.isNamespaceImport(parent)) &&
				parent.name === node;
			const isProperty =
				(ts.isPropertyAccessExpression(parent) && parent.name === node) ||
				(ts.isPropertyAssignment(parent) && parent.name === node);
			if (declares) declared.add(node.text);
			else if (!isProperty) used.add(node.text);
		}
		ts.forEachChild(node, visit);
	};
	visit(ts.createSourceFile("example.ts", code, ts.ScriptTarget.ESNext, true));
	return new Set([...used].filter((name) => !declared.has(name)));
}

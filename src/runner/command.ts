/**
 * Words that only a shell understands at the beginning of a command: reserved words, and utilities that are
 * built into the shell and are seldom separate programs (POSIX, Shell Command Language, 2.4, 2.9.1.1 and
 * 2.14).
 */
const SHELL_WORDS = new Set(
	(
		": . alias bg break case cd command continue do done elif else esac eval exec exit export fc fg fi for getopts " +
		"hash if in jobs read readonly return set shift source then times trap type ulimit umask unalias unset until " +
		"wait while"
	).split(" "),
);

/**
 * Matches one line without any character that is special to a shell. A line break is special: it ends a
 * command.
 */
const PLAIN = /^[\w \t./:@,+=-]*$/;

/**
 * Turns the command in a workflow file into arguments. Plain words are a program and its arguments, so the
 * program gets signals itself and its image needs no shell. Everything else is a script for the shell. `make`
 * does the same.
 */
export function argumentsOf(command: string): string[] {
	const line = command.trim();
	const words = line.split(/[ \t]+/);
	const [program = ""] = words;
	const isPlain = PLAIN.test(line) && !program.includes("=") && !SHELL_WORDS.has(program);
	return isPlain ? words : ["/bin/sh", "-c", command];
}

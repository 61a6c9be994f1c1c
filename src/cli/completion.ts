import { Argument, type Command } from "commander";
import { completionScripts, shellNames } from "./completion-scripts.js";
import { writeOut } from "./write-out.js";

export function completion(program: Command): void {
	program
		.command("completion")
		.description("print a script for the shell that completes commands, options, regions and queues on Tab")
		.addArgument(new Argument("<shell>", "the shell").choices(shellNames))
		.addHelpText(
			"after",
			`
For this shell and later ones:
  bash  echo 'eval "$(dhmem completion bash)"' >> ~/.bashrc
  zsh   echo 'eval "$(dhmem completion zsh)"' >> ~/.zshrc    (after compinit)
  fish  dhmem completion fish > ~/.config/fish/completions/dhmem.fish`,
		)
		.action((shell: (typeof shellNames)[number]) => writeOut(completionScripts[shell]));
	// The scripts call this, so that they know every command and option of the program that is installed.
	program
		.command("complete", { hidden: true })
		.description("print what the last word could become; for the scripts of `dhmem completion`")
		.addArgument(new Argument("<shell>").choices(shellNames))
		.argument("[words...]")
		.helpOption(false)
		.action(async (shell: (typeof shellNames)[number], words: string[]) => {
			const { complete } = await import("./complete.js");
			const lines = complete(program, shell, words);
			await writeOut(lines.map((line) => `${line}\n`).join(""));
		});
}

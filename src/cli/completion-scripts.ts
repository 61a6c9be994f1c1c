/** The scripts that `dhmem completion` prints. All of them call `dhmem complete` and know nothing else. */
import { FILES } from "./completion-files.js";

export const shellNames = ["bash", "zsh", "fish"] as const;

const bash = `# Completion of dhmem for bash.
_dhmem() {
	local candidate
	COMPREPLY=()
	while IFS= read -r candidate; do
		if [[ $candidate == ${FILES} ]]; then
			compopt -o filenames
			mapfile -t COMPREPLY < <(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")
		else
			COMPREPLY+=("$(printf %q "\${candidate%%$'\\t'*}")")
		fi
	done < <("$1" complete bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _dhmem dhmem
`;

const zsh = `#compdef dhmem
# Completion of dhmem for zsh.
_dhmem() {
	local candidate
	local -a candidates
	for candidate in "\${(@f)$("\${words[1]}" complete zsh -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
		if [[ $candidate == ${FILES} ]]; then
			_files
			return
		elif [[ -n $candidate ]]; then
			candidates+=("\${\${candidate%%$'\\t'*}//:/\\\\:}:\${candidate#*$'\\t'}")
		fi
	done
	_describe dhmem candidates
}
if [[ $funcstack[1] == _dhmem ]]; then
	_dhmem "$@"
else
	compdef _dhmem dhmem
fi
`;

const fish = `# Completion of dhmem for fish.
function __dhmem_complete
	set -l before (commandline -opc)
	set -l current (commandline -ct)
	for candidate in ($before[1] complete fish -- $before[2..-1] "$current" 2>/dev/null)
		if test "$candidate" = ${FILES}
			__fish_complete_path "$current"
		else
			printf '%s\\n' "$candidate"
		end
	end
end
complete -c dhmem -f -a '(__dhmem_complete)'
`;

export const completionScripts: Record<(typeof shellNames)[number], string> = { bash, zsh, fish };

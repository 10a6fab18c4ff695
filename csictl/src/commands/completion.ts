import type { Command } from 'commander';

/** A bash completion script made from the commands themselves. */
export function bashCompletion(program: Command): string {
  const options = program.options.flatMap((option) => [option.short, option.long]).filter((flag) => flag !== undefined);
  const cases = program.commands
    .filter((command) => command.commands.length > 0)
    .map((command) => `    ${command.name()}) words="${namesOf(command)}" ;;`);
  return `# bash completion for csictl; load it with: source <(csictl completion bash)
_csictl() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  case "$previous" in
    -o|--output) COMPREPLY=($(compgen -W "table wide json yaml" -- "$current")); return ;;
    --kubeconfig|--data-dir|--kubelet-dir) COMPREPLY=($(compgen -f -- "$current")); return ;;
    --endpoint|-n|--namespace|--timeout) return ;;
${cases.join('\n')}
    *) words="${namesOf(program)}" ;;
  esac
  [[ "$current" == -* ]] && words="${options.join(' ')}"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _csictl csictl
`;
}

function namesOf(command: Command): string {
  return command.commands.map((child) => child.name()).join(' ');
}

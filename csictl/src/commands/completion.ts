import type { Command } from 'commander';
import { outputFormats } from '../output/print.ts';

/** Flags whose value is a file or a folder. */
const fileFlags = [
  ...['--kubeconfig', '--data-dir', '--kubelet-dir', '--request', '--secrets-file', '--csi-sanity', '--output-file'],
  ...['--mount-dir', '--params-file'],
];

/** A bash completion script made from the commands themselves. */
export function bashCompletion(program: Command): string {
  const leaves = [program, ...program.commands].flatMap(({ commands }) => commands);
  const own = leaves
    .filter((command) => flagsOf(command).length > 0)
    .map((command) => `      ${command.name()}) own="${flagsOf(command).join(' ')}" ;;`);
  const cases = program.commands
    .filter((command) => command.commands.length > 0)
    .map((command) => `    ${command.name()}) words="${namesOf(command)}" ;;`);
  const choices = leaves.flatMap((command) => command.options).filter(({ argChoices }) => argChoices !== undefined);
  const answers = new Map(choices.map(({ long, argChoices }) => [long, argChoices]));
  const values = [...answers].map(
    ([long, words]) => `    ${long}) COMPREPLY=($(compgen -W "${words?.join(' ')}" -- "$current")); return ;;`,
  );
  return `# bash completion for csictl; load it with: source <(csictl completion bash)
_csictl() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words="" own="" word
  case "$previous" in
    -o|--output) COMPREPLY=($(compgen -W "${outputFormats.join(' ')}" -- "$current")); return ;;
    ${fileFlags.join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
${values.join('\n')}
${cases.join('\n')}
    --*|-n) return ;;
    *) words="${namesOf(program)}" ;;
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
${own.join('\n')}
    esac
  done
  [[ "$current" == -* ]] && words="$own ${flagsOf(program).join(' ')}"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _csictl csictl
`;
}

function flagsOf({ options }: Command): string[] {
  return options.flatMap(({ short, long }) => [short, long]).filter((flag) => flag !== undefined);
}

function namesOf(command: Command): string {
  return command.commands.map((child) => child.name()).join(' ');
}

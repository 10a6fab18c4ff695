import type { Command, Option } from 'commander';

/** Flags whose value is a file or a folder. */
const fileFlags = [
  ...['--kubeconfig', '--data-dir', '--kubelet-dir', '--request', '--secrets-file', '--csi-sanity', '--mount-dir'],
  '--file',
];

/** Arguments that are files, or may be. */
const fileArguments = new Set(['file', 'from', 'to']);

/** A bash completion script made from the commands themselves. */
export function bashCompletion(program: Command): string {
  const groups = program.commands.filter(({ commands }) => commands.length > 0);
  const places = [
    ...program.commands.map((command) => placeOf('', command)),
    ...groups.flatMap((group) => group.commands.map((command) => placeOf(group.name(), command))),
  ];
  const options = [program, ...program.commands, ...groups.flatMap(({ commands }) => commands)].flatMap(
    (command) => command.options,
  );
  const valued = options.filter(({ required, optional }) => required || optional);
  return `# bash completion for csictl; load it with: source <(csictl completion bash)
_csictl() {
  local current="\${COMP_WORDS[COMP_CWORD]}" place="" words="${namesOf(program)}" own="" files="" value="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ "$word" == "=" ]] && continue
    if [[ -n "$value" ]]; then value=""; continue; fi
    case "$word" in
      ${unique(valued.flatMap(flagsOf)).join('|')}) value="$word"; continue ;;
    esac
    case "$place $word" in
${places.join('\n')}
    esac
  done
  case "$value" in
    "") ;;
    ${fileFlags.join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
${choicesOf(valued).join('\n')}
    *) return ;;
  esac
  [[ "$current" == -* ]] && words="$own ${program.options.flatMap(flagsOf).join(' ')}" files=""
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ -n "$files" ]] && COMPREPLY+=($(compgen -f -- "$current"))
}
complete -F _csictl csictl
`;
}

/** What may stand behind a command: its own commands or words, its flags, files. */
function placeOf(group: string, command: Command): string {
  const words = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const hasFiles = command.registeredArguments.some((argument) => fileArguments.has(argument.name()));
  const own = command.options.flatMap(flagsOf).join(' ');
  const place = group === '' ? command.name() : `${group} ${command.name()}`;
  const offers = [namesOf(command), ...words].filter((text) => text !== '').join(' ');
  return `      "${group} ${command.name()}") place="${place}" words="${offers}" own="${own}" files="${hasFiles ? 'yes' : ''}" ;;`;
}

/** What flags with a few values take. */
function choicesOf(options: readonly Option[]): string[] {
  const lines = options.flatMap((option) =>
    option.argChoices === undefined
      ? []
      : [
          `    ${flagsOf(option).join('|')}) COMPREPLY=($(compgen -W "${option.argChoices.join(' ')}" -- "$current")); return ;;`,
        ],
  );
  return unique(lines);
}

function flagsOf({ short, long }: Option): string[] {
  return [short, long].filter((flag) => typeof flag === 'string');
}

function namesOf({ commands }: Command): string {
  return commands.map((child) => child.name()).join(' ');
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

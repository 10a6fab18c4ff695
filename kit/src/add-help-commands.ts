/** What of commander's Command is looked at here. */
interface Command {
  readonly commands: readonly Command[];
  readonly name: () => string;
  readonly aliases: () => readonly string[];
  readonly help: () => never;
  readonly error: (message: string) => never;
  readonly command: (name: string) => {
    readonly description: (text: string) => { readonly action: (run: (words: readonly string[]) => void) => unknown };
  };
}

/** `help WORDS` for a program and each of its groups of commands: commander's own heeds the first word alone, and shows a page for words that are none. */
export function addHelpCommands(group: Command): void {
  for (const inner of group.commands) if (inner.commands.length > 0) addHelpCommands(inner);
  group
    .command('help [command...]')
    .description('display help for command')
    .action((words) => showHelp(group, words));
}

function showHelp(group: Command, words: readonly string[]): never {
  let command = group;
  for (const word of words) {
    if (command.commands.length === 0) break;
    const named = command.commands.find((inner) => inner.name() === word || inner.aliases().includes(word));
    command = named ?? command.error(`error: unknown command '${word}'`);
  }
  return command.help();
}

/** What of commander's context of a help text is looked at here. */
interface HelpContext {
  /** Whether the help is shown because of a mistake. */
  readonly error: boolean;
  readonly command: { readonly args: readonly string[] };
}

/** What `help WORD` says first where there is no such command, as a text `beforeAll` of commander's, which shows the help alone. */
export function unknownHelpTopic({ error, command }: HelpContext): string {
  const [asked, word] = command.args;
  return error && asked === 'help' && word !== undefined ? `error: unknown command '${word}'\n` : '';
}

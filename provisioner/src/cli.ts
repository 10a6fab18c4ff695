import { createLogger, messageOf } from '@berth/kit';
import { Command, CommanderError } from 'commander';
import { defineFlags, type Flags } from './flags.ts';
import { version } from './version.ts';

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly now: () => number;
  /** Aborts when the program is to end. */
  readonly signal: AbortSignal;
}

const moreHelp = 'provisioner --help shows the flags, with examples';

/** Runs the program to its end. @returns the exit code: 0 ended as asked, 1 failed, 2 wrong usage. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  const program = new Command('provisioner')
    .exitOverride()
    .showHelpAfterError(moreHelp)
    .configureOutput({
      writeOut: terminal.out,
      writeErr: (text) => terminal.err(text.replace(/^error: /, 'provisioner: ')),
    });
  defineFlags(program)
    .version(`provisioner ${version}`, '--version', 'print the version')
    .action((flags: Flags) => serve(flags, terminal));
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (terminal.signal.aborted) return 0;
    terminal.err(`provisioner: ${messageOf(error)}\n`);
    if (!(error instanceof RangeError)) return 1;
    terminal.err(`${moreHelp}\n`);
    return 2;
  }
}

async function serve(flags: Flags, terminal: Terminal): Promise<void> {
  const { logLevel: level, logFormat: format } = flags;
  if (flags.nodeDeployment && !terminal.env['NODE_NAME']) {
    throw new RangeError('--node-deployment needs the name of the node in the environment variable NODE_NAME');
  }
  if (flags.enableCapacity && !terminal.env['NAMESPACE']) {
    throw new RangeError('--enable-capacity needs a namespace for its objects in the environment variable NAMESPACE');
  }
  if (flags.enableCapacity && flags.capacityOwnerrefLevel >= 0 && !terminal.env['POD_NAME']) {
    throw new RangeError('--capacity-ownerref-level needs the name of the pod in the environment variable POD_NAME');
  }
  const log = createLogger({ level, format, now: terminal.now, write: terminal.err });
  // Here, not at the top: --help and --version need neither gRPC nor the Kubernetes types.
  const { serveDriver } = await import('./serve-driver.ts');
  await serveDriver({ flags, env: terminal.env, log }, terminal.signal);
}

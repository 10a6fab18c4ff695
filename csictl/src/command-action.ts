import { deadline, systemClock } from '@berth/kit';
import type { Command } from 'commander';
import { CsictlError } from './csictl-error.ts';
import type { OutputFormat } from './output/print.ts';
import { parseDuration } from './parse-duration.ts';
import type { GlobalOptions, Session } from './session.ts';
import type { Terminal } from './terminal.ts';

interface Flags extends Omit<GlobalOptions, 'timeoutMs'> {
  readonly output: OutputFormat;
  readonly timeout: string;
}

/** What was typed behind a command's name. */
export interface Given {
  readonly argument: string | undefined;
  readonly arguments: readonly unknown[];
  readonly all: boolean;
  /** The command's own flags, by their names in camelCase. */
  readonly flags: Readonly<Record<string, unknown>>;
}

export type Run = (session: Session, given: Given) => Promise<void>;

export interface ActionOptions {
  /** Runs until it is done or stopped: --timeout is for each call alone. */
  readonly isLong?: boolean;
  /** Answers may be asked for as JUnit. */
  readonly hasJunit?: boolean;
}

/** Commander hands over the positional arguments, then the command's options, then the command. */
export function action(terminal: Terminal, run: Run, { isLong = false, hasJunit = false }: ActionOptions = {}) {
  return async (...received: unknown[]) => {
    const command = received.at(-1) as Command;
    const { output, timeout, ...rest } = command.optsWithGlobals<Flags>();
    if (output === 'junit' && !hasJunit)
      throw new CsictlError('USAGE', '-o junit is for csictl conformance alone', { hint: 'use -o json' });
    const timeoutMs = parseDuration(timeout);
    using limit = isLong ? untilInterrupted(terminal) : deadline(systemClock, timeoutMs);
    const session: Session = {
      options: { ...rest, timeoutMs },
      terminal,
      printer: { terminal, format: output },
      signal: limit.signal,
      now: () => systemClock.monotonicMs(),
    };
    const positional = received.slice(0, -2);
    const given: Given = {
      argument: positional[0] as string | undefined,
      arguments: positional,
      all: (rest as { all?: boolean }).all === true,
      flags: command.opts(),
    };
    try {
      await run(session, given);
    } catch (error) {
      if (!isLong || !limit.signal.aborted || error instanceof CsictlError) throw error;
      throw new CsictlError('FAILED', 'interrupted', { cause: error });
    }
  };
}

function untilInterrupted(terminal: Terminal): { signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const handle = terminal.onInterrupt?.(() => controller.abort(new DOMException('interrupted', 'AbortError')));
  return { signal: controller.signal, [Symbol.dispose]: () => handle?.[Symbol.dispose]() };
}

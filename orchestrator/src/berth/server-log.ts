import { createLogger, type Logger, type LoggerOptions, type LogLevel, systemClock } from '@berth/kit';
import type { DebugOptions } from '../api-server/debug/debug-options.ts';
import type { Terminal } from './terminal.ts';

/** klog's verbosity of those who look for a mistake. */
const debugVerbosity = 4;

/** A server's log, and what lets its level be set while it runs. */
export function serverLog(options: {
  readonly logLevel: LogLevel;
  readonly debug: Omit<DebugOptions, 'setVerbosity'>;
  readonly terminal: Pick<Terminal, 'err'>;
}): { readonly log: Logger; readonly debug: DebugOptions } {
  const { logLevel, debug, terminal } = options;
  const settings: LoggerOptions = { level: logLevel, now: () => systemClock.now(), write: terminal.err };
  const setVerbosity = (verbosity: number) => {
    settings.level = verbosity >= debugVerbosity ? 'debug' : 'info';
  };
  return { log: createLogger(settings), debug: { ...debug, setVerbosity } };
}

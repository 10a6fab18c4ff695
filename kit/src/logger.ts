import { messageOf } from './errors.ts';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Facts beside a message. Values that are errors print their message, and their stack at `debug`. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log to stderr. Callers never pass secrets, mount flags or tokens. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every line. */
  with(fields: LogFields): Logger;
}

export interface LoggerOptions {
  /** The least that is written; may change. */
  level: LogLevel;
  /** `json` is one object a line; `text` is for people. */
  readonly format?: 'json' | 'text';
  readonly now: () => number;
  readonly write: (line: string) => void;
}

export function createLogger(options: LoggerOptions, bound: LogFields = {}): Logger {
  const line =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (logLevels.indexOf(level) < logLevels.indexOf(options.level)) return;
      const all = { ...bound, ...fields };
      const time = new Date(options.now()).toISOString();
      options.write(options.format === 'json' ? asJson(time, level, message, all) : asText(time, level, message, all));
    };
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    with: (fields) => createLogger(options, { ...bound, ...fields }),
  };
}

/** Drops everything: for tests and libraries used as such. */
export const silentLogger: Logger = createLogger({ level: 'silent', now: () => 0, write: () => undefined });

function asJson(time: string, level: string, message: string, fields: LogFields): string {
  const plain = Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, v instanceof Error ? v.message : v]));
  return `${JSON.stringify({ time, level, message, ...plain })}\n`;
}

function asText(time: string, level: string, message: string, fields: LogFields): string {
  const facts = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${textValue(value)}`)
    .join('');
  return `${time.slice(11, 23)} ${level.padEnd(5)} ${message}${facts}\n`;
}

function textValue(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(messageOf(value));
  if (typeof value === 'string') return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? 'undefined';
}

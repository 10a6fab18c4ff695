import { readFileSync } from 'node:fs';
import { messageOf } from '@berth/kit';
import { parse } from 'yaml';
import { CsictlError } from '../csictl-error.ts';

export interface SecretFlags {
  /** `key=@file`, any number. */
  readonly secret?: readonly string[];
  /** A JSON or YAML file with a map of strings. */
  readonly secretsFile?: string;
}

/**
 * The secrets of a call, from files alone: a command line is seen by every process of the machine.
 * @throws CsictlError USAGE – a value on the command line, a file that is no map; NOT_FOUND – no such file. Never with a value.
 */
export function readSecrets({ secret = [], secretsFile }: SecretFlags): Record<string, string> {
  const ofFile = secretsFile === undefined ? {} : readMap(secretsFile);
  return { ...ofFile, ...Object.fromEntries(secret.map(readPair)) };
}

function readPair(text: string): [string, string] {
  const at = text.indexOf('=@');
  if (at <= 0 || text.indexOf('=') !== at) {
    throw new CsictlError('USAGE', "--secret takes key=@FILE: a secret's value is never written on the command line", {
      hint: 'put the value into a file of mode 0600, or use --secrets-file FILE with a map of all',
    });
  }
  return [text.slice(0, at), readText('--secret', text.slice(at + 2))];
}

function readMap(file: string): Record<string, string> {
  const content = parseMap(readText('--secrets-file', file));
  const isMap = typeof content === 'object' && content !== null && !Array.isArray(content);
  if (!isMap || Object.values(content).some((value) => typeof value !== 'string')) {
    throw new CsictlError('USAGE', `--secrets-file ${file}: not a map of strings`, {
      hint: 'write JSON or YAML such as: password: "…"',
    });
  }
  return content as Record<string, string>;
}

/** What a parser says of a broken file may quote it. */
function parseMap(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/** A file as it is, to the last newline. */
export function readText(flag: string, file: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const missing = (error as { code?: string }).code === 'ENOENT';
    throw new CsictlError(
      missing ? 'NOT_FOUND' : 'FAILED',
      `${flag} ${file}: ${missing ? 'not found' : messageOf(error)}`,
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CsictlError('USAGE', `${flag} ${file}: not UTF-8 text`);
  }
}

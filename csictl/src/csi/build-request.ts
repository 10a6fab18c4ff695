import { messageOf } from '@berth/kit';
import { parse } from 'yaml';
import { CsictlError } from '../csictl-error.ts';
import { readMessage } from './read-message.ts';
import { readText } from './read-secrets.ts';
import { type FlagValues, flagsOf } from './request-flags.ts';
import type { Rpc } from './rpc.ts';

/**
 * The request of a command: the one in the file of --request, with what the flags set in place of its fields.
 * @throws CsictlError USAGE, NOT_FOUND
 */
export function buildRequest(rpc: Rpc, values: FlagValues): Record<string, unknown> {
  const file = values['request'];
  const message = typeof file === 'string' ? readRequestFile(rpc, file) : {};
  for (const { field, read } of flagsOf(rpc.request)) {
    const content = read(values);
    if (content !== undefined) message[field.name] = content;
  }
  return message;
}

function readRequestFile(rpc: Rpc, file: string): Record<string, unknown> {
  const text = readText('--request', file);
  let content: unknown;
  try {
    // JSON is YAML. Only the first line of a complaint: the others quote the file, which may hold secrets.
    content = parse(text, { prettyErrors: false });
  } catch (error) {
    throw new CsictlError('USAGE', `--request ${file}: ${messageOf(error).split('\n')[0]}`, {
      hint: `see what it may hold: csictl csi ${rpc.command} --template`,
    });
  }
  try {
    return readMessage(rpc.request, content ?? {});
  } catch (error) {
    if (!(error instanceof CsictlError)) throw error;
    throw new CsictlError('USAGE', `--request ${file}: ${error.message}`, {
      hint: error.hint ?? `see what it may hold: csictl csi ${rpc.command} --template`,
    });
  }
}

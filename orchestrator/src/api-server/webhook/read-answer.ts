import { parseJson } from '@berth/kube';
import { breathe, largeBytes } from '../decoding/large-bodies.ts';
import { noJson } from '../decoding/type-meta.ts';
import { CallError } from './call-error.ts';

/**
 * What a webhook answered, as client-go reads it whatever its type is said to be: JSON where it begins with a brace, else YAML
 * (apimachinery serializer/recognizer). @throws CallError – it is neither
 */
export async function readAnswer(body: Buffer, signal: AbortSignal): Promise<unknown> {
  if (body.length <= largeBytes) return await read(body, signal);
  // It has come in this turn, and who asked goes on with as many values as there are.
  await breathe();
  const value = await read(body, signal);
  await breathe();
  return value;
}

async function read(body: Buffer, signal: AbortSignal): Promise<unknown> {
  const text = body.toString();
  const isJson = /^[ \t\r\n]*\{/.test(text);
  try {
    if (isJson) return parseJson(text);
    const { readYaml } = await import('../decoding/yaml-text.ts');
    return (await readYaml(text, signal)).value;
  } catch (error) {
    const { message } = error as Error;
    throw new CallError(isJson ? noJson(message) : message, { cause: error });
  }
}

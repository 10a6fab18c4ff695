import { messageOf, runInThread, ThreadTooLong } from '@berth/kit';
import { apiError, isRecord, parseExact, parseJson, parseJsonStrict } from '@berth/kube';
import { inOrder } from '../resources/field.ts';
import { BeyondBudget } from './yaml-decoder.ts';
import { isDeepYaml } from './yaml-depth.ts';
import { readDocument, type YamlDocument } from './yaml-document.ts';
import { checkBeginning, checkCharacters } from './yaml-errors.ts';
import { yamlOf } from './yaml-of.ts';
import type { YamlReply, YamlWork } from './yaml-work.ts';

/** A megabyte takes the reader a second or more. */
const ownThreadFrom = 16 * 1024;

/** No text read here has more values, but by aliases. */
const mostValues = 20_000;

/** Sources run as they are; a build puts the worker beside the bundle under its compiled name. */
const workerFile = new URL(import.meta.url.endsWith('.ts') ? './yaml-worker.ts' : './yaml-worker.js', import.meta.url);

/** Ten thousand levels, as deep as Go reads YAML: the library and the decoder call themselves for each. What is not used takes no memory. */
const readingStackMegabytes = 256;

/** No document that is meant well takes so long. */
const mostCpuMs = 10_000;
/** Writing more takes that long, and more memory than the thread has; passing it on holds others up. */
const mostWritten = 24 * 1024 * 1024;

let last: Promise<unknown> = Promise.resolve();

/**
 * A YAML body, without keeping others waiting: what is JSON is read as such, long texts by a thread of their own, one
 * after another.
 * @throws Error – the text is no YAML, in the words of Go's reader; ApiError RequestEntityTooLarge – it takes too long.
 */
export async function readYaml(text: string, signal: AbortSignal): Promise<YamlDocument> {
  const json = jsonDocument(text);
  if (json !== undefined) return json;
  if (text.length >= ownThreadFrom || isDeepYaml(text)) return inOwnThread({ text }, signal);
  try {
    return readDocument(text, mostValues);
  } catch (error) {
    if (error instanceof BeyondBudget) return inOwnThread({ text }, signal);
    throw error;
  }
}

/** What JSON may have in its texts, and YAML may not. */
const isEscapedOtherwise = /\\(?:\/|u[dD][89a-fA-F])/;

/** Undefined: it is no JSON, yet may be YAML in braces, it has a key twice, or is too deep for both. */
function jsonDocument(text: string): YamlDocument | undefined {
  if (!/^\s*[{[]/.test(text.slice(0, 1000)) || isEscapedOtherwise.test(text)) return undefined;
  checkCharacters(text);
  checkBeginning(text);
  try {
    const { value, duplicateFields } = parseJsonStrict(text);
    return duplicateFields.length === 0 ? { value: inYaml(value), repeated: [] } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A value of JSON as Go's reader of YAML has it, which writes it as JSON again before anyone reads it as a kind: in the order of
 * its keys, and a whole number is an integer however it was written.
 */
function inYaml(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inYaml);
  return isRecord(value)
    ? inOrder(Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inYaml(each)])))
    : value;
}

/** A value as YAML, given as JSON text. @throws ApiError RequestEntityTooLarge – it takes too long, or too much memory */
export async function writeYaml(json: string | Buffer, signal: AbortSignal): Promise<string> {
  if (json.length > mostWritten) throw tooLong();
  const text = json.toString();
  if (text.length < ownThreadFrom) return yamlOf(parseExact(text));
  const reply = await inTurn({ json: text }, signal);
  if ('text' in reply) return reply.text;
  if ('error' in reply && /[Ss]tack/.test(reply.error)) throw tooLong();
  throw new Error('error' in reply ? reply.error : 'the answer could not be written');
}

function tooLong() {
  return apiError(
    'RequestEntityTooLarge',
    `Request entity too large: reading it takes more than ${mostCpuMs / 1000} seconds`,
  );
}

async function inOwnThread(work: YamlWork, signal: AbortSignal): Promise<YamlDocument> {
  const reply = await inTurn(work, signal);
  if (!('json' in reply)) throw new Error('error' in reply ? reply.error : 'the document could not be read');
  return { value: parseJson(reply.json), repeated: reply.repeated };
}

function inTurn(work: YamlWork, signal: AbortSignal): Promise<YamlReply> {
  const turn = last.then(() => ask(work, signal));
  last = turn.catch(() => undefined);
  return turn;
}

async function ask(data: YamlWork, signal: AbortSignal): Promise<YamlReply> {
  try {
    // What is written that deep would have more spaces than anyone takes: it ends at the usual stack.
    const stack = 'text' in data ? { stackMegabytes: readingStackMegabytes } : {};
    const limits = { mostCpuMs, mostMegabytes: 512, ...stack };
    return await runInThread<YamlReply>(workerFile, { name: 'yaml', data, ...limits, signal });
  } catch (error) {
    if (error instanceof ThreadTooLong || isOutOfMemory(error)) throw tooLong();
    signal.throwIfAborted();
    return { error: messageOf(error) };
  }
}

function isOutOfMemory(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY';
}

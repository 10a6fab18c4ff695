import { isSecret, type MessageType, messageTypeOf } from '../csi/rpc.ts';

export const stripped = '***stripped***';

/** Entries that kubelet adds to a volume context and that are credentials (CVE-2023-2878). */
const tokenKeys = new Set(['csi.storage.k8s.io/serviceAccount.tokens']);

type Json = Record<string, unknown>;

/**
 * A message as it may be written down: values of `(csi_secret)` fields, mount flags, publish contexts and workload
 * tokens are replaced, their keys and number stay. Empty fields are left out.
 */
export function redactMessage(type: MessageType, message: object): Json {
  const fields = new Map(type.fieldsArray.map((field) => [field.name, field]));
  const entries = Object.entries(message).flatMap(([name, value]) => {
    const field = fields.get(name);
    if (!field || isEmpty(value) || (field.map && Object.keys(value as Json).length === 0)) return [];
    if (isSecret(field) || name === 'publishContext') return [[name, mapValues(value as Json, () => stripped)]];
    if (name === 'mountFlags') return [[name, (value as unknown[]).map(() => stripped)]];
    if (name === 'volumeContext')
      return [[name, mapValues(value as Json, (item, key) => (tokenKeys.has(key) ? stripped : item))]];
    const nested = messageTypeOf(field);
    if (!nested || field.map) return [[name, value]];
    const redact = (one: unknown) => redactMessage(nested, one as object);
    return [[name, Array.isArray(value) ? value.map(redact) : redact(value)]];
  });
  return Object.fromEntries(entries) as Json;
}

/** The texts of a request that must not be written down, wherever they turn up; the longest first. */
export function secretTexts(type: MessageType, message: object): string[] {
  const found = new Set<string>();
  collect(type, message, found);
  // What is this short is in every message by chance.
  const texts = [...found].filter(({ length }) => length >= 4);
  return [...new Set(texts.flatMap(spellingsOf))].sort((a, b) => b.length - a.length);
}

/** A text as it is, and as programs like to write it into their messages. */
function spellingsOf(text: string): string[] {
  const base64 = Buffer.from(text).toString('base64').replace(/=+$/, '');
  return [text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text.toWellFormed()), base64];
}

function collect(type: MessageType, message: object, found: Set<string>): void {
  for (const field of type.fieldsArray) {
    const value = (message as Json)[field.name];
    if (value === null || value === undefined) continue;
    const add = (one: unknown) => void found.add(String(one));
    if (isSecret(field) || field.name === 'publishContext') Object.values(value).forEach(add);
    else if (field.name === 'mountFlags') (value as unknown[]).forEach(add);
    else if (field.name === 'volumeContext') {
      for (const [key, item] of Object.entries(value)) if (tokenKeys.has(key)) add(item);
    } else {
      const nested = messageTypeOf(field);
      if (nested && !field.map) for (const one of [value].flat()) collect(nested, one as object, found);
    }
  }
}

/** A text without any of these. */
export function withoutTexts(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, stripped), text);
}

function mapValues(map: Json, change: (value: unknown, key: string) => unknown): Json {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]));
}

/** Enumerations and numbers stay, also where they are zero: zero may be meant. */
function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false) return true;
  return Array.isArray(value) && value.length === 0;
}

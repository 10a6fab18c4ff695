import { CsictlError } from '../csictl-error.ts';
import { enumNamesOf, isSecret, kebab, type MessageField, type MessageType, messageTypeOf } from './rpc.ts';

/**
 * A message as it stands in a file, as the one to send: names in camelCase or snake_case, int64 as numbers or strings.
 * @throws CsictlError USAGE – a field the message does not have, or a value of another kind; values of secrets are not repeated.
 */
export function readMessage(type: MessageType, value: unknown, where = ''): Record<string, unknown> {
  if (!isMap(value)) throw wrongKind(where || type.name, 'a map', value);
  const fields = new Map(type.fieldsArray.flatMap((field) => namesOf(field).map((name) => [name, field] as const)));
  const message: Record<string, unknown> = {};
  for (const [name, content] of Object.entries(value)) {
    const field = fields.get(name);
    const place = where === '' ? name : `${where}.${name}`;
    if (!field) {
      throw new CsictlError('USAGE', `${place}: ${type.name} has no such field`, {
        hint: `it has ${type.fieldsArray.map((one) => one.name).join(', ') || 'none'}`,
      });
    }
    if (content !== null && content !== undefined) message[field.name] = readField(field, content, place);
  }
  const chosen = type.oneofsArray.find((oneof) => oneof.oneof.filter((name) => name in message).length > 1);
  if (chosen)
    throw new CsictlError('USAGE', `${where || type.name}: only one of ${chosen.oneof.join(', ')} may be set`);
  return message;
}

function namesOf({ name }: MessageField): string[] {
  return [name, kebab(name).replaceAll('-', '_')];
}

function readField(field: MessageField, value: unknown, where: string): unknown {
  if (field.map) return readMap(field, value, where);
  if (!field.repeated) return readOne(field, value, where);
  if (!Array.isArray(value)) throw wrongKind(where, 'a list', value);
  return value.map((item, index) => readOne(field, item, `${where}[${index}]`));
}

function readMap(field: MessageField, value: unknown, where: string): unknown {
  if (!isMap(value)) throw wrongKind(where, 'a map of strings', isSecret(field) ? undefined : value);
  for (const [key, item] of Object.entries(value)) {
    if (typeof item !== 'string') throw wrongKind(`${where}.${key}`, 'a string', isSecret(field) ? undefined : item);
  }
  return value;
}

function readOne(field: MessageField, value: unknown, where: string): unknown {
  const nested = messageTypeOf(field);
  if (nested) return readMessage(nested, value, where);
  const names = enumNamesOf(field);
  if (names) {
    if (typeof value === 'string' && names.includes(value)) return value;
    if (Number.isInteger(value)) return value;
    throw wrongKind(where, `one of ${names.join(', ')}`, value);
  }
  if (field.type === 'string' || field.type === 'bool') {
    const kind = field.type === 'bool' ? 'boolean' : 'string';
    if (typeof value !== kind) throw wrongKind(where, kind === 'boolean' ? 'true or false' : 'a string', value);
    return value;
  }
  return readInteger(value, where, field.type.endsWith('64') ? 64 : 32);
}

/** A number past 2^53 is already another one when a parser has read it. */
function readInteger(value: unknown, where: string, bits: 32 | 64): unknown {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string' || !/^-?\d{1,20}$/.test(text)) throw wrongKind(where, 'a whole number', value);
  if (BigInt.asIntN(bits, BigInt(text)) !== BigInt(text)) throw wrongKind(where, `an integer of ${bits} bits`, value);
  return bits === 64 ? text : Number(text);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrongKind(where: string, wanted: string, value: unknown): CsictlError {
  const found = value === undefined ? 'something else' : JSON.stringify(value)?.slice(0, 60);
  return new CsictlError('USAGE', `${where} must be ${wanted}, not ${found}`);
}

import { type csiRoot, grpcError } from '@berth/protos';

/** CSI spec, "Size Limits": strings, maps and the mount flags of one capability, in bytes. */
const maxStringBytes = 128;
const maxMapBytes = 4096;
const maxFlagsBytes = 4096;
const maxNodeIdBytes = 256;
/** Paths are exempt from the string limit; the kernel's own bound (PATH_MAX) holds. */
const maxPathBytes = 4095;

const paths = new Set(['stagingTargetPath', 'targetPath', 'volumePath', 'volumePublishPath']);

/** What a volume name may not hold (CSI spec, CreateVolumeRequest.name). */
const forbiddenInNames = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]/;

type Check = (value: unknown, where: string) => void;
type MessageType = ReturnType<typeof csiRoot.lookupType>;

/**
 * Compiles the checks of sizes and characters the spec asks for every field of a message.
 * @throws GrpcError INVALID_ARGUMENT – from the returned check.
 */
export function limitsOf(type: MessageType): (message: object) => void {
  const check = compile(type, new Map());
  return (message) => check(message, '');
}

function compile(type: MessageType, done: Map<MessageType, Check>): Check {
  const known = done.get(type);
  if (known) return known;
  const fields: { readonly key: string; readonly name: string; readonly checkField: Check }[] = [];
  const check: Check = (message, where) => {
    for (const { key, name, checkField } of fields) {
      const value = (message as Record<string, unknown>)[key];
      if (value !== null && value !== undefined) checkField(value, where === '' ? name : `${where}.${name}`);
    }
  };
  done.set(type, check);
  for (const field of type.fieldsArray) {
    const { resolvedType } = field.resolve();
    const nested = resolvedType && 'fieldsArray' in resolvedType ? compile(resolvedType, done) : undefined;
    const own = field.map ? checkMap : (nested ?? scalarCheck(field.name, field.type));
    const checkField = field.name === 'mountFlags' ? checkFlags : own && field.repeated ? each(own) : own;
    if (checkField) fields.push({ key: field.name, name: specNameOf(field.name), checkField });
  }
  return check;
}

/** As the specification has it: `volume_id`. */
function specNameOf(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function each(check: Check): Check {
  return (values, where) => {
    let index = 0;
    for (const value of values as unknown[]) check(value, `${where}[${index++}]`);
  };
}

function scalarCheck(name: string, type: string): Check | undefined {
  if (type !== 'string') return undefined;
  if (paths.has(name)) return name === 'volumePath' ? checkPath : checkAbsolutePath;
  if (name === 'nodeId') return checkString(maxNodeIdBytes);
  return name === 'name' ? checkName : checkString(maxStringBytes);
}

function checkString(limit: number): Check {
  return (value, where) => {
    if (bytes(value) > limit) refuse(`${where} has ${bytes(value)} bytes, the limit is ${limit}`);
  };
}

const checkNameLength = checkString(maxStringBytes);

function checkName(value: unknown, where: string): void {
  checkNameLength(value, where);
  if (forbiddenInNames.test(value as string)) refuse(`${where} holds a control character`);
}

function checkAbsolutePath(value: unknown, where: string): void {
  if (value !== '' && !(value as string).startsWith('/')) refuse(`${where} must be an absolute path`);
  checkPath(value, where);
}

/** A relative volume_path is not refused here: nothing is mounted at it, which is NOT_FOUND. */
function checkPath(value: unknown, where: string): void {
  const path = value as string;
  if (bytes(path) > maxPathBytes) refuse(`${where} is longer than ${maxPathBytes} bytes`);
  if (path.includes('\0')) refuse(`${where} holds a NUL character`);
  if (/\/\.{1,2}(\/|$)/.test(path)) refuse(`${where} may not have "." or ".." as a segment`);
}

function checkMap(value: unknown, where: string): void {
  let total = 0;
  for (const [key, entry] of Object.entries(value as Record<string, string>)) total += bytes(key) + bytes(entry);
  if (total > maxMapBytes) refuse(`${where} has ${total} bytes, the limit is ${maxMapBytes}`);
}

function checkFlags(value: unknown, where: string): void {
  const total = (value as string[]).reduce((sum, flag) => sum + bytes(flag), 0);
  if (total > maxFlagsBytes) refuse(`${where} has ${total} bytes, the limit is ${maxFlagsBytes}`);
}

function bytes(value: unknown): number {
  return Buffer.byteLength(value as string);
}

function refuse(message: string): never {
  throw grpcError('INVALID_ARGUMENT', message);
}

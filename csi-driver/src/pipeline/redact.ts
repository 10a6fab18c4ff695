import type { csiRoot } from '@berth/protos';

type MessageType = ReturnType<typeof csiRoot.lookupType>;
type Redact = (value: unknown) => unknown;

const stripped = '***stripped***';

/** Contexts may carry tokens of the workload (CVE-2023-2878), mount flags passwords: neither is marked csi_secret. */
const contexts = new Set(['volumeContext', 'publishContext']);

/** Compiles a copier that leaves out what must not be logged: csi_secret fields, mount flags, values of contexts. */
export function redactorOf(type: MessageType): (message: object) => object {
  const redact = compile(type, new Map());
  return (message) => redact(message) as object;
}

function compile(type: MessageType, done: Map<MessageType, Redact>): Redact {
  const known = done.get(type);
  if (known) return known;
  const fields = new Map<string, Redact>();
  const redact: Redact = (message) => {
    if (typeof message !== 'object' || message === null) return message;
    const present = Object.entries(message).filter(([, value]) => !isEmpty(value));
    return Object.fromEntries(present.map(([name, value]) => [name, fields.get(name)?.(value) ?? value]));
  };
  done.set(type, redact);
  for (const field of type.fieldsArray) {
    const { resolvedType } = field.resolve();
    const nested = resolvedType && 'fieldsArray' in resolvedType ? compile(resolvedType, done) : undefined;
    if (field.options?.['(csi_secret)'] === true || field.name === 'mountFlags') fields.set(field.name, () => stripped);
    else if (contexts.has(field.name)) fields.set(field.name, (value) => Object.keys(value as object));
    else if (nested) fields.set(field.name, (value) => (Array.isArray(value) ? value.map(nested) : nested(value)));
  }
  return redact;
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

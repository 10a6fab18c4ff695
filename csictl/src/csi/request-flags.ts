import { readCapability } from './capability-flag.ts';
import { readBytes, readInteger, readPairs, readTopology } from './flag-values.ts';
import { readSecrets, type SecretFlags } from './read-secrets.ts';
import { isSecret, kebab, type MessageField, type MessageType, messageTypeOf } from './rpc.ts';

/** What commander gives for the flags of a command: by the flag's name in camelCase. */
export type FlagValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** One flag of a command. */
export interface RequestFlag {
  /** `--size <quantity>`; without a value it is a switch. */
  readonly flags: string;
  readonly description: string;
  readonly isList?: boolean;
}

/** A field of a request with the flags that fill it. */
export interface FieldFlags {
  readonly field: MessageField;
  readonly flags: readonly RequestFlag[];
  /** The field's content, or undefined where no flag of it is given. @throws CsictlError USAGE */
  readonly read: (values: FlagValues) => unknown;
}

/** The flags for each field of a request, derived from its descriptor. */
export function flagsOf(type: MessageType): FieldFlags[] {
  return type.fieldsArray.map((field) => {
    const nested = messageTypeOf(field);
    if (isSecret(field)) return secretFlags(field);
    if (nested) return messageFlags(field, nested);
    if (field.map) return mapFlags(field);
    return field.repeated ? listFlags(field) : scalarFlags(field);
  });
}

function secretFlags(field: MessageField): FieldFlags {
  return {
    field,
    flags: [
      { flags: '--secret <key=@file>', description: 'a secret, its value read from a file (repeatable)', isList: true },
      { flags: '--secrets-file <file>', description: 'secrets as a JSON or YAML map' },
    ],
    read: (values) =>
      values['secret'] === undefined && values['secretsFile'] === undefined
        ? undefined
        : readSecrets(values as SecretFlags),
  };
}

/** `parameters` is `--param`, as everybody shortens it. */
const mapNames: Readonly<Record<string, string>> = { parameters: 'param', mutableParameters: 'mutable-param' };

function mapFlags(field: MessageField): FieldFlags {
  const name = mapNames[field.name] ?? kebab(field.name);
  const flag = { flags: `--${name} <key=value>`, description: `an entry of ${field.name} (repeatable)`, isList: true };
  return { field, flags: [flag], read: (values) => whenList(values, name, (texts) => readPairs(`--${name}`, texts)) };
}

function listFlags(field: MessageField): FieldFlags {
  const name = kebab(field.name).replace(/s$/, '');
  const flag = { flags: `--${name} <text>`, description: `one of ${field.name} (repeatable)`, isList: true };
  return { field, flags: [flag], read: (values) => whenList(values, name, (texts) => texts) };
}

function scalarFlags(field: MessageField): FieldFlags {
  const name = kebab(field.name);
  if (field.type === 'bool')
    return {
      field,
      flags: [{ flags: `--${name}`, description: `set ${field.name}` }],
      read: (values) => values[camel(name)],
    };
  const isText = field.type === 'string';
  const flag = { flags: `--${name} <${isText ? 'text' : 'number'}>`, description: field.name };
  const bits = field.type.endsWith('64') ? 64 : 32;
  const read = (text: string) => (isText ? text : readInteger(`--${name}`, text, bits));
  return { field, flags: [flag], read: (values) => whenText(values, name, read) };
}

type MessageFlags = (field: MessageField) => FieldFlags;

const byMessage: Readonly<Record<string, MessageFlags>> = {
  VolumeCapability: capabilityFlags,
  CapacityRange: rangeFlags,
  VolumeContentSource: sourceFlags,
  Topology: topologyFlags,
  TopologyRequirement: requirementFlags,
};

/** A message that no short form is known for is given with --request. */
function messageFlags(field: MessageField, type: MessageType): FieldFlags {
  return byMessage[type.name]?.(field) ?? { field, flags: [], read: () => undefined };
}

function capabilityFlags(field: MessageField): FieldFlags {
  const flag = {
    flags: '--cap <mode,access>',
    description: `capability: MODE,mount[,FSTYPE][,flag=FLAG][,group=GID] or MODE,block${field.repeated ? ' (repeatable)' : ''}`,
    isList: true,
  };
  const read = (texts: readonly string[]) => {
    const all = texts.map(readCapability);
    return field.repeated ? all : all.at(-1);
  };
  return { field, flags: [flag], read: (values) => whenList(values, 'cap', read) };
}

function rangeFlags(field: MessageField): FieldFlags {
  const flags = [
    { flags: '--size <quantity>', description: 'least size, e.g. 1Gi' },
    { flags: '--limit <quantity>', description: 'greatest size, e.g. 2Gi' },
  ];
  const read = (values: FlagValues) => {
    const requiredBytes = whenText(values, 'size', (text) => readBytes('--size', text));
    const limitBytes = whenText(values, 'limit', (text) => readBytes('--limit', text));
    if (requiredBytes === undefined && limitBytes === undefined) return undefined;
    return { ...(requiredBytes ? { requiredBytes } : {}), ...(limitBytes ? { limitBytes } : {}) };
  };
  return { field, flags, read };
}

function sourceFlags(field: MessageField): FieldFlags {
  const flags = [
    { flags: '--from-snapshot <id>', description: 'content of this snapshot' },
    { flags: '--from-volume <id>', description: 'content of this volume' },
  ];
  const read = (values: FlagValues) =>
    whenText(values, 'from-snapshot', (snapshotId) => ({ snapshot: { snapshotId } })) ??
    whenText(values, 'from-volume', (volumeId) => ({ volume: { volumeId } }));
  return { field, flags, read };
}

function topologyFlags(field: MessageField): FieldFlags {
  const flag = { flags: '--topology <key=value,…>', description: 'segments of the place asked about' };
  return {
    field,
    flags: [flag],
    read: (values) => whenText(values, 'topology', (text) => readTopology('--topology', text)),
  };
}

function requirementFlags(field: MessageField): FieldFlags {
  const flags = [
    {
      flags: '--topology <key=value,…>',
      description: 'segments it must be reachable from (repeatable: any of)',
      isList: true,
    },
    { flags: '--preferred-topology <key=value,…>', description: 'segments tried first (repeatable)', isList: true },
  ];
  const list = (values: FlagValues, name: string) =>
    whenList(values, name, (texts) => texts.map((text) => readTopology(`--${name}`, text)));
  const read = (values: FlagValues) => {
    const [requisite, preferred] = [list(values, 'topology'), list(values, 'preferred-topology')];
    return requisite || preferred ? { requisite: requisite ?? [], preferred: preferred ?? [] } : undefined;
  };
  return { field, flags, read };
}

function whenText<T>(values: FlagValues, name: string, read: (text: string) => T): T | undefined {
  const value = values[camel(name)];
  return typeof value === 'string' ? read(value) : undefined;
}

function whenList<T>(values: FlagValues, name: string, read: (texts: readonly string[]) => T): T | undefined {
  const value = values[camel(name)];
  return Array.isArray(value) ? read(value as readonly string[]) : undefined;
}

function camel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

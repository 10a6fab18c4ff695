/** How Go's structs name and hold the fields of their protobuf messages: what the descriptors do not tell. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { modules, release } from './modules.ts';

export interface ProtoField {
  /** Empty where the struct is embedded: its fields are the parent's. */
  readonly json: string;
  /** Held by value, and so written though it is empty. */
  readonly always: boolean;
}

const folders: Readonly<Record<string, string>> = {
  'io.k8s.api': 'api',
  'io.k8s.apimachinery': 'apimachinery',
  'io.k8s.apiextensions-apiserver': 'apiextensions-apiserver',
  'io.k8s.kube-aggregator': 'kube-aggregator',
};
interface GoPackage {
  readonly structs: ReadonlyMap<string, ReadonlyMap<number, ProtoField>>;
  /** What it takes over from another version of its group, by the message's name there. */
  readonly aliases: ReadonlyMap<string, string>;
}

const packages = new Map<string, GoPackage>();

/** The fields of a message by their numbers. @throws Error – no Go struct has this name. */
export function protoFieldsOf(message: string): ReadonlyMap<number, ProtoField> {
  const at = message.lastIndexOf('.');
  const pkg = message.slice(0, at);
  const name = message.slice(at + 1);
  const known = packages.get(pkg) ?? readPackage(pkg);
  packages.set(pkg, known);
  const fields = known.structs.get(name);
  if (fields) return fields;
  const other = known.aliases.get(name);
  if (other === undefined) throw new Error(`no Go struct for ${message}`);
  return protoFieldsOf(other);
}

/** The fields of a package's messages as its .proto file has them, for packages that no descriptor has. */
export function messagesOf(pkg: string): ReadonlyMap<string, Readonly<Record<string, ProtoDeclaration>>> {
  const text = readFileSync(join(folderOf(pkg), 'generated.proto'), 'utf8').replace(/^\s*\/\/.*$/gm, '');
  const messages = [...text.matchAll(/^message (\w+) \{(.*?)^\}/gms)];
  return new Map(messages.map(([, name, body]) => [`${pkg}.${name}`, declarations(body as string)]));
}

export interface ProtoDeclaration {
  readonly type: string;
  readonly id: number;
  readonly rule?: 'repeated';
}

function declarations(body: string): Readonly<Record<string, ProtoDeclaration>> {
  const fields = [...body.matchAll(/^\s*(optional|repeated) (\S+) (\w+) = (\d+);/gm)];
  return Object.fromEntries(
    fields.map(([, rule, type = '', name = '', id]) => [
      name,
      { type, id: Number(id), ...(rule === 'repeated' ? { rule: 'repeated' as const } : {}) },
    ]),
  );
}

export const hasGoTypes = existsSync(join(modules, `api@v${release}`));

function folderOf(pkg: string): string {
  const [prefix, module] = Object.entries(folders).find(([prefix]) => pkg.startsWith(`${prefix}.`)) ?? [];
  if (prefix === undefined) throw new Error(`no Go module for ${pkg}`);
  return join(modules, `${module}@v${release}`, pkg.slice(prefix.length + 1).replaceAll('.', '/'));
}

function readPackage(pkg: string): GoPackage {
  const folder = folderOf(pkg);
  const files = readdirSync(folder).filter((name) => /\.go$/.test(name) && !/_test|zz_|\.pb\.go|swagger/.test(name));
  const sources = files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
  const structs = new Map<string, ReadonlyMap<number, ProtoField>>();
  for (const [, name, body] of sources.matchAll(/^type (\w+) struct ?\{(\}|\n.*?^\})/gms))
    structs.set(name as string, new Map((body as string).split('\n').flatMap(readField)));
  const aliases = new Map<string, string>();
  for (const [, name, version, other] of sources.matchAll(/^type (\w+) (?:= )?(v\d\w*)\.(\w+)$/gm))
    aliases.set(name as string, `${pkg.slice(0, pkg.lastIndexOf('.'))}.${version}.${other}`);
  return { structs, aliases };
}

function readField(line: string): [number, ProtoField][] {
  const [, type = '', tags = ''] = /^\s+(?:\w+\s+)?(\S+)\s+`([^`]*)`/.exec(line) ?? [];
  const [, id, rule] = /protobuf:"\w+,(\d+),(\w+)/.exec(tags) ?? [];
  if (id === undefined) return [];
  const json = /json:"([^",]*)/.exec(tags)?.[1] ?? '';
  return [[Number(id), { json, always: rule === 'opt' && !/^(\*|\[\]|map\[)/.test(type) }]];
}

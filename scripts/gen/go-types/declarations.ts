/** The types of Go packages and the fields of their structs, by how Go's reflection prints them. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { modules, release } from './modules.ts';

/** A field as JSON sees it. */
export interface PrintedField {
  /** The Go names of the embedded structs it is in, outermost first. */
  readonly embedding: readonly string[];
  /**
   * As reflection prints it, without a pointer before it. A name of a list or map is followed by `=` and what it stands for:
   * `v1.ExtraValue=[]string`.
   */
  readonly type: string;
}

interface Declaration {
  readonly name: string;
  /** What stands after its name: `struct`, or another type. */
  readonly type: string;
  readonly alias: boolean;
  readonly lines: readonly string[];
  readonly from: Source;
}

interface Source {
  /** The import path below k8s.io: `api/core/v1`. */
  readonly path: string;
  /** Import name → path. */
  readonly imports: ReadonlyMap<string, string>;
}

const packages = new Map<string, ReadonlyMap<string, Declaration>>();

/** The fields of a struct such as `io.k8s.api.core.v1.Pod`, by their JSON names. @throws Error – there is no such type. */
export function printedFields(name: string): ReadonlyMap<string, PrintedField> {
  const parts = name.replace('io.k8s.', '').split('.');
  const type = parts.pop() as string;
  return fieldsOf(declaration(parts.join('/'), type));
}

function fieldsOf(struct: Declaration): Map<string, PrintedField> {
  if (struct.type !== 'struct') return fieldsOf(resolve(struct.type, struct.from) as Declaration);
  const fields = new Map<string, PrintedField>();
  const inner: [string, PrintedField][] = [];
  for (const line of struct.lines) {
    const [, name, pointer, type, tags] = /^\t(?:(\w+)\s+)?(\*?)([\w.*[\]]+)\s+`([^`]*)`/.exec(line) ?? [];
    const json = /json:"([^",]*)/.exec(tags ?? '')?.[1];
    if (type === undefined || json === undefined || json === '-') continue;
    if (json !== '') fields.set(json, { embedding: [], type: printed(type, struct.from) });
    else if (name === undefined) inner.push(...embedded(type, struct.from));
    else throw new Error(`${struct.name}.${name} has no name in JSON${pointer}`);
  }
  for (const [json, field] of inner) if (!fields.has(json)) fields.set(json, field);
  return fields;
}

function embedded(type: string, from: Source): [string, PrintedField][] {
  const struct = resolve(type, from);
  if (!struct) throw new Error(`no struct ${type}`);
  const name = type.split('.').at(-1) as string;
  return [...fieldsOf(struct)].map(([json, field]) => [json, { ...field, embedding: [name, ...field.embedding] }]);
}

function printed(type: string, from: Source): string {
  if (type.startsWith('*')) return `*${printed(type.slice(1), from)}`;
  if (type.startsWith('[]')) return `[]${printed(type.slice(2), from)}`;
  const [, key, value] = /^map\[(.+?)\](.+)$/.exec(type) ?? [];
  if (key && value) return `map[${printed(key, from)}]${printed(value, from)}`;
  if (type === 'byte') return 'uint8';
  const named = resolve(type, from);
  if (!named) return type;
  if (named.alias) return printed(named.type, named.from);
  const own = `${basename(named.from.path)}.${named.name}`;
  const holds = underlying(named);
  return /^(\[\]|map\[)/.test(holds.type) ? `${own}=${printed(holds.type, holds.from)}` : own;
}

function underlying(named: Declaration): Declaration {
  const next = /^(\[\]|map\[)|^struct$/.test(named.type) ? undefined : resolve(named.type, named.from);
  return next ? underlying(next) : named;
}

/** Undefined for Go's own types. */
function resolve(type: string, from: Source): Declaration | undefined {
  const [name, prefix] = type.split('.').reverse() as [string, string?];
  if (prefix === undefined) return readPackage(from.path).get(name);
  const path = from.imports.get(prefix);
  if (path === undefined) throw new Error(`${from.path} imports no ${prefix}`);
  return declaration(path, name);
}

function declaration(path: string, name: string): Declaration {
  const found = readPackage(path).get(name);
  if (!found) throw new Error(`${path} has no type ${name}`);
  return found;
}

function readPackage(path: string): ReadonlyMap<string, Declaration> {
  const known = packages.get(path);
  if (known) return known;
  const [module, ...rest] = path.split('/');
  const folder = join(modules, `${module}@v${release}`, ...rest);
  const files = readdirSync(folder).filter((name) => /\.go$/.test(name) && !/_test|zz_|\.pb\.go|swagger/.test(name));
  const read = new Map(files.flatMap((file) => declarations(readFileSync(join(folder, file), 'utf8'), path)));
  packages.set(path, read);
  return read;
}

function declarations(source: string, path: string): [string, Declaration][] {
  const imported = [...source.matchAll(/^\s*(?:import )?(\w+)?\s*"k8s\.io\/(\S+)"$/gm)];
  const imports = new Map(imported.map(([, name, path = '']) => [name ?? basename(path), path]));
  const types = source.matchAll(/^type (\w+) (= )?(?:(struct) ?\{(?:\}|\n(.*?)^\})|([\w.*[\]]+))/gms);
  return [...types].map(([, name = '', alias, struct, body, other]) => [
    name,
    {
      name,
      type: struct ?? (other as string),
      alias: alias !== undefined,
      lines: (body ?? '').split('\n'),
      from: { path, imports },
    },
  ]);
}

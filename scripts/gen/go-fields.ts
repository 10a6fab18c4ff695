/**
 * Writes go-fields.json: which fields Go omits at their zero value, always writes, or keeps though empty. OpenAPI does not
 * tell; the `json` tags and pointers of Kubernetes' Go types do. Wants `KUBERNETES_GO`, a folder with check-outs of
 * k8s.io/{api,apimachinery,apiextensions-apiserver,kube-aggregator}; without it the committed file stays as it is.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readFacts } from './facts.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly additionalProperties?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly 'x-kubernetes-group-version-kind'?: unknown;
}

interface GoField {
  readonly json: string;
  readonly options: readonly string[];
  readonly type: string;
}

const modules = ['api', 'apimachinery', 'apiextensions-apiserver', 'kube-aggregator'];
const metaV1 = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const ownJson = ['RawExtension', 'FieldsV1', 'Patch'];
const structs = new Map<string, GoField[]>();

const folder = process.env['KUBERNETES_GO'];
if (folder) {
  for (const module of modules) readModule(join(folder, module), `io.k8s.${module}`);
  const { definitions } = readFacts<{ definitions: Record<string, Schema> }>('kubernetes-1.36.openapi.json');
  const rows = Object.entries(definitions).map(([name, schema]) => [name, row(name, schema, definitions)] as const);
  const result = Object.fromEntries(rows.filter(([, fields]) => Object.keys(fields).length > 0).sort());
  writeFileSync(join(import.meta.dirname, 'go-fields.json'), `${JSON.stringify(result)}\n`);
}

function readModule(root: string, prefix: string): void {
  if (!existsSync(root)) throw new Error(`KUBERNETES_GO has no ${root}`);
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!/\/(types|micro_time|time)[^/]*\.go$/.test(path) || /_test|swagger/.test(path)) continue;
    const source = readFileSync(join(root, path), 'utf8');
    const pkg = `${prefix}.${dirname(path).replaceAll('/', '.')}`;
    for (const [, name, body] of source.matchAll(/^type (\w+) struct \{\n(.*?)^\}/gms)) {
      structs.set(`${pkg}.${name}`, (body as string).split('\n').flatMap(readField));
    }
  }
}

function readField(line: string): GoField[] {
  const [, type, tags] = /^\s+(?:\w+\s+)?(\S+)\s+`([^`]*)`/.exec(line) ?? [];
  const [, tag] = /json:"([^"]*)"/.exec(tags ?? '') ?? [];
  if (type === undefined || tag === undefined) return [];
  const [json = '', ...options] = tag.split(',');
  return [{ json, options, type }];
}

/** The fields of a struct as JSON sees them: embedded ones belong to it. */
function fieldsOf(name: string): Map<string, GoField> {
  const pkg = name.slice(0, name.lastIndexOf('.'));
  const result = new Map<string, GoField>();
  for (const field of structs.get(name) ?? []) {
    if (field.json !== '' && !field.options.includes('inline')) {
      result.set(field.json, field);
      continue;
    }
    const type = field.type.replace('*', '');
    const [alias, foreign] = type.split('.');
    const inMeta = `${metaV1}.${foreign}`;
    const other = structs.has(inMeta) || alias !== 'v1' ? inMeta : `io.k8s.api.core.v1.${foreign}`;
    for (const [json, embedded] of fieldsOf(foreign === undefined ? `${pkg}.${type}` : other)) result.set(json, embedded);
  }
  return result;
}

function row(name: string, schema: Schema, definitions: Readonly<Record<string, Schema>>) {
  const [always, keep, zero]: [string[], string[], string[]] = [[], [], []];
  const go = fieldsOf(name);
  for (const [property, facts] of Object.entries(schema.properties ?? {})) {
    const field = go.get(property);
    if (!field || ((property === 'kind' || property === 'apiVersion') && schema['x-kubernetes-group-version-kind'])) continue;
    const omitted = field.options.some((option) => option === 'omitempty' || option === 'omitzero');
    const pointer = field.type.startsWith('*');
    const struct = facts.$ref?.split('/').at(-1);
    if (struct !== undefined) {
      const plain = definitions[struct]?.type === 'object' && !ownJson.includes(struct.split('.').at(-1) as string);
      if (plain && !pointer && !field.options.includes('omitzero')) always.push(property);
    } else if (facts.type === 'array' || facts.additionalProperties) {
      if ((!omitted || pointer) && !schema.required?.includes(property)) keep.push(property);
    } else if (omitted && !pointer && facts.type !== 'object' && facts.format !== 'byte' && facts.format !== 'date-time') {
      zero.push(property);
    }
  }
  return {
    ...(always.length ? { always: always.sort() } : {}),
    ...(keep.length ? { keep: keep.sort() } : {}),
    ...(zero.length ? { zero: zero.sort() } : {}),
  };
}

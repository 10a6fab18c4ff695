import { typeNames } from './gen/type-names.ts';
import { goTypeName } from './go-json.ts';
import type { FieldSchema, ObjectSchema } from './schema.ts';

/** A field as Go's errors speak of it. */
export interface GoField {
  /** The struct that has it, and the way there from the outermost: `Container.spec.containers.image`. */
  readonly place: string;
  /** As Go prints it: `v1.PullPolicy`. */
  readonly type: string;
}

/** What stands at `path` in a `root`: fields, places in lists and keys of maps, as far as the schema goes. */
export function goFieldAt(root: ObjectSchema, path: readonly string[]): GoField {
  let struct = root;
  let field: FieldSchema | undefined;
  let type = root.goType;
  const names: string[] = [];
  for (const segment of path) {
    if (field && field.type !== 'struct') {
      field = field.element;
      type = elementOf(type);
      continue;
    }
    struct = field?.struct ?? root;
    field = struct.fields.get(segment) as FieldSchema;
    const known = factsOf(struct);
    type = known.types.get(segment) ?? goTypeName(field);
    names.push(...(known.embedding.get(segment) ?? []), segment);
  }
  return { place: `${struct.goName}.${names.join('.')}`, type: type.replace(/=.*/, '').replace(/^\*/, '') };
}

/** Of `[]*v1.A` or `map[string]v1.B=[]string`. */
function elementOf(type: string): string {
  return type.replace(/^\*?[\w.]+=/, '').replace(/^(\[\]|map\[.+?\])/, '');
}

interface Facts {
  /** Where they are not as {@link goTypeName} has them. A named list or map is followed by `=` and what it is. */
  readonly types: ReadonlyMap<string, string>;
  /** Of fields of embedded structs: the names of these, outermost first. */
  readonly embedding: ReadonlyMap<string, readonly string[]>;
}

/**
 * A struct's line of the table: its name – where others have the same, the full one –, and then `field:type`, or
 * `>Embedded.Structs:field,field`. A type of the struct's own package has no name of a package, only the point after it.
 */
function factsOf({ name, goName, goType }: ObjectSchema): Facts {
  const table = typeNames();
  const line = lineOf(table, name.replace('io.k8s.', '')) ?? lineOf(table, goName) ?? '';
  const types = new Map<string, string>();
  const embedding = new Map<string, readonly string[]>();
  for (const word of line.split(' ').filter(Boolean)) {
    const [what, of] = word.split(':') as [string, string];
    const structs = what.startsWith('>') ? what.slice(1).split('.') : undefined;
    if (structs) for (const field of of.split(',')) embedding.set(field, structs);
    else types.set(what, of.replace(/(?<![\w.])\./g, goType.slice(0, -goName.length)));
  }
  return { types, embedding };
}

function lineOf(table: string, name: string): string | undefined {
  return new RegExp(`\n${name.replaceAll('.', '\\.')}( .*)?\n`).exec(table)?.[0].trim().slice(name.length);
}

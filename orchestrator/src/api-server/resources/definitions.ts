import { copyJson, type ObjectMeta, sentEmpties } from '@berth/kube';
import { nextGeneration } from '../next-generation.ts';
import type { AnyObject, FieldError, ResourceDefinition, Rules, TableColumn } from '../resource-definition.ts';
import { changesAlone, metadataAsWhole, metadataLast } from './changes-alone.ts';
import { dropClosedFields } from './closed-fields.ts';
import { genericCells } from './columns.ts';
import { semanticEqual } from './equality.ts';
import { resourceTable } from './gen/resource-table.ts';
import { kindRules } from './kind-rules.ts';
import { type NameRule, validateObjectMeta, validateObjectMetaUpdate, validateStandardFinalizers } from './metadata.ts';
import type { ResourceRow } from './resource-row.ts';
import type { KindRules } from './rules.ts';
import { statusWarnings } from './status-warnings.ts';
import { warningsOf } from './warnings.ts';
import { toPlainForm, toWireForm, withoutNulls } from './wire-form.ts';

const genericColumns: ResourceRow['columns'] = [
  ['Name', 'string', 'name', 0],
  ['Created At', 'date', '', 0],
];

/** Every built-in resource with its rules: what routing, discovery, tables and storage derive from. */
export const definitions: readonly ResourceDefinition[] = resourceTable.map(definitionOf);

function definitionOf(row: ResourceRow): ResourceDefinition {
  const { columns, storedVersion, ...names } = row;
  const kind = kindRules[`${row.group}/${row.plural}`] ?? {};
  const own = kind.versions?.[row.version];
  const storedAs = own?.storedAs ?? sameStore(row, storedVersion);
  return {
    ...names,
    columns: columnsOf(columns, { ...genericCells, ...kind.cells, ...own?.cells }),
    rules: completeRules(row, kind, { ...kind.rules, ...own?.rules }),
    stored: row.verbs.includes('get') && kind.stored !== false,
    ...(storedAs ? { storedAs } : {}),
    ...(kind.cellsBeyond ? { cellsBeyond: kind.cellsBeyond } : {}),
  };
}

/** Wraps a kind's own rules in what holds for every kind: wire form, metadata, status and generation. */
function completeRules(row: ResourceRow, kind: KindRules, own: Rules): Rules {
  const nameRule: NameRule = own.nameRule ?? 'dnsSubdomain';
  const hasStatus = row.subresources.some(({ name }) => name === 'status');
  const fill = (object: AnyObject): void => {
    toPlainForm(object, row.schema);
    own.default?.(object);
  };
  const path = `${row.group}/${row.plural}`;
  // These are checked by libraries that know no finalizers.
  const knowsNone =
    /^(api(extensions|registration)|admissionregistration|coordination|node)\./.test(row.group) ||
    metadataLast.has(path);
  const finalizerErrors = knowsNone ? () => [] : validateStandardFinalizers;
  const changeErrors =
    metadataAsWhole.has(path) || metadataLast.has(path)
      ? () => []
      : (next: AnyObject, old: AnyObject) => [...validateObjectMetaUpdate(next, old), ...finalizerErrors(next)];
  const validateMetadataUpdate = (sent: AnyObject, stored: AnyObject) =>
    commonUpdateErrors(row, withoutNulls(sent), withoutNulls(stored));
  const first = own.validateChangeFirst;
  const onUpdate =
    (check: Rules['validateUpdate'], ofMetadata = changeErrors) =>
    (sent: AnyObject, stored: AnyObject) => {
      const next = withoutNulls(sent);
      const old = withoutNulls(stored);
      return [...ofMetadata(next, old), ...(check?.(next, old) ?? [])];
    };
  const statusMetadataErrors = (next: AnyObject, old: AnyObject) => [
    ...validateMetadataUpdate(next, old),
    ...validateObjectMetaUpdate(next, old),
    ...finalizerErrors(next),
  ];
  return {
    ...own,
    ...preparations({ kind, own, hasStatus, fill, dropClosed: dropClosedFields[path] }),
    nameRule,
    warnings: (object, old) => warningsOf(row.kind)?.(withoutNulls(object), old && withoutNulls(old)) ?? [],
    statusWarnings: (object) => statusWarnings(row.kind, object),
    default: (object) => {
      fill(object);
      toWireForm(object, row.schema);
    },
    validate: (sent, stored) => {
      const object = withoutNulls(sent);
      const errors = own.validate?.(object, stored && withoutNulls(stored)) ?? [];
      if (metadataLast.has(path) && errors.length > 0) return errors;
      const all = [...validateObjectMeta(object, row.namespaced, nameRule), ...finalizerErrors(object), ...errors];
      // What a kind takes for a name has to be one in a path.
      const isLax = nameRule === 'any' || nameRule === 'longName';
      return all.length > 0 || !isLax ? all : validateObjectMeta(object, row.namespaced, 'pathSegment');
    },
    ...(changesAlone.has(path) || metadataLast.has(path)
      ? { validateChanged: (object, old) => own.validate?.(withoutNulls(object), old && withoutNulls(old)) ?? [] }
      : {}),
    validateMetadataUpdate,
    ...(first ? { validateChangeFirst: onUpdate(first) } : {}),
    validateUpdate: first ? (next, old) => own.validateUpdate?.(next, old) ?? [] : onUpdate(own.validateUpdate),
    ...(hasStatus ? { validateStatusUpdate: onUpdate(own.validateStatusUpdate, statusMetadataErrors) } : {}),
    ...(own.subresources ? { subresources: mapRules(own.subresources, onUpdate) } : {}),
  };
}

type Subresources = NonNullable<Rules['subresources']>;

function mapRules(
  rules: Subresources,
  onUpdate: (check: Rules['validateUpdate']) => NonNullable<Rules['validateUpdate']>,
): Subresources {
  return Object.fromEntries(
    Object.entries(rules).map(([name, rule]) => [name, { ...rule, validateUpdate: onUpdate(rule.validateUpdate) }]),
  );
}

interface Preparation {
  readonly kind: KindRules;
  readonly own: Rules;
  readonly hasStatus: boolean;
  readonly fill: (object: AnyObject) => void;
  readonly dropClosed: (typeof dropClosedFields)[string] | undefined;
}

/** Defaults come before, as upstream fills them while decoding; comparing what was sent with what is stored needs that. */
function preparations({ kind, own, hasStatus, fill, dropClosed }: Preparation): Rules {
  return {
    prepareForCreate: (object, context) => {
      fill(object);
      dropClosed?.(object, undefined);
      if (hasStatus && !kind.keepsStatusOnCreate) delete object['status'];
      own.prepareForCreate?.(object, context);
      if (kind.generation?.initial) object.metadata.generation = 1;
    },
    prepareForUpdate: (next, stored, context) => {
      const old = withoutNulls(stored);
      fill(next);
      const isCounted = kind.generation?.countsDropped && isAnother(kind.generation, next, old);
      dropClosed?.(next, old);
      if (hasStatus) takeOver(next, old, 'status');
      if (old.metadata.generation === undefined) delete next.metadata.generation;
      else next.metadata.generation = old.metadata.generation;
      own.prepareForUpdate?.(next, old, context);
      if (isCounted || (kind.generation && isAnother(kind.generation, next, old)))
        next.metadata.generation = nextGeneration(old.metadata.generation);
    },
    ...(hasStatus
      ? {
          prepareForStatusUpdate: (next, stored, context) => {
            const old = withoutNulls(stored);
            fill(next);
            if (old.metadata.generation !== undefined) next.metadata.generation = old.metadata.generation;
            keepAllButStatus(next, old);
            if (kind.statusKeepsMetadata) keepMetadata(next.metadata, old.metadata);
            own.prepareForStatusUpdate?.(next, old, context);
          },
        }
      : {}),
  };
}

function isAnother({ of, exactly }: NonNullable<KindRules['generation']>, next: AnyObject, old: AnyObject): boolean {
  if (!semanticEqual(of(next), of(old))) return true;
  // What is stored has no empty lists.
  return exactly !== undefined && sentEmpties(next).some(([first]) => first === exactly);
}

function takeOver(next: AnyObject, old: AnyObject, key: string): void {
  if (old[key] === undefined) delete next[key];
  else next[key] = copyJson(old[key]);
}

/** The check the generic registry makes before the kind's own; upstream reports its errors too (rest.BeforeUpdate). */
function commonUpdateErrors(row: ResourceRow, next: AnyObject, old: AnyObject): FieldError[] {
  return [...validateObjectMeta(next, row.namespaced, 'pathSegment'), ...validateObjectMetaUpdate(next, old)];
}

/** The status endpoint writes status and metadata, nothing else. */
function keepAllButStatus(next: AnyObject, old: AnyObject): void {
  for (const key of new Set([...Object.keys(next), ...Object.keys(old)]))
    if (!['status', 'metadata', 'apiVersion', 'kind'].includes(key)) takeOver(next, old, key);
}

function keepMetadata(next: ObjectMeta, old: ObjectMeta): void {
  const { labels, annotations, finalizers, ownerReferences } = old;
  const kept = { labels, annotations, finalizers, ownerReferences };
  for (const [name, value] of Object.entries(kept)) {
    if (value === undefined) delete next[name as keyof typeof kept];
    else Object.assign(next, { [name]: copyJson(value) });
  }
}

/** Another version of the same schema: only apiVersion differs. */
function sameStore({ group, plural, version }: ResourceRow, storedVersion: string | undefined) {
  if (storedVersion === undefined) return undefined;
  const as = (apiVersion: string) => (object: AnyObject) => ({ ...object, apiVersion });
  return { group, plural, toStored: as(`${group}/${storedVersion}`), fromStored: as(`${group}/${version}`) };
}

function columnsOf(columns: ResourceRow['columns'], cells: NonNullable<KindRules['cells']>): TableColumn[] {
  const shown = columns.length > 0 ? columns : genericColumns;
  return shown.map(([name, type, format, priority]) => ({
    name,
    type,
    format,
    priority,
    description: `${name} of the object, as kubectl prints it.`,
    cell: cells[name] ?? (() => null),
  }));
}

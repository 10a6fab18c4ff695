import type { CustomResourceDefinition, CustomResourceDefinitionNames } from '@berth/kube';
import { openApiMergeType } from '@berth/kube';
import type { ExpressionTimes } from '../../metrics/expression-times.ts';
import { ObjectStorage } from '../../object-storage.ts';
import type { AnyObject, ResourceDefinition, SubresourceDefinition } from '../../resource-definition.ts';
import type { CustomResource, ScaleFields } from '../custom-resource.ts';
import { isConditionTrue } from '../definition/conditions.ts';
import { type DefinitionVersion, versionsOf } from '../definition/internal-spec.ts';
import { growthOf } from '../schema/growth.ts';
import { isLargeSchema } from '../schema/is-large-schema.ts';
import { hasDefault, type JsonSchema, propertyOf } from '../schema/json-schema.ts';
import { compareVersions } from '../version-order.ts';
import { ConvertingStorage, type ConvertObjects } from './converting-storage.ts';
import { CustomChecks } from './custom-checks.ts';
import { CustomCodec } from './custom-codec.ts';
import { CustomForm } from './custom-form.ts';
import { customRules } from './custom-rules.ts';
import { deprecationWarning } from './deprecation-warning.ts';
import { printerColumns } from './printer-columns.ts';

const verbs = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const changing = ['get', 'patch', 'update'];

export interface ServedParts {
  /** Aborts when these definitions are served no more. */
  readonly ended: AbortSignal;
  /** Of a definition whose versions a webhook converts. */
  readonly convert: ConvertObjects | undefined;
  readonly times: ExpressionTimes;
}

/** The definitions an established CustomResourceDefinition brings: one a served version, preferred first. */
export function customDefinitions(crd: CustomResourceDefinition, parts: ServedParts): ResourceDefinition[] {
  const versions = versionsOf(crd.spec);
  const names = crd.status?.acceptedNames ?? crd.spec.names;
  const storage = versions.find((version) => version.storage) ?? versions[0];
  const forms = new Map(
    versions.map((version) => [version.name, new CustomForm(version.name, names.kind, schemaOf(version))]),
  );
  const shared: Shared = { crd, names, forms, storageVersion: storage?.name ?? '', ...parts };
  const served = versions.filter((version) => version.served);
  return served.sort((a, b) => compareVersions(a.name, b.name)).map((version) => definitionOf(version, shared));
}

interface Shared extends ServedParts {
  readonly crd: CustomResourceDefinition;
  readonly names: CustomResourceDefinitionNames;
  readonly forms: ReadonlyMap<string, CustomForm>;
  readonly storageVersion: string;
}

function definitionOf(version: DefinitionVersion, shared: Shared): ResourceDefinition {
  const { crd, names, storageVersion } = shared;
  const { group } = crd.spec;
  const about = { group, version: version.name, kind: names.kind, plural: names.plural };
  const schema = schemaOf(version);
  const custom = customOf(version, shared, () => definition);
  const hasStatus = version.subresources?.status !== undefined;
  const preserve = crd.spec.preserveUnknownFields === true;
  const merge = lazily(() => openApiMergeType(schema as Parameters<typeof openApiMergeType>[0], preserve));
  const definition: ResourceDefinition = {
    ...about,
    singular: names.singular ?? '',
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: crd.spec.scope === 'Namespaced',
    verbs,
    schema: modelName(about),
    ...(version.name === storageVersion
      ? {}
      : { storedAs: otherVersion(group, names.plural, version.name, storageVersion) }),
    get merge() {
      return merge();
    },
    subresources: subresourcesOf(version, about),
    columns: printerColumns(version.additionalPrinterColumns),
    rules: customRules({
      group,
      plural: names.plural,
      form: shared.forms.get(version.name) as CustomForm,
      hasStatus,
      isTerminating: custom.isTerminating,
      selectableFields: (version.selectableFields ?? []).map(({ jsonPath = '' }) => jsonPath.replace(/^\./, '')),
      checks: lazily(
        () =>
          new CustomChecks({
            kind: names.kind,
            apiVersion: `${group}/${version.name}`,
            namespaced: crd.spec.scope === 'Namespaced',
            schema,
            scale: custom.scale,
            times: shared.times,
          }),
      ),
    }),
    stored: true,
    custom,
  };
  return definition;
}

function schemaOf({ schema }: DefinitionVersion): JsonSchema {
  return schema?.openAPIV3Schema ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
}

function customOf(version: DefinitionVersion, shared: Shared, definition: () => ResourceDefinition): CustomResource {
  const { crd, names, forms, storageVersion, ended, convert } = shared;
  const form = forms.get(version.name) as CustomForm;
  let codec: CustomCodec | undefined;
  return {
    listKind: names.listKind ?? `${names.kind}List`,
    storageVersion,
    scale: scaleOf(version),
    ...sizeOf(schemaOf(version)),
    deprecation: version.deprecated
      ? (version.deprecationWarning ?? deprecationWarning(crd.spec, version.name))
      : undefined,
    isTerminating: isConditionTrue(crd, 'Terminating'),
    schema: schemaOf(version),
    ended,
    convert,
    decode: (value, options) => form.decode(value, options),
    settle: (object) => form.settle(object),
    noteSettled: (value) => codec?.noteSettled(value),
    storage: (store, written, writes) => {
      const own = definition();
      const status = version.subresources?.status && propertyOf(schemaOf(version), 'status');
      const lacksStatus = status !== undefined && hasDefault(status);
      codec = new CustomCodec({ definition: own, storageVersion, written, forms, lacksStatus });
      const parts = { store, definition: own, codec, root: `/registry/${own.group}/${own.plural}`, writes };
      return convert ? new ConvertingStorage({ ...parts, convert, storageVersion }) : new ObjectStorage(parts);
    },
  };
}

/** As many defaults as a schema may have places. */
const mostDefaults = 10_000;

function sizeOf(schema: JsonSchema): Pick<CustomResource, 'isLarge' | 'growth'> {
  // All of it is large then.
  if (isLargeSchema(schema)) return { isLarge: true, growth: 0 };
  const { once, each } = growthOf(schema);
  return { isLarge: once > mostDefaults, growth: each };
}

function scaleOf({ subresources }: DefinitionVersion): ScaleFields | undefined {
  const scale = subresources?.scale;
  if (!scale) return undefined;
  const split = (path: string) => path.replace(/^\./, '').split('.');
  return {
    specReplicas: split(scale.specReplicasPath ?? ''),
    statusReplicas: split(scale.statusReplicasPath ?? ''),
    labelSelector: scale.labelSelectorPath ? split(scale.labelSelectorPath) : undefined,
    specReplicasPath: scale.specReplicasPath ?? '',
  };
}

type Names = Pick<ResourceDefinition, 'group' | 'version' | 'kind'>;

function subresourcesOf({ subresources }: DefinitionVersion, { group, version, kind }: Names): SubresourceDefinition[] {
  return [
    ...(subresources?.status ? [{ name: 'status', kind, group, version, verbs: changing }] : []),
    ...(subresources?.scale
      ? [{ name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: changing }]
      : []),
  ];
}

/** `io.example.stable.v1.CronTab` */
function modelName({ group, version, kind }: Names): string {
  return `${group.split('.').reverse().join('.')}.${version}.${kind}`;
}

/** Versions of one resource differ by name, as far as those who ask synchronously are concerned. */
function otherVersion(
  group: string,
  plural: string,
  own: string,
  stored: string,
): NonNullable<ResourceDefinition['storedAs']> {
  const as = (version: string) => (object: AnyObject) => ({ ...object, apiVersion: `${group}/${version}` });
  return { group, plural, toStored: as(stored), fromStored: as(own) };
}

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

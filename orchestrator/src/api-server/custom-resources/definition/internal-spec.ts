import type { CustomResourceDefinitionSpec } from '@berth/kube';
import { sortedJson } from '@berth/kube';
import type { JsonSchema } from '../schema/json-schema.ts';

export interface ScalePaths {
  readonly specReplicasPath?: string;
  readonly statusReplicasPath?: string;
  readonly labelSelectorPath?: string;
}

export interface Subresources {
  readonly status?: object;
  readonly scale?: ScalePaths;
}

export interface PrinterColumn {
  readonly name?: string;
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly priority?: number;
  readonly jsonPath?: string;
}

export interface SelectableField {
  readonly jsonPath?: string;
}

/** What a version has of its own. */
export interface VersionParts {
  readonly schema?: { readonly openAPIV3Schema?: JsonSchema };
  readonly subresources?: Subresources;
  readonly additionalPrinterColumns?: readonly PrinterColumn[];
  readonly selectableFields?: readonly SelectableField[];
}

export interface DefinitionVersion extends VersionParts {
  readonly name: string;
  readonly served?: boolean;
  readonly storage?: boolean;
  readonly deprecated?: boolean;
  readonly deprecationWarning?: string;
}

/**
 * A spec as upstream's unversioned type has it, whose paths its errors name: what all versions have alike stands at the
 * top, and no longer in them (apiextensions v1 conversion).
 */
export interface InternalSpec {
  readonly versions: readonly DefinitionVersion[];
  readonly top: VersionParts;
}

const parts = ['schema', 'subresources', 'additionalPrinterColumns', 'selectableFields'] as const;

export function internalSpec(spec: CustomResourceDefinitionSpec): InternalSpec {
  const versions = versionsOf(spec);
  const first = versions[0];
  if (!first) return { versions, top: {} };
  const shared = parts.filter((part) => versions.every((version) => sameJson(version[part], first[part])));
  const top = Object.fromEntries(shared.flatMap((part) => (first[part] === undefined ? [] : [[part, first[part]]])));
  return { top, versions: versions.map((version) => without(version, shared)) };
}

/** The versions, with types of ours for what is in them. */
export function versionsOf(spec: CustomResourceDefinitionSpec): readonly DefinitionVersion[] {
  return (spec.versions ?? []) as unknown as readonly DefinitionVersion[];
}

function without(version: DefinitionVersion, names: readonly string[]): DefinitionVersion {
  return Object.fromEntries(
    Object.entries(version).filter(([name]) => !names.includes(name)),
  ) as unknown as DefinitionVersion;
}

/** Empty lists and none are the same. */
function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  return sortedJson(emptyAsNone(a) ?? null) === sortedJson(emptyAsNone(b) ?? null);
}

function emptyAsNone(value: unknown): unknown {
  return Array.isArray(value) && value.length === 0 ? undefined : value;
}

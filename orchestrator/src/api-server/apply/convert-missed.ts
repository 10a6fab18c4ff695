import { groupVersionOf, type Versions, validateTyped } from '@berth/kube';
import type { ConvertObjects } from '../custom-resources/serving/converting-storage.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { FieldScope } from './field-scope.ts';

/** Thrown where an object is wanted in a version that only another program makes of it: {@link convertMissed} has it made. */
export class Unconverted extends Error {
  readonly object: AnyObject;
  readonly apiVersion: string;

  constructor(object: AnyObject, apiVersion: string) {
    super(`not yet converted to ${apiVersion}`);
    this.object = object;
    this.apiVersion = apiVersion;
  }
}

/**
 * Runs what compares an object's versions. Where a webhook converts them, what `run` misses is converted and it begins
 * anew, so it does nothing but compare. @throws ApiError – the webhook failed.
 */
export function convertMissed<T>(scope: FieldScope, run: (scope: FieldScope) => T): T | Promise<T> {
  return scope.convert ? runConverting(scope, scope.convert, run) : run(scope);
}

async function runConverting<T>(scope: FieldScope, convert: ConvertObjects, run: (scope: FieldScope) => T): Promise<T> {
  const made = new Map<string, AnyObject>();
  const converting = { ...scope, versions: convertedVersions(scope.versions, made) };
  for (;;) {
    try {
      return run(converting);
    } catch (error) {
      if (!(error instanceof Unconverted)) throw error;
      const { object, apiVersion } = error;
      const [converted] = await convert([object], groupVersionOf(apiVersion).version);
      made.set(nameOf(object, apiVersion), converted as AnyObject);
    }
  }
}

const nameOf = (object: AnyObject, apiVersion: string) => JSON.stringify([apiVersion, object]);

function convertedVersions(versions: Versions, made: ReadonlyMap<string, AnyObject>): Versions {
  return {
    ...versions,
    convert: (typed, apiVersion) => {
      const type = versions.typeOf(apiVersion);
      const { managedFields: _, ...metadata } = (typed.value as AnyObject).metadata ?? {};
      const object = { ...(typed.value as AnyObject), metadata };
      if (object.apiVersion === apiVersion) return typed;
      if (!type) return undefined;
      // Webhooks are not asked about objects of which nothing is set (webhookConverter.Convert).
      if (isEmpty(object)) return { value: { ...object, apiVersion }, type };
      const value = made.get(nameOf(object, apiVersion));
      if (!value) throw new Unconverted(object, apiVersion);
      validateTyped({ value, type });
      return { value, type };
    },
  };
}

function isEmpty({ kind: _, apiVersion: __, metadata, ...rest }: AnyObject): boolean {
  return Object.keys(metadata).length === 0 && Object.keys(rest).length === 0;
}

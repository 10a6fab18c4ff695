import { type ApiError, apiError, goQuote } from '@berth/kube';
import type { AnyObject, ResourceDefinition } from './resource-definition.ts';

type Named = Pick<ResourceDefinition, 'group' | 'plural'>;

/** `deployments.apps`: how upstream's messages name a resource. */
function qualifiedPlural({ group, plural }: Named): string {
  return group === '' ? plural : `${plural}.${group}`;
}

function details({ group, plural }: Named, name: string) {
  return { name, ...(group === '' ? {} : { group }), kind: plural };
}

export function notFound(definition: Named, name: string): ApiError {
  return apiError('NotFound', `${qualifiedPlural(definition)} ${goQuote(name)} not found`, {
    details: details(definition, name),
  });
}

/** The path is served, and what its method asks for is not. */
export function notSupported(definition: Named, verb: string): ApiError {
  const { group, plural: kind } = definition;
  const message = `${verb} is not supported on resources of kind "${qualifiedPlural(definition)}"`;
  return apiError('MethodNotAllowed', message, { details: { ...(group === '' ? {} : { group }), kind } });
}

/** `there` is what has its name; it may be on its way out (registry store.go). */
export function alreadyExists(definition: Named, name: string, there: AnyObject | undefined): ApiError {
  const leaving = there?.metadata.deletionTimestamp === undefined ? '' : 'object is being deleted: ';
  return apiError('AlreadyExists', `${leaving}${qualifiedPlural(definition)} ${goQuote(name)} already exists`, {
    details: details(definition, name),
  });
}

export function conflict(definition: Named, name: string, why: string): ApiError {
  return apiError(
    'Conflict',
    `Operation cannot be fulfilled on ${qualifiedPlural(definition)} ${goQuote(name)}: ${why}`,
    {
      details: details(definition, name),
    },
  );
}

export function forbidden(definition: Named, name: string, why: string): ApiError {
  return apiError('Forbidden', `${qualifiedPlural(definition)} ${goQuote(name)} is forbidden: ${why}`, {
    details: details(definition, name),
  });
}

/** The answer to a lost race. */
export function modified(definition: Named, name: string): ApiError {
  const why = 'the object has been modified; please apply your changes to the latest version and try again';
  return conflict(definition, name, why);
}

/** The object that a request is about has another uid or revision than it says, or is not there. */
export function anotherObject(
  definition: Pick<ResourceDefinition, 'group' | 'plural'>,
  about: {
    readonly name: string;
    readonly key: string;
    readonly field?: 'uid' | 'resourceVersion';
    readonly wanted: string;
    readonly have: string | undefined;
  },
): ApiError {
  const { name, key, field = 'uid', wanted, have } = about;
  const told = field === 'uid' ? 'UID' : 'ResourceVersion';
  return conflict(
    definition,
    name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ${told} in precondition: ${wanted}, ${told} in object meta: ${have}`,
  );
}

import { apiVersionOf, type MergeType, mergeTyped, TypedError, validateTyped } from '@berth/kube';
import type { Mutation } from '../../../cel/admission/compile-mutations.ts';
import { type ExpectedKind, expectedKind, unknownConversion, unregisteredKind } from '../../body-decoder.ts';
import type { AnyObject, ResourceDefinition } from '../../resource-definition.ts';
import type { ServerContext } from '../../server-context.ts';
import { applyInWords } from '../../webhook/admission/hook-patch.ts';
import { internalError, notOfKind } from '../../webhook/admission/invocation.ts';

/** A mutation that cannot be made: its policy's failurePolicy says what follows. */
export class MutationError extends Error {}

/** The object as the mutation leaves it, in the version of `definition`. @throws MutationError */
export async function applyMutation(
  object: AnyObject,
  mutation: Mutation,
  { definition, context }: { readonly definition: ResourceDefinition; readonly context: ServerContext },
): Promise<AnyObject> {
  if (mutation.type === 'error') throw new MutationError(mutation.message);
  const changed =
    mutation.type === 'patch'
      ? await patched(object, mutation.operations)
      : merged(object, mutation.configuration, context.fields.of(definition, '').type);
  if (changed === object) return object;
  const next = conformed(changed as Record<string, unknown>, { mutation, definition, context });
  definition.rules.default?.(next);
  return next;
}

interface Conforming {
  readonly mutation: Mutation;
  readonly definition: ResourceDefinition;
  readonly context: ServerContext;
}

/** What a patch made is read as strictly as upstream reads it; of custom objects everything is kept. @throws ApiError InternalError – it is no object of the kind any more. */
function conformed(changed: Record<string, unknown>, { mutation, definition, context }: Conforming): AnyObject {
  const expected = expectedKind(definition);
  const isPatch = mutation.type === 'patch';
  const { kind, apiVersion } = changed;
  const typed = { ...changed, kind: kind || definition.kind, apiVersion: apiVersion || apiVersionOf(definition) };
  const complaint = isPatch && !expected.custom ? otherKindComplaint(typed, expected) : undefined;
  if (complaint !== undefined) throw internalError(complaint);
  try {
    const validation = isPatch && !expected.custom ? 'Strict' : 'Ignore';
    const from = expected.custom ? 'map' : 'json';
    return context.bodies.conform(typed, expected, { validation, warn: () => undefined, from });
  } catch (error) {
    throw notOfKind(error as Error, expected);
  }
}

/** Why what says it is of another kind or version is not taken. */
function otherKindComplaint(typed: { kind: unknown; apiVersion: unknown }, expected: ExpectedKind): string | undefined {
  const data = { kind: String(typed.kind), apiVersion: String(typed.apiVersion) };
  if (data.kind === expected.kind && data.apiVersion === apiVersionOf(expected)) return undefined;
  return unregisteredKind(data) ?? `failed to convert object: ${unknownConversion(data, expected)}`;
}

async function patched(object: AnyObject, operations: readonly object[]): Promise<unknown> {
  let isTest = false;
  try {
    return await applyInWords(object, operations, (words, cause) => {
      isTest = words.startsWith('testing value ');
      return new MutationError(`JSON Patch: ${words}`, { cause });
    });
  } catch (error) {
    // A test that fails says that the patch is not for this object.
    if (isTest) return object;
    throw error;
  }
}

function merged(object: AnyObject, configuration: Record<string, unknown>, type: MergeType): unknown {
  const { kind = '', apiVersion = '' } = object;
  const patch = { ...configuration, kind, apiVersion };
  const failed = (why: string) => new MutationError(`error applying patch: ${why}`);
  try {
    validateTyped({ value: patch, type });
  } catch (error) {
    if (error instanceof TypedError) throw failed(`failed to convert patch object to typed object: ${error.message}`);
    throw error;
  }
  const atomics = atomicPaths(patch, type, '');
  if (atomics.length > 0)
    throw failed(`invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`);
  try {
    return mergeTyped(object, patch, type);
  } catch (error) {
    if (error instanceof TypedError) throw failed(`failed to merge patch: ${error.message}`);
    throw error;
  }
}

/** Lists and maps that would be replaced as a whole: who sets a part of one means to keep the rest. */
function atomicPaths(value: unknown, type: MergeType | undefined, path: string): string[] {
  if (Array.isArray(value)) {
    if (!type?.list) return [];
    const { atomic, element } = type.list;
    return [...(atomic ? [path] : []), ...value.flatMap((item, i) => atomicPaths(item, element, `${path}[${i}]`))];
  }
  if (typeof value !== 'object' || value === null || !type?.map) return [];
  const { atomic, fields } = type.map;
  return [
    ...(atomic ? [path] : []),
    ...Object.entries(value).flatMap(([name, inner]) => {
      const field = fields.get(name);
      return field ? atomicPaths(inner, field, `${path}.${name}`) : [];
    }),
  ];
}

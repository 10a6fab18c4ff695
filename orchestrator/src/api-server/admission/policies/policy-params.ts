import type { ParamKind, ParamRef } from '@berth/kube';
import { parsedSelector } from '../../parsed-selector.ts';
import type { AnyObject, ResourceDefinition } from '../../resource-definition.ts';
import type { ServerContext } from '../../server-context.ts';

/** A policy or a binding that cannot be used as it is: the policy's failurePolicy says what follows. */
export class PolicyConfigError extends Error {
  readonly of: 'policy' | 'binding';

  constructor(of: 'policy' | 'binding', why: string) {
    super(`failed to configure ${of}: ${why}`);
    this.of = of;
  }
}

/**
 * What a policy is run with, once for each; null: without (policy/generic CollectParams).
 * @throws PolicyConfigError
 */
export async function paramsOf(
  context: ServerContext,
  {
    kind,
    ref,
    namespace,
  }: { readonly kind: ParamKind | undefined; readonly ref: ParamRef | undefined; readonly namespace: string },
): Promise<readonly (AnyObject | null)[]> {
  if (!kind) return [null];
  const definition = definitionOf(context, kind);
  if (!definition)
    throw new PolicyConfigError(
      'policy',
      `failed to find resource referenced by paramKind: '${kind.apiVersion}, Kind=${kind.kind}'`,
    );
  if (!ref) return [null];
  const found = await lookUp(context, definition, { ref, namespace });
  if (found.length === 0 && ref.parameterNotFoundAction === 'Deny')
    throw new PolicyConfigError('binding', 'no params found for policy binding with `Deny` parameterNotFoundAction');
  const { apiVersion = '', kind: name = '' } = kind;
  return found.map((object) => ({ ...object, apiVersion, kind: name }));
}

function definitionOf({ registry }: ServerContext, { apiVersion, kind }: ParamKind): ResourceDefinition | undefined {
  return registry.definitions.find(
    (each) =>
      each.stored && each.kind === kind && (each.group === '' ? '' : `${each.group}/`) + each.version === apiVersion,
  );
}

async function lookUp(
  context: ServerContext,
  definition: ResourceDefinition,
  { ref, namespace }: { readonly ref: ParamRef; readonly namespace: string },
): Promise<readonly AnyObject[]> {
  const { name, selector } = ref;
  let where = '';
  if (definition.namespaced) {
    where = ref.namespace || namespace;
    if (where === '')
      throw new PolicyConfigError(
        'binding',
        'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
      );
  } else if (ref.namespace)
    throw new PolicyConfigError('binding', 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
  const storage = context.storage(definition);
  if (name) {
    const found = await storage.find(where, name);
    return found ? [found.object] : [];
  }
  const wanted = parsedSelector(selector);
  const { objects } = await storage.range({ namespace: where });
  return objects.map(({ object }) => object).filter((object) => wanted.matches(object.metadata.labels));
}

import type { PolicyRule, RbacV1Subject } from '@berth/kube';
import { createOwn } from '../boot/create-own.ts';
import { untilKnown } from '../boot/until-known.ts';
import type { ObjectStorage } from '../object-storage.ts';
import type { AnyObject } from '../resource-definition.ts';
import { semanticEqual } from '../resources/equality.ts';
import type { ServerContext } from '../server-context.ts';
import type { StoredObject } from '../stored-object.ts';
import { missingRules } from './rule-coverage.ts';

const group = 'rbac.authorization.k8s.io';
/** A user who sets it to "false" keeps the object from being mended. */
const autoUpdate = 'rbac.authorization.kubernetes.io/autoupdate';

/**
 * Makes the roles and bindings every cluster begins with, where they are missing, and gives back to those that are there
 * what was taken from them (RBAC's auto-reconciliation).
 */
export async function ensureDefaultRoles(context: ServerContext): Promise<void> {
  // Read at a start only: nothing of it stays in memory.
  const { defaultRoles } = await import('./gen/default-roles.ts');
  await Promise.all(
    Object.entries(defaultRoles).flatMap(([plural, json]) => {
      const objects = JSON.parse(json) as AnyObject[];
      return objects.map((object) => untilKnown(context.clock, () => ensure(context, plural, object)));
    }),
  );
}

async function ensure(context: ServerContext, plural: string, wanted: AnyObject): Promise<void> {
  const definition = context.registry.ofResource(group, plural);
  if (!definition) return;
  const storage = context.storage(definition);
  const { namespace = '', name = '' } = wanted.metadata;
  const current = await storage.find(namespace, name);
  if (current) return mend(storage, current, wanted);
  const object = { apiVersion: `${group}/${definition.version}`, kind: definition.kind, ...wanted } as AnyObject;
  await createOwn(context, { definition, object });
}

/** Another writer at the same moment is right as well: the next start looks again. */
async function mend(storage: ObjectStorage, current: StoredObject, wanted: AnyObject): Promise<void> {
  const { object } = current;
  if (object.metadata.annotations?.[autoUpdate] !== 'true') return;
  const rules = (object['rules'] ?? []) as PolicyRule[];
  const lost = wanted['aggregationRule'] ? [] : missingRules(rules, (wanted['rules'] ?? []) as PolicyRule[]);
  const subjects = (object['subjects'] ?? []) as RbacV1Subject[];
  const gone = ((wanted['subjects'] ?? []) as RbacV1Subject[]).filter(
    (subject) => !subjects.some((one) => semanticEqual(one, subject)),
  );
  if (lost.length === 0 && gone.length === 0) return;
  const next = structuredClone(object) as AnyObject & { rules?: PolicyRule[]; subjects?: RbacV1Subject[] };
  if (lost.length > 0) next.rules = [...rules, ...lost];
  if (gone.length > 0) next.subjects = [...subjects, ...gone];
  await storage.replace(current, next);
}

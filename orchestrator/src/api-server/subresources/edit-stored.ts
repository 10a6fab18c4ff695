import { copyJson } from '@berth/kube';
import { untilUncontended } from '../object-storage.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { notFound } from '../resource-errors.ts';
import type { ServerContext } from '../server-context.ts';
import type { AnswerObject } from '../server-request.ts';

export interface StoredEdit {
  readonly definition: ResourceDefinition;
  readonly namespace: string;
  readonly name: string;
  readonly dryRun: boolean;
  /** Changes a copy of the stored object in place; throws ApiError to refuse. Called again when another writer came first. */
  readonly edit: (object: AnyObject) => void | Promise<void>;
}

/** Changes an object past its kind's update rules, for actions that have rules of their own (a pod's binding). @throws ApiError */
export function editStored(context: ServerContext, request: StoredEdit): Promise<AnswerObject> {
  const { definition, namespace, name, dryRun, edit } = request;
  const storage = context.storage(definition);
  const attempt = async () => {
    const current = await storage.find(namespace, name);
    if (!current) throw notFound(definition, name);
    const next = copyJson(current.object);
    const pending = edit(next);
    if (pending) await pending;
    definition.rules.default?.(next);
    return dryRun ? storage.dryRun(next, current) : storage.replace(current, next);
  };
  return context.writers.run(storage.keyOf(namespace, name), () => untilUncontended(storage, name, attempt));
}

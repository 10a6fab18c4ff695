import { isNotFound } from '@berth/kube';
import { own } from '../admission/asked.ts';
import type { DeleteOptions } from '../delete-options.ts';
import type { ServerContext } from '../server-context.ts';
import { loopback } from '../user.ts';
import { type DeleteRequest, deleteChecked } from '../verbs/delete-object.ts';

/** Deletes what the server itself made, in its own name; nothing where it is gone already. @throws ApiError – Conflict: a precondition fails */
export async function deleteOwn(
  context: ServerContext,
  request: Pick<DeleteRequest, 'definition' | 'namespace' | 'name'> & Partial<Pick<DeleteOptions, 'preconditions'>>,
): Promise<void> {
  const { preconditions = {}, ...place } = request;
  const options = { dryRun: false, gracePeriodSeconds: undefined, propagationPolicy: undefined, preconditions };
  try {
    await deleteChecked(context, { ...place, options, user: loopback, asked: own });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

import { isAlreadyExists } from '@berth/kube';
import { own } from '../admission/asked.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import { loopback } from '../user.ts';
import { createChecked } from '../verbs/create-object.ts';

/** Creates what the server itself needs. @returns false where another server of the same store was faster. */
export async function createOwn(
  context: ServerContext,
  definition: ResourceDefinition,
  object: AnyObject,
): Promise<boolean> {
  try {
    await createChecked(context, {
      definition,
      object,
      user: loopback,
      dryRun: false,
      warn: () => undefined,
      asked: own,
    });
    return true;
  } catch (error) {
    if (isAlreadyExists(error)) return false;
    throw error;
  }
}

import { isAlreadyExists } from '@berth/kube';
import { own } from '../admission/asked.ts';
import type { ServerContext } from '../server-context.ts';
import { loopback } from '../user.ts';
import { type CreateRequest, createChecked } from '../verbs/create-object.ts';

/**
 * Creates what the server itself needs, signed by `manager` or else as its own.
 * @returns false where another server of the same store was faster.
 */
export async function createOwn(
  context: ServerContext,
  request: Pick<CreateRequest, 'definition' | 'object' | 'manager'>,
): Promise<boolean> {
  try {
    await createChecked(context, {
      ...request,
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

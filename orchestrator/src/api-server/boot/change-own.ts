import { own } from '../admission/asked.ts';
import type { ServerContext } from '../server-context.ts';
import { loopback } from '../user.ts';
import { type ChangeRequest, changeObject } from '../verbs/change-object.ts';

/** Changes what the server itself needs, in its own name. @throws ApiError */
export async function changeOwn(
  context: ServerContext,
  request: Pick<
    ChangeRequest,
    'definition' | 'namespace' | 'name' | 'subresource' | 'endpoint' | 'change' | 'manager' | 'tracked'
  >,
): Promise<void> {
  const by = { own: true, user: loopback, dryRun: false, warn: () => undefined, asked: own } as const;
  await changeObject(context, { ...request, ...by });
}

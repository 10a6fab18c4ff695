import { applyJsonPatch, copyJson, isRecord, jsonPatchSteps, parseJson } from '@berth/kube';
import { breathe } from '../../decoding/large-bodies.ts';
import { CallError } from '../call-error.ts';
import { internalError } from './invocation.ts';

/** The operations of a webhook's patch. @throws CallError – it is none. */
export function decodePatch(base64: string): readonly unknown[] {
  const undecodable = (why: string) => new CallError(`received undecodable patch in webhook response: ${why}`);
  let patch: unknown;
  try {
    patch = parseJson(Buffer.from(base64, 'base64').toString());
  } catch (error) {
    throw undecodable((error as Error).message);
  }
  if (patch === null) return [];
  if (Array.isArray(patch)) return patch;
  throw undecodable('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
}

/** @throws ApiError InternalError – an operation does not apply. */
export function applyHookPatch(object: unknown, patch: readonly unknown[]): Promise<unknown> {
  return applyInWords(object, patch, internalError);
}

/** Whether what comes of it may take long to work on. */
export function isLargePatch(patch: readonly unknown[]): boolean {
  return patch.length > 1000;
}

interface Operation {
  readonly op?: unknown;
  readonly path?: unknown;
  readonly from?: unknown;
}

/** In turns, as a patch that is no client's has any number of operations. @throws what `refuse` makes of which operation does not apply and why, in the words of upstream's patch library. */
export async function applyInWords(
  object: unknown,
  patch: readonly unknown[],
  refuse: (words: string, cause: unknown) => Error,
): Promise<unknown> {
  let failed: { readonly operation: Operation; readonly state: unknown } | undefined;
  try {
    const steps = jsonPatchSteps(object, patch, (operation, state) => {
      failed = { operation: isRecord(operation) ? operation : {}, state };
    });
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done) return step.value;
      await breathe();
    }
  } catch (error) {
    const { message } = error as Error;
    throw refuse(failed ? operationWords(failed.state, failed.operation, error as Error) : message, error);
  }
}

function operationWords(state: unknown, { op, path, from }: Operation, error: Error): string {
  const pointer = typeof path === 'string' ? path : '';
  const slash = pointer.lastIndexOf('/');
  const key = pointer.slice(slash + 1);
  const parent = slash < 0 ? undefined : valueAt(state, pointer.slice(0, slash));
  const hasParent = typeof parent === 'object' && parent !== null;
  switch (op) {
    case 'add':
      if (!hasParent)
        return `add operation does not apply: doc is missing path: ${JSON.stringify(pointer)}: missing value`;
      break;
    case 'remove':
      if (Array.isArray(parent) && /^\d+$/.test(key))
        return `error in remove for path: '${pointer}': Unable to access invalid index: ${key}: invalid index referenced`;
      return hasParent
        ? `error in remove for path: '${pointer}': Unable to remove nonexistent key: ${key}: missing value`
        : `remove operation does not apply: doc is missing path: ${JSON.stringify(pointer)}: missing value`;
    case 'replace':
      if (pointer === '') return 'replace operation value must be object or array: %!w(<nil>)';
      return hasParent
        ? `replace operation does not apply: doc is missing key: ${pointer}: missing value`
        : `replace operation does not apply: doc is missing path: ${pointer}: missing value`;
    case 'move':
    case 'copy':
      if (typeof from !== 'string')
        return `${op} operation failed to decode from: operation, missing from field: missing value`;
      break;
    case 'test':
      return `testing value ${pointer} failed: test failed`;
    default:
  }
  const { cause } = error;
  return cause instanceof Error ? cause.message : error.message;
}

/** Undefined where there is nothing. */
function valueAt(state: unknown, pointer: string): unknown {
  try {
    const held = applyJsonPatch({ state: copyJson(state) }, [{ op: 'copy', from: `/state${pointer}`, path: '/found' }]);
    return (held as { readonly found?: unknown }).found;
  } catch {
    return undefined;
  }
}

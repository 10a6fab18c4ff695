import { ApiError, leftOfStrategicMerge, maxDepth, nestsDeeper, schemas } from '@berth/kube';
import { managerOf } from '../apply/manager-name.ts';
import { applyPatch } from '../apply-patch.ts';
import { heavyWork } from '../aside/heavy-work.ts';
import { expectedKind } from '../body-decoder.ts';
import { ensureName, ensureNamespace } from '../object-rules.ts';
import { tooDeep } from '../object-storage.ts';
import { ensurePatch, type ParsedPatch, patchOf, patchTypeOf } from '../patch-body.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { writeOptionsOf } from '../write-options.ts';
import { changeObject } from './change-object.ts';
import { conformPatched } from './conform-patched.ts';
import { requestedChange } from './requested-change.ts';
import { inGoOrder } from './shown-patch.ts';

/** PATCH of the object itself or of one of its subresources that have its own kind. */
export async function patchObject(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  const { definition, namespace, name } = route;
  patchTypeOf(request, definition);
  const options = writeOptionsOf(request.query, 'PatchOptions');
  const sent = await patchOf(request, options.fieldValidation, definition);
  const isPatch = !(sent instanceof ApiError);
  if (context.aside && isPatch && doubles(sent)) throw heavyWork;
  let [isUnfit, isShown] = [false, false];
  const change = (current: AnyObject): AnyObject => {
    const patch = ensurePatch(sent);
    const patching = {
      expected: expectedKind(definition),
      patch: isShown ? leftOf(patch, current, definition.schema) : patch,
      validation: options.fieldValidation,
      warn: request.warn,
    };
    const patched = applyPatch(patch, isShown ? inGoOrder(current, definition.schema) : current, definition.schema);
    // Of what is deep enough to become so a thread makes more.
    if (!context.aside && nestsDeeper(patched, maxDepth)) throw tooDeep();
    isUnfit = true;
    const next = conformPatched(context.bodies, patched, patching);
    isUnfit = false;
    ensureNamespace(next, definition.namespaced, namespace);
    ensureName(next, name);
    return next;
  };
  const manager = managerOf(options.fieldManager, request.userAgent);
  const changed = (readsFields: boolean) =>
    changeObject(context, { ...requestedChange(route, request, options), manager, readsFields, change });
  const readsFields = isPatch && mentionsFields(sent);
  const object = await changed(readsFields).catch((error: unknown) => {
    if (!isUnfit) throw error;
    // Who is told that the result is no object is shown all of it, as Go marshals it.
    isShown = true;
    return changed(true);
  });
  return { type: 'object', status: 200, object, definition };
}

/** As it is shown. */
function leftOf(sent: ParsedPatch, current: AnyObject, schema: string): ParsedPatch {
  const known = schemas.find(schema);
  if (sent.type !== 'strategic' || !known) return sent;
  return { ...sent, patch: leftOfStrategicMerge(current, sent.patch, known) };
}

/** Copies of copies make much of little. */
function doubles({ type, patch }: ParsedPatch): boolean {
  if (type !== 'json') return false;
  const operations = patch as readonly { readonly op?: unknown }[];
  return operations.filter((each) => each?.op === 'copy').length > 1;
}

/** Whether the patch's result may depend on metadata.managedFields. */
function mentionsFields({ type, patch }: ParsedPatch): boolean {
  if (type !== 'json') {
    const metadata = patch['metadata'];
    return typeof metadata === 'object' && metadata !== null && 'managedFields' in metadata;
  }
  const isAbout = (pointer: unknown) =>
    typeof pointer !== 'string' || /^(\/metadata(\/managedFields(\/.*)?)?)?$/s.test(pointer);
  const operations = patch as readonly { readonly path?: unknown; readonly from?: unknown }[];
  return operations.some((each) => isAbout(each?.path) || (each?.from !== undefined && isAbout(each.from)));
}

import { groupVersionOf } from '@berth/kube';
import type { AdmissionRequest } from '../../admission/admission.ts';
import { makeUpName } from '../../admission/made-up-name.ts';
import { Reinvocation } from '../../admission/reinvocation.ts';
import { type ExpectedKind, expectedKind } from '../../body-decoder.ts';
import { breathe, isLarge, markLarge } from '../../decoding/large-bodies.ts';
import { notAnObject, notRegistered } from '../../decoding/type-meta.ts';
import type { AnyObject, ResourceDefinition } from '../../resource-definition.ts';
import { semanticEqual } from '../../resources/equality.ts';
import type { ServerContext } from '../../server-context.ts';
import { CallError } from '../call-error.ts';
import { callHook, type HookParts, reviewedObjects, settleFailure } from './call-hook.ts';
import { inVersion, replaceFields } from './equivalent-objects.ts';
import type { Hook } from './hook.ts';
import { applyHookPatch, decodePatch, isLargePatch } from './hook-patch.ts';
import { type Invocation, internalError, invocationOf, notOfKind } from './invocation.ts';
import { conditionsMatch } from './match-conditions.ts';
import { observedCall } from './observed-call.ts';

/** Which webhooks are called once more when something changed after them. */
class Rounds {
  readonly #called = new Set<string>();
  readonly #again = new Set<string>();
  /** The object as the webhooks left it. */
  output: AnyObject | undefined;

  called({ uid, webhook }: Hook): void {
    if (webhook.reinvocationPolicy === 'IfNeeded') this.#called.add(uid);
  }

  changed(): void {
    for (const uid of this.#called) this.#again.add(uid);
    this.#called.clear();
  }

  calls({ uid }: Hook): boolean {
    return this.#again.has(uid);
  }
}

/** One after the other, each sees what those before it changed. @throws ApiError – see callHook and settleFailure. */
export async function mutate(hooks: readonly Hook[], request: AdmissionRequest, parts: HookParts): Promise<void> {
  const reinvocation = request.reinvocation ?? new Reinvocation();
  const rounds = roundsOf(reinvocation);
  if (reinvocation.again && !semanticEqual(rounds.output, request.object)) rounds.changed();
  for (const [index, hook] of hooks.entries()) {
    const invocation = await invocationOf(hook, parts.context, request);
    if (!invocation || !(await conditionsMatch(invocation, request, parts))) continue;
    // What did not match in the first round is not called for the first time in the second.
    if (reinvocation.again && !rounds.calls(hook)) continue;
    const place = `round_${reinvocation.again ? 1 : 0}_index_${index}`;
    const changed = await callMutating(invocation, request, { ...parts, place });
    if (changed) {
      rounds.changed();
      reinvocation.want();
    }
    rounds.called(hook);
  }
  if (isLarge(request.object)) await breathe();
  rounds.output = structuredClone(request.object);
}

function roundsOf({ kept }: Reinvocation): Rounds {
  const known = (kept.get('MutatingAdmissionWebhook') as Rounds | undefined) ?? new Rounds();
  kept.set('MutatingAdmissionWebhook', known);
  return known;
}

type Placed = HookParts & { readonly place: string };

/** @returns whether the object is another one now. */
async function callMutating(invocation: Invocation, request: AdmissionRequest, parts: Placed): Promise<boolean> {
  const { place, context, metrics } = parts;
  const { configuration, webhook } = invocation.hook;
  let mutated = false;
  try {
    mutated = await observedCall({ invocation, request, type: 'admit', context, metrics }, () =>
      callAndApply(invocation, request, parts),
    );
  } catch (error) {
    settleFailure(error, invocation, { request, log: context.log });
    request.audit?.annotate(`failed-open.mutation.webhook.admission.k8s.io/${place}`, webhook.name);
  } finally {
    const note = { configuration, webhook: webhook.name, mutated };
    request.audit?.annotate(`mutation.webhook.admission.k8s.io/${place}`, JSON.stringify(note));
  }
  return mutated;
}

async function callAndApply(invocation: Invocation, request: AdmissionRequest, parts: Placed): Promise<boolean> {
  const { definition, hook } = invocation;
  const objects = await reviewedObjects(invocation, request);
  const { patch: encoded, patchType } = await callHook(invocation, request, { ...parts, objects, mutating: true });
  if (encoded === undefined) return false;
  const patch = decodePatch(encoded);
  if (patch.length === 0) return false;
  const { name } = hook.webhook;
  if (!objects.object)
    throw internalError(
      `admission webhook ${JSON.stringify(name)} attempted to modify the object, which is not supported for this operation`,
    );
  if (patchType !== 'JSONPatch')
    throw new CallError(`unsupported patch type ${JSON.stringify(patchType)}`, { status: 400 });
  const shown = objects.object;
  if (isLargePatch(patch)) markLarge(request.object);
  const applied = await applyHookPatch(shown, patch);
  if (isLarge(request.object)) await breathe();
  const patched = conformed(applied, shown, { definition, context: parts.context });
  if (isLarge(request.object)) await breathe();
  const note = { configuration: hook.configuration, webhook: name, patch, patchType };
  // It may have in it what is secret: it is written down only where what was sent is (AddAnnotationWithLevel, LevelRequest).
  if (request.audit?.bodies.sent)
    request.audit.annotate(`patch.webhook.admission.k8s.io/${parts.place}`, JSON.stringify(note));
  const changed = !semanticEqual(objects.object, patched);
  if (isLarge(request.object)) await breathe();
  if (shown.kind === definition.kind) definition.rules.default?.(patched);
  makeUpName(patched, request, parts.context.rng);
  replaceFields(request.object, await inVersion(patched, definition, request.definition));
  return changed;
}

interface Conforming {
  readonly definition: ResourceDefinition;
  readonly context: ServerContext;
}

/** The known fields of what a patch made of `shown`. @throws ApiError InternalError – it is no object of the kind any more. */
function conformed(value: unknown, shown: AnyObject, { definition, context }: Conforming): AnyObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw internalError(notAnObject(value));
  const { kind, apiVersion } = value as { kind?: unknown; apiVersion?: unknown };
  if (kind !== shown.kind || apiVersion !== shown.apiVersion)
    throw internalError(notRegistered(String(kind ?? ''), String(apiVersion ?? '')));
  const expected = shown.kind === definition.kind ? expectedKind(definition) : actionKind(shown);
  // Of custom objects everything is kept until they are stored.
  const from = expected.custom ? 'map' : 'json';
  const strictness = { validation: 'Ignore', warn: () => undefined, from } as const;
  try {
    return context.bodies.conform(value as Record<string, unknown>, expected, strictness);
  } catch (error) {
    throw notOfKind(error as Error, expected);
  }
}

/** What subresources take has kinds of its own: an Eviction, a Binding, a Scale. */
function actionKind({ kind = '', apiVersion = '' }: AnyObject): ExpectedKind {
  const { group, version } = groupVersionOf(apiVersion);
  const schema = `io.k8s.api.${group.split('.')[0] || 'core'}.${version}.${kind}`;
  return { group, version, kind, schema };
}

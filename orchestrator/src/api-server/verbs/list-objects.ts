import { ApiError, apiError } from '@berth/kube';
import { StoreError } from '../../store/store-error.ts';
import { heavyWork, isHeavy, someHeavy } from '../aside/heavy-work.ts';
import { decodeContinue, encodeContinue, expiredContinue } from '../continue-token.ts';
import { smallSteps } from '../decoding/turns.ts';
import { type ListOptions, listOptionsOf } from '../list-options.ts';
import type { ObjectStorage } from '../object-storage.ts';
import { revisionOf } from '../query-values.ts';
import { negotiate, plainJson } from '../representation/negotiate.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import { type Selection, selectingCost, selectionOf, selects } from '../selection.ts';
import type { ServerContext } from '../server-context.ts';
import type { ListAnswer, ServerRequest } from '../server-request.ts';
import type { StoredObject } from '../stored-object.ts';

export async function listObjects(
  context: ServerContext,
  { definition, namespace, name }: ResourceRoute,
  request: ServerRequest,
): Promise<ListAnswer> {
  const options = listOptionsOf(request.query, 'list');
  const selection = selectionOf(definition, options);
  const storage = context.storage(definition);
  const start = startOf(storage, namespace, options);
  // Whatever is known is told whole (computeListLimit), the rest of it too, but of what upstream has no watch cache of: events.
  const limit = options.resourceVersion === '0' && definition.rules.ttlSeconds === undefined ? 0 : options.limit;
  try {
    const isLeft = context.aside && !request.asValues;
    const page = await readPage(storage, { namespace, selection, limit, isLeft, ...start }, request.signal);
    storage.noteGiven(start, page.objects.length);
    const mayBeHeavy = context.aside && isMade(definition, request);
    if (mayBeHeavy && (await someHeavy(page.objects, definition, request.signal))) throw heavyWork;
    return { type: 'list', definition, ...answerOf(storage, namespace, page) };
  } catch (error) {
    if (options.continue !== '' && isExpired(error) && name === '')
      throw expiredContinue(decodeContinue(options.continue).after);
    throw error;
  }
}

/** What is stored has to be read, and written anew, for the answer. */
export function isMade({ custom, storedAs }: ResourceDefinition, { accept, asValues }: ServerRequest): boolean {
  return !asValues && (custom !== undefined || storedAs !== undefined || negotiate(accept) !== plainJson);
}

interface Start {
  readonly revision?: number;
  readonly notOlderThan?: number;
  readonly after?: string;
}

/** Which revision is to be read, from where (API conventions, "Resource versions": the table of resourceVersionMatch). */
function startOf(storage: ObjectStorage, namespace: string, options: ListOptions): Start {
  const { limit, resourceVersion, resourceVersionMatch: match } = options;
  if (options.continue !== '') {
    const { revision, after } = decodeContinue(options.continue);
    if (resourceVersion !== '' && resourceVersion !== '0')
      throw apiError('BadRequest', 'specifying resource version is not allowed when using continue');
    const key = storage.prefixOf(namespace) + after;
    return revision < 0 ? { after: key } : { revision, after: key };
  }
  const revision = listedRevision(resourceVersion);
  if (revision === undefined) return {};
  const exact = match === 'Exact' || (match === '' && limit > 0 && revision > 0);
  return exact ? { revision } : { notOlderThan: revision };
}

/** @throws ApiError BadRequest */
function listedRevision(text: string): number | undefined {
  try {
    return revisionOf(text);
  } catch (error) {
    throw apiError('BadRequest', `invalid resource version: ${(error as ApiError).message}`);
  }
}

interface PageRequest extends Start {
  readonly namespace: string;
  readonly selection: Selection;
  readonly limit: number;
  /** What takes long to be looked at is not: {@link heavyWork} is thrown. */
  readonly isLeft: boolean;
}

interface Page {
  readonly revision: number;
  readonly objects: readonly StoredObject[];
  /** Absent where nothing is left. */
  readonly last?: StoredObject;
  readonly remaining?: number;
}

async function readPage(storage: ObjectStorage, request: PageRequest, signal: AbortSignal): Promise<Page> {
  const { selection, limit, isLeft, ...range } = request;
  if (selection.all) {
    const { objects, remaining, revision } = await storage.range({ ...range, ...(limit > 0 ? { limit } : {}) });
    const last = objects.at(-1);
    return { revision, objects, ...(remaining > 0 && last ? { last, remaining } : {}) };
  }
  const { objects: candidates, revision } = await storage.range({ ...range, name: selection.name });
  const objects: StoredObject[] = [];
  const steps = smallSteps();
  for (const [i, candidate] of candidates.entries()) {
    const pause = steps.goOn(selectingCost(selection, candidate));
    if (pause) await pause;
    signal.throwIfAborted();
    if (isLeft && !selection.isOfMetadata && isHeavy(candidate.kv, storage.definition)) throw heavyWork;
    if (!selects(selection, candidate)) continue;
    objects.push(candidate);
    if (limit > 0 && objects.length === limit && i + 1 < candidates.length)
      return { revision, objects, last: candidate };
  }
  return { revision, objects };
}

function answerOf(storage: ObjectStorage, namespace: string, page: Page): Pick<ListAnswer, 'items' | 'metadata'> {
  const { revision, objects, last, remaining } = page;
  const metadata = { resourceVersion: String(revision) };
  if (!last) return { items: objects, metadata };
  const after = last.kv.key.slice(storage.prefixOf(namespace).length);
  const token = encodeContinue({ revision, after });
  const left = remaining === undefined ? {} : { remainingItemCount: remaining };
  return { items: objects, metadata: { ...metadata, continue: token, ...left } };
}

function isExpired(error: unknown): boolean {
  return (
    (error instanceof ApiError && error.code === 'Expired') ||
    (error instanceof StoreError && error.code === 'Compacted')
  );
}

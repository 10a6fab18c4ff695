import type { AnyObject } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';
import type { ServerRequest } from '../server-request.ts';
import { type WriteOptions, writeOptionsOf } from '../write-options.ts';
import { type ApplyRequest, applyObject } from './apply-object.ts';
import { type ReadConfig, readConfig, reportDuplicates } from './read-config.ts';

/** An apply configuration as it was sent, and how it is to be applied. */
export interface SentConfig {
  readonly request: ServerRequest;
  readonly options: WriteOptions;
  readonly read: ReadConfig;
}

/** @throws ApiError BadRequest – an option that applying does not take, a body that is none. */
export async function sentConfig(request: ServerRequest): Promise<SentConfig> {
  const options = writeOptionsOf(request.query, 'PatchOptions', 'apply');
  return { request, options, read: await readConfig(request) };
}

/** What becomes of an object by it. @throws ApiError Conflict; BadRequest – duplicates, where they are not only warned of */
export function applySent(
  context: ServerContext,
  { request, options, read }: SentConfig,
  at: Pick<ApplyRequest, 'scope' | 'live' | 'decode'>,
): AnyObject {
  const object = applyObject({
    ...at,
    config: read.config,
    manager: options.fieldManager,
    force: options.force === true,
    now: context.clock.now(),
  });
  reportDuplicates(read, options.fieldValidation, request.warn);
  return object;
}
